import json
import os
import shutil
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from gate.model.basics import Truth
from gate.model.records import MarkerSeen, PlaceSeen
from gate.observe import disk_markers
from gate.observe.disk_markers import look

P, A, U = Truth.PRESENT, Truth.ABSENT, Truth.UNKNOWN


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """A drive with one healthy bucket."""
    result = tmp_path / "data"
    add(result, "attic")
    return result


def add(drive: Path, bucket: str) -> None:
    (drive / bucket).mkdir(parents=True)
    (drive / ".rustfs.sys" / "buckets" / bucket / ".metadata.bin").mkdir(parents=True)


def seen(drive: Path, *buckets: str) -> PlaceSeen:
    return look(f"file://{drive}", buckets)


def marker(drive: Path, bucket: str = "attic") -> tuple[Truth, Truth, str | None]:
    (result,) = seen(drive, bucket).markers
    assert result.bucket == bucket
    return result.data, result.meta, result.error


def test_both_markers(drive: Path) -> None:
    add(drive, "tofu-state")
    assert seen(drive, "attic", "tofu-state", "none") == PlaceSeen(
        place=f"file://{drive}",
        markers=(
            MarkerSeen(bucket="attic", data=P, meta=P),
            MarkerSeen(bucket="tofu-state", data=P, meta=P),
            MarkerSeen(bucket="none", data=A, meta=A),
        ),
    )


def test_one_marker_without_the_other(drive: Path) -> None:
    (drive / "attic").rmdir()
    (drive / "data-only").mkdir()
    assert marker(drive) == (A, P, None)
    assert marker(drive, "data-only") == (P, A, None)


@pytest.mark.parametrize("kind", ["link", "dangling", "fifo", "file", "empty file", "socket"])
def test_what_is_no_directory_is_neither_there_nor_absent(drive: Path, kind: str, tmp_path: Path) -> None:
    for name in (drive / "odd", drive / ".rustfs.sys" / "buckets" / "odd" / ".metadata.bin"):
        name.parent.mkdir(exist_ok=True)
        if kind in ("link", "dangling"):
            name.symlink_to(drive / "attic" if kind == "link" else drive / "nowhere")
        elif kind == "fifo":
            os.mkfifo(name)
        elif kind == "socket":
            os.mknod(name, stat.S_IFSOCK | 0o600)
        else:
            name.write_text("x" if kind == "file" else "")
    data, meta, error = marker(drive, "odd")
    assert (data, meta) == (U, U)
    word = {"link": "a link", "dangling": "a link", "fifo": "a FIFO", "socket": "a socket"}.get(kind, "a file")
    assert error is not None
    assert error.count(f"is {word}: expected a directory") == 2


def test_a_file_on_the_way_is_unknown(drive: Path) -> None:
    (drive / ".rustfs.sys" / "buckets" / "odd").write_text("")
    assert marker(drive, "odd") == (A, U, f"{drive}/.rustfs.sys/buckets/odd/.metadata.bin: Not a directory")


