"""What a look at a store's drive told of the drive itself, beside its markers."""

from typing import Literal

from gate.model.basics import value


@value
class DriveTrouble:
    """A drive on which the markers of a phase could not all be told, for a reason that is the drive's own.

    ``scan-io``: the disk gave an error of input or output. ``other-file-system``: a folder is on another file system
    than the drive, as when something is mounted over it. ``told`` is the first such error; so
    many ``samples`` had one.
    """

    place: str
    what: Literal["scan-io", "other-file-system"]
    told: str
    samples: int
