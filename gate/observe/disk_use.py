"""How full the file systems are that hold the store's data: bytes and inodes, by statvfs or by df in the container."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files
from secrets import token_hex

from gate import limits
from gate.errors import ForeignTextError, InconclusiveError
from gate.model.captures import DiskRoom, DiskSeen
from gate.model.kube import PodSeen
from gate.model.parsed import FileLocator, KubectlLocator
from gate.observe.kube_markers import pod_place
from gate.observe.kubectl import Kubectl, container_of
from gate.parse.host_files import disk_seen, parse_disk_frame
from gate.parse.locator import parse_locator


def look_at_disk(
    place: str, *, kubectl: Kubectl | None, seconds: float = limits.MARKER_SECONDS
) -> tuple[DiskSeen, ...]:
    """Disk use at a place: one row for a ``file://``, one a pod for a ``kubectl://``.

    Nothing is raised: what can't be determined within ``seconds`` is left open, with the reason. A row's place is the
    locator that selects only its pod.
    """
    try:
        locator = parse_locator(place)
    except ForeignTextError as error:
        return (DiskSeen(place=place, error=str(error)),)
    if isinstance(locator, FileLocator):
        return (_here(place, locator.path, seconds),)
    if kubectl is None:
        return (DiskSeen(place=place, error="this place is in a cluster, and kubectl is not used here"),)
    if locator.path is None:
        return (DiskSeen(place=place, error="the locator names no drive: expected path=/data"),)
    if locator.by == "log":
        return (
            DiskSeen(place=place, error="a marker sidecar does not tell disk use: ask by exec, or look at the node"),
        )
    try:
        pods = kubectl.pods(locator, seconds=seconds)
    except InconclusiveError as error:
        return (DiskSeen(place=place, error=str(error)),)
    if not pods:
        return (DiskSeen(place=place, error=f"{locator.workload} {locator.name} has no pod"),)
    with ThreadPoolExecutor(limits.READ_JOBS) as threads:
        return tuple(threads.map(lambda pod: _in_pod(kubectl, locator, pod, seconds), pods))


def _here(place: str, path: str, seconds: float) -> DiskSeen:
    """Asked in a separate thread, because a call on a stalled disk can't be ended."""
    observations: list[DiskSeen] = []
    thread = threading.Thread(
        target=lambda: observations.append(_statvfs(place, path)), name=f"disk use of {place}", daemon=True
    )
    thread.start()
    thread.join(seconds)
    return (
        observations[0]
        if observations
        else DiskSeen(place=place, error=f"the disk did not answer within {seconds:g} s")
    )


def _statvfs(place: str, path: str) -> DiskSeen:
    try:
        text = os.statvfs(path)
    except OSError as error:
        return DiskSeen(place=place, error=f"{path}: {error.strerror}")
    unit = text.f_frsize
    return disk_seen(
        place,
        DiskRoom(total=text.f_blocks * unit, used=(text.f_blocks - text.f_bfree) * unit, free=text.f_bavail * unit),
        DiskRoom(total=text.f_files, used=text.f_files - text.f_ffree, free=text.f_favail),
    )


def _in_pod(kubectl: Kubectl, locator: KubectlLocator, pod: PodSeen, seconds: float) -> DiskSeen:
    place = pod_place(locator, pod, locator.container)
    nonce = token_hex(16)
    command = ("sh", "-c", disk_script(), "gate-disk", nonce, locator.path or "/")
    try:
        container = container_of(pod, locator.container)
        if container.started is None:
            return DiskSeen(place=place, error=f"{container.name} of pod {pod.name} {container.trouble}")
        cap = limits.MARKER_FRAME_BYTES
        text = kubectl.exec(locator.namespace, pod.name, container.name, command, cap=cap, seconds=seconds)
        return parse_disk_frame(text, nonce, place)
    except (InconclusiveError, ForeignTextError) as error:
        return DiskSeen(place=place, error=str(error))


@cache
def disk_script() -> str:
    """The POSIX-sh script that asks df of one folder; arguments: nonce, folder."""
    return files("gate.observe").joinpath("disk.sh").read_text("utf-8")
