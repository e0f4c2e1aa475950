"""A run split between jobs with different rights; `gate.probe.split_folders` joins the parts that they write.

``pre``, ``during`` and ``post`` hold the keys to observe and run no flake code. ``publish`` evaluates, builds and
pushes; it holds the push token and nothing else, and its own reads, by that token, only keep it from pushing on after a
failure.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gate import limits
from gate.errors import CancelledError, ForgedError, GateError, InconclusiveError, RefusedError, StoppedError
from gate.evidence.machine import is_upstream
from gate.evidence.pushes import child_name
from gate.evidence.references import outside
from gate.evidence.split import policy_digest, run_differences
from gate.model.basics import Label, Phase
from gate.model.records import (
    Cancelled,
    ChildEnded,
    PathFacts,
    PushSetKnown,
    ReferencesKnown,
    RunComplete,
    Trouble,
)
from gate.model.split import DURING, POST, PRE, PREDECESSORS, PUBLISH, LogPosition, PartBegun, PartName, Previous
from gate.parse.store_path import store_path
from gate.probe.building import facts_so_far, unclean
from gate.probe.context import Publication, RunContext, open_site
from gate.probe.controls import try_access_controls, try_bit_flip
from gate.probe.identify import (
    identify_caches,
    identity,
    refuse_impossible_names,
    refuse_missing_programs,
    refuse_other_cluster,
    start,
)
from gate.probe.observing import capture_logs, observe_phase, watch_buckets
from gate.probe.plan import ending_after, publish_all, skip, stage, stopped
from gate.probe.publishing import know_references
from gate.probe.reading import look_for_canary, look_for_references, nix_reading, read_back, read_once_more
from gate.probe.split_folders import SealedPart, seal_part, verify_part
from gate.probe.world import World
from gate.settings import Settings, refuse_incomplete

_OBSERVING: Final = ("read_token", "signing_secret", "s3_access_key_id", "s3_secret_access_key", "s3_session_token")
_CLUSTER: Final = "KUBECONFIG"


@dataclass(frozen=True, kw_only=True)
class PartFolder:
    """A part that a job was given: its folder, and the digest that its own job handed on by another way, if any."""

    folder: Path
    job_digest: str | None = None


def refuse_rights(settings: Settings, world: World, part: PartName) -> None:
    """Raise `RefusedError` when a job holds a secret that its part must not have: that is what the split is for."""
    secrets = [name for name in ("push_token", *_OBSERVING) if getattr(settings.secrets, name) is not None]
    allowed = ("push_token",) if part == PUBLISH else _OBSERVING
    wrong = [f"GATE_{name.upper()}" for name in secrets if name not in allowed]
    if part == PUBLISH and world.environ.get(_CLUSTER):
        wrong.append(_CLUSTER)
    if wrong:
        expected = "the push token alone" if part == PUBLISH else "no push token"
        raise RefusedError(
            f"the job of the part {part} was given {', '.join(wrong)}, expected {expected}: nothing was done"
        )


def take_pre(settings: Settings, directory: Path, world: World) -> SealedPart:
    """The part ``pre``: buckets, state, workloads and controls before, and where the server's log stood."""
    refuse_rights(settings, world, PRE)
    refuse_incomplete(settings, PRE)
    refuse_other_cluster(settings, world)
    refuse_impossible_names(settings, world)
    return _part(settings, directory, world, _start_record(PRE, {}), lambda context: _pre(context, world))


def take_during(
    settings: Settings,
    directory: Path,
    world: World,
    folders: Sequence[PartFolder],
    *,
    seconds: float,
    over: Callable[[], bool] = lambda: False,
) -> SealedPart:
    """The part ``during``: bucket samples for so many seconds, or until it is ``over``, beside the publishing job.

    Raises `RefusedError` without the part ``pre`` of this run, or for a time that is not within the limits.
    """
    refuse_rights(settings, world, DURING)
    refuse_incomplete(settings, DURING)
    if not 0 < seconds <= limits.DURING_SECONDS_MAX:
        raise RefusedError(f"seconds is {seconds:g}: expected more than 0 and at most {limits.DURING_SECONDS_MAX:g}")
    refuse_other_cluster(settings, world)
    mine, parts = _accepted_parts(settings, world, folders, PREDECESSORS[DURING])
    return _part(
        settings,
        directory,
        mine,
        _start_record(DURING, parts),
        lambda context: _watch(context, mine, seconds, over),
        shut=_folders(folders),
    )