@pytest.mark.parametrize("code", [5, 13, 116], ids=["EIO", "EACCES", "ESTALE"])
def test_an_error_of_the_disk_is_unknown(drive: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    real, hits = os.lstat, []

    def failing(path: str | Path, **rest: Any) -> os.stat_result:
        if Path(path).name in ("attic", ".metadata.bin"):
            hits.append(path)
            raise OSError(code, os.strerror(code))
        return real(path, **rest)

    monkeypatch.setattr(os, "lstat", failing)
    data, meta, error = marker(drive)
    assert (data, meta, len(hits)) == (U, U, 2)
    assert error == f"{hits[0]}: {os.strerror(code)}; {hits[1]}: {os.strerror(code)}"


@pytest.mark.parametrize(("code", "told"), [(5, True), (116, True), (13, False)], ids=["EIO", "ESTALE", "EACCES"])
def test_a_disk_that_fails_on_its_own_name_stands_with_every_marker(
    drive: Path, monkeypatch: pytest.MonkeyPatch, code: int, *, told: bool
) -> None:
    """A right that is not there is no failing disk: the observer needs none to read that file."""
    hits: list[Path] = []

    def failing(path: Path, *, cap: int) -> bytes:
        assert cap
        hits.append(path)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(disk_markers, "read_small", failing)
    place = seen(drive, "attic", "none")
    why = f"{drive}/.rustfs.sys/format.json: {os.strerror(code)}" if told else None
    assert (place.volume, place.error, len(hits)) == (None, None, 1)
    assert place.markers == (
        MarkerSeen(bucket="attic", data=P, meta=P, error=why),
        MarkerSeen(bucket="none", data=A, meta=A, error=why),
    )


def test_what_was_seen_before_a_drive_failed_was_there(drive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, looks = os.lstat, []

    def failing(path: str | Path, **rest: Any) -> os.stat_result:
        if Path(path).name == ".rustfs.sys":
            looks.append(path)
            if len(looks) > 1:
                raise OSError(5, os.strerror(5))
        return real(path, **rest)

    monkeypatch.setattr(os, "lstat", failing)
    place = seen(drive, "attic", "none")
    why = f"{drive}/.rustfs.sys: {os.strerror(5)}"
    assert (place.error, len(looks)) == (why, 2)
    assert place.markers == (
        MarkerSeen(bucket="attic", data=P, meta=P, error=why),
        MarkerSeen(bucket="none", data=U, meta=U, error=why),
    )


@pytest.mark.parametrize("kind", ["missing", "file", "link"])
def test_without_a_root_all_is_unknown(tmp_path: Path, drive: Path, kind: str) -> None:
    root = tmp_path / "root"
    if kind == "file":
        root.write_text("")
    elif kind == "link":
        root.symlink_to(drive)
    place = seen(root, "attic", "b")
    why = {
        "missing": f"{root} is not there",
        "file": f"{root} is a file: expected a directory",
        "link": f"{root} is a link: expected a directory",
    }[kind]
    assert place.error == why
    assert [(m.data, m.meta, m.error) for m in place.markers] == [(U, U, why)] * 2


def test_an_empty_mount_point_is_no_drive_without_buckets(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "kept").mkdir()
    why = f"{tmp_path}/data has neither .rustfs.sys nor .minio.sys: no drive of RustFS or MinIO, or not mounted"
    assert seen(tmp_path / "data", "attic", "kept").markers == (
        MarkerSeen(bucket="attic", data=U, meta=U, error=why),
        MarkerSeen(bucket="kept", data=P, meta=U, error=why),
    )


def test_minio_keeps_the_same_markers_in_its_own_folder(drive: Path) -> None:
    before = seen(drive, "attic", "none")
    (drive / ".rustfs.sys").rename(drive / ".minio.sys")
    assert seen(drive, "attic", "none") == before
    assert [row.data for row in before.markers] == [P, A]
    shutil.rmtree(drive / ".minio.sys" / "buckets" / "attic")
    assert [(row.data, row.meta) for row in seen(drive, "attic").markers] == [(P, A)]
    (drive / ".minio.sys").rename(drive / "elsewhere")
    (drive / ".minio.sys").symlink_to(drive / "elsewhere")
    assert [row.data for row in seen(drive, "none").markers] == [U], "a link is no folder of the store"


def test_a_system_folder_that_cannot_be_read_is_unknown(drive: Path) -> None:
    (drive / ".rustfs.sys").rename(drive / "moved")
    (drive / ".rustfs.sys").symlink_to(drive / "moved")
    data, meta, error = marker(drive, "none")
    assert (data, meta) == (U, U)
    assert error == f"{drive}/.rustfs.sys is a link: expected a directory"


def test_a_drive_that_is_unmounted_while_it_is_looked_at(drive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = disk_markers._marker

    def unmounting(see: disk_markers.LookAtDirectory, folder: Path, metadata: Path, bucket: str) -> MarkerSeen:
        if (drive / ".rustfs.sys").exists():
            drive.rename(drive.with_name("away"))
            drive.mkdir()
        return real(see, folder, metadata, bucket)

    monkeypatch.setattr(disk_markers, "_marker", unmounting)
    place = seen(drive, "attic")
    assert [(m.data, m.meta) for m in place.markers] == [(U, U)]
    assert place.error == f"{drive}/.rustfs.sys is not there"


def test_a_stalled_disk_is_not_waited_for(drive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_markers, "_look", lambda *_: time.sleep(3))
    place = look(f"file://{drive}", ["attic"], seconds=0.2)
    assert place.error == "the disk did not answer within 0.2 s"
    assert [(m.data, m.meta) for m in place.markers] == [(U, U)]


@pytest.mark.parametrize("bucket", ["", ".", "..", "../attic", "attic/x", "a\0b"])
def test_what_is_no_bucket_is_not_looked_for(drive: Path, bucket: str) -> None:
    assert marker(drive, bucket) == (U, U, "no name of a bucket")


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("kubectl://rustfs/deployment/rustfs?path=/data", "this place is in a cluster"),
        ("/data", "'/data' is not a locator"),
        ("", "'' is not a locator"),
    ],
)
def test_places_that_cannot_be_looked_at(place: str, why: str) -> None:
    got = look(place, ["attic", "b"])
    assert got.place == place
    assert (got.error or "").startswith(why)
    assert [(m.data, m.meta) for m in got.markers] == [(U, U)] * 2


@pytest.mark.parametrize(
    ("text", "volume"),
    [
        (json.dumps({"version": "1", "format": "xl-single", "id": "dep", "xl": {"this": "drv"}}), "dep/drv"),
        (json.dumps({"id": "dep", "xl": {"this": None}}), "dep"),
        (json.dumps({"id": "dep"}), "dep"),
        (json.dumps({"id": 7, "xl": []}), None),
        ("[]", None),
        ("{", None),
        ('{"id": "a", "id": "b"}', None),
        (json.dumps({"id": "x" * 70_000}), None),
    ],
    ids=["both", "null", "bare", "types", "list", "torn", "twice", "large"],
)
def test_the_name_of_a_drive(drive: Path, text: str, volume: str | None) -> None:
    (drive / ".rustfs.sys" / "format.json").write_text(text)
    assert seen(drive, "attic").volume == volume


@pytest.fixture
def fifo(drive: Path) -> Path:
    os.mkfifo(drive / ".rustfs.sys" / "format.json")
    return drive


def test_a_fifo_in_place_of_the_name_does_not_hang(fifo: Path) -> None:
    place = seen(fifo, "attic")
    assert (place.volume, place.error, place.markers[0].data) == (None, None, P)


def test_a_link_in_place_of_the_name_is_not_followed(drive: Path, tmp_path: Path) -> None:
    (tmp_path / "f").write_text('{"id": "dep"}')
    (drive / ".rustfs.sys" / "format.json").symlink_to(tmp_path / "f")
    assert seen(drive, "attic").volume is None
