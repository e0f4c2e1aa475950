"""Artifact zips: what the upload client makes is taken, everything else is refused before a byte is written."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate import limits
from gate.errors import ForgedError, GateError
from gate.github.artifact_zip import members, read_bundle, unpack

FILES = {"evidence.json": b'{"a":1}' * 50, "journal.jsonl": b"line\n" * 400, "push.log": b"", "report.html": b"<p>"}


class Pipe(io.RawIOBase):
    """A stream that can't seek: zipfile then writes sizes after the data, as the upload client does."""

    def __init__(self) -> None:
        self.got = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self.got += piece
        return len(piece)


def packed(files: dict[str, bytes] = FILES, *, method: int = zipfile.ZIP_DEFLATED, streamed: bool = False) -> bytes:
    out = Pipe() if streamed else io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 24, 0, 0, 0)), data, method)
    return bytes(out.got) if isinstance(out, Pipe) else out.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
@pytest.mark.parametrize("streamed", [False, True])
def test_what_an_archiver_writes_is_read(method: int, tmp_path: Path, *, streamed: bool) -> None:
    data = packed(method=method, streamed=streamed)
    assert read_bundle(data) == FILES
    assert set(unpack(data, tmp_path / "new")) == set(FILES)
    assert {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()} == FILES


def test_files_in_a_folder_can_be_read_but_not_unpacked(tmp_path: Path) -> None:
    data = packed({"evidence/evidence.json": b"x", "result.json": b"y"})
    assert set(read_bundle(data)) == {"evidence/evidence.json", "result.json"}
    with pytest.raises(ForgedError, match="lies in a folder"):
        unpack(data, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    with pytest.raises(GateError, match="exists"):
        unpack(packed(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def info(name: str, **attributes: int) -> zipfile.ZipInfo:
    result = zipfile.ZipInfo(name)
    for key, number in attributes.items():
        setattr(result, key, number)
    return result


def crafted(*rows: tuple[zipfile.ZipInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for row, data in rows:
            archive.writestr(row, data)
    return out.getvalue()


def raw_name(name: bytes) -> bytes:
    """A bundle whose one name is replaced, in both places, by bytes that zipfile itself would not write."""
    holder = b"N" * len(name)
    return packed({holder.decode(): b"x"}).replace(holder, name)


NAMES = [
    b"../evil",
    b"a/../../evil",
    b"/etc/passwd",
    b"C:evil",
    b"..\\evil",
    b"a\\b",
    b".hidden",
    b"-rf",
    b"a/b/c",
    b"a//b",
    b"a/",
    b"con\0.json",
    b"a b",
    b"new\nline",
    b"caf\xc3\xa9",
    b"\xff\xfe",
    b"a" * 256,
]


@pytest.mark.row("ART-01")
@pytest.mark.parametrize("name", NAMES)
def test_names_that_could_leave_the_folder_are_refused(name: bytes, tmp_path: Path) -> None:
    """ART-01."""
    data = raw_name(name)
    assert name in data
    with pytest.raises(ForgedError, match=r"name|folder"):
        unpack(data, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.row("ART-02")
@pytest.mark.parametrize("mode", [0o120777, 0o040755, 0o020666, 0o060666, 0o010644, 0o140755, 0o104755, 0o102755])
def test_links_devices_folders_and_setuid_are_refused(mode: int, tmp_path: Path) -> None:
    """ART-02: Python would write a link as a file, other tools as a link."""
    data = crafted((info("evidence.json", create_system=3, external_attr=mode << 16), b"/etc/passwd"))
    with pytest.raises(ForgedError, match="mode"):
        unpack(data, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.row("ART-03")
@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["evidence.json", "EVIDENCE.json"])
def test_two_members_of_one_name_are_refused(second: str) -> None:
    """ART-03: Python keeps the last, others the first."""
    data = crafted((info("evidence.json"), b"good"), (info(second), b"bad"))
    with pytest.raises(ForgedError, match="one name"):
        read_bundle(data)


def test_a_name_that_is_a_file_and_a_folder_is_refused() -> None:
    with pytest.raises(ForgedError, match="a file and a folder"):
        read_bundle(packed({"a": b"x", "a/b": b"y"}))


@pytest.mark.row("ART-04")
def test_a_bomb_is_refused_by_its_own_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """ART-04: 1 MiB and more at over 200 to 1."""
    data = packed({"push.log": bytes(4 * 1024 * 1024)})
    assert len(data) < 10_000
    with pytest.raises(ForgedError, match="unpacks to 4194304"):
        members(data)
    monkeypatch.setattr(limits, "BUNDLE_UNPACKED_BYTES", 1000)
    with pytest.raises(ForgedError, match="says that it has"):
        members(packed({"a": b"x" * 2000}))
    with pytest.raises(ForgedError, match="unpacks to more"):
        members(packed({"a": b"x" * 600, "b": b"y" * 600}))


@pytest.mark.row("ART-04")
def test_a_bomb_that_lies_about_its_size_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    big = bytes(64 * 1024 * 1024)
    data = packed({"push.log": big})
    lying = data.replace(struct.pack("<I", len(big)), struct.pack("<I", 1000))
    assert lying != data
    value: list[int] = []
    real = zlib.decompressobj

    class Counting:
        def __init__(self, bits: int) -> None:
            self._inner = real(bits)

        def __getattr__(self, name: str) -> object:
            return getattr(self._inner, name)

        def decompress(self, data: bytes, most: int) -> bytes:
            piece = self._inner.decompress(data, most)
            value.append(len(piece))
            return piece

    monkeypatch.setattr(zlib, "decompressobj", Counting)
    with pytest.raises(ForgedError, match="longer or shorter"):
        read_bundle(lying)
    assert sum(value) <= 1001


@pytest.mark.row("ART-04")
def test_members_that_overlap_are_refused() -> None:
    """Both directory rows point at the first member's data."""
    data = bytearray(packed({"aaa": b"x" * 100, "bbb": b"x" * 100}))
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = struct.pack("<I", 0)
    with pytest.raises(ForgedError, match="overlap"):
        members(bytes(data))


@pytest.mark.row("ART-04")
def test_more_members_than_an_evidence_folder_has_are_refused() -> None:
    with pytest.raises(ForgedError, match="201 members"):
        members(packed({f"f{number}": b"" for number in range(201)}))
    assert len(members(packed({f"f{number}": b"" for number in range(200)}))) == 200
    with pytest.raises(ForgedError, match="0 members"):
        members(packed({}))


def _with_comment(data: bytes) -> bytes:
    return data[:-2] + struct.pack("<H", 3) + b"abc"


def _zip64(data: bytes) -> bytes:
    return data[:-6] + struct.pack("<I", 0xFFFFFFFF) + data[-2:]


def _zip64_field(data: bytes) -> bytes:
    result = crafted((_extra("a", struct.pack("<HHQQ", 1, 16, 5, 5)), b"hello"))
    assert data != result
    return result


def _unicode_name(_data: bytes) -> bytes:
    return crafted((_extra("a", struct.pack("<HHBI", 0x7075, 9, 1, zlib.crc32(b"a")) + b"evil"), b"hello"))


def _extra(name: str, field: bytes) -> zipfile.ZipInfo:
    result = zipfile.ZipInfo(name)
    result.extra = field
    return result


def _bad_sum(data: bytes) -> bytes:
    at = data.index(b"line\n")
    return data[:at] + b"LINE\n" + data[at + 5 :]


def _two_names(data: bytes) -> bytes:
    return data.replace(b"journal.jsonl", b"journal.jsonX", 1)


def _other_method(data: bytes) -> bytes:
    at = data.index(b"PK\x03\x04")
    row = data.index(b"PK\x01\x02")
    result = bytearray(data)
    result[at + 8 : at + 10] = result[row + 10 : row + 12] = struct.pack("<H", 12)
    return bytes(result)


def _encrypted(data: bytes) -> bytes:
    result = bytearray(data)
    result[data.index(b"PK\x03\x04") + 6] |= 1
    result[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(result)


def _gap(data: bytes) -> bytes:
    """A byte between the members and the directory, with the end's figures fixed."""
    start = data.index(b"PK\x01\x02")
    moved = struct.unpack("<I", data[-6:-2])[0] + 1
    return data[:start] + b"\0" + data[start:-6] + struct.pack("<I", moved) + data[-2:]


EDITS: list[tuple[Callable[[bytes], bytes], str]] = [
    (lambda data: b"#!/bin/sh\n" + data, "where its directory is"),
    (lambda data: data + b"\0", "does not end"),
    (lambda data: data + data, "where its directory is"),
    (lambda data: data[:-1], "does not end"),
    (lambda data: data[: len(data) // 2], "does not end"),
    (lambda data: data[-22:], "where its directory is"),
    (lambda _data: b"", "too short"),
    (_with_comment, "does not end"),
    (_zip64, "where its directory is"),
    (_zip64_field, "extra field 0x0001"),
    (_unicode_name, "extra field 0x7075"),
    (_bad_sum, "checksum"),
    (_two_names, "two names"),
    (_other_method, "another method"),
    (_encrypted, "encrypted"),
    (_gap, "between its members and its directory"),
]


@pytest.mark.row("ART-05")
@pytest.mark.parametrize(("edit", "match"), EDITS, ids=[str(number) for number in range(len(EDITS))])
def test_zips_that_readers_disagree_on_are_refused(edit: Callable[[bytes], bytes], match: str, tmp_path: Path) -> None:
    """ART-05: data before, between and after, bad sums, cut directories, zip64, other names."""
    data = packed(method=zipfile.ZIP_STORED)
    result = edit(data)
    assert result != data
    with pytest.raises(ForgedError, match=match):
        unpack(result, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_an_artifact_over_the_cap_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BUNDLE_BYTES", 100)
    with pytest.raises(ForgedError, match="at most 100"):
        members(packed())


@pytest.mark.row("ART-12")
@pytest.mark.parametrize("streamed", [False, True])
def test_a_changed_byte_is_refused_or_changes_nothing_that_is_read(*, streamed: bool) -> None:
    """ART-12, of the zip: times, versions and attributes may differ, names and bytes never do."""
    data = packed(streamed=streamed)
    for at in range(len(data)):
        for flip in (1, 0x80):
            result = data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]
            try:
                assert read_bundle(result) == FILES, at
            except ForgedError:
                continue


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 500), st.integers(0, 500))
def test_any_bytes_give_a_bundle_or_our_own_error(junk: bytes, cut: int, at: int) -> None:
    data = packed()
    for result in (junk, data[:cut] + junk + data[at:]):
        try:
            assert set(read_bundle(result)) == set(FILES)
        except ForgedError:
            continue
