"""Shapes of credentials are found wherever a stream is cut, and what was redacted is not taken for one."""

import pytest

from gate.parse.text import leak_in

TOKEN = b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjaSIsImh0dHBzIjoxfQ.c2lnbmF0dXJlLXRoYXQtaXMtbG9uZw"
LEAKS = [
    (TOKEN, "a signed JSON web token"),
    (b"https://s3/x?X-Amz-Signature=" + b"a1" * 32, "a presigned S3 query"),
    (b"token ghs_" + b"A" * 36, "a GitHub token"),
    (b"-----BEGIN OPENSSH PRIVATE KEY-----", "a private key"),
    (b"git+https://oauth2:glpat-abcdef12345@git.example.org/x", "a password in a URL"),
]


@pytest.mark.parametrize(("text", "kind"), LEAKS)
def test_a_credential_is_found_at_every_cut(text: bytes, kind: str) -> None:
    data = b"line\n" * 20 + text + b"\nline\n"
    assert leak_in([data]) == kind
    for cut in range(100, len(data), 3):
        assert leak_in([data[:cut], data[cut:]]) == kind
    assert leak_in(bytes([byte]) for byte in data) == kind


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"X-Amz-Signature=***",
        b"Authorization: Bearer ***",
        b"eyJhbGciOiJIUzI1NiJ9",
        b"ghs_short",
        b"https://ci:***@cache.example.org/main",
        b"ssh://git@git.example.org:2222/x, mail a:b@c",
        b"http://127.0.0.1:8080/main?at=user:password@x",
        b"\xff" * 100,
    ],
)
def test_what_was_redacted_is_none(text: bytes) -> None:
    assert leak_in([text]) is None
