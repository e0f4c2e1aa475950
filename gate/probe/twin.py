"""The twin: the profile's push set, written once more with fresh content where the cache knows the profile."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from gate import limits
from gate.errors import InconclusiveError
from gate.evidence.push_coverage import fresh_count
from gate.evidence.pushes import PushSources, capture_name, child_name, fold_push, fresh_before
from gate.model.basics import Label
from gate.model.facts import FRAME_BYTES, PADDED_TO, PushPath, TwinFile
from gate.model.policy import Policy
from gate.model.records import ChildEnded, MissingAsked, PathFacts, PushSetKnown
from gate.probe.context import Publication, RunContext
from gate.probe.publishing import expect
from gate.probe.world import World

LEAST_BYTES: Final = FRAME_BYTES + limits.TWIN_RANDOM_BYTES


def why_no_twin(policy: Policy, push_set: PushSetKnown, claims: MissingAsked | None) -> str | None:
    """Why no twin of the profile's push set is due, as a sentence; None when one is.

    What the cache lacks is known from its ``get-missing-paths`` before the push; where it is not, a twin is due.
    """
    if policy.twin == "never":
        return "the settings say that no twin is to be published"
    if policy.twin == "always":
        return None
    if not policy.representative:
        return f"{policy.profile} is not representative, so it needs no twin"
    fresh = fresh_before(push_set, claims)
    if fresh is None or fresh < policy.min_fresh:
        return None
    return f"{fresh} paths of the profile are fresh and {policy.min_fresh} are wanted, so it needs no twin"


def twin_due_after(policy: Policy, paths: Sequence[PushPath]) -> bool:
    """Whether a twin is due once the profile was pushed: it was thought to be fresh, and too little was written."""
    return policy.twin == "auto" and policy.representative and fresh_count(paths, Label.PROFILE) < policy.min_fresh


def modelled(push_set: PushSetKnown, least: int) -> tuple[PathFacts, ...]:
    """The paths that the twin is modelled on: those that this cache must serve.

    Nobody writes what is left to an upstream. Only where fewer than ``least`` paths are not, the smallest of the others
    are added until there are so many.
    """
    own = [path for path in push_set.paths if path.store_path not in push_set.upstream]
    others = [path for path in push_set.paths if path.store_path in push_set.upstream]
    others.sort(key=lambda path: (path.nar_size, path.store_path))
    return (*own, *others[: max(0, least - len(own))])


def plan_twin(paths: Iterable[PathFacts], *, max_paths: int, max_bytes: int) -> tuple[TwinFile, ...]:
    """One file for each path, of its NAR size, referring to the files of its references; referred ones come first.

    References to itself or to paths outside are left out, and so are those that would close a circle: neither can be
    made from outside of a build. A NAR below `LEAST_BYTES` grows to it, so no other path has its content; one above
    `limits.TWIN_NAR_BYTES` shrinks to it. Over ``max_bytes`` in all, the largest shrink first; over ``max_paths``, the
    last are left out.
    """
    facts = {path.store_path: path for path in sorted(paths, key=lambda path: path.store_path)}
    order = _order({name: path.references for name, path in facts.items()})
    numbers = {name: number for number, name in enumerate(order)}
    files = []
    for number, name in enumerate(order[:max_paths]):
        referred = {numbers[reference] for reference in facts[name].references if reference in numbers}
        references = tuple(sorted(other for other in referred if other < number))
        files.append(TwinFile(nar_size=_size(facts[name].nar_size), references=references))
    return tuple(_within(files, max_bytes))


def differences(plan: Sequence[TwinFile], result: Sequence[str], facts: Mapping[str, PathFacts]) -> tuple[str, ...]:
    """How the paths that were made, in the plan's order, are not what was planned; a sentence each."""
    text = []
    for number, (file, path) in enumerate(zip(plan, result, strict=True)):
        path_facts = facts[path]
        expected = tuple(sorted(result[reference] for reference in file.references))
        if path_facts.nar_size != file.nar_size:
            text.append(f"path {number} of the twin has a NAR of {path_facts.nar_size} bytes, expected {file.nar_size}")
        if tuple(sorted(path_facts.references)) != expected:
            text.append(
                f"path {number} of the twin has {len(path_facts.references)} references, expected {len(expected)}"
            )
    return tuple(text)


