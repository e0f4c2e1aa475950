"""Event payloads and answers of the REST interface: documented forms are read, all else is our own error."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.errors import ForeignTextError, GateError
from gate.github import api_models
from gate.parse.github_event import EVENTS, read_event
from tests.helpers import github_world as gh

REPOSITORY = {"id": gh.NUMBER, "full_name": gh.REPOSITORY, "default_branch": "main"}


def push(**changes: Any) -> bytes:
    whole = {"ref": "refs/heads/topic", "before": gh.HEAD, "after": gh.commit_id("head"), "repository": REPOSITORY}
    return json.dumps({**whole, **changes}).encode()


def group(**changes: Any) -> bytes:
    inner = {"head_sha": gh.HEAD, "head_ref": "refs/heads/q", "base_ref": "refs/heads/release/1", **changes}
    return json.dumps({"merge_group": inner, "repository": REPOSITORY}).encode()


def test_each_event_names_its_ends() -> None:
    request = read_event("pull_request", gh.pull_request(base="release"))
    assert (request.base, request.base_commit, request.head, request.number) == (
        "release",
        None,
        gh.commit_id("head"),
        12,
    )
    merged = read_event("merge_group", group())
    assert (merged.base, merged.head, merged.number) == ("release/1", gh.HEAD, None)
    pushed = read_event("push", push())
    assert (pushed.base, pushed.base_commit, pushed.head) == ("main", gh.HEAD, gh.commit_id("head"))
    assert read_event("push", push(before="0" * 40)).base_commit is None
    assert (pushed.repository, pushed.repository_id, pushed.default_branch) == (gh.REPOSITORY, gh.NUMBER, "main")


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("push", push(after="0" * 40)),
        ("push", push(after="main")),
        ("push", push(before="x")),
        ("push", push(repository=None)),
        ("push", push(repository={**REPOSITORY, "id": True})),
        ("merge_group", group(base_ref="main")),
        ("merge_group", group(head_sha=None)),
        ("pull_request", b"[]"),
        ("pull_request", b"{"),
        ("pull_request", b'{"a": 1, "a": 2}'),
        ("pull_request", gh.pull_request(head="../..")),
    ],
)
def test_another_form_is_refused(event: str, payload: bytes) -> None:
    with pytest.raises(ForeignTextError):
        read_event(event, payload)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(EVENTS), st.binary(max_size=200) | st.just(push()).map(lambda data: data[:-30]))
def test_any_bytes_give_our_own_error(event: str, payload: bytes) -> None:
    with pytest.raises(GateError):
        read_event(event, payload)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=6,
)
ARTIFACT = {"id": 1, "name": "n", "size_in_bytes": 2, "expired": False, "digest": None, "workflow_run": None}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_field_of_another_kind_never_crashes_a_reader(data: st.DataObject) -> None:
    good: tuple[tuple[Any, dict[str, Any]], ...] = (
        (api_models.run_of, gh.run_row(1, gh.NOW)),
        (api_models.artifact_of, ARTIFACT),
        (api_models.comparison_of, {"status": "ahead", "merge_base_commit": {"sha": gh.HEAD}}),
        (api_models.tree_of, {"truncated": False, "tree": [{"path": "a", "mode": "100644", "sha": gh.HEAD}]}),
        (api_models.branch_of, {"commit": {"sha": gh.HEAD}}),
        (api_models.repository_of, REPOSITORY),
        (api_models.workflow_of, {"id": 1, "path": "p"}),
    )
    read, row = data.draw(st.sampled_from(good))
    read(row)
    key = data.draw(st.sampled_from(sorted(row)))
    with contextlib.suppress(ForeignTextError):
        read({**row, key: data.draw(JUNK)})
    with contextlib.suppress(ForeignTextError):
        read(data.draw(JUNK))


def test_rows_of_a_list_and_what_may_be_lacking() -> None:
    with pytest.raises(ForeignTextError, match="no list"):
        api_models.rows_of({"artifacts": 3}, "artifacts", api_models.artifact_of)
    with pytest.raises(ForeignTextError, match="another kind"):
        api_models.artifact_of({**ARTIFACT, "digest": "md5:0"})
    assert api_models.tree_of({"truncated": True}) is None
    with pytest.raises(ForeignTextError, match="no list"):
        api_models.tree_of({"truncated": False, "tree": {}})
    assert api_models.job_began({"steps": [], "runner_id": 0}) is False
    assert api_models.job_began({"steps": [], "runner_id": 4}) is True
