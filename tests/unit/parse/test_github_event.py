"""What each of GitHub's events says of a change, and the names and commits that are none."""

import json
from typing import Any

import pytest

from gate.errors import ForeignTextError, RefusedError
from gate.parse.github_event import read_event

HEAD, BEFORE = "1" * 40, "2" * 40
REPOSITORY = {"id": 7, "full_name": "acme/cache", "default_branch": "main"}


def push(**changes: Any) -> bytes:
    whole = {"ref": "refs/heads/topic", "before": BEFORE, "after": HEAD, "repository": REPOSITORY}
    return json.dumps({**whole, **changes}).encode()


def merge_group(**changes: Any) -> bytes:
    group = {"head_sha": HEAD, "head_ref": "refs/heads/q", "base_ref": "refs/heads/release/1", **changes}
    return json.dumps({"merge_group": group, "repository": REPOSITORY}).encode()


def test_a_push_and_a_merge_group() -> None:
    pushed = read_event("push", push())
    assert (pushed.base, pushed.base_commit, pushed.head) == ("main", BEFORE, HEAD)
    assert read_event("push", push(before="0" * 40)).base_commit is None
    merged = read_event("merge_group", merge_group())
    assert (merged.base, merged.head) == ("release/1", HEAD)


@pytest.mark.parametrize(
    ("event", "payload", "message"),
    [
        ("push", push(after="0" * 40), "expected a commit id"),
        ("push", push(after="main"), "expected a commit id"),
        ("merge_group", merge_group(base_ref="main"), "The base is 'main': expected refs/heads/"),
    ],
)
def test_what_is_no_commit_or_branch_is_foreign(event: str, payload: bytes, message: str) -> None:
    with pytest.raises(ForeignTextError, match=message):
        read_event(event, payload)


def test_another_event_is_refused() -> None:
    with pytest.raises(RefusedError, match="the event is 'workflow_run'"):
        read_event("workflow_run", push())
