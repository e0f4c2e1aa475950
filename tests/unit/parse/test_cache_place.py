import pytest

from gate.parse.addresses import cache_place, is_loopback, plain_place, same_cache


@pytest.mark.parametrize(
    "url",
    [
        "https://cache.example/main",
        "https://cache.example/main/",
        "HTTPS://Cache.Example:443/main",
        "https://cache.example/main?priority=41",
    ],
)
def test_spellings_of_one_place(url: str) -> None:
    assert cache_place(url) == ("https", "cache.example", 443, "/main")
    assert same_cache(url, "https://cache.example/main")


@pytest.mark.parametrize(
    "url",
    [
        "http://cache.example/main",
        "https://cache.example/Main",
        "https://cache.example:8443/main",
        "https://cache.example/main/x",
        "https://other.example/main",
        "/main",
        "main",
        "https://cache.example:x/main",
        "https://cache.example/ma\nin",
        " https://cache.example/main",
        "https://cache.\u00e9xample/main",
    ],
)
def test_another_place(url: str) -> None:
    assert not same_cache(url, "https://cache.example/main")
    assert not same_cache("https://cache.example/main", url)


@pytest.mark.parametrize("url", ["https://a:x/", "https://a/\t", "https://a/ b", "https://[a/"])
def test_what_is_no_url_is_no_place_not_even_its_own(url: str) -> None:
    assert cache_place(url) is None
    assert not same_cache(url, url)


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("HTTPS://Cache.Example:443/main//", "https://cache.example/main"),
        ("http://cache.example:80", "http://cache.example"),
        ("http://cache.example:8080/Main/?priority=3", "http://cache.example:8080/Main"),
        ("http://[FD00::1]:80/", "http://[fd00::1]"),
        ("s3://Bucket/x/", "s3://Bucket/x"),
        ("https:///x/", "https:///x"),
        ("main/", "main"),
        ("https://cache.example:x/", "https://cache.example:x"),
        ("", ""),
    ],
)
def test_one_spelling_stands_for_all(url: str, plain: str) -> None:
    assert plain_place(url) == plain
    assert plain_place(plain) == plain


@pytest.mark.parametrize(
    "url",
    ["http://localhost", "http://LOCALHOST:80/x", "https://127.0.0.1:9000", "http://127.8.9.1", "http://[::1]:1/"],
)
def test_this_machine_by_its_very_name(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "localhost",
            "http://localhost.example",
            "http://10.0.0.1",
            "http://2130706433",
            "http://[::1",
            "http://::1",
        ),
        *("http://u@127.0.0.1", "http://127.0.0.1@example.org", "http://127.0.0.1%00", "http://[::ffff:10.0.0.1]"),
    ],
)
def test_another_machine_or_an_unclear_host(url: str) -> None:
    assert not is_loopback(url)
