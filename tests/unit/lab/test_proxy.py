"""The reverse proxy: whatever comes through it unchanged, but for uploads when it is told to answer pages."""

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from gate.lab.proxy import PAGE, UPLOAD, Proxy


@pytest.fixture
def proxy(httpserver: HTTPServer) -> Iterator[Proxy]:
    result = Proxy()
    result.target = (httpserver.host, httpserver.port)
    result.start()
    yield result
    result.stop()


def ask(
    proxy: Proxy, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(proxy.address, timeout=5)
    try:
        connection.request(method, path, body=body, headers=headers or {})  # type: ignore[arg-type]  # iterators too
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def echo(request: Request) -> Response:
    observation = f"{request.method} {request.full_path} {request.headers.get('Authorization')} ".encode()
    return Response(observation + request.get_data(), status=418, headers={"x-told": "so"})


def test_requests_and_answers_pass(proxy: Proxy, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/any").respond_with_handler(echo)
    answer, body = ask(proxy, "POST", "/any?q=1", b"hello", {"Authorization": "bearer t"})
    assert (answer.status, answer.getheader("x-told"), body) == (418, "so", b"POST /any?q=1 bearer t hello")


def test_a_chunked_upload_arrives_whole(proxy: Proxy, httpserver: HTTPServer) -> None:
    httpserver.expect_request(UPLOAD).respond_with_handler(echo)
    _, body = ask(proxy, "PUT", UPLOAD, iter([b"one ", b"two"]))
    assert body.endswith(b"one two")
    assert proxy.pages == 0


def test_uploads_get_a_page_when_told_and_nothing_else_does(proxy: Proxy, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/any").respond_with_handler(echo)
    proxy.answers_pages = True
    answer, body = ask(proxy, "PUT", UPLOAD, iter([b"lost"]))
    assert (answer.status, answer.getheader("Content-Type"), body, proxy.pages) == (200, "text/html", PAGE, 1)
    answer, _ = ask(proxy, "PUT", "/any", b"")
    assert (answer.status, proxy.pages) == (418, 1)


def test_head_has_no_body(proxy: Proxy, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/any").respond_with_data("text")
    answer, body = ask(proxy, "HEAD", "/any")
    assert (answer.status, answer.getheader("Content-Length"), body) == (200, "4", b"")


def test_without_a_server_behind_it_says_so(proxy: Proxy) -> None:
    proxy.target = None
    answer, _ = ask(proxy, "GET", "/any")
    assert answer.status == 503


@pytest.fixture
def serve_once() -> Iterator[Callable[[bytes], tuple[str, int]]]:
    """A server that gives these bytes as its answer and hangs up."""
    threads: list[threading.Thread] = []

    def make(answer: bytes) -> tuple[str, int]:
        listening = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            with listening, listening.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(answer)

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        address: tuple[str, int] = listening.getsockname()
        return address

    yield make
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
    ids=["length", "chunked"],
)
def test_a_body_that_is_cut_behind_it_is_cut_before_it(
    proxy: Proxy, serve_once: Callable[[bytes], tuple[str, int]], answer: bytes
) -> None:
    proxy.target = serve_once(answer)
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(proxy, "GET", "/any")
    assert caught.value.partial == b"half"


def test_chunked_answers_pass(proxy: Proxy, serve_once: Callable[[bytes], tuple[str, int]]) -> None:
    proxy.target = serve_once(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n4\r\nmore\r\n0\r\n\r\n"
    )
    answer, body = ask(proxy, "GET", "/any")
    assert (answer.status, body) == (200, b"halfmore")


def test_a_request_is_held_back_by_its_method_and_path_and_the_host_can_be_kept(httpserver: HTTPServer) -> None:
    requests: list[tuple[str, str]] = []

    def hold(method: str, path: str) -> float:
        requests.append((method, path))
        return 0.5 if path == "/slow" else 0.0

    def host(request: Request) -> Response:
        return Response(request.headers["Host"])

    httpserver.expect_request("/slow").respond_with_handler(host)
    httpserver.expect_request("/fast").respond_with_handler(host)
    result = Proxy(hold=hold, keeps_host=True)
    result.target = (httpserver.host, httpserver.port)
    result.start()
    try:
        began = time.monotonic()
        assert ask(result, "GET", "/fast")[1].decode() == result.address
        assert time.monotonic() - began < 0.5
        assert ask(result, "GET", "/slow")[1].decode() == result.address
        assert time.monotonic() - began >= 0.5
    finally:
        result.stop()
    assert requests == [("GET", "/fast"), ("GET", "/slow")]
