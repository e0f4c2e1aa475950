"""The markers that RustFS keeps on a drive for each bucket, seen by lstat alone.

Layout (RustFS 1.0.0-beta.2): ``<drive>/<bucket>/`` and ``<drive>/.rustfs.sys/buckets/<bucket>/.metadata.bin/xl.meta``;
``<drive>/.rustfs.sys/format.json`` names the drive. Both markers are directories. Anything else of that name (a link,
a FIFO, a file) is unknown: it is not what RustFS wrote, and it is not nothing.
MinIO has the same layout below ``.minio.sys`` (cmd/format-erasure.go, cmd/bucket-metadata.go of its source). A folder
without either is a drive of neither, or is not mounted: what is not found there is unknown, never absent. So are the
drives of Ceph and Garage, which keep no bucket as a folder. A folder on another file system than its drive is not the
store's, which moves its files by rename: unknown. Only names that are known are looked at, so that no tree is walked,
however deep or circular.
"""

import errno
import os
import stat
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gate import limits
from gate.errors import ForeignTextError
from gate.model.basics import Truth
from gate.model.parsed import FileLocator
from gate.model.records import MarkerSeen, PlaceSeen
from gate.observe.small_file import read_small
from gate.parse.host_files import NO_ANSWER, OTHER_FILE_SYSTEM
from gate.parse.locator import parse_locator
from gate.parse.strict_json import loads

_SYSTEM: Final = ".rustfs.sys"
SYSTEM_FOLDERS: Final = (_SYSTEM, ".minio.sys")  # every drive of RustFS or MinIO has its own, and no empty mount point
NO_DRIVE: Final = f"has neither {' nor '.join(SYSTEM_FOLDERS)}: no drive of RustFS or MinIO, or not mounted"
_FAILING: Final = frozenset({errno.EIO, errno.ESTALE, errno.EUCLEAN, errno.EREMOTEIO})  # what a disk says, not a right


@dataclass(frozen=True, kw_only=True)
class DirectoryLook:
    """Whether there is a directory, by lstat, and on which file system where that is told; else why it is unknown."""

    truth: Truth
    error: str | None = None
    device: str | None = None


LookAtDirectory = Callable[[Path], DirectoryLook]


def look(place: str, buckets: Sequence[str], *, seconds: float = limits.MARKER_SECONDS) -> PlaceSeen:
    """The markers of all buckets at one place. After ``seconds`` without an answer of the disk all are unknown.

    A separate thread looks, because a call on a stalled disk can't be ended.
    """
    try:
        locator = parse_locator(place)
    except ForeignTextError as error:
        return unknown_place(place, buckets, str(error))
    if not isinstance(locator, FileLocator):
        return unknown_place(place, buckets, "this place is in a cluster: expected file:///path")
    observations: list[PlaceSeen] = []
    thread = threading.Thread(
        target=lambda: observations.append(_look(place, Path(locator.path), buckets)),
        name=f"look at {place}",
        daemon=True,
    )
    thread.start()
    thread.join(seconds)
    return observations[0] if observations else unknown_place(place, buckets, f"the disk {NO_ANSWER} {seconds:g} s")


def _look(place: str, drive: Path, buckets: Sequence[str]) -> PlaceSeen:
    return look_through(_directory, place, drive, buckets, volume=lambda system: _volume(format_file(drive, system)))


def format_file(drive: Path, system: str = _SYSTEM) -> Path:
    """The file that names a drive."""
    return drive / system / "format.json"


def _system_of(see: LookAtDirectory, drive: Path) -> tuple[str, DirectoryLook]:
    """The name of a drive's own folder, and the look at it; RustFS's unless only MinIO's is there."""
    own = see(drive / _SYSTEM)
    if own.truth is Truth.ABSENT:
        for name in SYSTEM_FOLDERS[1:]:
            other = see(drive / name)
            if other.truth is Truth.PRESENT:
                return name, other
    return _SYSTEM, own


def look_through(
    see: LookAtDirectory, place: str, drive: Path, buckets: Sequence[str], *, volume: Callable[[str], str | None]
) -> PlaceSeen:
    """The markers at a place as ``see`` shows them, wherever the drive is.

    ``volume`` is asked last, with the name of the drive's own folder; an `OSError` of it is an error of the disk, and
    every marker gets it.
    """
    top = see(drive)
    trouble = _trouble_of(top, drive)
    if trouble:
        return unknown_place(place, buckets, trouble)
    see = _on_one_file_system(see, drive, top.device)
    system, formatted = _system_of(see, drive)
    markers = tuple(_marker(see, drive / bucket, drive / system / "buckets" / bucket, bucket) for bucket in buckets)
    if formatted.truth is not Truth.PRESENT:
        why = formatted.error or f"{drive} {NO_DRIVE}"
        return PlaceSeen(place=place, markers=tuple(_without_absence(marker, why) for marker in markers))
    trouble = _trouble_of(see(drive / system), drive / system)
    if trouble:  # it was unmounted, or failed, meanwhile: what was seen before was there
        observation = tuple(_without_absence(marker, trouble) for marker in markers)
        return PlaceSeen(place=place, markers=observation, error=trouble)
    try:
        return PlaceSeen(place=place, markers=markers, volume=volume(system))
    except OSError as error:
        why = f"{format_file(drive, system)}: {error.strerror}"
        return PlaceSeen(place=place, markers=tuple(_with_error(marker, why) for marker in markers))