def publish_part(settings: Settings, directory: Path, world: World, folders: Sequence[PartFolder]) -> SealedPart:
    """The part ``publish``: build, and push in order of harm, when the part ``pre`` of this run is clean.

    Raises `RefusedError` for any secret beside the push token, and without that part.
    """
    refuse_rights(settings, world, PUBLISH)
    refuse_incomplete(settings, PUBLISH)
    refuse_missing_programs(settings, world, shut=(directory, *_folders(folders)))
    mine, parts = _accepted_parts(settings, world, folders, PREDECESSORS[PUBLISH])
    return _part(
        settings,
        directory,
        mine,
        _start_record(PUBLISH, parts),
        lambda context: _publish(context, mine, parts[PRE]),
        shut=_folders(folders),
    )


def take_post(settings: Settings, directory: Path, world: World, folders: Sequence[PartFolder]) -> SealedPart:
    """The part ``post``: every published path read back, then what ``pre`` saw, once more, and the server's log.

    Without the part ``publish`` nothing is read back, and the rest is seen all the same; so where that part is not
    genuine. Raises `RefusedError` without the part ``pre`` of this run.
    """
    refuse_rights(settings, world, POST)
    refuse_incomplete(settings, POST)
    refuse_other_cluster(settings, world)
    mine, parts = _accepted_parts(settings, world, folders, (PRE,))
    doubts: list[str] = []
    publishing = _publishing(settings, mine, folders, doubts)
    sealed = {**parts, **({PUBLISH: publishing} if publishing is not None else {})}
    return _part(
        settings,
        directory,
        mine,
        _start_record(POST, sealed),
        lambda context: _post(context, mine, sealed, doubts),
        shut=_folders(folders),
    )


# --- what a job was given ---------------------------------------------------------------------------------------------


def _accepted_parts(
    settings: Settings, world: World, folders: Sequence[PartFolder], expected: Sequence[str]
) -> tuple[World, dict[str, SealedPart]]:
    """The wanted parts, each of this run, and the world with the run's own nonce; raises `RefusedError`.

    A part that is not wanted, or can't be read, is left to the caller.
    """
    by_name: dict[str, SealedPart] = {}
    errors: list[GateError] = []
    for each in folders:
        try:
            part = verify_part(each.folder, each.job_digest)
        except GateError as error:
            errors.append(error)
            continue
        if part.document.part in by_name:
            raise RefusedError(f"two parts {part.document.part} were given: give the one of this run; nothing was done")
        if part.document.part in expected:
            by_name[part.document.part] = part
    missing = [name for name in expected if name not in by_name]
    if missing:
        message = f"the part {missing[0]} was not given: give its folder by --after; nothing was done"
        raise errors[0] if errors else RefusedError(message)
    mine = replace(world, nonce=by_name[PRE].document.run.nonce)
    for part in by_name.values():
        _refuse_foreign(settings, mine, part)
    return mine, by_name


def _publishing(
    settings: Settings, world: World, folders: Sequence[PartFolder], doubts: list[str]
) -> SealedPart | None:
    """The part ``publish`` of this run; None, with a sentence, where it is missing or not to be believed."""
    for each in folders:
        try:
            part = verify_part(each.folder, each.job_digest)
            if part.document.part == PUBLISH:
                _refuse_foreign(settings, world, part)
                return part
        except GateError as error:
            doubts.append(str(error))
    doubts.append("no part publish of this run was given, so nothing was read back")
    return None


