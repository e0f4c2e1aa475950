"""Faults of a profile that the cache knows already: its push writes nothing, so only a twin shows what a write does."""

import sqlite3
from contextlib import closing

from gate.evidence.push_coverage import wrote_nothing
from gate.lab.chunks import BUSY_SECONDS
from gate.lab.inject import Fault, IndexLost, VoidDrillError
from gate.model.basics import Claim, Label
from gate.model.document import Evidence


class CachedProfile(Fault):
    """No fault, but every path of the profile was published before."""

    def prepare(self) -> None:
        """Publish it."""
        self.publish_before()

    def proof(self, evidence: Evidence) -> str:
        """The client wrote none of it again."""
        claims = [path.claim for path in evidence.push.paths if path.label is Label.PROFILE]
        twin = [path.claim for path in evidence.push.paths if path.label is Label.TWIN]
        if not claims or set(claims) != {Claim.ALREADY_CACHED}:
            message = f"of {len(claims)} paths {claims.count(Claim.ALREADY_CACHED)} were cached before, expected all"
            raise VoidDrillError(message)
        return (
            f"all {len(claims)} paths of the profile were cached before; "
            f"{twin.count(Claim.UPLOADED)} of {len(twin)} paths of a twin were uploaded"
        )


class ChunksOutliveNars(Fault):
    """The profile was published before; its NARs and paths are gone from the database, and their chunks are not."""

    def prepare(self) -> None:
        """Publish it, and delete the rows as the server's own clean-up does for NARs that no path has."""
        self.publish_before()
        with closing(sqlite3.connect(self.stack.attic.database, timeout=BUSY_SECONDS)) as connection, connection:
            connection.execute("DELETE FROM object")
            connection.execute("DELETE FROM chunkref")
            gone = connection.execute("DELETE FROM nar").rowcount
        self.acted = f"{gone} NARs were deleted from the database, their chunks were not"

    def proof(self, evidence: Evidence) -> str:
        """The client said of large paths that the server had all of them."""
        nothing = [path for path in evidence.push.paths if path.label is Label.PROFILE and wrote_nothing(path)]
        if not nothing:
            message = "no uploaded path of the profile was wholly deduplicated"
            raise VoidDrillError(message)
        return f"{super().proof(evidence)}; {len(nothing)} uploads wrote nothing"


class TwinFindsTheLoss(IndexLost):
    """Both buckets leave the index when the twin's push begins: the cached profile's own would not have shown it."""

    def prepare(self) -> None:
        """Publish the profile."""
        self.publish_before()

    def push_running(self, label: Label) -> None:
        """Lose both, at the twin's push."""
        if label is Label.TWIN:
            self.lose()

    def proof(self, evidence: Evidence) -> str:
        """The twin's paths failed, and the profile was not pushed after it."""
        told = super().proof(evidence)
        claims = [path.claim for path in evidence.push.paths if path.label is Label.TWIN]
        started = [attempt.label.value for attempt in evidence.push.attempts if attempt.started]
        if Claim.FAILED not in claims or Label.PROFILE.value in started:
            message = (
                f"of {len(claims)} paths {claims.count(Claim.FAILED)} of the twin failed, and {started} were pushed"
            )
            raise VoidDrillError(message)
        return f"{told}; {claims.count(Claim.FAILED)} of {len(claims)} paths of the twin failed"
