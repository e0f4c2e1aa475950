"""One step of the run: announced, marked in the journal, and never the end of the others when it fails."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar, cast

from gate.errors import CancelledError, GateError, RefusedError, StoppedError, place_of
from gate.model.records import RunStopped, StageMark, Trouble
from gate.probe.site import Site
from gate.probe.world import World

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
