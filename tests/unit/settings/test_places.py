"""Places and installables are read when the settings are: what no run could use is refused before anything is done."""

import tomllib
from typing import Any

import pytest

from gate.errors import RefusedError
from gate.settings import resolve, resolve_named
from gate.settings.profiles import find_profile
from tests.helpers import parts

LEAST = {"GATE_ATTIC_SERVER": "https://a", "GATE_ATTIC_CACHE": "main", "GATE_S3_ENDPOINT": "https://s"}


def settings(toml: str = "", environ: dict[str, str] | None = None, **flags: Any) -> Any:
    value = {**LEAST, **(environ or {})}
    return resolve("medium-check", toml=tomllib.loads(toml), environ=value, flags=flags, read_file=str)


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("store_workload", "store"),
        ("store_log", "store"),
        ("cache_workload", "cache"),
        ("server_log", "cache"),
    ],
)
def test_a_place_that_is_none_is_refused_wherever_it_is_given(name: str, table: str) -> None:
    key = name.replace("_", "-")
    answer = (
        ": 'foo' is not the place of a server: expected file:///path, dir:///path, systemd://UNIT, journald://UNIT, "
        "docker://NAME or kubectl://NAMESPACE/KIND/NAME"
    )
    for source, value in (
        (f"--{key}", {name: "foo"}),
        (f"GATE_{name.upper()}", {"environ": {f"GATE_{name.upper()}": "foo"}}),
        (f"gate.toml [{table}] {key}", {"toml": f"[{table}]\n{key} = 'foo'\n"}),
    ):
        with pytest.raises(RefusedError) as caught:
            settings(**value)
        assert (str(caught.value), caught.value.exit_code) == (source + answer, 2)


def test_a_marker_that_is_no_place_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"^gate\.toml \[store\] markers: 'foo' is not a locator"):
        settings("[store]\nmarkers = ['file:///data', 'foo']\n")
    for places in ("foo", ("foo",), "file:///data/../x", "kubectl://n/daemonset/a"):
        with pytest.raises(RefusedError, match=r"^--markers: "):
            resolve_named(("markers",), needed=(), toml={}, environ={}, flags={"markers": places}, read_file=str)


def test_a_place_that_is_not_set_is_none() -> None:
    assert settings("[store]\nmarkers = []\nstore-log = ''\n[cache]\nserver-log = ''\n").policy.markers == ()
    places = "file:///a kubectl://n/statefulset/rustfs?container=c&path=/data&by=log"
    assert settings(environ={"GATE_MARKERS": places}).policy.markers == tuple(places.split())


TELLING = [
    "git+https://user:hunter2@host/r#x",
    "git+https://hunter2@host/r#x",
    "https://hunter2@host",
    "git+ssh://git:hunter2@host/r#x",
    "git+ssh://git%3Ahunter2@host/r",
    "git+https://user:hunter2#@host/r",
    "https://host/r.tar.gz?token=hunter2#x",
    "git+https://host/r?ref=main&hunter2#x",
    "github:o/r?access_token=hunter2",
]


@pytest.mark.parametrize("installable", TELLING)
def test_an_installable_with_a_credential_is_refused_and_not_shown(installable: str) -> None:
    for source, value in (
        ("--installable", {"installable": installable}),
        ("GATE_INSTALLABLE", {"environ": {"GATE_INSTALLABLE": installable}}),
        ("gate.toml [probe] installable", {"toml": f"[probe]\ninstallable = '{installable}'\n"}),
        ("[profiles.medium-check] installable", {"toml": f"[profiles.medium-check]\ninstallable = '{installable}'\n"}),
    ):
        with pytest.raises(RefusedError) as caught:
            settings(**value)
        answer = str(caught.value)
        assert answer.startswith(f"{source} ")
        assert caught.value.exit_code == 2
        assert "hunter2" not in answer


@pytest.mark.parametrize(
    "installable",
    [
        ".#checks.x86_64-linux.statix",
        "git+ssh://git@github.com/o/r?ref=main&submodules=1#x",
        "github:o/r/main?dir=sub&narHash=sha256-AAAA=#x^out",
        "git+https://host/@scope/r?rev=0123#a@b",
        "/nix/store/00000000000000000000000000000000-x",
        ".#x?y",
    ],
)
def test_an_installable_without_one_is_taken(installable: str) -> None:
    assert settings(installable=installable).policy.installable == installable
    toml = {"profiles": {"mine": {"installable": installable}}}
    assert find_profile("mine", toml).installable == installable


STORE: dict[str, Any] = dict(parts.TOML["store"])  # type: ignore[call-overload]  # a table


def test_an_s3_endpoint_with_a_path_is_refused_by_its_path() -> None:
    """Buckets are asked for below the host; a path was signed and sent in the place of a bucket."""
    for endpoint in ("http://127.0.0.1:9/s3", "http://127.0.0.1:9/swift/v1/", "http://127.0.0.1:9//"):
        store = {**STORE, "s3-endpoint": endpoint}
        with pytest.raises(RefusedError, match="GATE_S3_ENDPOINT has the path '/"):
            parts.settings(store=store)
    slash = {**STORE, "s3-endpoint": "http://127.0.0.1:9/"}
    assert parts.settings(store=slash).policy.s3_endpoint == "http://127.0.0.1:9/"


@pytest.mark.parametrize(("given", "ok"), [(0.5, True), (5, True), (5.1, False), (0.4, False)])
def test_the_deadline_of_a_sample_is_at_most_the_stores_own(given: float, *, ok: bool) -> None:
    sampling = {"samples": 2, "sample-deadline": given}
    if ok:
        assert parts.settings(sampling=sampling).policy.sample_deadline == given
    else:
        with pytest.raises(RefusedError, match="sample-deadline"):
            parts.settings(sampling=sampling)
