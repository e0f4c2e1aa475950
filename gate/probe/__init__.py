"""The run: one numbered plan that only journals, then calls seal."""

from gate.probe.plan import capture, run
from gate.probe.split_folders import SealedPart, finalize_part, is_part_folder, join, verify_part
from gate.probe.split_parts import PartFolder, publish_part, take_during, take_post, take_pre
from gate.probe.world import Progress, Quiet, World

__all__ = [
    "PartFolder",
    "Progress",
    "Quiet",
    "SealedPart",
    "World",
    "capture",
    "finalize_part",
    "is_part_folder",
    "join",
    "publish_part",
    "run",
    "take_during",
    "take_post",
    "take_pre",
    "verify_part",
]
