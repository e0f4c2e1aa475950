"""The markers of a drive inside of a cluster: one place for each pod, by exec, or by the log of a marker sidecar.

The script of `markers.sh` looks at all of a drive in one go and frames its answer. A sidecar runs the same script in a
loop (docs/kubernetes/marker-sidecar.yaml): reading its log needs no right to run anything beside the store's data.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from errno import EIO
from functools import cache
from importlib.resources import files
from pathlib import Path
from secrets import token_hex
from typing import Final

from gate import limits
from gate.errors import ForeignTextError, InconclusiveError
from gate.model.basics import Truth
from gate.model.kube import MarkerEntry, MarkerFrame, PodSeen
from gate.model.parsed import FileLocator, KubectlLocator
from gate.model.records import PlaceSeen
from gate.observe.disk_markers import DirectoryLook, format_file, look, look_through, unknown_place, volume_of
from gate.observe.kubectl import Kubectl, container_of
from gate.parse.exec_frames import newest_frame, parse_frame
from gate.parse.host_files import is_io_error
from gate.parse.locator import parse_locator

_KINDS: Final = {"link": "a link", "file": "a file", "fifo": "a FIFO", "socket": "a socket", "device": "a device"}


def look_at(
    place: str, buckets: Sequence[str], *, kubectl: Kubectl | None, seconds: float = limits.MARKER_SECONDS
) -> tuple[PlaceSeen, ...]:
    """The markers of all buckets at a place: one row for a ``file://``, one a pod for a ``kubectl://``.

    Nothing is raised: what can't be determined within ``seconds`` is unknown, with the reason. A row's place is the
    locator that selects only its pod.
    """
    try:
        locator = parse_locator(place)
    except ForeignTextError as error:
        return (unknown_place(place, buckets, str(error)),)
    if isinstance(locator, FileLocator):
        return (look(place, buckets, seconds=seconds),)
    if kubectl is None:
        return (unknown_place(place, buckets, "this place is in a cluster, and kubectl is not used here"),)
    if locator.path is None:
        return (unknown_place(place, buckets, "the locator names no drive: expected path=/data"),)
    until = kubectl.clock.monotonic() + seconds
    with ThreadPoolExecutor(limits.READ_JOBS) as threads:
        # Looked into at once are the pods as they were last time; that look counts where the list made beside it has
        # the very same pod, with the same start of the container. Every other pod is looked into after the list.
        earlier_pods = kubectl.known_pods(locator)
        early = {pod: threads.submit(_look_in, kubectl, locator, pod, buckets, seconds) for pod in earlier_pods}
        try:
            pods = kubectl.pods(locator, seconds=seconds)
        except InconclusiveError as error:
            return (unknown_place(place, buckets, str(error)),)
        if not pods:
            return (unknown_place(place, buckets, f"{locator.workload} {locator.name} has no pod"),)
        remaining = max(until - kubectl.clock.monotonic(), limits.POLL_SECONDS)
        looks = [
            early[pod] if pod in early else threads.submit(_look_in, kubectl, locator, pod, buckets, remaining)
            for pod in pods
        ]
        return tuple(look.result() for look in looks)


def pod_place(locator: KubectlLocator, pod: PodSeen, container: str | None) -> str:
    """The locator of one pod of a workload."""
    options = {"container": container, "path": locator.path, "by": "log" if locator.by == "log" else None}
    query = "&".join(f"{name}={text}" for name, text in options.items() if text is not None)
    return f"kubectl://{locator.namespace}/pod/{pod.name}" + (f"?{query}" if query else "")


def _look_in(
    kubectl: Kubectl, locator: KubectlLocator, pod: PodSeen, buckets: Sequence[str], seconds: float
) -> PlaceSeen:
    place = pod_place(locator, pod, locator.container)
    drive = Path(locator.path or "/")
    try:
        container = container_of(pod, locator.container)
        if container.started is None:
            return unknown_place(place, buckets, f"{container.name} of pod {pod.name} {container.trouble}")
        target = _MarkerTarget(namespace=locator.namespace, pod=pod.name, container=container.name, seconds=seconds)
        frame = _logged_frame(kubectl, target) if locator.by == "log" else _exec_frame(kubectl, target, drive, buckets)
    except (InconclusiveError, ForeignTextError) as error:
        return unknown_place(place, buckets, str(error))
    remaining = list(frame.looks)

    def see(path: Path) -> DirectoryLook:
        drive_row = next((looked for looked in remaining if looked.path == str(path)), None)
        if drive_row is None:
            return DirectoryLook(truth=Truth.UNKNOWN, error=f"the marker script says nothing of {path}")
        remaining.remove(drive_row)
        return _directory_look(drive_row)

    return look_through(see, place, drive, buckets, volume=lambda _system: _volume(frame, drive))


def look_at_names(
    kubectl: Kubectl, locator: KubectlLocator, names: Sequence[str], *, seconds: float = limits.MARKER_SECONDS
) -> tuple[tuple[str, Mapping[str, str], str | None], ...]:
    """What is at some names below a drive, by exec: one row a pod, with its place, the kinds by path, and any trouble.

    The marker script looks at a name of this kind as it does at a bucket's.
    """
    try:
        pods = kubectl.pods(locator, seconds=seconds)
    except InconclusiveError as error:
        return ((f"kubectl://{locator.namespace}/{locator.workload}/{locator.name}", {}, str(error)),)
    with ThreadPoolExecutor(limits.READ_JOBS) as threads:
        looks = [threads.submit(_kinds_in, kubectl, locator, pod, names, seconds) for pod in pods]
        return tuple(look.result() for look in looks)


def _kinds_in(
    kubectl: Kubectl, locator: KubectlLocator, pod: PodSeen, names: Sequence[str], seconds: float
) -> tuple[str, Mapping[str, str], str | None]:
    place = pod_place(locator, pod, locator.container)
    try:
        container = container_of(pod, locator.container)
        if container.started is None:
            return place, {}, f"{container.name} of pod {pod.name} {container.trouble}"
        target = _MarkerTarget(namespace=locator.namespace, pod=pod.name, container=container.name, seconds=seconds)
        frame = _framed(kubectl, target, Path(locator.path or "/"), names)
    except (InconclusiveError, ForeignTextError) as error:
        return place, {}, str(error)
    texts = {looked.path: f"error {ascii(looked.text)[1:-1]}" for looked in frame.looks if looked.kind == "error"}
    return place, {looked.path: looked.kind for looked in frame.looks} | texts, None


def _volume(frame: MarkerFrame, drive: Path) -> str | None:
    """The volume by the frame's format.json. Raises `OSError` for an error of the disk, as a look by ourselves does."""
    if frame.format is not None:
        return volume_of(frame.format)
    place = str(format_file(drive))
    text = next((looked.text for looked in frame.looks if looked.path == place and looked.kind == "error"), "")
    if is_io_error(text):
        raise OSError(EIO, ascii(text)[1:-1])
    return None


