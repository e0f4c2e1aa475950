"""``require``: whether a change relies on trusted publication, which attempt governs, and the answer."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gate import limits
from gate.judge.codes.decisions import BY_DECISION
from gate.model.basics import Kind, VerdictWord
from gate.model.document import Evidence
from gate.model.gating import Answer, Demand, Guard, Looked, Reason, Reliance, Run, Standing, TreeEntry, TrustedPlace
from gate.model.policy import POLICY_SETTINGS, Policy
from gate.model.setting import Setting
from gate.model.time import parse_time, rfc3339
from gate.parse.addresses import plain_place
from gate.parse.text import excerpt

_PLAIN_FILES: Final = ("100644", "100755")


def guarded_changes(
    before: Iterable[TreeEntry], after: Iterable[TreeEntry], guards: Sequence[Guard]
) -> tuple[tuple[TreeEntry, tuple[Guard, ...]], ...]:
    """The guarded paths that the head adds or changes, each with its guards; removed paths do not count."""
    unchanged = {(entry.path, entry.mode, entry.blob) for entry in before}
    matchers = [(guard, path_pattern(guard.path)) for guard in guards]
    changes = []
    for entry in sorted(after, key=lambda row: row.path):
        if (entry.path, entry.mode, entry.blob) not in unchanged:
            matching = tuple(guard for guard, matcher in matchers if matcher.fullmatch(entry.path))
            if matching:
                changes.append((entry, matching))
    return tuple(changes)


def must_be_read(entry: TreeEntry, guards: Sequence[Guard]) -> bool:
    """Whether the file's text decides; else it is enough that the file is there."""
    return entry.mode in _PLAIN_FILES and all(guard.pattern is not None for guard in guards)


def relies(entry: TreeEntry, guards: Sequence[Guard], content: bytes | None) -> Reliance | None:
    """Why this path relies on trusted publication, or None. ``content`` None: it was not or can't be read."""
    if entry.mode not in _PLAIN_FILES:
        detail = f"it is no plain file (mode {entry.mode}), so what it says can't be determined"
        return Reliance(path=entry.path, line=None, detail=detail)
    for guard in guards:
        if guard.pattern is None:
            return Reliance(
                path=entry.path, line=None, detail=f"the guard {guard.path} of gate.toml names the file as a whole"
            )
        if content is None:
            return Reliance(
                path=entry.path,
                line=None,
                detail=f"it is too large to be searched for the guard {guard.pattern} of gate.toml",
            )
        text = content.decode("utf-8", "backslashreplace")
        match = re.search(guard.pattern, text, re.MULTILINE)
        if match:
            line = text.count("\n", 0, match.start()) + 1
            return Reliance(path=entry.path, line=line, detail=f"it matches the guard {guard.pattern} of gate.toml")
    return None


def path_pattern(glob: str) -> re.Pattern[str]:
    """A path pattern as a regular expression: ``**`` is any number of segments, ``*`` and ``?`` stay within one."""
    return re.compile("".join(_pieces(glob.split("/"))), re.DOTALL)


