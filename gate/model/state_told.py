"""What the content of a state object told, in the evidence: which state it is and how far it got, never its values."""

from typing import Literal

from gate.model.basics import value


@value
class StateTold:
    """The content of a state object, read once with ``state-contents``, between two HEADs.

    ``content``: ``state``; ``other-version``; ``no-state`` for whole bytes of the one object that are none; ``gone``
    where GET says NoSuchKey or NoSuchBucket; ``unsteady`` where the answers are not all of one object (what a state
    among them told stands all the same); ``unread``.
    ``lineage`` is the sha256 of the lineage, in hex. An encrypted state may hide its version, its serial and its
    lineage: those are None. ``note`` says what the bytes are when they are no state, or why they were not read.
    """

    content: Literal["state", "other-version", "no-state", "gone", "unsteady", "unread"]
    version: int | None = None
    serial: int | None = None
    lineage: str | None = None
    encrypted: bool = False
    note: str = ""
