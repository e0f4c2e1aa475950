"""What a workflow run was started for, from the payload at ``GITHUB_EVENT_PATH``. Pure: bytes in, a `Change` out.

Shapes: https://docs.github.com/en/webhooks/webhook-events-and-payloads, pull_request, merge_group and push.
"""

import re
from typing import Final

from gate import limits
from gate.errors import ForeignTextError, RefusedError
from gate.model.gating import Change
from gate.parse.strict_json import as_count, as_object, as_text, loads

EVENTS: Final = ("pull_request", "merge_group", "push")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_BRANCH: Final = "refs/heads/"
_NONE: Final = "0"


def read_event(name: str, payload: bytes) -> Change:
    """The change that an event is about.

    Raises `RefusedError` for another event (``pull_request_target`` among them: it runs with the base's secrets on the
    head's say), `ForeignTextError` for a payload that does not have its documented form.
    """
    if name not in EVENTS:
        raise RefusedError(
            f"the event is {name[:80]!a}: expected {', '.join(EVENTS)}; run this check on those, or --push-follows"
        )
    whole = as_object(loads(payload, cap=limits.EVENT_BYTES, what="The event's payload"), "The event's payload")
    repository = as_object(whole.get("repository"), "repository")
    place = (
        as_text(repository.get("full_name"), "repository.full_name"),
        as_count(repository.get("id"), "repository.id"),
        as_text(repository.get("default_branch"), "repository.default_branch"),
    )
    base, base_commit, head, number = _READ[name](whole)
    return Change(
        event=name,
        repository=place[0],
        repository_id=place[1],
        default_branch=place[2],
        base=base or place[2],
        base_commit=base_commit,
        head=_commit(head, "the head commit"),
        number=number,
    )


_Ends = tuple[str, str | None, str, int | None]


def _pull_request(whole: dict[str, object]) -> _Ends:
    pull_request = as_object(whole.get("pull_request"), "pull_request")
    base = as_object(pull_request.get("base"), "pull_request.base")
    head = as_object(pull_request.get("head"), "pull_request.head")
    return (
        as_text(base.get("ref"), "pull_request.base.ref"),
        None,
        as_text(head.get("sha"), "pull_request.head.sha"),
        as_count(pull_request.get("number"), "pull_request.number"),
    )


def _merge_group(whole: dict[str, object]) -> _Ends:
    group = as_object(whole.get("merge_group"), "merge_group")
    base = _branch(as_text(group.get("base_ref"), "merge_group.base_ref"))
    return base, None, as_text(group.get("head_sha"), "merge_group.head_sha"), None


def _push(whole: dict[str, object]) -> _Ends:
    """The base is the default branch: a branch's own ``gate.toml`` says nothing of what may be pushed to it."""
    before = as_text(whole.get("before"), "before")
    base = None if not before.strip(_NONE) else _commit(before, "the commit before")
    return "", base, as_text(whole.get("after"), "after"), None


_READ: Final = {"pull_request": _pull_request, "merge_group": _merge_group, "push": _push}


def _branch(ref: str) -> str:
    if not ref.startswith(_BRANCH):
        raise ForeignTextError(f"The base is {ref[:80]!a}: expected {_BRANCH}…")
    return ref.removeprefix(_BRANCH)


def _commit(text: str, what: str) -> str:
    if not _COMMIT.fullmatch(text) or not text.strip(_NONE):
        raise ForeignTextError(f"The event gives {text[:80]!a} for {what}: expected a commit id")
    return text
