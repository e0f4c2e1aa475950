"""The parts of a split run → the facts of one run. Pure: the journal of each part lies in the joined folder, verbatim.

The joined journal names each part with its ``part.json``; its own journal is ``part-<part>.jsonl``, its captures keep
their names. What is folded is one tape: the records of ``pre``, then those of ``publish`` and ``during`` by time, then
those of ``post``. Each part gives only what it may: the publishing job runs foreign code, so nothing that it says of
buckets, state, servers, controls or upstream signatures is taken, and of its own reads only those that failed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from gate.errors import ForeignTextError
from gate.evidence.bodies import WHOLE, Expected, fold_body
from gate.evidence.chain import lines_of, read_chain
from gate.evidence.course import PHASED, clock_jump_millis
from gate.evidence.fold import Captures, Tape, cache_facts, fold
from gate.evidence.parts import JOURNAL, PUBLISHED_LOGS, part_bytes, part_document
from gate.evidence.wire import read_part
from gate.model import records as say
from gate.model.basics import Claim, Label
from gate.model.captures import StoreLogRead
from gate.model.document import Facts, ManifestEntry, PartDocument
from gate.model.machine import NixConfigSeen, NixRead, ToolsFound
from gate.model.split import DURING, PARTS, POST, PRE, PUBLISH, LogStood, PartBegun, PartFacts, PartJoined, PartRejected

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
JOINED, MISSING, REJECTED = "joined", "missing", "rejected"
_FRAME: Final = (say.RunStarted, PartBegun, say.RunComplete)
_ANYONE: Final = (ToolsFound, say.StageMark, say.Trouble, say.Cancelled, say.RunStopped)
_PUBLISHING: Final = (
    say.CacheConfigSeen,
    say.BuildFacts,
    say.ChildEnded,
    say.PushSetKnown,
    say.ReferencesKnown,
    say.MissingAsked,
    say.BodyRead,
    NixConfigSeen,
    NixRead,
    say.CaptureClosed,
)
_MAY: Final[Mapping[str, tuple[type, ...]]] = {
    PRE: (*PHASED, say.CacheConfigSeen, say.ControlTried, say.CaptureClosed, LogStood),
    DURING: (say.BucketSampled,),
    POST: (
        *PHASED,
        say.CacheConfigSeen,
        say.ControlTried,
        say.CaptureClosed,
        StoreLogRead,
        say.PushSetKnown,
        say.ReferencesKnown,
        say.ReferenceLooked,
        say.BodyRead,
        say.CanaryObject,
    ),
    PUBLISH: _PUBLISHING,
}
_JOURNALS: Final = frozenset(f"part-{name}.jsonl" for name in PARTS)


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part as it was taken: its document, its digest, what its job told of that, and its entries."""

    document: PartDocument
    digest: str
    told: str | None
    tape: Tape


def is_joined(tape: Tape) -> bool:
    """Whether a journal is that of a joined run."""
    return any(isinstance(entry.record, PartJoined | PartRejected) for entry in tape.entries)


def journal_name(part: str) -> str:
    """The file of the joined folder that is a part's own journal."""
    return f"part-{part}.jsonl"


def is_part(name: str) -> bool:
    """Whether a file of a joined folder is a part's own journal."""
    return name in _JOURNALS


def fold_any(tape: Tape, captures: Captures) -> Facts:
    """The facts of a run, joined or not.

    Raises `ForeignTextError` where the journal is none, or a part in the folder is not what the journal says of it.
    """
    return _fold_joined(tape, captures) if is_joined(tape) else fold(tape, captures)


def _fold_joined(tape: Tape, captures: Captures) -> Facts:
    parts: dict[str, Part] = {record.part: read_joined(record, captures) for record in tape.of(PartJoined)}
    if len(parts) != len(tape.of(PartJoined)):
        message = "the journal joins two parts of one kind: this is no joined run of ours"
        raise ForeignTextError(message)
    files = {name: stream for name, stream in captures.items() if not is_part(name)}
    strange = sorted(set(captures) - set(files) - set(map(journal_name, parts)))
    if strange:
        message = f"{strange[0]} lies in the folder, and the journal joins no such part"
        raise ForeignTextError(message)
    kept = {name: _kept(part, parts) for name, part in parts.items()}
    facts = fold(_one_tape(tape, parts, {name: entries for name, (entries, _) in kept.items()}), files)
    complete = facts.journal.complete and all(part.document.complete for part in parts.values())
    return replace(
        facts,
        journal=replace(facts.journal, complete=complete, clock_jump_millis=_jump(parts)),
        parts=tuple(_facts(tape, parts, {name: strays for name, (_, strays) in kept.items()})),
    )


def _jump(parts: Mapping[str, Part]) -> int:
    """The worst of the parts' own: each has a steady clock of its own machine."""
    return max((clock_jump_millis(part.tape.entries) for part in parts.values()), default=0)


def read_joined(record: PartJoined, captures: Captures) -> Part:
    """A part from the joined folder, every byte of it checked. Raises `ForeignTextError` with the first difference."""
    stored = record.document.encode()
    name = journal_name(record.part)
    if sha256(stored).hexdigest() != record.digest or name not in captures:
        message = f"the document of the part {record.part} does not have its digest, or its journal is missing"
        raise ForeignTextError(message)
    document = read_part(stored)
    where = {row.name: name if row.name == JOURNAL else row.name for row in document.manifest}
    rows = [_measured(row, captures, where[row.name]) for row in document.manifest]
    tape = read_chain(lines_of(captures[name]()))
    if document.part != record.part or part_bytes(part_document(tape, rows)) != stored:
        message = f"the part {record.part} is not what its own journal and files give"
        raise ForeignTextError(message)
    return Part(document=document, digest=record.digest, told=record.told, tape=tape)


