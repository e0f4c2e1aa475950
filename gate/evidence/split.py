"""A split run: each part's journal as a document, and all parts as the facts of one run."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from gate.errors import ForeignTextError
from gate.evidence.bodies import WHOLE, Expected, fold_body
from gate.evidence.codec import canonical, entry_line, read_part
from gate.evidence.fold import BUILD_LOG, Captures, JournalLog, cache_facts, fold
from gate.evidence.journal_order import PHASED, clock_jump_millis
from gate.evidence.journal_reader import lines_of, read_chain
from gate.evidence.pushes import capture_name
from gate.model import records
from gate.model.basics import Claim, Label
from gate.model.captures import StoreLogRead
from gate.model.document import PART_SCHEMA, Facts, ManifestEntry, PartDocument
from gate.model.machine import NixConfigSeen, NixRead, ToolsFound
from gate.model.policy import Identity, Policy
from gate.model.records import BucketSampled, Entry, RunComplete, RunStarted
from gate.model.split import DURING, PARTS, POST, PRE, PUBLISH, LogStood, PartBegun, PartFacts, PartJoined, PartRejected

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


def part_document(journal_log: JournalLog, manifest: Sequence[ManifestEntry]) -> PartDocument:
    """The document of a part, from its journal and the list of its files.

    Raises `ForeignTextError` for a journal that is no part's, or that holds what no part of ours writes.
    """
    started, begun = part_head(journal_log)
    for entry in journal_log.entries:
        _refuse_odd(entry)
    for row in manifest:
        if row.name != JOURNAL and (row.name in PUBLISHED_LOGS) != (begun.part == PUBLISH):
            raise ForeignTextError(
                f"the part {begun.part} has the file {ascii(row.name)[:80]}, which is another part's to give"
            )
    return PartDocument(
        schema=PART_SCHEMA,
        part=begun.part,
        run=started.run,
        policy=policy_digest(started.policy),
        tools=started.tools,
        previous=begun.previous,
        started_at=journal_log.entries[0].at,
        ended_at=journal_log.entries[-1].at,
        records=len(journal_log.entries),
        complete=isinstance(journal_log.entries[-1].record, RunComplete) and not journal_log.torn,
        manifest=tuple(sorted(manifest, key=lambda row: row.name)),
    )


def part_head(journal_log: JournalLog) -> tuple[RunStarted, PartBegun]:
    """The first two records of a part. Raises `ForeignTextError` where they are others."""
    records = [entry.record for entry in journal_log.entries[:2]]
    if len(records) == 2 and isinstance(records[0], RunStarted) and isinstance(records[1], PartBegun):  # noqa: PLR2004  the two
        return records[0], records[1]
    raise ForeignTextError("the journal does not begin with run-started and part: this is no part of a split run")


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
        raise ForeignTextError(f"record {entry.seq} of the part has a time or a number that no part of ours writes")


_UNIX_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
JOINED, MISSING, REJECTED = "joined", "missing", "rejected"
_FRAME: Final = (records.RunStarted, PartBegun, records.RunComplete)
_ANYONE: Final = (ToolsFound, records.StageMark, records.Trouble, records.Cancelled, records.RunStopped)
_PUBLISHING: Final = (
    records.CacheConfigSeen,
    records.BuildFacts,
    records.ChildEnded,
    records.PushSetKnown,
    records.ReferencesKnown,
    records.MissingAsked,
    records.BodyRead,
    NixConfigSeen,
    NixRead,
    records.CaptureClosed,
)
_MAY: Final[Mapping[str, tuple[type, ...]]] = {
    PRE: (*PHASED, records.CacheConfigSeen, records.ControlTried, records.CaptureClosed, LogStood),
    DURING: (records.BucketSampled,),
    POST: (
        *PHASED,
        records.CacheConfigSeen,
        records.ControlTried,
        records.CaptureClosed,
        StoreLogRead,
        records.PushSetKnown,
        records.ReferencesKnown,
        records.ReferenceLooked,
        records.BodyRead,
        records.CanaryObject,
    ),
    PUBLISH: _PUBLISHING,
}
_JOURNALS: Final = frozenset(f"part-{name}.jsonl" for name in PARTS)


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part as it was taken: its document, its digest, what its job told of that, and its entries."""

    document: PartDocument
    digest: str
    job_digest: str | None
    journal_log: JournalLog


def is_joined(journal_log: JournalLog) -> bool:
    """Whether a journal is that of a joined run."""
    return any(isinstance(entry.record, PartJoined | PartRejected) for entry in journal_log.entries)


def journal_name(part: str) -> str:
    """The file of the joined folder that is a part's own journal."""
    return f"part-{part}.jsonl"


def is_part(name: str) -> bool:
    """Whether a file of a joined folder is a part's own journal."""
    return name in _JOURNALS


