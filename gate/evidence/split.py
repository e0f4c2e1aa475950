"""Writes the document of each part of a split run, and folds all parts into the facts of one run."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from gate.errors import ForeignTextError
from gate.evidence.bodies import WHOLE, Expected, fold_body
from gate.evidence.codec import canonical, entry_line, read_part
from gate.evidence.fold import BUILD_LOG, Captures, cache_facts, fold
from gate.evidence.journal_order import PHASED, clock_jump_millis
from gate.evidence.journal_reader import JournalLog, is_time, lines_of, read_chain
from gate.evidence.pushes import capture_name
from gate.model import records
from gate.model.basics import Claim, Label
from gate.model.captures import StoreLogRead
from gate.model.document import PART_SCHEMA, Facts, ManifestEntry, PartDocument
from gate.model.machine import NixConfigSeen, NixRead, ToolsFound
from gate.model.policy import Identity, Policy
from gate.model.records import BucketSampled, Entry, RunComplete, RunStarted
from gate.model.split import (
    DURING,
    PARTS,
    POST,
    PRE,
    PUBLISH,
    LogPosition,
    PartBegun,
    PartFacts,
    PartJoined,
    PartRejected,
)
from gate.model.time import epoch_millis

JOURNAL: Final = "journal.jsonl"
PUBLISHED_LOGS: Final = frozenset({BUILD_LOG, *(capture_name(label) for label in Label)})
_MILLIS: Final = re.compile(rb'"millis":(-?[0-9]+)')
_MAX_MILLIS: Final = 7 * 24 * 3600 * 1000  # nothing in a run takes a week
# What must be the same in every part. The runner, Python, system and tool versions may differ between jobs.
_SHARED_IDENTITY: Final = (
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

JOINED, MISSING, REJECTED = "joined", "missing", "rejected"
_FRAME: Final = (records.RunStarted, PartBegun, records.RunComplete)
_EVERY_PART: Final = (ToolsFound, records.StageMark, records.Trouble, records.Cancelled, records.RunStopped)
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
_ALLOWED: Final[Mapping[str, tuple[type, ...]]] = {
    PRE: (*PHASED, records.CacheConfigSeen, records.ControlTried, records.CaptureClosed, LogPosition),
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
    run, part = part_head(journal_log)
    for entry in journal_log.entries:
        _check_numbers(entry)
    for row in manifest:
        if row.name != JOURNAL and (row.name in PUBLISHED_LOGS) != (part.part == PUBLISH):
            raise ForeignTextError(
                f"the part {part.part} has the file {ascii(row.name)[:80]}, which only another part may have"
            )
    return PartDocument(
        schema=PART_SCHEMA,
        part=part.part,
        run=run.run,
        policy=policy_digest(run.policy),
        tools=run.tools,
        previous=part.previous,
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
    raise ForeignTextError("the journal does not begin with run-started and part, so this is not a part of a split run")


def run_differences(own: Identity, other: Identity) -> Iterator[str]:
    """A sentence for each field (run, attempt, nonce and so on) in which another part is not of this run."""
    for name in _SHARED_IDENTITY:
        got, expected = getattr(other, name), getattr(own, name)
        if got != expected:
            yield f"its {name.replace('_', ' ')} is {ascii(got)[:100]}, expected {ascii(expected)[:100]}"


def _check_numbers(entry: Entry) -> None:
    """Raises `ForeignTextError` for a malformed time, or a number that canonical JSON or arithmetic can't take."""
    bulk = isinstance(entry.record, BucketSampled)  # thousands in a watch, and the publishing job has none of them
    try:
        durations = [] if bulk else [int(number) for number in _MILLIS.findall(entry_line(entry))]
    except ValueError:  # a number beyond 2^53, which RFC 8785 can't write
        durations = [-1]
    if not is_time(entry.at) or not all(0 <= millis <= _MAX_MILLIS for millis in durations):
        raise ForeignTextError(f"record {entry.seq} of the part has a time or a number that the gate never writes")


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part as it was joined. ``job_digest`` is the digest that its job gave as an output."""

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

    Raises `ForeignTextError` where the journal is not one, or a part in the folder is not what the journal says of it.
    """
    return _fold_joined(journal_log, captures) if is_joined(journal_log) else fold(journal_log, captures)