def _order(graph: Mapping[str, Sequence[str]]) -> list[str]:
    """All paths, each after those that it refers to, as far as there is no circle."""
    ordered: set[str] = set()
    order: list[str] = []
    for root in graph:
        opened = [(root, iter(graph[root]))] if root not in ordered else []
        ordered.add(root)
        while opened:
            path, names = opened[-1]
            successor = next((name for name in names if name in graph and name not in ordered), None)
            if successor is None:
                order.append(path)
                opened.pop()
            else:
                ordered.add(successor)
                opened.append((successor, iter(graph[successor])))
    return order


def _size(nar_size: int) -> int:
    padded = -(-nar_size // PADDED_TO) * PADDED_TO
    return min(max(padded, LEAST_BYTES), limits.TWIN_NAR_BYTES)


def _within(files: Sequence[TwinFile], max_bytes: int) -> list[TwinFile]:
    """The files, as large as ``max_bytes`` in all allow."""
    sized = list(files[: max_bytes // LEAST_BYTES])
    over = sum(file.nar_size for file in sized) - max_bytes
    for number in sorted(range(len(sized)), key=lambda each: -sized[each].nar_size):
        if over <= 0:
            break
        cut = min(-(-over // PADDED_TO) * PADDED_TO, sized[number].nar_size - LEAST_BYTES)
        sized[number] = replace(sized[number], nar_size=sized[number].nar_size - cut)
        over -= cut
    return sized


NAME = "publication-gate-twin"


def why_not(context: RunContext) -> str | None:
    """Why the run publishes no twin, by what the journal says of the profile's push set; None when one is due."""
    if context.split and context.policy.representative and context.policy.twin != "never":
        return None  # nobody but this job says what the cache lacked, so only new names show that something was written
    claims = [entry.record for entry in context.entries if isinstance(entry.record, MissingAsked)]
    profile = [record for record in claims if record.label is Label.PROFILE]
    return why_no_twin(context.policy, _push_set(context), profile[-1] if profile else None)


def due_after(context: RunContext) -> bool:
    """Whether a twin is due though none was before the profile's push: that push wrote too little.

    Attic lacked the paths' NARs and had their chunks, which only the client's own account shows.
    """
    sets = [entry.record for entry in context.entries if isinstance(entry.record, PushSetKnown)]
    ended = [entry.record for entry in context.entries if isinstance(entry.record, ChildEnded)]
    pushed = next((record for record in ended if record.name == child_name(Label.PROFILE)), None)
    if pushed is None or any(record.label is Label.TWIN for record in sets):
        return False
    try:
        log = (context.directory / capture_name(Label.PROFILE)).read_bytes()
    except OSError:
        return False  # then the run is not representative, and says so
    observation = PushSources(push_set=_push_set(context), missing_asked=None, ended=pushed, log=(log,), cut=False)
    return twin_due_after(context.policy, fold_push((observation,)).paths)


def twin(context: RunContext, world: World) -> Publication:
    """Make the twin of the profile's push set, under the profile's caps, and say what is expected of it.

    Raises `InconclusiveError` when Nix makes something else than was planned.
    """
    policy = context.policy
    plan = plan_twin(
        modelled(_push_set(context), policy.min_fresh), max_paths=policy.max_paths, max_bytes=policy.max_bytes
    )
    if not plan:
        raise InconclusiveError(f"The caps of {policy.profile} leave no room for a twin: raise max-bytes in gate.toml.")
    paths = context.nix.add_twin(f"{NAME}-{world.nonce}", plan)
    result = expect(context, Label.TWIN, paths, paths)
    wrong = differences(plan, paths, result.facts)
    if wrong:
        raise InconclusiveError(f"The twin is not as planned: {wrong[0]}, and {len(wrong) - 1} more such.")
    return result


def _push_set(context: RunContext) -> PushSetKnown:
    sets = [entry.record for entry in context.entries if isinstance(entry.record, PushSetKnown)]
    return next(record for record in reversed(sets) if record.label is Label.PROFILE)