def fold_any(journal_log: JournalLog, captures: Captures) -> Facts:
    """The facts of a run, joined or not.

    Raises `ForeignTextError` where the journal is none, or a part in the folder is not what the journal says of it.
    """
    return _fold_joined(journal_log, captures) if is_joined(journal_log) else fold(journal_log, captures)


def _fold_joined(journal_log: JournalLog, captures: Captures) -> Facts:
    parts: dict[str, Part] = {record.part: read_joined(record, captures) for record in journal_log.of(PartJoined)}
    if len(parts) != len(journal_log.of(PartJoined)):
        raise ForeignTextError("the journal joins two parts of one kind: this is no joined run of ours")
    files = {name: stream for name, stream in captures.items() if not is_part(name)}
    strange = sorted(set(captures) - set(files) - set(map(journal_name, parts)))
    if strange:
        raise ForeignTextError(f"{strange[0]} lies in the folder, and the journal joins no such part")
    kept = {name: _kept(part, parts) for name, part in parts.items()}
    facts = fold(_one_tape(journal_log, parts, {name: entries for name, (entries, _) in kept.items()}), files)
    complete = facts.journal.complete and all(part.document.complete for part in parts.values())
    return replace(
        facts,
        journal=replace(facts.journal, complete=complete, clock_jump_millis=_jump(parts)),
        parts=tuple(_facts(journal_log, parts, {name: strays for name, (_, strays) in kept.items()})),
    )


def _jump(parts: Mapping[str, Part]) -> int:
    """The worst of the parts' own: each has a steady clock of its own machine."""
    return max((clock_jump_millis(part.journal_log.entries) for part in parts.values()), default=0)


def read_joined(record: PartJoined, captures: Captures) -> Part:
    """A part from the joined folder, every byte of it checked. Raises `ForeignTextError` with the first difference."""
    stored = record.document.encode()
    name = journal_name(record.part)
    if sha256(stored).hexdigest() != record.digest or name not in captures:
        raise ForeignTextError(
            f"the document of the part {record.part} does not have its digest, or its journal is missing"
        )
    document = read_part(stored)
    where = {row.name: name if row.name == JOURNAL else row.name for row in document.manifest}
    rows = [_measured(row, captures, where[row.name]) for row in document.manifest]
    journal_log = read_chain(lines_of(captures[name]()))
    if document.part != record.part or part_bytes(part_document(journal_log, rows)) != stored:
        raise ForeignTextError(f"the part {record.part} is not what its own journal and files give")
    return Part(document=document, digest=record.digest, job_digest=record.job_digest, journal_log=journal_log)


def _measured(row: ManifestEntry, captures: Captures, name: str) -> ManifestEntry:
    """The row of a file as it is now."""
    if name not in captures:
        raise ForeignTextError(f"{ascii(name)[:100]} of a part is missing")
    running, size = sha256(), 0
    for block in captures[name]():
        running.update(block)
        size += len(block)
    return ManifestEntry(name=row.name, kind=row.kind, bytes=size, sha256=running.hexdigest())


# --- what is taken of a part ------------------------------------------------------------------------------------------


def _kept(part: Part, parts: Mapping[str, Part]) -> tuple[list[records.Entry], tuple[str, ...]]:
    """The entries of a part that are folded, and a sentence for each kind of record that it had no right to give."""
    kept: list[records.Entry] = []
    strays: dict[str, None] = {}
    name = part.document.part
    for entry in part.journal_log.entries:
        record = entry.record
        if isinstance(record, _FRAME):
            continue
        why = _stray(name, record)
        if why is not None:
            strays[why] = None
        elif isinstance(record, records.RunStopped):
            # Some stops count neither way: no job of a split run may say that after others have acted.
            kept.append(replace(entry, record=records.Trouble(stage=name, message=f"stopped: {record.reason}")))
        elif name != PUBLISH or not _mere_claim(record, parts):
            kept.append(entry)
    strays |= dict.fromkeys(_contradictions(part, parts))
    return kept, tuple(strays)


def _stray(part: str, record: records.Record) -> str | None:
    if not isinstance(record, (*_ANYONE, *_MAY[part])):
        return f"a record of kind {record.kind} is not the part {part}'s to give"
    if isinstance(record, PHASED) and record.phase.value != part:
        return f"a record of kind {record.kind} is of the phase {record.phase.value}, and not of {part}"
    if isinstance(record, records.CaptureClosed) and (record.name in PUBLISHED_LOGS) != (part == PUBLISH):
        return f"the capture {ascii(record.name)[:80]} is not the part {part}'s to give"
    return None


def _mere_claim(record: records.Record, parts: Mapping[str, Part]) -> bool:
    """What the publishing job says to its own credit, and another job has to say.

    These are what it was told of the caches and of references, a plan that ``post`` has taken over, and reads that came
    back whole.
    """
    if isinstance(record, records.PushSetKnown):
        return POST in parts and record.label in _plans(parts[POST])
    if isinstance(record, records.BodyRead):
        return record.again_after_post or _came_whole(record, parts)
    return isinstance(record, records.CacheConfigSeen | records.ReferencesKnown)


