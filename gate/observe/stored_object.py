"""Whether an object is on the disk of the store: what a push wrote must be there.

RustFS keeps an object as ``<drive>/<bucket>/<key>/xl.meta`` (1.0.0-beta.2, ``crates/ecstore/src/disk/local.rs``), with
small bodies inside of it; servers that keep files as they are have ``<drive>/<bucket>/<key>``. Only these two names are
looked at, by lstat.

Where the cache does not name the object, the buckets' folders are searched for one of Attic's form: a chunk has the
key ``<uuid>.chunk`` (attic b7c9056 server/src/api/v1/upload_path.rs), right below the bucket.
"""

import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Final

from gate import limits
from gate.errors import ForeignTextError
from gate.model.basics import Label, Truth
from gate.model.parsed import FileLocator
from gate.model.records import BodyRead, CanaryObject, HttpAnswer, ObjectPlace, ReferenceLooked
from gate.observe.disk_markers import NO_DRIVE, SYSTEM_FOLDERS, is_drive
from gate.observe.kube_markers import look_at_names
from gate.observe.kubectl import Kubectl
from gate.parse.addresses import object_place
from gate.parse.locator import parse_locator

_META: Final = "xl.meta"
_CHUNK: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.chunk")


def find_canary(
    reads: Sequence[BodyRead],
    buckets: Sequence[str],
    places: Sequence[str],
    *,
    head: Callable[[str, str], HttpAnswer],
    listing: Callable[[str, str], tuple[HttpAnswer, ...]],
    kubectl: Kubectl | None,
    window: tuple[str, str] | None = None,
) -> CanaryObject | None:
    """Look for the object that a canary's NAR came from, in the bucket and at all places at once; None without a read.

    The newest read that names an object counts. Where none does, an object of Attic's form is looked for that was
    written in the ``window``, the times when its push began and ended (RFC 3339). ``head`` asks the store for an
    object; a key that may not (HTTP 403) may still list, so ``listing`` asks for the keys that begin with the object's:
    HeadObject needs s3:GetObject, ListObjectsV2 only s3:ListBucket, which the samples of the buckets need too
    (https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html). Nothing is raised: what can't be determined
    is unknown, with the reason.
    """
    if not reads:
        return None
    read, hop = reads[-1], None
    object_of_hop: tuple[str, str] | None = None
    for each in reads:
        last = each.nar.hops[-1] if each.nar is not None and len(each.nar.hops) > 1 else None
        hop_place = object_place(last, buckets) if last is not None else None
        if hop_place is not None or object_of_hop is None:
            read, hop, object_of_hop = each, last, hop_place
    if object_of_hop is None:
        with ThreadPoolExecutor(limits.READ_JOBS) as threads:
            rows = tuple(threads.map(lambda place: _search(place, buckets, window), places))
        written = next((row.written for row in rows if row.written), None)
        look = CanaryObject(
            cache=read.cache, store_path=read.store_path, hop=hop, written=written, places=rows, window=window
        )
        if written is None:
            return look
        bucket, _, key = written.partition("/")
        answer = head(bucket, key)
        pages = listing(bucket, key) if answer.status == HTTPStatus.FORBIDDEN else ()
        return replace(look, head=answer, listing=pages)
    bucket, key = object_of_hop
    with ThreadPoolExecutor(limits.READ_JOBS) as threads:
        heading = threads.submit(head, bucket, key)
        looks = [threads.submit(_look_at, place, bucket, key, kubectl) for place in places]
        answer = heading.result()
        return CanaryObject(
            cache=read.cache,
            store_path=read.store_path,
            hop=hop,
            bucket=bucket,
            key=key,
            head=answer,
            listing=listing(bucket, key) if answer.status == HTTPStatus.FORBIDDEN else (),
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
    """A look in a separate thread, because a call on a stalled disk can't be ended."""
    names = (f"{bucket}/{key}", f"{bucket}/{key}/{_META}")
    return _bounded(place, lambda: _judge(place, _kind, drive, names), limits.MARKER_SECONDS)


def _bounded(place: str, look: Callable[[], ObjectPlace], seconds: float) -> ObjectPlace:
    """A look on a daemon thread; unknown when it takes longer."""
    rows: list[ObjectPlace] = []
    thread = threading.Thread(target=lambda: rows.append(look()), name=f"object at {place}", daemon=True)
    thread.start()
    thread.join(seconds)
    late = f"the disk did not answer within {seconds:g} s"
    return rows[0] if rows else ObjectPlace(place=place, truth=Truth.UNKNOWN, error=late)


def _search(place: str, buckets: Sequence[str], window: tuple[str, str] | None) -> ObjectPlace:
    """Whether a chunk was written to one drive of this machine within the window."""
    try:
        locator = parse_locator(place)
    except ForeignTextError as error:
        return ObjectPlace(place=place, truth=Truth.UNKNOWN, error=str(error))
    if not isinstance(locator, FileLocator) or window is None:
        why = "objects are searched for by their time only on drives of the machine that pushes"
        return ObjectPlace(place=place, truth=Truth.UNKNOWN, error=f"{why}: name the server as [cache] origin-server")
    drive = Path(locator.path)
    begin, end = (datetime.fromisoformat(at).timestamp() for at in window)
    return _bounded(place, lambda: _searched(place, drive, buckets, begin, end), limits.OBJECT_SCAN_SECONDS)


def _searched(place: str, drive: Path, buckets: Sequence[str], begin: float, end: float) -> ObjectPlace:
    """The row of a search that ends by itself; absent only when all names of a drive that is one were looked at."""
    until, count = time.monotonic() + limits.OBJECT_SCAN_SECONDS, 0
    try:
        for bucket in buckets:
            with os.scandir(drive / bucket) as entries:
                for entry in entries:
                    count += 1
                    if count > limits.OBJECTS_SCANNED or time.monotonic() > until:
                        why = f"{drive} has too many objects to search: name the server as [cache] origin-server"
                        return ObjectPlace(place=place, truth=Truth.UNKNOWN, error=why)
                    if _CHUNK.fullmatch(entry.name) and begin <= _written_at(Path(entry.path)) <= end:
                        return ObjectPlace(place=place, truth=Truth.PRESENT, written=f"{bucket}/{entry.name}")
    except OSError as error:
        return ObjectPlace(place=place, truth=Truth.UNKNOWN, error=f"{drive}: {error.strerror}")
    if is_drive(drive):
        why = f"{drive} has no chunk that was written while the canary was pushed"
        return ObjectPlace(place=place, truth=Truth.ABSENT, error=why)
    return ObjectPlace(place=place, truth=Truth.UNKNOWN, error=f"{drive} {NO_DRIVE}")


def _written_at(path: Path) -> float:
    """When an object of either layout was written; 0 for what is neither, or went meanwhile."""
    for name in (path / _META, path):
        try:
            status = os.lstat(name)
        except (FileNotFoundError, NotADirectoryError):
            continue
        if stat.S_ISREG(status.st_mode):
            return status.st_mtime
    return 0.0


def _judge(place: str, kind: Callable[[Path], str], drive: Path, names: tuple[str, str]) -> ObjectPlace:
    """The object by the kinds of its two names; absent only on a drive that is one, and with no word of an error."""
    has_system = any(kind(drive / name) == "directory" for name in SYSTEM_FOLDERS)
    whole, meta = kind(drive / names[0]), kind(drive / names[1])
    if "file" in (whole, meta):
        return ObjectPlace(place=place, truth=Truth.PRESENT)
    if whole == "absent" and has_system:
        return ObjectPlace(place=place, truth=Truth.ABSENT)
    if whole == "absent":
        why = f"{drive} {NO_DRIVE}"
    elif whole == "directory" and meta == "absent":
        why = f"{drive / names[0]} has no {_META}"
    else:
        why = f"{drive / names[0]}: {whole if whole != 'directory' else meta}"
    return ObjectPlace(place=place, truth=Truth.UNKNOWN, error=why)


def _kind(path: Path) -> str:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return "absent"
    except OSError as error:
        return f"error {error.strerror}"
    if stat.S_ISREG(mode):
        return "file"
    return "directory" if stat.S_ISDIR(mode) else "neither a file nor a directory"


def look_at_references(
    paths: Sequence[str],
    narinfo: Callable[[str], HttpAnswer],
    *,
    label: Label,
    cache: str,
    attempt: int,
    stop: Callable[[], bool],
) -> Iterator[ReferenceLooked]:
    """A record for each path, in order; once ``stop`` says so, the rest goes unasked and has none.

    ``narinfo`` asks for one path's. What it answers is only written down here.
    """

    def look(path: str) -> ReferenceLooked | None:
        if stop():
            return None
        return ReferenceLooked(label=label, cache=cache, store_path=path, attempt=attempt, narinfo=narinfo(path))

    with ThreadPoolExecutor(limits.READ_JOBS) as threads:
        yield from (row for row in threads.map(look, paths) if row is not None)
