import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate import limits
from gate.errors import ForeignTextError
from gate.model.captures import KubeEvent
from gate.parse.kubernetes import parse_events

OLD: dict[str, Any] = {
    "involvedObject": {"kind": "Pod", "name": "rustfs-0"},
    "type": "Warning",
    "reason": "BackOff",
    "count": 12,
    "firstTimestamp": "2026-11-24T00:00:00Z",
    "lastTimestamp": "2026-11-24T00:10:00Z",
    "message": "Back-off restarting failed container rustfs",
}
NEW: dict[str, Any] = {
    "involvedObject": {"kind": "Pod", "name": "rustfs-0"},
    "type": "Normal",
    "reason": "Scheduled",
    "eventTime": "2026-11-24T00:01:00.123456Z",
    "firstTimestamp": None,
    "lastTimestamp": None,
    "series": {"count": 3, "lastObservedTime": "2026-11-24T00:05:00.000001Z"},
    "message": "placed",
}


def listed(*items: Any, **metadata: Any) -> bytes:
    return json.dumps({"kind": "EventList", "metadata": metadata, "items": list(items)}).encode()


def test_both_forms_of_event_oldest_first() -> None:
    assert parse_events(listed(OLD, NEW)) == (
        (
            KubeEvent(
                involved="Pod/rustfs-0",
                type="Normal",
                reason="Scheduled",
                count=3,
                first="2026-11-24T00:01:00.123456Z",
                last="2026-11-24T00:05:00.000001Z",
                message="placed",
            ),
            KubeEvent(
                involved="Pod/rustfs-0",
                type="Warning",
                reason="BackOff",
                count=12,
                first="2026-11-24T00:00:00Z",
                last="2026-11-24T00:10:00Z",
                message="Back-off restarting failed container rustfs",
            ),
        ),
        False,
    )


def test_only_the_new_time() -> None:
    (event,), _ = parse_events(listed({**NEW, "series": None}))
    assert (event.count, event.first, event.last) == (1, NEW["eventTime"], NEW["eventTime"])


def test_what_is_foreign_is_escaped_capped_and_redacted() -> None:
    hostile = {
        **OLD,
        "message": "::error::\x1b[31m\u202e" + "x" * 5000 + " password=hunter2",
        "reason": 7,
        "type": None,
        "count": True,
        "firstTimestamp": "now",
        "lastTimestamp": "2026-11-24T00:10:00Z\n",
    }
    (event,), _ = parse_events(listed(hostile))
    assert event.message.startswith(r"::error::\x1b[31m\u202exx")
    assert len(event.message) == 1024
    assert (event.reason, event.type, event.count, event.first, event.last) == ("", "", 1, None, None)
    (event,), _ = parse_events(listed({**OLD, "message": "password=hunter2"}))
    assert event.message == "***"


def test_the_newest_are_kept() -> None:
    many = [{**OLD, "lastTimestamp": f"2026-11-24T{n // 60:02}:{n % 60:02}:00Z"} for n in range(limits.KUBE_EVENTS + 5)]
    events, more = parse_events(listed(*reversed(many)))
    assert (len(events), more) == (limits.KUBE_EVENTS, True)
    assert events[0].last == "2026-11-24T00:05:00Z"


def test_a_page_of_several_and_an_empty_list() -> None:
    assert parse_events(listed(OLD, **{"continue": "abc"}))[1] is True
    assert parse_events(b'{"kind":"EventList","items":null}') == ((), False)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[]", "The list of events is"),
        (b'{"kind":"PodList"}', "of kind 'PodList': expected EventList"),
        (b'{"kind":"EventList","items":{"a":1}}', "has no items"),
        (b'{"kind":"EventList","items":[7]}', "An event is"),
    ],
)
def test_what_is_no_list_of_events(data: bytes, message: str) -> None:
    with pytest.raises(ForeignTextError, match=message):
        parse_events(data)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*OLD, *NEW]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=20)
        | st.dictionaries(st.text(max_size=5), st.text()),
    )
)
def test_any_event_is_read(made: dict[str, Any]) -> None:
    (event,), more = parse_events(listed(made))
    assert event.message.isascii()
    assert event.count >= 1
    assert not more
