"""A run in the few facts that the page, the terminal and the pull request share: verdict, tiles, buckets, story.

Nothing here judges: what is good, bad or unknown is the verdict's, the findings' or the samples' own.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

from gate.evidence.bodies import WHOLE
from gate.evidence.buckets import WRONG_STATES
from gate.judge.body_class import body_class, class_status
from gate.judge.cause import headline
from gate.judge.codes.model import INDEX_CODES
from gate.judge.codes.registry import BY_CODE
from gate.model.basics import BucketState, Kind, Label, Status, Truth, VerdictWord, value
from gate.model.document import BucketSample, Evidence
from gate.model.facts import Counts
from gate.model.time import parse_time

Tone = Literal["good", "bad", "unsure", "plain"]
MARKS: Final = {"good": "✓", "bad": "✗", "unsure": "?", "plain": "–"}
LAB_NOTICE: Final = "LAB RUN: a rehearsal on one machine. It says nothing about your cache and never counts."
QUESTION: Final = "May trusted builds write to {cache}?"
_ANSWERS: Final = {
    VerdictWord.PASS: "This run found nothing against it.",
    VerdictWord.QUARANTINE: "No.",
    VerdictWord.INCONCLUSIVE: "Not decided.",
    VerdictWord.REFUSED: "Not decided.",
}
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
STATUS_TONES: Final[dict[Status, Tone]] = {
    Status.PASS: "good",
    Status.FAIL: "bad",
    Status.INCONCLUSIVE: "unsure",
    Status.NOT_APPLICABLE: "plain",
}
WORD_TONES: Final[dict[VerdictWord, Tone]] = {
    VerdictWord.PASS: "good",
    VerdictWord.QUARANTINE: "bad",
    VerdictWord.INCONCLUSIVE: "unsure",
    VerdictWord.REFUSED: "unsure",
}
# The stage, by the beginning of its name, in which the findings of a family are made.
_STAGES: Final = {
    "cache": "identify",
    "tool": "identify",
    "build": "build",
    "push": "push:",
    "body": "read:",
    "origin": "read:",
    "reader": "read:",
    "epoch": "post",
    "state": "post",
    "log": "logs",
}
# How a body that is not whole came back, in words for a person; other classes are said by their code.
BODY_WORDS: Final = {
    "body-whole": "whole",
    "body-empty": "HTTP 200 with no bytes",
    "body-missing": "not in the cache",
    "body-short": "cut short",
    "body-long": "too many bytes",
    "body-corrupt": "other bytes than the NAR's",
    "body-foreign": "something else",
    "body-not-published": "never arrived",
    "body-server-error": "the server cannot serve it",
    "body-flapping": "whole once, not another time",
    "body-unread": "could not be read",
    "body-timed-out": "did not come to its end in time",
}


@value
class Tile:
    """A figure at the top of the page; ``figure`` is ``–`` for what was not tried."""

    figure: str
    text: str
    tone: Tone


@value
class Strip:
    """A bucket over the samples of each phase, a tone for each sample, and in words."""

    bucket: str
    before: tuple[Tone, ...]
    pushing: tuple[Tone, ...]
    after: tuple[Tone, ...]
    sentence: str
    tone: Tone


@value
class Moment:
    """A line of the story. ``at`` is RFC 3339, empty where the time is not known; ``root``: it is the run's cause."""

    at: str
    tone: Tone
    text: str
    codes: tuple[str, ...] = ()
    root: bool = False


def is_lab(evidence: Evidence) -> bool:
    """Whether the evidence is of the lab, which says nothing about a real cache."""
    return evidence.policy.kind is Kind.LAB


def answer(evidence: Evidence) -> str:
    """The answer to `QUESTION`."""
    return _ANSWERS[evidence.verdict.word]


def day(at: str) -> str:
    """A time for people: ``30 Nov 2026 22:34:57 UTC``; the text itself where it is no time."""
    time = parse_time(at)
    return f"{time.day} {_MONTHS[time.month - 1]} {time.year} {time:%H:%M:%S} UTC" if time else at


def clock(at: str) -> str:
    """The time of day to the second: ``22:34:57``."""
    time = parse_time(at)
    return f"{time:%H:%M:%S}" if time else ""


