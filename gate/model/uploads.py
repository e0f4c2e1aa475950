"""What became of a bucket's open multipart uploads over the run."""

from gate.model.basics import Truth, value
from gate.model.parsed import OpenUpload


@value
class Uploads:
    """The open multipart uploads of one bucket: an upload is no object, and nobody reads it.

    ``truth`` is present when they were listed before the publication and after it, unknown otherwise; ``note`` then
    says why. ``left`` began after the look before, by the store's own clock, and were still open at the first and the
    last look after the publication. ``others`` counts all else that was open last, and ``oldest_seconds`` is how old
    the oldest of those was then, 0 where there are none. ``more``: the store has more of them than were looked at.
    """

    bucket: str
    truth: Truth
    note: str
    left: tuple[OpenUpload, ...]
    others: int
    oldest_seconds: int
    more: bool
