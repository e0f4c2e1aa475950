"""JUnit and SARIF: the same findings, in the forms of other tools."""

import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings

from gate.model.basics import Status
from gate.model.document import Evidence
from gate.render import exchange
from tests.unit.render import parts, samples
from tests.unit.render.hostile import everywhere, hostile_text


def suite(evidence: Evidence) -> ET.Element:
    return ET.fromstring(exchange.junit(evidence))  # noqa: S314  # our own text


@pytest.mark.parametrize("name", samples.ALL)
def test_each_finding_is_a_test_case_and_each_that_is_no_pass_a_result(name: str) -> None:
    evidence = samples.ALL[name]()
    root = suite(evidence)
    assert len(root.findall("testcase")) == int(root.attrib["tests"]) == len(evidence.findings)
    counts = {status: sum(row.status is status for row in evidence.findings) for status in Status}
    assert len(root.findall("testcase/failure")) == int(root.attrib["failures"]) == counts[Status.FAIL]
    assert len(root.findall("testcase/error")) == int(root.attrib["errors"]) == counts[Status.INCONCLUSIVE]
    assert len(root.findall("testcase/skipped")) == int(root.attrib["skipped"]) == counts[Status.NOT_APPLICABLE]
    (run,) = json.loads(exchange.sarif(evidence))["runs"]
    levels = [result["level"] for result in run["results"]]
    assert (levels.count("error"), levels.count("warning")) == (counts[Status.FAIL], counts[Status.INCONCLUSIVE])


def test_results_name_their_rules_their_place_and_what_to_do() -> None:
    evidence = samples.quarantined()
    doubt = replace(
        parts.finding("push-failed", Status.INCONCLUSIVE, "profile", "exit 1", "Run the probe again."),
        because="push-path-failed",
        evidence=("/push/attempts/0",),
    )
    product = replace(evidence, findings=(*evidence.findings, doubt))
    (run,) = json.loads(exchange.sarif(product))["runs"]
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    last = run["results"][-1]
    assert last["message"]["text"] == "profile (post): exit 1 Follows from push-path-failed."
    assert last["locations"][0]["logicalLocations"] == [{"fullyQualifiedName": "/push/attempts/0"}]
    assert "Do: Do not push again" in exchange.junit(product)
    assert "Run the probe again." not in exchange.junit(product)


def test_a_code_of_another_gate_is_its_own_rule() -> None:
    row = parts.finding("x-y", Status.FAIL, "s", "s", "")
    (run,) = json.loads(exchange.sarif(replace(samples.passed(), findings=(row,))))["runs"]
    assert run["tool"]["driver"]["rules"][0]["shortDescription"]["text"] == "x-y"


@given(foreign=hostile_text)
@settings(deadline=None, max_examples=20)
def test_foreign_text_stays_text(foreign: str) -> None:
    evidence = everywhere(samples.quarantined(), foreign)
    harmless = everywhere(samples.quarantined(), "x")
    assert [each.tag for each in suite(evidence).iter()] == [each.tag for each in suite(harmless).iter()]
    assert len(json.loads(exchange.sarif(evidence))["runs"][0]["results"]) == len(
        json.loads(exchange.sarif(harmless))["runs"][0]["results"]
    )
