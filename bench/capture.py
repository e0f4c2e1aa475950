"""``python -m bench.capture``: what the evidence before, or after, costs: two buckets, three samples.

The lab's servers, markers on this machine and through a real kubectl (against the small API server of the tests); with
production's spacing of 8 s and with none. Prints the table, and keeps it in ``bench/README.md``.
"""

import os
import resource
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench.__main__ import README
from gate.clock import SystemClock
from gate.lab.place import enter
from gate.lab.s3 import RcloneStore
from gate.lab.stack import Stack
from gate.model.document import Evidence
from gate.probe import Quiet, World, capture
from gate.process import CancelToken
from gate.settings import Settings
from tests.helpers.changed import changed
from tests.helpers.kube_api import KubeApi, kube_api
from tests.helpers.kubectl_tool import real_kubectl

BEGIN, END = "<!-- capture -->\n", "<!-- end of capture -->\n"
SAMPLES, SPACING, ROUNDS = 3, 8.0, 5


def seconds(evidence: Evidence, stage: str) -> float:
    """How long a stage took, by the times of the journal."""
    (row,) = [row for row in evidence.stages if row.name == stage]
    began, ended = (datetime.fromisoformat(at or "") for at in (row.started_at, row.ended_at))
    return (ended - began).total_seconds()


def places(api: KubeApi, stack: Stack) -> dict[str, Any]:
    """The lab's servers as pods of a cluster."""
    if not isinstance(stack.store, RcloneStore):
        message = "this bench needs the lab's own S3 server: unset GATE_LAB_S3_ENDPOINT"
        raise SystemExit(message)
    api.add("statefulset", "rustfs", 1, "rustfs")
    (attic,) = api.add("deployment", "attic", 1, "attic")
    api.followed[attic.name, "attic"] = Path(stack.settings_for("synthetic").policy.server_log.removeprefix("file://"))
    return {
        "markers": (f"kubectl://nix-cache/statefulset/rustfs?container=rustfs&path={stack.store.data}",),
        "store_workload": "kubectl://nix-cache/statefulset/rustfs?container=rustfs",
        "cache_workload": "kubectl://nix-cache/deployment/attic?container=attic",
        "server_log": "kubectl://nix-cache/deployment/attic?container=attic",
        "kubectl_bin": str(real_kubectl()),
        "kube_context": "lab",
        "kube_server": api.url,
    }


def measured(stack: Stack, api: KubeApi, work: Path) -> Iterator[str]:
    """The rows of the table."""
    environ = {**stack.environ(), "KUBECONFIG": str(api.kubeconfig(work))}
    on_this = stack.settings_for("synthetic")
    in_cluster = stack.settings_for("synthetic", **places(api, stack))
    for name, settings in (("file://", on_this), ("kubectl://", in_cluster)):
        for spacing, rounds in ((0.0, ROUNDS), (SPACING, 1)):
            case = changed(settings, samples=SAMPLES, sample_spacing=spacing)
            began = processor()
            captures = [take(case, environ, work / f"{name[:4]}-{spacing}-{number}") for number in range(rounds)]
            spent = (processor() - began) / rounds
            pre, post, deeper = (figures(captures, stage) for stage in ("pre", "post", "incident"))
            yield f"| {name} | {spacing:g} s | {pre} | {post} | {deeper} | {spent:.2f} |"


def figures(captures: list[Evidence], stage: str) -> str:
    """The best and the middle one: on a busy machine they lie far apart."""
    durations = [seconds(each, stage) for each in captures]
    return f"{min(durations):.2f} / {median(durations):.2f}"


def processor() -> float:
    """Seconds of processor time so far, of this process with the test's API server and of every kubectl."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def take(settings: Settings, environ: dict[str, str], folder: Path) -> Evidence:
    """One capture."""
    world = World(environ=environ, cancel=CancelToken(), progress=Quiet(), clock=SystemClock())
    return capture(settings, folder, world)


def main() -> None:
    table = ["| markers, epochs and log by | between samples | pre, s | post, s | incident, s | processor, s |"]
    table.append("|---|---:|---:|---:|---:|---:|")
    enter(os.environ)
    with (
        tempfile.TemporaryDirectory() as work,
        kube_api() as api,
        Stack(os.environ, cancel=CancelToken(), clock=SystemClock()) as stack,
    ):
        for line in measured(stack, api, Path(work)):
            print(line, flush=True)
            table.append(line)
    text = README.read_text("utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    if "--keep" in sys.argv:
        README.write_text(f"{head}{BEGIN}\n" + "\n".join(table) + f"\n\n{END}{tail}", "utf-8")


if __name__ == "__main__":
    main()
