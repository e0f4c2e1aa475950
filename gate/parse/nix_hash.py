"""Hashes as Nix writes them: base 16, Nix's own base 32, base 64 and SRI. Only SHA-256 is ever accepted.

Nix's base 32 (``src/libutil/hash.cc``) reads the digest as a little-endian number and writes its digits, most
significant first, in an alphabet without ``e``, ``o``, ``u`` and ``t``.
"""

import base64
import binascii
import re
from typing import Final

from gate.errors import ForeignTextError
from gate.parse.quoting import shown

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
        raise ForeignTextError(f"{shown(text)} is not Nix base 32: it has characters outside of {ALPHABET}.")
    number = int(text.translate(_FROM_NIX32), 32) if text else 0
    size = len(text) * 5 // 8
    if number >> (8 * size) or (size * 8 + 4) // 5 != len(text):
        raise ForeignTextError(f"{shown(text)} is not Nix base 32 of whole bytes: no digest is written so.")
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
        raise ForeignTextError(f"{shown(text)} is not a SHA-256 as Nix writes it: {_FORMS}.")
    digits = text[len("sha256:") :]
    if not sri and _HEX.fullmatch(digits):
        return bytes.fromhex(digits)
    if not sri and len(digits) == 52:
        return from_nix32(digits)
    raw = base64_bytes(digits, SHA256_BYTES)
    if raw is None:
        raise ForeignTextError(f"{shown(text)} is not a SHA-256 as Nix writes it: {_FORMS}.")
    return raw
