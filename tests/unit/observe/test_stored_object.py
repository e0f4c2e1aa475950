"""What a push wrote is looked for on the disk of the markers, and in the bucket."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gate import limits
from gate.model import records
from gate.model.basics import Label, Truth
from gate.model.time import rfc3339
from gate.observe.disk_markers import NO_DRIVE
from gate.observe.stored_object import find_canary
from tests.helpers import runs
from tests.helpers.runs import answer, body_read, good_nar

Window = tuple[str, str]
KEY = "0a1b.chunk"
CHUNK = "0198a7ce-5b7e-7000-8000-0123456789ab.chunk"
HOPS = ("http://attic/main/nar/x.nar", f"http://s3/attic/{KEY}")


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    (tmp_path / ".rustfs.sys").mkdir()
    (tmp_path / "attic").mkdir()
    return tmp_path


def read(*hops: str) -> records.BodyRead:
    facts = runs.CANARIES[0]
    return body_read(Label.CANARY, facts, nar=replace(good_nar(facts), hops=hops))


def find(
    *places: str, hops: tuple[str, ...] = HOPS, origin: tuple[str, ...] | None = None, window: Window | None = None
) -> records.CanaryObject:
    result = find_canary(
        [read(*each) for each in (hops, origin) if each is not None],
        ("attic",),
        places,
        head=lambda bucket, key: replace(answer(), url=f"http://s3/{bucket}/{key}"),
        listing=lambda *_: (),
        kubectl=None,
        window=window,
    )
    assert result is not None
    return result


def on(drive: Path) -> tuple[Truth, str | None]:
    row = find(f"file://{drive}").places[0]
    return row.truth, row.error


def test_rustfs_and_plain_layouts(drive: Path) -> None:
    assert on(drive) == (Truth.ABSENT, None)
    (drive / "attic" / KEY).mkdir()
    assert on(drive) == (Truth.UNKNOWN, f"{drive}/attic/{KEY} has no xl.meta")
    (drive / "attic" / KEY / "xl.meta").write_bytes(b"XL2 ")
    assert on(drive) == (Truth.PRESENT, None)
    assert find(f"file://{drive}").head == replace(answer(), url=f"http://s3/attic/{KEY}")


def test_a_plain_file_is_the_object(drive: Path) -> None:
    (drive / "attic" / KEY).write_bytes(b"x")
    assert on(drive) == (Truth.PRESENT, None)


def test_what_is_no_drive_proves_no_absence(tmp_path: Path) -> None:
    assert on(tmp_path) == (Truth.UNKNOWN, f"{tmp_path} {NO_DRIVE}")


def test_a_link_is_unknown(drive: Path) -> None:
    os.symlink("/etc/hostname", drive / "attic" / KEY)  # noqa: PTH211  as a hostile neighbour would
    truth, why = on(drive)
    assert truth is Truth.UNKNOWN
    assert why is not None
    assert "neither a file nor a directory" in why


def test_places_that_cannot_be_looked_at() -> None:
    workload = "kubectl://ns/deployment/s?path=/data"
    log, pod, outlier = find(f"{workload}&by=log", workload, "x").places
    assert (log.truth, log.denied) == (Truth.UNKNOWN, True)
    assert (pod.truth, pod.denied) == (Truth.UNKNOWN, False)
    assert (outlier.truth, outlier.denied) == (Truth.UNKNOWN, False)


@pytest.mark.parametrize("hops", [(), HOPS[:1], (HOPS[0], "http://s3/other/x"), (HOPS[0], "http://s3/attic/../x")])
def test_without_a_plain_redirect_nothing_is_known(hops: tuple[str, ...]) -> None:
    result = find("file:///data", hops=hops)
    assert (result.bucket, result.key, result.head) == (None, None, None)
    assert [(row.truth, row.denied) for row in result.places] == [(Truth.UNKNOWN, False)]
    assert find_canary([], ("attic",), (), head=lambda *_: answer(), listing=lambda *_: (), kubectl=None) is None


# --- an object that the cache does not name ---------------------------------------------------------------------------


def around_now() -> Window:
    now = datetime.now(UTC)
    return rfc3339(now - timedelta(seconds=60)), rfc3339(now + timedelta(seconds=60))


def searched(drive: Path, window: Window | None = None) -> tuple[Truth, str | None]:
    row = find(f"file://{drive}", hops=(), window=window or around_now()).places[0]
    return row.truth, row.error


def test_a_read_at_the_origin_names_the_object_where_a_proxy_does_not(drive: Path) -> None:
    for first, later in (((), HOPS), (HOPS, ())):
        assert find(f"file://{drive}", hops=first, origin=later).key == KEY


@pytest.mark.row("TRU-04")
@pytest.mark.parametrize("layout", ["rustfs", "plain"])
def test_a_chunk_that_was_written_during_the_push_is_found_by_its_time(drive: Path, layout: str) -> None:
    none = f"{drive} has no chunk that was written while the canary was pushed"
    assert searched(drive) == (Truth.ABSENT, none)
    (drive / "attic" / "other.chunk").write_bytes(b"x")  # no key of Attic's
    (drive / "attic" / CHUNK.replace("ab.", "ac.")).mkdir()  # an object without its xl.meta
    assert searched(drive) == (Truth.ABSENT, none)
    if layout == "rustfs":
        (drive / "attic" / CHUNK).mkdir()
    written = drive / "attic" / CHUNK / "xl.meta" if layout == "rustfs" else drive / "attic" / CHUNK
    written.write_bytes(b"XL2 ")
    assert searched(drive) == (Truth.PRESENT, None)
    os.utime(written, (1, 1))  # of an earlier push
    assert searched(drive) == (Truth.ABSENT, none)


def test_a_search_that_proves_nothing(drive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in range(3):
        (drive / "attic" / f"{name}.chunk").write_bytes(b"")
    assert searched(tmp_path / "none")[0] is Truth.UNKNOWN
    (drive / ".rustfs.sys").rmdir()
    assert searched(drive) == (Truth.UNKNOWN, f"{drive} {NO_DRIVE}")
    monkeypatch.setattr(limits, "OBJECTS_SCANNED", 2)
    why = f"{drive} has too many objects to search: name the server as [cache] origin-server"
    assert searched(drive) == (Truth.UNKNOWN, why)
    unknown = find("odd", "kubectl://ns/deployment/s?path=/data", hops=(), window=around_now()).places
    assert [row.truth for row in unknown] == [Truth.UNKNOWN, Truth.UNKNOWN]
    assert find(f"file://{drive}", hops=()).places[0].truth is Truth.UNKNOWN  # no window: the push was another job's


def test_an_object_that_the_search_finds_is_asked_for_at_the_endpoint(drive: Path) -> None:
    """The disk alone would say nothing of the endpoint that answers now."""
    name = "0a1b2c3d-0000-4000-8000-000000000001.chunk"
    (drive / "attic" / name).write_bytes(b"x")
    look = find(f"file://{drive}", hops=(), window=around_now())
    assert (look.bucket, look.written) == (None, f"attic/{name}")
    assert look.head is not None
    assert look.head.url == f"http://s3/attic/{name}"


@pytest.mark.parametrize("named", [True, False])
def test_a_key_that_may_not_read_objects_still_lists_them(drive: Path, named: bool) -> None:
    name = "0a1b2c3d-0000-4000-8000-000000000001.chunk"
    (drive / "attic" / name).write_bytes(b"x")
    page = answer(body="<ListBucketResult/>")
    look = find_canary(
        [read(*(HOPS if named else ()))],
        ("attic",),
        (f"file://{drive}",),
        head=lambda *_: answer(403),
        listing=lambda bucket, key: (replace(page, url=f"{bucket}/{key}"),),
        kubectl=None,
        window=around_now(),
    )
    assert look is not None
    assert [page.url for page in look.listing] == [f"attic/{KEY if named else name}"]
