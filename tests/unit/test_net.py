import gzip
import socket
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from gate.clock import SystemClock
from gate.errors import RefusedError
from gate.model.basics import Secret
from gate.model.records import HttpAnswer
from gate.net import HostList, Http, plain_url
from gate.parse.http_cache import from_a_cache
from gate.process import CancelToken
from tests.helpers.raw_server import RawServer, raw_server

CAP = 1000


def http_for(*hosts: str, **rest: Any) -> Http:
    return Http(hosts, hosts, clock=SystemClock(), **rest)


def get(server: RawServer, path: str = "/x", **rest: Any) -> tuple[HttpAnswer, bytes]:
    seconds = rest.pop("seconds", 10.0)
    request = {"cap": CAP, "keep_body": True} | rest
    with http_for(server.host, seconds=seconds) as http:
        return http.ask("GET", server.url + path, **request)


# -------------------------------------------------------------------------------------------------------- host lists


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://cache.example/a", True),
        ("https://CACHE.example:443/a?b=c", True),
        ("https://cache.example", True),
        ("https://cache.example?x", True),
        ("https://cache.example:8443/a", False),
        ("https://s3.example:9000/", True),
        ("https://s3.example/", False),
        ("http://s3.example:9000/", True),
        ("http://cache.example/", False),  # not among the plain ones
        ("http://plain.example/", False),  # plain, but not among the hosts
        ("http://lab.example/", True),
        ("http://lab.example:80/", True),
        ("https://[::1]:9000/x", True),
        ("https://[::1]/x", False),
        ("https://other.example/", False),
        ("https://cache.example.evil.example/", False),
        ("https://cache.example@evil.example/", False),
        ("https://evil.example#@cache.example/", False),
        ("https://user:pass@cache.example/", False),
        ("https://cache.example\\@evil.example/", False),
        ("https://cache.example/a b", False),
        ("https://cache.example/a\r\nHost: x", False),
        ("https://cache.example/\u00e9", False),
        ("https://cache.example/a#b", False),
        ("https://cache.example:99999999/", False),
        ("ftp://cache.example/", False),
        ("//cache.example/", False),
        ("", False),
    ],
)
def test_only_listed_hosts_may_be_asked(url: str, allowed: bool) -> None:
    hosts = HostList(
        ["cache.example", "S3.example:9000", "lab.example", "[::1]:9000"],
        ["s3.example:9000", "lab.example", "plain.example"],
    )
    assert (hosts.read(url) is not None) is allowed


@pytest.mark.parametrize("entry", ["https://cache.example", "cache.example/x", "a b", "", "*.example", "x:port", "u@h"])
def test_a_host_entry_of_another_form_is_refused(entry: str) -> None:
    with pytest.raises(RefusedError, match="expected host or host:port"):
        HostList([entry])
    with pytest.raises(RefusedError, match="expected host or host:port"):
        HostList([], [entry])


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h/p?X-Amz-Signature=s", "https://h/p"),
        ("https://u:secret@h:1/p#f", "https://h:1/p"),
        ("//u@h/p@q?x", "//h/p@q"),
        ("/p?x", "/p"),
        ("?x", ""),
        ("https://a@b@h/", "https://h/"),
    ],
)
def test_no_query_and_no_user_stands_in_a_record(url: str, expected: str) -> None:
    assert plain_url(url) == expected


def test_nothing_is_sent_to_a_host_that_is_not_listed() -> None:
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as server:
        answer, body = http_for("other.example").ask("GET", f"{server.url}/x?secret", cap=CAP, keep_body=True)
        assert (answer.status, answer.error, answer.url, body) == (None, "refused-host", f"{server.url}/x", b"")
        assert server.requests == []


# ------------------------------------------------------------------------------------------------------ whole answers


@pytest.mark.row("TRU-03")
def test_each_header_line_of_a_cache_is_kept_and_the_origin_is_asked_for() -> None:
    lines = "Age: 120\r\nAge: 0\r\nX-Cache: HIT\r\nX-Cache: MISS from gw\r\nServer: RustFS\r\nX-Other: 1\r\n"

    def answer(connection: socket.socket, head: bytes) -> None:
        assert b"Cache-Control: no-cache\r\n" in head
        assert b"Pragma: no-cache\r\n" in head
        connection.sendall(f"HTTP/1.1 200 OK\r\n{lines}Content-Length: 0\r\n\r\n".encode())

    with raw_server(answer) as server:
        got, _body = get(server)
    assert got.headers == ("age: 120", "age: 0", "x-cache: HIT", "x-cache: MISS from gw", "server: RustFS")
    assert from_a_cache(got.headers) == "age: 120"