def _pieces(segments: Sequence[str]) -> Iterator[str]:
    last = len(segments) - 1
    for number, segment in enumerate(segments):
        if segment == "**":
            yield ".+" if number == last else "(?:[^/]+/)*"
        else:
            parts = re.split(r"([*?])", segment)
            yield "".join({"*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part)) for part in parts)
            yield "" if number == last else "/"


_WORST: Final = (VerdictWord.QUARANTINE, VerdictWord.REFUSED, VerdictWord.INCONCLUSIVE, VerdictWord.PASS)
_NUMBERS: Final = re.compile(r"\d{1,6}(?:\.\d{1,6}){0,3}", re.ASCII)
_SYSTEM: Final = re.compile(r"[a-z0-9_]{1,40}-[a-z0-9]{1,40}")  # a Nix system double, such as x86_64-linux
SUCCESS: Final = "success"  # the conclusion of a run whose every job ended well
_NOT_BEGUN: Final = ("queued", "requested", "waiting", "pending")  # such an attempt has not looked at anything yet
_NEWEST: Final = datetime.max.replace(tzinfo=UTC)
_SKEW: Final = timedelta(seconds=limits.SKEW_SECONDS)


def reason(code: str, detail: str, title: str = "") -> Reason:
    """A reason of the registry, whose title may be given with its figures; KeyError for an unknown code: our defect."""
    row = BY_DECISION[code]
    return Reason(code=row.code, title=title or row.title, detail=detail)


def word_of(reasons: Iterable[Reason]) -> VerdictWord:
    """The worst word of some reasons; a pass without any."""
    return min((BY_DECISION[row.code].word for row in reasons), key=_WORST.index, default=VerdictWord.PASS)


def foreign(run: Run, place: TrustedPlace) -> tuple[Reason, ...]:
    """Why a run is not one of the trusted workflow on the default branch; none when it is."""
    reasons = []
    repositories = {run.repository_id, run.head_repository_id}
    if repositories != {place.repository_id}:
        detail = f"run {run.label} is of repository {run.repository_id}, its commit of {run.head_repository_id}"
        reasons.append(reason("require-other-repository", f"{detail}; expected {place.repository_id} for both"))
    path = run.path.partition("@")[0]
    if (run.workflow_id, path) != (place.workflow_id, place.workflow):
        detail = f"run {run.label} is of {path} ({run.workflow_id})"
        reasons.append(reason("require-other-workflow", f"{detail}; expected {place.workflow} ({place.workflow_id})"))
    if run.event not in place.events:
        detail = f"run {run.label} was started by {run.event}; expected {' or '.join(place.events)}"
        reasons.append(reason("require-other-event", detail))
    if run.head_branch != place.default_branch:
        detail = f"run {run.label} is of branch {run.head_branch}; expected {place.default_branch}"
        reasons.append(reason("require-other-branch", detail))
    return tuple(reasons)


def newest_first(runs: Iterable[Run]) -> list[Run]:
    """Attempts by the time they ended, then by number: a total order, whatever order the list came in."""
    return sorted(runs, key=lambda run: (ended(run), run.id, run.attempt), reverse=True)


def ended(run: Run) -> datetime:
    """When an attempt ended, by the forge.

    One that still runs may yet look, so it counts as the newest; so does one whose time can't be read. One that has not
    begun is placed by the time at which it was started.
    """
    if run.status in _NOT_BEGUN:
        return parse_time(run.started_at) or _NEWEST
    return (parse_time(run.updated_at) or _NEWEST) if run.status == "completed" else _NEWEST


def looked_until(run: Run, evidence: Evidence) -> datetime:
    """The end of what evidence can have seen: its own last time, or the end of its run where that is earlier."""
    return min(ended(run), parse_time(evidence.ended_at) or ended(run))


def governed(
    looked: Looked, profiles: Sequence[str], place: TrustedPlace
) -> Mapping[str, Evidence | tuple[Reason, ...]]:
    """What this attempt settles, for those of the profiles that it governs: its evidence, or why it blocks.

    An attempt of which no step ever ran settles nothing. One that is not over or was refused, or whose evidence is
    missing, damaged or another run's, settles every profile, since nothing says which one it was of.
    """
    run = looked.run
    if run.status != "completed":
        title = f"wait for probe run {run.label}, which is {_clipped(run.status, 20)}"
        return dict.fromkeys(profiles, (reason("require-unfinished", f"run {run.label} is {run.status}", title),))
    if looked.reasons:
        return dict.fromkeys(profiles, looked.reasons)
    if not looked.evidences:
        if looked.refused:
            detail = f"run {run.label} was refused: it asked no server, and published nothing"
            return dict.fromkeys(profiles, (reason("require-refused", detail),))
        if not looked.began:
            return {}
        detail = f"run {run.label} ended in {run.conclusion} and left no evidence"
        return dict.fromkeys(profiles, (reason("require-no-evidence", detail),))
    strange = tuple(row for evidence in looked.evidences for row in other_run(place, run, evidence))
    if strange:
        return dict.fromkeys(profiles, strange)
    governing: dict[str, Evidence | tuple[Reason, ...]] = {}
    for profile in profiles:
        of_it = [evidence for evidence in looked.evidences if evidence.policy.profile == profile]
        if len(of_it) > 1:
            governing[profile] = (
                reason("require-doubled", f"run {run.label} has {len(of_it)} evidences of {profile}"),
            )
        elif of_it:
            governing[profile] = of_it[0]
    return governing


def losses(looked: Looked, subject: tuple[str, str]) -> tuple[Reason, ...]:
    """What this attempt saw of the failure class in a cache at an endpoint, whatever its profile and its times."""
    return tuple(
        _loss(looked.run, evidence)
        for evidence in looked.evidences
        if evidence.verdict.word is VerdictWord.QUARANTINE
        and evidence.policy.kind is Kind.PRODUCTION
        and (evidence.subject.cache, plain_place(evidence.subject.endpoint)) == subject
    )


def objections(demand: Demand, place: TrustedPlace, run: Run, evidence: Evidence, now: datetime) -> tuple[Reason, ...]:
    """Why this evidence, of this run, is not taken for what is demanded; none when it is.

    Its verdict is looked at only when everything else about it may be believed.
    """
    reasons = [
        *other_run(place, run, evidence),
        *_subject(demand, evidence),
        *_times(demand, run, evidence, now),
        *_rules(demand, evidence),
    ]
    return tuple(reasons) if reasons else _verdict(run, evidence)


def other_run(place: TrustedPlace, run: Run, evidence: Evidence) -> list[Reason]:
    """The reasons where the evidence names another run than the one whose artifact it is."""
    who = evidence.run
    ref = f"refs/heads/{place.default_branch}"
    identity = {
        "repository id": (who.repository_id, str(place.repository_id)),
        "run": (who.workflow_run, str(run.id)),
        "attempt": (who.workflow_attempt, str(run.attempt)),
        "commit": (evidence.subject.commit, run.head_sha),
        "ref": (who.ref, ref),
        "event": (who.event, run.event),
        "workflow": ((who.workflow_ref or "").partition("/.github/")[2], f"{place.workflow}@{ref}"[len(".github/") :]),
    }
    return [
        reason("require-other-run", f"the evidence of run {run.label} says {name} {got}; expected {expected}")
        for name, (got, expected) in identity.items()
        if got != expected
    ]


def older_gate(evidence: Evidence, least: str) -> bool:
    """Whether the evidence was made by a gate older than ``least``: a re-run uses its old commit's code."""
    version = _version(evidence.run.tool_version)
    return version is None or version < (_version(least) or ())


_HEADLINE_CHARS: Final = 100
_TITLE_CHARS: Final = 58


def conclude(
    settled: Mapping[str, tuple[Reason, ...]], standing: Standing | None, commands: Mapping[str, str] | None = None
) -> Answer:
    """The answer over all demanded profiles and the standing quarantine; None where it is not held.

    ``commands`` make a run of each profile. A command is given for a profile that a run helps, and none at all while
    anything says quarantine: nobody who reads this is to publish then.
    """
    reasons = [row for rows in settled.values() for row in rows]
    is_held = standing is not None and standing.held
    entry = standing.break_glass if standing is not None and is_held else None
    if is_held and standing is not None and entry is None:
        reasons.append(reason("require-quarantine-held", standing.headline, standing.title))
    word = word_of(reasons) if settled else VerdictWord.INCONCLUSIVE
    if word is not VerdictWord.PASS:
        helpful = [
            command
            for profile, command in (commands or {}).items()
            if word is not VerdictWord.QUARANTINE and any(BY_DECISION[row.code].dispatch for row in settled[profile])
        ]
        answer = blocked(reasons, helpful)
        return replace(answer, conditions=standing.conditions) if standing is not None and is_held else answer
    if entry is not None:
        return Answer(
            word=word,
            headline=f"BREAK GLASS until {entry.until}: the quarantine is held and set aside; this is no pass",
            reasons=(reason("require-break-glass", f"{entry.who} set the quarantine aside: {entry.why}"),),
            under_break_glass=True,
            conditions=standing.conditions if standing is not None else (),
        )
    detail = f"the newest attempt passed and is fresh, for {', '.join(settled)}"
    headline = "Passed: this change may rely on trusted publication now"
    return Answer(word=word, headline=headline, reasons=(reason("require-accepted", detail),))


def not_needed(detail: str) -> Answer:
    """The answer for a change that relies on nothing."""
    headline = "Not needed: this change does not rely on trusted publication"
    return Answer(word=VerdictWord.PASS, headline=headline, reasons=(reason("require-not-needed", detail),))


def blocked(reasons: Iterable[Reason], commands: Iterable[str] = ()) -> Answer:
    """The answer for a change that must wait; without a reason it is inconclusive all the same.

    The worst reason decides and comes first.
    """
    ordered = sorted(reasons, key=lambda row: _WORST.index(BY_DECISION[row.code].word))
    word = word_of(ordered) if ordered else VerdictWord.INCONCLUSIVE
    headline = f"Blocked: {_clipped(ordered[0].title, _TITLE_CHARS) if ordered else 'nothing was settled'}"
    if word is VerdictWord.QUARANTINE:
        headline += ". Nothing in this change is wrong."
    return Answer(
        word=word,
        headline=_clipped(headline, _HEADLINE_CHARS),
        reasons=tuple(ordered),
        commands=tuple(commands),
    )


def _clipped(text: str, chars: int) -> str:
    return text if len(text) <= chars else f"{text[: chars - 1]}…"


def _subject(demand: Demand, evidence: Evidence) -> list[Reason]:
    policy = evidence.policy
    reasons = []
    if policy.kind is not Kind.PRODUCTION:
        reasons.append(reason("require-lab", "the evidence is of the lab"))
    if policy.profile != demand.profile:
        detail = f"the evidence is of profile {policy.profile}; expected {demand.profile}"
        reasons.append(reason("require-other-profile", detail))
    got = (evidence.subject.cache, plain_place(evidence.subject.endpoint))
    if got != (demand.cache, plain_place(demand.endpoint)):
        detail = f"the evidence is of cache {got[0]} at {got[1]}; expected {demand.cache} at {demand.endpoint}"
        reasons.append(reason("require-other-cache", detail))
    return reasons


def _times(demand: Demand, run: Run, evidence: Evidence, now: datetime) -> list[Reason]:
    began, over, closed = parse_time(evidence.started_at), parse_time(evidence.ended_at), parse_time(run.updated_at)
    if began is None or over is None or closed is None:
        return [*outside_run(run, evidence)]
    if max(began, over) - now > _SKEW:
        detail = f"the evidence is of {evidence.ended_at}, now is {now.isoformat(timespec='seconds')}"
        return [reason("require-future", detail)]
    reasons = [*outside_run(run, evidence)]
    age = (now - min(over, closed)).total_seconds()
    if age > demand.max_age_seconds:
        oldest = rfc3339(now - timedelta(seconds=demand.max_age_seconds))
        detail = (
            f"the evidence of run {run.label} ended at {evidence.ended_at}; max-age-hours takes none before {oldest}"
        )
        title = f"stale evidence ({math.ceil(age / 360) / 10:g} h, at most {demand.max_age_seconds / 3600:g} h)"
        reasons.append(reason("require-too-old", detail, title))
    return reasons


def outside_run(run: Run, evidence: Evidence) -> tuple[Reason, ...]:
    """The reason where a time of the evidence is outside of its run, by the forge's clock; else nothing."""
    began, over = parse_time(evidence.started_at), parse_time(evidence.ended_at)
    opened, closed = parse_time(run.started_at), parse_time(run.updated_at)
    if began is None or over is None or opened is None or closed is None:
        detail = f"a time of run {run.label} or of its evidence can't be read"
        return (reason("require-outside-run", detail),)
    if began > over or began < opened - _SKEW or over > closed + _SKEW:
        detail = f"the evidence is of {evidence.started_at} to {evidence.ended_at}"
        detail += f", its run {run.label} of {run.started_at} to {run.updated_at}"
        return (reason("require-outside-run", detail),)
    return ()


def _rules(demand: Demand, evidence: Evidence) -> list[Reason]:
    policy = evidence.policy
    reasons = []
    differing = dict(_differing(demand, policy))
    absent = differing.pop("absent", "")
    if absent:
        reasons.append(reason("require-absent-differs", f"the evidence was made with {absent}"))
    if differing:
        detail = f"the evidence was made with {', '.join(differing.values())}"
        reasons.append(reason("require-policy-weaker", detail))
    return reasons


def _differing(demand: Demand, policy: Policy) -> Iterator[tuple[str, str]]:
    """The settings by which the evidence proves less than the base branch demands, each with what was got."""
    for row in POLICY_SETTINGS:
        if row.name in demand.required_settings:
            got, expected = getattr(policy, row.name), demand.required_settings[row.name]
            difference = weaker(row, got, expected)
            if difference:
                yield row.name, f"{row.toml_key} {difference}"


def weaker(row: Setting, got: Any, expected: Any) -> str:  # noqa: ANN401  # values of any setting's type
    """How the value of a run is weaker than expected, by the setting's rule; empty where it is not."""
    match row.compared:
        case "same":
            good = _plain(got) == _plain(expected)
        case "template":
            good = _is_of_template(got, expected)
        case "at-least":
            good = got >= expected
        case "all-of":
            lacking = sorted(set(expected) - set(got))
            return f"without {', '.join(map(excerpt, lacking))}" if lacking else ""
        case "none-beyond" if isinstance(got, tuple):
            beyond = sorted(set(got) - set(expected))
            expectation = f"(expected {_in_words(expected)})"
            return f"with {', '.join(map(excerpt, beyond))} {expectation}" if beyond else ""
        case "none-beyond":
            good = got <= expected
        case _:
            good, expected = not got, False
    return "" if good else f"{_in_words(got)} (expected {_in_words(expected)})"


def _is_of_template(installable: str, template: str) -> bool:
    """Whether a template gives this installable for one and the same system wherever it names it."""
    first, placeholder, _ = template.partition("{system}")
    system = _SYSTEM.match(installable, len(first)) if placeholder else None
    return installable == (template.replace("{system}", system[0]) if system else template)


def _plain(setting: object) -> object:
    """A value without what means nothing: the order of places, and the last slash of an endpoint."""
    if isinstance(setting, tuple):
        return sorted(setting)
    return plain_place(setting) if isinstance(setting, str) else setting


def _in_words(setting: object) -> str:
    """A value of a setting in words; it may be long, and evidence is foreign text."""
    if isinstance(setting, bool):
        return str(setting).lower()
    if isinstance(setting, int | float):
        return f"{setting:g}"
    text = ", ".join(setting) if isinstance(setting, tuple) else str(setting)
    return excerpt(text) if text else "none"


def _version(text: str) -> tuple[int, ...] | None:
    """The numbers of a version, without trailing zeros; None for one that can't be read."""
    match = _NUMBERS.match(text)
    numbers = [int(part) for part in match[0].split(".")] if match else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers) if match else None


def _verdict(run: Run, evidence: Evidence) -> tuple[Reason, ...]:
    word = evidence.verdict.word
    if word is VerdictWord.PASS and run.conclusion == SUCCESS:
        return ()
    if word is VerdictWord.PASS:  # a later step of the run failed, or did not accept the sealed pass
        detail = f"run {run.label} ended in {run.conclusion}, so the pass that it left is not taken"
        return (reason("require-inconclusive", detail),)
    if word is VerdictWord.QUARANTINE:
        return (_loss(run, evidence),)
    return (reason("require-inconclusive", _gave(run, evidence), f"probe run {run.label} could not decide"),)


def _loss(run: Run, evidence: Evidence) -> Reason:
    title = f"probe run {run.label} saw cache {evidence.subject.cache} fail"
    return reason("require-quarantine", _gave(run, evidence), title)


def _gave(run: Run, evidence: Evidence) -> str:
    verdict = evidence.verdict
    return f"run {run.label} of {evidence.policy.profile} gave {verdict.word}: {', '.join(verdict.codes)}"