def _folders(folders: Sequence[PartFolder]) -> tuple[Path, ...]:
    """The folders of other jobs' parts: no program of theirs is run."""
    return tuple(each.folder for each in folders)


def _refuse_foreign(settings: Settings, world: World, part: SealedPart) -> None:
    wrong = list(run_differences(identity(world, {}), part.document.run))
    if part.document.policy != policy_digest(settings.policy):
        wrong.append("its policy is another one: settings differ between the jobs")
    if wrong:
        raise ForgedError(f"the part {part.document.part} in {part.folder} is not of this run: {'; '.join(wrong)}")


# --- what each part does ----------------------------------------------------------------------------------------------


def _start_record(name: PartName, parts: Mapping[str, SealedPart]) -> PartBegun:
    previous = tuple(Previous(part=part, digest=row.digest) for part, row in sorted(parts.items()))
    return PartBegun(part=name, previous=previous)


def _part(
    settings: Settings,
    directory: Path,
    world: World,
    start_record: PartBegun,
    act: Callable[[RunContext], None],
    *,
    shut: Iterable[Path] = (),
) -> SealedPart:
    """Write the part that ``act`` sees, and seal it, however that ended."""
    with open_site(settings, directory, world, shut=shut) as context, ending_after(settings.tools.deadline, world):
        start(context, world, part=start_record)
        try:
            act(context)
        except CancelledError as error:
            context.write(Cancelled(reason=str(error)))
        except (StoppedError, RefusedError) as error:
            context.write(stopped(error))
        context.write(RunComplete())
        world.progress.stage("seal")
        return seal_part(directory)


def _pre(context: RunContext, world: World) -> None:
    stage(context, world, "identify", lambda: identify_caches(context))
    stage(context, world, PRE, lambda: _observe_before(context, world))


def _observe_before(context: RunContext, world: World) -> None:
    observe_phase(context, world, Phase.PRE, open_logs=lambda began: _open_logs(context, began))
    try_access_controls(context)


def _open_logs(context: RunContext, began: float) -> None:
    """Open the windows, and tell the job of ``post`` where the logs stood."""
    context.open_log_windows(since=began)
    if context.log_window is not None:
        context.write(context.log_window.position())
    if context.store_log_window is not None:
        context.write(replace(context.store_log_window.position(), of="store"))


def _watch(context: RunContext, world: World, seconds: float, over: Callable[[], bool]) -> None:
    stage(context, world, DURING, lambda: _sample_for(context, world, seconds, over))


def _sample_for(context: RunContext, world: World, seconds: float, over: Callable[[], bool]) -> None:
    until = world.clock.monotonic() + seconds

    def wait(pause: float) -> bool:
        return world.cancel.wait(pause) or over() or world.clock.monotonic() >= until

    if not over():
        watch_buckets(context, world, wait)


def _publish(context: RunContext, world: World, pre: SealedPart) -> None:
    context.split = True
    context.write(context.nix.config())
    context.read_tokens = dict.fromkeys(context.policy.caches, context.settings.secrets.push_token)
    stage(context, world, "identify", lambda: identify_caches(context))
    reasons = unclean(facts_so_far(pre.journal_log.entries))
    if not pre.document.complete:
        reasons = ("its record is not whole", *reasons)
    if reasons and not context.policy.publish_anyway:
        skip(context, PUBLISH, f"the evidence before is not clean: {'; '.join(reasons)}")
    else:
        publish_all(context, world)
        with nix_reading(context, world):  # here, for this is the job that is known to have Nix
            pass


def _post(context: RunContext, world: World, parts: Mapping[str, SealedPart], doubts: Sequence[str]) -> None:
    for doubt in doubts:
        context.write(Trouble(stage=POST, message=doubt))
    stage(context, world, "identify", lambda: identify_caches(context))
    try:
        if PUBLISH in parts:
            _read_published(context, world, parts[PUBLISH])
    finally:
        if not world.cancel.cancelled:
            stage(context, world, POST, lambda: _observe_after(context, world))
            stage(context, world, "canary-object", lambda: look_for_canary(context, world))
            stage(context, world, "logs", lambda: _read_logs(context, world, parts[PRE]))


