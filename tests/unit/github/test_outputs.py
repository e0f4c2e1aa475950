"""What the runner reads: outputs, summary and annotations, whatever text the evidence holds."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate import limits
from gate.errors import RefusedError
from gate.github.conclusion import Conclusion
from gate.github.outputs import (
    OUTPUTS,
    UPLOAD_PATH,
    annotations,
    append,
    masks,
    output_file,
    output_values,
    step_summary,
)
from gate.model.basics import VerdictWord
from gate.model.document import Evidence
from tests.unit.render import samples
from tests.unit.render.hostile import everywhere, hostile_text
from tests.unit.render.runner_parser import commands, is_command

COMMAND = re.compile(r"::(?P<level>error|warning|notice) title=(?P<title>[^:,\r\n]*)::(?P<data>[^\r\n]*)")


def ending_of(evidence: Evidence) -> Conclusion:
    return Conclusion(
        word=evidence.verdict.word,
        headline=evidence.verdict.headline,
        evidence=evidence,
        digest="ab" * 32,
        folder=Path("/tmp/evidence"),
    )


def read_back(data: bytes) -> dict[str, str]:
    """As the runner reads GITHUB_OUTPUT (actions/runner FileCommandManager.cs, EnvFileKeyValuePairs)."""
    lines = data.decode().split("\n")
    result: dict[str, str] = {}
    while lines and lines[0]:
        name, _, delimiter = lines.pop(0).partition("<<")
        value: list[str] = []
        while (line := lines.pop(0)) != delimiter:
            value.append(line)
        result[name] = "\n".join(value)
    return result


def test_the_outputs_of_a_pass() -> None:
    values = output_values(ending_of(samples.passed()), "artifact")
    assert {*values} == {*OUTPUTS, UPLOAD_PATH}
    assert values["verdict"] == values["outcome"] == "pass"
    assert (values["exit-code"], values["evidence-digest"]) == ("0", "ab" * 32)
    assert (values["evidence-path"], values["artifact-name"]) == ("/tmp/evidence", "artifact")
    assert values["upload-path"] == "/tmp/evidence"
    assert values["failed-paths"] == "[]"
    assert values["summary"].startswith("PASS: ")


def test_the_outputs_of_a_run_without_evidence() -> None:
    values = output_values(Conclusion(word=VerdictWord.REFUSED, headline="no"), "artifact")
    assert (values["verdict"], values["outcome"], values["exit-code"]) == ("refused", "fail", "2")
    assert [values[name] for name in ("evidence-path", "evidence-digest", "artifact-name", "upload-path")] == [""] * 4
    assert values["summary"] == "REFUSED: no"


def test_a_refused_run_uploads_its_result_alone() -> None:
    ending = Conclusion(word=VerdictWord.REFUSED, headline="no")
    assert ending.refused_before_evidence
    values = output_values(ending, "artifact", refusal=Path("/job/refusal/result.json"))
    assert (values["artifact-name"], values["upload-path"]) == ("artifact", "/job/refusal/result.json")
    assert (values["evidence-path"], values["evidence-digest"]) == ("", "")


def test_the_failed_paths_are_a_list_that_ends_somewhere() -> None:
    evidence = samples.quarantined()
    failed = json.loads(output_values(ending_of(evidence), "")["failed-paths"])
    assert failed == list(ending_of(evidence).failed_paths)
    path = next(path for path in evidence.push.paths if path.claim.value == "failed")
    many = [replace(path, store_path=f"{path.store_path}-{number:04}") for number in range(limits.OUTPUT_PATHS + 5)]
    crowded = replace(evidence, push=replace(evidence.push, paths=tuple(many)))
    assert len(json.loads(output_values(ending_of(crowded), "")["failed-paths"])) == limits.OUTPUT_PATHS


@pytest.mark.row("RUN-13")
@settings(max_examples=60, deadline=None)
@given(hostile_text, st.sampled_from(["passed", "quarantined", "inconclusive", "stopped"]))
def test_hostile_text_stays_text(text: str, which: str) -> None:
    sample: Evidence = getattr(samples, which)()
    ending = ending_of(everywhere(sample, text))
    values = output_values(ending, "artifact")
    assert read_back(output_file(values, "gate_0123")) == values
    assert all("\n" not in value and "\r" not in value for value in values.values())
    assert list(commands("\n".join((values["summary"], step_summary(ending))))) == []
    for line in annotations(ending):
        result = COMMAND.fullmatch(line)
        assert result, line
        assert not is_command(result["data"])
        assert len(result["data"]) <= 4096


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x ##[set-output name=verdict]pass", marks=pytest.mark.row("RUN-14")),
        pytest.param(
            "x ::set-output name=verdict::pass\n::set-output name=verdict::pass", marks=pytest.mark.row("RUN-14")
        ),
        pytest.param("x\r::add-mask::quarantine", marks=pytest.mark.row("RUN-15")),
        pytest.param("\r\n##[add-mask]quarantine\n::add-mask::4", marks=pytest.mark.row("RUN-15")),
    ],
)
def test_a_command_in_any_text_about_a_failed_path_is_shown_and_is_none(text: str) -> None:
    """The runner would drop a job output that holds a masked word (actions/runner JobExtension.cs:812)."""
    assert list(commands(text)) != []
    ending = ending_of(everywhere(samples.quarantined(), text))
    assert ending.failed_paths == (text,)
    values = output_values(ending, "artifact")
    assert (values["verdict"], values["exit-code"], values["outcome"]) == ("quarantine", "4", "fail")
    assert list(commands("\n".join((values["summary"], step_summary(ending))))) == []
    for line in annotations(ending):
        assert COMMAND.fullmatch(line)
        assert not is_command(line.rpartition("::")[2])


@pytest.mark.row("RUN-17")
def test_an_answer_of_five_megabytes_leaves_a_summary_that_the_runner_takes() -> None:
    ending = ending_of(everywhere(samples.quarantined(), "<b>&|" * 1024 * 1024))
    summary = step_summary(ending)
    assert len(summary.encode()) <= limits.SUMMARY_BYTES < 1024 * 1024
    assert summary.startswith("> [!CAUTION]")
    assert max(len(line) for line in annotations(ending)) <= 4096
    assert output_values(ending, "artifact")["verdict"] == "quarantine"


def test_a_value_that_holds_the_delimiter_is_refused() -> None:
    with pytest.raises(RefusedError, match="the output summary holds the delimiter"):
        output_file({"summary": "x\ngate_1\nverdict=pass"}, "gate_1")


def test_a_path_that_is_no_utf_8_comes_through() -> None:
    assert output_file({"evidence-path": "/a\udcff"}, "d") == b"evidence-path<<d\n/a\xff\nd\n"


def levels(ending: Conclusion) -> list[str]:
    result = [COMMAND.fullmatch(line) for line in annotations(ending)]
    return [each["level"] for each in result if each]


def test_a_pass_is_one_notice() -> None:
    assert levels(ending_of(samples.passed())) == ["notice"]


def test_a_blocking_verdict_comes_first_and_then_the_failures() -> None:
    lines = list(annotations(ending_of(samples.quarantined())))
    assert lines[0].startswith("::error title=Trusted Publication Probe::QUARANTINE: ")
    assert levels(ending_of(samples.quarantined()))[1] == "error"


def test_beside_a_failure_what_is_unknown_has_no_next_step() -> None:
    unknown = next(row for row in samples.inconclusive().findings if row.status.value == "inconclusive")
    failed = samples.quarantined()
    both = replace(failed, findings=(*failed.findings, unknown))
    (line,) = [line for line in annotations(ending_of(both)) if f"title={unknown.code}:" in line]
    assert unknown.remedy
    assert unknown.remedy not in line
    (alone,) = [line for line in annotations(ending_of(samples.inconclusive())) if f"title={unknown.code}:" in line]
    assert unknown.remedy in alone


def test_at_most_ten_of_a_level() -> None:
    evidence = samples.quarantined()
    finding = next(row for row in evidence.findings if row.status.value == "fail")
    other = next(row for row in samples.inconclusive().findings if row.status.value == "inconclusive")
    many = [replace(row, code=f"{row.code}-{number}") for number in range(15) for row in (finding, other)]
    observation = levels(ending_of(replace(evidence, findings=tuple(many))))
    assert (observation.count("error"), observation.count("warning")) == (10, 10)


def test_percent_colon_and_comma_are_escaped() -> None:
    evidence = samples.quarantined()
    finding = next(row for row in evidence.findings if row.status.value == "fail")
    outlier = replace(finding, code="a:b,c%d", summary="100%0Atrue")
    line = list(annotations(ending_of(replace(evidence, findings=(outlier,)))))[1]
    assert line.startswith("::error title=a%3Ab%2Cc%25d::")
    assert "100%250Atrue" in line


def test_a_run_without_evidence_has_a_summary_and_one_annotation() -> None:
    ending = Conclusion(word=VerdictWord.REFUSED, headline="the phrase is *wrong*")
    assert step_summary(ending) == "> [!WARNING]\n> **REFUSED: the phrase is &#42;wrong&#42;**\n\n"
    assert levels(ending) == ["error"]


def test_the_summary_is_the_evidences_own() -> None:
    from gate.render import markdown

    evidence = samples.quarantined()
    assert step_summary(ending_of(evidence)) == markdown.summary(evidence)


def test_a_verdict_that_was_not_taken_stands_above_the_evidences_own() -> None:
    ending = replace(
        ending_of(samples.passed()), word=VerdictWord.INCONCLUSIVE, headline="the step died", note="the step died"
    )
    lines = step_summary(ending).split("\n")
    assert lines[:4] == ["> [!WARNING]", "> **INCONCLUSIVE: the step died**", "", "> [!NOTE]"]


def test_a_summary_is_never_larger_than_the_runner_takes() -> None:
    evidence = everywhere(samples.crowded(), "\u2028" * 60)
    ending = replace(ending_of(evidence), note="x", headline="x" * 600)
    assert len(step_summary(ending).encode()) <= limits.SUMMARY_BYTES


def test_what_is_there_is_kept_when_something_is_added(tmp_path: Path) -> None:
    append(tmp_path / "f", b"a\n")
    append(tmp_path / "f", b"b\n")
    assert (tmp_path / "f").read_bytes() == b"a\nb\n"
    with pytest.raises(RefusedError, match="can't be written"):
        append(tmp_path / "nowhere" / "f", b"")


def test_only_a_regular_file_is_written(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "target").touch()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    for name in ("pipe", "link", "."):
        with pytest.raises(RefusedError, match="can't be written"):
            append(tmp_path / name, b"x")
    os.close(reader)
    with pytest.raises(RefusedError, match="can't be written"):
        append(tmp_path / "pipe", b"x")
    assert (tmp_path / "target").read_bytes() == b""


def test_each_secret_is_masked_once_and_line_by_line() -> None:
    result = list(masks(["topsecret", "", "abc", "-----BEGIN\nline one\n-----END\n", "topsecret", "50%\rmore"]))
    assert result == [
        "::add-mask::topsecret",
        "::add-mask::-----BEGIN%0Aline one%0A-----END",
        "::add-mask::-----BEGIN",
        "::add-mask::line one",
        "::add-mask::-----END",
        "::add-mask::50%25%0Dmore",
        "::add-mask::more",
    ]
