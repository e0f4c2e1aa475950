"""The doctor at the lab's servers: healthy settings pass, and each fault is told by the check that is its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.lab,
    pytest.mark.nix,
    pytest.mark.slow,
    pytest.mark.xdist_group("lab-stack"),
    pytest.mark.timeout(900),
]
SCENARIO = Path(__file__).with_name("doctor_scenario.py")
ROOT = Path(__file__).parents[2]

PUSHES = {"control:bit-flip-caught", "push:canary", "push:profile", "push:representative"}
BUCKETS = {"bucket:attic", "bucket:tofu-state"}
STATE = {"state:tofu-state/runners/terraform.tfstate"}
IN_CLUSTER = {*BUCKETS, "epoch:cache", "epoch:store", "log:server-log"}
CACHES = {"cache:main", "cache:probe", "cache:key of main"}
READS = {"body:every published path", "control:absent-path-404", "control:bit-flip-caught"}

MARKERS = {"markers:*", "bucket:attic", "bucket:tofu-state"}
LOG = {"server-log", "log-canary"}
RIGHTS = {
    "right:nix-cache:get:statefulsets:rustfs",
    "right:nix-cache:get:deployments:attic",
    "right:nix-cache:list:pods",
    "right:nix-cache:get:pods",
    "right:nix-cache:get:pods/log",
    "right:nix-cache:get:pods/exec",
    "right:nix-cache:create:pods/exec",
}
TOOLS = {"tool:programs", "tool:settings of Nix"}
PUSH_RIGHTS = {"push-right:main", "push-right:probe"}
S3 = {f"{kind}:{bucket}" for kind in ("bucket-head", "bucket-get", "bucket") for bucket in ("attic", "tofu-state")}
S3_DENIED = {"bucket-list", "state-object", *S3}
NOT_S3 = S3_DENIED - {"bucket-head:attic", "bucket-head:tofu-state"}
NO_CLUSTER = {*MARKERS, *LOG, "store-workload", "cache-workload", "cluster-reachable", *RIGHTS}

# visit: exit code, the checks that are not good, the claims that are unknown
INCONCLUSIVE: dict[str, tuple[set[str], set[str]]] = {
    "expired-push-token": ({"push-token", *PUSH_RIGHTS}, PUSHES),
    "read-only-push-token": ({"push-token", *PUSH_RIGHTS}, PUSHES),
    "no-tokens": (
        {"read-token", "push-token", "cache:main", "cache:probe", "trusted-key", "read-only-push-denied", *PUSH_RIGHTS},
        {*PUSHES, *READS, *CACHES, "control:read-only-push-denied", "build:build"},
    ),
    "torn-token": (
        {"read-token", "cache:main", "cache:probe", "trusted-key"},
        {*READS, *CACHES, "control:read-only-push-denied", "build:build"},
    ),
    "wrong-s3-secret": (S3_DENIED, BUCKETS | STATE),
    "half-an-s3-key": ({"s3-key", *S3_DENIED}, BUCKETS | STATE),
    "s3-key-without-rights": (S3_DENIED, BUCKETS | STATE),
    "no-s3-server": ({"s3-reachable", *S3_DENIED}, {*BUCKETS, *STATE, "store:identity"}),
    "attic-as-s3-server": ({*NOT_S3, "store-workload"}, {*BUCKETS, *STATE, "epoch:store"}),
    "no-attic-server": (
        {
            *("cache-reachable", "cache:main", "cache:probe", "substituter", "trusted-key", "log-canary"),
            *("no-token-denied", "read-only-push-denied", "absent-path-404", *PUSH_RIGHTS),
        },
        {
            *(*PUSHES, *READS, *CACHES, "build:build", "log:server-log"),
            *("control:no-token-denied", "control:read-only-push-denied", "reader:builders"),
        },
    ),
    "no-markers": ({"markers", "bucket:attic", "bucket:tofu-state"}, BUCKETS),
    "markers-elsewhere": (MARKERS, BUCKETS),
    "marker-gone": ({"bucket:attic"}, {"bucket:attic"}),
    "no-state-key": ({"state-object"}, {"state:tofu-state/"}),
    "state-elsewhere": ({"state-object"}, {"state:tofu-state/no/such.tfstate"}),
    "log-of-another": ({"log-canary"}, {"log:server-log"}),
    "no-log": (LOG, {"log:server-log"}),
    "no-nix": (
        {"nix", "substituter", "trusted-key", "flake"},
        {"build:build", "cache:key of main", "run:run", *PUSHES, *TOOLS, "reader:builders"} - READS,
    ),
    "no-attic-client": ({"attic"}, {"run:run", "tool:programs", *PUSHES} - READS),
    "no-twin": ({"representative"}, {"push:representative"}),
    "no-kubectl": ({"kubectl", "cluster-trust", *NO_CLUSTER}, {*IN_CLUSTER, "run:run"}),
    "other-cluster": ({"cluster-trust", *NO_CLUSTER}, {*IN_CLUSTER, "run:run"}),
    "cluster-down": (NO_CLUSTER, {*IN_CLUSTER, "run:run"}),
    "no-log-right": ({*LOG, "right:nix-cache:get:pods/log"}, {"log:server-log"}),
    "no-exec-right": ({*MARKERS, "right:nix-cache:create:pods/exec"}, BUCKETS),
    "no-pods-right": ({*MARKERS, *LOG, "store-workload", "cache-workload", "right:nix-cache:list:pods"}, IN_CLUSTER),
}
FAILED = {"push-token-as-read-token": "read-only-push-denied", "index-lost": "bucket:attic"}
AFTER_IT = {"index-lost": {"substituter": "inconclusive"}}  # Nix reads a path whose bytes are in that bucket
PASSED = ("healthy", "minted-read-token", "absent-sources", "cluster")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    work = tmp_path_factory.mktemp("doctor")
    done = subprocess.run(
        [sys.executable, str(SCENARIO), str(work)],
        stdout=subprocess.PIPE,
        env=environ,
        cwd=ROOT,
        timeout=900,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def visit(seen: dict[str, Any], name: str) -> dict[str, Any]:
    result: dict[str, Any] = seen["visits"][name]
    return result


def bad(made: dict[str, Any]) -> dict[str, str]:
    """The checks that are not good, with their status; the places of markers are those of this machine."""
    return {
        "markers:*" if name.startswith("markers:") else name: status for name, (status, _told) in made["bad"].items()
    }


def told(made: dict[str, Any], name: str) -> str:
    text: str = made["bad"][name][1]
    return text


@pytest.mark.parametrize("name", PASSED)
def test_settings_with_which_everything_can_be_observed(seen: dict[str, Any], name: str) -> None:
    result = visit(seen, name)
    assert (result["code"], result["word"], result["bad"], result["unknown"]) == (0, "pass", {}, [])
    assert "unknown with these settings: nothing\n" in result["text"]


@pytest.mark.parametrize("name", INCONCLUSIVE)
def test_each_fault_has_its_checks_and_its_unknown_claims(seen: dict[str, Any], name: str) -> None:
    result = visit(seen, name)
    checks, unknown = INCONCLUSIVE[name]
    assert bad(result) == dict.fromkeys(checks, "inconclusive")
    assert set(result["unknown"]) == unknown
    assert (result["code"], result["word"], result["hintless"]) == (3, "inconclusive", [])


@pytest.mark.parametrize(("name", "check"), FAILED.items())
def test_what_a_run_would_fail_by_fails_here_too(seen: dict[str, Any], name: str, check: str) -> None:
    result = visit(seen, name)
    assert bad(result) == {check: "fail", **AFTER_IT.get(name, {})}
    assert (result["code"], result["word"]) == (4, "quarantine")


@pytest.mark.parametrize(
    ("name", "check", "words"),
    [
        ("expired-push-token", "push-token", "by its own words r, w on 'main', 'probe'; EXPIRED "),
        ("expired-push-token", "push-right:main", "HTTP 401 Unauthorized"),
        ("read-only-push-token", "push-token", "by its own words r on 'main', 'probe'"),
        ("read-only-push-token", "push-right:main", "HTTP 403 AccessError"),
        ("wrong-s3-secret", "bucket-list", "HTTP 403 SignatureDoesNotMatch: the secret of this key is wrong"),
        ("s3-key-without-rights", "bucket-list", "HTTP 403 AccessDenied: the right is missing"),
        ("s3-key-without-rights", "bucket-get:attic", "HTTP 403 AccessDenied: the right is missing"),
        ("s3-key-without-rights", "bucket-head:attic", "HTTP 403: the right is missing, or the key is not accepted"),
        ("s3-key-without-rights", "bucket:attic", "unobservable: list unknown, head unknown, get unknown"),
        ("no-s3-server", "s3-reachable", "no connection"),
        ("attic-as-s3-server", "bucket-list", "expected plain XML"),
        ("marker-gone", "bucket:attic", "marker-missing: "),
        ("index-lost", "bucket:attic", "index-lost: list absent, head absent, get absent, marker present"),
        ("state-elsewhere", "state-object", "HTTP 404"),
        ("no-nix", "nix", "nix and nix-store not on PATH"),
        ("no-kubectl", "kubectl", "kubectl-none is not on PATH"),
        ("other-cluster", "cluster-trust", "expected kube-server 'https://prod:6443'"),
        ("no-log-right", "right:nix-cache:get:pods/log", "the right is missing (for server-log)"),
        ("no-log-right", "server-log", 'cannot get resource "pods/log"'),
        ("no-exec-right", "right:nix-cache:create:pods/exec", "the right is missing (for markers)"),
    ],
)
def test_what_is_told_of_a_fault(seen: dict[str, Any], name: str, check: str, words: str) -> None:
    assert words in told(visit(seen, name), check)


def test_no_secret_stands_in_any_answer(seen: dict[str, Any]) -> None:
    assert {name: result["leaks"] for name, result in seen["visits"].items() if result["leaks"]} == {}


def test_the_command_builds_pushes_and_writes_nothing(seen: dict[str, Any]) -> None:
    result = visit(seen, "command")
    assert (result["code"], result["written"], result["pushed"]) == (0, [], 0)
    data = json.loads(result["out"])
    assert data["verdict"] == {**data["verdict"], "word": "pass", "exit_code": 0}
    assert {tuple(sorted(check)) for check in data["findings"]} == {
        ("because", "code", "evidence", "phase", "remedy", "status", "subject", "summary")
    }
    assert data["unknown"] == []


def test_the_command_says_by_its_exit_code_that_something_would_be_unknown(seen: dict[str, Any]) -> None:
    result = visit(seen, "command-fault")
    assert (result["code"], result["written"], result["pushed"]) == (3, [], 0)
    first = result["out"].split("\n")[0]
    assert first.startswith("INCONCLUSIVE: Don't run the probe yet, it could not pass. Fix 1 thing first: push-token.")


def test_the_command_refuses_what_other_commands_refuse(seen: dict[str, Any]) -> None:
    result = visit(seen, "command-refused")
    assert (result["code"], json.loads(result["out"])["verdict"]["word"]) == (2, "refused")


def test_the_cluster_is_asked_by_name_and_only_to_read(seen: dict[str, Any]) -> None:
    assert {tuple(review) for review in seen["reviews"]} == {
        ("apps", "get", "statefulsets", "rustfs"),
        ("apps", "get", "deployments", "attic"),
        ("", "list", "pods", ""),
        ("", "get", "pods", ""),
        ("", "get", "pods/log", ""),
        ("", "get", "pods/exec", ""),
        ("", "create", "pods/exec", ""),
    }
    assert seen["kube_posts"] == ["/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"]
