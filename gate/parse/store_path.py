"""Store paths: ``/nix/store/<32 characters of Nix base 32>-<name>``.

Rules as in Nix (``src/libstore/path.cc``, ``checkName``) and https://nix.dev/manual/nix/2.34/store/store-path:
a name has 1 to 211 characters of ``0-9 a-z A-Z + - . _ ? =`` and is not ``.`` or ``..``, alone or before a dash.
"""

import re
from typing import Final

from gate.errors import ForeignTextError
from gate.parse.quoting import shown

STORE_DIR: Final = "/nix/store"
HASH_CHARS: Final = 32

_BASE_NAME: Final = re.compile(r"[0-9a-df-np-sv-z]{32}-(?!\.\.?(?:-|\Z))[0-9a-zA-Z+._?=-]{1,211}")
_HASH_PART: Final = re.compile(r"[0-9a-df-np-sv-z]{32}")


def store_path(text: str) -> str:
    """The same text, known to be a store path below ``/nix/store``; `ForeignTextError` for anything else."""
    prefix = f"{STORE_DIR}/"
    if not text.startswith(prefix) or not _BASE_NAME.fullmatch(text, len(prefix)):
        raise ForeignTextError(f"{shown(text)} is not a store path: expected {STORE_DIR}/<hash>-<name>.")
    return text


def base_name(path: str) -> str:
    """``<hash>-<name>`` of a store path; `ForeignTextError` when it is none."""
    return store_path(path)[len(STORE_DIR) + 1 :]


def hash_part(path: str) -> str:
    """The 32 characters by which a cache names a store path; `ForeignTextError` when it is none."""
    return base_name(path)[:HASH_CHARS]


def store_hash(text: str) -> str:
    """The same text, known to be the hash part of a store path; `ForeignTextError` for anything else."""
    if not _HASH_PART.fullmatch(text):
        raise ForeignTextError(f"{shown(text)} is not the hash of a store path: expected 32 characters of Nix base 32.")
    return text


def from_base_name(name: str, store_dir: str = STORE_DIR) -> str:
    """The full path of ``<hash>-<name>`` below ``store_dir``; `ForeignTextError` when the name is no base name."""
    if not _BASE_NAME.fullmatch(name):
        raise ForeignTextError(f"{shown(name)} is not the base name of a store path: expected <hash>-<name>.")
    return f"{store_dir}/{name}"
