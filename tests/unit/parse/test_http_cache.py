from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.parse.http_cache import KEPT_LINES, from_a_cache, is_kept, kept_lines, network_before

CASES = Path(__file__).parents[3] / "fixtures" / "cases" / "s3" / "cache-headers.txt"
ASKED = (
    "age: 0",
    "age: 000",
    "age: 0, 0",
    "x-cache: MISS",
    "x-cache: MISS from gw",
    "x-cache: MISS from proxy.example:3128 (squid/5.7)",
    "x-cache: Miss from cloudfront",
    "x-cache: TCP_MISS from a23-1-2-3.deploy.akamaitechnologies.com (AkamaiGHost/10.5) (-)",
    "x-cache: TCP_REFRESH_MISS",
    "x-cache: CONFIG_NOCACHE",
    "x-cache: MISS, MISS",
    "x-cache-hits: 0, 0",
    "x-cache-status: EXPIRED",
    "x-proxy-cache: BYPASS",
    "cf-cache-status: DYNAMIC",
    "cdn-cache: MISS",
    "cache-status: edge; fwd=uri-miss; stored, shield; hit=?0; fwd=bypass",
    'cache-status: "a, b; hit"; fwd=miss; detail="x; hit"',
    "x-varnish: 32770",
    "warning: 299 - text",
    "warning: 199 - text",
    "server-timing: db;dur=3, cdn-cache;desc=MISS",
    "server-timing: cdn-cache-miss,cdn-pop;desc=FRA",
    'server-timing: cfCacheStatus;desc="DYNAMIC"',
)
KEPT = (
    "age: 1",
    "age: 10, 20",
    "age: 0, 7",
    "age: -1",
    "age: soon",
    "age: \u0661",
    "age: ",
    "x-cache: HIT",
    "x-cache: TCP_HIT",
    "x-cache: TCP_MEM_HIT from a1 (x)",
    "x-cache: RefreshHit from cloudfront",
    "x-cache: Error from cloudfront",
    "x-cache: MISS, HIT",
    "x-cache: MISS HIT",
    "x-cache: white",
    "x-cache: ",
    "x-cache: cached",
    "x-cache-hits: 3",
    "x-cache-hits: 0, 1",
    "x-cache-lookup: HIT from gw:3128",
    "x-cache-status: STALE",
    "x-cache-status: REVALIDATED",
    "x-cache-status: UPDATING",
    "x-nginx-cache: hit",
    "x-rack-cache: stale, valid, store",
    "x-vercel-cache: PRERENDER",
    "x-fs-cached: 1",
    "cf-cache-status: NONE/UNKNOWN",
    "cdn-cache: HIT",
    "cache-status: edge; hit; ttl=30",
    "cache-status: edge; hit=?1",
    "cache-status: edge; fwd=stale; fwd-status=304",
    "cache-status: edge; fwd=miss; collapsed",
    "cache-status: edge",
    "cache-status: edge; fwd=miss, shield; hit",
    "x-varnish: 32770 3",
    "x-varnish: x",
    "warning: 110 - stale",
    'warning: 113 cache "old"',
    "warning: 1",
    "server-timing: cdn-cache; desc=HIT",
    "server-timing: cdn-cache-hit",
    f"x-cache: {'MISS, ' * 40}…",
)


@pytest.mark.parametrize("line", ASKED)
def test_what_says_that_the_origin_was_asked(line: str) -> None:
    assert from_a_cache([line]) is None


@pytest.mark.row("TRU-03")
@pytest.mark.parametrize("line", KEPT)
def test_all_else_of_a_cache_is_doubt(line: str) -> None:
    assert from_a_cache([line]) == line


@pytest.mark.parametrize(("good", "bad"), list(product(ASKED[::4], KEPT[::6])))
def test_each_line_counts_wherever_it_is(good: str, bad: str) -> None:
    assert from_a_cache([good, bad]) == from_a_cache([bad, good]) == bad


@pytest.mark.parametrize("block", CASES.read_text("utf-8").partition("\n")[2].strip().split("\n\n"))
def test_the_cases_are_not_the_origins(block: str) -> None:
    pairs = [(name.lower(), text) for name, _, text in (line.partition(":") for line in block.splitlines())]
    assert from_a_cache(kept_lines(pairs)) is not None


def test_what_is_no_word_of_a_cache() -> None:
    lines = (
        "via: 1.1 varnish",
        "cf-ray: 1",
        "server: RustFS",
        "x-amz-request-id: 1",
        "x-attic-cache-visibility: public",
    )
    others = ("cache-control: max-age=60", "x-cache-key: /a", "cdn-cache-control: no-store", "x-other: HIT")
    assert from_a_cache([*lines, *others]) is None
    assert not any(is_kept(line.partition(":")[0]) for line in (*others, "x-attic-cache-visibility: public"))


def test_squids_lookup_counts_where_it_stands_alone() -> None:
    looked = "x-cache-lookup: HIT from gw:3128"
    assert from_a_cache(["x-cache: MISS from gw", looked]) is None
    assert from_a_cache([looked]) == looked


@pytest.mark.parametrize(
    ("line", "network"),
    [
        ("via: 1.1 varnish", True),
        ("via: 1.1 gateway", False),
        ("server: cloudflare", True),
        ("server: RustFS", False),
        ("server-timing: db;dur=3", False),
        ("cf-ray: 8a", True),
        ("x-served-by: cache-fra-1", True),
        ("x-cache: MISS", True),
        ("x-amz-request-id: 1", False),
    ],
)
def test_what_shows_a_network_before_the_server(line: str, network: bool) -> None:
    assert network_before([line]) == (line if network else None)


def test_lines_that_are_too_many_or_too_long_are_doubt() -> None:
    many = kept_lines([("x-cache", "MISS")] * (KEPT_LINES + 1))
    assert len(many) == KEPT_LINES + 1
    assert from_a_cache(many) is not None
    assert from_a_cache(kept_lines([("x-cache", "MISS")] * KEPT_LINES)) is None
    assert from_a_cache(kept_lines([("x-cache", "MISS, " * 100 + "HIT")])) is not None
    assert from_a_cache(kept_lines([("server-timing", "a;dur=1, " * 100 + "cdn-cache;desc=HIT")])) is not None


@settings(max_examples=200, deadline=None)
@given(lines=st.lists(st.tuples(st.sampled_from(["age", "x-cache", "cache-status", "via", "warning"]), st.text())))
def test_a_further_line_never_takes_doubt_away(lines: list[tuple[str, str]]) -> None:
    remaining = kept_lines(lines)
    for count in range(len(remaining)):
        if from_a_cache(remaining[:count]) is not None:
            assert from_a_cache(remaining) is not None
    assert len(from_a_cache(remaining) or "") < 300
