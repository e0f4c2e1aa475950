"""What one run holds open: environment, clock, folder, journal, servers, Nix and tokens."""

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from gate import limits
from gate.journal import Journal, make_folder
from gate.model.basics import Label, Secret
from gate.model.policy import Policy, Secrets
from gate.model.records import Entry, PathFacts, Record
from gate.model.split import LogPosition
from gate.net import Http
from gate.observe.attic import AtticApi
from gate.observe.bucket_index import Sources
from gate.observe.docker import Docker
from gate.observe.kubectl import Kubectl
from gate.observe.nar_bodies import Access
from gate.observe.nix_store import NixStore, nix_environment
from gate.observe.s3 import S3
from gate.observe.server_places import ServerPlaces
from gate.observe.systemd import Systemd
from gate.probe.tools import Programs, find_programs, uses_cluster
from gate.probe.world import World
from gate.settings import Settings
from gate.token import mint

if TYPE_CHECKING:
    from gate.observe.server_log import Window


@dataclass(frozen=True, kw_only=True)
class Publication:
    """A push set with its local facts: what will be pushed where, and which of it this cache must serve.

    ``references`` are the paths that it needs beside, and that no upstream is known to have; ``fresh`` are those that
    the cache did not have before, as far as that is known.
    """

    label: Label
    cache: str
    facts: Mapping[str, PathFacts]
    served: tuple[str, ...]
    references: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()


NOWHERE: Final = Path(os.devnull)  # of a context that makes no file: nothing can be made in it


class RunContext:
    """The run's own hands. ``entries`` are the journal's entries so far; ``published`` what was pushed, in order."""

    def __init__(
        self, settings: Settings, directory: Path, world: World, journal: Journal, *, shut: Iterable[Path] = ()
    ) -> None:
        self.settings = settings
        self.directory = directory
        self.policy = settings.policy
        self.entries: list[Entry] = []
        self.published: list[Publication] = []
        self.public_keys: dict[str, str] = {}
        self.upstream_key_names: dict[str, tuple[str, ...]] = {}
        self.substituter_urls: dict[str, str] = {}
        self.log_window: Window | None = None
        self.store_log_window: Window | None = None
        self.during_samples = 0
        self.lost_buckets: set[str] = set()  # by the newest sample of each
        self.origin_paths: dict[Label, tuple[str, ...]] = {}  # what is read at the origin too
        self.split = False  # this is the publishing job of a split run: others observe
        self.programs = find_programs(settings, world, shut=(directory, *shut))
        self.nix_environment = nix_environment(self.programs.environ(world.environ))
        # kubelet tells each pod where its cluster is; with a kubeconfig the places may be in another one.
        self.in_cluster = "KUBERNETES_SERVICE_HOST" in world.environ and not settings.tools.kube_context
        self._world = world
        self._journal = journal
        self._ends = world.clock.monotonic() + settings.tools.deadline
        self.read_tokens = {name: _read_token(settings.secrets, name, world) for name in self.policy.caches}
        below = urlsplit(self.policy.s3_endpoint).netloc if self.policy.addressing == "virtual-host" else ""
        self.http = Http(
            hosts_of(self.policy), self.policy.plain_http_hosts, clock=world.clock, cancel=world.cancel, below=below
        )
        self.sampling_http = Http(
            hosts_of(self.policy),
            self.policy.plain_http_hosts,
            clock=world.clock,
            cancel=world.cancel,
            seconds=self.policy.sample_deadline,
            connections=limits.SAMPLE_CONNECTIONS,
            below=below,
        )
        self.s3 = _s3(settings, self.policy.s3_endpoint, self.http)
        self.attic = AtticApi(self.http, self.policy.attic_server)
        self.kubectl = kubectl_of(settings, world, self.programs)
        self.places = ServerPlaces(
            kubectl=self.kubectl,
            systemd=Systemd(
                environ=self.programs.environ(world.environ),
                programs=self.programs.paths,
                cancel=world.cancel,
                clock=world.clock,
            ),
            docker=Docker(cancel=world.cancel, clock=world.clock),
        )
        self.nix = NixStore(
            programs=self.programs.paths, env=self.nix_environment, cancel=world.cancel, clock=world.clock
        )
        self.sources = Sources(
            s3=_s3(settings, self.policy.s3_endpoint, self.sampling_http),
            origin=_s3(settings, self.policy.origin_endpoint, self.sampling_http)
            if self.policy.origin_endpoint
            else None,
            http=self.sampling_http,
            buckets=self.policy.buckets,
            places=self.policy.markers,
            clock=world.clock,
            kubectl=self.kubectl,
            seconds=self.policy.sample_deadline,
        )
        self._writing = threading.Lock()

    @property
    def read_token(self) -> Secret | None:
        """The read token of the cache under test."""
        return self.read_tokens[self.policy.attic_cache]

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Every secret that no capture may hold."""
        secrets = self.settings.secrets
        all_secrets = (
            secrets.push_token,
            secrets.signing_secret,
            secrets.s3_access_key_id,
            secrets.s3_secret_access_key,
            secrets.s3_session_token,
            *self.read_tokens.values(),
        )
        return tuple(secret for secret in all_secrets if secret is not None)

    def write(self, record: Record) -> Entry:
        """Journal a record, from any thread."""
        with self._writing:
            entry = self._journal.write(record)
            self.entries.append(entry)
        self._world.progress.record(entry.seq, record.kind)
        return entry

    def cache_of(self, label: Label) -> str:
        """Where a publication of this label goes: junk never into the trusted cache when there is a probe cache."""
        return self.policy.attic_cache if label is Label.PROFILE else self.policy.caches[-1]

    def cache_url(self, cache: str) -> str:
        """Where a cache is read."""
        return f"{self.policy.attic_server.rstrip('/')}/{cache}"

    def cache_urls(self, cache: str) -> tuple[str, ...]:
        """Every name under which a cache may stand among the substituters."""
        url = self.substituter_urls.get(cache)
        return (self.cache_url(cache), url) if url else (self.cache_url(cache),)

    def access(self, cache: str, *, at_origin: bool = False) -> Access:
        """How bodies of a cache are read, where builders read them or at the origin."""
        return Access(
            cache_url=f"{self.policy.origin_server.rstrip('/')}/{cache}" if at_origin else self.cache_url(cache),
            token=self.read_tokens[cache],
            hosts=self.http.hosts,
        )

    def seconds_left(self) -> float:
        """Seconds until the run's own deadline, at least one."""
        return max(1.0, self._ends - self._world.clock.monotonic())

    def open_log_windows(
        self, start: LogPosition | None = None, store_start: LogPosition | None = None, *, since: float | None = None
    ) -> None:
        """Remember where the logs stand now, or go back to where they stood in another job.

        The pods of a workload are those that kubectl was told of since that moment of the clock, where there was one.
        """
        policy = self.policy
        with ThreadPoolExecutor(2) as threads:
            server = store = None
            if "server-log" not in policy.absent:
                server = threads.submit(self.places.open_log, policy.server_log, start, since=since)
            if policy.store_log:
                store = threads.submit(self.places.open_log, policy.store_log, store_start, since=since)
            self.log_window = server.result() if server else None
            self.store_log_window = store.result() if store else None

    def close(self) -> None:
        """Let go of everything but the evidence."""
        for window in (self.log_window, self.store_log_window):
            if window is not None:
                window.close()
        self.places.close()
        self.http.close()
        self.sampling_http.close()
        self._journal.close()


