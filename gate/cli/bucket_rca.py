"""``rustfs-bucket-index-rca``: list, head, get and disk against each other, and what to do about it."""

import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from gate import limits
from gate.cli.operators import (
    Endpoint,
    Markers,
    Samples,
    Site,
    Spacing,
    as_json,
    kubectl_of,
    open_door,
    read_site,
    take_samples,
    verdict_json,
)
from gate.cli.outcome import RESULT_SCHEMA, Outcome, report
from gate.cli.parameters import AsFormat, Config, JsonInto
from gate.cli.progress import Lines
from gate.cli.signals import cancelling
from gate.clock import SystemClock
from gate.model.operators import Rca, ScratchSeen
from gate.model.records import BucketSampled
from gate.process import CancelToken

if TYPE_CHECKING:
    from gate.observe.scratch import Door

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
    )


def _run(flags: dict[str, Any], config: Path | None, *, scratch: bool, strict: bool) -> Outcome:
    from gate.judge.bucket_rca import judge_rca
    from gate.render.operators import fenced, rca_text

    site = read_site((), flags, config)
    buckets = tuple(dict.fromkeys(site.values["buckets"]))
    clock = SystemClock()
    cancel = CancelToken()
    with (
        cancelling(cancel),
        Lines(sys.stderr, clock) as progress,
        open_door(site, clock=clock, cancel=cancel) as door,
    ):
        samples = take_samples(site, buckets, clock=clock, cancel=cancel, progress=progress)
        seen = (
            _scratch(site, door, samples, buckets, strict=strict, clock=clock, cancel=cancel, progress=progress)
            if scratch
            else None
        )
    rca = judge_rca(
        samples,
        buckets,
        endpoint=site.endpoint,
        wanted=site.values["samples"],
        spacing_millis=site.spacing_millis,
        seconds=site.values["sample_deadline"],
        scratch=seen,
    )
    text = rca_text(rca)
    return Outcome(exit_code=rca.verdict.exit_code, text=text, markdown=fenced(text), data=_data(rca))


def _scratch(
    site: Site,
    door: "Door",
    samples: Sequence[BucketSampled],
    buckets: tuple[str, ...],
    *,
    strict: bool,
    clock: SystemClock,
    cancel: CancelToken,
    progress: Lines,
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
    progress.stage("scratch bucket")
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
    said = as_json(Rca, rca)
    buckets = {
        name: {**cause, "samples": [{**row["seen"], "places": row["places"]} for row in cause["samples"]]}
        for name, cause in said.pop("buckets").items()
    }
    return {"schema": RESULT_SCHEMA, **said, "buckets": buckets, "verdict": verdict_json(rca.verdict), "error": None}