def _measured(row: ManifestEntry, captures: Captures, name: str) -> ManifestEntry:
    """The row of a file as it is now."""
    if name not in captures:
        message = f"{ascii(name)[:100]} of a part is missing"
        raise ForeignTextError(message)
    running, size = sha256(), 0
    for block in captures[name]():
        running.update(block)
        size += len(block)
    return ManifestEntry(name=row.name, kind=row.kind, bytes=size, sha256=running.hexdigest())


# --- what is taken of a part ------------------------------------------------------------------------------------------


def _kept(part: Part, parts: Mapping[str, Part]) -> tuple[list[say.Entry], tuple[str, ...]]:
    """The entries of a part that are folded, and a sentence for each kind of record that it had no right to give."""
    kept: list[say.Entry] = []
    strays: dict[str, None] = {}
    name = part.document.part
    for entry in part.tape.entries:
        record = entry.record
        if isinstance(record, _FRAME):
            continue
        why = _stray(name, record)
        if why is not None:
            strays[why] = None
        elif isinstance(record, say.RunStopped):
            # Some stops count neither way: no job of a split run may say that after others have acted.
            kept.append(replace(entry, record=say.Trouble(stage=name, message=f"stopped: {record.reason}")))
        elif name != PUBLISH or not _mere_claim(record, parts):
            kept.append(entry)
    strays |= dict.fromkeys(_contradictions(part, parts))
    return kept, tuple(strays)


def _stray(part: str, record: say.Record) -> str | None:
    if not isinstance(record, (*_ANYONE, *_MAY[part])):
        return f"a record of kind {record.kind} is not the part {part}'s to give"
    if isinstance(record, PHASED) and record.phase.value != part:
        return f"a record of kind {record.kind} is of the phase {record.phase.value}, and not of {part}"
    if isinstance(record, say.CaptureClosed) and (record.name in PUBLISHED_LOGS) != (part == PUBLISH):
        return f"the capture {ascii(record.name)[:80]} is not the part {part}'s to give"
    return None


def _mere_claim(record: say.Record, parts: Mapping[str, Part]) -> bool:
    """What the publishing job says to its own credit, and another job has to say.

    These are what it was told of the caches and of references, a plan that ``post`` has taken over, and reads that came
    back whole.
    """
    if isinstance(record, say.PushSetKnown):
        return POST in parts and record.label in _plans(parts[POST])
    if isinstance(record, say.BodyRead):
        return record.again_after_post or _came_whole(record, parts)
    return isinstance(record, say.CacheConfigSeen | say.ReferencesKnown)


def _came_whole(read: say.BodyRead, parts: Mapping[str, Part]) -> bool:
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
    seen = [record for name in (PRE, POST) if name in parts for record in parts[name].tape.of(say.CacheConfigSeen)]
    keys = [cache_facts(record).public_key for record in seen if record.cache == cache]
    return keys[-1] if keys else None


def _plans(part: Part) -> Mapping[Label, say.PushSetKnown]:
    return {record.label: record for record in part.tape.of(say.PushSetKnown)}


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


def _one_tape(tape: Tape, parts: Mapping[str, Part], kept: Mapping[str, Sequence[say.Entry]]) -> Tape:
    """The joined journal's first record, at the time of the earliest part; the parts; the joined journal's end."""
    first, last = tape.entries[0], tape.entries[-1]
    began = min((part.document.started_at for part in parts.values()), default=first.at)
    seen: dict[str, str] = {}
    own = [entry for entry in tape.entries[1:] if not isinstance(entry.record, PartJoined | PartRejected)]
    by_part = {
        name: [_told_by(entry, name, seen, parts[name]) for entry in kept[name]] for name in PARTS if name in kept
    }
    between = sorted((*by_part.get(PUBLISH, ()), *by_part.get(DURING, ())), key=lambda entry: entry.at)
    ends = [replace(entry, mono_millis=_millis(entry.at)) for entry in own or [last]]
    begins = replace(first, at=began, mono_millis=_millis(began))
    whole = (begins, *by_part.get(PRE, ()), *between, *by_part.get(POST, ()), *ends)
    torn = tape.torn or any(part.tape.torn for part in parts.values())
    return Tape(entries=tuple(replace(entry, seq=number) for number, entry in enumerate(whole)), torn=torn)


def _told_by(entry: say.Entry, name: str, seen: dict[str, str], part: Part) -> say.Entry:
    """An entry as the joined run has it.

    Each job has a steady clock of its own: all begin at the time of the part's first record, so that a jump within a
    part still shows. A stage that an earlier part has too gets the part's name before its own.
    """
    start = part.tape.entries[0]
    record = entry.record
    if isinstance(record, say.StageMark) and seen.setdefault(record.name, name) != name:
        record = replace(record, name=f"{name}:{record.name}")
    return replace(entry, mono_millis=_millis(start.at) + entry.mono_millis - start.mono_millis, record=record)


def _millis(at: str) -> int:
    """Milliseconds since the epoch; the times of parts have been checked, our own are as we write them."""
    return (datetime.fromisoformat(at) - _EPOCH) // timedelta(milliseconds=1)


def _facts(tape: Tape, parts: Mapping[str, Part], strays: Mapping[str, tuple[str, ...]]) -> Iterator[PartFacts]:
    """A row for each kind of part, and one for each folder that was not taken."""
    rejected = tape.of(PartRejected)
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
        told=part.told,
        run=document.run,
        policy=document.policy,
        tools=document.tools,
        previous=document.previous,
        started_at=document.started_at,
        ended_at=document.ended_at,
        records=document.records,
        complete=document.complete,
        strays=strays,
    )
