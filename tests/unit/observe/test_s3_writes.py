"""The writes of the scratch probe, the list of objects and the versioning, as they go over the wire."""

import hashlib

from gate.clock import SystemClock
from gate.model.basics import Secret
from gate.net import Http
from gate.observe.s3 import S3
from tests.helpers.scripted_s3 import NS, Script, answering, error, objects, store
from tests.unit.observe.raw_http import Request, serving


def test_writes_are_sent_whole_and_signed_over_their_bytes() -> None:
    sent: list[Request] = []

    def take(request: Request) -> None:
        sent.append(request)
        request.answer(200 if request.method == "PUT" else 204, ETag='"e"')

    with store(take) as (_server, door):
        answers = [
            door.s3.create_bucket("b"),
            door.s3.put_object("b", "a k", b"content"),
            door.s3.delete_object("b", "a k"),
            door.s3.delete_bucket("b"),
        ]
    assert [(answer.status, answer.etag) for answer in answers] == [
        (200, '"e"'),
        (200, '"e"'),
        (204, '"e"'),
        (204, '"e"'),
    ]
    assert [(r.method, r.path, r.body) for r in sent] == [
        ("PUT", "/b", b""),
        ("PUT", "/b/a%20k", b"content"),
        ("DELETE", "/b/a%20k", b""),
        ("DELETE", "/b", b""),
    ]
    assert [r.headers["x-amz-content-sha256"] for r in sent] == [hashlib.sha256(r.body).hexdigest() for r in sent]
    assert sent[0].headers["content-length"] == "0"
    assert all("AWS4-HMAC-SHA256" in r.headers["authorization"] for r in sent)


def test_another_region_is_named_when_a_bucket_is_made() -> None:
    bodies: list[bytes] = []

    def take(request: Request) -> None:
        bodies.append(request.body)
        request.answer(200)

    with serving(take) as server, Http([server.host], [server.host], clock=SystemClock(), seconds=5) as http:
        S3(server.url, Secret("keykeykey"), Secret("secretsecret"), "eu-<1>", http).create_bucket("b")
    place = "<LocationConstraint>eu-&lt;1&gt;</LocationConstraint>"
    assert bodies == [f"<CreateBucketConfiguration {NS}>{place}</CreateBucketConfiguration>".encode()]


def test_a_refused_write_keeps_its_code_and_no_secret() -> None:
    body = error("AccessDenied") + b"<K>very/secret+access-key</K>"
    with store(Script({"PUT /b": answering(403, body)})) as (_server, door):
        answer = door.s3.create_bucket("b")
    assert (answer.status, "AccessDenied" in answer.body, "very/secret" in answer.body) == (403, True, False)


def test_the_list_of_objects_asks_for_what_it_needs() -> None:
    requests: list[str] = []

    def take(request: Request) -> None:
        requests.append(request.path)
        request.answer(200, objects(["a"], "t+1") if len(requests) == 1 else objects(["b"]))

    with store(take) as (_server, door):
        pages = door.s3.list_objects("b", "env:/a b")
    first = "/b?encoding-type=url&list-type=2&max-keys=500&prefix=env%3A%2Fa%20b"
    assert requests == [first, first.replace("?", "?continuation-token=t%2B1&")]
    assert [page.status for page in pages] == [200, 200]


def test_the_question_of_versioning() -> None:
    requests: list[str] = []

    def take(request: Request) -> None:
        requests.append(request.path)
        request.answer(200, b"<VersioningConfiguration/>")

    with store(take) as (_server, door):
        assert door.s3.get_versioning("b").body == "<VersioningConfiguration/>"
    assert requests == ["/b?versioning="]