def test_a_whole_answer() -> None:
    raw = (
        b'HTTP/1.1 404 Not Found\r\nContent-Type: application/xml\r\nContent-Length: 5\r\nETag: "e"\r\n'
        b"Date: Mon, 23 Nov 2026 23:20:22 GMT\r\nLast-Modified: lm\r\nx-amz-version-id: v7\r\n\r\nab\xffcd"
    )
    with raw_server(raw) as server:
        answer, body = get(server, "/a?b=c")
        assert server.requests[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")
    assert body == b"ab\xffcd"
    assert answer == HttpAnswer(
        url=f"{server.url}/a",
        status=404,
        content_type="application/xml",
        etag='"e"',
        content_length=5,
        last_modified="lm",
        version_id="v7",
        date="Mon, 23 Nov 2026 23:20:22 GMT",
        peer=server.url.removeprefix("http://"),
        body="ab\\xffcd",
        millis=answer.millis,
    )


def test_what_goes_over_the_wire() -> None:
    with raw_server(b"HTTP/1.1 204 No Content\r\n\r\n") as server:
        headers: dict[str, str | Secret] = {"Authorization": Secret("Bearer token-token"), "X-Y": "z"}
        with http_for(server.host) as http:
            answer, _body = http.ask(
                "POST", f"{server.url}/%7e/a+b=/..;", headers=headers, content=b"{}", cap=CAP, keep_body=True
            )
        lines = server.requests[0].split(b"\r\n")
    assert answer.status == 204
    assert lines[0] == b"POST /%7e/a+b=/..; HTTP/1.1"
    sent = dict(line.lower().split(b": ", 1) for line in lines[1:] if b": " in line)
    assert sent[b"host"] == server.host.encode()
    assert sent[b"accept-encoding"] == b"identity"
    assert sent[b"authorization"] == b"bearer token-token"
    assert sent[b"x-y"] == b"z"
    assert sent[b"content-length"] == b"2"
    assert sent[b"user-agent"].startswith(b"publication-gate/")


def test_a_body_that_is_not_to_be_kept_is_given_but_not_recorded() -> None:
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstate") as server:
        answer, body = get(server, keep_body=False)
    assert (answer.status, answer.body, body) == (200, "", b"state")


def test_a_head_answer_has_no_body() -> None:
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n") as server, http_for(server.host) as http:
        answer, body = http.ask("HEAD", server.url, cap=CAP, keep_body=True)
    assert (answer.status, answer.content_length, answer.body, body) == (200, 77, "", b"")


def test_what_a_server_sends_after_a_head_spoils_no_other_answer() -> None:
    """OpenStack Swift ends a HEAD 404 with a zero chunk: the state's HEAD always came right after the lock's."""
    swift = Path("fixtures/cases/s3/head-404-with-zero-chunk.http").read_bytes()

    def serve(connection: socket.socket, head: bytes) -> None:
        while head:
            good = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
            connection.sendall(swift if head.startswith(b"HEAD /lock") else good + b"body" * head.startswith(b"GET"))
            head = connection.recv(65536)

    with raw_server(serve) as server, Http([server.host], [server.host], clock=SystemClock()) as http:
        request = [("HEAD", "/lock"), ("HEAD", "/state"), ("GET", "/state"), ("HEAD", "/lock"), ("GET", "/state")]
        observation = [http.ask(method, f"{server.url}{path}", cap=100, keep_body=True)[0] for method, path in request]
    assert [(answer.status, answer.error) for answer in observation] == [
        *((404, None), (200, None), (200, None)),
        *((404, None), (200, None)),
    ]
    assert [answer.body for answer in observation] == ["", "", "body", "", "body"]


def test_a_delete_marker_is_recorded() -> None:
    head = b"HTTP/1.1 404 Not Found\r\nx-amz-delete-marker: true\r\nx-amz-version-id: v9\r\nContent-Length: 0\r\n\r\n"
    with raw_server(head) as server, Http([server.host], [server.host], clock=SystemClock()) as http:
        answer, _ = http.ask("HEAD", f"{server.url}/b/k", cap=0, keep_body=False)
    assert (answer.status, answer.deleted, answer.version_id) == (404, True, "v9")


def test_secrets_that_a_server_echoes_are_not_recorded() -> None:
    raw = (
        b"HTTP/1.1 500 E\r\nContent-Length: 38\r\nLocation: http://h/token-token?q\r\n\r\n"
        b"got Bearer token-token and key keykeykey"
    )[:-2]
    with raw_server(raw) as server:
        answer, body = get(server, headers={"Authorization": Secret("Bearer token-token")}, secrets=[Secret("keykeyk")])
    assert b"token-token" in body
    assert answer.status == 500
    assert answer.body == "got *** and key ***"
    assert answer.location == "http://h/***"


def test_a_redirect_is_not_followed(httpserver: HTTPServer) -> None:
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as other:
        httpserver.expect_request("/r").respond_with_data("", 307, {"Location": f"{other.url}/t?X-Amz-Signature=s"})
        with http_for(f"{httpserver.host}:{httpserver.port}", other.host) as http:
            answer, _body = http.ask(
                "GET", httpserver.url_for("/r"), headers={"Authorization": Secret("tok")}, cap=CAP, keep_body=True
            )
        assert (answer.status, answer.error, answer.location) == (307, None, f"{other.url}/t")
        assert other.requests == []


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as proxy,
        raw_server(b"HTTP/1.1 201 C\r\nContent-Length: 0\r\n\r\n") as server,
    ):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert get(server)[0].status == 201
        assert proxy.requests == []


