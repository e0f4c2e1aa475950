"""Cause and consequence: which finding leads a run's headline, what follows from it, and what a person does next."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from gate.judge.checks.run import BIT_FLIP
from gate.judge.codes.model import ANY_CAUSE, INDEX_CODES, Code, Rank
from gate.judge.codes.registry import BY_CODE
from gate.judge.finding import NO_ANSWER
from gate.model.basics import Phase, Status, VerdictWord
from gate.model.document import Action, Facts, Finding

HEADLINE_CHARS: Final = 120  # one line of a page, a terminal and a pull request's check
_HEADLINE_SUBJECTS: Final = 2  # subjects that a headline names
_WHEN: Final = {
    Phase.PRE.value: "before anything was pushed",
    Phase.DURING.value: "while the push ran",
    Phase.POST.value: "after the push",
}
_BAD: Final = (Status.FAIL, Status.INCONCLUSIVE)

# What a run lacks that published nothing.
_NOT_PUBLISHED: Final = frozenset(
    {
        *("build-not-run", "push-not-run", "push-not-representative", "body-not-published"),
        *("run-publish-skipped", "reader-unasked", "tool-settings-unknown"),
    }
)

_CAPTURE: Final = Action(
    text="Take the evidence before anybody restarts the store or Attic.",
    command="publication-gate capture --output before-restart",
)
_NO_PUSH: Final = "push or probe again: Attic skips what its database believes to have, and that hides the loss"
_NO_RESTART: Final = "restart the store or Attic: a restart erases what shows the cause"
_NO_BUCKET: Final = "create the bucket by hand"
_NO_PASS: Final = "take this run for a pass: trusted writes stay as they were"


def with_causes(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings, where each that follows from another names that code and has no remedy.

    A finding follows only from one that is as bad, and that comes before it in the order of causes, so nothing ever
    follows from itself.
    """
    causes = _causes(findings)
    result: list[Finding] = []
    for row in findings:
        because = next((code for code in causes if _follows(row, code, causes[code])), "")
        result.append(replace(row, because=because, remedy="") if because else row)
    return tuple(result)


def by_cause(findings: Sequence[Finding], status: Status) -> tuple[str, ...]:
    """The codes of the findings with a status, the leading one first, then causes before consequences, by name."""
    rows = [row for row in findings if row.status is status]
    own = {row.code for row in rows if not row.because and not is_of_publication(row)}
    return tuple(sorted({row.code for row in rows}, key=lambda code: (code not in own, BY_CODE[code].rank, code)))


def headline(facts: Facts, findings: Sequence[Finding], code: str) -> str:
    """The sentence of at most `HEADLINE_CHARS` characters that says what the leading finding means.

    The registry's template may have the fields ``subjects`` (named, or counted beyond two), ``count`` (the findings
    with this code), ``bodies`` and ``attempted`` (the paths that were read, and pushed), ``when`` (the phase in which
    it was first observed), ``summary`` and ``detail``.
    """
    row = BY_CODE[code]
    rows = [finding for finding in findings if finding.code == code and finding.status in _BAD]
    subjects = list(dict.fromkeys(finding.subject for finding in rows))
    phases = {finding.phase for finding in rows}
    text = (row.headline or sentence(row.why)).format(
        subjects=_listed(subjects),
        count=len(subjects),
        bodies=len(facts.bodies),
        attempted=facts.push.counts.attempted,
        when=next((words for phase, words in _WHEN.items() if phase in phases), "during the run"),
        summary=rows[0].summary if rows else "",
        detail=_DETAILS.get(code, _no_detail)(facts),
    )
    return _cut(text)


def actions(facts: Facts, findings: Sequence[Finding], word: VerdictWord, code: str) -> tuple[Action, ...]:
    """What to do, in order: of the whole run, from its leading code. A pass needs nothing."""
    policy, row = facts.policy, BY_CODE.get(code)
    if row is None or word is VerdictWord.PASS:
        return ()
    if word is VerdictWord.QUARANTINE:
        stop = Action(text=f"Stop everything that pushes to {policy.attic_cache}.")
        take = () if facts.capture else (_CAPTURE,)  # a capture is that evidence
        return (stop, *take, *_own_actions(facts, findings, row))
    remedies = dict.fromkeys(
        finding.remedy for finding in findings if finding.code == code and finding.status is Status.INCONCLUSIVE
    )
    return tuple(Action(text=sentence(remedy)) for remedy in remedies if remedy)


def prohibitions(word: VerdictWord, code: str) -> tuple[str, ...]:
    """What not to do meanwhile."""
    if word is VerdictWord.QUARANTINE:
        bucket = (_NO_BUCKET,) if code in INDEX_CODES else ()
        return (_NO_PUSH, _NO_RESTART, *bucket)
    return (_NO_PASS,) if word is VerdictWord.INCONCLUSIVE else ()


