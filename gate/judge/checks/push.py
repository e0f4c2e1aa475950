"""Findings on each push: its account, its freshness and the uploads that it left open."""

from collections.abc import Iterator, Sequence
from typing import Final

from gate.evidence.push_coverage import is_wholly_deduplicated
from gate.judge.checks.incident import disk_words, full_disks
from gate.judge.finding import finding, how_ended
from gate.model.basics import Claim, Label, Phase, Status, Truth
from gate.model.document import Facts, Finding
from gate.model.facts import PushAttempt, PushPath
from gate.model.policy import Policy
from gate.model.records import Uploads
from gate.parse.push_log import CONTRADICTED

REPRESENTATIVE: Final = "representative"  # the subject of the row on whether enough was really written
_SERVER_FAILED = frozenset({"InternalServerError", "HTTP 500"})  # Attic's name for it, and a 500 without that name
_AUTH = frozenset({"Unauthorized", "AccessError", "TokenError", "HTTP 401", "HTTP 403"})


def check_push(facts: Facts) -> Iterator[Finding]:
    """One row a publication, one a path, and one on whether the profile's write was representative."""
    by_label = {attempt.label: (number, attempt) for number, attempt in enumerate(facts.push.attempts)}
    for label in labels_due(facts):
        if label not in by_label:
            yield finding("push-not-run", label.value, f"the {label.value} was not published")
    for number, attempt in by_label.values():
        code, summary = _attempt(attempt)
        yield finding(code, attempt.label.value, summary, evidence=(f"/push/attempts/{number}",))
    for number, path in enumerate(facts.push.paths):
        yield _path(facts, number, path)
    yield _representative(facts)


def labels_due(facts: Facts) -> tuple[Label, ...]:
    """The publications that a pass needs.

    A twin is due where the profile was pushed: always if the policy says so, else where the cache was not known to lack
    enough paths of a representative profile. One that was planned counts whether it was due or not.
    """
    policy, attempts = facts.policy, {attempt.label: attempt for attempt in facts.push.attempts}
    pushed = Label.PROFILE in attempts and attempts[Label.PROFILE].started
    lacking = 0 if facts.parts else _lacking(facts)  # in a split run only the publishing job could say that
    stale = policy.twin == "auto" and policy.representative and lacking < policy.min_fresh
    if Label.TWIN in attempts or (pushed and (stale or policy.twin == "always")):
        return (Label.CANARY, Label.TWIN, Label.PROFILE)
    return (Label.CANARY, Label.PROFILE)


def _lacking(facts: Facts) -> int:
    """How many paths of the profile the cache said it lacks, before the push."""
    profile = [path for path in facts.push.paths if path.label is Label.PROFILE and path.claim is not Claim.IN_UPSTREAM]
    return sum(path.claimed_before is Truth.ABSENT for path in profile)


def _attempt(attempt: PushAttempt) -> tuple[str, str]:
    summary = how_ended(attempt)
    if not attempt.started:
        return "push-not-run", f"the {attempt.label.value} was not published"
    if attempt.ended_by == "loss":
        return "push-ended-at-loss", f"a bucket was lost while the {attempt.label.value} was pushed ({summary})"
    if attempt.ended_by == "deadline":
        return "push-timed-out", f"the push of the {attempt.label.value} did not end in time ({summary})"
    if _refused_token(attempt):
        return "push-auth", f"the push token was refused: {attempt.fatal.code if attempt.fatal else ''} ({summary})"
    if attempt.foreign or attempt.contradicted:
        return (
            "push-foreign-lines",
            f"{len(attempt.foreign)} lines of other paths, {len(attempt.contradicted)} contradicted ({summary})",
        )
    return _ending(attempt, summary)


def _ending(attempt: PushAttempt, summary: str) -> tuple[str, str]:
    counts = attempt.counts
    ended_well = attempt.exit == 0 and attempt.ended_by is None  # a client may end by 0 when it is told to end
    if not ended_well and counts.failed == 0:
        return "push-unattributed", f"the client failed and named no path ({summary})"
    if not ended_well:
        return "push-failed", _counted(attempt, summary)
    if counts.failed or counts.unaccounted:
        return "push-counts-differ", _counted(attempt, summary)
    if attempt.vacuous or counts.attempted == counts.in_upstream:
        return "push-wrote-nothing", f"the client had nothing to do ({summary})"
    if attempt.cut or attempt.missing_asked is not Truth.PRESENT:
        return (
            "push-counts-differ",
            f"the log is cut ({attempt.cut}) or the cache was not asked ({attempt.missing_asked.value})",
        )
    if attempt.announced is None or not _counts_match(attempt):
        return "push-counts-differ", _counted(attempt, summary)
    if attempt.label is not Label.PROFILE and counts.uploaded == 0:
        return "push-wrote-nothing", f"no path of the {attempt.label.value} was uploaded ({summary})"
    return "push-clean", _counted(attempt, summary)


def _refused_token(attempt: PushAttempt) -> bool:
    return attempt.exit != 0 and attempt.fatal is not None and attempt.fatal.code in _AUTH


