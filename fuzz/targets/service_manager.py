"""`gate.parse.service_manager`: units, journals and containers are read in their documented form, or are foreign."""

import json

from fuzz.contract import tried
from fuzz.target import Target
from gate.parse.service_manager import DROPPED_ID, parse_container, parse_journal, parse_unit, stream_text

_UNIT = "atticd.service"


def _entries(data: bytes) -> list[bytes]:
    return [entry.line for entry in parse_journal(data, _UNIT)]


def check(data: bytes) -> None:
    """The same bytes as each of the three, and as a stream of frames."""
    unit = tried(parse_unit, data)
    if unit is not None:
        assert unit.main_pid >= 0
        assert unit.program is None or unit.program.startswith("/")
    lines = tried(_entries, data)
    if lines is not None:
        assert all(line in data + b"\n" for line in lines)
    container = tried(parse_container, data)
    if container is not None:
        assert len(container.id) == 64
        assert json.loads(data)["Id"] == container.id
    text, _ = stream_text(data, tty=False)
    assert len(text) <= len(data)


def seeds() -> list[bytes]:
    """One of each form."""
    properties = (
        "MainPID=77\nNRestarts=0\nExecStart={ path=/usr/bin/atticd ; argv[]=/usr/bin/atticd ; }\nLoadState=loaded\n"
        "ActiveState=active\nSubState=running\nInvocationID=0639ff4e3ad04a2b9b7bdb5e54d4a2ad\n"
    )
    entry = {"__CURSOR": "s=1;i=2", "MESSAGE": "x", "_SYSTEMD_UNIT": _UNIT}
    dropped = {**entry, "MESSAGE": f"Suppressed 3 messages from {_UNIT}", "MESSAGE_ID": DROPPED_ID}
    container = {
        "Id": "a" * 64,
        "Image": "sha256:" + "b" * 64,
        "RestartCount": 0,
        "State": {"Status": "running", "Running": True, "Pid": 7, "StartedAt": "2026-11-30T22:00:00Z"},
        "Config": {"Tty": False},
        "HostConfig": {"LogConfig": {"Type": "json-file"}},
    }
    return [
        properties.encode(),
        json.dumps(entry).encode() + b"\n" + json.dumps(dropped).encode() + b"\n",
        json.dumps({**entry, "MESSAGE": [104, 105]}).encode(),
        json.dumps(container).encode(),
        b"\1\0\0\0\0\0\0\5hello\2\0\0\0\0\0\0\1\n",
    ]


TARGET = Target(
    check,
    seeds,
    parsers=("service_manager",),
    words=(b"MainPID=", b'"__CURSOR":"', b'"State":{', b"\1\0\0\0\0\0\0\1", b'"MESSAGE":'),
)
