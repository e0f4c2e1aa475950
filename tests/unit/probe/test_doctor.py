"""The doctor's visit: which rights it asks for, and that it leaves nothing behind."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gate.clock import SystemClock
from gate.errors import CancelledError, RefusedError
from gate.judge.doctor import check_name, examine
from gate.model.basics import Status
from gate.probe.doctor import rights_needed, visit
from gate.probe.world import Quiet, World
from gate.process import CancelToken
from gate.settings import Settings, resolve

NS = "nix-cache"


def settings(environ: dict[str, str] | None = None, **changes: Any) -> Settings:
    flags = {"attic_server": "https://attic.lab", "attic_cache": "main", "s3_endpoint": "https://s3.lab", **changes}
    absent = flags.pop("absent", ())
    toml = {"sources": {"absent": list(absent)}}
    return resolve("synthetic", toml=toml, environ=environ or {}, flags=flags, read_file=str)


def test_each_place_needs_its_own_rights() -> None:
    result = rights_needed(
        settings(
            markers=(
                "file:///data",
                f"kubectl://{NS}/statefulset/rustfs?path=/data&by=log",
                f"kubectl://{NS}/deployment/other?path=/data",
            ),
            store_workload=f"kubectl://{NS}/statefulset/rustfs",
            cache_workload=f"kubectl://{NS}/pod/attic-0",
            server_log=f"kubectl://{NS}/pod/attic-0",
            store_log=f"kubectl://{NS}/statefulset/rustfs",
        ).policy
    )
    assert result == {
        (NS, "get", "statefulsets", "rustfs"): ("markers", "store-workload", "store-log"),
        (NS, "list", "pods", ""): ("markers", "store-workload", "store-log"),
        (NS, "get", "pods", ""): ("markers", "store-log"),
        (NS, "get", "pods/log", ""): ("markers", "store-log"),
        (NS, "get", "deployments", "other"): ("markers",),
        (NS, "get", "pods/exec", ""): ("markers",),
        (NS, "create", "pods/exec", ""): ("markers",),
        (NS, "get", "pods", "attic-0"): ("cache-workload", "server-log"),
        (NS, "get", "pods/log", "attic-0"): ("server-log",),
    }


def test_what_the_site_states_as_absent_needs_none() -> None:
    place = f"kubectl://{NS}/deployment/attic"
    remaining = settings(cache_workload=place, server_log=place, absent=("server-log",))
    assert set(rights_needed(remaining.policy)) == {(NS, "get", "deployments", "attic"), (NS, "list", "pods", "")}
    none = settings(cache_workload=place, server_log=place, absent=("server-log", "cache-workload"))
    assert rights_needed(none.policy) == {}


def world(home: Path, cancel: CancelToken | None = None) -> World:
    environ = {"PATH": str(home / "nothing"), "HOME": str(home)}
    return World(environ=environ, cancel=cancel or CancelToken(), progress=Quiet(), clock=SystemClock())


@pytest.fixture
def host() -> Iterator[str]:
    """A place that is taken and at which nobody listens: a connection is refused."""
    with socket.socket() as samples:
        samples.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{samples.getsockname()[1]}"


def dead(host: str, **changes: Any) -> Settings:
    return settings(attic_server=f"http://{host}", s3_endpoint=f"http://{host}", plain_http_hosts=(host,), **changes)


def test_where_nothing_answers_nothing_is_good_and_nothing_is_left(host: str, tmp_path: Path) -> None:
    result = examine(visit(dead(host), world(tmp_path)))
    good = {check_name(check) for check in result.findings if check.status is Status.PASS}
    assert good == {"representative"}  # of the synthetic profile it asks nothing
    unused = {check_name(check) for check in result.findings if check.status is Status.NOT_APPLICABLE}
    assert unused == {
        *("kubectl", "cluster-trust", "cluster-reachable", "clock-cache", "clock-store", "clock-cluster"),
        *("log-replicas", "store-log", "disk", "flake"),
    }
    assert result.verdict.exit_code == 3
    assert {claim.family for claim in result.unknown} == {
        *("run", "build", "log", "bucket", "state", "epoch", "cache", "control", "push", "body", "tool", "store"),
        "reader",
    }
    assert list(tmp_path.iterdir()) == []


def test_settings_that_no_command_takes_are_refused(host: str, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="too short"):
        visit(dead(host, environ={"GATE_SIGNING_SECRET": "c2hvcnQ="}), world(tmp_path))


def test_a_visit_that_was_ended_says_nothing(host: str, tmp_path: Path) -> None:
    cancel = CancelToken()
    cancel.cancel("signal SIGTERM")
    with pytest.raises(CancelledError, match="signal SIGTERM"):
        visit(dead(host), world(tmp_path, cancel))
