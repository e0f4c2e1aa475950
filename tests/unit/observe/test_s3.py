from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from gate import limits
from gate.clock import SystemClock
from gate.errors import RefusedError
from gate.model.basics import Secret
from gate.net import Http
from gate.observe.s3 import S3

KEY_ID = "AKIAEXAMPLEKEYID"
SECRET = "very/secret+access-key"
NOT_FOUND = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>NoSuchBucket</Code><Message>gone</Message></Error>'


@pytest.fixture
def http(httpserver: HTTPServer) -> Iterator[Http]:
    host = f"{httpserver.host}:{httpserver.port}"
    with Http([host], [host], clock=SystemClock(), seconds=10) as door:
        yield door


@pytest.fixture
def s3(httpserver: HTTPServer, http: Http) -> S3:
    return S3(httpserver.url_for("/"), Secret(KEY_ID), Secret(SECRET), "us-east-1", http)


def page(names: list[str], token: str | None = None) -> str:
    buckets = "".join(f"<Bucket><Name>{name}</Name></Bucket>" for name in names)
    onward = f"<ContinuationToken>{token}</ContinuationToken>" if token else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Buckets>{buckets}</Buckets>{onward}</ListAllMyBucketsResult>"
    )


def serve_pages(httpserver: HTTPServer, tokens: dict[str, str | None]) -> list[str]:
    """``tokens``: from the token that was asked with to the one that is answered; gives the tokens asked with."""
    requests: list[str] = []

    def handler(request: Request) -> Response:
        token = parse_qs(request.query_string.decode()).get("continuation-token", [""])[0]
        requests.append(token)
        return Response(page([f"b{len(requests)}"], tokens[token]), 200, content_type="application/xml")

    httpserver.expect_request("/").respond_with_handler(handler)
    return requests


def test_one_page(httpserver: HTTPServer, s3: S3) -> None:
    assert serve_pages(httpserver, {"": None}) == []
    (answer,) = s3.list_buckets()
    assert (answer.status, answer.error, answer.body) == (200, None, page(["b1"]))


def test_pages_are_followed_and_tokens_quoted(httpserver: HTTPServer, s3: S3) -> None:
    request = serve_pages(httpserver, {"": "a+b/c=&amp;", "a+b/c=&": "two", "two": None})
    answers = s3.list_buckets()
    assert request == ["", "a+b/c=&", "two"]
    assert [(answer.status, answer.error) for answer in answers] == [(200, None)] * 3
    assert {answer.url for answer in answers} == {httpserver.url_for("/")}  # no query in a record


def test_a_token_that_comes_again_ends_the_list_with_an_error(httpserver: HTTPServer, s3: S3) -> None:
    request = serve_pages(httpserver, {"": "one", "one": "two", "two": "one"})
    answers = s3.list_buckets()
    assert request == ["", "one", "two"]
    assert [(answer.status, answer.error) for answer in answers] == [(200, None), (200, None), (None, "token")]


def test_endless_pages_end_with_an_error(httpserver: HTTPServer, s3: S3) -> None:
    tokens: dict[str, str | None] = {"": "1", **{str(n): str(n + 1) for n in range(1, 100)}}
    request = serve_pages(httpserver, tokens)
    answers = s3.list_buckets()
    assert len(request) == len(answers) == limits.LIST_PAGES
    assert (answers[-1].status, answers[-1].error) == (None, "too-large")
    assert {(answer.status, answer.error) for answer in answers[:-1]} == {(200, None)}


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, "<html>welcome</html>"), (503, NOT_FOUND), (200, page(["a"])[:-9])],
    ids=["html", "503", "cut"],
)
def test_what_is_no_list_is_kept_as_it_came(httpserver: HTTPServer, s3: S3, status: int, body: str) -> None:
    httpserver.expect_request("/").respond_with_data(body, status)
    (answer,) = s3.list_buckets()
    assert (answer.status, answer.body) == (status, body)


def test_a_list_that_is_too_large_has_no_status(
    httpserver: HTTPServer, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "S3_BODY_BYTES", 100)
    serve_pages(httpserver, {"": None})
    (answer,) = s3.list_buckets()
    assert (answer.status, answer.error) == (None, "too-large")


def test_heads_and_gets(httpserver: HTTPServer, s3: S3) -> None:
    httpserver.expect_request("/attic", method="HEAD").respond_with_data("", 200)
    httpserver.expect_request("/gone", method="HEAD").respond_with_data("", 404)
    httpserver.expect_request("/gone", method="GET", query_string="list-type=2&max-keys=1").respond_with_data(
        NOT_FOUND, 404
    )
    assert s3.head_bucket("attic").status == 200
    assert s3.head_bucket("gone").status == 404
    answer = s3.get_bucket("gone")
    assert (answer.status, answer.body, answer.url) == (404, NOT_FOUND, httpserver.url_for("/gone"))


