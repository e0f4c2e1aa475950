"""One step of the run: announced, marked in the journal, and never the end of the others when it fails."""

from collections.abc import Callable
from typing import TypeVar

from gate.errors import CancelledError, GateError, RefusedError, place_of
from gate.model.records import StageMark, Trouble
from gate.probe.site import Site
from gate.probe.world import World

_T = TypeVar("_T")


def stage(site: Site, world: World, name: str, step: Callable[[], _T]) -> _T | None:
    """Take a step. What goes wrong in it becomes a `Trouble` record and None; only refusals and cancelling go on up.

    Raises `CancelledError` when the run was cancelled before or in the step, `RefusedError` as the step raised it.
    """
    if world.cancel.cancelled:
        raise CancelledError(world.cancel.reason or "cancelled")
    world.progress.stage(name)
    site.write(StageMark(name=name, state="started"))
    answer: _T | None = None
    try:
        answer = step()
    except (CancelledError, RefusedError):
        raise
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


def skip(site: Site, name: str, note: str) -> None:
    """Leave a step out, and say why."""
    site.write(StageMark(name=name, state="skipped", note=note))
