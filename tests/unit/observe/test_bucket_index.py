import socket
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from gate import limits
from gate.clock import SystemClock
from gate.model.basics import Phase, Secret, Truth
from gate.model.records import BucketSampled
from gate.net import Http
from gate.observe.bucket_index import Sources, sample_buckets
from gate.observe.s3 import S3
from tests.helpers.raw_server import raw_server


def sample(endpoint: str, places: list[str], buckets: list[str] | None = None, seconds: float = 10) -> BucketSampled:
    host = endpoint.removeprefix("http://").rstrip("/")
    with Http([host], [host], clock=SystemClock(), seconds=seconds) as http:
        s3 = S3(endpoint, Secret("keykeykey"), Secret("secretsecret"), "us-east-1", http)
        names = tuple(buckets or ("attic", "tofu-state"))
        sources = Sources(s3=s3, http=http, buckets=names, places=tuple(places), clock=SystemClock(), seconds=seconds)
        return sample_buckets(sources, phase=Phase.PRE, number=2)


def test_all_sources_of_a_sample(httpserver: HTTPServer, tmp_path: Path) -> None:
    (tmp_path / ".rustfs.sys/buckets/attic/.metadata.bin").mkdir(parents=True)
    (tmp_path / "attic").mkdir()
    httpserver.expect_request("/health/ready").respond_with_data('{"ready":true}')
    httpserver.expect_request("/minio/health/cluster").respond_with_data("", 503)
    httpserver.expect_request("/attic", method="HEAD").respond_with_data("", 200)
    httpserver.expect_request("/tofu-state", method="HEAD").respond_with_data("", 404)
    httpserver.expect_request("/attic", method="GET").respond_with_data("<ListBucketResult/>")
    httpserver.expect_request("/tofu-state", method="GET").respond_with_data("<Error/>", 404)
    httpserver.expect_request("/", method="GET").respond_with_data("<list/>")
    observation = sample(httpserver.url_for("/"), [f"file://{tmp_path}", "kubectl://n/pod/p"])
    assert (observation.phase, observation.number) == (Phase.PRE, 2)
    assert [(answer.status, answer.body) for answer in observation.listing] == [(200, "<list/>")]
    assert {name: answer.status for name, answer in observation.heads.items()} == {"attic": 200, "tofu-state": 404}
    assert {name: answer.body for name, answer in observation.gets.items()} == {
        "attic": "<ListBucketResult/>",
        "tofu-state": "<Error/>",
    }
    assert [[(m.bucket, m.data, m.meta) for m in place.markers] for place in observation.places] == [
        [("attic", Truth.PRESENT, Truth.PRESENT), ("tofu-state", Truth.ABSENT, Truth.ABSENT)],
        [("attic", Truth.UNKNOWN, Truth.UNKNOWN), ("tofu-state", Truth.UNKNOWN, Truth.UNKNOWN)],
    ]
    assert observation.ready is not None
    assert (observation.ready.status, observation.ready.body) == (200, '{"ready":true}')
    assert observation.writable is not None
    assert (observation.writable.status, observation.writable.body) == (503, "")
    order = [(request.method, request.path) for request, _response in httpserver.log]
    assert "Authorization" not in next(r for r, _ in httpserver.log if r.path == "/health/ready").headers
    assert len(order) == 7


def test_a_dead_server_is_unknown_everywhere_and_the_disk_is_still_looked_at(tmp_path: Path) -> None:
    (tmp_path / ".rustfs.sys/buckets/attic/.metadata.bin").mkdir(parents=True)
    (tmp_path / "attic").mkdir()
    with raw_server(b"") as server:
        pass
    observation = sample(server.url, [f"file://{tmp_path}"])
    answers = [
        *observation.listing,
        *observation.heads.values(),
        *observation.gets.values(),
        observation.ready,
        observation.writable,
    ]
    assert [(answer and answer.status, answer and answer.error) for answer in answers] == [(None, "connect")] * 7
    assert (observation.places[0].markers[0].data, observation.places[0].markers[0].meta) == (
        Truth.PRESENT,
        Truth.PRESENT,
    )


@pytest.mark.row("TRU-19")
def test_a_list_that_hangs_holds_nothing_back_and_is_unknown_at_its_deadline(tmp_path: Path) -> None:
    """The recorded stall: ListBuckets takes eleven seconds, and HeadBucket says 404 meanwhile."""
    lock, request = threading.Lock(), list[tuple[float, bytes]]()
    began = time.monotonic()

    def stalled(connection: socket.socket, head: bytes) -> None:
        with lock:
            request.append((time.monotonic() - began, head.split(b" HTTP")[0]))
        if head.startswith(b"GET / "):
            time.sleep(3)
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with raw_server(stalled) as server:
        observation = sample(server.url, [f"file://{tmp_path}"], [f"bucket-{n}" for n in range(6)], seconds=1)
        took = time.monotonic() - began
    assert [answer.status for answer in (*observation.heads.values(), *observation.gets.values())] == [404] * 12
    assert [(answer.status, answer.error) for answer in observation.listing] == [(None, "timeout")]
    assert max(at for at, _ in request) < 0.9, request
    assert took < 1 + limits.SAMPLE_SLACK_SECONDS
    ended, start = datetime.fromisoformat(observation.ended_at), datetime.fromisoformat(observation.began_at)
    assert 0.9 < (ended - start).total_seconds() < 1 + limits.SAMPLE_SLACK_SECONDS


def test_no_buckets_and_no_places(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/", method="GET").respond_with_data("<list/>")
    observation = sample(httpserver.url_for("/"), [], buckets=["b"])
    assert (observation.places, observation.heads["b"].status) == ((), 500)
