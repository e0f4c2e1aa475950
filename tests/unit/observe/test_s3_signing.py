"""Keys, addressing and regions: a small server holds every request to AWS's own rules of signing, by botocore."""

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from gate.cli.operators import STORE, open_door, read_site
from gate.clock import SystemClock
from gate.model.basics import Secret
from gate.net import HostList, Http
from gate.observe.s3 import S3
from tests.unit.observe.raw_http import RawServer, Request, serving

KEY_ID, SECRET, TOKEN = "ASIAEXAMPLEKEYID", "very/secret+access-key", "FwoGZXIvYXdzEXAMPLE/session+token=="
_SCOPE = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/s3/aws4_request, SignedHeaders=([^,]+), Signature=(.+)")


def fault(code: str, more: str = "") -> bytes:
    return f"<Error><Code>{code}</Code><Message>of {TOKEN}</Message>{more}</Error>".encode()


class Signed:
    """Answers what is signed by its key for its region, and else as AWS does."""

    def __init__(self, region: str = "us-east-1", token: str | None = None) -> None:
        self.region = region
        self.token = token
        self.seen: list[tuple[str, str, str]] = []  # method, host, path
        self.scopes: list[str] = []

    def __call__(self, request: Request) -> None:
        self.seen.append((request.method, request.headers["host"], request.path))
        scope = _SCOPE.search(request.headers["authorization"])
        assert scope is not None
        self.scopes.append(scope[2])
        if scope[2] != self.region:
            self.refuse_region(request)
        elif self.signature(request, scope[3].split(";")) != scope[4]:
            request.answer(403, b"" if request.method == "HEAD" else fault("SignatureDoesNotMatch"))
        elif self.token != request.headers.get("x-amz-security-token"):
            request.answer(403, b"" if request.method == "HEAD" else fault("InvalidToken"))
        else:
            request.answer(200, x_amz_bucket_region=self.region)

    def refuse_region(self, request: Request) -> None:
        body = fault("AuthorizationHeaderMalformed", f"<Region>{self.region}</Region>")
        if request.method == "HEAD":
            request.answer(400, x_amz_bucket_region=self.region)
        else:
            request.answer(400, body)

    def signature(self, request: Request, names: list[str]) -> str:
        headers = {name: request.headers[name] for name in names if name != "host"}
        url = f"http://{request.headers['host']}{request.path}"
        again = AWSRequest(method=request.method, url=url, data=request.body, headers=headers)
        again.context["timestamp"] = request.headers["x-amz-date"]
        again.context["signing"] = {}
        signer = S3SigV4Auth(Credentials(KEY_ID, SECRET), "s3", self.region)
        signature: str = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
        return signature


@contextmanager
def asking(handler: Callable[[Request], None], host: str = "", **choices: Any) -> Iterator[S3]:
    with serving(handler) as server, _door(server, host, **choices) as s3:
        yield s3


@contextmanager
def _door(server: RawServer, host: str, **choices: Any) -> Iterator[S3]:
    place = f"{host}:{server.host.rpartition(':')[2]}" if host else server.host
    below = place if choices.get("virtual_host") else ""
    with Http([place], [place], clock=SystemClock(), seconds=10, below=below) as http:
        yield S3(f"http://{place}", Secret(KEY_ID), Secret(SECRET), "us-east-1", http, **choices)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """``s3.test`` and all below it are this machine; only the name service is replaced."""
    real = socket.getaddrinfo

    def look(host: Any, *rest: Any, **more: Any) -> Any:
        return real("127.0.0.1" if str(host).endswith("s3.test") else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look)


def ask_all(s3: S3) -> list[int | None]:
    return [
        *(page.status for page in s3.list_buckets()),
        s3.head_bucket("attic").status,
        s3.get_bucket("attic").status,
        s3.head_object("attic", "a dir/state+1.json").status,
        s3.get_object("attic", "k", cap=10)[0].status,
        s3.put_object("attic", "k", b"content").status,
        s3.delete_bucket("attic").status,
    ]


# ---------------------------------------------------------------------------------------------------- temporary keys


def test_a_temporary_key_asks_with_its_token_signed() -> None:
    server = Signed(token=TOKEN)
    with asking(server, session_token=Secret(TOKEN)) as s3:
        assert ask_all(s3) == [200] * 7


def test_without_its_token_a_temporary_key_is_refused_and_no_record_has_the_token() -> None:
    with asking(Signed(token=TOKEN)) as s3:
        assert s3.get_bucket("attic").status == 403
    with asking(Signed(token="another"), session_token=Secret(TOKEN)) as s3:
        answer = s3.get_bucket("attic")
    assert (answer.status, "of ***" in answer.body, TOKEN in repr(answer)) == (403, True, False)


# -------------------------------------------------------------------------------------------------------- addressing