def _marker(see: LookAtDirectory, folder: Path, metadata: Path, bucket: str) -> MarkerSeen:
    if bucket in ("", ".", "..") or "/" in bucket or "\0" in bucket:
        return MarkerSeen(bucket=bucket, data=Truth.UNKNOWN, meta=Truth.UNKNOWN, error="no name of a bucket")
    data, meta = see(folder), see(metadata / ".metadata.bin")
    errors = [observation.error for observation in (data, meta) if observation.error]
    return MarkerSeen(bucket=bucket, data=data.truth, meta=meta.truth, error="; ".join(errors) or None)


def _on_one_file_system(see: LookAtDirectory, drive: Path, device: str | None) -> LookAtDirectory:
    """The same look, but a directory on another file system than the drive is unknown, where the drive's is told."""

    def looking(path: Path) -> DirectoryLook:
        observation = see(path)
        if device is None or observation.truth is not Truth.PRESENT or observation.device == device:
            return observation
        why = (
            f"{path} {OTHER_FILE_SYSTEM} {drive}"
            if observation.device
            else f"{path}: its file system can't be determined"
        )
        return DirectoryLook(truth=Truth.UNKNOWN, error=why)

    return looking


def _directory(path: Path) -> DirectoryLook:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return DirectoryLook(truth=Truth.ABSENT)
    except OSError as error:  # EIO, EACCES, ENOTDIR, ESTALE, …
        return DirectoryLook(truth=Truth.UNKNOWN, error=f"{path}: {error.strerror}")
    if stat.S_ISDIR(status.st_mode):
        return DirectoryLook(truth=Truth.PRESENT, device=str(status.st_dev))
    return DirectoryLook(truth=Truth.UNKNOWN, error=f"{path} is {_kind(status.st_mode)}: expected a directory")


def is_drive(folder: Path) -> bool:
    """Whether a folder of this machine is a drive of the store now: what is missing elsewhere may only be unmounted."""
    return any(_directory(folder / name).truth is Truth.PRESENT for name in SYSTEM_FOLDERS)


def _kind(mode: int) -> str:
    kinds = {stat.S_IFLNK: "a link", stat.S_IFREG: "a file", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def _trouble_of(observation: DirectoryLook, directory: Path) -> str | None:
    return observation.error if observation.truth is not Truth.ABSENT else f"{directory} is not there"


def _without_absence(marker: MarkerSeen, why: str) -> MarkerSeen:
    data, meta = (truth if truth is Truth.PRESENT else Truth.UNKNOWN for truth in (marker.data, marker.meta))
    return _with_error(replace(marker, data=data, meta=meta), why)


def _with_error(marker: MarkerSeen, why: str) -> MarkerSeen:
    return replace(marker, error="; ".join(filter(None, (marker.error, why))))


def unknown_place(place: str, buckets: Sequence[str], why: str) -> PlaceSeen:
    """A place of which nothing could be told, and why."""
    markers = tuple(MarkerSeen(bucket=bucket, data=Truth.UNKNOWN, meta=Truth.UNKNOWN, error=why) for bucket in buckets)
    return PlaceSeen(place=place, markers=markers, error=why)


def _volume(path: Path) -> str | None:
    try:
        return volume_of(read_small(path, cap=limits.ANSWER_BODY_BYTES))
    except OSError as error:
        if error.errno in _FAILING:
            raise
        return None


def volume_of(content: bytes) -> str | None:
    """``<deployment>/<drive>`` of a format.json, ``<deployment>`` where it names no drive, or None.

    Format: rustfs ``crates/ecstore/src/disk/format.rs``, ``FormatV3``.
    """
    try:
        text = loads(content, cap=limits.ANSWER_BODY_BYTES)
    except ForeignTextError:
        return None
    if not isinstance(text, dict):
        return None
    drive = text["xl"].get("this") if isinstance(text.get("xl"), dict) else None
    names = [name for name in (text.get("id"), drive) if isinstance(name, str) and name]
    return "/".join(names)[: limits.ERROR_TEXT_CHARS] or None
