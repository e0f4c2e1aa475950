"""Reading a file that should be small and plain, and may be neither."""

import errno
import os
import stat
from pathlib import Path


def read_small(path: Path, *, cap: int) -> bytes:
    """The bytes of a regular file of at most ``cap`` bytes; `OSError` for a link, a FIFO, a device or a larger file."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "is no regular file")
        pieces = b""
        while piece := os.read(handle, cap + 1 - len(pieces)):
            pieces += piece
            if len(pieces) > cap:
                raise OSError(errno.EFBIG, f"has more than {cap} bytes")
        return pieces
    finally:
        os.close(handle)
