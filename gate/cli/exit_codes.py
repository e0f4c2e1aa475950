"""What each command's exit codes mean: the footers of the help texts, and the table of ``docs/exit-codes.md``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class CommandEnds:
    """How a command is called, and what 0, 2, 3 and 4 mean of it; a code that it never gives is not there."""

    usage: str
    meanings: Mapping[int, str]


def _row(usage: str, zero: str, two: str = "", three: str = "", four: str = "") -> CommandEnds:
    texts = {0: zero, 2: two, 3: three, 4: four}
    return CommandEnds(usage=usage, meanings={code: text for code, text in texts.items() if text})


_WRONG: Final = "wrong settings"
_PROBE: Final = _row(
    "`probe`",
    "pass: every claim that a pass needs was positively seen",
    "refused: wrong settings, tools, caps or confirm phrase; nothing of the profile was published",
    "inconclusive: something that a pass needs could not be determined",
    "quarantine: the index or a published body is wrong",
)
COMMANDS: Final[Mapping[str, CommandEnds]] = {
    "probe": _PROBE,
    "finalize": _row(
        "`finalize DIR`",
        "never: only the run itself ends in 0",
        "no folder of a run, or a run still writes",
        "sealed; whatever it proves, it is no pass",
        "sealed, and the index or a published body is wrong",
    ),
    "verify": _row(
        "`verify DIR…`, `verify ZIP…`",
        "all are genuine, whatever their verdict",
        "NOT GENUINE: the bytes of one are not what its records give; or it holds a credential (this outweighs 3)",
        "NOT SEALED, or NOT EVIDENCE: an empty folder, a mistyped name, a zip without evidence",
    ),
    "show": _row(
        "`show DIR`, `show ZIP`", "shown, whatever its verdict", "not genuine, or no evidence", "never sealed"
    ),
    "explain": _row(
        "`explain CODE`",
        "known, or listed",
        "not known; or a folder that is not genuine",
        "a folder that was never sealed",
    ),
    "init": _row("`init`", "written, or printed by --dry-run; whatever doctor says then", "the file is there already"),
    "open": _row("`open DIR`", "opened, whatever its verdict", "not genuine, or no evidence", "never sealed"),
    "completion": _row("`completion SHELL`", "printed"),
    "schema": _row("`schema`", "printed"),
    "capture": _row(
        "`capture`",
        "never: nothing is published (with `--phase`: the part is sealed and whole; it is no verdict)",
        _WRONG,
        "always, unless an index is wrong (with `--phase`: something in the part could not be determined)",
        "an index is wrong",
    ),
    "watch": _row(
        "`watch`",
        "ended as asked, each sample had both answers, and no loss was seen; it is no pass",
        _WRONG,
        "a sample could not be had, or none was taken",
        "a bucket was lost; the incident folder is named",
    ),
    "publish": _row(
        "`publish`",
        "the part is sealed and whole; it is no verdict",
        "wrong settings, a secret too many, another part's run",
        "the part is sealed, and something in it could not be determined",
    ),
    "judge": _row(
        "`judge PART…`",
        "the joined run passed",
        "a part is foreign or was changed; what the others saw is sealed all the same",
        "as for `probe`",
        "as for `probe`",
    ),
    "diff": _row(
        "`diff A B`",
        "no significant difference, which is no pass",
        "a folder is not genuine or was never sealed",
        "something could not be compared, or changed in a way that can hide a loss",
        "B is worse",
    ),
    "doctor": _row(
        "`doctor`",
        "all that a pass needs can be observed",
        _WRONG,
        "something of it would be unknown",
        "a run would fail now",
    ),
    "attic-nar-integrity-check": _row(
        "`attic-nar-integrity-check`",
        "every named path came back whole",
        "wrong settings or token",
        "a path could not be read, or was never claimed",
        "a body is wrong",
    ),
    "rustfs-bucket-index-rca": _row(
        "`rustfs-bucket-index-rca`", "every bucket is indexed", _WRONG, "a source is unknown", "an index is wrong"
    ),
    "tofu-state-ha-readiness": _row(
        "`tofu-state-ha-readiness`",
        "the level that was asked for",
        _WRONG,
        "interim without `--expect-interim`, or unknown",
        "broken",
    ),
    "audit plan": _row(
        "`audit plan`", "the plan is written", "wrong settings, or a schema that is not known", "no answer"
    ),
    "audit run": _row(
        "`audit run`",
        "the shards are complete, whatever was found; the verdict is merge's",
        "wrong settings, or files that are not the plan's: another try is useless",
        "not complete: run it again, it goes on",
    ),
    "audit status": _row("`audit status`", "shown", "no plan, or a shard of another", ""),
    "audit merge": _row(
        "`audit merge`",
        "pass: every chunk is whole, and the sampled paths came as Nix reads them",
        "a shard is foreign or was changed",
        "something was not read, or its damage not settled: `audit recheck`",
        "a chunk is lost, corrupt or hidden by the index, or a claim is broken",
    ),
    "audit recheck": _row(
        "`audit recheck`", "as for `audit merge`", "wrong settings", "as for `audit merge`", "as for `audit merge`"
    ),
    "read": _row(
        "`read KIND FILE`",
        "shown, whatever it is",
        "the file can't be read",
        "none of its lines was understood, or its packing is damaged",
    ),
    "require": _row(
        "`require`",
        "the change needs no trusted publication, or there is a fresh trusted pass",
        "evidence that is stale, foreign or forged; wrong settings",
        "nothing that counts was found",
        "a quarantine, seen or held",
    ),
    "quarantine status": _row("`quarantine status`", "released", _WRONG, "a history that can't be read", "held"),
    "quarantine attest": _row("`quarantine attest`", "written", "wrong settings, or the file exists"),
    "suspects": _row(
        "`suspects DIR…`",
        "listed; stderr says of how many folders",
        "wrong times, a folder that is not genuine or no evidence",
        "no folder counted: all were left out, so the empty list is no all-clear; or one was never sealed",
    ),
    "history": _row("`history DIR…`", "listed", "a folder is not genuine: it is left out", "a folder was never sealed"),
    "lab": _row(
        "`lab`, `lab --fault NAME`",
        "the run passed (with `all`: every drill ended as expected; with `--list-faults`: listed)",
        "a tool is missing",
        "as for `probe` (with `all`: a drill did not end as expected, or its fault was not seen to act)",
        "as for `probe`: what the incident's drill gives when all is well with the gate",
    ),
}


def footer(command: str) -> str:
    """The last lines of a command's help."""
    meanings = COMMANDS[command].meanings
    return f"Exit codes: {' · '.join(f'{code} {text}' for code, text in meanings.items())}. Every code but 0 blocks."


def table() -> list[str]:
    """The commands' exit codes as a table."""
    rows = [
        " | ".join([ends.usage, *(ends.meanings.get(code, "–") for code in (0, 2, 3, 4))]) for ends in COMMANDS.values()
    ]
    return ["| command | 0 | 2 | 3 | 4 |", "|---|---|---|---|---|", *(f"| {row} |" for row in rows)]