# ---------------------------------------------------------------------------------------------------------------- caps


@pytest.mark.parametrize(
    ("status", "size", "observed"),
    [
        (200, CAP, (200, None, CAP, False)),
        (200, CAP + 1, (None, "too-large", CAP, True)),
        (502, CAP + 1, (502, None, CAP, True)),
    ],
)
def test_bodies_are_capped(status: int, size: int, observed: tuple[int | None, str | None, int, bool]) -> None:
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {size}\r\n\r\n".encode()
    with raw_server(head + b"x" * size) as server:
        answer, body = get(server)
    assert (answer.status, answer.error, len(body), answer.body_cut) == observed
    assert answer.body == "x" * CAP


def test_an_endless_body_ends_at_the_cap() -> None:
    def endless(connection: socket.socket, _head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")

    with raw_server(endless) as server:
        answer, body = get(server)
    assert (answer.status, answer.error, len(body)) == (None, "too-large", CAP)


def test_endless_headers_end() -> None:
    def endless(connection: socket.socket, _head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X: " + b"y" * 4000 + b"\r\n")

    with raw_server(endless) as server:
        answer, _body = get(server)
    assert (answer.status, answer.error) == (None, "other")


def test_an_encoded_answer_is_refused() -> None:
    body = gzip.compress(b"x" * 100)
    raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    with raw_server(raw + body) as server:
        answer, got = get(server)
    assert (answer.status, answer.error, answer.body, got) == (None, "encoded", "", b"")


def test_identity_and_the_stored_encoding_of_an_object_are_not_refused(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/i").respond_with_data("x", 200, {"Content-Encoding": "identity"})
    httpserver.expect_request("/g", method="HEAD").respond_with_data("", 200, {"Content-Encoding": "gzip"})
    with http_for(f"{httpserver.host}:{httpserver.port}") as http:
        assert http.ask("GET", httpserver.url_for("/i"), cap=CAP, keep_body=True)[0].status == 200
        assert http.ask("HEAD", httpserver.url_for("/g"), cap=CAP, keep_body=True)[0].status == 200


# ------------------------------------------------------------------------------------------------------------- trouble


@pytest.mark.parametrize(
    ("raw", "error", "got"),
    [
        (b"", "cut", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "cut", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "cut", b"abc"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "cut", b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "cut", b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "cut", b"abc"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n", "other", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "other", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabcd", "other", b""),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "other", b""),
        (b"HTTP/1.1 2OO OK\r\n\r\n", "other", b""),
        (b"\x15\x03\x01\x00\x02\x02\x28", "other", b""),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value,
)
def test_half_and_mad_answers_have_no_status(raw: bytes, error: str, got: bytes) -> None:
    with raw_server(raw) as server:
        answer, body = get(server)
        assert len(server.requests) == 1  # asked once, whatever came
    assert (answer.status, answer.error, body) == (None, error, got)


def test_a_connection_that_is_reset() -> None:
    def reset(connection: socket.socket, _head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with raw_server(reset) as server:
        answer, _body = get(server)
    assert (answer.status, answer.error) == (None, "cut")


def test_a_closed_port() -> None:
    with raw_server(b"") as server:
        pass
    assert (get(server)[0].status, get(server)[0].error) == (None, "connect")


def test_a_host_that_has_no_address() -> None:
    answer, _body = http_for("no-such-host.invalid").ask("GET", "http://no-such-host.invalid/", cap=CAP, keep_body=True)
    assert answer.error == "connect"


def test_a_host_name_that_no_resolver_takes() -> None:
    name = "x" * 70 + ".example"
    assert http_for(name).ask("GET", f"http://{name}/", cap=CAP, keep_body=True)[0].error in ("connect", "other")


def test_a_header_that_cannot_be_sent_sends_nothing() -> None:
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as server:
        answer, _body = get(server, headers={"Authorization": Secret("Bearer a\r\nX-Evil: 1")})
        assert server.requests == []
    assert (answer.status, answer.error) == (None, "other")


# ------------------------------------------------------------------------------------------------------------ deadline


def trickle(sent_first: bytes, piece: bytes) -> Any:
    def handler(connection: socket.socket, _head: bytes) -> None:
        connection.sendall(sent_first)
        while True:
            connection.sendall(piece)
            time.sleep(0.05)

    return handler


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"z"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["headers", "body", "informational"],
)
def test_a_server_that_trickles_meets_the_deadline(first: bytes, piece: bytes) -> None:
    began = time.monotonic()
    with raw_server(trickle(first, piece)) as server:
        answer, _body = get(server, seconds=0.6)
    assert (answer.status, answer.error) == (None, "timeout")
    assert 0.5 < time.monotonic() - began < 60
    assert 500 <= answer.millis < 60_000


def test_a_silent_server_meets_the_deadline() -> None:
    with raw_server(lambda _connection, _head: time.sleep(1)) as server:
        answer, _body = get(server, seconds=0.3)
    assert (answer.status, answer.error) == (None, "timeout")


def test_a_server_that_does_not_read_meets_the_deadline() -> None:
    with raw_server(lambda _connection, _head: time.sleep(2)) as server, http_for(server.host, seconds=0.5) as http:
        answer, _body = http.ask("POST", server.url, content=b"x" * 64_000_000, cap=CAP, keep_body=True)
    assert answer.status is None
    assert answer.error == "timeout"


def test_a_cancelled_run_asks_nothing() -> None:
    cancel = CancelToken()
    cancel.cancel("SIGTERM")
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as server:
        answer, _body = http_for(server.host, cancel=cancel).ask("GET", server.url, cap=CAP, keep_body=True)
        assert server.requests == []
    assert (answer.status, answer.error) == (None, "cancelled")


def test_closing_a_door_that_was_never_used() -> None:
    with http_for("h") as http:
        http.close()


def test_a_cancelled_run_does_not_wait_for_an_answer() -> None:
    cancel = CancelToken()
    with raw_server(lambda _connection, _head: time.sleep(2)) as server:
        threading.Timer(0.2, cancel.cancel, ["SIGTERM"]).start()
        answer, _body = http_for(server.host, cancel=cancel).ask("GET", server.url, cap=CAP, keep_body=True)
    assert (answer.status, answer.error) == (None, "cancelled")


def test_an_answer_after_pauses_is_whole() -> None:
    def slow(connection: socket.socket, _head: bytes) -> None:
        for piece in (b"HTTP/1.1 200 OK\r\n", b"Content-Length: 3\r\n\r\n", b"a", b"bc"):
            connection.sendall(piece)
            time.sleep(0.4)  # longer than one look at the cancel token

    with raw_server(slow) as server:
        answer, body = get(server)
    assert (answer.status, body) == (200, b"abc")


# --------------------------------------------------------------------------------------------------------- connections


def keep_open(connection: socket.socket, head: bytes) -> None:
    while head:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        head = connection.recv(65536)


def test_threads_share_a_door_and_connections_are_used_again(httpserver: HTTPServer) -> None:
    accepted: list[int] = []

    def count(connection: socket.socket, head: bytes) -> None:
        accepted.append(1)
        keep_open(connection, head)

    with raw_server(count) as server, http_for(server.host) as http, ThreadPoolExecutor(4) as threads:
        request = [threads.submit(http.ask, "GET", f"{server.url}/{n}", cap=CAP, keep_body=True) for n in range(40)]
        assert {future.result()[1] for future in request} == {b"ok"}
        assert 1 <= len(accepted) <= 8


def test_a_door_can_be_used_again_after_it_was_closed() -> None:
    with raw_server(keep_open) as server, http_for(server.host) as http:
        assert http.ask("GET", server.url, cap=CAP, keep_body=True)[0].status == 200
        http.close()
        assert http.ask("GET", server.url, cap=CAP, keep_body=True)[0].status == 200


def test_a_cut_body_spoils_no_later_answer() -> None:
    answers = iter([b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000] * 2)

    def serve(connection: socket.socket, _head: bytes) -> None:
        connection.sendall(next(answers, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))

    with raw_server(serve) as server, http_for(server.host) as http:
        assert http.ask("GET", server.url, cap=CAP, keep_body=True)[0].error == "too-large"
        assert http.ask("GET", server.url, cap=CAP, keep_body=True)[0].error == "too-large"
        assert http.ask("GET", server.url, cap=CAP, keep_body=True)[1] == b"ok"


# ------------------------------------------------------------------------------------------------------------------ TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-made authority and server in one, for 127.0.0.1; the file holds key and certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gate test")])
    now = datetime.now(tz=UTC)
    result = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(private + result.public_bytes(serialization.Encoding.PEM))
    return folder / "both.pem"


def test_tls_with_the_sites_own_authority_and_without(certificate: Path) -> None:
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate)
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with raw_server(raw, tls=server_side) as server:
        url = f"https://{server.host}/x"
        with Http([server.host], clock=SystemClock(), ca_file=str(certificate)) as http:
            assert http.ask("GET", url, cap=CAP, keep_body=True)[1] == b"ok"
        with Http([server.host], clock=SystemClock()) as http:
            answer, _body = http.ask("GET", url, headers={"Authorization": Secret("t")}, cap=CAP, keep_body=True)
        assert (answer.status, answer.error) == (None, "tls")
        assert len(server.requests) == 1  # a server that can't be trusted is told nothing


def test_a_slow_answer_over_tls_is_whole(certificate: Path) -> None:
    def slow(connection: socket.socket, _head: bytes) -> None:
        for piece in (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n", b"\r\nab", b"cd"):
            time.sleep(0.4)
            connection.sendall(piece)

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    ca_file = str(certificate)
    with raw_server(slow, tls=tls) as server, Http([server.host], clock=SystemClock(), ca_file=ca_file) as http:
        answer, body = http.ask("GET", f"https://{server.host}/x", cap=CAP, keep_body=True)
    assert (answer.status, body) == (200, b"abcd")


def test_a_wait_for_a_free_connection_ends_at_the_deadline_too() -> None:
    silent = raw_server(lambda _connection, _head: time.sleep(2.5))
    with silent as server, http_for(server.host, seconds=2) as http, ThreadPoolExecutor(24) as threads:
        request = [threads.submit(http.ask, "GET", server.url, cap=CAP, keep_body=True) for _ in range(24)]
        answers = [future.result()[0] for future in request]
    assert {(answer.status, answer.error) for answer in answers} == {(None, "timeout")}
    assert max(answer.millis for answer in answers) < 5000  # three rounds on eight connections would take six seconds


def test_a_server_without_tls_that_waits_meets_the_deadline() -> None:
    with (
        raw_server(b"HTTP/1.1 200 OK\r\n\r\n") as server,
        Http([server.host], clock=SystemClock(), seconds=0.5) as http,
    ):
        answer, _body = http.ask("GET", f"https://{server.host}/", cap=CAP, keep_body=True)
    assert (answer.status, answer.error) == (None, "timeout")


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_ca_file_that_cannot_be_read_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(RefusedError, match=r"The CA file .* can't be read"):
        Http([], clock=SystemClock(), ca_file=str(path))


def test_importing_the_door_loads_no_http_library() -> None:
    script = "import sys, gate.net; print([m for m in ('httpx', 'httpcore', 'h11', 'certifi') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout == b"[]\n"


def test_a_server_that_answers_with_its_own_framing(httpserver: HTTPServer) -> None:
    def stream(_request: Request) -> Response:
        return Response(iter([b"a", b"bc"]), mimetype="text/plain")

    httpserver.expect_request("/s").respond_with_handler(stream)
    with http_for(f"{httpserver.host}:{httpserver.port}") as http:
        answer, body = http.ask("GET", httpserver.url_for("/s"), cap=CAP, keep_body=True)
    assert (answer.status, body, answer.content_type) == (200, b"abc", "text/plain; charset=utf-8")