@dataclass(frozen=True, kw_only=True)
class _MarkerTarget:
    """A container, and how long it is waited for."""

    namespace: str
    pod: str
    container: str
    seconds: float


def _exec_frame(kubectl: Kubectl, at: _MarkerTarget, drive: Path, buckets: Sequence[str]) -> MarkerFrame:
    return _framed(kubectl, at, drive, [bucket for bucket in buckets if _askable(bucket)])


def _framed(kubectl: Kubectl, at: _MarkerTarget, drive: Path, names: Sequence[str]) -> MarkerFrame:
    nonce = token_hex(16)
    command = ("sh", "-c", marker_script(), "gate-markers", nonce, str(drive), *names)
    cap = limits.MARKER_FRAME_BYTES
    return parse_frame(kubectl.exec(at.namespace, at.pod, at.container, command, cap=cap, seconds=at.seconds), nonce)


def _logged_frame(kubectl: Kubectl, at: _MarkerTarget) -> MarkerFrame:
    """The newest answer of a sidecar; kubelet itself leaves out old ones, by the clock of the node that wrote them."""
    since = (f"--since={limits.MARKER_LOG_SECONDS}s",)
    cap = limits.MARKER_LOG_BYTES
    log, trouble = kubectl.logs(at.namespace, at.pod, at.container, since, cap=cap, seconds=at.seconds)
    if trouble:
        raise InconclusiveError(trouble)
    return newest_frame(log)


def _directory_look(looked: MarkerEntry) -> DirectoryLook:
    if looked.kind == "directory":
        return DirectoryLook(truth=Truth.PRESENT, device=looked.device or None)
    if looked.kind == "absent":
        return DirectoryLook(truth=Truth.ABSENT)
    if looked.kind == "error":
        return DirectoryLook(truth=Truth.UNKNOWN, error=f"{looked.path}: {ascii(looked.text)[1:-1] or 'unreadable'}")
    return DirectoryLook(truth=Truth.UNKNOWN, error=f"{looked.path} is {_KINDS[looked.kind]}: expected a directory")


def _askable(bucket: str) -> bool:
    return bucket not in ("", ".", "..") and "/" not in bucket and "\0" not in bucket


@cache
def marker_script() -> str:
    """The POSIX-sh script that looks at one drive; arguments: nonce, drive, buckets."""
    return files("gate.observe").joinpath("markers.sh").read_text("utf-8")
