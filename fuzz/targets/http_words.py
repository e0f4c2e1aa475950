"""`gate.parse.addresses` and `http_cache`: what is plain, what is one place, and a cache's short word."""

from ipaddress import ip_address

from fuzz.contract import text
from fuzz.target import Target
from gate.parse.addresses import cache_place, odd_address, odd_host, same_cache
from gate.parse.http_cache import from_a_cache, kept_lines, network_before


def check(data: bytes) -> None:
    """Any text in the place of a host, an address and each header."""
    value = text(data)
    for why in (odd_host(value), odd_address(value)):
        assert why is None or why.isprintable()
    if odd_address(value) is None:
        address = ip_address(value.partition("%")[0])
        assert not address.is_link_local, "where clouds keep credentials"
        assert not address.is_multicast
    if odd_host(value) is None and value.replace(".", "").isdigit() and value.isascii():
        assert str(ip_address(value)) == value, "a number that not every program reads as the same address"
    place = cache_place(value)
    assert same_cache(value, value) is (place is not None)
    if place is not None and not set(value) & set("?#"):
        assert cache_place(f"{value}/") == place, "a slash at the end makes another place of it"
    for name in ("age", "x-cache", "x-cache-hits", "cache-status", "x-varnish", "warning", "server-timing"):
        lines = kept_lines([(name, value)])
        cache_line = from_a_cache(lines)
        assert cache_line is None or cache_line == lines[0]
        assert cache_line is None or network_before(lines) or name == "server-timing"
        assert cache_line is None or from_a_cache(("x-cache: MISS", *lines)) is not None
    assert not kept_lines([("x-other", value)])


def seeds() -> list[bytes]:
    """Hosts, addresses and headers, good and odd."""
    hosts = ["attic.example", "10.0.0.1", "169.254.169.254", "2130706433", "0x7f.1", "[::1]", "[::ffff:10.0.0.1]", "a."]
    headers = [
        "5",
        "0",
        "HIT",
        "MISS",
        "cache; hit",
        "cache; fwd=miss",
        "hit from x",
        "[fe80::1%eth0]",
        "fd00:ec2::254",
    ]
    places = ["https://attic.example:443/main", "HTTP://[::1]:8080/main/?priority=41", "https://attic.example:x/main"]
    return [each.encode() for each in (*hosts, *headers, *places)]


TARGET = Target(
    check,
    seeds,
    parsers=("addresses", "http_cache"),
    words=(b"169.254.", b"::ffff:", b"0x", b"; hit", b"HIT", b"://", b":443"),
)
