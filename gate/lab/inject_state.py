"""Faults of the OpenTofu state, written over when the publication is done and its content was read before.

The state of the lab has an output that is marked as sensitive, before and after: no byte of it may reach the evidence.
"""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from gate.lab.inject import Fault, VoidDrillError
from gate.lab.stack import SENSITIVE, STATE_BUCKET, STATE_KEY
from gate.model.basics import Phase


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
        if not self.wanted(before, after):
            raise VoidDrillError("the state that was written did not stay in S3")
        same = "the same lineage" if before["lineage"] == after["lineage"] else "another lineage"
        self.acted = f"the state had serial {before['serial']}, and after the publication {after['serial']} and {same}"

    def write(self, state: dict[str, Any]) -> dict[str, Any]:
        """The state in the place of this one."""
        raise NotImplementedError

    def wanted(self, before: dict[str, Any], after: dict[str, Any]) -> bool:
        """Whether what S3 gives back is the fault."""
        raise NotImplementedError


class StateLineageChanged(StateWritten):
    """Another state lies where the state was, of a lineage of its own."""

    def write(self, state: dict[str, Any]) -> dict[str, Any]:
        """A new lineage."""
        return {**state, "lineage": str(uuid.uuid4()), "serial": state["serial"] + 1}

    def wanted(self, before: dict[str, Any], after: dict[str, Any]) -> bool:
        """The lineages differ."""
        return bool(before["lineage"] != after["lineage"])


class StateSerialMoved(StateWritten):
    """A ``tofu apply``: the same state, one write later."""

    def write(self, state: dict[str, Any]) -> dict[str, Any]:
        """The next serial, with other content."""
        return {**state, "serial": state["serial"] + 1, "resources": []}

    def wanted(self, before: dict[str, Any], after: dict[str, Any]) -> bool:
        """One write later, of the same lineage."""
        return bool(before["lineage"] == after["lineage"] and before["serial"] + 1 == after["serial"])
