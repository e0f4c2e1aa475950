"""Signatures of narinfos: what is signed, and whether a key signed it.

Nix signs the line ``1;<store path>;<nar hash>;<nar size>;<references>`` with ed25519
(``src/libstore/path-info.cc``, ``ValidPathInfo::fingerprint``). It holds references as a set, so it always writes
them sorted and once each; a signature over another order is one that Nix refuses.
"""

import re
from collections.abc import Iterable
from typing import Final

from gate.errors import ForeignTextError
from gate.parse.nix_hash import base64_bytes, sha256_nix32
from gate.parse.quoting import shown
from gate.parse.store_path import store_path as checked_path

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

_KEY_NAME: Final = re.compile(r"[!-9;-~]+")  # what stands before the first colon: printable, no blanks


def fingerprint(store_path: str, nar_hash: str, nar_size: int, references: Iterable[str]) -> bytes:
    """What a signature of a path is made over.

    ``references`` are full store paths in any order, ``nar_hash`` may have any of Nix's forms, ``nar_size`` is in
    bytes.
    `ForeignTextError` when a path or the hash is none.
    """
    sorted_references = ",".join(sorted({checked_path(reference) for reference in references}))
    return f"1;{checked_path(store_path)};{sha256_nix32(nar_hash)};{nar_size};{sorted_references}".encode("ascii")


def key_name(signature: str) -> str | None:
    """The name of the key that a signature (or a key) says it is of, or None when it is malformed."""
    name, colon, _ = signature.partition(":")
    return name if colon and _KEY_NAME.fullmatch(name) else None


def trusts(trusted: Iterable[str], key: str) -> bool:
    """Whether a machine with these ``trusted-public-keys`` takes signatures of this key.

    Of several keys of one name Nix knows only the first (nix 2.8.0 src/libstore/crypto.cc, ``getDefaultPublicKeys``).
    """
    name = key_name(key)
    return next((one for one in trusted if key_name(one) == name), None) == key


def public_key(text: str) -> tuple[str, bytes]:
    """Name and raw bytes of an ed25519 public key, ``<name>:<base 64>``; `ForeignTextError` when malformed."""
    name = key_name(text)
    raw = base64_bytes(text.partition(":")[2], KEY_BYTES)
    if name is None or raw is None:
        raise ForeignTextError(f"{shown(text)} is not a public key: expected <name>:<base 64 of {KEY_BYTES} bytes>.")
    return name, raw


def verify(fingerprint: bytes, signature: str, public_keys: Iterable[str]) -> bool:
    """Whether one of the keys made this signature over this fingerprint.

    A malformed signature, one of an unknown key or a wrong one is False. A malformed key is our own setting gone
    wrong and raises `ForeignTextError`, whatever the signature is.
    """
    keys = [public_key(text) for text in public_keys]
    name = key_name(signature)
    raw = base64_bytes(signature.partition(":")[2], SIGNATURE_BYTES)
    if name is None or raw is None:
        return False
    return any(_signed(raw, fingerprint, key) for owner, key in keys if owner == name)


def _signed(signature: bytes, message: bytes, key: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  # heavy, and not needed for --help
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415  # the same

    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True
