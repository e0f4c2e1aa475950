"""``diff``: what is different in the second of two evidence folders, and how much each difference weighs."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from gate import limits
from gate.evidence.capture import is_full, used_percent
from gate.evidence.store_log import troubles_of
from gate.judge.diff_store import NOT_LOOKED_AT, bucket_rows, marker_rows, plain_row, row, state_rows
from gate.model.basics import Status, Truth, VerdictWord
from gate.model.captures import DiskRoom, DiskSeen, EventsSeen, Incident, KubeEvent, StoreLog
from gate.model.diff import Difference, DiffRow, DiffSide, Weight
from gate.model.document import Evidence, Workload
from gate.model.policy import POLICY_SETTINGS, TOOL_SETTINGS
from gate.parse.server_log import speaks_of_storage

_ROLES: Final = ("store", "cache")
_RESTARTED: Final = "a restart can heal what it hides"


def epoch_rows(a: Evidence, b: Evidence) -> Iterator[DiffRow]:
    """Each server or replica of a role; none for a role that both policies list as absent."""
    for role in _ROLES:
        if all(f"{role}-workload" in of.policy.absent for of in (a, b)):
            continue
        before, after = _last_workloads(a, role), _last_workloads(b, role)
        scaled = role == "cache" and _scaled(before, after)
        for place in sorted({*before, *after}):
            yield _row(role, place, before.get(place), after.get(place), scaled=scaled)
        if not before and not after:
            yield row("epoch", role, (NOT_LOOKED_AT, NOT_LOOKED_AT), Weight.UNSURE, "not known on a side")


def _last_workloads(of: Evidence, role: str) -> dict[str, Workload]:
    """By place, as the run saw them last."""
    workloads = of.post.workloads or of.pre.workloads
    return {observation.place: observation for observation in workloads if observation.role == role}


def _scaled(before: Mapping[str, Workload], after: Mapping[str, Workload]) -> bool:
    """Whether replicas only came or went: one at least stayed as it was, and none has an image that is new."""
    stayed = [place for place in before if place in after and before[place].identity == after[place].identity]
    images = {observation.image for observation in before.values()}
    return bool(stayed) and all(observation.image in images for observation in after.values())


def _row(role: str, place: str, before: Workload | None, after: Workload | None, *, scaled: bool) -> DiffRow:
    weight, why = _weigh(before, after, scaled=scaled)
    return row("epoch", f"{role} {place}", (_text(before), _text(after)), weight, why)


def _weigh(before: Workload | None, after: Workload | None, *, scaled: bool) -> tuple[Weight, str]:
    if before is None or after is None:
        only = "A" if after is None else "B"
        if scaled:
            return Weight.NOTE, f"a replica only in {only}, as by scaling"
        return Weight.UNSURE, f"only in {only}: {_RESTARTED}"
    if Truth.UNKNOWN in (before.truth, after.truth):
        return Weight.UNSURE, "not known on a side"
    one, two = _parts(before), _parts(after)
    if one == two:
        return Weight.SAME, ""
    changed = [name for name in (*one, *(name for name in two if name not in one)) if one.get(name) != two.get(name)]
    return Weight.UNSURE, f"changed: {', '.join(changed)}; {_RESTARTED}"


def _parts(observation: Workload) -> dict[str, str]:
    """A pod's identity by its words (``uid …, started …, restarts …, image …, node …``); any other one as a whole."""
    if observation.truth is Truth.ABSENT:
        return {"running": observation.error or "no"}
    identity = observation.identity or ""
    words = [part.partition(" ") for part in identity.split(", ")]
    if all(gap for _, gap, _ in words):
        return {name: text for name, _, text in words}
    return {"process": identity, "start": observation.started or ""}


def _text(observation: Workload | None) -> str:
    if observation is None:
        return NOT_LOOKED_AT
    if observation.truth is Truth.PRESENT:
        return observation.identity or "running, and it is not told who"
    word = "not running" if observation.truth is Truth.ABSENT else "unknown"
    return f"{word}{f': {observation.error}' if observation.error else ''}"


