"""The run: one numbered plan that only journals, then calls seal."""

from gate.probe.plan import capture, run
from gate.probe.world import Progress, Quiet, World

__all__ = ["Progress", "Quiet", "World", "capture", "run"]
