"""The OpenTofu state objects as an operator's command reads them: their content is parsed here and let go of here.

No record made here has a byte of a state: bodies of answers are dropped, whatever their status, and of an error only
its code is kept.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

from gate import limits
from gate.errors import ForeignTextError
from gate.evidence.objects import fold_keys
from gate.model.operators import StateRead
from gate.model.parsed import StateFacts
from gate.model.records import HttpAnswer
from gate.observe.s3 import S3
from gate.parse.s3 import parse_fault
from gate.parse.strict_json import loads
from gate.parse.tofu_state import STATE_VERSION, parse_state

LOCK_SUFFIX: Final = ".tflock"  # https://opentofu.org/docs/language/settings/backends/s3/
_OK: Final = 200
Content = Literal["state", "other-version", "no-state", "unread"]


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
    """Read each state once."""
    return tuple(read_state(s3, bucket, key) for key in keys)


def read_state(s3: S3, bucket: str, key: str) -> StateRead:
    """HEAD of the lock, and HEAD, GET and HEAD of the state: it is the same object before and after, or it is told."""
    lock = s3.head_object(bucket, key + LOCK_SUFFIX)
    head = s3.head_object(bucket, key)
    got, body = s3.get_object(bucket, key, cap=limits.STATE_BYTES)
    fault = parse_fault(got.body.encode())
    content, facts, problem = _content(got, body)
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
    )


def _content(got: HttpAnswer, body: bytes) -> tuple[Content, StateFacts | None, str | None]:
    if got.status != _OK or got.body_cut:
        return "unread", None, None
    try:
        return "state", parse_state(body), None
    except ForeignTextError as error:
        kind: Content = "other-version" if _has_other_version(body) else "no-state"
        return kind, None, str(error)


def _has_other_version(body: bytes) -> bool:
    """Whether it is JSON that calls itself another version: not ours to call damaged."""
    try:
        state = loads(body, cap=limits.STATE_BYTES)
    except ForeignTextError:
        return False
    version = state.get("version") if isinstance(state, dict) else None
    return isinstance(version, int) and not isinstance(version, bool) and version != STATE_VERSION
