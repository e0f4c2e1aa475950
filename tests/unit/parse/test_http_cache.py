import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.parse.http_cache import HEADERS, from_a_cache


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, None),
        ({"age": "0"}, None),
        ({"age": "000"}, None),
        ({"age": "-1"}, None),
        ({"age": "\u0661"}, None),
        ({"age": ""}, None),
        ({"age": "10"}, "age: 10"),
        ({"age": "100", "x-cache": "MISS"}, "age: 100"),
        ({"x-cache": "HIT"}, "x-cache: HIT"),
        ({"x-cache": "Hit from cloudfront"}, "x-cache: Hit from cloudfront"),
        ({"x-cache": "MISS, HIT"}, "x-cache: MISS, HIT"),
        ({"x-cache": "MISS"}, None),
        ({"x-cache": "white"}, None),
        ({"cf-cache-status": "DYNAMIC"}, None),
        ({"cf-cache-status": "REVALIDATED"}, "cf-cache-status: REVALIDATED"),
        ({"x-cache-status": "STALE"}, "x-cache-status: STALE"),
        ({"x-proxy-cache": "hit"}, "x-proxy-cache: hit"),
        ({"cache-status": "edge; hit; ttl=30"}, "cache-status: edge; hit; ttl=30"),
        ({"cache-status": "edge; fwd=stale"}, None),
        ({"cache-status": "edge; hit=?0"}, None),
        ({"via": "1.1 varnish"}, None),
    ],
)
def test_what_says_that_a_cache_answered(headers: dict[str, str], said: str | None) -> None:
    assert from_a_cache(headers) == said


@settings(max_examples=100, deadline=None)
@given(headers=st.dictionaries(st.sampled_from(HEADERS), st.text(max_size=400)))
def test_whatever_comes_is_short(headers: dict[str, str]) -> None:
    assert len(from_a_cache(headers) or "") <= 100
