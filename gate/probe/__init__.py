"""The run: one numbered plan that only journals, then calls seal."""

from gate.probe.plan import run
from gate.probe.world import Progress, Quiet, World

__all__ = ["Progress", "Quiet", "World", "run"]