def _came_whole(read: records.BodyRead, parts: Mapping[str, Part]) -> bool:
    plan = _plans(parts[PUBLISH]).get(read.label)
    facts = {path.store_path: path for path in plan.paths} if plan is not None else {}
    if read.store_path not in facts:
        return False
    expected = Expected(
        label=read.label,
        cache=read.cache,
        facts=facts[read.store_path],
        claim=Claim.UPLOADED,
        public_key=_public_key(read.cache, parts),
    )
    return fold_body(expected, [("", read)]).reads[0].code == WHOLE


def _public_key(cache: str, parts: Mapping[str, Part]) -> str | None:
    seen = [
        record
        for name in (PRE, POST)
        if name in parts
        for record in parts[name].journal_log.of(records.CacheConfigSeen)
    ]
    keys = [cache_facts(record).public_key for record in seen if record.cache == cache]
    return keys[-1] if keys else None


def _plans(part: Part) -> Mapping[Label, records.PushSetKnown]:
    return {record.label: record for record in part.journal_log.of(records.PushSetKnown)}


def _contradictions(part: Part, parts: Mapping[str, Part]) -> Iterator[str]:
    """Plans of ``post`` that are not those of ``publish``, but for what is left to an upstream."""
    if part.document.part != POST or PUBLISH not in parts:
        return
    claimed = _plans(parts[PUBLISH])
    for label, plan in _plans(part).items():
        other = claimed.get(label)
        if other is None or (plan.cache, plan.paths, plan.outputs) != (other.cache, other.paths, other.outputs):
            yield f"the plan of the {label.value} in post is not the one of publish"


# --- one tape ---------------------------------------------------------------------------------------------------------


def _one_tape(
    journal_log: JournalLog, parts: Mapping[str, Part], kept: Mapping[str, Sequence[records.Entry]]
) -> JournalLog:
    """The joined journal's first record, at the time of the earliest part; the parts; the joined journal's end."""
    first, last = journal_log.entries[0], journal_log.entries[-1]
    began = min((part.document.started_at for part in parts.values()), default=first.at)
    seen: dict[str, str] = {}
    own = [entry for entry in journal_log.entries[1:] if not isinstance(entry.record, PartJoined | PartRejected)]
    by_part = {
        name: [_told_by(entry, name, seen, parts[name]) for entry in kept[name]] for name in PARTS if name in kept
    }
    between = sorted((*by_part.get(PUBLISH, ()), *by_part.get(DURING, ())), key=lambda entry: entry.at)
    ends = [replace(entry, mono_millis=_millis(entry.at)) for entry in own or [last]]
    begins = replace(first, at=began, mono_millis=_millis(began))
    whole = (begins, *by_part.get(PRE, ()), *between, *by_part.get(POST, ()), *ends)
    torn = journal_log.torn or any(part.journal_log.torn for part in parts.values())
    return JournalLog(entries=tuple(replace(entry, seq=number) for number, entry in enumerate(whole)), torn=torn)


def _told_by(entry: records.Entry, name: str, seen: dict[str, str], part: Part) -> records.Entry:
    """An entry as the joined run has it.

    Each job has a steady clock of its own: all begin at the time of the part's first record, so that a jump within a
    part still shows. A stage that an earlier part has too gets the part's name before its own.
    """
    start = part.journal_log.entries[0]
    record = entry.record
    if isinstance(record, records.StageMark) and seen.setdefault(record.name, name) != name:
        record = replace(record, name=f"{name}:{record.name}")
    return replace(entry, mono_millis=_millis(start.at) + entry.mono_millis - start.mono_millis, record=record)


def _millis(at: str) -> int:
    """Milliseconds since the epoch; the times of parts have been checked, our own are as we write them."""
    return (datetime.fromisoformat(at) - _UNIX_EPOCH) // timedelta(milliseconds=1)


def _facts(
    journal_log: JournalLog, parts: Mapping[str, Part], strays: Mapping[str, tuple[str, ...]]
) -> Iterator[PartFacts]:
    """A row for each kind of part, and one for each folder that was not taken."""
    rejected = journal_log.of(PartRejected)
    named = {record.part for record in rejected}
    for name in PARTS:
        if name in parts:
            yield _taken(parts[name], strays[name])
        elif name not in named:
            yield PartFacts(part=name, state=MISSING)
    for record in rejected:
        yield PartFacts(
            part=record.part or "unknown", state=REJECTED, code=record.code, reason=record.reason, digest=record.digest
        )


def _taken(part: Part, strays: tuple[str, ...]) -> PartFacts:
    document = part.document
    return PartFacts(
        part=document.part,
        state=JOINED,
        digest=part.digest,
        job_digest=part.job_digest,
        run=document.run,
        policy=document.policy,
        tools=document.tools,
        previous=document.previous,
        started_at=document.started_at,
        ended_at=document.ended_at,
        records=document.records,
        complete=document.complete,
        disallowed_records=strays,
    )
