"""Who ran what, where, and by which rules: what the first record of every journal holds.

`Policy` and `Tools` are the very values that the probe uses: what is not in them decides nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from gate import limits
from gate.model.basics import Kind, Secret, value
from gate.model.setting import PROFILES, Setting, settings_of


@value
class Identity:
    """Who ran what, where. Numbers of GitHub are strings, as its environment gives them.

    ``environment``: names of the variables that its children were let see; values are never recorded.
    """

    run_id: str
    nonce: str
    tool: str = "publication-gate"
    tool_version: str
    repository: str | None = None
    repository_id: str | None = None
    commit: str | None = None
    ref: str | None = None
    event: str | None = None
    workflow_ref: str | None = None
    workflow_run: str | None = None
    workflow_attempt: str | None = None
    actor: str | None = None
    actor_id: str | None = None
    runner: str | None = None
    python: str
    system: str
    versions: Mapping[str, str]
    environment: tuple[str, ...] = ()


@value
class Policy:
    """The rules of a run: what is looked at, what is believed, and when it is enough. Times in seconds, sizes in bytes.

    Each field declares its setting. ``installable`` is the one that is built: the setting's, else the profile's.
    """

    profile: Annotated[str, Setting(meaning="Name of the profile: the bounded thing to publish.", table="")]
    kind: Annotated[Kind, Setting(meaning="Whether the run was the lab's.", table="", subject=True)]
    push_set: Annotated[
        Literal["delta", "build-closure", "closure"],
        Setting(
            meaning="Which paths of the build are published.",
            table=PROFILES,
            compared="same",
            default_counts=True,
            subject=True,
        ),
    ] = "build-closure"
    installable: Annotated[
        str,
        Setting(
            meaning="Flake installable to build; the default is the profile's own "
            "(.#checks.<system>.statix, .deadnix).",
            form="installable",
            compared="template",
            default_counts=True,
            subject=True,
        ),
    ] = ""
    min_paths: Annotated[
        int, Setting(meaning="Fewest paths of a push set.", table=PROFILES, compared="at-least", default_counts=True)
    ] = 1
    max_paths: Annotated[int, Setting(meaning="Most paths of a push set.", table=PROFILES)] = 500
    max_bytes: Annotated[int, Setting(meaning="Most bytes of a push set.", table=PROFILES)] = 2 * 1024**3
    min_fresh: Annotated[
        int,
        Setting(
            meaning="Fresh paths that a representative run must write.",
            table=PROFILES,
            compared="at-least",
            default_counts=True,
        ),
    ] = 1
    require_cache_push: Annotated[
        bool,
        Setting(
            meaning="Whether a change that relies on trusted publication may rest on this profile.",
            table=PROFILES,
            compared="at-least",
            default_counts=True,
        ),
    ] = False
    attic_server: Annotated[
        str, Setting(meaning="URL of the Attic server.", table="cache", form="url", subject=True)
    ] = ""
    origin_server: Annotated[
        str,
        Setting(
            meaning="URL of the Attic server itself, where attic-server is a CDN's or a proxy's: the canary pair and "
            "some fresh paths are read there too, and both places must give the same.",
            table="cache",
            form="url",
            compared="same",
        ),
    ] = ""
    attic_cache: Annotated[
        str, Setting(meaning="Name of the cache under test.", table="cache", form="cache", subject=True)
    ] = ""
    probe_cache: Annotated[
        str,
        Setting(
            meaning="Cache on the same server for canaries and twins; without it they go to the cache under test.",
            table="cache",
            form="cache",
            compared="same",
            subject=True,
        ),
    ] = ""
    cache_public: Annotated[
        bool,
        Setting(
            meaning="The cache is public: drops the claim that a read without a token is denied, and says so.",
            table="cache",
            file_only=True,
            compared="none-beyond",
            default_counts=True,
            subject=True,
        ),
    ] = False
    hosts: Annotated[
        tuple[str, ...],
        Setting(
            meaning="Further hosts (host:port) that may be contacted, such as the S3 host of presigned URLs.",
            table="cache",
            form="host",
            compared="none-beyond",
        ),
    ] = ()
    plain_http_hosts: Annotated[
        tuple[str, ...],
        Setting(
            meaning="Hosts (host:port) that may be reached by plain http.",
            table="cache",
            form="host",
            compared="none-beyond",
            default_counts=True,
        ),
    ] = ()
    upstream_keys: Annotated[
        tuple[str, ...],
        Setting(
            meaning="Public keys (name:base64) of upstream caches, to verify that an in-upstream path is "
            "really theirs.",
            table="cache",
            form="public-key",
            compared="none-beyond",
            default_counts=True,
            subject=True,
        ),
    ] = ()
    nix_settings: Annotated[
        tuple[str, ...],
        Setting(
            meaning="Effective settings of this machine's Nix that weaken what a run proves and would refuse it, each "
            "as Nix says it, such as 'sandbox = false'.",
            table="nix",
            file_only=True,
            compared="none-beyond",
            default_counts=True,
            subject=True,
        ),
    ] = ()
    nix_substituters: Annotated[
        tuple[str, ...],
        Setting(
            meaning="URLs of further substituters of this machine's Nix, beside the caches of this run and Nix's own "
            "default.",
            table="nix",
            file_only=True,
            compared="none-beyond",
            default_counts=True,
            subject=True,
        ),
    ] = ()
    s3_endpoint: Annotated[
        str, Setting(meaning="URL of the S3 server.", table="store", form="url", compared="same", subject=True)
    ] = ""
    origin_endpoint: Annotated[
        str,
        Setting(
            meaning="URL of the S3 server itself, where the endpoint is a CDN's or a proxy's: bucket samples ask it "
            "beside the endpoint, and both must say the same.",
            table="store",
            form="url",
            compared="same",
        ),
    ] = ""
    s3_region: Annotated[
        str,
        Setting(
            meaning="Region for S3 signatures; where the server names another one, a request is signed for that, once.",
            table="store",
        ),
    ] = "us-east-1"
    addressing: Annotated[
        Literal["path", "virtual-host"],
        Setting(
            meaning="Where an S3 URL has a bucket's name: in the path, or before the endpoint's host "
            "(BUCKET.HOST), which may then be asked as well.",
            table="store",
        ),
    ] = "path"
    buckets: Annotated[
        tuple[str, ...],
        Setting(
            meaning="Buckets whose index is watched.",
            table="store",
            form="bucket",
            compared="all-of",
            default_counts=True,
            subject=True,
        ),
    ] = ("attic", "tofu-state")
    state_bucket: Annotated[
        str,
        Setting(
            meaning="Bucket that holds the OpenTofu state.", table="store", form="bucket", compared="same", subject=True
        ),
    ] = "tofu-state"
    state_key: Annotated[
        str, Setting(meaning="Key of the OpenTofu state object.", table="store", compared="same", subject=True)
    ] = ""
    state_ha_statement: Annotated[
        str,
        Setting(
            meaning="Who states that the state's store is HA, and why, since S3 can't prove it; empty: nobody does.",
            table="state",
            file_only=True,
        ),
    ] = ""
    state_contents: Annotated[
        bool,
        Setting(
            meaning="Read the state before and after the publication, not only its HEAD: the evidence gets its "
            "version, its serial, its lineage (hashed) and whether it is encrypted, and never a value.",
            table="state",
            file_only=True,
            compared="same",
            subject=True,
        ),
    ] = False
    markers: Annotated[
        tuple[str, ...],
        Setting(
            meaning="Locators of the store's data folders, one a drive: file:///data or "
            "kubectl://NS/deployment/NAME?path=/data.",
            table="store",
            form="locator",
            compared="same",
            subject=True,
        ),
    ] = ()
    volumes: Annotated[
        tuple[str, ...],
        Setting(
            meaning="Volumes that the markers' places must be, by their ids as told; empty: the same before and after.",
            table="store",
            file_only=True,
            compared="same",
            subject=True,
        ),
    ] = ()
    store_workload: Annotated[
        str,
        Setting(
            meaning="Locator of the store's process: systemd://rustfs.service, docker://NAME, a pid file as "
            "file:///run/rustfs.pid, or kubectl://NS/deployment/NAME.",
            table="store",
            form="server-place",
            compared="same",
            subject=True,
        ),
    ] = ""
    store_log: Annotated[
        str,
        Setting(
            meaning="Locator of the store's own log: file:///path, dir:///folder, journald://UNIT, docker://NAME or "
            "kubectl://NS/statefulset/NAME. Trouble in it is doubt. Empty: the store's log is not read.",
            table="store",
            form="server-place",
            compared="same",
            subject=True,
        ),
    ] = ""
    cache_workload: Annotated[
        str,
        Setting(
            meaning="Locator of the Attic server's process, in the same forms as store-workload.",
            table="cache",
            form="server-place",
            compared="same",
            subject=True,
        ),
    ] = ""
    server_log: Annotated[
        str,
        Setting(
            meaning="Locator of the Attic server's log, in the same forms as store-log; in a cluster, port= may name "
            "where each replica serves HTTP.",
            table="cache",
            form="server-place",
            compared="same",
            subject=True,
        ),
    ] = ""
    kube_server: Annotated[
        str,
        Setting(
            meaning="URL of the API server that this context must lead to; needed with a kubeconfig.",
            table="kubernetes",
            action=False,
            compared="same",
            subject=True,
        ),
    ] = ""
    kube_authority: Annotated[
        str,
        Setting(
            meaning="sha256, in hex, of that server's certificate authority (PEM); compared where it is set.",
            table="kubernetes",
            action=False,
            compared="same",
            subject=True,
        ),
    ] = ""
    samples: Annotated[
        int,
        Setting(
            meaning="Bucket samples in each phase.",
            table="sampling",
            least=2,
            most=limits.SAMPLES_MAX,
            compared="at-least",
            default_counts=True,
        ),
    ] = 3
    sample_spacing: Annotated[
        float,
        Setting(
            meaning="Seconds between samples: three samples 8 s apart span more than RustFS's 15 s re-probe of "
            "a drive.",
            table="sampling",
            least=0.05,
            most=300,
            compared="at-least",
            default_counts=True,
        ),
    ] = 8.0
    sample_deadline: Annotated[
        float,
        Setting(
            meaning="Seconds that each source of a bucket sample has to answer; what does not is unknown. At most the "
            "5 s after which RustFS gives up a disk operation.",
            table="sampling",
            least=0.5,
            most=limits.STORE_SLOW_SECONDS,
        ),
    ] = limits.SAMPLE_SECONDS
    read_attempts: Annotated[
        int,
        Setting(
            meaning="Spaced reads of a body whose first read failed; the first failure stays.",
            table="sampling",
            least=1,
            most=10,
        ),
    ] = limits.READ_ATTEMPTS
    read_spacing: Annotated[
        float, Setting(meaning="Seconds between those reads.", table="sampling", least=0, most=60)
    ] = limits.READ_SPACING_SECONDS
    jobs: Annotated[int, Setting(meaning="Bodies read at a time.", table="sampling", least=1, most=256)] = (
        limits.READ_JOBS
    )
    twin: Annotated[
        Literal["auto", "always", "never"],
        Setting(
            meaning="Whether a twin of the push set is published when the profile's own paths are not fresh.",
            compared="same",
        ),
    ] = "auto"
    finish_push: Annotated[
        bool, Setting(meaning="Let a push run on after a bucket was lost: for a controlled reproduction only.")
    ] = False
    publish_anyway: Annotated[
        bool,
        Setting(
            meaning="Publish although the pre evidence is not clean: for a controlled reproduction only.",
            compared="never",
            default_counts=True,
        ),
    ] = False
    absent: Annotated[
        tuple[str, ...],
        Setting(
            meaning="Sources that this site does not have. Never the index, the markers, the bodies or the push "
            "account.",
            table="sources",
            file_only=True,
            choices=("state", "store-workload", "cache-workload", "server-log"),
            compared="same",
            default_counts=True,
            subject=True,
        ),
    ] = ()

    @property
    def representative(self) -> bool:
        """Whether a pass of this profile says something of real closures: it must write more than one fresh path."""
        return self.min_fresh > 1

    @property
    def caches(self) -> tuple[str, ...]:
        """The cache under test, and the one for canaries and twins where that is another; the last is where they go."""
        return tuple(dict.fromkeys((self.attic_cache, self.probe_cache or self.attic_cache)))


@value
class Tools:
    """With what this job works: its programs, its way into the cluster, and how long it may take."""

    kubectl_bin: Annotated[
        str, Setting(meaning="The kubectl to run, where a place is in a cluster.", table="kubernetes", action=False)
    ] = "kubectl"
    kube_context: Annotated[
        str,
        Setting(
            meaning="Context of the kubeconfig; needed with one, so that the current context can't be another "
            "cluster's.",
            table="kubernetes",
            action=False,
        ),
    ] = ""
    kube_plugins: Annotated[
        tuple[str, ...],
        Setting(
            meaning="Absolute paths of credential plugins that the kubeconfig may run; none by default.",
            table="kubernetes",
            action=False,
        ),
    ] = ()
    attic_bin: Annotated[str, Setting(meaning="The attic client to run.", action=False)] = "attic"
    deadline: Annotated[
        float,
        Setting(
            meaning="Seconds after which the run ends itself; keep it 60 s under the job's timeout-minutes.",
            least=1,
            most=21600,
        ),
    ] = 3300.0


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """What a job holds and never records."""

    push_token: Annotated[Secret | None, Setting(meaning="Attic token with the right to push.")] = None
    read_token: Annotated[Secret | None, Setting(meaning="Attic token with the right to read, and no other.")] = None
    signing_secret: Annotated[
        Secret | None,
        Setting(
            meaning="Attic's signing secret in base64 (HS256, or the PEM of an RS256 key): mints a read token of at "
            "most 15 minutes when none is given. Never in a job that runs flake code: it makes tokens for "
            "anything.",
        ),
    ] = None
    signing_secret_from: Annotated[
        str,
        Setting(
            meaning="Place of that secret, for attic-nar-integrity-check alone: file:///path, or "
            "kubectl://NAMESPACE/secret/NAME?key=KEY.",
            table="cache",
            action=False,
        ),
    ] = ""
    s3_access_key_id: Annotated[Secret | None, Setting(meaning="S3 key that may list and head the buckets.")] = None
    s3_secret_access_key: Annotated[Secret | None, Setting(meaning="The secret of that key.")] = None
    s3_session_token: Annotated[
        Secret | None, Setting(meaning="Session token of that key, where it is a temporary one (AWS_SESSION_TOKEN).")
    ] = None


POLICY_SETTINGS: Final = settings_of(Policy, "policy")
TOOL_SETTINGS: Final = settings_of(Tools, "tools")
SECRET_SETTINGS: Final = settings_of(Secrets, "secrets")
