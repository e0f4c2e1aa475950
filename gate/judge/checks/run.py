"""Findings on the run itself: its course, its controls and its machine."""

from collections.abc import Iterator
from typing import Final

from gate import limits
from gate.evidence.machine import further_substituters, unapproved_settings
from gate.judge.finding import RUN, finding
from gate.model.basics import Truth
from gate.model.document import Control, Facts, Finding
from gate.parse.text import excerpt

PUBLISH = "publish"
CAPTURED = "run-captured"


def check_caches(facts: Facts) -> Iterator[Finding]:
    """One row a cache: it described itself, with its key."""
    by_name = {cache.name: (number, cache) for number, cache in enumerate(facts.subject.caches)}
    for name in facts.policy.caches:
        number, cache = by_name.get(name, (None, None))
        if cache is not None and cache.truth is Truth.PRESENT:
            yield finding("cache-identified", name, f"key {cache.public_key}", evidence=(f"/subject/caches/{number}",))
        else:
            yield finding("cache-unidentified", name, f"cache {name}: {cache.note if cache else 'not asked'}")


def check_captures(facts: Facts) -> Iterator[Finding]:
    """One row a capture."""
    for number, capture in enumerate(facts.journal.captures):
        if capture.name not in facts.journal.missing_captures:
            code = "capture-cut" if capture.cut else "capture-complete"
            summary = f"{capture.name}: {capture.bytes} bytes, {capture.redactions} replacements"
            yield finding(code, capture.name, summary, evidence=(f"/journal/captures/{number}",))
    for name in facts.journal.missing_captures:
        yield finding(
            "capture-missing",
            name,
            f"{name} is missing, was never closed, or is not what was closed",
            evidence=("/journal",),
        )


def check_run(facts: Facts) -> Iterator[Finding]:
    """The end of the run, and everything that kept it from being whole."""
    journal = facts.journal
    where = ("/journal",)
    if journal.stopped is not None:
        yield finding(journal.stopped.code, RUN, journal.stopped.reason, evidence=where)
    if journal.finalized:
        yield finding("run-finalized", RUN, "a person sealed this evidence, not the run", evidence=where)
    if journal.cancelled is not None:
        yield finding("run-cancelled", RUN, f"the run was cancelled: {journal.cancelled}", evidence=where)
    for number, trouble in enumerate(journal.troubles):
        yield finding("run-trouble", RUN, trouble, evidence=(f"/journal/troubles/{number}",))
    yield from _journal_disorder(facts)
    skipped = [stage for stage in facts.stages if stage.name == PUBLISH and stage.state == "skipped"]
    if skipped:
        yield finding("run-publish-skipped", RUN, skipped[0].note, evidence=("/stages",))
    if facts.capture:
        yield finding(CAPTURED, RUN, "a capture looks, and publishes nothing", evidence=("/capture",))
    if not journal.complete or journal.torn:
        summary = "a torn tail" if journal.torn else "no complete record"
        yield finding("run-incomplete", RUN, f"the journal has {journal.records} records and {summary}", evidence=where)
    elif not (skipped or journal.troubles or journal.stopped or journal.finalized or journal.cancelled):
        yield finding("run-complete", RUN, f"{journal.records} records, {len(facts.stages)} stages", evidence=where)


def _journal_disorder(facts: Facts) -> Iterator[Finding]:
    journal = facts.journal
    for summary in journal.disorder:
        yield finding("run-disordered", RUN, summary, evidence=("/journal/disorder",))
    if journal.clock_jump_millis > limits.CLOCK_JUMP_SECONDS * 1000:
        summary = f"the clock moved by {journal.clock_jump_millis} ms, at most {limits.CLOCK_JUMP_SECONDS:.0f} s may be"
        yield finding("run-clock-jumped", RUN, summary, evidence=("/journal/clock_jump_millis",))


