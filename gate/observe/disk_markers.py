"""The markers that RustFS keeps on a drive for each bucket, seen by lstat alone.

Layout (RustFS 1.0.0-beta.2): ``<drive>/<bucket>/`` and ``<drive>/.rustfs.sys/buckets/<bucket>/.metadata.bin/xl.meta``;
``<drive>/.rustfs.sys/format.json`` names the drive. Both markers are directories. Anything else of that name (a link,
a FIFO, a file) is unknown: it is not what RustFS wrote, and it is not nothing.
A drive without ``.rustfs.sys`` is none, or is not mounted: what is not found there is unknown, never absent.
"""

import errno
import os
import stat
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from gate import limits
from gate.errors import ForeignTextError
from gate.model.basics import Truth
from gate.model.parsed import FileLocator
from gate.model.records import MarkerSeen, PlaceSeen
from gate.observe.small_file import read_small
from gate.parse.locator import parse_locator
from gate.parse.strict_json import loads

_SYSTEM: Final = ".rustfs.sys"
_FAILING: Final = frozenset({errno.EIO, errno.ESTALE, errno.EUCLEAN, errno.EREMOTEIO})  # what a disk says, not a right
See = Callable[[Path], tuple[Truth, str | None]]  # whether there is a directory, by lstat; else why that is unknown


def look(place: str, buckets: Sequence[str], *, seconds: float = limits.MARKER_SECONDS) -> PlaceSeen:
    """The markers of all buckets at one place. After ``seconds`` without an answer of the disk all are unknown.

    The looking is left to a thread of its own, because a call on a stalled disk can't be ended.
    """
    try:
        locator = parse_locator(place)
    except ForeignTextError as error:
        return unknown_place(place, buckets, str(error))
    if not isinstance(locator, FileLocator):
        return unknown_place(place, buckets, "this place is in a cluster: expected file:///path")
    found: list[PlaceSeen] = []
    thread = threading.Thread(
        target=lambda: found.append(_look(place, Path(locator.path), buckets)), name=f"look at {place}", daemon=True
    )
    thread.start()
    thread.join(seconds)
    return found[0] if found else unknown_place(place, buckets, f"the disk did not answer within {seconds:g} s")


def _look(place: str, drive: Path, buckets: Sequence[str]) -> PlaceSeen:
    return look_through(_is_directory, place, drive, buckets, volume=lambda: _volume(drive / _SYSTEM / "format.json"))


def look_through(
    see: See, place: str, drive: Path, buckets: Sequence[str], *, volume: Callable[[], str | None]
) -> PlaceSeen:
    """The markers at a place as ``see`` shows them, wherever the drive is.

    ``volume`` is asked last; an `OSError` of it is an error of the disk, and stands with every marker.
    """
    trouble = _trouble_of(see, drive)
    if trouble:
        return unknown_place(place, buckets, trouble)
    formatted = see(drive / _SYSTEM)
    if formatted[0] is not Truth.PRESENT:
        why = formatted[1] or f"{drive} has no {_SYSTEM}: no drive of RustFS, or not mounted"
        bare = tuple(_without_absence(_marker(see, drive, name), why) for name in buckets)
        return PlaceSeen(place=place, markers=bare)
    markers = tuple(_marker(see, drive, bucket) for bucket in buckets)
    trouble = _trouble_of(see, drive / _SYSTEM)
    if trouble:  # it was unmounted, or failed, meanwhile: what was seen before was there
        seen = tuple(_without_absence(marker, trouble) for marker in markers)
        return PlaceSeen(place=place, markers=seen, error=trouble)
    try:
        return PlaceSeen(place=place, markers=markers, volume=volume())
    except OSError as error:
        why = f"{drive / _SYSTEM / 'format.json'}: {error.strerror}"
        return PlaceSeen(place=place, markers=tuple(_with_error(marker, why) for marker in markers))


def _marker(see: See, drive: Path, bucket: str) -> MarkerSeen:
    if bucket in ("", ".", "..") or "/" in bucket or "\0" in bucket:
        return MarkerSeen(bucket=bucket, data=Truth.UNKNOWN, meta=Truth.UNKNOWN, error="no name of a bucket")
    data, data_error = see(drive / bucket)
    meta, meta_error = see(drive / _SYSTEM / "buckets" / bucket / ".metadata.bin")
    errors = [error for error in (data_error, meta_error) if error]
    return MarkerSeen(bucket=bucket, data=data, meta=meta, error="; ".join(errors) or None)


def _is_directory(path: Path) -> tuple[Truth, str | None]:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return Truth.ABSENT, None
    except OSError as error:  # EIO, EACCES, ENOTDIR, ESTALE, …
        return Truth.UNKNOWN, f"{path}: {error.strerror}"
    if stat.S_ISDIR(mode):
        return Truth.PRESENT, None
    return Truth.UNKNOWN, f"{path} is {_kind(mode)}: expected a directory"


def _kind(mode: int) -> str:
    kinds = {stat.S_IFLNK: "a link", stat.S_IFREG: "a file", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def _trouble_of(see: See, directory: Path) -> str | None:
    there, error = see(directory)
    return error if there is not Truth.ABSENT else f"{directory} is not there"


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
        said = loads(content, cap=limits.ANSWER_BODY_BYTES)
    except ForeignTextError:
        return None
    if not isinstance(said, dict):
        return None
    drive = said["xl"].get("this") if isinstance(said.get("xl"), dict) else None
    names = [name for name in (said.get("id"), drive) if isinstance(name, str) and name]
    return "/".join(names)[: limits.ERROR_TEXT_CHARS] or None
