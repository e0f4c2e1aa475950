"""Which hosts and addresses are not taken, and that all others are."""

import pytest

from gate.parse.addresses import odd_address, odd_host


@pytest.mark.parametrize(
    "host", ["s3.example", "s3", "10.0.0.7", "127.0.0.1", "[2001:db8::1]", "[::1]", "a.b-c_d.example", "1password.com"]
)
def test_a_name_and_a_plain_address_are_taken(host: str) -> None:
    assert odd_host(host) is None


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("s3.example.", "ends with a dot"),
        ("[1:2]", "is no IPv6 address"),
        ("[::ffff:10.0.0.7]", "is an IPv4 address in the guise of an IPv6 one"),
        ("[fe80::1]", "is link-local, where clouds keep credentials"),
        ("169.254.169.254", "is link-local, where clouds keep credentials"),
        ("255.255.255.255", "is no address of one server"),
        ("127.1", "is a number that not every program reads as the same address"),
        ("0x7f000001", "is a number that not every program reads as the same address"),
    ],
)
def test_others_are_not(host: str, why: str) -> None:
    assert odd_host(host) == why


@pytest.mark.parametrize(
    ("address", "odd"),
    [
        ("10.0.0.7", False),
        ("::1", False),
        ("fe80::1%eth0", True),
        ("::ffff:169.254.0.1", True),
        ("::ffff:10.0.0.7", False),
        ("fd00:ec2::254", True),
        ("fd00::1", False),
        ("224.0.0.1", True),
        ("ff02::1", True),
        ("240.0.0.1", True),
        ("::", True),
        ("not an address", True),
        ("", True),
    ],
)
def test_an_address_that_no_server_has(address: str, odd: bool) -> None:
    assert (odd_address(address) is not None) is odd
