"""What the three renderings have in common: the document's facts as short sentences and rows, not yet escaped.

Nothing here judges: verdict, classes and codes are the document's own.
"""

from collections.abc import Iterable

from gate.evidence.bodies import longest_wait
from gate.evidence.buckets import pace_in_words
from gate.judge.body_class import body_class
from gate.model.basics import Kind, Label, Status, Truth, VerdictWord, value
from gate.model.bodies import Body, Read
from gate.model.document import Bucket, Evidence, Finding, Workload
from gate.model.facts import Counts, PushAttempt
from gate.render import logged

NAME_CHARS = 240  # a store path has at most 211 characters after /nix/store/ (nix: MaxPathLen)
SENTENCE_CHARS = 600  # a judge's sentence, foreign error text included; evidence.json has the whole
_LABELS = {Label.CANARY: "canary pair", Label.TWIN: "twin", Label.PROFILE: "profile"}


@value
class Row:
    """A fact with its name."""

    name: str
    text: str


@value
class BucketRow:
    """A bucket's class in each phase; ``lost`` says that one sample at least was index-lost with its markers there."""

    name: str
    pre: str
    during: str
    post: str
    lost: bool


@value
class EpochRow:
    """A server before and after: ``comparison`` is same, changed or unknown."""

    role: str
    place: str
    before: str
    after: str
    comparison: str


@value
class Group:
    """Findings with one code, status, remedy and cause, in the document's order.

    ``common`` is what all of two or more say, ``because`` the code that they follow from, empty for none.
    """

    code: str
    status: Status
    remedy: str
    because: str
    common: str
    findings: tuple[Finding, ...]


def advice(evidence: Evidence) -> str:
    """The first line of every summary: the verdict's word, then the judge's sentence on what to do and what not."""
    if evidence.capture and evidence.verdict.word is VerdictWord.INCONCLUSIVE:
        return evidence.verdict.headline  # a capture has another word
    return f"{evidence.verdict.word.upper()}: {evidence.verdict.headline}"


def facts(evidence: Evidence) -> tuple[Row, ...]:
    """What was judged, by whom, when: rows with an empty text are left out."""
    run, policy, verdict = evidence.run, evidence.policy, evidence.verdict
    blocks = "blocks" if verdict.blocks else "does not block"
    codes = f": {', '.join(verdict.codes)}" if verdict.codes else ""
    rows = (
        Row(name="verdict", text=f"{verdict.word} (exit code {verdict.exit_code}, {blocks}){codes}"),
        Row(name="profile", text=f"{policy.profile} ({policy.push_set}; {policy.kind} evidence)"),
        Row(name="cache", text=f"{evidence.subject.cache} at {evidence.subject.endpoint}"),
        Row(
            name="run",
            text=_joined(run.run_id, run.workflow_run and f"workflow run {run.workflow_run}", _attempt(evidence)),
        ),
        Row(name="commit", text=_joined(evidence.subject.commit, run.repository, run.ref)),
        Row(name="by", text=_joined(run.actor, run.event, run.runner)),
        Row(name="time", text=f"{evidence.started_at} to {evidence.ended_at}"),
        Row(name="tool", text=f"{run.tool} {run.tool_version}, judge revision {evidence.judge_revision}"),
        Row(name="flags", text=", ".join(_flags(evidence))),
        Row(name="sources said absent", text=", ".join(policy.absent)),
    )
    return tuple(row for row in rows if row.text)


def outcome(evidence: Evidence) -> tuple[Row, ...]:
    """What the run found, in one line a matter."""
    store_log = logged.store_log(evidence)
    return (
        Row(name="push", text=counts(evidence.push.counts)),
        Row(name="bodies", text=proved(evidence)),
        Row(name="build", text=ledger(evidence)),
        Row(name="server log", text=logged.server_log(evidence)),
        *([Row(name="store log", text=store_log)] if store_log else []),
        Row(name="controls", text=controls(evidence)),
        Row(name="state", text=state(evidence)),
        Row(name="record", text=record(evidence)),
        Row(name="counts", text=effect(evidence)),
    )


def effect(evidence: Evidence) -> str:
    """How the run counts for the standing decision on the cache."""
    if evidence.policy.kind is Kind.LAB:
        return "toward the standing decision: no (lab run)"
    words = {
        "holds": "it holds the cache in quarantine",
        "counts-against": "it counts against a release from quarantine",
        "counts-toward-release": "it counts toward a release from quarantine",
        "neutral": "it counts neither for nor against a release from quarantine",
    }
    return f"{words.get(evidence.quarantine.effect, 'it does not count')}: {evidence.quarantine.why}"


def counts(rows: Counts) -> str:
    """How many paths got which claim."""
    return (
        f"{rows.attempted} attempted: {rows.uploaded} uploaded, {rows.deduplicated} deduplicated, "
        f"{rows.already_cached} already cached, {rows.in_upstream} in upstream, {rows.failed} failed, "
        f"{rows.unaccounted} unaccounted"
    )


