"""The standing quarantine: a fold of the history of runs by written conditions, and the paths that it makes suspect."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from gate import limits
from gate.errors import RefusedError
from gate.judge.codes.registry import BY_CODE
from gate.model.basics import BucketState, Claim, Kind, VerdictWord
from gate.model.document import Evidence
from gate.model.gating import BreakGlass, Condition, Past, QuarantinePolicy, Run, Standing, Statement, StatementKind
from gate.model.time import parse_time
from gate.parse.addresses import plain_place

_FAR: Final = datetime.max.replace(tzinfo=UTC)
_SKEW: Final = timedelta(seconds=limits.SKEW_SECONDS)


def past_of(evidence: Evidence, digest: str) -> Past:
    """What a run's evidence, judged again, means for the standing decision."""
    word, codes, policy = evidence.verdict.word, evidence.verdict.codes, evidence.policy
    run = evidence.run
    label = f"{run.workflow_run}.{run.workflow_attempt}" if run.workflow_run else run.run_id
    after = evidence.post.buckets
    stores = {
        row.identity
        for phase in (evidence.pre, evidence.post)
        for row in phase.workloads
        if row.role == "store" and row.identity is not None
    }
    return Past(
        label=label,
        digest=digest,
        profile=policy.profile,
        kind=policy.kind,
        word=word,
        codes=codes,
        started_at=evidence.started_at,
        ended_at=evidence.ended_at,
        cache=evidence.subject.cache,
        endpoint=plain_place(evidence.subject.endpoint),
        epochs=evidence.subject.epochs,
        stores=tuple(sorted(stores)),
        against=evidence.quarantine.effect in ("holds", "counts-against"),
        toward=evidence.quarantine.effect == "counts-toward-release",
        attempt=not evidence.capture,
        lost=word is VerdictWord.QUARANTINE and any(BY_CODE[code].index_loss for code in codes),
        indexed=bool(after) and all(bucket.state is BucketState.INDEXED for bucket in after.values()),
    )


def past_of_run(evidence: Evidence, digest: str, run: Run, *, wrong: bool) -> Past:
    """The same, dated by the forge, since a runner's clock may be set. Evidence that is ``wrong`` counts against."""
    past = past_of(evidence, digest)
    return replace(
        past,
        started_at=run.started_at,
        ended_at=run.updated_at,
        against=past.against or wrong,
        toward=past.toward and not wrong,
    )


def past_without_evidence(run: Run, code: str, *, refused: bool = False) -> Past:
    """An attempt of the trusted workflow that left no evidence: what it saw is not known, so it counts against.

    One that was ``refused`` asked no server. It counts neither way, and is the newest attempt all the same.
    """
    return Past(
        label=run.label,
        digest=None,
        profile=None,
        kind=Kind.PRODUCTION,
        word=VerdictWord.REFUSED if refused else VerdictWord.INCONCLUSIVE,
        codes=(code,),
        started_at=run.started_at,
        ended_at=run.updated_at,
        cache=None,
        endpoint=None,
        epochs=(),
        stores=(),
        against=not refused,
        toward=False,
        lost=False,
        indexed=False,
    )


def fold_standing(
    history: Iterable[Past],
    policy: QuarantinePolicy,
    statements: Sequence[Statement],
    *,
    cache: str,
    endpoint: str,
    now: datetime,
) -> Standing:
    """The standing decision at ``now`` for one cache. ``history`` may be in any order; what doesn't count is named."""
    subject = (cache, plain_place(endpoint))
    counted, left_out = _counted(history, policy, subject, now)
    streak = _streak(counted)
    conditions = (
        _newest(counted),
        _passes(streak, policy),
        _days(streak, policy),
        _epoch(streak),
        _repair(counted, streak, [row for row in statements if _about(row, policy, subject, now)], len(statements)),
    )
    released = all(row.met for row in conditions)
    broken, notes = _break_glass(policy, now)
    is_held = policy.held and not released
    since = parse_time(policy.since) if policy.since else None
    day = f" since {since.day} {since:%b %Y}" if since else ""
    return Standing(
        held=is_held,
        title=f"cache {cache} is in quarantine{day}" if is_held else f"cache {cache} is not in quarantine",
        headline=_headline(policy, conditions, is_held=is_held),
        conditions=conditions,
        left_out=(*left_out, *notes),
        break_glass=broken if is_held else None,
    )


def in_order(history: Iterable[Past]) -> list[Past]:
    """A history by the times at which its runs ended."""
    return sorted(history, key=_order)


