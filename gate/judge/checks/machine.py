"""The machine that the run used: which programs acted."""

from collections.abc import Iterator
from typing import Final

from gate.evidence.machine import further_substituters, unstated
from gate.judge.finding import finding
from gate.model.document import Facts, Finding
from gate.parse.text import shown

TOOLS: Final = "programs"
NIX: Final = "settings of Nix"
_NEEDED: Final = ("nix", "nix-store", "attic")  # of every run that publishes


def check_machine(facts: Facts) -> Iterator[Finding]:
    """One row on the programs, and one on Nix's settings."""
    yield _programs(facts)
    yield _settings(facts)


def _settings(facts: Facts) -> Finding:
    """What Nix itself says that it is set to, held to what the policy states."""
    seen, policy = facts.machine.nix_config, facts.policy
    where = ("/machine/nix_config",)
    if seen is None or seen.error is not None or not seen.settings:
        told = (seen.error if seen else None) or "Nix was not asked for its settings"
        return finding("tool-settings-unknown", NIX, told, evidence=where)
    weak = unstated(seen, policy.nix_settings)
    if weak:
        return finding("tool-settings-weak", NIX, f"not stated in gate.toml: {'; '.join(weak)}", evidence=where)
    places = {f"{policy.attic_server.rstrip('/')}/{name}" for name in policy.caches}
    places |= {cache.substituter_endpoint for cache in facts.subject.caches if cache.substituter_endpoint}
    further = further_substituters(seen, (*sorted(places), *policy.nix_substituters))
    if further:
        told = f"not among the policy's: {', '.join(shown(url) for url in further)}"
        return finding("tool-substituter-unstated", NIX, told, evidence=where)
    stated = f"; stated: {', '.join(policy.nix_settings)}" if policy.nix_settings else ""
    told = f"{len(seen.settings)} effective settings of Nix weaken nothing{stated}"
    return finding("tool-settings-known", NIX, told, evidence=where)


def _programs(facts: Facts) -> Finding:
    tools = facts.machine.tools
    unknown = [name for name in _NEEDED if not any(tool.name == name for tool in tools)]
    unknown += [tool.name for tool in tools if tool.sha256 is None]
    where = ("/machine/tools",)
    if unknown:
        told = f"not identified by path and sha256: {', '.join(dict.fromkeys(unknown))}"
        return finding("tool-unidentified", TOOLS, told, evidence=where)
    told = ", ".join(sorted({str(tool.path) for tool in tools}))
    if facts.machine.passed_over:
        told = f"{told}; passed over: {'; '.join(facts.machine.passed_over)}"
    named = [f"{each.path} by {each.variable}" for each in facts.machine.authorities if each.variable != "openssl"]
    if named:
        told = f"{told}; certificate authorities of {', '.join(named)}"
    return finding("tool-identified", TOOLS, told, evidence=where)
