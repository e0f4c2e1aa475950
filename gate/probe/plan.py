"""The run, step by step. It only journals; seal makes the evidence."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar, cast

from gate.errors import CancelledError, GateError, RefusedError, StoppedError, place_of
from gate.journal import refuse_existing
from gate.model.basics import Label, Phase
from gate.model.document import Evidence
from gate.model.records import OWN_DEADLINE, Cancelled, RunComplete, RunStopped, StageMark, Trouble
from gate.probe.building import build_profile, facts_so_far, refuse_other_tree, unclean
from gate.probe.context import Publication, RunContext, open_site
from gate.probe.controls import try_access_controls, try_bit_flip
from gate.probe.identify import (
    identify_caches,
    refuse_impossible_names,
    refuse_missing_tools,
    refuse_other_cluster,
    start,
)
from gate.probe.observing import capture_logs, look_deeper, observe_phase
from gate.probe.publishing import canaries, expect, publish
from gate.probe.reading import look_for_canary, look_for_references, nix_reading, read_back, read_once_more
from gate.probe.twin import due_after, twin, why_not
from gate.probe.world import World
from gate.seal import seal
from gate.settings import Settings, refuse_incomplete

if TYPE_CHECKING:
    from gate.model.records import StopCode


_T = TypeVar("_T")
RUN_STOPPED: Final = "run-stopped"


def stage(context: RunContext, world: World, name: str, step: Callable[[], _T]) -> _T | None:
    """Take a step. What goes wrong in it becomes a `Trouble` record and None; only what ends the run goes on up.

    Raises `CancelledError` when the run was cancelled before or in the step, `StoppedError` when it must not go on. A
    refusal is one too: a server was asked already, so that the run is no longer excused by its own settings.
    """
    if world.cancel.cancelled:
        raise CancelledError(world.cancel.reason or "cancelled")
    world.progress.stage(name)
    context.write(StageMark(name=name, state="started"))
    answer: _T | None = None
    try:
        answer = step()
    except (CancelledError, StoppedError):
        raise
    except RefusedError as error:
        raise StoppedError(RUN_STOPPED, str(error)) from None
    except GateError as error:
        context.write(Trouble(stage=name, message=str(error)))
    except MemoryError as error:
        context.write(Trouble(stage=name, message=f"memory ended: {place_of(error)}; give the run more of it"))
    except Exception as error:  # noqa: BLE001  # a defect of ours must not lose the evidence, nor give a pass
        context.write(Trouble(stage=name, message=f"a defect of the gate: {place_of(error)}; please report it"))
    if world.cancel.cancelled:
        raise CancelledError(world.cancel.reason or "cancelled")
    context.write(StageMark(name=name, state="ended"))
    return answer


def stopped(error: StoppedError | RefusedError) -> RunStopped:
    """What ended a run after its first question to a server, as its record."""
    code = error.code if isinstance(error, StoppedError) else RUN_STOPPED
    return RunStopped(code=cast("StopCode", code), reason=str(error))


def skip(context: RunContext, name: str, note: str) -> None:
    """Leave a step out, and say why."""
    context.write(StageMark(name=name, state="skipped", note=note))


PUBLISH = "publish"


def run(settings: Settings, directory: Path, world: World) -> Evidence:
    """Run the probe and seal its evidence into ``directory``, which must be new.

    Raises `RefusedError` before there is a folder (a setting or a tool is missing, the folder exists),
    `InconclusiveError` when the evidence itself can't be written. Everything else ends in sealed evidence.
    """
    refuse_incomplete(settings, "run")  # (0)
    refuse_existing(directory)
    refuse_missing_tools(settings, world, shut=(directory,))
    refuse_impossible_names(settings, world)
    refuse_other_tree(settings, world, shut=(directory,))
    return _recorded(settings, directory, world, _publish_when_clean, capture=False)


def capture(settings: Settings, directory: Path, world: World) -> Evidence:
    """Take the evidence of both phases and nothing else: for the minutes before anybody restarts anything.

    Nothing is built or pushed, so the sealed run is never a pass; a wrong index makes it a quarantine.
    Raises as `run` does, but needs neither Nix nor the Attic client.
    """
    refuse_incomplete(settings, "capture")
    refuse_other_cluster(settings, world, shut=(directory,))
    return _recorded(settings, directory, world, _look_only, capture=True)


def _recorded(
    settings: Settings, directory: Path, world: World, middle: Callable[[RunContext, World], None], *, capture: bool
) -> Evidence:
    with open_site(settings, directory, world) as context, ending_after(settings.tools.deadline, world):
        start(context, world, capture=capture)
        try:
            if not capture:
                context.write(context.nix.config())
            _steps(context, world, middle)
        except CancelledError as error:
            context.write(Cancelled(reason=str(error)))
        except (StoppedError, RefusedError) as error:
            context.write(stopped(error))
        context.write(RunComplete())
        world.progress.stage("seal")
        return seal(directory)  # (9)


def _steps(context: RunContext, world: World, middle: Callable[[RunContext, World], None]) -> None:
    stage(context, world, "identify", lambda: identify_caches(context))  # (1)
    stage(context, world, "pre", lambda: _pre(context, world))  # (2)
    try:
        middle(context, world)
    finally:
        if not world.cancel.cancelled:
            stage(context, world, "post", lambda: _post(context, world))  # (7)
            stage(context, world, "canary-object", lambda: look_for_canary(context, world))
            stage(context, world, "logs", lambda: capture_logs(context, world))  # (8)


def _look_only(context: RunContext, world: World) -> None:
    stage(context, world, "incident", lambda: look_deeper(context))
    skip(context, PUBLISH, "a capture publishes nothing")


def _publish_when_clean(context: RunContext, world: World) -> None:
    reasons = unclean(facts_so_far(context.entries))
    if reasons and not context.policy.publish_anyway:
        skip(context, PUBLISH, f"the evidence before is not clean: {'; '.join(reasons)}")
    else:
        publish_all(context, world)


def _pre(context: RunContext, world: World) -> None:
    observe_phase(context, world, Phase.PRE, open_logs=lambda began: context.open_log_windows(since=began))
    try_access_controls(context)


def _post(context: RunContext, world: World) -> None:
    with nix_reading(context, world):
        observe_phase(context, world, Phase.POST)
        read_once_more(context, world)


def publish_all(context: RunContext, world: World) -> None:
    """(3) to (6): build, and publish in order of harm, as far as what came before came back whole."""
    built = stage(context, world, "build", lambda: build_profile(context, world))  # (3)
    if built is None:
        skip(context, PUBLISH, "the profile was not built, so there is nothing to publish")
        return
    profile = stage(context, world, "expect", lambda: expect(context, Label.PROFILE, built.paths, built.outputs))  # (4)
    if profile is None:
        skip(context, PUBLISH, "the local facts of the push set could not be determined")
        return
    pair = stage(context, world, "expect:canary", lambda: canaries(context, world))
    good = pair is not None and _publish_one(context, world, pair)
    if not good and not context.policy.publish_anyway:
        skip(context, PUBLISH, "the canary pair was not published and read back whole, so the profile was not pushed")
        return
    good = _publish_twin(context, world)
    if not good and not context.policy.publish_anyway:
        skip(context, PUBLISH, "the twin was not published and read back whole, so the profile was not pushed")
        return
    good = _publish_one(context, world, profile)
    if good and due_after(context):
        _make_twin(context, world)


def _publish_twin(context: RunContext, world: World) -> bool:
    """The twin of the profile, where one is due; False when it did not come back whole."""
    reason = why_not(context)
    if reason is not None:
        skip(context, "twin", reason)
        return True
    return _make_twin(context, world)


def _make_twin(context: RunContext, world: World) -> bool:
    result = stage(context, world, "expect:twin", lambda: twin(context, world))
    return result is not None and _publish_one(context, world, result)


def _publish_one(context: RunContext, world: World, what: Publication) -> bool:
    """(5), (6) Push one publication and read it back; True when every path of it came back whole."""
    label = what.label.value
    stage(context, world, f"push:{label}", lambda: publish(context, world, what))
    good = stage(context, world, f"read:{label}", lambda: read_back(context, world, what))
    if what.references and not context.split:
        stage(context, world, f"references:{label}", lambda: look_for_references(context, world, what))
    if what.label is Label.CANARY and not context.split:
        stage(context, world, "bit-flip", lambda: try_bit_flip(context, world, what))
    return good is True


@contextmanager
def ending_after(seconds: float, world: World) -> Iterator[None]:
    """Cancel the run when it takes longer."""
    timer = threading.Timer(seconds, world.cancel.cancel, args=(f"{OWN_DEADLINE} of {seconds:g} s",))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
