"""Events of a cluster (API ``v1`` ``EventList``), cut down to what is told of them.

https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/: an event of the newer API has
``eventTime`` and ``series`` in place of ``count`` and the two time stamps.
"""

import re
from typing import Final

from gate import limits
from gate.errors import ForeignTextError
from gate.model.captures import KubeEvent
from gate.parse.kube_words import said
from gate.parse.quoting import shown
from gate.parse.strict_json import as_object, loads

_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]{1,9})?Z")
_WORD_CHARS: Final = 128  # of a reason, Kubernetes' own cap
_NAME_CHARS: Final = 320
_MESSAGE_CHARS: Final = 1024  # Kubernetes' own cap of a note


def parse_events(data: bytes) -> tuple[tuple[KubeEvent, ...], bool]:
    """The events of a list, oldest first, and whether there are more; `ForeignTextError` when it is no such list."""
    made = as_object(loads(data, cap=limits.KUBE_JSON_BYTES), "The list of events")
    if made.get("kind") != "EventList":
        raise ForeignTextError(f"the answer is of kind {shown(made.get('kind'))}: expected EventList")
    items = made.get("items") or []
    if not isinstance(items, list):
        raise ForeignTextError("the list of events has no items: expected a list of them")
    events = sorted((_event(as_object(item, "An event")) for item in items), key=_age)
    more = bool(_part(made, "metadata").get("continue"))
    return tuple(events[-limits.KUBE_EVENTS :]), more or len(events) > limits.KUBE_EVENTS


def _event(made: dict[str, object]) -> KubeEvent:
    series, of = _part(made, "series"), _part(made, "involvedObject")
    count = series.get("count") or made.get("count") or 1
    at = _time(made.get("eventTime"))
    return KubeEvent(
        involved=_text(f"{of.get('kind')}/{of.get('name')}", _NAME_CHARS),
        type=_text(made.get("type"), _WORD_CHARS),
        reason=_text(made.get("reason"), _WORD_CHARS),
        count=count if isinstance(count, int) and not isinstance(count, bool) and 0 < count < 2**31 else 1,
        first=_time(made.get("firstTimestamp")) or at,
        last=_time(series.get("lastObservedTime")) or _time(made.get("lastTimestamp")) or at,
        message=_text(made.get("message"), _MESSAGE_CHARS),
    )


def _age(event: KubeEvent) -> tuple[str, str, str, str]:
    return event.last or "", event.involved, event.reason, event.message


def _part(made: dict[str, object], name: str) -> dict[str, object]:
    part = made.get(name)
    return part if isinstance(part, dict) else {}


def _time(made: object) -> str | None:
    return made if isinstance(made, str) and _TIME.fullmatch(made) else None


def _text(made: object, cap: int) -> str:
    return said(made, cap) if isinstance(made, str) else ""
