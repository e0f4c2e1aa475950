"""The codes of ``doctor``: what each check looks at, what to set or grant when it is not good, and what it depends on.

The table of ``docs/operations.md`` is this one; a test compares them.
"""

from dataclasses import dataclass
from typing import Final

from gate.judge.codes.model import CAUSE, FAIL, INCONCLUSIVE, NOT_APPLICABLE, PASS, Code, Rank
from gate.model.basics import Status

_STATUSES: Final = (PASS, INCONCLUSIVE, NOT_APPLICABLE)


@dataclass(frozen=True, kw_only=True)
class DoctorCode(Code):
    """A check of ``doctor`` in the registry.

    ``subject`` says what follows the code and a colon, empty for a check that is made once. ``needs`` are the codes of
    the checks without which this one can't be good: when one of them is not, this one follows from it and has no
    remedy.
    """

    statuses: tuple[Status, ...] = _STATUSES
    rank: Rank = CAUSE
    neutral: bool = False
    index_loss: bool = False
    subject: str = ""
    needs: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The code and its subject as the documents have them."""
        return f"{self.code}:{self.subject}" if self.subject else self.code


DOCTOR: Final[tuple[DoctorCode, ...]] = (
    # --- tools
    DoctorCode(
        code="nix",
        why="`nix` and `nix-store` are on PATH, version 2.8 or later",
        remedy="install Nix 2.8 or later, and put it on the PATH of this very user",
    ),
    DoctorCode(
        code="attic",
        why="the attic client is there, of version 0.1, whose output the gate reads",
        remedy="install attic-client 0.1, or name it by attic-bin",
    ),
    DoctorCode(
        code="kubectl",
        why="kubectl is there, where a place is in a cluster",
        remedy="install kubectl 1.35, or name it by kubectl-bin in [kubernetes]",
    ),
    DoctorCode(
        code="substituter",
        why="the cache under test is among this machine's substituters",
        remedy="add the cache's URL to `substituters` of this machine's nix.conf",
        needs=("nix",),
    ),
    DoctorCode(
        code="trusted-key",
        why="the key that the cache has of itself is among this machine's `trusted-public-keys`",
        remedy="add the cache's key to `trusted-public-keys` of this machine's nix.conf, by a trusted way",
        needs=("cache-reachable", "cache", "nix"),
    ),
    DoctorCode(
        code="flake",
        why="the profile's flake has no changes that no commit has, and is at the commit of this run",
        remedy="commit the changes, or undo them: gate.toml in the flake's own repository counts too",
    ),
    # --- cache
    DoctorCode(
        code="cache-reachable",
        why="the Attic server answers",
        remedy="check attic-server, its DNS name and firewall; a plain http:// host must stand in plain-http-hosts",
    ),
    DoctorCode(
        code="cache",
        subject="CACHE",
        why="the cache describes itself: its key, and endpoints that are allowed",
        remedy="check attic-cache and probe-cache; give the read token `r` on both; add the endpoint's host to hosts",
        needs=("cache-reachable",),
    ),
    DoctorCode(
        code="read-token",
        why="the read token is there, reads both caches by its own words, and is not expired",
        remedy="mint a token with `r` on the cache and the probe cache, and give it as GATE_READ_TOKEN",
    ),
    DoctorCode(
        code="push-token",
        why="the push token is there, reads and pushes both caches by its own words, and is not expired",
        remedy="mint a token with `r` and `w` on the cache and the probe cache, and give it as GATE_PUSH_TOKEN",
    ),
    DoctorCode(
        code="push-right",
        subject="CACHE",
        why="the server lets the push token ask `get-missing-paths` of no path",
        remedy="give the push token `w` on this cache; a token of another server or secret is refused too",
        needs=("cache-reachable", "push-token"),
    ),
    DoctorCode(
        code="no-token-denied",
        why="control: a read without a token is denied; not made of a public cache",
        remedy="make the cache private, or state cache-public = true in [cache] of gate.toml",
        needs=("cache-reachable",),
    ),
    DoctorCode(
        code="read-only-push-denied",
        why="control: the read token may not ask as one that pushes",
        remedy="take every right but `r` from the read token",
        needs=("cache-reachable", "read-token"),
        statuses=(FAIL, *_STATUSES),
    ),
    DoctorCode(
        code="absent-path-404",
        why="control: a path that nobody has is 404",
        remedy="see that attic-server leads to Attic itself, and that no proxy answers in its place",
        needs=("cache-reachable",),
    ),
    # --- store
    DoctorCode(
        code="s3-key",
        why="both halves of the S3 key are given",
        remedy="set GATE_S3_ACCESS_KEY_ID and GATE_S3_SECRET_ACCESS_KEY, or the same with _FILE",
    ),
    DoctorCode(
        code="s3-reachable",
        why="the S3 server answers",
        remedy="check s3-endpoint, its DNS name and firewall; a plain http:// host must stand in plain-http-hosts",
    ),
    DoctorCode(
        code="bucket-list",
        why="ListBuckets gives a whole list",
        remedy="grant the key s3:ListAllMyBuckets",
        needs=("s3-key", "s3-reachable"),
    ),
    DoctorCode(
        code="bucket-head",
        subject="BUCKET",
        why="HeadBucket says whether the bucket is there",
        remedy="grant the key s3:ListBucket on the bucket",
        needs=("s3-key", "s3-reachable"),
    ),
    DoctorCode(
        code="bucket-get",
        subject="BUCKET",
        why="a harmless GET says whether the bucket is there",
        remedy="grant the key s3:ListBucket on the bucket",
        needs=("s3-key", "s3-reachable"),
    ),
    DoctorCode(
        code="bucket",
        subject="BUCKET",
        why="the class of the bucket in one sample: its index, markers and readiness",
        remedy="follow the runbook of its class: `publication-gate rustfs-bucket-index-rca --bucket` says which",
        needs=("s3-key", "s3-reachable", "bucket-list", "bucket-head", "bucket-get", "markers"),
        statuses=(FAIL, *_STATUSES),
    ),
    DoctorCode(
        code="state-object",
        why="HEAD of the OpenTofu state and of its lock: there, and not locked",
        remedy="set state-bucket and state-key in [store]; grant s3:GetObject and s3:ListBucket there; wait for a lock",
        needs=("s3-key", "s3-reachable"),
    ),
    # --- places
    DoctorCode(
        code="markers",
        subject="LOCATOR",
        why="the bucket markers of a drive can be read",
        remedy="set markers in [store] to every data folder of the store; let this user search it (docs/kubernetes)",
    ),
    DoctorCode(
        code="disk",
        subject="LOCATOR",
        why="the drive has room: less than 99 % of its bytes and of its files (inodes) are taken",
        remedy="make room on the drive, without deleting what the store has",
    ),
    DoctorCode(
        code="store-workload",
        why="who the store's process or pods are",
        remedy="set store-workload in [store], or state it in [sources] absent where this site has none",
    ),
    DoctorCode(
        code="cache-workload",
        why="who the Attic server's process or pods are",
        remedy="set cache-workload in [cache], or state it in [sources] absent where this site has none",
    ),
    DoctorCode(
        code="server-log",
        why="the Attic server's log can be read",
        remedy="set server-log in [cache] and let this user read it, or state it in [sources] absent",
    ),
    DoctorCode(
        code="log-canary",
        why="a canary request is found in that log",
        remedy="point server-log at the server that answers attic-server, all of its replicas, at level ERROR at least",
        needs=("cache-reachable", "server-log"),
    ),
    DoctorCode(
        code="log-replicas",
        why="each replica of the Attic server answers its canary, and its log has that canary",
        remedy="see that server-log names the container that answers; each replica must log at level ERROR at least",
        needs=("cache-reachable", "server-log"),
    ),
    DoctorCode(
        code="store-log",
        why="the store's own log can be read, where one is named",
        remedy="let this user read the place that store-log in [store] names, or take it out",
    ),
    # --- cluster
    DoctorCode(
        code="cluster-trust",
        why="the kubeconfig leads to the cluster that the settings name, and runs nothing that they don't",
        remedy="set kube-context, kube-server and kube-plugins in [kubernetes] of gate.toml",
    ),
    DoctorCode(
        code="cluster-reachable",
        why="the Kubernetes API answers",
        remedy="check the kubeconfig, the way to the API server, and that the credentials are not expired",
        needs=("kubectl", "cluster-trust"),
    ),
    DoctorCode(
        code="right",
        subject="NAMESPACE:VERB:RESOURCE[:NAME]",
        why="a SelfSubjectAccessReview grants what the places need: pods, workloads, pods/log, pods/exec",
        remedy="bind the roles of docs/kubernetes/observer.yaml (and of marker-exec.yaml for exec) to this account",
        needs=("kubectl", "cluster-trust", "cluster-reachable"),
    ),
    # --- clocks
    DoctorCode(
        code="clock-cache",
        why="the cache's `Date` is within 60 s of this machine's clock",
        remedy="set this machine's clock, or the server's, by NTP",
    ),
    DoctorCode(
        code="clock-store",
        why="the S3 server's `Date` is within 60 s of this machine's clock",
        remedy="set this machine's clock, or the store's, by NTP: S3 refuses signatures that are 15 minutes off",
    ),
    DoctorCode(
        code="clock-cluster",
        why="the Kubernetes API's `Date` is within 60 s of this machine's clock",
        remedy="set this machine's clock, or the cluster's, by NTP",
    ),
    # --- profile
    DoctorCode(
        code="representative",
        why="a fresh publication of this profile is certain: the twin may stand in for known paths",
        remedy="leave twin at auto: what Attic's database knows it does not write",
    ),
)
DOCTOR_BY_CODE: Final = {row.code: row for row in DOCTOR}
