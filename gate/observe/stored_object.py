"""Whether an object is on the disk of the store: what a push wrote must be there.

RustFS keeps an object as ``<drive>/<bucket>/<key>/xl.meta`` (1.0.0-beta.2, ``crates/ecstore/src/disk/local.rs``), with
small bodies inside of it; servers that keep files as they are have ``<drive>/<bucket>/<key>``. Only these two names are
looked at, by lstat.
"""

import errno
import os
import stat
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from gate import limits
from gate.errors import ForeignTextError
from gate.model.basics import Truth
from gate.model.parsed import FileLocator
from gate.model.records import BodyRead, CanaryObject, HttpAnswer, ObjectPlace
from gate.observe.kube_markers import look_at_names
from gate.observe.kubectl import Kubectl
from gate.parse.cache_place import object_place
from gate.parse.locator import parse_locator

_SYSTEM: Final = ".rustfs.sys"
_META: Final = "xl.meta"


def find_canary(
    read: BodyRead | None,
    buckets: Sequence[str],
    places: Sequence[str],
    *,
    head: Callable[[str, str], HttpAnswer],
    kubectl: Kubectl | None,
) -> CanaryObject | None:
    """Look for the object that a canary's NAR came from, in the bucket and at all places at once; None without a read.

    ``head`` asks the store for an object. Nothing is raised: what can't be determined is unknown, with the reason.
    """
    if read is None:
        return None
    hop = read.nar.hops[-1] if read.nar is not None and len(read.nar.hops) > 1 else None
    found = object_place(hop, buckets) if hop is not None else None
    if found is None:
        return CanaryObject(cache=read.cache, store_path=read.store_path, hop=hop)
    bucket, key = found
    with ThreadPoolExecutor(limits.READ_JOBS) as threads:
        asked = threads.submit(head, bucket, key)
        looks = [threads.submit(_look_at, place, bucket, key, kubectl) for place in places]
        return CanaryObject(
            cache=read.cache,
            store_path=read.store_path,
            hop=hop,
            bucket=bucket,
            key=key,
            head=asked.result(),
            places=tuple(row for look in looks for row in look.result()),
        )


def _look_at(place: str, bucket: str, key: str, kubectl: Kubectl | None) -> tuple[ObjectPlace, ...]:
    try:
        locator = parse_locator(place)
    except ForeignTextError as error:
        return (ObjectPlace(place=place, truth=Truth.UNKNOWN, error=str(error)),)
    if isinstance(locator, FileLocator):
        return (_look_here(place, Path(locator.path), bucket, key),)
    if locator.by == "log":
        why = "a marker sidecar looks for no objects"
        return (ObjectPlace(place=place, truth=Truth.UNKNOWN, error=why, denied=True),)
    if kubectl is None or locator.path is None:
        return (ObjectPlace(place=place, truth=Truth.UNKNOWN, error="this place can't be looked at from here"),)
    drive = Path(locator.path)
    names = (f"{bucket}/{key}", f"{bucket}/{key}/{_META}")
    return tuple(
        ObjectPlace(place=where, truth=Truth.UNKNOWN, error=trouble)
        if trouble is not None
        else _judge(where, _of_kinds(kinds), drive, names)
        for where, kinds, trouble in look_at_names(kubectl, locator, names)
    )


def _of_kinds(kinds: Mapping[str, str]) -> Callable[[Path], str]:
    return lambda path: kinds.get(str(path), "error: the marker script says nothing of it")


def _look_here(place: str, drive: Path, bucket: str, key: str) -> ObjectPlace:
    """A look in a thread of its own, since a call on a stalled disk can't be ended."""
    names = (f"{bucket}/{key}", f"{bucket}/{key}/{_META}")
    rows: list[ObjectPlace] = []
    thread = threading.Thread(
        target=lambda: rows.append(_judge(place, _kind, drive, names)), name=f"object at {place}", daemon=True
    )
    thread.start()
    thread.join(limits.MARKER_SECONDS)
    late = f"the disk did not answer within {limits.MARKER_SECONDS:g} s"
    return rows[0] if rows else ObjectPlace(place=place, truth=Truth.UNKNOWN, error=late)


def _judge(place: str, kind: Callable[[Path], str], drive: Path, names: tuple[str, str]) -> ObjectPlace:
    """The object by the kinds of its two names; absent only on a drive that is one, and with no word of an error."""
    system, whole, meta = kind(drive / _SYSTEM), kind(drive / names[0]), kind(drive / names[1])
    if "file" in (whole, meta):
        return ObjectPlace(place=place, truth=Truth.PRESENT)
    if whole == "absent" and system == "directory":
        return ObjectPlace(place=place, truth=Truth.ABSENT)
    if whole == "absent":
        why = f"{drive} has no {_SYSTEM}: no drive of RustFS, or not mounted"
    elif whole == "directory" and meta == "absent":
        why = f"{drive / names[0]} has no {_META}"
    else:
        why = f"{drive / names[0]}: {whole if whole != 'directory' else meta}"
    return ObjectPlace(place=place, truth=Truth.UNKNOWN, error=why)


def _kind(path: Path) -> str:
    try:
        mode = os.lstat(path).st_mode
    except OSError as error:
        return "absent" if error.errno == errno.ENOENT else f"error {error.strerror}"
    if stat.S_ISREG(mode):
        return "file"
    return "directory" if stat.S_ISDIR(mode) else "neither a file nor a directory"
