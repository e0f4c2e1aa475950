import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.errors import ForeignTextError
from gate.model.parsed import CacheConfig
from gate.parse.attic_json import parse_attic_error, parse_cache_config, parse_missing_paths

ATTIC = Path("fixtures/recordings/attic")
CONFIG = json.loads((ATTIC / "cache-config/body").read_bytes())
HASH = "bpp32kp401f40ggfd62nfhnws7q301ki"


def body_of(recording: str) -> bytes:
    return (ATTIC / recording / "body").read_bytes()


def test_the_recorded_configuration() -> None:
    assert parse_cache_config(body_of("cache-config")) == CacheConfig(
        public_key="main:E4ZuuKNzKdcwh+h/PJzwOBFZp1a+KYWmHzdWD85n8rM=",
        is_public=False,
        upstream_cache_key_names=("cache.nixos.org-1",),
        api_endpoint="http://127.0.0.1:18080/",
        substituter_endpoint="http://127.0.0.1:18080/main",
    )


def test_the_endpoints_may_be_left_out() -> None:
    rest = {name: value for name, value in CONFIG.items() if not name.endswith("endpoint")}
    config = parse_cache_config(json.dumps({**rest, "api_endpoint": None, "is_public": True}).encode())
    assert (config.api_endpoint, config.substituter_endpoint, config.is_public) == (None, None, True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"public_key": None}, "public_key is null: expected a string"),
        ({"public_key": "main"}, "'main' is not a public key"),
        ({"public_key": [CONFIG["public_key"]]}, "public_key is a list"),
        ({"is_public": None}, "is_public is null"),
        ({"is_public": 0}, "is_public is a number: expected true or false"),
        ({"upstream_cache_key_names": None}, "upstream_cache_key_names is null"),
        ({"upstream_cache_key_names": "cache.nixos.org-1"}, "upstream_cache_key_names is a string"),
        ({"upstream_cache_key_names": [1]}, "upstream_cache_key_names is a list: expected a list of strings"),
        ({"api_endpoint": 1}, "api_endpoint is a number"),
        ({"substituter_endpoint": {}}, "substituter_endpoint is an object"),
    ],
)
def test_a_configuration_that_tells_nothing(change: dict[str, object], message: str) -> None:
    with pytest.raises(ForeignTextError, match=message):
        parse_cache_config(json.dumps({**CONFIG, **change}).encode())


@pytest.mark.parametrize("name", ["public_key", "is_public", "upstream_cache_key_names"])
def test_a_configuration_that_lacks_something(name: str) -> None:
    with pytest.raises(ForeignTextError, match=f"{name} is null"):
        parse_cache_config(json.dumps({key: value for key, value in CONFIG.items() if key != name}).encode())


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b"null", body_of("narinfo-no-token"), b" " * 65537])
def test_no_configuration(body: bytes) -> None:
    with pytest.raises(ForeignTextError, match="The cache configuration"):
        parse_cache_config(body)


def test_missing_paths() -> None:
    assert parse_missing_paths(body_of("get-missing-paths-push")) == {"0" * 32}
    assert parse_missing_paths(b'{"missing_paths":[],"later":1}') == frozenset()
    assert parse_missing_paths(json.dumps({"missing_paths": [HASH, "0" * 32]}).encode()) == {HASH, "0" * 32}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"missing_paths":null}',
        b'{"missing_paths":"00000000000000000000000000000000"}',
        b'{"missing_paths":["x"]}',
        b'{"missing_paths":[1]}',
        b'{"missing_paths":["00000000000000000000000000000000-x"]}',
        b'{"missing_paths":[],"missing_paths":[]}',
        body_of("get-missing-paths-read-only"),
        body_of("get-missing-paths-no-token"),
    ],
)
def test_no_missing_paths(body: bytes) -> None:
    with pytest.raises(ForeignTextError, match="expected"):
        parse_missing_paths(body)


@pytest.mark.parametrize(
    ("recording", "error"),
    [
        ("get-missing-paths-read-only", (403, "AccessError")),
        ("get-missing-paths-no-token", (401, "Unauthorized")),
        ("narinfo-missing", (404, "NoSuchObject")),
        ("narinfo-absent-well-formed", (404, "NoSuchObject")),
        ("narinfo-no-token", (401, "Unauthorized")),
        ("log-canary-malformed-narinfo", (500, "InvalidStorePathHash")),
    ],
)
def test_the_recorded_errors(recording: str, error: tuple[int, str]) -> None:
    assert parse_attic_error(body_of(recording)) == error


def test_an_error_without_a_status() -> None:
    assert parse_attic_error(b'{"error":"NoSuchObject"}') == (None, "NoSuchObject")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"error":""}',
        b'{"error":1}',
        b'{"error":"two words"}',
        b'{"code":"404","error":"X"}',
        b'{"code":-1,"error":"X"}',
        b'{"code":404,"error":"X","error":"Y"}',
        b'{"error":"' + b"X" * 2049 + b'"}',
        body_of("cache-config"),
        body_of("narinfo-multi-chunk"),
    ],
)
def test_no_error_of_attics(body: bytes) -> None:
    assert parse_attic_error(body) is None


@settings(deadline=None, max_examples=100)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.fixed_dictionaries(
            {},
            optional={
                name: st.none() | st.booleans() | st.text(max_size=5) | st.lists(st.text(max_size=40), max_size=2)
                for name in ("missing_paths", "error", "code", "public_key", "is_public", "upstream_cache_key_names")
            },
        ).map(lambda body: json.dumps(body).encode()),
    )
)
def test_any_bytes_are_an_answer_or_foreign(body: bytes) -> None:
    parse_attic_error(body)
    for parse in (parse_cache_config, parse_missing_paths):
        try:
            parse(body)
        except ForeignTextError:
            continue