def _read_published(context: RunContext, world: World, publishing: SealedPart) -> None:
    ended = {record.name for record in publishing.journal_log.of(ChildEnded)}
    plans = {record.label: record for record in publishing.journal_log.of(PushSetKnown)}
    references = {record.label: record for record in publishing.journal_log.of(ReferencesKnown)}
    for label in Label:
        if label in plans and child_name(label) in ended:
            _read_one(context, world, plans[label], references.get(label))


def _read_one(context: RunContext, world: World, plan: PushSetKnown, references: ReferencesKnown | None) -> None:
    """Take over a plan and read it back. What an upstream serves is decided here, by signatures, not by the plan."""
    name = plan.label.value
    what = stage(context, world, f"plan:{name}", lambda: _take_over(context, plan, references))
    if what is None:
        return
    stage(context, world, f"read:{name}", lambda: read_back(context, world, what))
    if what.references:
        stage(context, world, f"references:{name}", lambda: look_for_references(context, world, what))
    if plan.label is Label.CANARY:
        stage(context, world, "bit-flip", lambda: try_bit_flip(context, world, what))


def _take_over(context: RunContext, plan: PushSetKnown, references: ReferencesKnown | None) -> Publication:
    cache = context.cache_of(plan.label)
    total = sum(path.nar_size for path in plan.paths)
    if plan.cache != cache or len(plan.paths) > limits.PATHS_MAX or total > _bytes_of(context, plan.label):
        raise InconclusiveError(
            f"the plan of the {plan.label.value} has {len(plan.paths)} paths of {total} bytes for the cache "
            f"{ascii(plan.cache)[:80]}, which is not a cache of this run: look into the publishing job"
        )
    for path in plan.paths:
        store_path(path.store_path)
    keys = context.upstream_key_names.get(cache, ())
    upstream = tuple(path.store_path for path in plan.paths if is_upstream(path, keys, context.policy.upstream_keys))
    context.write(replace(plan, upstream=upstream, upstream_key_names=tuple(keys)))
    served = tuple(path.store_path for path in plan.paths if path.store_path not in upstream)
    what = Publication(
        label=plan.label,
        cache=cache,
        facts={path.store_path: path for path in plan.paths},
        served=served,
        fresh=served,
        references=()
        if references is None
        else know_references(context, plan.label, _asked_for(plan, upstream, references)),
    )
    context.published.append(what)
    return what


def _asked_for(plan: PushSetKnown, upstream: Sequence[str], references: ReferencesKnown) -> tuple[PathFacts, ...]:
    """What the publishing job says of the plan's references: of those alone, and of no more than are looked for."""
    expected = outside(plan.paths, upstream)
    facts = {path.store_path: path for path in references.paths if path.store_path in expected}
    return tuple(facts[store_path(name)] for name in sorted(facts)[: limits.REFERENCES])


def _bytes_of(context: RunContext, label: Label) -> int:
    """How many bytes of NARs a publication may have, whatever its plan says: they are all read."""
    return 2 * limits.CANARY_LARGE_BYTES if label is Label.CANARY else context.policy.max_bytes


def _observe_after(context: RunContext, world: World) -> None:
    observe_phase(context, world, Phase.POST)
    read_once_more(context, world)


def _read_logs(context: RunContext, world: World, pre: SealedPart) -> None:
    """The logs from where they stood in ``pre``; the canaries of both jobs must be in the server's."""
    context.open_log_windows(_log_position(pre, "cache"), _log_position(pre, "store"))
    capture_logs(context, world, pre.journal_log.entries)


def _log_position(pre: SealedPart, of: str) -> LogPosition:
    unknown = LogPosition(offset=None, before="", trouble="the part pre does not tell where this log stood")
    return next((row for row in reversed(pre.journal_log.of(LogPosition)) if row.of == of), unknown)