def sample_tone(state: BucketState) -> Tone:
    """What one sample says of a bucket."""
    return "good" if state is BucketState.INDEXED else "bad" if state in WRONG_STATES else "unsure"


def unknown_because(evidence: Evidence) -> int:
    """How many inconclusive findings of a run that fails were not resolved; zero for any other verdict."""
    if evidence.verdict.word is not VerdictWord.QUARANTINE:
        return 0
    return sum(row.status is Status.INCONCLUSIVE for row in evidence.findings)


# --- buckets ----------------------------------------------------------------------------------------------------------
def strips(evidence: Evidence) -> tuple[Strip, ...]:
    """Every watched bucket, by name."""
    phases = (evidence.pre.buckets, evidence.during.buckets, evidence.post.buckets)
    names = sorted({name for phase in phases for name in phase})
    return tuple(
        _strip(name, [phase[name].samples if name in phase else () for phase in phases], _fails(evidence, name))
        for name in names
    )


def _fails(evidence: Evidence, bucket: str) -> bool:
    """Whether a finding on the bucket's index fails."""
    rows = (row for row in evidence.findings if row.status is Status.FAIL and row.subject == bucket)
    return any(row.code.startswith("bucket-") for row in rows)


def _strip(name: str, phases: Sequence[Sequence[BucketSample]], fails: bool) -> Strip:  # noqa: FBT001  # one call
    tones = [tuple(sample_tone(sample.state) for sample in phase) for phase in phases]
    every = [tone for phase in tones for tone in phase]
    tone: Tone = "bad" if fails else "good" if set(every) == {"good"} else "unsure"
    return Strip(
        bucket=name,
        before=tones[0],
        pushing=tones[1],
        after=tones[2],
        sentence=_strip_sentence(phases, every, fails=fails),
        tone=tone,
    )


def _strip_sentence(phases: Sequence[Sequence[BucketSample]], every: Sequence[Tone], *, fails: bool) -> str:
    samples = [sample for phase in phases for sample in phase]
    if not samples:
        return "not sampled"
    first = next((number for number, tone in enumerate(every) if tone == "bad"), None)
    if first is None or not fails:
        others = [sample.state for sample, tone in zip(samples, every, strict=True) if tone != "good"]
        states = ", ".join(sorted({state.value for state in others}))
        return f"{states} in {len(others)} of {len(every)} samples" if others else "in the index throughout"
    phase = _phase_of(phases, first)
    when = ("before the push", "while pushing", "after the push")[phase]
    gone_before = first == phase == 0  # nothing shows that it was there
    lost = f"{samples[0].state.value} before the run" if gone_before else f"lost at {clock(samples[first].at)} {when}"
    back = "; came back" if every[-1] == "good" else "; not back after" if every[-1] == "bad" else "; unknown since"
    on_disk = all(sample.marker is Truth.PRESENT for sample, tone in zip(samples, every, strict=True) if tone == "bad")
    return f"{lost}{back}{'; its data is still on disk' if on_disk else ''}"


def _phase_of(phases: Sequence[Sequence[BucketSample]], number: int) -> int:
    ends = (len(phases[0]), len(phases[0]) + len(phases[1]))
    return sum(number >= end for end in ends)


# --- tiles ------------------------------------------------------------------------------------------------------------
def tiles(evidence: Evidence) -> tuple[Tile, ...]:
    """Buckets, publication, reading back, state, servers."""
    return (_buckets_tile(evidence), *_paths_tiles(evidence), _state_tile(evidence), _servers_tile(evidence))


def _buckets_tile(evidence: Evidence) -> Tile:
    rows = strips(evidence)
    bad = sum(row.tone == "bad" for row in rows)
    good = sum(row.tone == "good" for row in rows)
    if bad:
        return Tile(figure=f"{bad} of {len(rows)}", text="buckets lost from the index", tone="bad")
    if not rows:
        return Tile(figure="–", text="buckets: not sampled", tone="plain")
    tone: Tone = "good" if good == len(rows) else "unsure"
    return Tile(figure=f"{good} of {len(rows)}", text="buckets in the index throughout", tone=tone)


