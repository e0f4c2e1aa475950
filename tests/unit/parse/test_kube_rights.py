"""What a cluster says of rights, versions and its time; nothing else of what kubectl prints is taken."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.errors import ForeignTextError
from gate.parse.kubernetes import parse_client_version, parse_review, parse_server_version, response_date

# kubectl v1.35.2, get --raw=/version -v=8
NEW = b"""I1124 07:40:16.824592   32102 loader.go:405] Config loaded from file:  /home/me/kubeconfig
I1124 07:40:16.825085   32102 round_trippers.go:527] "Request" verb="GET" url="http://127.0.0.1:37611/version" headers=<
\tAccept: application/json, */*
\tAuthorization: Bearer <masked>
 >
I1124 07:40:16.831885   32102 round_trippers.go:632] "Response" status="200 OK" headers=<
\tContent-Length: 54
\tDate: Tue, 24 Nov 2026 07:40:16 GMT
 > milliseconds=6
"""
# the form of client-go up to v1.32
OLD = b"""I1124 07:40:16.831885   32102 round_trippers.go:577] Response Headers:
I1124 07:40:16.831886   32102 round_trippers.go:580]     Date: Tue, 24 Nov 2026 07:40:16 GMT
I1124 07:40:16.831887   32102 round_trippers.go:580]     Content-Length: 54
"""


def review(kind: object = "SelfSubjectAccessReview", **status: Any) -> bytes:
    return json.dumps({"kind": kind, "spec": {}, "status": status}).encode()


def test_a_review_says_yes_or_no() -> None:
    assert parse_review(review(allowed=True)) is True
    assert parse_review(review(allowed=True, evaluationError="one of two failed")) is True
    assert parse_review(review(allowed=False)) is False
    assert parse_review(review(allowed=False, evaluationError="")) is False


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is not JSON"),
        (b"[]", "is a list: expected a JSON object"),
        (review("Status", allowed=True), "is of kind 'Status'"),
        (review(), "allowed is"),
        (review(allowed="yes"), "allowed is"),
        (b'{"kind": "SelfSubjectAccessReview"}', "status is"),
        (review(allowed=False, evaluationError="webhook down"), "was not decided: 'webhook down'"),
    ],
)
def test_what_is_no_decision_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(ForeignTextError, match=words):
        parse_review(data)


def test_versions() -> None:
    assert parse_client_version(b'{"clientVersion": {"gitVersion": "v1.35.2"}}') == "v1.35.2"
    assert parse_server_version(b'{"gitVersion": "v1.31.4+k3s1", "major": "1"}') == "v1.31.4+k3s1"


@pytest.mark.parametrize(
    "data", [b"{}", b"[]", b'{"gitVersion": "1.35"}', b'{"gitVersion": "v1.35.0\\n::error::"}', b"<html>"]
)
def test_what_is_no_version_is_refused(data: bytes) -> None:
    with pytest.raises(ForeignTextError):
        parse_server_version(data)
    with pytest.raises(ForeignTextError):
        parse_client_version(data)


@pytest.mark.parametrize("said", [NEW, OLD, b"Date: Mon, 01 Jan 2024 00:00:00 GMT\n" + NEW])
def test_the_date_of_the_last_answer(said: bytes) -> None:
    assert response_date(said) == "Tue, 24 Nov 2026 07:40:16 GMT"


@pytest.mark.parametrize("said", [b"", b"\tX-Date: Tue", b"Update: Tue, 24 Nov 2026 07:40:16 GMT", b"Date: soon"])
def test_no_date(said: bytes) -> None:
    assert response_date(said) is None


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_nothing_but_a_date_is_ever_taken(said: bytes) -> None:
    result = response_date(said)
    assert result is None or len(result) == len("Tue, 24 Nov 2026 07:40:16 GMT")
    with suppress(ForeignTextError):
        assert parse_review(said) in (True, False)
