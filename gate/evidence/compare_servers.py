"""The servers in two evidences: who they were, as each run saw them last.

A restart between two looks at the store can heal what it hides, so it is no note, however good the second look is.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from gate.evidence.compare_rows import NOT_LOOKED_AT, row
from gate.model.basics import Truth
from gate.model.diff import DiffRow, Weight
from gate.model.document import Evidence, Workload

_ROLES: Final = ("store", "cache")
_RESTARTED: Final = "a restart can heal what it hides"


def epoch_rows(a: Evidence, b: Evidence) -> Iterator[DiffRow]:
    """Each server or replica of a role; none for a role that both policies list as absent."""
    for role in _ROLES:
        if all(f"{role}-workload" in of.policy.absent for of in (a, b)):
            continue
        before, after = _seen(a, role), _seen(b, role)
        scaled = role == "cache" and _scaled(before, after)
        for place in sorted({*before, *after}):
            yield _row(role, place, before.get(place), after.get(place), scaled=scaled)
        if not before and not after:
            yield row("epoch", role, (NOT_LOOKED_AT, NOT_LOOKED_AT), Weight.UNSURE, "not known on a side")


def _seen(of: Evidence, role: str) -> dict[str, Workload]:
    """By place, as the run saw them last."""
    workloads = of.post.workloads or of.pre.workloads
    return {seen.place: seen for seen in workloads if seen.role == role}


def _scaled(before: Mapping[str, Workload], after: Mapping[str, Workload]) -> bool:
    """Whether replicas only came or went: one at least stayed as it was, and none has an image that is new."""
    stayed = [place for place in before if place in after and before[place].identity == after[place].identity]
    images = {seen.image for seen in before.values()}
    return bool(stayed) and all(seen.image in images for seen in after.values())


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


def _parts(seen: Workload) -> dict[str, str]:
    """A pod's identity by its words (``uid …, started …, restarts …, image …, node …``); any other one as a whole."""
    if seen.truth is Truth.ABSENT:
        return {"running": seen.error or "no"}
    identity = seen.identity or ""
    words = [part.partition(" ") for part in identity.split(", ")]
    if all(gap for _, gap, _ in words):
        return {name: said for name, _, said in words}
    return {"process": identity, "start": seen.started or ""}


def _text(seen: Workload | None) -> str:
    if seen is None:
        return NOT_LOOKED_AT
    if seen.truth is Truth.PRESENT:
        return seen.identity or "running, and it is not told who"
    return f"{'not running' if seen.truth is Truth.ABSENT else 'unknown'}{f': {seen.error}' if seen.error else ''}"
