"""What ``evidence.json`` says of the record itself: the journal, and the captures that it closed."""

from gate.model.basics import value


@value
class Captured:
    """A capture as the journal closed it."""

    name: str
    bytes: int
    sha256: str
    cut: bool
    redactions: int


@value
class Stopped:
    """Why a run did not go on after its first question to a server: a code of the registry, and one sentence."""

    code: str
    reason: str


@value
class JournalFacts:
    """Whether the record is whole: ``complete`` record present, no torn tail, no trouble, not cancelled.

    ``finalized``: a person, and not the run, sealed it.
    ``disorder``: what stands where it proves nothing. ``clock_jump_millis``: how far the clock of the day moved against
    the steady one.
    """

    records: int
    complete: bool
    torn: bool
    stopped: Stopped | None
    cancelled: str | None
    troubles: tuple[str, ...]
    captures: tuple[Captured, ...]
    missing_captures: tuple[str, ...]
    disorder: tuple[str, ...] = ()
    clock_jump_millis: int = 0
    finalized: bool = False
