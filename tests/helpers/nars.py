"""NARs and compressed bodies made by hand, to hold the meter against."""

import bz2
import gzip
import hashlib
import lzma
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import brotli
import zstandard

from gate.parse.store_path import to_nix32


@dataclass(frozen=True)
class File:
    contents: bytes
    executable: bool = False


@dataclass(frozen=True)
class Link:
    target: str


@dataclass(frozen=True)
class Folder:
    entries: Mapping[str, "Tree"] = field(default_factory=dict)


Tree = File | Link | Folder


def string(text: bytes) -> bytes:
    return len(text).to_bytes(8, "little") + text + bytes(-len(text) % 8)


def nar(tree: Tree) -> bytes:
    """The NAR of a tree of files."""
    return string(b"nix-archive-1") + _node(tree)


def file_nar(contents: bytes) -> bytes:
    return nar(File(contents))


def nix32_of(data: bytes) -> str:
    return to_nix32(hashlib.sha256(data).digest())


def _node(tree: Tree) -> bytes:
    parts = [string(b"("), string(b"type")]
    if isinstance(tree, File):
        mode = [b"executable", b""] if tree.executable else []
        parts += map(string, [b"regular", *mode, b"contents", tree.contents])
    elif isinstance(tree, Link):
        parts += map(string, [b"symlink", b"target", tree.target.encode()])
    else:
        parts.append(string(b"directory"))
        for name, node in sorted(tree.entries.items(), key=lambda entry: entry[0].encode()):
            parts += map(string, [b"entry", b"(", b"name", name.encode(), b"node"])
            parts += [_node(node), string(b")")]
    return b"".join([*parts, string(b")")])


def zstd_frames(data: bytes, frame_bytes: int = 65536) -> bytes:
    """As Attic sends a body: each chunk compressed alone, one frame after the other."""
    pack = zstandard.ZstdCompressor(write_checksum=True).compress
    return b"".join(pack(data[at : at + frame_bytes]) for at in range(0, max(len(data), 1), frame_bytes))


# How to write each codec of narinfos; all but br as two frames.
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "zstd": lambda data: zstd_frames(data, len(data) // 2 + 1),
    "xz": lambda data: lzma.compress(data[:7]) + lzma.compress(data[7:]),
    "bzip2": lambda data: bz2.compress(data[:7]) + bz2.compress(data[7:]),
    "gzip": lambda data: gzip.compress(data[:7]) + gzip.compress(data[7:]),
    "br": lambda data: bytes(brotli.compress(data, quality=4)),
}
