"""The table *party × lie*: every lie that the gate is held against. ``docs/trust.md`` is made from it."""

from tests.liars import attic, forge, jobs, machine, places, s3
from tests.liars.lie import Lie

LIES: tuple[Lie, ...] = (*s3.LIES, *attic.LIES, *machine.LIES, *jobs.LIES, *places.LIES, *forge.LIES)
