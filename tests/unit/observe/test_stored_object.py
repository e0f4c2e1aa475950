"""What a push wrote is looked for on the disk of the markers, and in the bucket."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from gate.model import records as say
from gate.model.basics import Label, Truth
from gate.observe.stored_object import find_canary
from tests.helpers import tapes
from tests.helpers.tapes import answer, body_read, good_nar

KEY = "0a1b.chunk"
HOPS = ("http://attic/main/nar/x.nar", f"http://s3/attic/{KEY}")


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    (tmp_path / ".rustfs.sys").mkdir()
    (tmp_path / "attic").mkdir()
    return tmp_path


def read(*hops: str) -> say.BodyRead:
    facts = tapes.CANARIES[0]
    return body_read(Label.CANARY, facts, nar=replace(good_nar(facts), hops=hops))


def find(*places: str, hops: tuple[str, ...] = HOPS) -> say.CanaryObject:
    found = find_canary(
        read(*hops),
        ("attic",),
        places,
        head=lambda bucket, key: replace(answer(), url=f"http://s3/{bucket}/{key}"),
        kubectl=None,
    )
    assert found is not None
    return found


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
    assert on(tmp_path) == (Truth.UNKNOWN, f"{tmp_path} has no .rustfs.sys: no drive of RustFS, or not mounted")


def test_a_link_is_unknown(drive: Path) -> None:
    os.symlink("/etc/hostname", drive / "attic" / KEY)  # noqa: PTH211  as a hostile neighbour would
    truth, why = on(drive)
    assert truth is Truth.UNKNOWN
    assert why is not None
    assert "neither a file nor a directory" in why


def test_places_that_cannot_be_looked_at() -> None:
    workload = "kubectl://ns/deployment/s?path=/data"
    log, pod, odd = find(f"{workload}&by=log", workload, "x").places
    assert (log.truth, log.denied) == (Truth.UNKNOWN, True)
    assert (pod.truth, pod.denied) == (Truth.UNKNOWN, False)
    assert (odd.truth, odd.denied) == (Truth.UNKNOWN, False)


@pytest.mark.parametrize("hops", [(), HOPS[:1], (HOPS[0], "http://s3/other/x"), (HOPS[0], "http://s3/attic/../x")])
def test_without_a_plain_redirect_nothing_is_known(hops: tuple[str, ...]) -> None:
    found = find("file:///data", hops=hops)
    assert (found.bucket, found.key, found.head, found.places) == (None, None, None, ())
    assert find_canary(None, ("attic",), (), head=lambda *_: answer(), kubectl=None) is None
