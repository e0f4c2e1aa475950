"""One part of a split run: its journal → its document, and whether it is a part of this very run. Pure.

A part is written by a job that another may have reason to forge, so what it says is checked before it is folded: its
numbers and times are those that we write ourselves, or nothing of it is read.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

from gate.errors import ForeignTextError
from gate.evidence.fold import BUILD_LOG, Tape
from gate.evidence.pushes import capture_name
from gate.evidence.wire import canonical, entry_line
from gate.model.basics import Label
from gate.model.document import PART_SCHEMA, ManifestEntry, PartDocument
from gate.model.policy import Identity, Policy
from gate.model.records import BucketSampled, Entry, RunComplete, RunStarted
from gate.model.split import PUBLISH, PartBegun

JOURNAL: Final = "journal.jsonl"
PUBLISHED_LOGS: Final = frozenset({BUILD_LOG, *(capture_name(label) for label in Label)})
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z", re.ASCII)
_MILLIS: Final = re.compile(rb'"millis":(-?[0-9]+)')
_MILLIS_MOST: Final = 7 * 24 * 3600 * 1000  # nothing of ours takes a week
_EPOCH: Final = 1970
# What must be the same in every part. Runner, Python, system and tool versions are each job's own.
_SAME: Final = (
    "run_id",
    "nonce",
    "tool",
    "tool_version",
    "repository",
    "repository_id",
    "commit",
    "ref",
    "event",
    "workflow_ref",
    "workflow_run",
    "workflow_attempt",
    "actor",
    "actor_id",
)


def part_bytes(document: PartDocument) -> bytes:
    """``part.json``: RFC 8785 and nothing else; its sha256 is the part's digest."""
    return canonical(PartDocument, document)


def policy_digest(policy: Policy) -> str:
    """sha256, in hex, of the policy's canonical form."""
    return sha256(canonical(Policy, policy)).hexdigest()


def part_document(tape: Tape, manifest: Sequence[ManifestEntry]) -> PartDocument:
    """The document of a part, from its journal and the list of its files.

    Raises `ForeignTextError` for a journal that is no part's, or that holds what no part of ours writes.
    """
    started, begun = head(tape)
    for entry in tape.entries:
        _refuse_odd(entry)
    for row in manifest:
        if row.name != JOURNAL and (row.name in PUBLISHED_LOGS) != (begun.part == PUBLISH):
            message = f"the part {begun.part} has the file {ascii(row.name)[:80]}, which is another part's to give"
            raise ForeignTextError(message)
    return PartDocument(
        schema=PART_SCHEMA,
        part=begun.part,
        run=started.run,
        policy=policy_digest(started.policy),
        tools=started.tools,
        previous=begun.previous,
        started_at=tape.entries[0].at,
        ended_at=tape.entries[-1].at,
        records=len(tape.entries),
        complete=isinstance(tape.entries[-1].record, RunComplete) and not tape.torn,
        manifest=tuple(sorted(manifest, key=lambda row: row.name)),
    )


def head(tape: Tape) -> tuple[RunStarted, PartBegun]:
    """The first two records of a part. Raises `ForeignTextError` where they are others."""
    records = [entry.record for entry in tape.entries[:2]]
    if len(records) == 2 and isinstance(records[0], RunStarted) and isinstance(records[1], PartBegun):  # noqa: PLR2004  the two
        return records[0], records[1]
    message = "the journal does not begin with run-started and part: this is no part of a split run"
    raise ForeignTextError(message)


def run_differences(own: Identity, other: Identity) -> Iterator[str]:
    """What of another part's identity is not of this run, a sentence each: run, attempt, nonce, gate version, …."""
    for name in _SAME:
        got, wanted = getattr(other, name), getattr(own, name)
        if got != wanted:
            yield f"its {name.replace('_', ' ')} is {ascii(got)[:100]}, expected {ascii(wanted)[:100]}"


def _refuse_odd(entry: Entry) -> None:
    """Refuse times that are none, and numbers that canonical JSON or arithmetic could not take."""
    bulk = isinstance(entry.record, BucketSampled)  # thousands in a watch, and the publishing job has none of them
    try:
        told = [] if bulk else [int(number) for number in _MILLIS.findall(entry_line(entry))]
        year = datetime.fromisoformat(entry.at).year if _TIME.fullmatch(entry.at) else 0
    except ValueError:
        told, year = [], 0
    if year <= _EPOCH or not all(0 <= millis <= _MILLIS_MOST for millis in told):
        message = f"record {entry.seq} of the part has a time or a number that no part of ours writes"
        raise ForeignTextError(message)