@contextmanager
def open_site(settings: Settings, directory: Path, world: World, *, shut: Iterable[Path] = ()) -> Iterator[RunContext]:
    """Make the folder and its journal, and the hands; close them all at the end. No program of ``shut`` is run."""
    make_folder(directory)
    journal = Journal(directory, world.clock)
    context = RunContext(settings, directory, world, journal, shut=shut)
    try:
        yield context
    finally:
        context.close()


def _s3(settings: Settings, endpoint: str, http: Http) -> S3:
    return S3(
        endpoint,
        settings.secrets.s3_access_key_id or Secret(""),
        settings.secrets.s3_secret_access_key or Secret(""),
        settings.policy.s3_region,
        http,
        session_token=settings.secrets.s3_session_token,
        virtual_host=settings.policy.addressing == "virtual-host",
    )


def kubectl_of(settings: Settings, world: World, programs: Programs) -> Kubectl | None:
    """kubectl, where a place of the settings is in a cluster."""
    if not uses_cluster(settings.policy):
        return None
    return Kubectl(
        environ=programs.environ(world.environ),
        cancel=world.cancel,
        clock=world.clock,
        program=programs.paths.get("kubectl", settings.tools.kubectl_bin),
        context=settings.tools.kube_context,
    )


def hosts_of(policy: Policy) -> tuple[str, ...]:
    """Every host that the run may contact: those of the endpoints and of their origins, and what the settings name."""
    origins = (url for url in (policy.origin_server, policy.origin_endpoint) if url)
    urls = (policy.attic_server, policy.s3_endpoint, *origins)
    endpoints = (urlsplit(url).netloc.rpartition("@")[2] for url in urls)
    return tuple(dict.fromkeys((*endpoints, *policy.hosts)))


def _read_token(secrets: Secrets, cache: str, world: World) -> Secret | None:
    if secrets.read_token is not None or secrets.signing_secret is None:
        return secrets.read_token
    return mint(
        secrets.signing_secret,
        cache=cache,
        seconds=limits.TOKEN_SECONDS_MAX,
        now=world.clock.now(),
    )