_FAMILIES: Final = ("bucket", "state", "epoch")  # of codes whose facts are compared themselves
_Event = tuple[str, str, str]


def disk_rows(a: Evidence, b: Evidence) -> Iterator[DiffRow]:
    """Bytes and inodes of each place; none where neither is a capture."""
    if a.incident is None and b.incident is None:
        return
    if a.incident is None or b.incident is None:
        summary = ("looked at", NOT_LOOKED_AT) if b.incident is None else (NOT_LOOKED_AT, "looked at")
        why = "only one of the two is a capture"
        yield row("incident", "disks, events, previous logs", summary, Weight.UNSURE, why)
        return
    one, two = ({disk.place: disk for disk in of.disks} for of in (a.incident, b.incident))
    for place in sorted({*one, *two}):
        before, after = one.get(place), two.get(place)
        yield _disk(f"{place} bytes", before, after, *(disk.space if disk else None for disk in (before, after)))
        rooms = [disk.inodes if disk else None for disk in (before, after)]
        whole = all(disk is not None and not disk.error for disk in (before, after))
        if not whole or rooms != [None, None]:
            yield _disk(f"{place} inodes", before, after, rooms[0], rooms[1])


def _disk(
    subject: str, before: DiskSeen | None, after: DiskSeen | None, one: DiskRoom | None, two: DiskRoom | None
) -> DiffRow:
    summary = (_room(before, one), _room(after, two))
    weight, why = Weight.SAME if summary[0] == summary[1] else Weight.NOTE, ""
    if one is None or two is None:
        weight, why = Weight.UNSURE, "not known on a side"
    elif is_full(two) and not is_full(one):
        weight, why = Weight.UNSURE, "full in B: writes fail, and it can look like a loss"
    return row("disk", subject, summary, weight, why)


def _room(disk: DiskSeen | None, room: DiskRoom | None) -> str:
    if disk is None:
        return NOT_LOOKED_AT
    return f"{used_percent(room)} % of {room.total}" if room else f"unknown{f': {disk.error}' if disk.error else ''}"


# -------------------------------------------------------------------------------------------------------------- events


def event_rows(a: Evidence, b: Evidence) -> Iterator[DiffRow]:
    """Events of the cluster that only one of two captures has, or that came more often; the first hundred of a role."""
    if a.incident is None or b.incident is None:
        return
    for role in ("store", "cache"):
        one, two = _events(a.incident, role), _events(b.incident, role)
        if one is None and two is None:
            continue
        subject = f"of the {role}"
        if one is None or two is None or one.error or two.error:
            yield row("event", subject, (_events_text(one), _events_text(two)), Weight.UNSURE, "not known on a side")
        yield from _event_changes(subject, _counts(one), _counts(two))


def _events(incident: Incident, role: str) -> EventsSeen | None:
    return next((observation for observation in incident.events if observation.role == role), None)


def _events_text(observation: EventsSeen | None) -> str:
    return NOT_LOOKED_AT if observation is None else observation.error or f"{len(observation.events)} events"


def _counts(observation: EventsSeen | None) -> Counter[_Event]:
    rows: Counter[_Event] = Counter()
    for event in observation.events if observation else ():
        rows[_key(event)] += event.count
    return rows


def _key(event: KubeEvent) -> _Event:
    return event.involved, f"{event.type} {event.reason}", event.message


def _event_changes(subject: str, one: Counter[_Event], two: Counter[_Event]) -> Iterator[DiffRow]:
    changed = [key for key in sorted({*one, *two}) if one[key] != two[key]]
    for key in changed[: limits.DIFF_EVENTS]:
        yield plain_row("event", ": ".join(key), _times(one[key]), _times(two[key]))
    if len(changed) > limits.DIFF_EVENTS:
        yield row("event", subject, ("", ""), Weight.NOTE, f"{len(changed) - limits.DIFF_EVENTS} more differ")
    both = len({*one, *two}) - len(changed)
    if both:
        yield row("event", subject, (f"{both} alike",) * 2, Weight.SAME)


