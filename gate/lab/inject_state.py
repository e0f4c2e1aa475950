"""Faults of the OpenTofu state, written over when the publication is done and its content was read before.

The state of the lab has an output that is marked as sensitive, before and after: no byte of it may reach the evidence.
"""

import json
import sqlite3
import uuid
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from gate.evidence.push_coverage import is_wholly_deduplicated
from gate.lab.inject import Fault, IndexLost, VoidDrillError
from gate.lab.s3 import BUSY_SECONDS
from gate.lab.stack import SENSITIVE, STATE_BUCKET, STATE_KEY
from gate.model.basics import Claim, Label, Phase
from gate.model.document import Evidence


class StateWritten(Fault):
    """Somebody writes the state at the first sample after the publication. Subclasses say what is written."""

    def settings(self) -> Mapping[str, Any]:
        """The content is read."""
        return {"state_contents": True}

    def sample(self, phase: Phase, number: int) -> None:  # noqa: ARG002  the hook's own signature
        """Write once, and read back what is there now."""
        if phase is not Phase.POST or self.acted:
            return
        objects = self.stack.store.objects
        old = objects.get(STATE_BUCKET, STATE_KEY)
        before = json.loads(old)
        objects.put(STATE_BUCKET, STATE_KEY, json.dumps(self.write(before), indent=2).encode("utf-8"))
        new = objects.get(STATE_BUCKET, STATE_KEY)
        after = json.loads(new)
        if SENSITIVE.encode() not in old or SENSITIVE.encode() not in new:
            raise VoidDrillError("the state has no sensitive output, so nothing shows that none of it gets out")
        if not self.is_expected(before, after):
            raise VoidDrillError("the state that was written did not stay in S3")
        same = "the same lineage" if before["lineage"] == after["lineage"] else "another lineage"
        self.acted = f"the state had serial {before['serial']}, and after the publication {after['serial']} and {same}"

    def write(self, state: dict[str, Any]) -> dict[str, Any]:
        """The state in the place of this one."""
        raise NotImplementedError

    def is_expected(self, before: dict[str, Any], after: dict[str, Any]) -> bool:
        """Whether what S3 gives back is the fault."""
        raise NotImplementedError


class StateLineageChanged(StateWritten):
    """Another state, with another lineage, takes the state's place."""

    def write(self, state: dict[str, Any]) -> dict[str, Any]:
        """A new lineage."""
        return {**state, "lineage": str(uuid.uuid4()), "serial": state["serial"] + 1}

    def is_expected(self, before: dict[str, Any], after: dict[str, Any]) -> bool:
        """The lineages differ."""
        return bool(before["lineage"] != after["lineage"])


class StateSerialMoved(StateWritten):
    """A ``tofu apply``: the same state, one write later."""

    def write(self, state: dict[str, Any]) -> dict[str, Any]:
        """The next serial, with other content."""
        return {**state, "serial": state["serial"] + 1, "resources": []}

    def is_expected(self, before: dict[str, Any], after: dict[str, Any]) -> bool:
        """One write later, of the same lineage."""
        return bool(before["lineage"] == after["lineage"] and before["serial"] + 1 == after["serial"])


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
            raise VoidDrillError(
                f"of {len(claims)} paths {claims.count(Claim.ALREADY_CACHED)} were cached before, expected all"
            )
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
            deleted = connection.execute("DELETE FROM nar").rowcount
        self.acted = f"{deleted} NARs were deleted from the database, their chunks were not"

    def proof(self, evidence: Evidence) -> str:
        """The client said of large paths that the server had all of them."""
        nothing = [path for path in evidence.push.paths if path.label is Label.PROFILE and is_wholly_deduplicated(path)]
        if not nothing:
            raise VoidDrillError("no uploaded path of the profile was wholly deduplicated")
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
        proof = super().proof(evidence)
        claims = [path.claim for path in evidence.push.paths if path.label is Label.TWIN]
        started = [attempt.label.value for attempt in evidence.push.attempts if attempt.started]
        if Claim.FAILED not in claims or Label.PROFILE.value in started:
            raise VoidDrillError(
                f"of {len(claims)} paths {claims.count(Claim.FAILED)} of the twin failed, and {started} were pushed"
            )
        return f"{proof}; {claims.count(Claim.FAILED)} of {len(claims)} paths of the twin failed"
