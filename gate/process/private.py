"""Keeping what this process knows out of core files and out of reach of other processes of the same user."""

import ctypes
import resource
from contextlib import suppress
from typing import Final

_PR_SET_DUMPABLE: Final = 4


def keep_memory_private() -> None:
    """Make no core file, and close ``/proc/<pid>/environ``, ``mem`` and ``fd`` to all but root (prctl(2), proc(5)).

    A build that runs as the same user could otherwise read the gate's secrets there. Children are ordinary again as
    soon as they run their program. Where the system has no such switch, only the core file is prevented.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
