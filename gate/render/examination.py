"""``doctor``'s answer for a person: what would be unknown first, then every check with its hint."""

from collections.abc import Iterator
from typing import Final

from gate.model.basics import Status
from gate.model.doctor import Check, Examination, UnknownClaim
from gate.render.escape import plain, runner_safe

_CHARS: Final = 1000
_WORDS: Final = {
    Status.PASS: "ok",
    Status.FAIL: "WRONG",
    Status.INCONCLUSIVE: "unknown",
    Status.NOT_APPLICABLE: "not used",
}


def examination_text(made: Examination) -> str:
    """The whole answer: verdict, unknown claims, checks."""
    verdict = made.verdict
    blocks = "blocks" if verdict.blocks else "does not block"
    lines = [
        plain(f"{verdict.word.value.upper()}: {verdict.headline}", _CHARS),
        "",
        f"profile:      {plain(made.profile, _CHARS)}",
        f"verdict:      {verdict.word.value} (exit code {verdict.exit_code}, {blocks})",
        "",
        *_unknown(made),
        "",
        "checks:",
    ]
    for check in made.checks:
        lines += _check(check)
    return runner_safe("\n".join(lines)) + "\n"


def _unknown(made: Examination) -> Iterator[str]:
    if not made.unknown:
        yield "unknown with these settings: nothing"
        return
    yield f"unknown with these settings, {len(made.unknown)} claims of a pass:"
    groups: dict[tuple[str, ...], list[UnknownClaim]] = {}
    for claim in made.unknown:
        groups.setdefault(claim.checks, []).append(claim)
    for checks, claims in groups.items():
        yield f"  - {plain('; '.join(map(_claim, claims)), _CHARS)}"
        yield f"    by: {plain(', '.join(checks), _CHARS)}"


def _claim(claim: UnknownClaim) -> str:
    phase = "" if claim.phase == "run" else f" ({claim.phase})"
    same = claim.family == claim.subject
    return claim.family + ("" if same else f" {claim.subject}") + phase


def _check(check: Check) -> Iterator[str]:
    yield f"  {_WORDS[check.status]:<9} {plain(check.name, _CHARS)}: {plain(check.detail, _CHARS)}"
    if check.hint:
        yield f"            do: {plain(check.hint, _CHARS)}"