@pytest.mark.usefixtures("names")
def test_the_name_of_a_bucket_stands_before_the_host() -> None:
    server = Signed()
    with asking(server, "s3.test", virtual_host=True) as s3:
        assert ask_all(s3) == [200] * 7
    port = server.seen[0][1].rpartition(":")[2]
    assert [(host.removesuffix(f":{port}"), path) for _, host, path in server.seen] == [
        ("s3.test", "/"),
        ("attic.s3.test", "/"),
        ("attic.s3.test", "/?list-type=2&max-keys=1"),
        ("attic.s3.test", "/a%20dir/state%2B1.json"),
        *[("attic.s3.test", "/k")] * 2,
        ("attic.s3.test", "/"),
    ]


def test_hosts_below_the_endpoint_may_be_asked_where_buckets_are_there_and_no_others() -> None:
    hosts = HostList(["s3.test:9000", "other.test"], ["s3.test:9000"], "s3.test:9000")
    assert hosts.read("http://attic.s3.test:9000/k") is not None
    assert hosts.read("https://a.b.s3.test:9000/k") is not None
    for url in (
        "http://attic.s3.test/k",
        "http://attics3.test:9000/k",
        "http://s3.test.evil.test:9000/",
        "https://a.other.test/",
        "http://.s3.test:9000/",
    ):
        assert hosts.read(url) is None, url
    assert HostList(["s3.test"]).read("https://attic.s3.test/") is None
    assert HostList(["s3.test"], [], "s3.test").read("http://attic.s3.test/") is None


# ------------------------------------------------------------------------------------------------------------ region


def test_a_request_is_signed_again_for_the_region_that_the_server_names() -> None:
    server = Signed("eu-west-3")
    with asking(server) as s3:
        answers = [s3.head_bucket("attic"), s3.get_bucket("attic"), s3.get_bucket("other")]
    assert [(answer.status, answer.signed_for, answer.bucket_region) for answer in answers] == [
        (200, "eu-west-3", "eu-west-3")
    ] * 3
    assert server.scopes == ["us-east-1", "eu-west-3", "eu-west-3", "us-east-1", "eu-west-3"]


def test_the_region_of_the_policy_needs_no_word() -> None:
    with asking(Signed()) as s3:
        answer = s3.head_bucket("attic")
    assert (answer.signed_for, answer.bucket_region) == (None, "us-east-1")


def test_a_server_that_names_another_region_each_time_is_asked_twice() -> None:
    requests: list[str] = []

    def handler(request: Request) -> None:
        requests.append(request.path)
        request.answer(400, fault("AuthorizationHeaderMalformed", f"<Region>r{len(requests)}</Region>"))

    with asking(handler) as s3:
        answer = s3.get_bucket("attic")
    assert (len(requests), answer.status, answer.signed_for) == (2, 400, "r1")


@pytest.mark.parametrize(
    ("status", "body", "header"),
    [
        (403, fault("AccessDenied", "<Region>eu-west-3</Region>"), "eu-west-3"),
        (400, fault("InvalidRequest", "<Region>eu-west-3</Region>"), "eu-west-3"),
        (400, fault("AuthorizationHeaderMalformed", "<Region>a/b</Region>"), ""),
        (400, fault("AuthorizationHeaderMalformed", "<Region>us-east-1</Region>"), ""),
        (400, b"", "eu/west"),
        (301, b"", "eu-west-3"),
        (404, b"", "eu-west-3"),
    ],
)
def test_no_other_answer_is_asked_for_again(status: int, body: bytes, header: str) -> None:
    requests: list[str] = []

    def handler(request: Request) -> None:
        requests.append(request.path)
        request.answer(status, body, **({"x_amz_bucket_region": header} if header else {}))

    with asking(handler) as s3:
        answer = s3.get_bucket("attic")
    assert (len(requests), answer.status, answer.signed_for) == (1, status, None)


# ---------------------------------------------------------------------------------------------------------- settings


@pytest.mark.usefixtures("names")
def test_the_operators_commands_ask_by_these_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    server = Signed("eu-west-3", token=TOKEN)
    with serving(server) as raw:
        place = f"s3.test:{raw.host.rpartition(':')[2]}"
        config = tmp_path / "gate.toml"
        config.write_text(
            f'[cache]\nhosts = ["{place}"]\nplain-http-hosts = ["{place}"]\n'
            f'[store]\ns3-endpoint = "http://{place}"\naddressing = "virtual-host"\n'
        )
        for name, text in (("ACCESS_KEY_ID", KEY_ID), ("SECRET_ACCESS_KEY", SECRET), ("SESSION_TOKEN", TOKEN)):
            monkeypatch.setenv(f"GATE_S3_{name}", text)
        site = read_site(STORE, {}, config)
        with open_door(site, clock=SystemClock(), cancel=None) as door:
            answer = door.s3.head_bucket("attic")
    assert (answer.status, answer.signed_for) == (200, "eu-west-3")
    assert server.seen[-1][1].startswith("attic.s3.test:")
