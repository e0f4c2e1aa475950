"""An S3 that answers by script: whole and healthy, but for what a test replaces."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gate import limits
from gate.clock import SystemClock
from gate.model.basics import Phase, Secret
from gate.model.records import BucketSampled
from gate.net import Http
from gate.observe.bucket_index import Sources, sample_buckets
from gate.observe.s3 import S3
from gate.observe.scratch import Door
from gate.process import CancelToken
from tests.unit.observe.raw_http import RawServer, Request, serving

BUCKETS = ("attic", "tofu-state")
KEY_ID, SECRET = "AKIAEXAMPLEKEYID", "very/secret+access-key"
NS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
XML = "application/xml"
Answer = Callable[[Request], None]
_RECORDINGS = Path("fixtures/recordings/rustfs")


def listing(names: Sequence[str], token: str | None = None) -> bytes:
    """A page of ListBuckets."""
    rows = "".join(f"<Bucket><Name>{name}</Name></Bucket>" for name in names)
    onward = f"<ContinuationToken>{token}</ContinuationToken>" if token else ""
    return f"<ListAllMyBucketsResult {NS}><Buckets>{rows}</Buckets>{onward}</ListAllMyBucketsResult>".encode()


def objects(keys: Sequence[str], token: str | None = None, *, truncated: bool | None = None, quoted: str = "") -> bytes:
    """A page of ListObjectsV2."""
    rows = "".join(f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in keys)
    more = str(token is not None if truncated is None else truncated).lower()
    onward = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return f"<ListBucketResult {NS}>{quoted}<IsTruncated>{more}</IsTruncated>{onward}{rows}</ListBucketResult>".encode()


def error(code: str) -> bytes:
    """An error body."""
    return f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode()


def answering(status: int, body: bytes = b"", **headers: str) -> Answer:
    """An answer that is always the same; a HEAD has no body."""

    def answer(request: Request) -> None:
        request.answer(status, b"" if request.method == "HEAD" else body, **headers)

    return answer


def recorded(name: str) -> Answer:
    """A recorded answer of RustFS, byte by byte: only the line ends of its head are those of the wire."""
    _request, head, body = (_RECORDINGS / name).read_bytes().split(b"\n\n", 2)
    wire = b"\r\n".join(head.split(b"\n")) + b"\r\n\r\n"

    def answer(request: Request) -> None:
        request.raw(wire + (b"" if request.method == "HEAD" else body.removesuffix(b"\n")))

    return answer


class Script:
    """Answers by ``METHOD /path`` without the query; what has no answer is a 404 without a body.

    ``hits`` counts the answers that a test put in, so that it can show that its fault happened.
    """

    def __init__(self, faults: dict[str, Answer] | None = None) -> None:
        self.answers: dict[str, Answer] = {"GET /": answering(200, listing(BUCKETS), Content_Type=XML)}
        for name in BUCKETS:
            self.answers[f"HEAD /{name}"] = answering(200)
            self.answers[f"GET /{name}"] = answering(200, objects([]), Content_Type=XML)
        self.faults = faults or {}
        self.hits = 0
        self.seen: list[str] = []

    def __call__(self, request: Request) -> None:
        what = f"{request.method} {request.path.partition('?')[0]}"
        self.seen.append(what)
        if what in self.faults:
            self.hits += 1
            self.faults[what](request)
        else:
            self.answers.get(what, answering(404))(request)


@contextmanager
def store(
    script: Answer, *, seconds: float = 10, cancel: CancelToken | None = None
) -> Iterator[tuple[RawServer, Door]]:
    """The script behind a server, and a door to it."""
    with (
        serving(script) as server,
        Http([server.host], [server.host], clock=SystemClock(), seconds=seconds, cancel=cancel) as http,
    ):
        yield server, Door(s3=S3(server.url, Secret(KEY_ID), Secret(SECRET), "us-east-1", http), http=http)


def drive(root: Path, buckets: Sequence[str] = BUCKETS) -> str:
    """A drive with the markers of some buckets; its locator."""
    (root / ".rustfs.sys/buckets").mkdir(parents=True, exist_ok=True)
    for name in buckets:
        (root / name).mkdir()
        (root / ".rustfs.sys/buckets" / name / ".metadata.bin").mkdir(parents=True)
    return f"file://{root}"


def sample(
    door: Door,
    places: Sequence[str],
    number: int = 1,
    buckets: Sequence[str] = BUCKETS,
    seconds: float = limits.SAMPLE_SECONDS,
) -> BucketSampled:
    """One sample of the real senses."""
    sources = Sources(
        s3=door.s3, http=door.http, buckets=tuple(buckets), places=tuple(places), clock=SystemClock(), seconds=seconds
    )
    return sample_buckets(sources, phase=Phase.PRE, number=number)


def samples(door: Door, places: Sequence[str], count: int = 2) -> list[BucketSampled]:
    """Some samples, one right after the other."""
    return [sample(door, places, n) for n in range(1, count + 1)]


TOO_LARGE = limits.S3_BODY_BYTES + 1
