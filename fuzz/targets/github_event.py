"""`gate.parse.github_event`: a payload names one change with full commits, or is foreign."""

import json
import re

from fuzz.contract import tried
from fuzz.target import Target
from gate.parse.github_event import EVENTS, read_event

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_HEAD = "1" * 40
_REPOSITORY = {"id": 7, "full_name": "acme/cache", "default_branch": "main"}


def check(data: bytes) -> None:
    """The same payload under each event's name."""
    for name in EVENTS:
        change = tried(read_event, name, data)
        if change is not None:
            whole = json.loads(data)
            assert change.event == name
            assert change.repository == whole["repository"]["full_name"]
            assert _COMMIT.fullmatch(change.head)
            assert set(change.head) != {"0"}
            assert change.base_commit is None or _COMMIT.fullmatch(change.base_commit)


def seeds() -> list[bytes]:
    """One payload of each event, in the form of GitHub's documentation, and payloads with one field changed."""
    repository = {"repository": _REPOSITORY}
    pull_request = {
        "number": 12,
        "pull_request": {
            "number": 12,
            "head": {"sha": _HEAD, "ref": "topic"},
            "base": {"sha": "2" * 40, "ref": "main", "repo": _REPOSITORY},
        },
    }
    merge_group = {"merge_group": {"head_sha": _HEAD, "head_ref": "refs/heads/q", "base_ref": "refs/heads/main"}}
    push = {"ref": "refs/heads/topic", "before": "2" * 40, "after": _HEAD}
    payloads = [
        {**pull_request, **repository},
        {**merge_group, **repository},
        {**push, **repository},
        {**push, **repository, "before": "0" * 40},
        {**push, **repository, "after": "0" * 40},
        {**push, "repository": None},
    ]
    return [json.dumps(payload).encode() for payload in payloads]


TARGET = Target(
    check,
    seeds,
    parsers=("github_event",),
    words=(b'"after":', b'"repository":', b'"base_ref":"refs/heads/', b'"head_sha":', b"0" * 40, b"null", b"true"),
)
