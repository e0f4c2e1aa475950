"""The action's run step, held in one stage of the run until it is cancelled.

    python -I tests/action/held.py ROOT STAGE

It is the very command of action.yml, in which the stage, once the journal has its beginning, waits for the signal that
the test sends: so the signal always comes in that stage, however slow the machine is.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, sys.argv[1])

from gate.cli.main import main
from gate.model.document import Evidence
from gate.probe import plan
from gate.probe.context import RunContext
from gate.probe.world import World

NAME = sys.argv[2]
names = vars(plan)
stage, seal = names["stage"], names["seal"]
worlds: list[World] = []


def wait(world: World) -> None:
    while not world.cancel.cancelled:
        time.sleep(0.01)


def held_stage(context: RunContext, world: World, name: str, step: Callable[[], object]) -> object:
    worlds.append(world)

    def held() -> object:
        wait(world)
        return step()

    answer: object = stage(context, world, name, held if name == NAME else step)
    return answer


def held_seal(directory: Path) -> Evidence:
    if NAME == "seal":
        wait(worlds[0])
    sealed: Evidence = seal(directory)
    return sealed


names["stage"], names["seal"] = held_stage, held_seal
raise SystemExit(main(["action-run"]))
