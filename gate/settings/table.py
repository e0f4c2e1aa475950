"""The table of settings. ``docs/settings.md`` and the action's inputs are checked against `SETTINGS`."""

from dataclasses import dataclass
from typing import Any, Literal

from gate import limits
from gate.model.basics import Kind, Secret
from gate.settings.profiles import Profile

PREFIX = "GATE_"
Type = Literal["text", "list", "whole", "seconds", "flag", "secret", "choice"]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One row of the table. ``env`` is ``GATE_`` and the name; a secret may also come from ``<env>_FILE``.

    ``stated`` settings drop a claim or rest on a person's word: they come from ``gate.toml`` alone, which is reviewed,
    and have neither variable nor flag nor input.
    """

    name: str
    type: Type
    default: Any
    meaning: str
    table: str = "probe"
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    action: bool = True
    stated: bool = False

    @property
    def env(self) -> str:
        """The environment variable that sets it; stated settings have none."""
        return "" if self.stated else PREFIX + self.name.upper()

    @property
    def key(self) -> str:
        """Its place in ``gate.toml``; secrets have none."""
        return "" if self.type == "secret" else f"[{self.table}] {self.name.replace('_', '-')}"

    @property
    def flag(self) -> str:
        """Its flag on the command line; secrets have none, since argv is public, and stated settings have none."""
        return "" if self.type == "secret" or self.stated else "--" + self.name.replace("_", "-")

    @property
    def action_input(self) -> str:
        """Its input of the action, in the action's own spelling."""
        return self.name.replace("_", "-") if self.action and not self.stated else ""


