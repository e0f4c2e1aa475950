"""The findings in the two forms that other tools read: JUnit's XML and SARIF 2.1.0.

Both are the same view as the page: each finding with its status, what was observed and what to do.
"""

import json
from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree as ET

from gate.judge.codes.registry import BY_CODE
from gate.model.basics import Status
from gate.model.document import Evidence, Finding
from gate.render import view
from gate.render.escape import plain
from gate.render.view import SENTENCE_CHARS

_LEVELS: Final = {Status.FAIL: "error", Status.INCONCLUSIVE: "warning"}
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def junit(evidence: Evidence) -> str:
    """A test suite with a test case for each finding, in the form that Jenkins, GitLab and others read.

    What fails is a failure; what is inconclusive is an error, since a pass was not shown; what does not apply is
    skipped. https://github.com/testmoapp/junitxml
    """
    rows = evidence.findings
    suite = ET.Element(
        "testsuite",
        name=_text(f"{evidence.policy.profile} on {evidence.subject.cache}"),
        timestamp=_text(evidence.started_at),
        tests=str(len(rows)),
        failures=str(sum(row.status is Status.FAIL for row in rows)),
        errors=str(sum(row.status is Status.INCONCLUSIVE for row in rows)),
        skipped=str(sum(row.status is Status.NOT_APPLICABLE for row in rows)),
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in (("verdict", evidence.verdict.word.value), ("headline", evidence.verdict.headline)):
        ET.SubElement(properties, "property", name=name, value=_text(value))
    for row in rows:
        case = ET.SubElement(suite, "testcase", classname=_text(row.code), name=_text(f"{row.subject} ({row.phase})"))
        if row.status is Status.NOT_APPLICABLE:
            ET.SubElement(case, "skipped", message=_text(row.summary))
        elif row.status is not Status.PASS:
            tag = "failure" if row.status is Status.FAIL else "error"
            body = ET.SubElement(case, tag, type=_text(row.code), message=_text(row.summary))
            body.text = _text(" ".join(_advice(evidence, row))) or None
    ET.indent(suite)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(suite, encoding="unicode")}\n'


def sarif(evidence: Evidence) -> str:
    """One run of SARIF 2.1.0 (OASIS): a rule for each code, a result for each finding that is no pass.

    The place of a result is its pointer into evidence.json, since a finding is of a cache and of no source file.
    """
    rows = [row for row in evidence.findings if row.status in (Status.FAIL, Status.INCONCLUSIVE)]
    codes = sorted({row.code for row in rows})
    document = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": evidence.run.tool,
                        "version": evidence.run.tool_version,
                        "rules": [
                            {"id": code, "shortDescription": {"text": _text(_why(code))}, "help": {"text": _help(code)}}
                            for code in codes
                        ],
                    }
                },
                "results": [_result(evidence, row, codes) for row in rows],
                "properties": {"verdict": evidence.verdict.word.value, "headline": _text(evidence.verdict.headline)},
            }
        ],
    }
    return json.dumps(document, indent=2, sort_keys=True).replace("##[", "\\u0023#[") + "\n"


def _result(evidence: Evidence, row: Finding, codes: list[str]) -> dict[str, object]:
    message = " ".join([f"{row.subject} ({row.phase}): {row.summary}", *_advice(evidence, row)])
    return {
        "ruleId": row.code,
        "ruleIndex": codes.index(row.code),
        "level": _LEVELS[row.status],
        "message": {"text": _text(message)},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": "evidence.json"}},
                "logicalLocations": [{"fullyQualifiedName": _text(pointer)} for pointer in row.evidence],
            }
        ],
    }


def _advice(evidence: Evidence, row: Finding) -> Iterator[str]:
    if row.because:
        yield f"Follows from {row.because}."
    group = view.Group(
        code=row.code, status=row.status, remedy=row.remedy, because=row.because, common="", findings=(row,)
    )
    if view.advises(evidence, group):
        yield f"Do: {row.remedy}"


def _why(code: str) -> str:
    return BY_CODE[code].why if code in BY_CODE else code


def _help(code: str) -> str:
    return BY_CODE[code].remedy if code in BY_CODE else "a code of another version of the gate"


def _text(text: str) -> str:
    return plain(text, SENTENCE_CHARS)