def _fold_joined(journal_log: JournalLog, captures: Captures) -> Facts:
    parts: dict[str, Part] = {record.part: read_joined(record, captures) for record in journal_log.of(PartJoined)}
    if len(parts) != len(journal_log.of(PartJoined)):
        raise ForeignTextError("the journal joins two parts of one kind, which no joined run does")
    files = {name: stream for name, stream in captures.items() if not is_part(name)}
    unexpected = sorted(set(captures) - set(files) - set(map(journal_name, parts)))
    if unexpected:
        raise ForeignTextError(f"{unexpected[0]} is in the folder, and the journal joins no such part")
    folded: dict[str, list[records.Entry]] = {}
    disallowed: dict[str, tuple[str, ...]] = {}
    for name, part in parts.items():
        folded[name], disallowed[name] = _folded_entries(part, parts)
    facts = fold(_joined_log(journal_log, parts, folded), files)
    # The worst of the parts' jumps: each part has the steady clock of its machine.
    jump = max((clock_jump_millis(part.journal_log.entries) for part in parts.values()), default=0)
    complete = facts.journal.complete and all(part.document.complete for part in parts.values())
    return replace(
        facts,
        journal=replace(facts.journal, complete=complete, clock_jump_millis=jump),
        parts=tuple(_part_facts(journal_log, parts, disallowed)),
    )


def read_joined(record: PartJoined, captures: Captures) -> Part:
    """A part from the joined folder, with every byte checked. Raises `ForeignTextError` at the first difference."""
    stored = record.document.encode()
    name = journal_name(record.part)
    if sha256(stored).hexdigest() != record.digest or name not in captures:
        raise ForeignTextError(
            f"the document of the part {record.part} does not have its digest, or its journal is missing"
        )
    document = read_part(stored)
    rows = [_measured(row, captures, name if row.name == JOURNAL else row.name) for row in document.manifest]
    journal_log = read_chain(lines_of(captures[name]()))
    if document.part != record.part or part_bytes(part_document(journal_log, rows)) != stored:
        raise ForeignTextError(f"the part {record.part} does not match its journal and files")
    return Part(document=document, digest=record.digest, job_digest=record.job_digest, journal_log=journal_log)


def _measured(row: ManifestEntry, captures: Captures, name: str) -> ManifestEntry:
    """The manifest row of a file as it is now."""
    if name not in captures:
        raise ForeignTextError(f"{ascii(name)[:100]} of a part is missing")
    running, size = sha256(), 0
    for block in captures[name]():
        running.update(block)
        size += len(block)
    return ManifestEntry(name=row.name, kind=row.kind, bytes=size, sha256=running.hexdigest())


def _folded_entries(part: Part, parts: Mapping[str, Part]) -> tuple[list[records.Entry], tuple[str, ...]]:
    """The entries of a part that are folded, and a sentence for each kind of record that the part may not have."""
    entries: list[records.Entry] = []
    disallowed: dict[str, None] = {}
    name = part.document.part
    for entry in part.journal_log.entries:
        record = entry.record
        if isinstance(record, _FRAME):
            continue
        problem = _disallowed(name, record)
        if problem is not None:
            disallowed[problem] = None
        elif isinstance(record, records.RunStopped):
            # Some stops make a run neutral. No job of a split run may claim that after other jobs have acted.
            entries.append(replace(entry, record=records.Trouble(stage=name, message=f"stopped: {record.reason}")))
        elif name != PUBLISH or not _is_own_claim(record, parts):
            entries.append(entry)
    disallowed |= dict.fromkeys(_contradictions(part, parts))
    return entries, tuple(disallowed)


def _disallowed(part: str, record: records.Record) -> str | None:
    if not isinstance(record, (*_EVERY_PART, *_ALLOWED[part])):
        return f"a record of kind {record.kind} does not belong in the part {part}"
    if isinstance(record, PHASED) and record.phase.value != part:
        return f"a record of kind {record.kind} is of the phase {record.phase.value}, and not of {part}"
    if isinstance(record, records.CaptureClosed) and (record.name in PUBLISHED_LOGS) != (part == PUBLISH):
        return f"the capture {ascii(record.name)[:80]} does not belong in the part {part}"
    return None


def _is_own_claim(record: records.Record, parts: Mapping[str, Part]) -> bool:
    """Whether a record of the publishing job is to its own credit, so that only another job may prove it.

    Such are descriptions of caches and of references, a plan that ``post`` has taken over, and whole reads.
    """
    if isinstance(record, records.PushSetKnown):
        return POST in parts and record.label in _plans(parts[POST])
    if isinstance(record, records.BodyRead):
        return record.again_after_post or _is_whole_read(record, parts)
    return isinstance(record, records.CacheConfigSeen | records.ReferencesKnown)