def _paths_tiles(evidence: Evidence) -> Iterator[Tile]:
    counts = evidence.push.counts
    if not counts.attempted:
        yield Tile(figure="–", text="nothing was published", tone="plain")
    elif counts.failed:
        tone: Tone = "bad" if _has(evidence, "push-path-failed", Status.FAIL) else "unsure"
        yield Tile(figure=f"{counts.failed} of {counts.attempted}", text="paths failed to publish", tone=tone)
    else:
        done = counts.attempted - counts.unaccounted
        yield Tile(
            figure=f"{done} of {counts.attempted}",
            text="paths pushed, as the client says",
            tone="unsure" if counts.unaccounted else "good",
        )
    coverage = evidence.coverage
    if not evidence.bodies:
        yield Tile(figure="–", text="nothing was read back", tone="plain")
        return
    whole = coverage.proved_paths == coverage.expected_paths > 0
    wrong = any(row.status is Status.FAIL and row.code.startswith("body-") for row in evidence.findings)
    yield Tile(
        figure=f"{coverage.proved_paths} of {coverage.expected_paths}",
        text="published paths read back whole",
        tone="good" if whole else "bad" if wrong else "unsure",
    )


def _family(evidence: Evidence, family: str) -> tuple[str, Tone] | None:
    """The worst finding of a family, as its code and its tone."""
    order = (Status.FAIL, Status.INCONCLUSIVE, Status.PASS, Status.NOT_APPLICABLE)
    rows = [row for row in evidence.findings if row.code.partition("-")[0] == family]
    row = min(rows, key=lambda row: order.index(row.status), default=None)
    return (row.code, STATUS_TONES[row.status]) if row else None


def _state_tile(evidence: Evidence) -> Tile:
    rows = _family(evidence, "state")
    if rows is None:
        return Tile(figure="–", text="OpenTofu state: not observed", tone="plain")
    if rows[0] == "state-not-here":
        return Tile(figure="–", text="no OpenTofu state here", tone="plain")
    word = rows[0].removeprefix("state-").replace("-", " ")
    return Tile(figure=f"state {word}", text=evidence.policy.state_key, tone=rows[1])


def _servers_tile(evidence: Evidence) -> Tile:
    rows = _family(evidence, "epoch")
    if rows is None or rows[0] == "epoch-not-here":
        return Tile(figure="–", text="servers: not observed", tone="plain")
    figure, text = {
        "epoch-same": ("no restart", "the same processes throughout"),
        "epoch-changed": ("restarted", "a server restarted during the run"),
        "epoch-replicas-changed": ("scaled", "replicas came or went, none restarted"),
    }.get(rows[0], ("unknown", "a restart could not be ruled out"))
    return Tile(figure=figure, text=text, tone=rows[1])


# --- story ------------------------------------------------------------------------------------------------------------
def story(evidence: Evidence) -> tuple[Moment, ...]:
    """What happened, in order, at most eight lines; the line of the run's cause is the root."""
    lines = [*_before(evidence), *_canaries(evidence), *_loss(evidence), *_pushes(evidence), *_bodies(evidence)]
    lines += [*_ends(evidence)]
    cause = evidence.verdict.cause
    if cause and not any(line.root for line in lines):
        tone: Tone = "bad" if evidence.verdict.word is VerdictWord.QUARANTINE else "unsure"
        at = _cause_time(evidence, cause)
        root = Moment(at=at, tone=tone, text=evidence.verdict.headline, codes=(cause,), root=True)
        later = [number for number, line in enumerate(lines) if at and line.at and line.at > at]
        lines.insert(later[0] if later else len(lines), root)
    return tuple(line for _, line in sorted(enumerate(lines), key=lambda item: (_since(lines, item[0]), item[0])))


def _since(lines: Sequence[Moment], number: int) -> str:
    """The time of a line; that of the line before it where its own is not known."""
    return next((line.at for line in reversed(lines[: number + 1]) if line.at), "")


