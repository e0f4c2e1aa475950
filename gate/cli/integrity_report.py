"""What ``attic-nar-integrity-check`` says in the end: one verdict, every path as JSON, those that matter as text."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from gate.cli.outcome import RESULT_SCHEMA, Outcome
from gate.judge.codes.registry import BY_CODE
from gate.judge.integrity import IN_UPSTREAM, PathReading
from gate.model.basics import EXIT_CODES, Status, VerdictWord
from gate.probe.integrity import Cache, hash_of
from gate.render.escape import markdown_cell, markdown_code, plain, runner_safe

_ROWS = 200  # paths written out as text; all stand in the JSON
_FEW = 20  # up to so many paths are written out even when whole
_PATH_CHARS = 256
_TEXT_CHARS = 200
_ORDER = (Status.FAIL, Status.INCONCLUSIVE, Status.NOT_APPLICABLE, Status.PASS)
_ADVICE = {
    VerdictWord.PASS: "Every byte of these paths is there. That says nothing of any other path.",
    VerdictWord.INCONCLUSIVE: "Don't rely on these paths and don't publish on the strength of this; read them again.",
    VerdictWord.QUARANTINE: "Don't publish to this cache, and take evidence before anyone restarts anything.",
}


def outcome(rows: Sequence[PathReading], *, cache: Cache, token: str, key_note: str, local_note: str | None) -> Outcome:
    """The verdict over all rows: pass needs at least one path that came whole, and none that did not."""
    counts = Counter(row.status for row in rows)
    word = _word(counts)
    ordered = sorted(rows, key=lambda row: (_ORDER.index(row.status), row.store_path))
    yardsticks = Counter(row.yardstick for row in rows)
    facts = [
        f"cache {cache.url}; token {token}; key {cache.public_key or f'not known: {key_note}'}",
        f"yardstick: {', '.join(f'{name} {count}' for name, count in sorted(yardsticks.items()))}"
        + (f"; no local Nix: {local_note}" if local_note else ""),
    ]
    head = f"{word.value.upper()}: {_sum(counts, len(rows))}. {_ADVICE[word]}"
    printed_rows = [row for row in ordered if row.status is not Status.PASS or len(ordered) <= _FEW]
    return Outcome(
        exit_code=EXIT_CODES[word],
        text=_text(head, printed_rows, facts),
        markdown=_markdown(head, printed_rows, facts),
        data={
            "schema": RESULT_SCHEMA,
            "verdict": {
                "word": word.value,
                "outcome": "pass" if word is VerdictWord.PASS else "fail",
                "exit_code": EXIT_CODES[word],
                "blocks": word is not VerdictWord.PASS,
            },
            "cache": {"url": cache.url, "attic": cache.attic, "public_key": cache.public_key, "note": key_note or None},
            "token": token,
            "local_nix": {"asked": local_note is None, "note": local_note},
            "counts": {status.value: counts[status] for status in _ORDER},
            "paths": sorted(map(_row, rows), key=lambda row: str(row["store_path"])),
            "evidence": None,
            "error": None,
        },
    )


def _word(counts: Counter[Status]) -> VerdictWord:
    if counts[Status.FAIL]:
        return VerdictWord.QUARANTINE
    return VerdictWord.INCONCLUSIVE if counts[Status.INCONCLUSIVE] or not counts[Status.PASS] else VerdictWord.PASS


def _sum(counts: Counter[Status], total: int) -> str:
    parts = [f"{counts[Status.PASS]} of {total} paths came whole"]
    parts += [f"{counts[status]} {word}" for status, word in _WORDS if counts[status]]
    return ", ".join(parts)


_WORDS = (
    (Status.FAIL, "failed"),
    (Status.INCONCLUSIVE, "could not be determined"),
    (Status.NOT_APPLICABLE, "are left to an upstream"),
)


def _row(row: PathReading) -> dict[str, Any]:
    return {
        "store_path": row.store_path,
        "store_hash": hash_of(row.store_path),
        "status": row.status.value,
        "code": row.code,
        "bytes": row.wire_bytes,
        "nar_bytes": row.nar_bytes,
        "seconds": row.millis / 1000,
        "yardstick": row.yardstick,
        "signed": "not-asked" if row.signed is None else row.signed.value,
        "http_status": row.http_status,
        "curl": row.curl,
        "curl_text": row.curl_message,
        "error": row.error,
    }


def _reading(row: PathReading) -> str:
    """What came, in words that the operators use: libcurl's code 18 is their own."""
    parts = [f"HTTP {row.http_status}" if row.http_status else "no answer"]
    if row.curl is not None:
        text = f" ({row.curl_message})" if row.curl_message else ""
        parts += [f"{row.wire_bytes} bytes came, {row.nar_bytes} of the NAR", f"curl {row.curl}{text}"]
    if row.error:
        parts.append(row.error)
    return "; ".join([*parts, f"{row.millis / 1000:.3f} s", f"yardstick {row.yardstick}"])


def _why(row: PathReading) -> str:
    if row.code == IN_UPSTREAM:
        return "an upstream of this cache has signed it, and the cache does not have it"
    if row.code == "body-not-published":
        return "the cache says that it does not have this path; nobody claims here that it was ever published"
    return BY_CODE[row.code].why


def _text(head: str, rows: Sequence[PathReading], facts: Sequence[str]) -> str:
    lines = [head]
    for row in rows[:_ROWS]:
        lines += [
            f"{row.status.value:<14} {row.code:<22} {plain(row.store_path, _PATH_CHARS)}",
            f"    {plain(_reading(row), _TEXT_CHARS)}",
        ]
        if row.status is not Status.PASS:
            lines.append(f"    {_why(row)}")
    lines += [f"and {len(rows) - _ROWS} more paths; --json-into has them all"] if len(rows) > _ROWS else []
    return runner_safe("\n".join([*lines, *(plain(fact, 2 * _TEXT_CHARS) for fact in facts)])) + "\n"


def _markdown(head: str, rows: Sequence[PathReading], facts: Sequence[str]) -> str:
    lines = [f"**{markdown_cell(head, 4 * _TEXT_CHARS)}**", ""]
    if rows:
        lines += ["| status | code | path | what came |", "|---|---|---|---|"]
    lines += [
        f"| {row.status.value} | `{row.code}` | {markdown_code(row.store_path, _PATH_CHARS)}"
        f" | {markdown_cell(_reading(row), _TEXT_CHARS)} |"
        for row in rows[:_ROWS]
    ]
    lines += ["", f"and {len(rows) - _ROWS} more paths"] if len(rows) > _ROWS else []
    return runner_safe("\n".join([*lines, "", *(f"- {markdown_cell(fact, 2 * _TEXT_CHARS)}" for fact in facts)])) + "\n"