def _is_whole_read(read: records.BodyRead, parts: Mapping[str, Part]) -> bool:
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
    descriptions = [
        record
        for name in (PRE, POST)
        if name in parts
        for record in parts[name].journal_log.of(records.CacheConfigSeen)
    ]
    keys = [cache_facts(record).public_key for record in descriptions if record.cache == cache]
    return keys[-1] if keys else None


def _plans(part: Part) -> Mapping[Label, records.PushSetKnown]:
    return {record.label: record for record in part.journal_log.of(records.PushSetKnown)}


def _contradictions(part: Part, parts: Mapping[str, Part]) -> Iterator[str]:
    """A sentence for each plan of ``post`` that differs from ``publish`` in more than what is left to an upstream."""
    if part.document.part != POST or PUBLISH not in parts:
        return
    published = _plans(parts[PUBLISH])
    for label, plan in _plans(part).items():
        other = published.get(label)
        if other is None or (plan.cache, plan.paths, plan.outputs) != (other.cache, other.paths, other.outputs):
            yield f"the plan of the {label.value} in post is not the one of publish"


def _joined_log(
    journal_log: JournalLog, parts: Mapping[str, Part], folded: Mapping[str, Sequence[records.Entry]]
) -> JournalLog:
    """One log: the joined journal's first record, at the time of the earliest part; the parts; its end."""
    first, last = journal_log.entries[0], journal_log.entries[-1]
    start = min((part.document.started_at for part in parts.values()), default=first.at)
    stage_parts: dict[str, str] = {}
    remaining = [entry for entry in journal_log.entries[1:] if not isinstance(entry.record, PartJoined | PartRejected)]
    by_part = {
        name: [_rebased(entry, name, stage_parts, parts[name]) for entry in folded[name]]
        for name in PARTS
        if name in folded
    }
    between = sorted((*by_part.get(PUBLISH, ()), *by_part.get(DURING, ())), key=lambda entry: entry.at)
    ends = [replace(entry, mono_millis=epoch_millis(entry.at)) for entry in remaining or [last]]
    begins = replace(first, at=start, mono_millis=epoch_millis(start))
    entries = (begins, *by_part.get(PRE, ()), *between, *by_part.get(POST, ()), *ends)
    torn = journal_log.torn or any(part.journal_log.torn for part in parts.values())
    return JournalLog(entries=tuple(replace(entry, seq=number) for number, entry in enumerate(entries)), torn=torn)


def _rebased(entry: records.Entry, name: str, stage_parts: dict[str, str], part: Part) -> records.Entry:
    """An entry as the joined run has it.

    Each job has its own steady clock. Here it starts at the time of the part's first record, so that a jump within a
    part still shows. A stage that an earlier part has too gets the name of its part as a prefix.
    """
    start = part.journal_log.entries[0]
    record = entry.record
    if isinstance(record, records.StageMark) and stage_parts.setdefault(record.name, name) != name:
        record = replace(record, name=f"{name}:{record.name}")
    return replace(entry, mono_millis=epoch_millis(start.at) + entry.mono_millis - start.mono_millis, record=record)


def _part_facts(
    journal_log: JournalLog, parts: Mapping[str, Part], disallowed: Mapping[str, tuple[str, ...]]
) -> Iterator[PartFacts]:
    """A row for each kind of part, and one for each folder that was rejected."""
    rejected = journal_log.of(PartRejected)
    rejected_parts = {record.part for record in rejected}
    for name in PARTS:
        if name in parts:
            document = parts[name].document
            yield PartFacts(
                part=document.part,
                state=JOINED,
                digest=parts[name].digest,
                job_digest=parts[name].job_digest,
                run=document.run,
                policy=document.policy,
                tools=document.tools,
                previous=document.previous,
                started_at=document.started_at,
                ended_at=document.ended_at,
                records=document.records,
                complete=document.complete,
                disallowed_records=disallowed[name],
            )
        elif name not in rejected_parts:
            yield PartFacts(part=name, state=MISSING)
    for record in rejected:
        yield PartFacts(
            part=record.part or "unknown", state=REJECTED, code=record.code, reason=record.reason, digest=record.digest
        )
