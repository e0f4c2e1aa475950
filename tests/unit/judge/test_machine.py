"""The machine that a run used: its programs must be known."""

from dataclasses import replace

import pytest

from gate.model.machine import AuthorityFile, ToolIdentity, ToolsFound
from tests.helpers.runs import TOOLS, healthy


def test_a_run_whose_programs_are_known_passes_and_names_what_was_passed_over() -> None:
    result = replace(TOOLS, passed_over=("PATH: '.' is relative",))
    run = healthy().change(ToolsFound, lambda _: result)
    rows = {row.code: row.summary for row in run.judged()[0]}
    assert run.word() == "pass"
    assert (
        rows["tool-identified"]
        == "/usr/bin/attic, /usr/bin/nix, /usr/bin/nix-store; passed over: PATH: '.' is relative"
    )
    assert run.facts().machine.passed_over == result.passed_over


@pytest.mark.row("KUBE-18")
@pytest.mark.parametrize("name", ["nix", "nix-store", "attic"])
@pytest.mark.parametrize("change", [{"path": None}, {"sha256": None}])
def test_a_program_that_is_not_known_is_doubt(name: str, change: dict[str, None]) -> None:
    def edit(tool: ToolIdentity) -> ToolIdentity:
        return replace(tool, **change) if tool.name == name else tool  # type: ignore[arg-type]  # test

    run = healthy().change(ToolsFound, lambda row: replace(row, tools=tuple(map(edit, row.tools))))
    assert run.rows() == {("tool-unidentified", "inconclusive")}


def test_a_run_that_names_no_program_is_no_pass() -> None:
    assert healthy().change(ToolsFound, lambda _: None).rows() == {("tool-unidentified", "inconclusive")}


def test_authorities_that_a_variable_names_stand_in_the_finding() -> None:
    names = AuthorityFile(variable="SSL_CERT_FILE", path="/ca.pem", sha256="b" * 64)
    run = healthy().change(ToolsFound, lambda row: replace(row, authorities=(names,)))
    rows = {row.code: row.summary for row in run.judged()[0]}
    assert rows["tool-identified"].endswith("certificate authorities of /ca.pem by SSL_CERT_FILE")
