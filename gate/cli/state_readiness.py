"""``tofu-state-ha-readiness``: whether the OpenTofu state is served whole, and what its store may be relied on for."""

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from gate.cli.operators import (
    Endpoint,
    Markers,
    Samples,
    Site,
    Spacing,
    as_json,
    open_door,
    read_site,
    take_samples,
    verdict_json,
)
from gate.cli.outcome import RESULT_SCHEMA, Outcome, report
from gate.cli.parameters import AsFormat, Config, JsonInto
from gate.cli.progress import Lines
from gate.cli.signals import cancelling
from gate.clock import SystemClock, rfc3339
from gate.errors import RefusedError
from gate.model.operators import ReadinessSeen, StateRead
from gate.process import CancelToken


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
        lambda: _run(flags, config, prefix=prefix, expect_interim=expect_interim), format=format, json_into=json_into
    )


def _run(flags: dict[str, Any], config: Path | None, *, prefix: str | None, expect_interim: bool) -> Outcome:
    from gate.judge.state_readiness import judge_readiness
    from gate.model.operators import Readiness
    from gate.render.operators import fenced, readiness_text

    if prefix is not None and flags["state_key"] is not None:
        message = "both --key and --prefix are given: expected one of them"
        raise RefusedError(message)
    site = read_site(("state_bucket", "state_key", "state_ha_statement"), flags, config)
    if prefix is None and not site.values["state_key"]:
        message = "no state is named: give --key or --prefix, or set state-key in [store] of gate.toml"
        raise RefusedError(message)
    ready = judge_readiness(_look(site, prefix), expect_interim=expect_interim)
    text = readiness_text(ready)
    data = {
        "schema": RESULT_SCHEMA,
        **as_json(Readiness, ready),
        "verdict": verdict_json(ready.verdict),
        "error": None,
    }
    return Outcome(exit_code=ready.verdict.exit_code, text=text, markdown=fenced(text), data=data)


def _look(site: Site, prefix: str | None) -> ReadinessSeen:
    from gate.observe.state_object import find_states, read_state, read_states

    bucket = site.values["state_bucket"]
    clock = SystemClock()
    cancel = CancelToken()
    with (
        cancelling(cancel),
        Lines(sys.stderr, clock) as progress,
        open_door(site, clock=clock, cancel=cancel) as door,
    ):
        samples = take_samples(site, (bucket,), clock=clock, cancel=cancel, progress=progress)
        progress.stage("state objects")
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
            wanted=site.values["samples"],
            spacing_millis=site.spacing_millis,
            sample_seconds=site.values["sample_deadline"],
            samples=samples,
            versioning=door.s3.get_versioning(bucket),
            reads=reads,
            trouble=trouble,
            statement=site.values["state_ha_statement"],
            now=rfc3339(clock.now()),
        )
