"""States as they are read: what may be told of them, and that nothing else ever leaves."""

import json
from typing import Any

import pytest

from gate import limits
from gate.evidence.codec import adapter
from gate.model.operators import StateRead
from gate.observe.state_object import find_states, read_state, read_states
from tests.helpers.scripted_s3 import Answer, Script, answering, error, objects, store

CANARY = "canary-hunter2-password"
STATE: dict[str, Any] = {
    "version": 4,
    "serial": 7,
    "lineage": "3f7d0a3e-6f6e-4a7b-9b61-2c5c1b8a8f10",
    "outputs": {CANARY: {"value": CANARY, "type": "string", "sensitive": True}},
    "resources": [],
}
ETAG = '"a3a0"'


def text(state: object) -> bytes:
    return json.dumps(state).encode()


def read(get: Answer, **faults: Answer) -> StateRead:
    head = answering(200, ETag=ETAG)
    script = Script({"GET /tofu-state/k": get, "HEAD /tofu-state/k": faults.get("head", head)})
    with store(script) as (_server, door):
        result = read_state(door.s3, "tofu-state", "k")
    assert script.hits == 3
    assert script.seen == [
        "HEAD /tofu-state/k.tflock",
        *("HEAD /tofu-state/k", "GET /tofu-state/k", "HEAD /tofu-state/k"),
    ]
    assert CANARY.encode() not in adapter(StateRead).dump_json(result)
    assert CANARY not in repr(result)
    return result


def test_a_state() -> None:
    result = read(answering(200, text(STATE), ETag=ETAG))
    assert (result.content, result.size, result.problem, result.fault) == ("state", len(text(STATE)), None, None)
    assert result.facts is not None
    assert (result.facts.version, result.facts.serial, result.facts.encrypted) == (4, 7, False)
    assert result.facts.lineage != STATE["lineage"]
    assert (result.head.etag, result.again.etag, result.get.etag, result.lock.status) == (ETAG, ETAG, ETAG, 404)


def test_an_encrypted_state() -> None:
    envelope = {"meta": {}, "encrypted_data": CANARY, "encryption_version": "v0", "serial": 3, "lineage": "l"}
    result = read(answering(200, text(envelope)))
    assert result.facts is not None
    assert (result.content, result.facts.encrypted, result.facts.serial) == ("state", True, 3)


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (text(STATE)[:-1], "no-state"),
        (b"", "no-state"),
        (text([CANARY]), "no-state"),
        (text({**STATE, "serial": CANARY}), "no-state"),
        (text({**STATE, "version": CANARY}), "no-state"),
        (text({**STATE, "version": True}), "no-state"),
        (b'{"' + CANARY.encode() + b'": 1, "' + CANARY.encode() + b'": 2}', "no-state"),
        (b"[" * 200_000 + b"]" * 200_000, "unread"),
        (b"\xff" + CANARY.encode(), "no-state"),
        (b"<html>" + CANARY.encode(), "no-state"),
        (text({**STATE, "version": 3}), "other-version"),
        (text({**STATE, "version": 5, "lineage": None}), "other-version"),
    ],
)
def test_what_is_no_state_is_named_without_a_piece_of_it(body: bytes, content: str) -> None:
    result = read(answering(200, body))
    assert (result.content, result.facts, result.size) == (content, None, len(body))
    assert result.problem
    assert CANARY not in result.problem


@pytest.mark.parametrize("status", [201, 203, 206, 403, 500])
def test_another_status_is_unread_and_its_body_dropped_whatever_it_is(status: int) -> None:
    result = read(answering(status, text(STATE)))
    assert (result.content, result.size, result.get.body, result.fault) == ("unread", 0, "", None)


def test_an_error_keeps_its_code_alone() -> None:
    result = read(answering(404, error("NoSuchKey") + b"<!--" + CANARY.encode() + b"-->"), head=answering(404))
    assert (result.fault, result.get.status, result.get.body, result.head.status) == ("NoSuchKey", 404, "", 404)


def test_a_state_that_is_cut_or_too_large_is_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = text(STATE)
    cut = f"HTTP/1.1 200 OK\r\nContent-Length: {len(whole) + 1}\r\n\r\n".encode() + whole
    result = read(lambda request: request.raw(cut, close=True))
    assert (result.content, result.get.error) == ("unread", "cut")
    monkeypatch.setattr(limits, "STATE_BYTES", 20)
    large = read(answering(200, whole))
    assert (large.content, large.get.error) == ("unread", "too-large")


def test_the_states_below_a_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = ["env/", "env/a.tfstate", "env/a.tfstate.tflock", "env/b"]
    with store(Script({"GET /tofu-state": answering(200, objects(keys))})) as (_server, door):
        assert find_states(door.s3, "tofu-state", "env/") == (("env/a.tfstate", "env/b"), None)
        monkeypatch.setattr(limits, "STATE_OBJECTS", 1)
        result, trouble = find_states(door.s3, "tofu-state", "env/")
    assert (result, trouble) == (("env/a.tfstate",), "there are 2 objects below the prefix, and at most 1 are read")


@pytest.mark.parametrize(
    ("key", "body", "content", "problem"),
    [
        ("env/a.tfstate", text(STATE), "state", ""),
        ("env/a.tfstate", b"\0" * 9, "no-state", "is not JSON"),
        ("env/run", b"PK\x03\x04 a plan", "other-file", "it is a saved plan"),
        ("env/.terraform.lock.hcl", b'provider "x" {}', "other-file", "it is a dependency lock file"),
        ("env/readme", b"words", "unread", "Nothing says that it ever was a state"),
    ],
)
def test_what_lies_below_a_prefix_may_be_something_else(key: str, body: bytes, content: str, problem: str) -> None:
    script = Script({f"GET /tofu-state/{key}": answering(200, body), f"HEAD /tofu-state/{key}": answering(200)})
    with store(script) as (_server, door):
        (result,) = read_states(door.s3, "tofu-state", [key])
        names = read_state(door.s3, "tofu-state", key)
    assert result.content == content
    assert problem in (result.problem or "")
    assert names.content == ("state" if content == "state" else "no-state")
