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
from gate.probe.context import Publication, Site, open_site
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


def stage(site: Site, world: World, name: str, step: Callable[[], _T]) -> _T | None:
    """Take a step. What goes wrong in it becomes a `Trouble` record and None; only what ends the run goes on up.

    Raises `CancelledError` when the run was cancelled before or in the step, `StoppedError` when it must not go on. A
    refusal is one too: a server was asked already, so that the run is no longer excused by its own settings.
    """
    if world.cancel.cancelled:
        raise CancelledError(world.cancel.reason or "cancelled")
    world.progress.stage(name)
    site.write(StageMark(name=name, state="started"))
    answer: _T | None = None
    try:
        answer = step()
    except (CancelledError, StoppedError):
        raise
    except RefusedError as error:
        raise StoppedError(RUN_STOPPED, str(error)) from None
    except GateError as error:
        site.write(Trouble(stage=name, message=str(error)))
    except MemoryError as error:
        site.write(Trouble(stage=name, message=f"memory ended: {place_of(error)}; give the run more of it"))
    except Exception as error:  # noqa: BLE001  # a defect of ours must not lose the evidence, nor give a pass
        site.write(Trouble(stage=name, message=f"a defect of the gate: {place_of(error)}; please report it"))
    if world.cancel.cancelled:
        raise CancelledError(world.cancel.reason or "cancelled")
    site.write(StageMark(name=name, state="ended"))
    return answer


def stopped(error: StoppedError | RefusedError) -> RunStopped:
    """What ended a run after its first question to a server, as its record."""
    code = error.code if isinstance(error, StoppedError) else RUN_STOPPED
    return RunStopped(code=cast("StopCode", code), reason=str(error))


def skip(site: Site, name: str, note: str) -> None:
    """Leave a step out, and say why."""
    site.write(StageMark(name=name, state="skipped", note=note))


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
    settings: Settings, directory: Path, world: World, middle: Callable[[Site, World], None], *, capture: bool
) -> Evidence:
    with open_site(settings, directory, world) as site, ending_after(settings.tools.deadline, world):
        start(site, world, capture=capture)
        try:
            if not capture:
                site.write(site.nix.config())
            _steps(site, world, middle)
        except CancelledError as error:
            site.write(Cancelled(reason=str(error)))
        except (StoppedError, RefusedError) as error:
            site.write(stopped(error))
        site.write(RunComplete())
        world.progress.stage("seal")
        return seal(directory)  # (9)


def _steps(site: Site, world: World, middle: Callable[[Site, World], None]) -> None:
    stage(site, world, "identify", lambda: identify_caches(site))  # (1)
    stage(site, world, "pre", lambda: _pre(site, world))  # (2)
    try:
        middle(site, world)
    finally:
        if not world.cancel.cancelled:
            stage(site, world, "post", lambda: _post(site, world))  # (7)
            stage(site, world, "logs", lambda: capture_logs(site, world))  # (8)


def _look_only(site: Site, world: World) -> None:
    stage(site, world, "incident", lambda: look_deeper(site))
    skip(site, PUBLISH, "a capture publishes nothing")


def _publish_when_clean(site: Site, world: World) -> None:
    reasons = unclean(facts_so_far(site.entries))
    if reasons and not site.policy.publish_anyway:
        skip(site, PUBLISH, f"the evidence before is not clean: {'; '.join(reasons)}")
    else:
        publish_all(site, world)


def _pre(site: Site, world: World) -> None:
    observe_phase(site, world, Phase.PRE, open_logs=lambda began: site.open_log_windows(since=began))
    try_access_controls(site)


def _post(site: Site, world: World) -> None:
    with nix_reading(site, world):
        observe_phase(site, world, Phase.POST)
        read_once_more(site, world)


def publish_all(site: Site, world: World) -> None:
    """(3) to (6): build, and publish in order of harm, as far as what came before came back whole."""
    built = stage(site, world, "build", lambda: build_profile(site, world))  # (3)
    if built is None:
        skip(site, PUBLISH, "the profile was not built, so there is nothing to publish")
        return
    profile = stage(site, world, "expect", lambda: expect(site, Label.PROFILE, built.paths, built.outputs))  # (4)
    if profile is None:
        skip(site, PUBLISH, "the local facts of the push set could not be told")
        return
    pair = stage(site, world, "expect:canary", lambda: canaries(site, world))
    good = pair is not None and _publish_one(site, world, pair)
    if not good and not site.policy.publish_anyway:
        skip(site, PUBLISH, "the canary pair was not published and read back whole, so the profile was not pushed")
        return
    good = _publish_twin(site, world)
    if not good and not site.policy.publish_anyway:
        skip(site, PUBLISH, "the twin was not published and read back whole, so the profile was not pushed")
        return
    good = _publish_one(site, world, profile)
    if good and due_after(site):
        _make_twin(site, world)


def _publish_twin(site: Site, world: World) -> bool:
    """The twin of the profile, where one is due; False when it did not come back whole."""
    reason = why_not(site)
    if reason is not None:
        skip(site, "twin", reason)
        return True
    return _make_twin(site, world)


def _make_twin(site: Site, world: World) -> bool:
    made = stage(site, world, "expect:twin", lambda: twin(site, world))
    return made is not None and _publish_one(site, world, made)


def _publish_one(site: Site, world: World, what: Publication) -> bool:
    """(5), (6) Push one publication and read it back; True when every path of it came back whole."""
    label = what.label.value
    stage(site, world, f"push:{label}", lambda: publish(site, world, what))
    good = stage(site, world, f"read:{label}", lambda: read_back(site, world, what))
    if what.references and not site.split:
        stage(site, world, f"references:{label}", lambda: look_for_references(site, world, what))
    if what.label is Label.CANARY and not site.split:
        stage(site, world, "canary-object", lambda: look_for_canary(site, world, what))
        stage(site, world, "bit-flip", lambda: try_bit_flip(site, world, what))
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
