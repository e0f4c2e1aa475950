"""Every error class of the gate with its exit code, on one screen.

    GateError
    ├── RefusedError        2   wrong settings, identity or confirm phrase: nothing was published
    │   ├── ForgedError     2   an evidence folder is not what its own records say
    │   └── NotEvidenceError 2  what was given is no evidence folder and no zip of one
    ├── InconclusiveError   3   it could not be determined
    │   ├── NoNameError     3   a cluster names what no cluster can; before a run it refuses the run
    │   ├── UnsealedError   3   an evidence folder was never sealed
    │   ├── StoppedError    3   a run found, after its first question to a server, that it must not go on
    │   └── CancelledError  3   a signal or a deadline ended the run
    └── ForeignTextError    3   a parser met text that it does not know
        ├── BeyondLimitError 3  it may be what it should be, and is more than this gate reads
        └── ForeignNameError 3  a name that can't be one, where what is named could come to stand in a command

A message is one sentence: the thing, what was got, what was expected, the next step.
Exit code 1 is left to crashes (Python's own), and 4 belongs to a verdict, never to an error.
"""


class GateError(Exception):
    """Base of all errors that the gate raises on purpose; ``exit_code`` is what the process ends with."""

    exit_code = 3


class RefusedError(GateError):
    """Wrong settings, identity or confirm phrase; raised before anything is asked of a server."""

    exit_code = 2


class ForgedError(RefusedError):
    """An evidence folder differs from what its journal and captures give when sealed again."""


class NotEvidenceError(RefusedError):
    """What was given holds no evidence, such as an empty folder or a mistyped name: nothing in it was forged."""


class InconclusiveError(GateError):
    """Something could not be observed, so nothing can be said."""


class NoNameError(InconclusiveError):
    """The API gave a name that Kubernetes does not allow: it is not a Kubernetes API, and the name may be an option."""


class UnsealedError(InconclusiveError):
    """An evidence folder has a journal but was never sealed; ``finalize`` does that."""


class StoppedError(InconclusiveError):
    """A run found, after its first question to a server, that it must not go on; ``code`` of the registry says why.

    It is no refusal: what a server answered has a part in it, or may have.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class CancelledError(InconclusiveError):
    """A signal or the run's own deadline ended it."""


class ForeignTextError(GateError):
    """Text from outside does not have the documented form; the sentence says where and what was expected."""


class BeyondLimitError(ForeignTextError):
    """Text that the program it is for may well read, and that goes beyond a limit of this gate."""


class ForeignNameError(ForeignTextError):
    """A name that what is named can't have, in an answer that is whole otherwise."""


def place_of(error: BaseException) -> str:
    """The kind and the place of an unexpected error; its text is left out, since it may hold anything."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}" if trace is not None else "?"
    return f"{type(error).__name__} at {place}"
