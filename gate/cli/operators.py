"""``rustfs-bucket-index-rca`` and ``tofu-state-ha-readiness``: the two commands for operators of the store."""

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from cyclopts import Parameter

from gate import limits
from gate.cli.flags import AsFormat, Config, JsonInto, Quiet, Verbose
from gate.cli.outcome import RESULT_SCHEMA, Outcome, report
from gate.cli.probe import read_config, read_secret_file
from gate.cli.progress import CommandConsole, command_console
from gate.clock import Clock
from gate.errors import RefusedError
from gate.model.basics import Phase
from gate.model.operators import Decision, Rca, ReadinessSeen, ScratchSeen, StateRead
from gate.model.records import BucketSampled
from gate.model.time import rfc3339
from gate.parse.addresses import is_loopback
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
class StoreTarget:
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


def read_site(names: Sequence[str], flags: Mapping[str, Any], config: Path | None) -> StoreTarget:
    """The named settings, with those of the store. Raises `RefusedError` for what is wrong or missing."""
    toml = read_config(config)
    set_flags = {name: flag for name, flag in flags.items() if flag is not None}
    expected = (*STORE, *names)
    values = resolve_named(
        expected, needed=_NEEDED, toml=toml, environ=os.environ, flags=set_flags, read_file=read_secret_file
    )
    configured = resolve_named(
        ("s3_endpoint",), needed=(), toml=toml, environ=os.environ, flags={}, read_file=read_secret_file
    )
    return StoreTarget(values=values, cache_endpoint=configured["s3_endpoint"])