def _counted(
    history: Iterable[Past], policy: QuarantinePolicy, subject: tuple[str, str], now: datetime
) -> tuple[list[Past], list[str]]:
    since = _time(policy.since) if policy.since else None
    counted: dict[tuple[str, str | None], Past] = {}
    left_out: list[str] = []
    for run in in_order(history):
        key = (run.label, run.profile)
        why = _left_out(run, subject, since, now)
        if why is None and key in counted and counted[key].digest == run.digest:
            why = "given twice"
        elif why is None and key in counted:
            why = "another evidence of the same run and profile: neither counts for a release"
            counted[key] = replace(counted[key], against=True, toward=False)
        elif why is None:
            counted[key] = run
        if why is not None:
            left_out.append(f"{run.label}: {why}")
    return list(counted.values()), left_out


def _left_out(run: Past, subject: tuple[str, str], since: datetime | None, now: datetime) -> str | None:
    if run.kind is Kind.LAB:
        return "lab evidence never counts"
    if run.cache is not None and (run.cache, plain_place(run.endpoint or "")) != subject:
        return f"of cache {run.cache} at {run.endpoint}"
    if since is not None and _time(run.started_at if run.toward else run.ended_at) < since:
        return "before the incident"
    if run.word is VerdictWord.PASS and _time(run.ended_at) - now > _SKEW:
        return "dated in the future"
    return None


def _streak(counted: Sequence[Past]) -> list[Past]:
    """The representative passes since the last run that counts against."""
    last = max((number for number, run in enumerate(counted) if run.against), default=-1)
    return [run for run in counted[last + 1 :] if run.toward]


def _newest(counted: Sequence[Past]) -> Condition:
    attempts = [run for run in counted if run.attempt]
    profiles = sorted({run.profile for run in attempts if run.profile is not None})
    newest = {profile: [run for run in attempts if run.profile in (profile, None)][-1] for profile in profiles}
    bad = [f"{profile} in {run.label} gave {run.word.value}" for profile, run in newest.items() if not _passed(run)]
    detail = "; ".join(bad) or (f"of {', '.join(profiles)}" if profiles else "there is no run")
    return Condition(
        name="the newest attempt of every profile passes",
        met=bool(profiles) and not bad,
        progress="the newest probe passes",
        detail=detail,
        rests_on=tuple(run.label for run in newest.values()),
    )


def _passed(run: Past) -> bool:
    return run.word is VerdictWord.PASS


def _passes(streak: Sequence[Past], policy: QuarantinePolicy) -> Condition:
    return Condition(
        name=f"{policy.passes} representative passes since the last run that counts against",
        met=len(streak) >= policy.passes,
        progress=f"{len(streak)} of {policy.passes} passes",
        detail=f"{len(streak)} of {policy.passes}",
        rests_on=tuple(run.label for run in streak),
    )


def _days(streak: Sequence[Past], policy: QuarantinePolicy) -> Condition:
    span = _time(streak[-1].started_at) - _time(streak[0].ended_at) if streak else timedelta()
    days = max(span, timedelta()) / timedelta(days=1)
    return Condition(
        name=f"they span {policy.days} days",
        met=bool(streak) and days >= policy.days,
        progress=f"{days:.1f} of {policy.days} days",
        detail=f"{days:.1f} of {policy.days}",
        rests_on=(streak[0].label, streak[-1].label) if streak else (),
    )


def _epoch(streak: Sequence[Past]) -> Condition:
    epochs = {run.epochs for run in streak}
    is_known = bool(epochs) and all(run.stores for run in streak)
    detail = "no pass to look at" if not streak else f"{len(epochs)} epochs"
    if streak and not is_known:
        detail = "a run does not know who the store's process was"
    elif len(epochs) == 1:
        detail = f"epoch {', '.join(streak[-1].epochs)}"
    return Condition(
        name="they are on one server epoch",
        met=is_known and len(epochs) == 1,
        progress="one server epoch",
        detail=detail,
        rests_on=tuple(run.label for run in streak),
    )


def _repair(counted: Sequence[Past], streak: Sequence[Past], statements: Sequence[Statement], total: int) -> Condition:
    """``statements`` are those about this incident and cache, ``total`` how many there are of all."""
    tried = [
        _replaced(row, counted, streak) if row.kind is StatementKind.BACKEND_REPLACED else _repaired(row, counted)
        for row in statements
    ]
    none = "nobody states that the backend was replaced or that it repairs itself without a restart"
    if total > len(tried):
        none += f"; {total - len(tried)} statements are of another incident or cache, or of a time that can't be"
    proofs = [sentence for good, sentence, _ in tried if good]
    rests = [labels for good, _, labels in tried if good]
    return Condition(
        name="a repair path without restart is proved, or the backend was replaced",
        met=bool(proofs),
        progress="repair proved or backend replaced",
        detail="; ".join(proofs) or "; ".join(sentence for _, sentence, _ in tried) or none,
        rests_on=rests[0] if rests else (),
    )


def _about(row: Statement, policy: QuarantinePolicy, subject: tuple[str, str], now: datetime) -> bool:
    at = parse_time(row.at)
    since = parse_time(policy.since) if policy.since else None
    same = (row.cache, plain_place(row.endpoint)) == subject and row.incident == policy.incident
    return same and at is not None and at - now <= _SKEW and (since is None or at >= since)


