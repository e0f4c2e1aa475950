"""``explain``: the reason codes of findings and of decisions, in words."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gate.cli.flags import AsFormat, JsonInto
from gate.cli.outcome import Outcome, report
from gate.errors import RefusedError
from gate.judge.codes.decisions import BY_DECISION, DecisionCode
from gate.judge.codes.model import Code
from gate.judge.codes.registry import BY_CODE

Row = Code | DecisionCode
ROWS: dict[str, Row] = {**BY_CODE, **BY_DECISION}
_NEAR = 3  # codes that a mistyped one may mean


def explain(
    code: Annotated[
        str | None,
        Parameter(
            help="A reason code of a finding or of a decision of require; or an evidence folder or zip, for its."
        ),
    ] = None,
    *,
    list_all: Annotated[bool, Parameter(name="--list", help="List every code by family; the same as no code.")] = False,
    search: Annotated[str | None, Parameter(help="List the codes with this word in their text.")] = None,
    format: AsFormat = "text",
    json_into: JsonInto = None,
) -> int:
    """Say what a reason code means, which status it has and why, and what to do."""

    def make() -> Outcome:
        if sum((code is not None, list_all, search is not None)) > 1:
            raise RefusedError("explain takes one of CODE, --list and --search: give one of them")
        if search is not None:
            return search_codes(search)
        if code is None:
            return list_codes(tuple(ROWS.values()))
        path = Path(code)
        return explain_evidence(path) if path.exists() and code.lower() not in ROWS else explain_code(code)

    return report(make, format=format, json_into=json_into)


def explain_code(code: str) -> Outcome:
    """A reason code in words; upper case and underscores are taken too."""
    name = code.strip().lower().replace("_", "-")
    row = ROWS.get(name)
    if row is None:
        near = get_close_matches(name, ROWS, n=_NEAR) or [each for each in ROWS if name and name in each][:_NEAR]
        meant = f" (did you mean {', '.join(near)}?)" if near else ""
        raise RefusedError(
            f"reason code {code[:80]!r} is not known{meant}: `publication-gate explain --list` has all of them"
        )
    text = f"{row.code} ({', '.join(_statuses(row))})\n  why: {row.why}\n  what to do: {row.remedy}\n"
    return Outcome(exit_code=0, text=text, data=_json(row))


def explain_evidence(path: Path) -> Outcome:
    """Why a run has its verdict: its headline, and each code that decided, the cause first; it verifies first."""
    from gate.cli.verify import verified
    from gate.render.escape import plain, runner_safe
    from gate.render.view import SENTENCE_CHARS

    verdict = verified(path)[0].verdict
    codes = [explain_code(code) for code in verdict.codes]
    headline = plain(f"{verdict.word.value.upper()}: {verdict.headline}", SENTENCE_CHARS)
    return Outcome(
        exit_code=0,
        text=runner_safe("\n".join([headline, *(outcome.text.rstrip() for outcome in codes)])) + "\n",
        data={"word": verdict.word.value, "headline": verdict.headline, "codes": [outcome.data for outcome in codes]},
    )


def search_codes(word: str) -> Outcome:
    """The codes with a word in their name or in their text."""
    rows = [row for row in ROWS.values() if word.lower() in f"{row.code} {row.why} {row.remedy}".lower()]
    if not word.strip() or not rows:
        raise RefusedError(f"no reason code mentions {word[:80]!r}: `publication-gate explain --list` has all of them")
    return list_codes(rows)


def list_codes(rows: Sequence[Row]) -> Outcome:
    """Codes by family, a line each with what it means."""
    families: dict[str, list[Row]] = {}
    for row in rows:
        families.setdefault(_family(row), []).append(row)
    width = max(len(row.code) for row in rows)
    lines: list[str] = []
    for family, members in families.items():
        lines += [f"{family} ({len(members)})", *(f"  {row.code:<{width}}  {row.why}" for row in members)]
    lines += ["", "`publication-gate explain CODE` says what to do."]
    return Outcome(exit_code=0, text="\n".join(lines) + "\n", data={"codes": [_json(row) for row in rows]})


def _family(row: Row) -> str:
    return row.code.partition("-")[0]


def _statuses(row: Row) -> list[str]:
    return [row.word.value] if isinstance(row, DecisionCode) else [status.value for status in row.statuses]


def _json(row: Row) -> dict[str, object]:
    return {
        "code": row.code,
        "family": _family(row),
        "statuses": _statuses(row),
        "why": row.why,
        "remedy": row.remedy,
    }
