"""The words by which a look at a drive tells that the disk itself failed, or that a folder is not on it.

They stand in the records of what was seen: ours by errno (`os.strerror`), a container's as its libc puts them.
"""

from typing import Final

NO_ANSWER: Final = "did not answer within"
OTHER_FILE_SYSTEM: Final = "is on another file system than"
# EIO, ESTALE, EUCLEAN and EREMOTEIO in the C locale: glibc sysdeps/gnu/errlist.h, musl src/errno/__strerror.h.
_IO_ERRORS: Final = (
    "Input/output error",
    "I/O error",
    "Stale file handle",
    "Structure needs cleaning",
    "Remote I/O error",
)


def is_io_error(error: str) -> bool:
    """Whether the words of an error, or the last of one of its sentences, are those of a failing disk."""
    return any(sentence.rstrip().endswith(_IO_ERRORS) for sentence in error.split(";"))


def is_other_file_system(error: str) -> bool:
    """Whether an error says that a folder is on another file system than its drive."""
    return OTHER_FILE_SYSTEM in error
