"""The checks of ``doctor`` by their stable names: what each looks at, and what to set or grant when it is not good.

The table of ``docs/operations.md`` is this one; a test compares them.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of check. ``subject`` says what stands after its colon, empty for a check that is made once."""

    name: str
    looks_at: str
    hint: str
    subject: str = ""

    @property
    def shown(self) -> str:
        """Its name as the documents have it."""
        return f"{self.name}:{self.subject}" if self.subject else self.name


KINDS: Final = (
    # --- tools
    Kind(
        name="nix",
        looks_at="`nix` and `nix-store` are on PATH, version 2.8 or later",
        hint="install Nix 2.8 or later, and put it on the PATH of this very user",
    ),
    Kind(
        name="attic",
        looks_at="the attic client is there, of version 0.1, whose output the gate reads",
        hint="install attic-client 0.1, or name it by attic-bin",
    ),
    Kind(
        name="kubectl",
        looks_at="kubectl is there, where a place is in a cluster",
        hint="install kubectl 1.35, or name it by kubectl-bin in [kubernetes]",
    ),
    Kind(
        name="substituter",
        looks_at="the cache under test is among this machine's substituters",
        hint="add the cache's URL to `substituters` of this machine's nix.conf",
    ),
    Kind(
        name="trusted-key",
        looks_at="the key that the cache has of itself is among this machine's `trusted-public-keys`",
        hint="add the cache's key to `trusted-public-keys` of this machine's nix.conf, by a trusted way",
    ),
    Kind(
        name="flake",
        looks_at="the profile's flake has no changes that no commit has, and is at the commit of this run",
        hint="commit the changes, or undo them: gate.toml in the flake's own repository counts too",
    ),
    # --- cache
    Kind(
        name="cache-reachable",
        looks_at="the Attic server answers",
        hint="check attic-server, its DNS name and firewall; a plain http:// host must stand in plain-http-hosts",
    ),
    Kind(
        name="cache",
        subject="CACHE",
        looks_at="the cache describes itself: its key, and endpoints that are allowed",
        hint="check attic-cache and probe-cache; give the read token `r` on both; add the endpoint's host to hosts",
    ),
    Kind(
        name="read-token",
        looks_at="the read token is there, reads both caches by its own words, and is not expired",
        hint="mint a token with `r` on the cache and the probe cache, and give it as GATE_READ_TOKEN",
    ),
    Kind(
        name="push-token",
        looks_at="the push token is there, reads and pushes both caches by its own words, and is not expired",
        hint="mint a token with `r` and `w` on the cache and the probe cache, and give it as GATE_PUSH_TOKEN",
    ),
    Kind(
        name="push-right",
        subject="CACHE",
        looks_at="the server lets the push token ask `get-missing-paths` of no path",
        hint="give the push token `w` on this cache; a token of another server or secret is refused too",
    ),
    Kind(
        name="no-token-denied",
        looks_at="control: a read without a token is denied; not made of a public cache",
        hint="make the cache private, or state cache-public = true in [cache] of gate.toml",
    ),
    Kind(
        name="read-only-push-denied",
        looks_at="control: the read token may not ask as one that pushes",
        hint="take every right but `r` from the read token",
    ),
    Kind(
        name="absent-path-404",
        looks_at="control: a path that nobody has is 404",
        hint="see that attic-server leads to Attic itself, and that no proxy answers in its place",
    ),
    # --- store
    Kind(
        name="s3-key",
        looks_at="both halves of the S3 key are given",
        hint="set GATE_S3_ACCESS_KEY_ID and GATE_S3_SECRET_ACCESS_KEY, or the same with _FILE",
    ),
    Kind(
        name="s3-reachable",
        looks_at="the S3 server answers",
        hint="check s3-endpoint, its DNS name and firewall; a plain http:// host must stand in plain-http-hosts",
    ),
    Kind(
        name="bucket-list",
        looks_at="ListBuckets gives a whole list",
        hint="grant the key s3:ListAllMyBuckets",
    ),
    Kind(
        name="bucket-head",
        subject="BUCKET",
        looks_at="HeadBucket says whether the bucket is there",
        hint="grant the key s3:ListBucket on the bucket",
    ),
    Kind(
        name="bucket-get",
        subject="BUCKET",
        looks_at="a harmless GET says whether the bucket is there",
        hint="grant the key s3:ListBucket on the bucket",
    ),
    Kind(
        name="bucket",
        subject="BUCKET",
        looks_at="the class of the bucket in one sample: its index, markers and readiness",
        hint="follow the runbook of its class: `publication-gate rustfs-bucket-index-rca --bucket` says which",
    ),
    Kind(
        name="state-object",
        looks_at="HEAD of the OpenTofu state and of its lock: there, and not locked",
        hint="set state-bucket and state-key in [store]; grant s3:GetObject and s3:ListBucket there; wait for a lock",
    ),
    # --- places
    Kind(
        name="markers",
        subject="LOCATOR",
        looks_at="the bucket markers of a drive can be read",
        hint="set markers in [store] to every data folder of the store, and let this user search it (docs/kubernetes)",
    ),
    Kind(
        name="disk",
        subject="LOCATOR",
        looks_at="the drive has room: less than 99 % of its bytes and of its files (inodes) are taken",
        hint="make room on the drive, without deleting what the store has",
    ),
    Kind(
        name="store-workload",
        looks_at="who the store's process or pods are",
        hint="set store-workload in [store], or state it in [sources] absent where this site has none",
    ),
    Kind(
        name="cache-workload",
        looks_at="who the Attic server's process or pods are",
        hint="set cache-workload in [cache], or state it in [sources] absent where this site has none",
    ),
    Kind(
        name="server-log",
        looks_at="the Attic server's log can be read",
        hint="set server-log in [cache] and let this user read it, or state it in [sources] absent",
    ),
    Kind(
        name="log-canary",
        looks_at="a canary request is found in that log",
        hint="point server-log at the server that answers attic-server, all of its replicas, at level ERROR at least",
    ),
    Kind(
        name="log-replicas",
        looks_at="each replica of the Attic server answers a canary of its own, which is in its own log",
        hint="see that server-log names the container that answers, and that each replica logs at level ERROR at least",
    ),
    Kind(
        name="store-log",
        looks_at="the store's own log can be read, where one is named",
        hint="let this user read the place that store-log in [store] names, or take it out",
    ),
    # --- cluster
    Kind(
        name="cluster-trust",
        looks_at="the kubeconfig leads to the cluster that the settings name, and runs nothing that they don't",
        hint="set kube-context, kube-server and kube-plugins in [kubernetes] of gate.toml",
    ),
    Kind(
        name="cluster-reachable",
        looks_at="the Kubernetes API answers",
        hint="check the kubeconfig, the way to the API server, and that the credentials are not expired",
    ),
    Kind(
        name="right",
        subject="NAMESPACE:VERB:RESOURCE[:NAME]",
        looks_at="a SelfSubjectAccessReview grants what the places need: pods, workloads, pods/log, pods/exec",
        hint="bind the roles of docs/kubernetes/observer.yaml (and of marker-exec.yaml for exec) to this account",
    ),
    # --- clocks
    Kind(
        name="clock-cache",
        looks_at="the cache's `Date` is within 60 s of this machine's clock",
        hint="set this machine's clock, or the server's, by NTP",
    ),
    Kind(
        name="clock-store",
        looks_at="the S3 server's `Date` is within 60 s of this machine's clock",
        hint="set this machine's clock, or the store's, by NTP: S3 refuses signatures that are 15 minutes off",
    ),
    Kind(
        name="clock-cluster",
        looks_at="the Kubernetes API's `Date` is within 60 s of this machine's clock",
        hint="set this machine's clock, or the cluster's, by NTP",
    ),
    # --- profile
    Kind(
        name="representative",
        looks_at="a fresh publication of this profile is certain: the twin may stand in for known paths",
        hint="leave twin at auto: what Attic's database knows it does not write",
    ),
)
BY_NAME: Final = {kind.name: kind for kind in KINDS}


def kind_of(name: str) -> Kind:
    """The kind of a check by its name, with or without a subject."""
    return BY_NAME[name.partition(":")[0]]
