"""References that lead out of a push set: what of a published path's closure the publication itself does not bring."""

from typing import Literal

from gate.model.basics import Label, value


@value
class Gap:
    """A reference that is not known to be served.

    ``state``: ``lost`` is one that the cache does not have, and that no other can be expected to have either, because
    it was made on this machine, or because the cache itself signed it; ``elsewhere`` is one that the cache does not
    have and that came from another source; ``unread`` could not be told. ``referrer`` is the first path that needs it.
    """

    store_path: str
    referrer: str
    state: Literal["lost", "elsewhere", "unread"]
    note: str


@value
class References:
    """The references of one publication that lead out of its push set.

    ``outside`` of them there are; ``upstream`` are left to an upstream of the cache, whose signature the local store
    has; ``served`` have a narinfo in the cache.
    """

    label: Label
    cache: str
    outside: int
    upstream: int
    served: int
    gaps: tuple[Gap, ...]