def _times(count: int) -> str:
    return f"{count} time{'' if count == 1 else 's'}" if count else "none"


# ---------------------------------------------------------------------------------------------------------------- logs


def log_rows(a: Evidence, b: Evidence) -> Iterator[DiffRow]:
    """How often the logs of server and store have each code, and the logs of containers that ended."""
    if not all("server-log" in of.policy.absent for of in (a, b)):
        summary = (a.server_log.truth.value, b.server_log.truth.value)
        both_present = summary == (Truth.PRESENT.value,) * 2
        why = "" if both_present else "not known on a side: no errors seen is not no errors"
        yield row("log", "server log", summary, Weight.SAME if both_present else Weight.UNSURE, why)
        one, two = (Counter(event.code for event in of.server_log.events if event.code) for of in (a, b))
        storage = {event.code for event in b.server_log.events if speaks_of_storage(event)}
        yield from _codes("server log", one, two, storage)
    if a.store_log is not None or b.store_log is not None:
        yield from _store_log(a.store_log, b.store_log)
    if a.incident is not None and b.incident is not None:
        codes = [Counter(of.previous_codes) for of in (a.incident, b.incident)]
        yield from _codes("previous logs", codes[0], codes[1], set(codes[1]))


def _store_log(a: StoreLog | None, b: StoreLog | None) -> Iterator[DiffRow]:
    summary = tuple(log.truth.value if log else NOT_LOOKED_AT for log in (a, b))
    both_present = summary == (Truth.PRESENT.value,) * 2
    why = "" if both_present else "not known on a side: no trouble told is not no trouble"
    yield row("log", "store log", (summary[0], summary[1]), Weight.SAME if both_present else Weight.UNSURE, why)
    one, two = (Counter(event.code for event in (log.events if log else ()) if event.code) for log in (a, b))
    yield from _codes("store log", one, two, {event.code for event in troubles_of(b)} if b else set())


def _codes(
    where: str, one: Mapping[str, int], two: Mapping[str, int], storage: "set[str] | set[str | None]"
) -> Iterator[DiffRow]:
    for code in sorted({*one, *two}):
        result = plain_row("log", f"{where} {code}", _times(one.get(code, 0)), _times(two.get(code, 0)))
        if code in storage and not one.get(code):
            why = "a storage error that A does not have"
            result = row("log", result.subject, (result.before, result.after), Weight.UNSURE, why)
        yield result


# --------------------------------------------------------------------------------------- findings, tools and settings


def finding_rows(a: Evidence, b: Evidence) -> Iterator[DiffRow]:
    """Failing findings of matters that are not compared themselves: bodies, pushes, controls, the build."""
    one, two = (
        {
            (finding.code, finding.subject)
            for finding in of.findings
            if finding.status is Status.FAIL and not _compared(finding.code)
        }
        for of in (a, b)
    )
    for code, subject in sorted(one ^ two):
        in_two = (code, subject) in two
        summary = ("–", "fail") if in_two else ("fail", "–")
        yield row("finding", f"{code} {subject}", summary, Weight.WORSE if in_two else Weight.NOTE)


def _compared(code: str) -> bool:
    return code.partition("-")[0] in _FAMILIES


def tool_rows(a: Evidence, b: Evidence) -> Iterator[DiffRow]:
    """Versions, of no weight: they are of the machines that looked, not of the store."""
    yield plain_row("tool", a.run.tool, f"{a.run.tool_version}", f"{b.run.tool_version}")
    yield plain_row("tool", "judge revision", f"{a.judge_revision}", f"{b.judge_revision}")
    yield plain_row("tool", "python", a.run.python, b.run.python)
    for name in sorted({*a.run.versions, *b.run.versions}):
        yield plain_row("tool", name, a.run.versions.get(name, NOT_LOOKED_AT), b.run.versions.get(name, NOT_LOOKED_AT))