def _cause_time(evidence: Evidence, cause: str) -> str:
    """When the stage that the cause belongs to began."""
    family = cause.partition("-")[0]
    if family in ("bucket", "store"):
        phases = (evidence.pre.buckets, evidence.during.buckets, evidence.post.buckets)
        samples = [sample for phase in phases for bucket in phase.values() for sample in bucket.samples]
        return min((sample.at for sample in samples if sample.state is not BucketState.INDEXED), default="")
    prefix = _STAGES.get(family, "")
    times = [stage.started_at for stage in evidence.stages if prefix and stage.name.startswith(prefix)]
    times_known = [at for at in times if at]
    return times_known[-1] if times_known else ""


def _before(evidence: Evidence) -> Iterator[Moment]:
    rows = [(row.bucket, row.before) for row in strips(evidence) if row.before]
    if not rows:
        return
    at = min(bucket.samples[0].at for bucket in evidence.pre.buckets.values() if bucket.samples)
    names = _names([name for name, _ in rows])
    tones = {tone for _, before in rows for tone in before}
    number = max(len(before) for _, before in rows)
    if tones == {"good"}:
        state = evidence.pre.state
        words = {Truth.PRESENT: "; the OpenTofu state is there", Truth.ABSENT: "; there is no OpenTofu state"}
        rest = words.get(state.truth, "") if state else ""
        yield Moment(at=at, tone="good", text=f"Before: {names} in the index, in {number} of {number} samples{rest}.")
    elif "bad" in tones:
        states = {bucket.state for bucket in evidence.pre.buckets.values() if bucket.state is not BucketState.INDEXED}
        codes = tuple(sorted(f"bucket-{state.value}" for state in states))
        text = f"Before anything is pushed, {names}: {', '.join(sorted(state.value for state in states))}."
        tone: Tone = "bad" if any(_has(evidence, code, Status.FAIL) for code in codes) else "unsure"
        yield Moment(at=at, tone=tone, text=text, codes=codes, root=evidence.verdict.cause in codes)
    else:
        cause = evidence.verdict.cause
        root = cause.startswith(("bucket-", "store-"))
        text = evidence.verdict.headline if root else f"Before: {names} could not be observed in every sample."
        yield Moment(at=at, tone="unsure", text=text, codes=(cause,) if root else (), root=root)


def _canaries(evidence: Evidence) -> Iterator[Moment]:
    attempts = [attempt for attempt in evidence.push.attempts if attempt.label is Label.CANARY and attempt.started]
    bodies = [body for body in evidence.bodies if body.label is Label.CANARY]
    if not attempts or not bodies:
        return
    first = [body.reads[0].code for body in bodies if body.reads and not body.reads[0].after_post]
    whole = first.count(WHOLE)
    at = _stage_time(evidence, "push:canary")
    if whole == len(bodies):
        text = f"{whole} canaries pushed to {attempts[0].cache} and read back whole."
        yield Moment(at=at, tone="good", text=text)
    else:
        text = f"{len(bodies)} canaries pushed to {attempts[0].cache}; {whole} read back whole."
        fails = any(class_status(code) is Status.FAIL for code in first)
        yield Moment(at=at, tone="bad" if fails else "unsure", text=text)


def _loss(evidence: Evidence) -> Iterator[Moment]:
    """The first sample that lacks a bucket after others had it."""
    rows: list[tuple[str, BucketSample]] = []
    for phase in (evidence.during.buckets, evidence.post.buckets):
        for name, bucket in phase.items():
            before = evidence.pre.buckets.get(name)
            had = before is not None and before.state is BucketState.INDEXED
            lost = next((sample for sample in bucket.samples if sample_tone(sample.state) == "bad"), None)
            if had and lost and name not in {row[0] for row in rows}:
                rows.append((name, lost))
    if not rows:
        return
    first = min((sample for _, sample in rows), key=lambda sample: sample.at)
    answers = (("ListBuckets", first.listed), ("HeadBucket", first.head), ("GET", first.get))
    sources = [name for name, truth in answers if truth is Truth.ABSENT]
    disk = "; the markers stay on disk" if all(row.marker is Truth.PRESENT for _, row in rows) else ""
    states = sorted({f"bucket-{sample.state.value}" for _, sample in rows})
    subject = _names(sources) or "The store"
    text = f"{subject} no longer {'have' if len(sources) > 1 else 'has'} {_names(name for name, _ in rows)}{disk}."
    yield Moment(at=first.at, tone="bad", text=text, codes=tuple(states), root=evidence.verdict.cause in INDEX_CODES)