_Trial = tuple[bool, str, tuple[str, ...]]


def _replaced(row: Statement, counted: Sequence[Past], streak: Sequence[Past]) -> _Trial:
    """A person says it; the evidence must not contradict: another store process, and no failure since they said it."""
    sentence = f"{row.who} stated on {row.at} that the backend was replaced: {row.why}"
    losses = [run for run in counted if run.word is VerdictWord.QUARANTINE]
    if losses and _time(losses[-1].ended_at) >= _time(row.at):
        return False, f"{sentence}; but run {losses[-1].label} failed after that", ()
    old = {store for run in losses for store in run.stores}
    same = [run for run in streak if old & set(run.stores)]
    if same:
        return False, f"{sentence}; but run {same[0].label} met the store process that had failed", ()
    return True, sentence, tuple(run.label for run in (*losses[-1:], *streak[:1]))


def _repaired(row: Statement, counted: Sequence[Past]) -> _Trial:
    """A person says it, and the history has the proof: an index that was lost and came back in one store process."""
    sentence = f"{row.who} stated on {row.at} a repair path without restart: {row.why}"
    lost = [run for run in counted if run.lost and run.stores]
    for loss in reversed(lost):
        for run in counted[counted.index(loss) + 1 :]:
            whole = run.word is VerdictWord.PASS and run.indexed
            if whole and run.stores == loss.stores and _time(run.ended_at) <= _time(row.at):
                return True, sentence, (loss.label, run.label)
    return False, f"{sentence}; but no run before that shows a lost index back in the same store process", ()


def _break_glass(policy: QuarantinePolicy, now: datetime) -> tuple[BreakGlass | None, tuple[str, ...]]:
    entry = policy.break_glass
    if entry is None:
        return None, ()
    if _time(entry.until) <= now:
        return None, (f"the break-glass entry of {entry.who} ended at {entry.until}",)
    return entry, ()


def _headline(policy: QuarantinePolicy, conditions: Sequence[Condition], *, is_held: bool) -> str:
    if not policy.held:
        return "not held: gate.toml says held = false"
    if not is_held:
        return f"released: every condition is met ({policy.incident})"
    unmet = sum(not row.met for row in conditions)
    table = "" if policy.configured else "; gate.toml has no [quarantine], so it is held"
    return f"broad trusted writes are held ({policy.incident}){table}; {unmet} of {len(conditions)} conditions not met"


def _time(text: str) -> datetime:
    """A time; one that can't be read lies after all others, so that it never ages away."""
    return parse_time(text) or _FAR


def _order(run: Past) -> tuple[datetime, datetime, str, str]:
    return _time(run.ended_at), _time(run.started_at), run.label, run.digest or ""


_CLAIMED: Final = (Claim.UPLOADED, Claim.DEDUPLICATED, Claim.ALREADY_CACHED, Claim.UNACCOUNTED)
_EVER: Final = datetime.max.replace(tzinfo=UTC)
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
Window = tuple[datetime, datetime]


def in_window(since: str | None, until: str | None) -> Window | None:
    """A window of time; None when neither end is given. Raises `RefusedError` for a malformed time."""
    if since is None and until is None:
        return None
    ends = []
    for name, text, default in (("--since", since, _NEVER), ("--until", until, _EVER)):
        end = default if text is None else parse_time(text)
        if end is None:
            raise RefusedError(
                f"{name} is {text[:80] if text else text!a}: expected a time such as 2026-05-06T00:00:00Z"
            )
        ends.append(end)
    return ends[0], ends[1]


def suspects_of(evidence: Evidence, window: Window | None = None) -> tuple[str, ...]:
    """Paths of a run that the cache under test may claim to have without having them.

    A run that did not pass is itself a bad window; with a window every run that overlaps it counts. A body that was
    read back whole counts too: it was read before the store was looked at again.
    """
    bad = evidence.verdict.word in (VerdictWord.QUARANTINE, VerdictWord.INCONCLUSIVE)
    if left_out_of_suspects(evidence) is not None or not (bad or (window is not None and _overlaps(evidence, window))):
        return ()
    rows = evidence.push.paths
    return tuple(
        sorted({row.store_path for row in rows if row.cache == evidence.policy.attic_cache and row.claim in _CLAIMED})
    )


def left_out_of_suspects(evidence: Evidence) -> str | None:
    """Why a run says nothing of the cache's paths, or None."""
    return "lab evidence never counts" if evidence.policy.kind is Kind.LAB else None


def _overlaps(evidence: Evidence, window: Window) -> bool:
    began, ended = parse_time(evidence.started_at) or _NEVER, parse_time(evidence.ended_at) or _EVER
    return began <= window[1] and ended >= window[0]