def setting_rows(a: Evidence, b: Evidence) -> Iterator[DiffRow]:
    """Settings that differ, and how many don't; no weight where both speak of the same thing all the same."""
    same = 0
    for setting in (*POLICY_SETTINGS, *TOOL_SETTINGS):
        before, after = (getattr(getattr(of, setting.part), setting.name) for of in (a, b))
        if before == after:
            same += 1
            continue
        why = "the two do not speak of the same thing" if setting.subject else ""
        weight = Weight.UNSURE if setting.subject else Weight.NOTE
        yield row("setting", setting.toml_key, (_result_text(before), _result_text(after)), weight, why)
    yield row("setting", "all others", (f"{same}",) * 2, Weight.SAME)


def _result_text(result: object) -> str:
    return ", ".join(map(str, result)) or "none" if isinstance(result, tuple) else str(result) or "none"


_ORDER: Final = tuple(Weight)
_EXIT: Final = {Weight.SAME: 0, Weight.NOTE: 0, Weight.UNSURE: 3, Weight.WORSE: 4}
_BAD: Final = {VerdictWord.PASS: 0, VerdictWord.REFUSED: 1, VerdictWord.INCONCLUSIVE: 1, VerdictWord.QUARANTINE: 2}
_HEADLINE_SUBJECTS: Final = 3  # subjects that the headline names


def compare(a: Evidence, b: Evidence, *, digests: tuple[str, str]) -> Difference:
    """B against A; ``digests`` are those of the two documents."""
    rows = (
        *_order(a, b),
        *_verdict(a, b),
        *bucket_rows(a, b),
        *marker_rows(a, b),
        *state_rows(a, b),
        *epoch_rows(a, b),
        *disk_rows(a, b),
        *event_rows(a, b),
        *log_rows(a, b),
        *finding_rows(a, b),
        *tool_rows(a, b),
        *setting_rows(a, b),
    )
    weight = max((each.weight for each in rows), key=_ORDER.index)
    return Difference(
        a=_side(a, digests[0]),
        b=_side(b, digests[1]),
        rows=rows,
        weight=weight,
        exit_code=_EXIT[weight],
        headline=_headline(weight, rows, b),
    )


def _side(of: Evidence, digest: str) -> DiffSide:
    return DiffSide(
        run_id=of.run.run_id,
        started_at=of.started_at,
        ended_at=of.ended_at,
        verdict=of.verdict.word.value,
        digest=digest,
    )


def _order(a: Evidence, b: Evidence) -> Iterator[DiffRow]:
    """Times are the journal's, all in one form, so that they sort as text (`gate.clock.rfc3339`)."""
    if a.started_at > b.started_at:
        why = "B is the earlier one: what was lost since looks like a gain here; give the earlier one first"
        yield row("order", "began at", (a.started_at, b.started_at), Weight.UNSURE, why)


def _verdict(a: Evidence, b: Evidence) -> Iterator[DiffRow]:
    one, two = a.verdict.word, b.verdict.word
    weight, why = Weight.NOTE, ""
    if one is two:
        weight = Weight.SAME
    elif _BAD[two] > _BAD[one]:
        weight = Weight.WORSE if two is VerdictWord.QUARANTINE else Weight.UNSURE
        why = f"decided by {', '.join(b.verdict.codes) or 'a claim that was not proved'}"
    yield row("verdict", "of the run", (one.value, two.value), weight, why)


def _headline(weight: Weight, rows: tuple[DiffRow, ...], b: Evidence) -> str:
    heavy = [each for each in rows if each.weight is weight]
    subjects = ", ".join(dict.fromkeys(f"{each.matter} {each.subject}" for each in heavy[:_HEADLINE_SUBJECTS]))
    more = f" and {len(heavy) - _HEADLINE_SUBJECTS} more" if len(heavy) > _HEADLINE_SUBJECTS else ""
    if weight is Weight.WORSE:
        return f"B is worse than A: {subjects}{more}. Don't push, don't restart."
    if weight is Weight.UNSURE:
        return f"It can't be said that nothing was lost between A and B: {subjects}{more}."
    changed = sum(each.weight is Weight.NOTE for each in rows)
    return f"Nothing was lost between A and B ({changed} notes); B's own verdict is {b.verdict.word.value}."