SETTINGS: tuple[Setting, ...] = (
    Setting(name="attic_server", type="text", default="", table="cache", meaning="URL of the Attic server."),
    Setting(name="attic_cache", type="text", default="", table="cache", meaning="Name of the cache under test."),
    Setting(
        name="probe_cache",
        type="text",
        default="",
        table="cache",
        meaning="Cache on the same server for canaries and twins; without it they go to the cache under test.",
    ),
    Setting(
        name="cache_public",
        type="flag",
        default=False,
        table="cache",
        stated=True,
        meaning="The cache is public: drops the claim that a read without a token is denied, and says so.",
    ),
    Setting(
        name="hosts",
        type="list",
        default=(),
        table="cache",
        meaning="Further hosts (host:port) that may be contacted, such as the S3 host of presigned URLs.",
    ),
    Setting(
        name="plain_http_hosts",
        type="list",
        default=(),
        table="cache",
        meaning="Hosts (host:port) that may be reached by plain http.",
    ),
    Setting(
        name="upstream_keys",
        type="list",
        default=(),
        table="cache",
        meaning="Public keys (name:base64) of upstream caches, to verify that an in-upstream path is really theirs.",
    ),
    Setting(name="push_token", type="secret", default=None, meaning="Attic token with the right to push."),
    Setting(
        name="read_token", type="secret", default=None, meaning="Attic token with the right to read, and no other."
    ),
    Setting(
        name="signing_secret",
        type="secret",
        default=None,
        meaning="Attic's signing secret in base64 (HS256, or the PEM of an RS256 key): mints a read token of at most "
        "15 minutes when none is given. Never in a job that runs flake code: it makes tokens for anything.",
    ),
    Setting(
        name="signing_secret_from",
        type="text",
        default="",
        table="cache",
        action=False,
        meaning="Place of that secret, for attic-nar-integrity-check alone: file:///path, or "
        "kubectl://NAMESPACE/secret/NAME?key=KEY.",
    ),
    Setting(name="s3_endpoint", type="text", default="", table="store", meaning="URL of the S3 server."),
    Setting(name="s3_region", type="text", default="us-east-1", table="store", meaning="Region for S3 signatures."),
    Setting(name="s3_access_key_id", type="secret", default=None, meaning="S3 key that may list and head the buckets."),
    Setting(name="s3_secret_access_key", type="secret", default=None, meaning="The secret of that key."),
    Setting(
        name="buckets",
        type="list",
        default=("attic", "tofu-state"),
        table="store",
        meaning="Buckets whose index is watched.",
    ),
    Setting(
        name="state_bucket",
        type="text",
        default="tofu-state",
        table="store",
        meaning="Bucket that holds the OpenTofu state.",
    ),
    Setting(name="state_key", type="text", default="", table="store", meaning="Key of the OpenTofu state object."),
    Setting(
        name="state_ha_statement",
        type="text",
        default="",
        table="state",
        stated=True,
        meaning="Who states that the state's store is HA, and why, since S3 can't prove it; empty: nobody does.",
    ),
    Setting(
        name="state_contents",
        type="flag",
        default=False,
        table="state",
        stated=True,
        meaning="Read the state before and after the publication, not only its HEAD: the evidence gets its version, "
        "its serial, its lineage (hashed) and whether it is encrypted, and never a value.",
    ),
    Setting(
        name="markers",
        type="list",
        default=(),
        table="store",
        meaning="Locators of the store's data folders, one a drive: file:///data or kubectl://NS/deployment/NAME?path=/data.",
    ),
    Setting(
        name="volumes",
        type="list",
        default=(),
        table="store",
        stated=True,
        meaning="Volumes that the markers' places must be, by their ids as told; empty: the same before and after.",
    ),
    Setting(
        name="store_workload",
        type="text",
        default="",
        table="store",
        meaning="Locator of the store's process: file:///run/rustfs.pid or kubectl://NS/deployment/NAME.",
    ),
    Setting(
        name="store_log",
        type="text",
        default="",
        table="store",
        meaning="Locator of the store's own log, file:///path or kubectl://NS/statefulset/NAME: trouble that it "
        "tells in the window is doubt. Empty: what the store says of its drives is not looked at.",
    ),
    Setting(
        name="cache_workload",
        type="text",
        default="",
        table="cache",
        meaning="Locator of the Attic server's process.",
    ),
    Setting(
        name="server_log",
        type="text",
        default="",
        table="cache",
        meaning="Locator of the Attic server's log; in a cluster, port= may name where each replica serves HTTP.",
    ),
    Setting(
        name="kubectl_bin",
        type="text",
        default="kubectl",
        table="kubernetes",
        action=False,
        meaning="The kubectl to run, where a place is in a cluster.",
    ),
    Setting(
        name="kube_context",
        type="text",
        default="",
        table="kubernetes",
        action=False,
        meaning="Context of the kubeconfig; needed with one, so that the current context can't be another cluster's.",
    ),
    Setting(
        name="kube_server",
        type="text",
        default="",
        table="kubernetes",
        action=False,
        meaning="URL of the API server that this context must lead to; needed with a kubeconfig.",
    ),
    Setting(
        name="kube_authority",
        type="text",
        default="",
        table="kubernetes",
        action=False,
        meaning="sha256, in hex, of that server's certificate authority (PEM); compared where it is set.",
    ),
    Setting(
        name="kube_plugins",
        type="list",
        default=(),
        table="kubernetes",
        action=False,
        meaning="Absolute paths of credential plugins that the kubeconfig may run; none by default.",
    ),
    Setting(
        name="samples",
        type="whole",
        default=3,
        table="sampling",
        least=2,
        most=limits.SAMPLES_MAX,
        meaning="Bucket samples in each phase.",
    ),
    Setting(
        name="sample_spacing",
        type="seconds",
        default=8.0,
        table="sampling",
        least=0.05,
        most=300,
        meaning="Seconds between samples: three samples 8 s apart span more than RustFS's 15 s re-probe of a drive.",
    ),
    Setting(
        name="read_attempts",
        type="whole",
        default=limits.READ_ATTEMPTS,
        table="sampling",
        least=1,
        most=10,
        meaning="Spaced reads of a body whose first read failed; the first failure stays.",
    ),
    Setting(
        name="read_spacing",
        type="seconds",
        default=limits.READ_SPACING_SECONDS,
        table="sampling",
        least=0,
        most=60,
        meaning="Seconds between those reads.",
    ),
    Setting(
        name="jobs",
        type="whole",
        default=limits.READ_JOBS,
        table="sampling",
        least=1,
        most=256,
        meaning="Bodies read at a time.",
    ),
    Setting(
        name="twin",
        type="choice",
        choices=("auto", "always", "never"),
        default="auto",
        meaning="Whether a twin of the push set is published when the profile's own paths are not fresh.",
    ),
    Setting(
        name="finish_push",
        type="flag",
        default=False,
        meaning="Let a push run on after a bucket was lost: for a controlled reproduction only.",
    ),
    Setting(
        name="publish_anyway",
        type="flag",
        default=False,
        meaning="Publish although the pre evidence is not clean: for a controlled reproduction only.",
    ),
    Setting(
        name="absent",
        type="list",
        default=(),
        table="sources",
        choices=("state", "store-workload", "cache-workload", "server-log"),
        stated=True,
        meaning="Sources that this site does not have. Never the index, the markers, the bodies or the push account.",
    ),
    Setting(
        name="installable",
        type="text",
        default="",
        meaning="Flake installable to build; the default is the profile's own (.#checks.<system>.statix, .deadnix).",
    ),
    Setting(name="attic_bin", type="text", default="attic", action=False, meaning="The attic client to run."),
    Setting(
        name="deadline",
        type="seconds",
        default=3300.0,
        least=1,
        most=21600,
        meaning="Seconds after which the run ends itself; keep it 60 s under the job's timeout-minutes.",
    ),
)
BY_NAME = {row.name: row for row in SETTINGS}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of one run, resolved. Times in seconds; secrets wrapped."""

    profile: Profile
    kind: Kind
    attic_server: str
    attic_cache: str
    probe_cache: str
    cache_public: bool
    hosts: tuple[str, ...]
    plain_http_hosts: tuple[str, ...]
    upstream_keys: tuple[str, ...]
    push_token: Secret | None
    read_token: Secret | None
    signing_secret: Secret | None
    signing_secret_from: str
    s3_endpoint: str
    s3_region: str
    s3_access_key_id: Secret | None
    s3_secret_access_key: Secret | None
    buckets: tuple[str, ...]
    state_bucket: str
    state_key: str
    state_ha_statement: str
    state_contents: bool
    markers: tuple[str, ...]
    volumes: tuple[str, ...]
    store_workload: str
    store_log: str
    cache_workload: str
    server_log: str
    kubectl_bin: str
    kube_context: str
    kube_server: str
    kube_authority: str
    kube_plugins: tuple[str, ...]
    samples: int
    sample_spacing: float
    read_attempts: int
    read_spacing: float
    jobs: int
    twin: Literal["auto", "always", "never"]
    finish_push: bool
    publish_anyway: bool
    absent: tuple[str, ...]
    installable: str
    attic_bin: str
    deadline: float