@contextmanager
def open_door(
    site: StoreTarget,
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
        raise RefusedError(
            f"the S3 endpoint has the path {ascii(path)[:100]}: S3 endpoints have none; expected https://host[:port]"
        )
    hosts = (host, *values["hosts"]) if "@" not in host else values["hosts"]
    plain = (host, *values["plain_http_hosts"]) if is_loopback(site.endpoint) else values["plain_http_hosts"]
    virtual_host = values["addressing"] == "virtual-host"
    below = host if virtual_host and "@" not in host else ""
    with Http(hosts, plain, clock=clock, cancel=cancel, seconds=seconds, connections=connections, below=below) as http:
        if http.hosts.read(f"{site.endpoint}/") is None:
            raise RefusedError(
                f"the S3 endpoint {ascii(host.rpartition('@')[2])[:100]} can't be asked: expected https://host[:port], "
                "or http:// for a host that plain-http-hosts of gate.toml names"
            )
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


def kubectl_of(site: StoreTarget, *, clock: Clock, cancel: CancelToken) -> "Kubectl | None":
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


def take_samples(site: StoreTarget, buckets: Sequence[str], console: CommandConsole) -> tuple[BucketSampled, ...]:
    """The spaced samples; fewer when the command was cancelled."""
    from gate.observe.bucket_index import SampleSeries, Sources, begin_sample

    clock, cancel = console.clock, console.cancel
    kubectl = kubectl_of(site, clock=clock, cancel=cancel)
    samples: list[BucketSampled] = []
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
        series = SampleSeries(lambda number: begin_sample(sources, phase=Phase.PRE, number=number), samples.append)
        for number in series.take(range(1, count + 1), site.values["sample_spacing"], cancel):
            console.progress.stage(f"sample {number} of {count}")
    whole = sorted(samples, key=lambda sample: sample.number)
    return tuple(whole[:-1] if cancel.cancelled else whole)  # the last one was cut short by the signal


def as_json(of: Any, item: object) -> dict[str, Any]:  # noqa: ANN401  # any class of the model
    """A value of the model as JSON."""
    from gate.evidence.codec import adapter

    dumped: dict[str, Any] = adapter(of).dump_python(item, mode="json")
    return dumped


def verdict_json(verdict: Decision) -> dict[str, Any]:
    """The ``verdict`` of a result, with the fields that every command's has."""
    return as_json(Decision, verdict)


_NONCE_BYTES = 8


def rustfs_bucket_index_rca(
    *,
    bucket: Annotated[
        list[str] | None, Parameter(help="The bucket; may be repeated [gate.toml: [store] buckets].")
    ] = None,
    scratch_probe: Annotated[
        bool, Parameter(help="Make, use and remove a bucket publication-gate-scratch-NONCE; no other is written to.")
    ] = False,
    strict_scratch_disk_markers: Annotated[
        bool, Parameter(help="See both markers of the scratch bucket on every drive; implies --scratch-probe.")
    ] = False,
    s3_endpoint: Endpoint = None,
    markers: Markers = None,
    samples: Samples = None,
    sample_spacing: Spacing = None,
    config: Config = None,
    format: AsFormat = "text",
    json_into: JsonInto = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Say why a bucket is or is not in the store's index: list, head, get and disk markers, several times over."""
    flags = {
        "buckets": bucket,
        "s3_endpoint": s3_endpoint,
        "markers": markers,
        "samples": samples,
        "sample_spacing": sample_spacing,
    }
    scratch = scratch_probe or strict_scratch_disk_markers
    return report(
        lambda: _run(flags, config, scratch=scratch, strict=strict_scratch_disk_markers),
        format=format,
        json_into=json_into,
        quiet=quiet,
        verbose=verbose,
    )


def _run(flags: dict[str, Any], config: Path | None, *, scratch: bool, strict: bool) -> Outcome:
    from gate.judge.bucket_rca import judge_rca
    from gate.render.operators import fenced, rca_text

    site = read_site((), flags, config)
    buckets = tuple(dict.fromkeys(site.values["buckets"]))
    with command_console() as console, open_door(site, clock=console.clock, cancel=console.cancel) as door:
        samples = take_samples(site, buckets, console)
        scratch_observation = _scratch(site, door, samples, buckets, console, strict=strict) if scratch else None
    rca = judge_rca(
        samples,
        buckets,
        endpoint=site.endpoint,
        samples_requested=site.values["samples"],
        spacing_millis=site.spacing_millis,
        seconds=site.values["sample_deadline"],
        scratch=scratch_observation,
    )
    text = rca_text(rca)
    return Outcome(exit_code=rca.verdict.exit_code, text=text, markdown=fenced(text), data=_data(rca))


def _scratch(
    site: StoreTarget,
    door: "Door",
    samples: Sequence[BucketSampled],
    buckets: tuple[str, ...],
    console: CommandConsole,
    *,
    strict: bool,
) -> ScratchSeen:
    """Probe with a bucket of our own, unless the index is known to be wrong: a write could change the evidence."""
    from gate.judge.bucket_rca import any_failed
    from gate.observe.scratch import probe_scratch, scratch_bucket

    nonce = secrets.token_hex(_NONCE_BYTES)
    wrong = any_failed(samples, buckets)
    if wrong:
        why = (
            f"not made: the index is wrong already ({', '.join(wrong)}), and a write could change what a capture needs"
        )
        return ScratchSeen(bucket=scratch_bucket(nonce), strict=strict, skipped=why)
    console.progress.stage("scratch bucket")
    clock, cancel = console.clock, console.cancel
    with open_door(site, clock=clock, cancel=None, seconds=limits.SWEEP_ANSWER_SECONDS) as sweeper:
        return probe_scratch(
            door,
            sweeper,
            site.values["markers"],
            nonce=nonce,
            strict=strict,
            cancel=cancel,
            clock=clock,
            kubectl=kubectl_of(site, clock=clock, cancel=cancel),
        )


def _data(rca: Rca) -> dict[str, Any]:
    """The JSON: ``samples`` hold the classed sample and its places side by side."""
    text = as_json(Rca, rca)
    buckets = {
        name: {**cause, "samples": [{**row["sample"], "places": row["places"]} for row in cause["samples"]]}
        for name, cause in text.pop("buckets").items()
    }
    return {"schema": RESULT_SCHEMA, **text, "buckets": buckets, "verdict": verdict_json(rca.verdict), "error": None}


def tofu_state_ha_readiness(
    *,
    expect_interim: Annotated[
        bool, Parameter(help="Let a state that is served whole on a store that is not HA pass too.")
    ] = False,
    key: Annotated[str | None, Parameter(help="Key of the state object [gate.toml: [store] state-key].")] = None,
    prefix: Annotated[
        str | None, Parameter(help="Read every object below this prefix as a state, in place of one key.")
    ] = None,
    state_bucket: Annotated[
        str | None, Parameter(help="Bucket that holds the state [gate.toml: [store] state-bucket].")
    ] = None,
    s3_endpoint: Endpoint = None,
    markers: Markers = None,
    samples: Samples = None,
    sample_spacing: Spacing = None,
    config: Config = None,
    format: AsFormat = "text",
    json_into: JsonInto = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Read the OpenTofu state and say how far it may be relied on: ha, interim, broken or unknown."""
    flags = {
        "state_key": key,
        "state_bucket": state_bucket,
        "s3_endpoint": s3_endpoint,
        "markers": markers,
        "samples": samples,
        "sample_spacing": sample_spacing,
    }
    return report(
        lambda: _run_readiness(flags, config, prefix=prefix, expect_interim=expect_interim),
        format=format,
        json_into=json_into,
        quiet=quiet,
        verbose=verbose,
    )


def _run_readiness(flags: dict[str, Any], config: Path | None, *, prefix: str | None, expect_interim: bool) -> Outcome:
    from gate.judge.state_readiness import judge_readiness
    from gate.model.operators import Readiness
    from gate.render.operators import fenced, readiness_text

    if prefix is not None and flags["state_key"] is not None:
        raise RefusedError("both --key and --prefix are given: expected one of them")
    site = read_site(("state_bucket", "state_key", "state_ha_statement"), flags, config)
    if prefix is None and not site.values["state_key"]:
        raise RefusedError("no state is named: give --key or --prefix, or set state-key in [store] of gate.toml")
    ready = judge_readiness(_look(site, prefix), expect_interim=expect_interim)
    text = readiness_text(ready)
    data = {
        "schema": RESULT_SCHEMA,
        **as_json(Readiness, ready),
        "verdict": verdict_json(ready.verdict),
        "error": None,
    }
    return Outcome(exit_code=ready.verdict.exit_code, text=text, markdown=fenced(text), data=data)


def _look(site: StoreTarget, prefix: str | None) -> ReadinessSeen:
    from gate.observe.state_object import find_states, read_state, read_states

    bucket = site.values["state_bucket"]
    with command_console() as console, open_door(site, clock=console.clock, cancel=console.cancel) as door:
        samples = take_samples(site, (bucket,), console)
        console.progress.stage("state objects")
        if prefix is None:
            trouble = None
            reads: tuple[StateRead, ...] = (read_state(door.s3, bucket, site.values["state_key"]),)
        else:
            keys, trouble = find_states(door.s3, bucket, prefix)
            reads = read_states(door.s3, bucket, keys)
        return ReadinessSeen(
            endpoint=site.endpoint,
            cache_endpoint=site.cache_endpoint.rstrip("/"),
            bucket=bucket,
            cache_buckets=tuple(name for name in site.values["buckets"] if name != bucket),
            places=site.values["markers"],
            samples_requested=site.values["samples"],
            spacing_millis=site.spacing_millis,
            sample_seconds=site.values["sample_deadline"],
            samples=samples,
            versioning=door.s3.get_versioning(bucket),
            reads=reads,
            trouble=trouble,
            statement=site.values["state_ha_statement"],
            now=rfc3339(console.clock.now()),
        )