def proved(evidence: Evidence) -> str:
    """How many bodies were read back whole, of those expected."""
    rows = evidence.coverage
    rest = "".join(
        f"; {number} {what}"
        for number, what in (
            (rows.fresh_paths, "written fresh"),
            (rows.skipped_paths, "skipped"),
            (rows.upstream_paths, "left to upstream"),
        )
        if number
    )
    return (
        f"{rows.proved_paths} of {rows.expected_paths} proved "
        f"({size(rows.proved_bytes)} of {size(rows.expected_bytes)}){rest}"
    )


def ledger(evidence: Evidence) -> str:
    """Where the build's paths came from."""
    build = evidence.build
    if build is None:
        return "none"
    ended = _child_end(build.exit, build.signal, build.ended_by)
    if build.ledger is None:
        return f"{ended}; its log was not read"
    how = [path.how for path in build.ledger.paths]
    proven = sum(masked.certainty == "proven" for masked in build.ledger.masked)
    suspected = len(build.ledger.masked) - proven
    return (
        f"{ended}; {how.count('substituted')} substituted, {how.count('built')} built, {how.count('rebuilt')} rebuilt, "
        f"{how.count('substitute-failed')} substitutes failed; masked failures: {proven} proven, {suspected} suspected"
        f"{f'; {build.ledger.doubt_count} doubts' if build.ledger.doubt_count else ''}"
    )


def controls(evidence: Evidence) -> str:
    """How many detectors were shown to fire, and which were not."""
    fired = sum(control.fired is Truth.PRESENT for control in evidence.controls)
    silent = [f"{control.name} {control.fired}" for control in evidence.controls if control.fired is not Truth.PRESENT]
    return f"{fired} of {len(evidence.controls)} fired{': ' + ', '.join(silent) if silent else ''}"


def state(evidence: Evidence) -> str:
    """The OpenTofu state object before and after."""
    before, after = evidence.pre.state, evidence.post.state
    observation = before or after
    if observation is None:
        return "not looked at"
    text = [f"{rows.truth}, lock {rows.locked}" if rows else "not looked at" for rows in (before, after)]
    etags = ""
    if before and after and before.etag and after.etag:
        etags = "; same ETag" if before.etag == after.etag else "; another ETag"
    summary = [rows.contents for rows in (before, after) if rows and rows.contents]
    if summary:
        words = (f"content {each.content}" if each.serial is None else f"serial {each.serial}" for each in summary)
        etags += f"; {', then '.join(words)}"
    return f"{observation.bucket}/{observation.key}: {text[0]} before; {text[1]} after{etags}"


def record(evidence: Evidence) -> str:
    """Whether the journal is whole."""
    journal = evidence.journal
    text = [_number(journal.records, "record"), "complete" if journal.complete else "NOT complete"]
    if journal.torn:
        text.append("torn tail")
    if journal.cancelled is not None:
        text.append(f"cancelled: {journal.cancelled}")
    if journal.stopped is not None:
        text.append(f"stopped: {journal.stopped.reason}")
    if journal.finalized:
        text.append("sealed by a person, not by the run")
    if journal.missing_captures:
        text.append(f"captures missing: {', '.join(journal.missing_captures)}")
    text.extend(f"trouble: {trouble}" for trouble in journal.troubles)
    return "; ".join(text)


def buckets(evidence: Evidence) -> tuple[BucketRow, ...]:
    """Every bucket seen in any phase, by name."""
    phases = (evidence.pre.buckets, evidence.during.buckets, evidence.post.buckets)
    rows: list[BucketRow] = []
    for name in sorted({name for phase in phases for name in phase}):
        observation = [phase.get(name) for phase in phases]
        pre, during, post = (_bucket_state(bucket) for bucket in observation)
        lost = any(bucket.index_lost_seen for bucket in observation if bucket)
        rows.append(BucketRow(name=name, pre=pre, during=during, post=post, lost=lost))
    return tuple(rows)


def paces(evidence: Evidence) -> tuple[tuple[str, str], ...]:
    """For each phase with samples how promptly the store answered, and for the bodies the longest wait."""
    observation = (("pre", evidence.pre.pace), ("during", evidence.during.pace), ("post", evidence.post.pace))
    rows = [(f"store {phase}", pace_in_words(pace)) for phase, pace in observation if pace is not None]
    wait = longest_wait(evidence.bodies)
    return (*rows, *([("bodies", f"the longest wait: {wait.text} of {wait.store_path}")] if wait else []))


def epochs(evidence: Evidence) -> tuple[EpochRow, ...]:
    """Every server seen before or after, by role and place."""
    before = {(observation.role, observation.place): observation for observation in evidence.pre.workloads}
    after = {(observation.role, observation.place): observation for observation in evidence.post.workloads}
    return tuple(
        EpochRow(
            role=role,
            place=place,
            before=_workload(before.get((role, place))),
            after=_workload(after.get((role, place))),
            comparison=_epoch(before.get((role, place)), after.get((role, place))),
        )
        for role, place in sorted({*before, *after})
    )