def test_objects(httpserver: HTTPServer, s3: S3) -> None:
    httpserver.expect_request("/b/a dir/state+1.json", method="HEAD").respond_with_data(
        "", 200, {"ETag": '"e"', "x-amz-version-id": "v"}
    )
    httpserver.expect_request("/b/secret", method="GET").respond_with_data("password", 200)
    httpserver.expect_request("/b/none", method="GET").respond_with_data(NOT_FOUND, 404)
    head = s3.head_object("b", "a dir/state+1.json")
    assert (head.status, head.etag, head.version_id) == (200, '"e"', "v")
    assert head.url.endswith("/b/a%20dir/state%2B1.json")
    answer, content = s3.get_object("b", "secret", cap=100)
    assert (answer.status, answer.body, content) == (200, "", b"password")
    answer, content = s3.get_object("b", "secret", cap=3)
    assert (answer.status, answer.error, answer.body, content) == (None, "too-large", "", b"pas")
    answer, content = s3.get_object("b", "none", cap=1000)
    assert (answer.status, answer.body, content) == (404, NOT_FOUND, b"")


def test_requests_are_signed(httpserver: HTTPServer, s3: S3) -> None:
    httpserver.expect_request("/b", method="HEAD").respond_with_data("", 200)
    s3.head_bucket("b")
    sent = httpserver.log[0][0].headers
    assert sent["Authorization"].startswith(f"AWS4-HMAC-SHA256 Credential={KEY_ID}/")
    assert "/us-east-1/s3/aws4_request" in sent["Authorization"]
    assert set(sent["Authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")) == {
        "host", "x-amz-content-sha256", "x-amz-date",
    }  # fmt: skip
    assert SECRET not in str(sent)


def test_an_error_text_that_repeats_the_key_is_redacted(httpserver: HTTPServer, s3: S3) -> None:
    text = f"<Error><Code>InvalidAccessKeyId</Code><AWSAccessKeyId>{KEY_ID}</AWSAccessKeyId><X>{SECRET}</X></Error>"
    httpserver.expect_request("/b", method="GET").respond_with_data(text, 403)
    httpserver.expect_request("/b/k", method="GET").respond_with_data(text, 403)
    clean = "<Error><Code>InvalidAccessKeyId</Code><AWSAccessKeyId>***</AWSAccessKeyId><X>***</X></Error>"
    assert s3.get_bucket("b").body == clean
    assert s3.get_object("b", "k", cap=1000)[0].body == clean


def test_a_bucket_that_is_called_like_the_key_stays_in_the_list(httpserver: HTTPServer, http: Http) -> None:
    httpserver.expect_request("/").respond_with_data(page(["tofu-state"]), 200)
    s3 = S3(httpserver.url_for("/"), Secret("tofu-state"), Secret(SECRET), "us-east-1", http)
    assert "<Name>tofu-state</Name>" in s3.list_buckets()[0].body


@pytest.mark.parametrize("bucket", ["", ".", "..", "a/b"])
def test_what_is_no_bucket_is_never_asked_for(httpserver: HTTPServer, s3: S3, bucket: str) -> None:
    with pytest.raises(RefusedError, match="expected the name of a bucket"):
        s3.head_bucket(bucket)
    assert httpserver.log == []


def test_open_uploads_are_one_page(httpserver: HTTPServer, s3: S3) -> None:
    requests: list[dict[str, list[str]]] = []

    def handler(request: Request) -> Response:
        requests.append(parse_qs(request.query_string.decode(), keep_blank_values=True))
        return Response("<ListMultipartUploadsResult/>", 200)

    httpserver.expect_request("/attic").respond_with_handler(handler)
    answer = s3.list_uploads("attic")
    assert requests == [{"encoding-type": ["url"], "max-uploads": [str(limits.OPEN_UPLOADS)], "uploads": [""]}]
    assert (answer.status, answer.body) == (200, "<ListMultipartUploadsResult/>")
    assert answer.date is not None, "by which an upload's age is told"


def test_a_store_that_lists_no_uploads_says_so(httpserver: HTTPServer, s3: S3) -> None:
    httpserver.expect_request("/attic").respond_with_data(NOT_FOUND.replace("NoSuchBucket", "NotImplemented"), 501)
    answer = s3.list_uploads("attic")
    assert (answer.status, "NotImplemented" in answer.body) == (501, True)
