"""The account of a push: the plan, the database's claims, the client's lines → one claim for every path.

The client prints no line for cached and upstream paths; they follow from what ``get-missing-paths`` said before the
push and
from the local signatures, and must match the counts in the client's header.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gate import limits
from gate.errors import ForeignTextError
from gate.evidence.origin import of_origin
from gate.model.basics import Claim, Label, Truth
from gate.model.facts import Counts, Push, PushAttempt, PushPath
from gate.model.parsed import PushLine, PushReport
from gate.model.records import ChildEnded, MissingAsked, PathFacts, PushSetKnown
from gate.parse.attic_json import parse_missing_paths
from gate.parse.narinfo import key_name
from gate.parse.push_log import CONTRADICTED, PushLogParser
from gate.parse.store_path import hash_part


@dataclass(frozen=True, kw_only=True)
class PushSources:
    """All that the journal and the capture tell of one publication; ``ended`` is None when no push was begun."""

    push_set: PushSetKnown
    missing_asked: MissingAsked | None
    ended: ChildEnded | None
    log: Iterable[bytes]
    cut: bool


def child_name(label: Label) -> str:
    """The name under which the journal has the push of a label."""
    return f"push:{label.value}"


def capture_name(label: Label) -> str:
    """The capture that holds the client's output."""
    return f"push-{label.value}.log"


def fold_push(pushes: Sequence[PushSources]) -> Push:
    """Every publication of the run, in order, with every path in exactly one claim."""
    attempts: list[PushAttempt] = []
    paths: list[PushPath] = []
    for seen in pushes:
        report, failures = _report(seen)
        own = _paths(seen, report, failures) if seen.ended is not None else ()
        attempts.append(_attempt(seen, report, own))
        paths.extend(own)
    return Push(attempts=tuple(attempts), paths=tuple(paths), counts=count(paths))


def count(paths: Iterable[PushPath]) -> Counts:
    """How many of these paths got which claim."""
    claims = [path.claim for path in paths]
    return Counts(
        attempted=len(claims),
        uploaded=claims.count(Claim.UPLOADED),
        deduplicated=claims.count(Claim.DEDUPLICATED),
        already_cached=claims.count(Claim.ALREADY_CACHED),
        in_upstream=claims.count(Claim.IN_UPSTREAM),
        failed=claims.count(Claim.FAILED),
        unaccounted=claims.count(Claim.UNACCOUNTED),
    )


def _report(seen: PushSources) -> tuple[PushReport, Mapping[str, int | None]]:
    """The client's output, and for each failed path how long after the client's start its line was whole."""
    parser = PushLogParser(path.store_path for path in seen.push_set.paths)
    failures: dict[str, int | None] = {}
    millis: int | None = None
    for millis, piece in _timed(seen):
        parser.feed(piece)
        failures.update(dict.fromkeys(parser.failures_after(len(failures)), millis))
    report = parser.finish()  # the last line may have no end
    failures.update(dict.fromkeys(parser.failures_after(len(failures)), millis))
    return report, failures


def _timed(seen: PushSources) -> Iterator[tuple[int | None, bytes]]:
    """The client's output in pieces, each with the milliseconds after which it came (`ChildEnded.output_times`)."""
    times = deque(seen.ended.output_times if seen.ended else ())
    full = len(times) >= limits.OUTPUT_TIMES
    offset, millis = 0, None
    for chunk in seen.log:
        left = chunk
        while left:
            while times and times[0][0] <= offset:
                millis = times.popleft()[1]
                if full and not times:
                    millis = None
            piece = left[: times[0][0] - offset] if times else left
            yield millis, piece
            left = left[len(piece) :]
            offset += len(piece)


def _attempt(seen: PushSources, report: PushReport, paths: Sequence[PushPath]) -> PushAttempt:
    ended = seen.ended
    return PushAttempt(
        label=seen.push_set.label,
        cache=seen.push_set.cache,
        started=ended is not None,
        exit=ended.exit if ended else None,
        signal=ended.signal if ended else None,
        ended_by=ended.ended_by if ended else None,
        announced=report.announced,
        done=report.done,
        vacuous=report.vacuous,
        fatal=report.fatal,
        contradicted=report.contradicted,
        foreign=report.foreign,
        unread_lines=report.unread_lines,
        cut=seen.cut,
        missing_asked=_asked(seen.missing_asked),
        counts=count(paths),
    )


def _asked(asked: MissingAsked | None) -> Truth:
    if asked is None:
        return Truth.ABSENT
    return Truth.UNKNOWN if missing_hashes(asked) is None else Truth.PRESENT


def missing_hashes(asked: MissingAsked | None) -> frozenset[str] | None:
    """The hash parts that the cache says it lacks; None where it gave no such answer."""
    if asked is None or not of_origin(asked.answer).ok:
        return None
    try:
        return parse_missing_paths(asked.answer.body.encode())
    except ForeignTextError:
        return None


def fresh_before(push_set: PushSetKnown, asked: MissingAsked | None) -> int | None:
    """How many paths a push has yet to write: lacking in the cache, left to no upstream; None where it is unknown."""
    missing = missing_hashes(asked)
    if missing is None:
        return None
    return sum(hash_part(facts.store_path) in missing and not _left_out(push_set, facts) for facts in push_set.paths)


def _paths(seen: PushSources, report: PushReport, failures: Mapping[str, int | None]) -> tuple[PushPath, ...]:
    missing = missing_hashes(seen.missing_asked)
    lines = {line.store_path: line for line in report.lines}
    contradicted = {line.store_path for line in report.lines if line.error and line.error.code == CONTRADICTED}
    doubted = contradicted.union(report.doubted)
    return tuple(
        replace(
            _path(seen, facts, missing, lines),
            doubted=facts.store_path in doubted,
            failure_millis=failures.get(facts.store_path),
        )
        for facts in seen.push_set.paths
    )


def _path(
    seen: PushSources,
    facts: PathFacts,
    missing: frozenset[str] | None,
    lines: Mapping[str, PushLine],
) -> PushPath:
    push_set, before = seen.push_set, Truth.UNKNOWN
    if missing is not None:
        before = Truth.ABSENT if hash_part(facts.store_path) in missing else Truth.PRESENT
    line = lines.get(facts.store_path)
    return PushPath(
        label=push_set.label,
        cache=push_set.cache,
        store_path=facts.store_path,
        nar_hash=facts.nar_hash,
        nar_size=facts.nar_size,
        claimed_before=before,
        claim=line.claim if line else _silent_claim(seen, facts, before),
        error=line.error if line else None,
        doubted=False,
        deduplicated_permille=line.deduplicated_permille if line else None,
    )


def _silent_claim(seen: PushSources, facts: PathFacts, before: Truth) -> Claim:
    """A path without a line. The client's upstream filter goes by key name, ours has the signatures verified."""
    push_set = seen.push_set
    if facts.store_path in push_set.upstream:
        return Claim.IN_UPSTREAM
    skipped = _left_out(push_set, facts)
    return Claim.ALREADY_CACHED if before is Truth.PRESENT and not skipped else Claim.UNACCOUNTED


def _left_out(push_set: PushSetKnown, facts: PathFacts) -> bool:
    """Whether the client leaves a path to an upstream: by the names of its signatures' keys alone."""
    return not set(push_set.upstream_key_names).isdisjoint(key_name(signature) for signature in facts.signatures)
