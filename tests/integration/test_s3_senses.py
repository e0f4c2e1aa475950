"""The senses of the index against a real S3 server: rclone's, with buckets exported through a folder of links.

A link that points nowhere takes its bucket out of the index while its data stays on disk, as in the incident.
"""

import os
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from gate.clock import SystemClock
from gate.evidence.buckets import read_sample
from gate.model.basics import BucketState, Phase, Secret, Truth
from gate.model.records import BucketSampled, HttpAnswer
from gate.net import Http
from gate.observe.bucket_index import Sources, sample_buckets
from gate.observe.s3 import S3
from gate.observe.state_object import look
from gate.parse.s3 import parse_fault, parse_listing

KEY, SECRET = "lab-key-id-0001", "lab-secret/with+signs=0001"
BUCKETS = ("attic", "tofu-state")

pytestmark = pytest.mark.lab


@dataclass(frozen=True)
class Store:
    data: Path
    root: Path
    host: str

    @property
    def endpoint(self) -> str:
        return f"http://{self.host}"

    def lose(self, bucket: str) -> None:
        (self.root / bucket).unlink()
        (self.root / bucket).symlink_to(self.data / "nowhere")

    def s3(self, http: Http, key: str = KEY, secret: str = SECRET) -> S3:
        return S3(self.endpoint, Secret(key), Secret(secret), "us-east-1", http)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert server.poll() is None, "rclone ended"
            assert time.monotonic() < until, "rclone does not listen"
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    data, root = tmp_path / "data", tmp_path / "root"
    root.mkdir()
    for bucket in BUCKETS:
        (data / bucket).mkdir(parents=True)
        (data / ".rustfs.sys/buckets" / bucket / ".metadata.bin").mkdir(parents=True)
        (root / bucket).symlink_to(data / bucket)
    (data / "tofu-state/env").mkdir()
    (data / "tofu-state/env/terraform.tfstate").write_text('{"version": 4}')
    (data / "attic/a+b c=~.nar").write_bytes(b"body")
    port = free_port()
    flags = ["--addr", f"127.0.0.1:{port}", "-L", "--dir-cache-time", "0s", "--config", "/dev/null"]
    server = subprocess.Popen(
        [Path(sysconfig.get_path("scripts")) / "rclone", "serve", "s3", *flags, root],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "RCLONE_AUTH_KEY": f'"{KEY},{SECRET}"'},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port, server)
        yield Store(data, root, f"127.0.0.1:{port}")
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def http(store: Store) -> Iterator[Http]:
    with Http([store.host], [store.host], clock=SystemClock(), seconds=10) as door:
        yield door


def names(pages: tuple[HttpAnswer, ...]) -> list[str]:
    return sorted(name for page in pages for name in parse_listing(page.body.encode()).names)


def test_a_healthy_index(store: Store, http: Http) -> None:
    s3 = store.s3(http)
    assert names(s3.list_buckets()) == ["attic", "tofu-state"]
    assert [s3.head_bucket(bucket).status for bucket in (*BUCKETS, "none")] == [200, 200, 404]
    answer = s3.get_bucket("attic")
    assert answer.status == 200
    assert "<ListBucketResult" in answer.body


def test_a_bucket_that_left_the_index_while_its_data_stayed(store: Store, http: Http) -> None:
    s3 = store.s3(http)
    store.lose("attic")
    assert names(s3.list_buckets()) == ["tofu-state"]
    assert s3.head_bucket("attic").status == 404
    answer = s3.get_bucket("attic")
    fault = parse_fault(answer.body.encode())
    assert (answer.status, fault and fault.code) == (404, "NoSuchBucket")
    assert s3.head_bucket("tofu-state").status == 200


def sampled(s3: S3, http: Http, buckets: Sequence[str], place: str) -> BucketSampled:
    sources = Sources(s3=s3, http=http, buckets=tuple(buckets), places=(place,), clock=SystemClock())
    return sample_buckets(sources, phase=Phase.PRE, number=1)


def test_a_sample_tells_the_incident(store: Store, http: Http) -> None:
    s3, place = store.s3(http), f"file://{store.data}"
    before = sampled(s3, http, BUCKETS, place)
    store.lose("attic")
    after = sampled(s3, http, BUCKETS, place)
    states = [[read_sample(sample, bucket) for bucket in BUCKETS] for sample in (before, after)]
    assert [row.state for row in states[0]] == [BucketState.INDEXED, BucketState.INDEXED]
    assert [row.state for row in states[1]] == [BucketState.INDEX_LOST, BucketState.INDEXED]
    assert (states[1][0].listed, states[1][0].head, states[1][0].marker) == (Truth.ABSENT, Truth.ABSENT, Truth.PRESENT)


def test_a_bucket_that_is_gone_with_its_markers_is_no_index_loss(store: Store, http: Http) -> None:
    store.lose("attic")
    (store.data / "attic").rename(store.data.parent / "kept")
    (store.data / ".rustfs.sys/buckets/attic/.metadata.bin").rmdir()
    sample = sampled(store.s3(http), http, ["attic"], f"file://{store.data}")
    assert read_sample(sample, "attic").state is BucketState.MISSING


@pytest.mark.parametrize(("key", "secret"), [(KEY, "wrong" * 5), ("other-key-id", SECRET)], ids=["secret", "key"])
def test_a_wrong_key_is_never_read_as_absence(store: Store, http: Http, key: str, secret: str) -> None:
    s3 = store.s3(http, key, secret)
    answers = [*s3.list_buckets(), s3.head_bucket("attic"), s3.get_bucket("attic"), s3.head_object("attic", "x")]
    assert [answer.status for answer in answers] == [403] * 4
    assert secret not in repr(answers)
    sample = sampled(s3, http, ["attic"], f"file://{store.data}")
    assert read_sample(sample, "attic").state is BucketState.UNOBSERVABLE


def test_objects_whose_names_must_be_quoted(store: Store, http: Http) -> None:
    s3 = store.s3(http)
    head = s3.head_object("attic", "a+b c=~.nar")
    assert (head.status, head.content_length) == (200, 4)
    answer, content = s3.get_object("attic", "a+b c=~.nar", cap=100)
    assert (answer.status, answer.body, content) == (200, "", b"body")
    answer, content = s3.get_object("attic", "none", cap=1000)
    fault = parse_fault(answer.body.encode())
    assert (answer.status, fault and fault.code, content) == (404, "NoSuchKey", b"")


def test_the_state_and_its_lock(store: Store, http: Http) -> None:
    s3 = store.s3(http)
    free = look(s3, "tofu-state", "env/terraform.tfstate", phase=Phase.PRE)
    assert (free.head.status, free.head.content_length, free.lock.status) == (200, 14, 404)
    assert free.head.etag
    (store.data / "tofu-state/env/terraform.tfstate.tflock").write_text("{}")
    holder = look(s3, "tofu-state", "env/terraform.tfstate", phase=Phase.POST)
    assert (holder.head.etag, holder.lock.status) == (free.head.etag, 200)
