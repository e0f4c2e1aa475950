"""Folds a journal and its captures into the facts of ``evidence.json``. Nothing is judged here.

The order, as in docs/rules.md, section 2:

1. The first record is ``run-started``. Its policy holds for the whole run.
2. The journal's own facts come from the entries as they were written: the end of the run, the order of the records, the
   clock, and each capture against the size and digest that were recorded when it was closed.
3. Every answer that an HTTP cache may have kept, or that came before, becomes unknown (`origin_entries`). Reads of
   bodies are left as they are, and are classed for that in step 7.
4. A cache is what its own descriptions say. Two that differ make it unknown (`cache_facts`).
5. A path is an upstream's only by a signature that verifies here: what the run recorded is replaced
   (`upstream_entries`).
6. Each path of each push set gets one claim, from the client's output and from what the cache lacked before
   (`fold_push`).
7. Each read of each path that is not an upstream's gets its class (`fold_body`).
8. The events of the server's log are set beside what failed in steps 6 and 7, by time (`fold_server_log`).
9. The other facts depend on no further one: phases, samples during the push, build, controls, uploads, store,
   references, store log, machine and incident. Coverage counts the paths of steps 6 and 7.

Where a kind of record may be there once and is there twice, the last one is folded, and step 2 reports the disorder.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

from gate import limits
from gate.errors import ForeignTextError
from gate.evidence.bodies import Expected, fold_body
from gate.evidence.buckets import fold_buckets, fold_pace
from gate.evidence.capture import PREVIOUS_LOG, fold_incident
from gate.evidence.journal_order import clock_jump_millis, disorder
from gate.evidence.journal_reader import JournalLog
from gate.evidence.log_join import failures_of
from gate.evidence.machine import fold_machine, upstream_entries
from gate.evidence.origin import answers_in, origin_entries
from gate.evidence.push_coverage import fold_coverage, fold_during
from gate.evidence.pushes import PushSources, capture_name, child_name, fold_push
from gate.evidence.references import fold_references
from gate.evidence.server_log import fold_build, fold_server_log
from gate.evidence.store_identity import fold_store
from gate.evidence.store_log import STORE_LOG, fold_drives, fold_store_log
from gate.evidence.stored_objects import fold_uploads
from gate.evidence.tofu_state import fold_state
from gate.model import records
from gate.model.basics import Claim, Label, Phase, Truth
from gate.model.bodies import Body, References
from gate.model.captures import DiskLook, DiskSeen, EventsSeen, PreviousLogSeen, ReplicaCanaries, StoreLogRead
from gate.model.document import CacheFacts, Canary, Control, Facts, PhaseFacts, SlowAnswer, Stage, Subject, Workload
from gate.model.facts import Captured, JournalFacts, Push, Stopped
from gate.model.machine import NixConfigSeen, NixRead, ToolsFound
from gate.model.policy import Policy
from gate.parse.attic_json import parse_cache_config
from gate.parse.http_cache import network_before
from gate.parse.narinfo import key_name

Captures = Mapping[str, Callable[[], Iterable[bytes]]]
SERVER_LOG = "server.log"
BUILD_LOG = "build.log"
BUILD_CHILD = "build"
_OK = 200
_NOT_FOUND = 404


def fold(journal_log: JournalLog, captures: Captures) -> Facts:
    """The facts of a run. Raises `ForeignTextError` where the journal does not begin with ``run-started``."""
    first = journal_log.entries[0].record if journal_log.entries else None
    if not isinstance(first, records.RunStarted):
        raise ForeignTextError("the journal does not begin with a run-started record, so this is no evidence folder")
    journal = _journal(journal_log, captures)
    journal_log = replace(journal_log, entries=origin_entries(journal_log.entries))
    caches = tuple(_caches(journal_log))
    journal_log = replace(journal_log, entries=upstream_entries(journal_log.entries, first.policy, caches))
    push = fold_push(_pushes(journal_log, captures))
    bodies = tuple(_bodies(journal_log, push, {cache.name: cache.public_key for cache in caches}))
    server_log, canaries, replicas = fold_server_log(
        _chunks(captures, SERVER_LOG),
        journal_log.entries,
        failures_of(journal_log.entries, push, bodies),
        cut=_cut(journal, SERVER_LOG),
    )
    phases = {
        phase: replace(_phase(journal_log, phase, first.policy, canaries.get(phase)), replicas=replicas.get(phase, ()))
        for phase in (Phase.PRE, Phase.POST)
    }
    builds = journal_log.of(records.BuildFacts)
    return Facts(
        run=first.run,
        started_at=journal_log.entries[0].at,
        ended_at=journal_log.entries[-1].at,
        subject=_subject(first, caches, journal_log, phases),
        policy=first.policy,
        tools=first.tools,
        stages=_stages(journal_log),
        pre=phases[Phase.PRE],
        during=fold_during(
            [record for record in journal_log.of(records.BucketSampled) if record.phase is Phase.DURING],
            journal_log.timed(records.ChildEnded),
            journal_log.timed(records.StageMark),
            first.policy.buckets,
            (attempt.label for attempt in push.attempts if attempt.started),
            seconds=first.policy.sample_deadline,
            disks=tuple(record.disk for record in journal_log.of(DiskLook) if record.phase is Phase.DURING),
        ),
        post=phases[Phase.POST],
        build=fold_build(
            builds[-1] if builds else None, _child(journal_log, BUILD_CHILD), _chunks(captures, BUILD_LOG)
        ),
        push=push,
        bodies=bodies,
        server_log=server_log,
        controls=tuple(
            Control(name=record.name, expected=record.expected, got=record.got, fired=record.fired)
            for record in journal_log.of(records.ControlTried)
        ),
        coverage=fold_coverage(push, bodies),
        uploads=fold_uploads(journal_log.of(records.UploadsSeen)),
        store=fold_store(journal_log.entries, first.policy.buckets),
        references=tuple(_references(journal_log, push, {cache.name: cache.public_key for cache in caches})),
        journal=journal,
        store_log=fold_store_log(
            journal_log.of(StoreLogRead), _chunks(captures, STORE_LOG), cut=_cut(journal, STORE_LOG)
        ),
        machine=fold_machine(journal_log.of(ToolsFound), journal_log.of(NixRead), journal_log.of(NixConfigSeen)),
        incident=fold_incident(
            journal_log.of(DiskSeen),
            journal_log.of(EventsSeen),
            journal_log.of(PreviousLogSeen),
            _chunks(captures, PREVIOUS_LOG),
        ),
        capture=first.capture,
    )


def _chunks(captures: Captures, name: str) -> Iterable[bytes] | None:
    return captures[name]() if name in captures else None


def _child(journal_log: JournalLog, name: str) -> records.ChildEnded | None:
    return next((child for child in reversed(journal_log.of(records.ChildEnded)) if child.name == name), None)


def _journal(journal_log: JournalLog, captures: Captures) -> JournalFacts:
    closed = tuple(
        Captured(
            name=record.name, bytes=record.bytes, sha256=record.sha256, cut=record.cut, redactions=record.redactions
        )
        for record in journal_log.of(records.CaptureClosed)
    )
    stopped = journal_log.of(records.RunStopped)
    cancelled = journal_log.of(records.Cancelled)
    return JournalFacts(
        records=len(journal_log.entries),
        complete=isinstance(journal_log.entries[-1].record, records.RunComplete),
        torn=journal_log.torn,
        stopped=Stopped(code=stopped[0].code, reason=stopped[0].reason) if stopped else None,
        cancelled=cancelled[0].reason if cancelled else None,
        troubles=tuple(f"{record.stage}: {record.message}" for record in journal_log.of(records.Trouble)),
        captures=closed,
        missing_captures=tuple(sorted(_doubtful_captures(journal_log, closed, captures))),
        disorder=disorder(journal_log.entries),
        clock_jump_millis=clock_jump_millis(journal_log.entries),
    )


def _doubtful_captures(journal_log: JournalLog, closed: Sequence[Captured], captures: Captures) -> set[str]:
    """Captures that are missing, were never closed, are in no record, or changed after they were closed."""
    children = {child.capture for child in journal_log.of(records.ChildEnded) if child.capture is not None}
    names = {capture.name for capture in closed}
    altered = {capture.name for capture in closed if capture.name in captures and not _is_unchanged(capture, captures)}
    return (children - names) | (names - set(captures)) | (set(captures) - names) | altered


def _is_unchanged(capture: Captured, captures: Captures) -> bool:
    """Whether a file has the size and digest that the run recorded; a full disk or somebody else may change it."""
    running, size = sha256(), 0
    for block in captures[capture.name]():
        running.update(block)
        size += len(block)
    return (size, running.hexdigest()) == (capture.bytes, capture.sha256)


def _cut(journal: JournalFacts, name: str) -> bool:
    return any(capture.cut for capture in journal.captures if capture.name == name)


def _pushes(journal_log: JournalLog, captures: Captures) -> list[PushSources]:
    """Every publication, in the order of their pushes; those that were never pushed come last."""
    order = {child.name: number for number, child in enumerate(journal_log.of(records.ChildEnded))}
    questions = {record.label: record for record in journal_log.of(records.MissingAsked)}
    cut = {record.name for record in journal_log.of(records.CaptureClosed) if record.cut}
    return [
        PushSources(
            push_set=record,
            missing_asked=questions.get(record.label),
            ended=_child(journal_log, child_name(record.label)),
            log=_chunks(captures, capture_name(record.label)) or (),
            cut=capture_name(record.label) in cut,
        )
        for record in sorted(
            {record.label: record for record in journal_log.of(records.PushSetKnown)}.values(),
            key=lambda record: (order.get(child_name(record.label), len(order)), list(Label).index(record.label)),
        )
    ]


def _references(journal_log: JournalLog, push: Push, keys: Mapping[str, str | None]) -> Iterable[References]:
    """The references of each publication whose push began."""
    started = {attempt.label for attempt in push.attempts if attempt.started}
    plans = {record.label: record for record in journal_log.of(records.PushSetKnown)}
    recorded = {record.label: record for record in journal_log.of(records.ReferencesKnown)}
    for label in (label for label in Label if label in started):
        looks = [look for look in journal_log.of(records.ReferenceLooked) if look.label is label]
        own_key = key_name(keys.get(plans[label].cache) or "")
        yield fold_references(plans[label], recorded.get(label), looks, own_key=own_key)


def _bodies(journal_log: JournalLog, push: Push, keys: Mapping[str, str | None]) -> Iterable[Body]:
    reads: dict[tuple[Label, str], list[tuple[str, records.BodyRead]]] = {}
    for at, read in journal_log.timed(records.BodyRead):
        reads.setdefault((read.label, read.store_path), []).append((at, read))
    sets = {record.label: record for record in journal_log.of(records.PushSetKnown)}
    facts = {(label, path.store_path): path for label, record in sets.items() for path in record.paths}
    at_origin = [read for read in journal_log.of(records.BodyRead) if read.at_origin]
    origin_known = any(read.narinfo.ok and f"StorePath: {read.store_path}\n" in read.narinfo.body for read in at_origin)
    for path in push.paths:
        if path.claim is not Claim.IN_UPSTREAM:
            expected = Expected(
                label=path.label,
                cache=path.cache,
                facts=facts[(path.label, path.store_path)],
                claim=path.claim,
                doubted=path.doubted,
                public_key=keys.get(path.cache),
                origin_known=origin_known,
            )
            yield fold_body(expected, reads.get((path.label, path.store_path), ()))


def _caches(journal_log: JournalLog) -> Iterable[CacheFacts]:
    """Each cache as it described itself; it is unknown where its descriptions before and after differ."""
    descriptions: dict[str, list[CacheFacts]] = {}
    for record in journal_log.of(records.CacheConfigSeen):
        descriptions.setdefault(record.cache, []).append(cache_facts(record))
    for cache, rows in descriptions.items():
        same = all(row == rows[0] for row in rows)
        yield rows[0] if same else _unknown_cache(cache, "its descriptions in this run differ")


def cache_facts(record: records.CacheConfigSeen) -> CacheFacts:
    """A cache by its own description, or the reason why the description could not be read."""
    answer = record.answer
    note = answer.error or f"HTTP {answer.status}"
    if answer.ok:
        try:
            config = parse_cache_config(answer.body.encode())
        except ForeignTextError as error:
            note = str(error)
        else:
            return CacheFacts(
                name=record.cache,
                truth=Truth.PRESENT,
                public_key=config.public_key,
                api_endpoint=config.api_endpoint,
                substituter_endpoint=config.substituter_endpoint,
                is_public=config.is_public,
                upstream_key_names=config.upstream_cache_key_names,
                note="",
            )
    return _unknown_cache(record.cache, note)


def _unknown_cache(cache: str, note: str) -> CacheFacts:
    return CacheFacts(
        name=cache,
        truth=Truth.UNKNOWN,
        public_key=None,
        api_endpoint=None,
        substituter_endpoint=None,
        is_public=None,
        upstream_key_names=(),
        note=note,
    )


def _phase(journal_log: JournalLog, phase: Phase, policy: Policy, canary: Canary | None) -> PhaseFacts:
    samples = [record for record in journal_log.of(records.BucketSampled) if record.phase is phase]
    buckets = fold_buckets(
        samples, policy.buckets, samples_requested=policy.samples, spacing_millis=round(policy.sample_spacing * 1000)
    )
    states = [record for record in journal_log.of(records.StateSeen) if record.phase is phase]
    return PhaseFacts(
        buckets=buckets,
        pace=fold_pace(samples, buckets),
        slow=tuple(_slow(journal_log.entries, phase)),
        drives=fold_drives(samples),
        state=fold_state(states[-1]) if states else None,
        workloads=tuple(
            Workload(
                role=record.role,
                place=record.place,
                truth=record.truth,
                identity=record.identity,
                started=record.started,
                error=record.error,
                image=record.image,
                listening=record.listening,
                owner=record.owner,
            )
            for record in journal_log.of(records.WorkloadSeen)
            if record.phase is phase
        ),
        canary=canary,
        disks=tuple(record.disk for record in journal_log.of(DiskLook) if record.phase is phase),
        replicas_error=next(
            (look.error for look in reversed(journal_log.of(ReplicaCanaries)) if look.phase is phase), ""
        ),
    )


def _slow(entries: Sequence[records.Entry], phase: Phase) -> Iterable[SlowAnswer]:
    """Answers outside of the samples that took longer than the time after which RustFS gives up a disk operation."""
    for entry in entries:
        record = entry.record
        if isinstance(record, records.StateSeen | records.UploadsSeen) and record.phase is phase:
            for answer in answers_in(record):
                if answer.millis > limits.STORE_SLOW_SECONDS * 1000:
                    yield SlowAnswer(source=record.kind, at=entry.at, millis=answer.millis)


def _stages(journal_log: JournalLog) -> tuple[Stage, ...]:
    rows: dict[str, Stage] = {}
    for at, mark in journal_log.timed(records.StageMark):
        old = rows.get(mark.name)
        rows[mark.name] = Stage(
            name=mark.name,
            state=mark.state,
            started_at=at if mark.state == "started" else (old.started_at if old else None),
            ended_at=at if mark.state == "ended" else None,
            note=mark.note or (old.note if old else ""),
        )
    return tuple(rows.values())


def _subject(
    first: records.RunStarted,
    caches: tuple[CacheFacts, ...],
    journal_log: JournalLog,
    phases: Mapping[Phase, PhaseFacts],
) -> Subject:
    profile = [record for record in journal_log.of(records.PushSetKnown) if record.label is Label.PROFILE]
    answers = [record.answer for record in journal_log.of(records.CacheConfigSeen)]
    answers += [record.answer for record in journal_log.of(records.MissingAsked)]
    answers += [read.narinfo for read in journal_log.of(records.BodyRead) if not read.at_origin]
    networks = (network_before(answer.headers) for answer in answers)
    return Subject(
        commit=first.run.commit,
        endpoint=first.policy.attic_server,
        cache=first.policy.attic_cache,
        caches=caches,
        push_set_digest=push_set_digest(profile[-1]) if profile else None,
        epochs=tuple(
            sorted({row.identity for facts in phases.values() for row in facts.workloads if row.identity is not None})
        ),
        network=next((line for line in networks if line is not None), None),
    )


def push_set_digest(push_set: records.PushSetKnown) -> str:
    """sha256, in hex, over ``<store path> <NarHash>`` lines in sorted order."""
    lines = sorted(f"{path.store_path} {path.nar_hash}\n" for path in push_set.paths)
    return sha256("".join(lines).encode()).hexdigest()
