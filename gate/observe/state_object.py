"""The OpenTofu state object and its lock: by HEAD, and with ``state-contents`` by GET as well."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

from gate import limits
from gate.errors import BeyondLimitError, ForeignTextError
from gate.evidence.stored_objects import fold_keys
from gate.model.basics import Phase
from gate.model.operators import StateRead
from gate.model.parsed import S3Fault, StateFacts
from gate.model.records import HttpAnswer, StateContents, StateSeen
from gate.observe.s3 import S3
from gate.parse.s3 import parse_fault
from gate.parse.tofu_state import has_other_version, other_file, parse_state

LOCK_SUFFIX: Final = ".tflock"  # https://opentofu.org/docs/language/settings/backends/s3/
_OK: Final = 200
_SERVER_ERROR: Final = 500
_STATE_NAME: Final = ".tfstate"  # by OpenTofu's documents and habit; a key may have any name
Content = Literal["state", "other-version", "no-state", "other-file", "unread"]


def find_states(s3: S3, bucket: str, prefix: str) -> tuple[tuple[str, ...], str | None]:
    """The keys below a prefix that may be states, and why that may not be all of them (None: it is all).

    Everything there is one, but lock objects and the empty ``folder/`` objects that consoles make.
    """
    keys, trouble = fold_keys(s3.list_objects(bucket, prefix))
    states = tuple(key for key in keys if not key.endswith((LOCK_SUFFIX, "/")))
    if len(states) > limits.STATE_OBJECTS:
        trouble = f"there are {len(states)} objects below the prefix, and at most {limits.STATE_OBJECTS} are read"
    return states[: limits.STATE_OBJECTS], trouble


def read_states(s3: S3, bucket: str, keys: Sequence[str]) -> tuple[StateRead, ...]:
    """Read each object below a prefix once; any of them may be something else than a state.

    One that is a saved plan or a lock file is an ``other-file``. Bytes that are no state are ``no-state`` under a name
    that says that they are one, else ``unread``: nobody says that there ever was a state.
    """
    return tuple(_below_prefix(read_state(s3, bucket, key, guess=True)) for key in keys)


def _below_prefix(read: StateRead) -> StateRead:
    if read.content != "no-state" or read.key.endswith(_STATE_NAME):
        return read
    return replace(read, content="unread", problem=f"{read.problem} Nothing says that it ever was a state.")


def read_state(s3: S3, bucket: str, key: str, *, guess: bool = False) -> StateRead:
    """HEAD of the lock, and HEAD, GET and HEAD of the state, which show whether it is one object before and after.

    ``guess``: the key was found below a prefix, so the object may be another file of OpenTofu's.
    """
    lock = s3.head_object(bucket, key + LOCK_SUFFIX)
    head = s3.head_object(bucket, key)
    got, body = s3.get_object(bucket, key, cap=limits.STATE_BYTES)
    fault = parse_fault(got.body.encode())
    content, facts, problem = _content(got, body)
    other = other_file(key, body) if guess and content == "no-state" else None
    if other is not None:
        content, problem = "other-file", f"it is {other}"
    return StateRead(
        bucket=bucket,
        key=key,
        head=head,
        lock=lock,
        get=replace(got, body=""),
        again=s3.head_object(bucket, key),
        size=len(body),
        content=content,
        facts=facts,
        problem=problem,
        fault=fault.code if fault else None,
        message=_trouble(got, fault),
    )


def _trouble(got: HttpAnswer, fault: S3Fault | None) -> str | None:
    """The message of a server in trouble, such as one that starts; of other errors only the code is kept."""
    if fault is None or got.status is None or got.status < _SERVER_ERROR:
        return None
    return ascii(" ".join(fault.message.split()))[1:-1][: limits.ERROR_MESSAGE_CHARS] or None


def _content(got: HttpAnswer, body: bytes) -> tuple[Content, StateFacts | None, str | None]:
    if got.status != _OK or got.body_cut:
        return "unread", None, None
    try:
        return "state", parse_state(body), None
    except BeyondLimitError as error:
        return "unread", None, str(error)
    except ForeignTextError as error:
        return "other-version" if has_other_version(body) else "no-state", None, str(error)


def look(s3: S3, bucket: str, key: str, *, phase: Phase, contents: bool = False) -> StateSeen:
    """The state's and the lock's HEAD answers; with ``contents`` also what may be told of the state's content."""
    if not contents:
        lock = s3.head_object(bucket, key + LOCK_SUFFIX)
        return StateSeen(phase=phase, bucket=bucket, key=key, head=s3.head_object(bucket, key), lock=lock)
    read = read_state(s3, bucket, key)
    text = StateContents(
        get=read.get,
        again=read.again,
        size=read.size,
        content=read.content,
        facts=read.facts,
        problem=read.problem,
        fault=read.fault,
    )
    return StateSeen(phase=phase, bucket=bucket, key=key, head=read.head, lock=read.lock, contents=text)