def groups(evidence: Evidence, status: Status) -> tuple[Group, ...]:
    """The findings of one status by code, remedy and cause: those that lead first, then in the document's order."""
    matches: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in evidence.findings:
        if finding.status is status:
            matches.setdefault((finding.code, finding.remedy, finding.because), []).append(finding)
    lead = {code: number for number, code in enumerate(evidence.verdict.codes)}
    listed = sorted(matches.items(), key=lambda item: lead.get(item[0][0], len(lead)))
    return tuple(
        Group(code=code, status=status, remedy=remedy, because=because, common=_common(rows), findings=tuple(rows))
        for (code, remedy, because), rows in listed
    )


def advises(evidence: Evidence, group: Group) -> bool:
    """Whether the remedy of these findings is shown.

    Beside a failure the remedy of what is only unknown is not: it would advise to probe again, which the failure
    forbids.
    """
    return bool(group.remedy) and (group.status is Status.FAIL or evidence.verdict.word is not VerdictWord.QUARANTINE)


def label(of: Label) -> str:
    """A publication's name for people."""
    return _LABELS[of]


def attempt_end(attempt: PushAttempt) -> str:
    """How a publication ended."""
    return _child_end(attempt.exit, attempt.signal, attempt.ended_by) if attempt.started else "not begun"


def body_read(body: Body) -> str:
    """The read that a body's class rests on, in figures."""
    read = next((read for read in body.reads if read.code == body_class(body)), body.reads[-1] if body.reads else None)
    if read is None:
        return "not read"
    return f"{_narinfo(read)}{_nar(read, body.nar_size)}; {_number(len(body.reads), 'read')}"


def size(count: int) -> str:
    """A number of bytes for people, exact below 1 KiB."""
    for unit, power in (("TiB", 4), ("GiB", 3), ("MiB", 2), ("KiB", 1)):
        if count >= 1024**power:
            return f"{count / 1024**power:.1f} {unit}"
    return f"{count} B"


def exact(count: int) -> str:
    """A number of bytes, all of it: ``3,330,176 B``."""
    return f"{count:,} B"


def _common(findings: list[Finding]) -> str:
    text = {finding.summary for finding in findings}
    return findings[0].summary if len(findings) > 1 and len(text) == 1 else ""


def _narinfo(read: Read) -> str:
    answer = f"HTTP {read.narinfo_status}" if read.narinfo_status is not None else "no answer"
    error = f" ({read.narinfo_error})" if read.narinfo_error else ""
    return f"narinfo {answer}{error}, signature {read.signed}"


def _nar(read: Read, nar_size: int) -> str:
    nar = read.nar
    if nar is None:
        return "; NAR not asked for"
    status = f"HTTP {nar.status}" if nar.status is not None else "no answer"
    curl = f", curl {nar.curl}{' ' + nar.curl_text if nar.curl_text else ''}" if nar.curl else ""
    error = f", {nar.error}" if nar.error else ""
    return f"; NAR {status}, {nar.wire_bytes:,} B received, {nar.nar_bytes:,} of {nar_size:,} B unpacked{curl}{error}"


def _bucket_state(bucket: Bucket | None) -> str:
    return bucket.state.value if bucket else "not sampled"


def _workload(observation: Workload | None) -> str:
    if observation is None:
        return "not looked at"
    if observation.truth is not Truth.PRESENT:
        return f"{observation.truth}{': ' + observation.error if observation.error else ''}"
    return f"{observation.identity}, since {observation.started or 'unknown'}"


def _epoch(before: Workload | None, after: Workload | None) -> str:
    summary = [
        observation
        for observation in (before, after)
        if observation and observation.truth is Truth.PRESENT and observation.identity is not None
    ]
    if len(summary) < 2:  # noqa: PLR2004  # before and after
        return "unknown"
    one, other = ((observation.identity, observation.started) for observation in summary)
    return "same" if one == other else "changed"


def _flags(evidence: Evidence) -> Iterable[str]:
    policy = evidence.policy
    if policy.publish_anyway:
        yield "publish-anyway (controlled reproduction)"
    if policy.finish_push:
        yield "finish-push (controlled reproduction)"
    if policy.cache_public:
        yield "public cache: no claim that a read without a token is denied"
    if not policy.probe_cache:
        yield "no probe cache: canaries and twins go to the cache under test"


def _attempt(evidence: Evidence) -> str | None:
    attempt = evidence.run.workflow_attempt
    return f"attempt {attempt}" if attempt else None


def _child_end(exit_code: int | None, signal: int | None, ended_by: str | None) -> str:
    if ended_by is not None:
        return f"ended by {ended_by}"
    if signal is not None:
        return f"ended by signal {signal}"
    return f"exit {exit_code}" if exit_code is not None else "no exit code"


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _joined(*texts: str | None) -> str:
    return ", ".join(text for text in texts if text)
