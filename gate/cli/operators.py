"""What the operators' two commands share: their settings, the doors to the store, and the spaced samples."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from cyclopts import Parameter

from gate import limits
from gate.cli.probing import read_config, read_secret_file
from gate.cli.progress import Lines
from gate.clock import Clock
from gate.errors import RefusedError
from gate.model.basics import Phase
from gate.model.operators import Decision
from gate.model.records import BucketSampled
from gate.process import CancelToken
from gate.settings import resolve_named

if TYPE_CHECKING:
    from gate.observe.kubectl import Kubectl
    from gate.observe.scratch import Door

Endpoint = Annotated[str | None, Parameter(help="URL of the S3 server [gate.toml: [store] s3-endpoint].")]
Markers = Annotated[
    list[str] | None,
    Parameter(help="Locator of a data folder of the store, one a drive; may be repeated [gate.toml: [store] markers]."),
]
Samples = Annotated[int | None, Parameter(help="Samples to take, 2 at least [gate.toml: [sampling] samples].")]
Spacing = Annotated[float | None, Parameter(help="Seconds between samples [gate.toml: [sampling] sample-spacing].")]

STORE: tuple[str, ...] = (
    *("s3_endpoint", "s3_region", "addressing", "s3_access_key_id", "s3_secret_access_key", "s3_session_token"),
    *("hosts", "plain_http_hosts", "buckets", "markers", "samples", "sample_spacing", "sample_deadline"),
    *("kubectl_bin", "kube_context", "kube_server", "kube_authority", "kube_plugins"),
)
_NEEDED = ("s3_endpoint", "s3_access_key_id", "s3_secret_access_key")


@dataclass(frozen=True, kw_only=True)
class Site:
    """The settings of one command. ``cache_endpoint`` is the configured store's, whatever the flag says."""

    values: Mapping[str, Any]
    cache_endpoint: str

    @property
    def endpoint(self) -> str:
        """The S3 endpoint that is asked."""
        return str(self.values["s3_endpoint"]).rstrip("/")

    @property
    def spacing_millis(self) -> int:
        """Milliseconds from the beginning of a sample to that of the next."""
        return round(float(self.values["sample_spacing"]) * 1000)


def read_site(names: Sequence[str], flags: Mapping[str, Any], config: Path | None) -> Site:
    """The named settings, with those of the store. Raises `RefusedError` for what is wrong or missing."""
    toml = read_config(config)
    given = {name: flag for name, flag in flags.items() if flag is not None}
    wanted = (*STORE, *names)
    values = resolve_named(
        wanted, needed=_NEEDED, toml=toml, environ=os.environ, flags=given, read_file=read_secret_file
    )
    configured = resolve_named(
        ("s3_endpoint",), needed=(), toml=toml, environ=os.environ, flags={}, read_file=read_secret_file
    )
    return Site(values=values, cache_endpoint=configured["s3_endpoint"])


@contextmanager
def open_door(
    site: Site,
    *,
    clock: Clock,
    cancel: CancelToken | None,
    seconds: float = limits.ANSWER_SECONDS,
    connections: int = 2 * limits.READ_JOBS,
) -> "Iterator[Door]":
    """The store of a site; `RefusedError` when it may not be asked.

    Plain http is for the hosts that gate.toml names, and for this machine itself, where ``kubectl port-forward`` ends.
    """
    from gate.net import Http
    from gate.observe.s3 import S3
    from gate.observe.scratch import Door

    values = site.values
    host, path = urlsplit(site.endpoint)[1:3]
    if path:
        message = (
            f"the S3 endpoint has the path {ascii(path)[:100]}: S3 endpoints have none; expected https://host[:port]"
        )
        raise RefusedError(message)
    hosts = (host, *values["hosts"]) if "@" not in host else values["hosts"]
    plain = (host, *values["plain_http_hosts"]) if _is_loopback(site.endpoint) else values["plain_http_hosts"]
    virtual_host = values["addressing"] == "virtual-host"
    below = host if virtual_host and "@" not in host else ""
    with Http(hosts, plain, clock=clock, cancel=cancel, seconds=seconds, connections=connections, below=below) as http:
        if http.hosts.read(f"{site.endpoint}/") is None:
            message = (
                f"the S3 endpoint {ascii(host.rpartition('@')[2])[:100]} can't be asked: expected https://host[:port], "
                "or http:// for a host that plain-http-hosts of gate.toml names"
            )
            raise RefusedError(message)
        s3 = S3(
            site.endpoint,
            values["s3_access_key_id"],
            values["s3_secret_access_key"],
            values["s3_region"],
            http,
            session_token=values["s3_session_token"],
            virtual_host=virtual_host,
        )
        yield Door(s3=s3, http=http)


def _is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine by its very name; a user part makes it something else."""
    host = urlsplit(url).hostname or ""
    try:
        return "@" not in url and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:
        return False


def kubectl_of(site: Site, *, clock: Clock, cancel: CancelToken) -> "Kubectl | None":
    """kubectl, where a marker's place is in a cluster; `RefusedError` when it leads to another cluster than stated."""
    from gate.observe.kube_workload import distrust
    from gate.observe.kubectl import Kubectl

    values = site.values
    if not any(place.startswith("kubectl://") for place in values["markers"]):
        return None
    kubectl = Kubectl(
        environ=os.environ, cancel=cancel, clock=clock, program=values["kubectl_bin"], context=values["kube_context"]
    )
    trouble = distrust(
        kubectl, server=values["kube_server"], authority=values["kube_authority"], plugins=values["kube_plugins"]
    )
    if trouble is not None:
        raise RefusedError(f"{trouble}; nothing was done")
    return kubectl


def take_samples(
    site: Site,
    buckets: Sequence[str],
    *,
    clock: Clock,
    cancel: CancelToken,
    progress: Lines,
) -> tuple[BucketSampled, ...]:
    """The spaced samples; fewer when the command was cancelled."""
    from gate.observe.bucket_index import SampleSeries, Sources, begin_sample

    kubectl = kubectl_of(site, clock=clock, cancel=cancel)
    taken: list[BucketSampled] = []
    count = site.values["samples"]
    with open_door(
        site, clock=clock, cancel=cancel, seconds=site.values["sample_deadline"], connections=limits.SAMPLE_CONNECTIONS
    ) as door:
        sources = Sources(
            s3=door.s3,
            http=door.http,
            buckets=tuple(buckets),
            places=site.values["markers"],
            clock=clock,
            kubectl=kubectl,
            seconds=site.values["sample_deadline"],
        )
        series = SampleSeries(lambda number: begin_sample(sources, phase=Phase.PRE, number=number), taken.append)
        for number in series.take(range(1, count + 1), site.values["sample_spacing"], cancel):
            progress.stage(f"sample {number} of {count}")
    whole = sorted(taken, key=lambda sample: sample.number)
    return tuple(whole[:-1] if cancel.cancelled else whole)  # the last one was cut short by the signal


def as_json(of: Any, made: object) -> dict[str, Any]:  # noqa: ANN401  # any class of the model
    """A value of the model as JSON."""
    from gate.evidence.codec import adapter

    dumped: dict[str, Any] = adapter(of).dump_python(made, mode="json")
    return dumped


def verdict_json(verdict: Decision) -> dict[str, Any]:
    """The ``verdict`` of a result, with the fields that every command's has."""
    return as_json(Decision, verdict)
