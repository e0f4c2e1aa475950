"""Answers of the stand-in Attic: narinfo, errors and headers, as the recordings show them."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gate.lab.attic.access import Caller
from gate.lab.attic.store import Located

NIX32_ALPHABET: Final = "0123456789abcdfghijklmnpqrsvwxyz"
SEED_BYTES: Final = 32  # an ed25519 key pair is kept as seed and public key, 64 bytes, in base64


def nix32(digest: bytes) -> str:
    """Return a digest in Nix's base 32: five bits a character, least significant byte last."""
    number = int.from_bytes(digest, "little")
    length = (len(digest) * 8 + 4) // 5
    return "".join(NIX32_ALPHABET[(number >> 5 * place) & 31] for place in reversed(range(length)))


def new_keypair(cache: str) -> str:
    """Return a fresh signing key, ``NAME:BASE64`` of seed and public key."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"{cache}:{base64.b64encode(key.private_bytes_raw() + public).decode()}"


def public_key(keypair: str) -> str:
    """Return the public half as Nix's ``trusted-public-keys`` wants it."""
    name, _, encoded = keypair.partition(":")
    return f"{name}:{base64.b64encode(base64.b64decode(encoded)[SEED_BYTES:]).decode()}"


def fingerprint(located: Located) -> str:
    """Return what is signed: ``1;PATH;sha256:NIX32;SIZE;REFERENCES`` with full reference paths."""
    store_dir = located.store_path.rpartition("/")[0]
    digest = bytes.fromhex(located.nar_hash.removeprefix("sha256:"))
    references = ",".join(f"{store_dir}/{name}" for name in located.references)
    return f"1;{located.store_path};sha256:{nix32(digest)};{located.nar_size};{references}"


def sign(keypair: str, text: str) -> str:
    """Return ``NAME:BASE64`` of the signature of ``text``."""
    name, _, encoded = keypair.partition(":")
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(encoded)[:SEED_BYTES])
    return f"{name}:{base64.b64encode(key.sign(text.encode())).decode()}"


def render(located: Located) -> str:
    """Return the narinfo: the recorded fields in the recorded order, never a FileHash or FileSize."""
    lines = [
        f"StorePath: {located.store_path}",
        f"URL: nar/{located.store_path_hash}.nar",
        f"Compression: {located.compression}",
        f"NarHash: {located.nar_hash}",
        f"NarSize: {located.nar_size}",
        f"References: {' '.join(located.references)}",
    ]
    if located.system is not None:
        lines.append(f"System: {located.system}")
    if located.deriver is not None:
        lines.append(f"Deriver: {located.deriver}")
    lines.append(f"Sig: {sign(located.cache.keypair, fingerprint(located))}")
    if located.ca is not None:
        lines.append(f"CA: {located.ca}")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request with its whole body."""

    method: str
    target: str
    """Path and query as sent, percent-encoded."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    caller: Caller
    task: int
    """Number of the connection's task, for the log."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: ``body`` whole, or ``stream`` piece by piece after the head has gone out."""

    status: HTTPStatus
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    stream: Iterator[bytes] | None = field(default=None)


def json_reply(value: object) -> Reply:
    """Return 200 with compact JSON."""
    body = json.dumps(value, separators=(",", ":")).encode()
    return Reply(HTTPStatus.OK, (("content-type", "application/json"),), body)


def text_reply(status: HTTPStatus, text: str, content_type: str = "text/plain; charset=utf-8") -> Reply:
    """Return text of any status."""
    return Reply(status, (("content-type", content_type),), text.encode())
