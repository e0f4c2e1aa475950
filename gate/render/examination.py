"""``doctor``'s answer for a person: what would be unknown first, then every check with its hint."""

from collections.abc import Iterator
from typing import Final

from gate.judge.doctor import check_name
from gate.model.basics import Status
from gate.model.doctor import Examination, UnknownClaim
from gate.model.document import Finding
from gate.render.escape import plain, runner_safe

_CHARS: Final = 1000
_WORDS: Final = {
    Status.PASS: "ok",
    Status.FAIL: "WRONG",
    Status.INCONCLUSIVE: "unknown",
    Status.NOT_APPLICABLE: "not used",
}


def examination_text(result: Examination) -> str:
    """The whole answer: verdict, unknown claims, checks."""
    verdict = result.verdict
    blocks = "blocks" if verdict.blocks else "does not block"
    lines = [
        plain(f"{verdict.word.value.upper()}: {verdict.headline}", _CHARS),
        "",
        f"profile:      {plain(result.profile, _CHARS)}",
        f"verdict:      {verdict.word.value} (exit code {verdict.exit_code}, {blocks})",
        "",
        *_unknown(result),
        "",
        "checks:",
    ]
    for row in result.findings:
        lines += _check(row)
    return runner_safe("\n".join(lines)) + "\n"


def _unknown(result: Examination) -> Iterator[str]:
    if not result.unknown:
        yield "unknown with these settings: nothing"
        return
    yield f"unknown with these settings, {len(result.unknown)} claims of a pass:"
    groups: dict[tuple[str, ...], list[UnknownClaim]] = {}
    for claim in result.unknown:
        groups.setdefault(claim.checks, []).append(claim)
    for checks, claims in groups.items():
        yield f"  - {plain('; '.join(map(_claim, claims)), _CHARS)}"
        yield f"    by: {plain(', '.join(checks), _CHARS)}"


def _claim(claim: UnknownClaim) -> str:
    phase = "" if claim.phase == "run" else f" ({claim.phase})"
    same = claim.family == claim.subject
    return claim.family + ("" if same else f" {claim.subject}") + phase


def _check(row: Finding) -> Iterator[str]:
    because = f" (follows from {row.because})" if row.because else ""
    yield f"  {_WORDS[row.status]:<9} {plain(check_name(row), _CHARS)}: {plain(row.summary, _CHARS)}{because}"
    if row.remedy:
        yield f"            do: {plain(row.remedy, _CHARS)}"