def _counts_match(attempt: PushAttempt) -> bool:
    text, counts = attempt.announced, attempt.counts
    return text is not None and (text.pushing, text.already_cached, text.in_upstream) == (
        counts.uploaded + counts.deduplicated + counts.failed,
        counts.already_cached,
        counts.in_upstream,
    )


def _counted(attempt: PushAttempt, summary: str) -> str:
    text, counts = attempt.announced, attempt.counts
    announced = (
        f"{text.pushing} pushing, {text.already_cached} cached, {text.in_upstream} upstream" if text else "nothing"
    )
    return (
        f"the client announced {announced}; the account has "
        f"{counts.uploaded} uploaded, {counts.deduplicated} deduplicated, "
        f"{counts.already_cached} already cached, {counts.in_upstream} in upstream, {counts.failed} failed, "
        f"{counts.unaccounted} unaccounted of {counts.attempted} ({summary})"
    )


def _path(facts: Facts, number: int, path: PushPath) -> Finding:
    where = (f"/push/paths/{number}",)
    if path.claim is Claim.FAILED:
        error = path.error
        if error is not None and error.code == CONTRADICTED:
            text = "the client said that it succeeded, and a later error's text names it as failed"
            return finding("push-path-contradicted", path.store_path, f"{text}: {error.message}", evidence=where)
        code = "push-path-failed" if error is not None and error.code in _SERVER_FAILED else "push-path-refused"
        text = f"{error.code}: {error.message}" if error else "no error text"
        full = full_disks(facts, path.nar_size) if code == "push-path-failed" else ()
        status = Status.INCONCLUSIVE if full else None
        if code == "push-path-failed" and not full:
            status = Status.FAIL
        text += f"; the drive at {disk_words(full[0])}" if full else ""
        return finding(code, path.store_path, f"failed with {text}", status=status, evidence=where)
    if path.claim is Claim.UNACCOUNTED:
        return finding("push-unaccounted", path.store_path, "the client gave no result for it", evidence=where)
    if path.label is not Label.PROFILE and path.claimed_before is Truth.PRESENT:
        summary = "the cache said before the push that it has this path, whose name has this run's fresh nonce"
        return finding("push-nonce-known", path.store_path, summary, evidence=where)
    if path.label is not Label.PROFILE and is_wholly_deduplicated(path):
        summary = "the cache says that it had all of this path's content before, which is random and of this run alone"
        return finding("push-nonce-known", path.store_path, summary, evidence=where)
    summary = f"{path.claim.value}: a claim, its body decides"
    return finding("push-path-accounted", path.store_path, summary, evidence=where)


def _representative(facts: Facts) -> Finding:
    fresh, twin = facts.coverage.fresh_profile, facts.coverage.fresh_twin
    expected = max(facts.policy.min_fresh, 1)
    good = fresh >= expected or twin >= expected
    if facts.parts and facts.policy.representative:
        good = twin >= expected  # only names with the run's nonce show that nobody wrote them before
    summary = f"{fresh} fresh paths of the profile and {twin} of its twin are shown to be written, expected {expected}"
    nothing = sum(map(is_wholly_deduplicated, facts.push.paths))
    summary += f"; the server had all chunks of {nothing} uploaded paths before" if nothing else ""
    profile = [path for path in facts.push.paths if path.label is Label.PROFILE]
    if profile and not facts.parts and not _is_within_bounds(facts.policy, profile):
        good, summary = False, f"{summary}; the {len(profile)} paths of the profile are not within the policy's bounds"
    return finding(
        "push-representative" if good else "push-not-representative", REPRESENTATIVE, summary, evidence=("/coverage",)
    )


def _is_within_bounds(policy: Policy, profile: Sequence[PushPath]) -> bool:
    """Whether the push set still is one that the policy takes for the profile."""
    total = sum(path.nar_size for path in profile)
    return policy.min_paths <= len(profile) <= policy.max_paths and total <= policy.max_bytes


_HOUR = 3600


def check_uploads(facts: Facts) -> Iterator[Finding]:
    """One row for each bucket whose uploads were looked at; none where nobody looked."""
    pushed = any(attempt.started for attempt in facts.push.attempts)
    for number, observation in enumerate(facts.uploads):
        code, summary = _open_uploads(observation, pushed=pushed)
        yield finding(code, observation.bucket, summary, phase=Phase.POST, evidence=(f"/uploads/{number}",))


def _open_uploads(observation: Uploads, *, pushed: bool) -> tuple[str, str]:
    if observation.truth is not Truth.PRESENT:
        return "upload-unlisted", f"open uploads could not be listed: {observation.note}"
    more = ", and the store has more than were looked at" if observation.more else ""
    if observation.left_open and pushed:
        first = observation.left_open[0]
        return "upload-left-open", (
            f"{len(observation.left_open)} multipart uploads of this run are still open after it, "
            f"the first of {first.key} since {first.initiated}{more}"
        )
    count = len(observation.left_open) + observation.others
    if count:
        age = f", the oldest for {observation.oldest_seconds / _HOUR:.1f} hours" if observation.others else ""
        return "upload-older", f"{count} multipart uploads are open that are not of this run{age}{more}"
    return "upload-none", f"the store lists no open multipart upload{more}"
