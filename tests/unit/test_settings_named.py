"""Some settings alone: the same table, the same refusals, and nothing asked for that the command does not need."""

from collections.abc import Mapping
from typing import Any

import pytest

from gate.errors import RefusedError
from gate.model.basics import Secret
from gate.settings import resolve_named

NAMES = ("s3_endpoint", "s3_access_key_id", "buckets", "state_bucket", "samples", "state_ha_statement")


def named(
    *names: str,
    needed: tuple[str, ...] = (),
    toml: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    return resolve_named(
        names or NAMES,
        needed=needed,
        toml=toml or {},
        environ=environ or {},
        flags=flags or {},
        read_file=lambda path: f"from {path}\n",
    )


def test_only_what_is_named_is_given_with_its_defaults() -> None:
    assert named() == {
        "s3_endpoint": "",
        "s3_access_key_id": None,
        "buckets": ("attic", "tofu-state"),
        "state_bucket": "tofu-state",
        "samples": 3,
        "state_ha_statement": "",
    }
    assert named("sample_spacing") == {"sample_spacing": 8.0}


def test_the_precedence_is_that_of_a_run() -> None:
    toml = {"store": {"s3-endpoint": "toml", "buckets": ["ccc"]}, "state": {"state-ha-statement": "ops, 2026"}}
    environ = {"GATE_S3_ENDPOINT": "environ", "GATE_S3_ACCESS_KEY_ID_FILE": "/key"}
    got = named(toml=toml, environ=environ, flags={"samples": 5})
    assert (got["s3_endpoint"], got["buckets"], got["samples"]) == ("environ", ("ccc",), 5)
    assert (got["state_ha_statement"], got["s3_access_key_id"]) == ("ops, 2026", Secret("from /key"))
    assert named(toml=toml, environ=environ, flags={"s3_endpoint": "flag"})["s3_endpoint"] == "flag"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"needed": ("s3_endpoint",)}, "GATE_S3_ENDPOINT is not set: give --s3-endpoint or gate.toml"),
        ({"needed": ("s3_access_key_id",)}, "give it, or its file by GATE_S3_ACCESS_KEY_ID_FILE"),
        ({"toml": {"store": {"typo": 1}}}, "unknown key 'typo'"),
        ({"toml": {"state": {"ha": "yes"}}}, "unknown key 'ha'"),
        ({"flags": {"samples": 1}}, "--samples is 1"),
        ({"flags": {"buckets": ["a/b"]}}, "is no bucket name"),
        ({"flags": {"state_bucket": ".."}}, "is no bucket name"),
        ({"toml": {"store": {"buckets": []}}}, "buckets is empty"),
        ({"toml": {"state": {"state-ha-statement": "two\nlines"}}}, "expected one line of text"),
    ],
)
def test_what_is_wrong_is_refused(value: Any, message: str) -> None:
    with pytest.raises(RefusedError, match=message.replace("[", "\\[")):
        named(**value)


def test_a_command_that_names_no_buckets_is_not_asked_for_them() -> None:
    assert named("s3_endpoint", toml={"store": {"buckets": [], "s3-endpoint": "e"}}) == {"s3_endpoint": "e"}