NO_TOKEN: Final = "no-token-denied"
READ_ONLY: Final = "read-only-push-denied"
ABSENT: Final = "absent-path-404"
BIT_FLIP: Final = "bit-flip-caught"
CONTROLS: Final = (NO_TOKEN, READ_ONLY, ABSENT, BIT_FLIP)


def check_controls(facts: Facts) -> Iterator[Finding]:
    """One row a control."""
    tried = {control.name: (number, control) for number, control in sorted(enumerate(facts.controls), key=_rank)}
    for name in CONTROLS:
        if name == NO_TOKEN and facts.policy.cache_public:
            yield finding("control-not-here", name, "the cache is declared public in the policy")
        elif name not in tried:
            yield finding("control-missing", name, f"the control {name} was not tried")
        else:
            yield _row(*tried[name])


def _rank(tried: tuple[int, Control]) -> int:
    """The worst trial of a control comes last: it is the one that counts."""
    return (Truth.PRESENT, Truth.UNKNOWN, Truth.ABSENT).index(tried[1].fired)


def _row(number: int, control: Control) -> Finding:
    summary = f"{control.name}: expected {control.expected}, got {control.got}"
    code = "control-fired" if control.fired is Truth.PRESENT else "control-not-fired"
    if control.name == READ_ONLY and control.fired is Truth.ABSENT:
        code = "control-token-overprivileged"
    return finding(code, control.name, summary, evidence=(f"/controls/{number}",))


TOOLS: Final = "programs"
NIX: Final = "settings of Nix"
_NEEDED: Final = ("nix", "nix-store", "attic")  # of every run that publishes


def check_machine(facts: Facts) -> Iterator[Finding]:
    """One row on the programs, and one on Nix's settings."""
    yield _programs(facts)
    yield _settings(facts)


def _settings(facts: Facts) -> Finding:
    """What Nix itself says that it is set to, held to what the policy states."""
    config, policy = facts.machine.nix_config, facts.policy
    where = ("/machine/nix_config",)
    if config is None or config.error is not None or not config.settings:
        summary = (config.error if config else None) or "Nix was not asked for its settings"
        return finding("tool-settings-unknown", NIX, summary, evidence=where)
    weak = unapproved_settings(config, policy.nix_settings)
    if weak:
        return finding("tool-settings-weak", NIX, f"not stated in gate.toml: {'; '.join(weak)}", evidence=where)
    places = {f"{policy.attic_server.rstrip('/')}/{name}" for name in policy.caches}
    places |= {cache.substituter_endpoint for cache in facts.subject.caches if cache.substituter_endpoint}
    further = further_substituters(config, (*sorted(places), *policy.nix_substituters))
    if further:
        summary = f"not among the policy's: {', '.join(excerpt(url) for url in further)}"
        return finding("tool-substituter-unstated", NIX, summary, evidence=where)
    policy_note = f"; stated: {', '.join(policy.nix_settings)}" if policy.nix_settings else ""
    summary = f"{len(config.settings)} effective settings of Nix weaken nothing{policy_note}"
    return finding("tool-settings-known", NIX, summary, evidence=where)


def _programs(facts: Facts) -> Finding:
    tools = facts.machine.tools
    unknown = [name for name in _NEEDED if not any(tool.name == name for tool in tools)]
    unknown += [tool.name for tool in tools if tool.sha256 is None]
    where = ("/machine/tools",)
    if unknown:
        summary = f"not identified by path and sha256: {', '.join(dict.fromkeys(unknown))}"
        return finding("tool-unidentified", TOOLS, summary, evidence=where)
    summary = ", ".join(sorted({str(tool.path) for tool in tools}))
    if facts.machine.passed_over:
        summary = f"{summary}; passed over: {'; '.join(facts.machine.passed_over)}"
    authorities = [
        f"{each.path} by {each.variable}" for each in facts.machine.authorities if each.variable != "openssl"
    ]
    if authorities:
        summary = f"{summary}; certificate authorities of {', '.join(authorities)}"
    return finding("tool-identified", TOOLS, summary, evidence=where)
