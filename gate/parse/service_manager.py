"""What service managers say of a server: ``systemctl show``, ``journalctl --output=json`` and the Docker Engine API.

Forms: org.freedesktop.systemd1(5), systemd.journal-fields(7), and the Engine API's ``ContainerInspect``
(https://docs.docker.com/reference/api/engine/version/v1.44/). podman answers in Docker's form at its own socket.
"""

import re
from collections.abc import Iterator
from typing import Final

from gate import limits
from gate.errors import ForeignTextError
from gate.model.parsed import ContainerState, JournalEntry, UnitState
from gate.parse.strict_json import as_count, as_object, as_text, loads
from gate.parse.text import decode, excerpt

UNIT_PROPERTIES: Final = (
    "LoadState",
    "ActiveState",
    "SubState",
    "MainPID",
    "InvocationID",
    "NRestarts",
    "ExecStart",
)
JOURNAL_FIELDS: Final = ("MESSAGE", "MESSAGE_ID", "N_DROPPED", "_SYSTEMD_UNIT", "_PID")
# journald's own entry for lines over RateLimitBurst= (sd-messages.h, SD_MESSAGE_JOURNAL_DROPPED)
DROPPED_ID: Final = "a596d6fe7bfa4994828e72309e95d61e"
_NUMBER: Final = re.compile(r"[0-9]{1,10}")
_INVOCATION: Final = re.compile(r"[0-9a-f]{32}")
_EXEC_PATH: Final = re.compile(r"\{ path=(/[^\s;]+) ;")
_DROPPED: Final = re.compile(r"Suppressed ([0-9]{1,18}) messages from (\S{1,255})")
_STREAMS: Final = (b"\1\0\0\0", b"\2\0\0\0")
_FRAME_HEAD: Final = 8
_IMAGE: Final = re.compile(r"sha256:[0-9a-f]{64}")
_CONTAINER_ID: Final = re.compile(r"[0-9a-f]{64}")


def parse_unit(data: bytes) -> UnitState:
    """The output of ``systemctl show --property=`` with `UNIT_PROPERTIES`; `ForeignTextError` for another form."""
    values: dict[str, str] = {}
    for line in decode(data).splitlines():
        name, equals, text = line.partition("=")
        if name in UNIT_PROPERTIES and equals:
            if name in values and name != "ExecStart":  # a unit of Type=oneshot has several commands
                raise ForeignTextError(f"systemctl show gave {name} twice: expected each property once.")
            values.setdefault(name, text)
    missing = [name for name in UNIT_PROPERTIES if name not in values and name != "ExecStart"]
    if missing:
        raise ForeignTextError(f"systemctl show gave no {missing[0]}: expected the properties of a service.")
    for name in ("MainPID", "NRestarts"):
        if not _NUMBER.fullmatch(values[name]):
            raise ForeignTextError(f"systemctl show gave {name}={excerpt(values[name])}: expected a number.")
    invocation = values["InvocationID"]
    if invocation and not _INVOCATION.fullmatch(invocation):
        raise ForeignTextError(f"systemctl show gave InvocationID={excerpt(invocation)}: expected 32 hex digits.")
    command = _EXEC_PATH.match(values.get("ExecStart", ""))
    return UnitState(
        load=excerpt(values["LoadState"]).strip("'"),
        active=excerpt(values["ActiveState"]).strip("'"),
        sub=excerpt(values["SubState"]).strip("'"),
        main_pid=int(values["MainPID"]),
        invocation=invocation,
        restarts=int(values["NRestarts"]),
        program=command[1] if command else None,
    )


def parse_journal(data: bytes, unit: str) -> Iterator[JournalEntry]:
    """The whole lines of ``journalctl --output=json``, each an entry; `ForeignTextError` for another form.

    The line is what journalctl gave, so that `gate.parse.log_heads` reads it as it reads a pasted journal.
    """
    for line in data.split(b"\n"):
        if not line:
            continue
        entry = as_object(loads(line, cap=limits.JOURNAL_ENTRY_BYTES, what="A journal entry"), "A journal entry")
        cursor = as_text(entry.get("__CURSOR"), "__CURSOR")
        if entry.get("MESSAGE_ID") != DROPPED_ID or entry.get("_SYSTEMD_UNIT") == unit:
            yield JournalEntry(cursor=cursor, line=line + b"\n")
            continue
        dropped = _DROPPED.fullmatch(str(entry.get("MESSAGE")))
        if dropped is None or dropped[2] == unit:
            yield JournalEntry(cursor=cursor, line=b"", dropped=int(dropped[1]) if dropped else 1)
        else:  # of another unit
            yield JournalEntry(cursor=cursor, line=b"")


def parse_container(data: bytes) -> ContainerState:
    """The answer of ContainerInspect; `ForeignTextError` for another form."""
    whole = as_object(loads(data, cap=limits.CONTAINER_JSON_BYTES, what="The container"), "The container")
    state = as_object(whole.get("State"), "State")
    config = as_object(whole.get("Config"), "Config")
    host = as_object(whole.get("HostConfig"), "HostConfig")
    driver = as_object(host.get("LogConfig"), "HostConfig.LogConfig")
    container = ContainerState(
        id=as_text(whole.get("Id"), "Id"),
        image=as_text(whole.get("Image"), "Image"),
        status=excerpt(as_text(state.get("Status"), "State.Status")).strip("'"),
        running=state.get("Running") is True and state.get("Paused") is not True,
        pid=as_count(state.get("Pid"), "State.Pid"),
        started=as_text(state.get("StartedAt"), "State.StartedAt"),
        restarts=as_count(whole.get("RestartCount"), "RestartCount"),
        log_driver=as_text(driver.get("Type"), "HostConfig.LogConfig.Type"),
        tty=config.get("Tty") is True,
    )
    if not _CONTAINER_ID.fullmatch(container.id):
        raise ForeignTextError(f"The container has the id {excerpt(container.id)}: expected 64 hex digits.")
    image = (
        container.image if container.image.startswith("sha256:") else f"sha256:{container.image}"
    )  # podman leaves it out
    if not _IMAGE.fullmatch(image):
        raise ForeignTextError(f"The container has the image {excerpt(container.image)}: expected a sha256.")
    return container


def stream_text(data: bytes, *, tty: bool) -> tuple[bytes, bool]:
    """The text of ``GET /containers/{id}/logs`` without its frames, and whether the stream is whole.

    Without a TTY each piece has a head: the stream (1 stdout, 2 stderr), three zero bytes and a big-endian length.
    """
    if tty:
        return data, data.endswith(b"\n") or not data
    text, at = bytearray(), 0
    while at + _FRAME_HEAD <= len(data):
        if data[at : at + 4] not in _STREAMS:
            return bytes(text), False
        length = int.from_bytes(data[at + 4 : at + _FRAME_HEAD], "big")
        piece = data[at + _FRAME_HEAD : at + _FRAME_HEAD + length]
        text += piece
        at += _FRAME_HEAD + length
        if len(piece) < length:
            return bytes(text), False
    return bytes(text), at == len(data)
