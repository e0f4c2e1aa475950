"""The machine that the run used: which programs acted."""

from collections.abc import Iterator
from typing import Final

from gate.judge.finding import finding
from gate.model.document import Facts, Finding

TOOLS: Final = "programs"
_NEEDED: Final = ("nix", "nix-store", "attic")  # of every run that publishes


def check_machine(facts: Facts) -> Iterator[Finding]:
    """One row on the programs."""
    tools = facts.machine.tools
    unknown = [name for name in _NEEDED if not any(tool.name == name for tool in tools)]
    unknown += [tool.name for tool in tools if tool.sha256 is None]
    where = ("/machine/tools",)
    if unknown:
        told = f"not identified by path and sha256: {', '.join(dict.fromkeys(unknown))}"
        yield finding("tool-unidentified", TOOLS, told, evidence=where)
        return
    told = ", ".join(sorted({str(tool.path) for tool in tools}))
    if facts.machine.passed_over:
        told = f"{told}; passed over: {'; '.join(facts.machine.passed_over)}"
    named = [f"{each.path} by {each.variable}" for each in facts.machine.authorities if each.variable != "openssl"]
    if named:
        told = f"{told}; certificate authorities of {', '.join(named)}"
    yield finding("tool-identified", TOOLS, told, evidence=where)