def _pushes(evidence: Evidence) -> Iterator[Moment]:
    for attempt in evidence.push.attempts:
        if attempt.label is Label.CANARY or not attempt.started:
            continue
        of = [path for path in evidence.push.paths if path.label is attempt.label]
        errors = Counter(path.error.code for path in of if path.error)
        error_note = f" with {errors.most_common(1)[0][0]}" if errors else ""
        number = attempt.counts.attempted or len(of)
        what = "paths of the twin" if attempt.label is Label.TWIN else "paths"
        at = _stage_time(evidence, f"push:{attempt.label.value}", ended=True)
        if attempt.counts.failed:
            text = f"{attempt.counts.failed} of {number} {what} fail to publish{error_note}."
            codes = tuple(
                code for code in ("push-path-failed", "push-path-refused", "push-auth") if _has(evidence, code)
            )
            tone: Tone = "bad" if _has(evidence, "push-path-failed", Status.FAIL) else "unsure"
            yield Moment(at=at, tone=tone, text=text, codes=codes, root=evidence.verdict.cause in codes)
        elif attempt.fatal or attempt.exit != 0:
            words = f": {attempt.fatal.code}" if attempt.fatal else ""
            codes = tuple(code for code in ("push-auth", "push-unattributed", "push-timed-out") if _has(evidence, code))
            text = f"The push of {number} {what} fails{words}."
            yield Moment(at=at, tone="unsure", text=text, codes=codes, root=evidence.verdict.cause in codes)
        else:
            yield Moment(at=at, tone="plain", text=f"The client reports {number} {what}: {claims(attempt.counts)}.")


def _has(evidence: Evidence, code: str, status: Status | None = None) -> bool:
    return any(row.code == code and status in (None, row.status) for row in evidence.findings)


def claims(counts: Counts) -> str:
    """How many paths got which claim, without those that none got."""
    rows = (
        (counts.uploaded, "uploaded"),
        (counts.deduplicated, "deduplicated"),
        (counts.already_cached, "already cached"),
        (counts.in_upstream, "left to an upstream"),
        (counts.failed, "failed"),
        (counts.unaccounted, "without a result"),
    )
    return ", ".join(f"{number} {what}" for number, what in rows if number) or "nothing"


def _bodies(evidence: Evidence) -> Iterator[Moment]:
    wrong = Counter((body_class(body), body.claim.value) for body in evidence.bodies)
    total = sum(wrong.values())
    at = max((read.at for body in evidence.bodies for read in body.reads), default="")
    if total and all(code == WHOLE for code, _ in wrong):
        yield Moment(at=at, tone="good", text=f"All {total} paths came back byte for byte.")
        return
    shown_lines = 0
    for (code, claim), number in sorted(wrong.items()):
        if code in (WHOLE, "body-not-published"):
            continue
        shown_lines += 1
        if shown_lines > 2:  # noqa: PLR2004  # the story has eight lines at most
            break
        tone = STATUS_TONES[class_status(code)]
        paths = "path" if number == 1 else "paths"
        text = f"{number} {paths} that the client reported as {claim.replace('-', ' ')}: {BODY_WORDS.get(code, code)}."
        yield Moment(at=at, tone=tone, text=text, codes=(code,), root=evidence.verdict.cause == code)


def _ends(evidence: Evidence) -> Iterator[Moment]:
    for family in ("state", "epoch"):
        rows = _family(evidence, family)
        if rows is not None and rows[1] in ("bad", "unsure"):
            text = headline(evidence, evidence.findings, rows[0]) if rows[0] in BY_CODE else rows[0]
            at = _stage_time(evidence, "post")
            yield Moment(at=at, tone=rows[1], text=text, codes=(rows[0],), root=evidence.verdict.cause == rows[0])


def _stage_time(evidence: Evidence, name: str, *, ended: bool = False) -> str:
    times = [stage.ended_at if ended else stage.started_at for stage in evidence.stages if stage.name == name]
    return next((at for at in times if at), "")


def _names(names: Iterable[str]) -> str:
    *first, last = [*names] or [""]
    return f"{', '.join(first)} and {last}" if first else last
