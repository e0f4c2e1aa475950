"""The state as a probe sees it; where its content is read, none of it is in any byte that the probe leaves behind."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from gate.clock import SystemClock
from gate.evidence.codec import entry_line
from gate.journal import make_folder
from gate.model import records
from gate.model.basics import Phase, Secret
from gate.net import Http
from gate.observe.s3 import S3
from gate.observe.state_object import look
from gate.render.text import summary
from gate.seal import seal, verify
from tests.helpers import runs
from tests.helpers.scripted_s3 import Answer, Script, answering, store

CANARY = "canary-hunter2-password"
LINEAGE = "3f7d0a3e-6f6e-4a7b-9b61-2c5c1b8a8f10"
STATE: dict[str, Any] = {
    "version": 4,
    "serial": 7,
    "lineage": LINEAGE,
    "outputs": {CANARY: {"value": CANARY, "type": "string", "sensitive": True}},
    "resources": [{"type": CANARY, "instances": [{"attributes": {"password": CANARY}}]}],
}
ENVELOPE = {
    "meta": {"key": CANARY},
    "encrypted_data": CANARY,
    "encryption_version": "v0",
    "serial": 7,
    "lineage": LINEAGE,
}


def test_state_and_lock_are_asked_by_head_alone(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/tofu-state/env/terraform.tfstate", method="HEAD").respond_with_data(
        "", 200, {"ETag": '"a3a0"', "x-amz-version-id": "v3", "Last-Modified": "Mon, 23 Nov 2026 23:19:57 GMT"}
    )
    httpserver.expect_request("/tofu-state/env/terraform.tfstate.tflock", method="HEAD").respond_with_data("", 404)
    host = f"{httpserver.host}:{httpserver.port}"
    with Http([host], [host], clock=SystemClock()) as http:
        s3 = S3(httpserver.url_for(""), Secret("keykeykey"), Secret("secretsecret"), "us-east-1", http)
        observation = look(s3, "tofu-state", "env/terraform.tfstate", phase=Phase.POST)
    assert (observation.phase, observation.bucket, observation.key) == (
        Phase.POST,
        "tofu-state",
        "env/terraform.tfstate",
    )
    assert (observation.head.status, observation.head.etag, observation.head.version_id) == (200, '"a3a0"', "v3")
    assert observation.head.last_modified == "Mon, 23 Nov 2026 23:19:57 GMT"
    assert observation.lock.status == 404
    assert [request.method for request, _response in httpserver.log] == ["HEAD", "HEAD"]


def text(state: object) -> bytes:
    return json.dumps(state).encode()


def looked(get: Answer, size: int) -> records.StateSeen:
    """One look at a state that GET answers so, with everything that was asked for it."""
    script = Script({"GET /tofu-state/k": get, "HEAD /tofu-state/k": heads(size)})
    with store(script) as (_server, door):
        observation = look(door.s3, "tofu-state", "k", phase=Phase.PRE, contents=True)
    assert script.seen == [
        "HEAD /tofu-state/k.tflock",
        *("HEAD /tofu-state/k", "GET /tofu-state/k", "HEAD /tofu-state/k"),
    ]
    return observation


def heads(size: int) -> Answer:
    """HEAD answers of an object of this size, which have no body."""
    return lambda request: request.raw(f'HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nETag: "e1"\r\n\r\n'.encode())


def cut(body: bytes) -> Answer:
    """Less than was promised, then an end."""
    head = f'HTTP/1.1 200 OK\r\nContent-Length: {len(body) + 1}\r\nETag: "e1"\r\n\r\n'.encode()
    return lambda request: request.raw(head + body, close=True)


REFUSAL = f"<Error><Code>AccessDenied</Code><Message>{CANARY}</Message><Key>{CANARY}</Key></Error>".encode()


ANSWERS: dict[str, tuple[Answer, int, str, str]] = {
    "state": (answering(200, text(STATE), ETag='"e1"'), len(text(STATE)), "state", "pass"),
    "encrypted": (answering(200, text(ENVELOPE), ETag='"e1"'), len(text(ENVELOPE)), "state", "pass"),
    "half": (answering(200, text(STATE)[:-1], ETag='"e1"'), 1, "no-state", "inconclusive"),
    "plain text": (answering(200, CANARY.encode(), ETag='"e1"'), 1, "no-state", "inconclusive"),
    "no serial": (answering(200, text({**STATE, "serial": CANARY}), ETag='"e1"'), 1, "no-state", "inconclusive"),
    "newer": (answering(200, text({**STATE, "version": 5}), ETag='"e1"'), 1, "other-version", "inconclusive"),
    "another ETag": (answering(200, text(STATE), ETag='"e2"'), 1, "unsteady", "inconclusive"),
    "refused": (answering(403, REFUSAL), 1, "unread", "inconclusive"),
    "server error": (answering(500, text(STATE)), 1, "unread", "inconclusive"),
    "redirect": (answering(302, text(STATE), Location=f"http://s3.example/?{CANARY}"), 1, "unread", "inconclusive"),
    "cut": (cut(text(STATE)), 1, "unread", "inconclusive"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_no_byte_of_a_state_is_in_any_byte_of_the_evidence(name: str, tmp_path: Path) -> None:
    get, size, content, word = ANSWERS[name]
    observation = looked(get, size)
    run = runs.healthy().with_policy(state_contents=True)
    run = run.change(
        records.StateSeen, lambda record: replace(observation, phase=record.phase, bucket=record.bucket, key=record.key)
    )
    at = tmp_path / "run"
    make_folder(at)
    (at / "journal.jsonl").write_bytes(b"".join(entry_line(entry) for entry in runs.entries(run.records)))
    for capture, data in run.files.items():
        (at / capture).write_bytes(data)
    evidence = seal(at)
    assert evidence.pre.state is not None
    assert evidence.pre.state.contents is not None
    assert (evidence.pre.state.contents.content, evidence.verdict.word) == (content, word)
    verify(at)
    written = {path.name: path.read_bytes() for path in at.iterdir()}
    assert {"journal.jsonl", "evidence.json", "report.html", "summary.md"} <= set(written)
    written |= {"text": summary(evidence, "run").encode(), "repr": repr((observation, evidence)).encode()}
    assert {file for file, data in written.items() if CANARY.encode() in data or LINEAGE.encode() in data} == set()
    facts = content in ("state", "unsteady")
    words = "serial 7" if facts else f"content {content}"
    assert f"; same ETag; {words}, then {words}\n" in summary(evidence, "run")
    if content == "state":
        assert sha256(LINEAGE.encode()).hexdigest().encode() in written["evidence.json"]
        assert (evidence.pre.state.contents.serial, evidence.pre.state.contents.encrypted) == (
            7,
            size == len(text(ENVELOPE)),
        )
