"""Store paths and the hashes of Nix."""

import base64
import binascii
import re
from typing import Final

from gate.errors import ForeignTextError
from gate.parse.text import excerpt

ALPHABET: Final = "0123456789abcdfghijklmnpqrsvwxyz"
SHA256_BYTES: Final = 32

_PYTHONS: Final = "0123456789abcdefghijklmnopqrstuv"  # the digits of int(text, 32)
_FROM_NIX32: Final = str.maketrans(ALPHABET, _PYTHONS)
_NIX32: Final = re.compile(f"[{ALPHABET}]*")
_SHA256_NIX32: Final = re.compile(f"sha256:[01][{ALPHABET}]{{51}}")  # 52 digits of 5 bits for 256: the first is 0 or 1
_PAIRS: Final = tuple(one + other for one in ALPHABET for other in ALPHABET)  # what ten bits are written as
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_FORMS: Final = "expected sha256:<hex, Nix base 32 or base 64> or sha256-<base 64>"


def to_nix32(digest: bytes) -> str:
    """A digest in Nix's base 32: 52 characters for the 32 bytes of a SHA-256."""
    length = (len(digest) * 8 + 4) // 5
    number = int.from_bytes(digest, "little")
    pairs = [_PAIRS[number >> shift & 1023] for shift in range((length - 1) // 2 * 10, -1, -10)]
    return "".join(pairs)[-length:]


def from_nix32(text: str) -> bytes:
    """The digest that ``text`` writes in Nix's base 32; `ForeignTextError` when no digest is written so."""
    if not _NIX32.fullmatch(text):
        raise ForeignTextError(f"{excerpt(text)} is not Nix base 32: it has characters outside of {ALPHABET}.")
    number = int(text.translate(_FROM_NIX32), 32) if text else 0
    size = len(text) * 5 // 8
    if number >> (8 * size) or (size * 8 + 4) // 5 != len(text):
        raise ForeignTextError(f"{excerpt(text)} is not Nix base 32 of whole bytes: no digest is written so.")
    return number.to_bytes(size, "little")


def sha256_nix32(text: str) -> str:
    """``sha256:<Nix base 32>`` of a SHA-256 in any of Nix's forms; `ForeignTextError` for everything else."""
    return text if _SHA256_NIX32.fullmatch(text) else f"sha256:{to_nix32(_sha256(text))}"


def base64_bytes(text: str, size: int) -> bytes | None:
    """The ``size`` bytes that ``text`` is the one canonical base 64 of, or None."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == size and base64.b64encode(raw).decode("ascii") == text else None


def _sha256(text: str) -> bytes:
    sri = text.startswith("sha256-")
    if not sri and not text.startswith("sha256:"):
        raise ForeignTextError(f"{excerpt(text)} is not a SHA-256 as Nix writes it: {_FORMS}.")
    digits = text[len("sha256:") :]
    if not sri and _HEX.fullmatch(digits):
        return bytes.fromhex(digits)
    if not sri and len(digits) == 52:
        return from_nix32(digits)
    raw = base64_bytes(digits, SHA256_BYTES)
    if raw is None:
        raise ForeignTextError(f"{excerpt(text)} is not a SHA-256 as Nix writes it: {_FORMS}.")
    return raw


STORE_DIR: Final = "/nix/store"
HASH_CHARS: Final = 32

_BASE_NAME: Final = re.compile(r"[0-9a-df-np-sv-z]{32}-(?!\.\.?(?:-|\Z))[0-9a-zA-Z+._?=-]{1,211}")
_HASH_PART: Final = re.compile(r"[0-9a-df-np-sv-z]{32}")


def store_path(text: str) -> str:
    """The same text, known to be a store path below ``/nix/store``; `ForeignTextError` for anything else."""
    prefix = f"{STORE_DIR}/"
    if not text.startswith(prefix) or not _BASE_NAME.fullmatch(text, len(prefix)):
        raise ForeignTextError(f"{excerpt(text)} is not a store path: expected {STORE_DIR}/<hash>-<name>.")
    return text


def base_name(path: str) -> str:
    """``<hash>-<name>`` of a store path; `ForeignTextError` for any other text."""
    return store_path(path)[len(STORE_DIR) + 1 :]


def hash_part(path: str) -> str:
    """The 32 characters by which a cache names a store path; `ForeignTextError` for any other text."""
    return base_name(path)[:HASH_CHARS]


def store_hash(text: str) -> str:
    """The same text, known to be the hash part of a store path; `ForeignTextError` for anything else."""
    if not _HASH_PART.fullmatch(text):
        raise ForeignTextError(
            f"{excerpt(text)} is not the hash of a store path: expected 32 characters of Nix base 32."
        )
    return text


def from_base_name(name: str, store_dir: str = STORE_DIR) -> str:
    """The full path of ``<hash>-<name>`` below ``store_dir``; `ForeignTextError` when the name is no base name."""
    if not _BASE_NAME.fullmatch(name):
        raise ForeignTextError(f"{excerpt(name)} is not the base name of a store path: expected <hash>-<name>.")
    return f"{store_dir}/{name}"
