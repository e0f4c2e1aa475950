"""The parts of a run that is split between jobs with different rights, format ``publication-gate/part/v1``.

``pre``, ``during`` and ``post`` observe and run no flake code; ``publish`` evaluates, builds and pushes, and holds the
push token alone. Each part is a folder of its own: a journal, captures, and ``part.json``, whose sha256 is the part's
digest.
"""

from gate.model.basics import value
from gate.model.document import ManifestEntry
from gate.model.part_records import PartName, Previous
from gate.model.policy import Identity, Tools

PART_SCHEMA = "publication-gate/part/v1"


@value
class PartDocument:
    """``part.json``: all of it follows from the journal and the captures, so it is made again to be believed.

    ``policy`` is the sha256 of the policy's canonical form. ``previous`` are the parts that this one was given, each
    with its digest. ``manifest`` lists the journal and the captures.
    """

    schema: str
    part: PartName
    run: Identity
    policy: str
    tools: Tools
    previous: tuple[Previous, ...]
    started_at: str
    ended_at: str
    records: int
    complete: bool
    manifest: tuple[ManifestEntry, ...]
