"""Facts of the journal and of each push, as the evidence document holds them."""

from typing import Final

from gate.model.basics import Claim, Label, Truth, value
from gate.model.parsed import Announced, PushError


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
    ``disorder``: records at a point where they prove nothing. ``clock_jump_millis``: how far the wall clock
    moved against the steady one.
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


@value
class PushPath:
    """One path of a publication and what was claimed of it.

    ``claimed_before``: what get-missing-paths said before the push. ``doubted``: an error body may have
    forged its success line, or the failure of a path with a success, so neither counts as a result, yet its
    body must be there. ``deduplicated_permille``: of an uploaded path, the part of the NAR in thousandths that the
    server said that it had already (1000: it wrote nothing new); None where the client prints none.
    ``failure_millis``: how long after the client's start the line of its failure came; None where that is unknown.
    """

    label: Label
    cache: str
    store_path: str
    nar_hash: str
    nar_size: int
    claimed_before: Truth
    claim: Claim
    error: PushError | None
    doubted: bool
    deduplicated_permille: int | None = None
    failure_millis: int | None = None


@value
class Counts:
    """How many paths got which claim; their sum is ``attempted``."""

    attempted: int
    uploaded: int
    deduplicated: int
    already_cached: int
    in_upstream: int
    failed: int
    unaccounted: int


@value
class PushAttempt:
    """One run of ``attic push``. ``started`` is false when it was never begun."""

    label: Label
    cache: str
    started: bool
    exit: int | None
    signal: int | None
    ended_by: str | None
    announced: Announced | None
    done: bool
    vacuous: bool
    fatal: PushError | None
    contradicted: tuple[str, ...]
    foreign: tuple[str, ...]
    unread_lines: int
    cut: bool
    missing_asked: Truth
    counts: Counts


@value
class Push:
    """All publications of the run."""

    attempts: tuple[PushAttempt, ...]
    paths: tuple[PushPath, ...]
    counts: Counts


# A NAR of one file that is not executable: the words of the grammar take 112 bytes, and contents are padded to a
# multiple of 8 (https://nix.dev/manual/nix/2.34/protocols/nix-archive); so every NAR's size is such a multiple.
FRAME_BYTES: Final = 112
PADDED_TO: Final = 8


@value
class TwinFile:
    """One path of a twin: the size of its NAR in bytes, and which files before it in the plan it refers to."""

    nar_size: int
    references: tuple[int, ...]

    @property
    def content_size(self) -> int:
        """The bytes of the file itself."""
        return self.nar_size - FRAME_BYTES
