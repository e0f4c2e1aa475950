import pytest

from gate.parse.kubernetes import COMPLAINT_CHARS, complaint, is_foreign_500

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJnYXRlIn0.c2ln"


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        (b"", "it said nothing"),
        (b"\n \n", "it said nothing"),
        (
            b'Error from server (Forbidden): pods is forbidden: User "gate" cannot list\n',
            'Error from server (Forbidden): pods is forbidden: User "gate" cannot list',
        ),
        (b"Warning: old\nerror: unable to upgrade connection\nmore\n", "error: unable to upgrade connection"),
        (b'Defaulted container "a"\ncommand terminated with exit code 127\n', "command terminated with exit code 127"),
        (b"I1124 00:00:00.1 1 round_trippers.go:1] GET\nlast words\n", "last words"),
        (b"\x1b[31merror: red\x1b[0m\n", "error: red"),
        (b"error: a\xff\xc3\xa9\x00\r", r"error: a\\xff\xe9\x00"),
    ],
)
def test_the_line_that_says_why(stderr: bytes, expected: str) -> None:
    assert complaint(stderr) == expected


@pytest.mark.parametrize(
    "line",
    [
        "error: Authorization: Bearer CANARY-kube-token",
        "error: Authorization: Bearer CANARY",
        "error: Authorization: Other scheme=CANARY CANARY",
        "error: authorization: Bearer CANARY-kube-token extra",
        "error: bearer CANARY-kube-token",
        'error: "token": "CANARY-kube-token"',
        "error: access_token=CANARY-kube-token",
        "error: X-Api-Key: CANARY-kube-token",
        "error: password=CANARY-kube-token",
        "error: Cookie: CANARY-kube-token",
        f"error: {JWT}",
        f"error: curl -H 'Authorization: Bearer {JWT}'",
    ],
)
def test_credentials_are_not_told(line: str) -> None:
    text = complaint(line.encode())
    assert "CANARY" not in text
    assert "eyJ" not in text
    assert "***" in text


def test_a_credential_on_its_own_trace_line_is_left_out() -> None:
    stderr = b"I1124 01:02:03.4 9 x.go:1]     Authorization: Bearer CANARY\nError from server: no\n"
    assert complaint(stderr) == "Error from server: no"


def test_a_long_line_is_cut() -> None:
    assert len(complaint(b"error: " + b"x" * 9000)) == COMPLAINT_CHARS


FOREIGN = (
    b'Error from server (InternalError): an error on the server ("unknown") has prevented the request from succeeding\n'
)


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        (FOREIGN, True),  # kubectl v1.35.2 for a JSON body, which it does not tell
        (b"I1124 00:00:00.1 1 x.go:1] GET\n" + FOREIGN.replace(b"unknown", b"oops"), True),  # for a text body
        (b"Error from server (InternalError): etcd leader changed\n", False),
        (b"Error from server (ServiceUnavailable): the server is currently unable to handle the request\n", False),
        (b'Error from server (Forbidden): pods "a" is forbidden: (InternalError): an error on the server ("', False),
        (b"mine: " + FOREIGN, False),
        (b"", False),
    ],
)
def test_a_500_of_what_the_api_server_led_to(stderr: bytes, expected: bool) -> None:
    assert is_foreign_500(stderr) is expected
