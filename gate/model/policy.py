"""Who ran what, where, and by which rules: what the first record of every journal holds."""

from collections.abc import Mapping
from typing import Literal

from gate.model.basics import Kind, value


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
    """The rules of this run, as they were when it began. Sizes in bytes, times in milliseconds.

    ``absent`` is the closed list ``[sources] absent`` of ``gate.toml``: sources that this site does not have.
    ``store_log`` is the place of the store's own log, empty where it is not read.
    ``expected_paths`` floor and cap are of the push set; ``representative`` profiles must write ``min_fresh``
    fresh paths, themselves or by their twin.
    """

    profile: str
    kind: Kind
    push_set: Literal["delta", "build-closure", "closure"]
    installable: str
    min_paths: int
    max_paths: int
    max_bytes: int
    representative: bool
    min_fresh: int
    twin: Literal["auto", "always", "never"]
    samples: int
    sample_spacing_millis: int
    buckets: tuple[str, ...]
    state_bucket: str
    state_key: str
    cache: str
    probe_cache: str | None
    cache_public: bool
    endpoint: str
    store_endpoint: str
    hosts: tuple[str, ...]
    markers: tuple[str, ...]
    volumes: tuple[str, ...] = ()
    store_log: str = ""
    absent: tuple[str, ...] = ()
    finish_push: bool = False
    publish_anyway: bool = False
    require_cache_push: bool = False
    state_contents: bool = False
    read_attempts: int
    read_spacing_millis: int
    read_jobs: int