def is_of_publication(row: Finding) -> bool:
    """Whether a finding says no more than that nothing was published; one that saw a failure never does."""
    if row.status not in (Status.INCONCLUSIVE, Status.NOT_APPLICABLE):
        return False
    missing = row.code in ("control-missing", "run-claim-missing") and row.subject in (BIT_FLIP, "run: run")
    unwatched = row.phase == Phase.DURING.value and not row.evidence
    return missing or unwatched or row.code in _NOT_PUBLISHED


def _causes(findings: Sequence[Finding]) -> Mapping[str, Status]:
    """The codes that others may follow from, in the order of causes, each with its worst status."""
    worst: dict[str, Status] = {}
    for row in findings:
        if row.status in _BAD and BY_CODE[row.code].rank is not Rank.CONSEQUENCE and not is_of_publication(row):
            worst[row.code] = Status.FAIL if Status.FAIL in (row.status, worst.get(row.code)) else row.status
    return dict(sorted(worst.items(), key=lambda item: _position(item[0])))


def _follows(row: Finding, code: str, status: Status) -> bool:
    own = BY_CODE[row.code]
    if row.status not in _BAD or row.code == code or (row.status is Status.FAIL and status is not Status.FAIL):
        return False
    if is_of_publication(row):
        return True
    return (own.follows == ANY_CAUSE or code in own.follows) and _position(code) < _position(row.code)


def _position(code: str) -> tuple[int, str]:
    return (BY_CODE[code].rank, code)


def _own_actions(facts: Facts, findings: Sequence[Finding], row: Code) -> Iterator[Action]:
    """What the kind of a failure needs beside stopping and capturing."""
    policy = facts.policy
    lost = list(
        dict.fromkeys(finding.subject for finding in findings if finding.code in INDEX_CODES and finding.status in _BAD)
    )
    if row.code in INDEX_CODES:
        flags = " ".join(f"--bucket {shlex.quote(name)}" for name in lost)
        yield Action(
            text="Ask the store what it lost, and follow the runbook that the answer names.",
            command=f"publication-gate rustfs-bucket-index-rca {flags}",
        )
        if policy.state_bucket in lost and policy.state_key:
            yield Action(text=f"Keep tofu away from {policy.state_bucket}/{policy.state_key} until it is back.")
        return
    yield Action(text=sentence(row.remedy))
    if row.rank is Rank.BODY:
        broken = [finding.subject for finding in findings if finding.code == row.code and finding.status is Status.FAIL]
        paths = [path for path in broken if path.startswith("/nix/store/")][:_HEADLINE_SUBJECTS]
        if paths:
            flags = " ".join(f"--store-hash {shlex.quote(path)}" for path in paths)
            yield Action(
                text="Read the broken paths again, without publishing anything.",
                command=f"publication-gate attic-nar-integrity-check {flags}",
            )


def _listed(subjects: Sequence[str]) -> str:
    names = [subject.rpartition("/")[2] if subject.startswith("/nix/store/") else subject for subject in subjects]
    if len(names) > _HEADLINE_SUBJECTS:
        return f"{names[0]} and {len(names) - 1} more"
    return " and ".join(names)


def _no_detail(_facts: Facts) -> str:
    return ""


def _unobserved(facts: Facts) -> str:
    """Why the store's sources gave no answer, where all of them say the same."""
    phases = (facts.pre, facts.during, facts.post)
    notes = {
        note.rpartition(": ")[2]
        for phase in phases
        for bucket in phase.buckets.values()
        for sample in bucket.samples
        for note in sample.notes
    }
    words = {NO_ANSWER.get(note, note) for note in notes}
    return f": {words.pop()}" if len(words) == 1 and words <= set(NO_ANSWER.values()) else ""


def _cancelled(facts: Facts) -> str:
    reason = facts.journal.cancelled
    stage = next((stage.name for stage in reversed(facts.stages) if stage.state in ("started", "failed")), "")
    at = f" at {stage}" if stage else ""
    return f"{at}: {reason}" if reason else at


_DETAILS: Final[Mapping[str, Callable[[Facts], str]]] = {
    "bucket-unobservable": _unobserved,
    "run-cancelled": _cancelled,
}


def sentence(text: str) -> str:
    """A text of the registry with a capital at its begin and a full stop at its end."""
    ended = text if text.endswith((".", "!", "?")) else f"{text}."
    return ended[:1].upper() + ended[1:]


def _cut(text: str) -> str:
    return text if len(text) <= HEADLINE_CHARS else f"{text[: HEADLINE_CHARS - 1].rstrip()}…"
