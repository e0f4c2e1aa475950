"""Signatures of narinfos: what is signed, and whether a key signed it.

Nix signs the line ``1;<store path>;<nar hash>;<nar size>;<references>`` with ed25519
(``src/libstore/path-info.cc``, ``ValidPathInfo::fingerprint``). It holds references as a set, so it always writes
them sorted and once each; a signature over another order is one that Nix refuses.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from gate.errors import ForeignTextError
from gate.limits import NARINFO_BYTES, NARINFOS_KEPT
from gate.model.parsed import NarInfo
from gate.parse.store_path import base64_bytes, from_base_name, hash_part, sha256_nix32, store_path
from gate.parse.store_path import store_path as checked_path
from gate.parse.text import excerpt

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

_KEY_NAME: Final = re.compile(r"[!-9;-~]+")  # before the first colon: printable, no blanks


def fingerprint(store_path: str, nar_hash: str, nar_size: int, references: Iterable[str]) -> bytes:
    """What a signature of a path is made over.

    ``references`` are full store paths in any order, ``nar_hash`` may have any of Nix's forms, ``nar_size`` is in
    bytes.
    `ForeignTextError` when a path or the hash has another form.
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
        raise ForeignTextError(f"{excerpt(text)} is not a public key: expected <name>:<base 64 of {KEY_BYTES} bytes>.")
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


SIZE_MAX: Final = 2**63 - 1

_REQUIRED: Final = ("StorePath", "URL", "NarHash", "NarSize", "References")
_FIELDS: Final = frozenset({*_REQUIRED, "Compression", "FileHash", "FileSize", "Deriver", "CA"})
_LINES: Final = re.compile(r"^([A-Za-z][A-Za-z0-9-]*): (.*)$", re.MULTILINE)
_TEXT: Final = bytes(byte for byte in range(256) if byte == 0x0A or (byte >= 0x20 and byte != 0x7F))
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_CODEC: Final = re.compile(r"[a-z0-9]{1,16}")
_RELATIVE_URL: Final = re.compile(
    r"(?!\.\.?(?:[/?]|\Z))[0-9A-Za-z._+=~-]+(?:/(?!\.\.?(?:[/?]|\Z))[0-9A-Za-z._+=~-]+)*"
    r"(?:\?[0-9A-Za-z._+=~&%:/-]*)?"  # harmonia writes nar/<hash>.nar?hash=<hash>
)
# A scheme, a host, an absolute path, or a segment of dots: Nix would ask somewhere else than below the cache.
_ELSEWHERE: Final = re.compile(r"[^/?#]*:|[/\\]|(?:[^?#]*[/\\])?\.\.?(?:[/\\?#]|\Z)")


@lru_cache(maxsize=NARINFOS_KEPT)
def parse_narinfo(data: bytes) -> NarInfo:
    """Read a narinfo; `ForeignTextError` when it is not whole, or says a thing twice, or in another form.

    Unknown fields are passed over. A missing ``Compression`` is ``bzip2``, as Nix's manual has it. The last ones are
    remembered: a narinfo is read once for its URL and once more when its path is classed.
    """
    fields, signatures = _fields(_text(data))
    missing = [name for name in _REQUIRED if name not in fields]
    if missing:
        raise ForeignTextError(f"The narinfo lacks {missing[0]}: expected {', '.join(_REQUIRED)}, each once.")
    file_hash, file_size = fields.get("FileHash"), fields.get("FileSize")
    return NarInfo(
        store_path=store_path(fields["StorePath"]),
        url=_nonempty("URL", fields["URL"]),
        compression=_codec(fields.get("Compression", "bzip2")),
        nar_hash=sha256_nix32(fields["NarHash"]),
        nar_size=_size("NarSize", fields["NarSize"]),
        references=_references(fields["References"]),
        signatures=signatures,
        deriver=_deriver(fields.get("Deriver", "unknown-deriver")),
        file_hash=None if file_hash is None else sha256_nix32(file_hash),
        file_size=None if file_size is None else _size("FileSize", file_size),
    )


def check_url(info: NarInfo, *, store_path: str, attic: bool = True) -> str:
    """The URL of a narinfo, relative to its cache, known to lead nowhere else; `ForeignTextError` otherwise.

    Attic always writes ``nar/<hash of the store path>.nar`` (attic b7c9056 server/src/database/entity/object.rs:130),
    so for it nothing else is taken. For another cache it is a plain relative path, perhaps with a query: no scheme,
    host, escape, empty or dotted segment.
    """
    if attic and info.url != (expected := f"nar/{hash_part(store_path)}.nar"):
        raise ForeignTextError(f"The narinfo's URL is {excerpt(info.url)}: expected {expected}, as Attic writes it.")
    if not attic and not _RELATIVE_URL.fullmatch(info.url):
        raise ForeignTextError(
            f"The narinfo's URL is {excerpt(info.url)}: expected a plain path relative to its cache."
        )
    return info.url


def leads_elsewhere(url: str) -> bool:
    """Whether a narinfo's URL leads out of its cache: what else `check_url` refuses is only spelled oddly."""
    return _ELSEWHERE.match(url) is not None or _ELSEWHERE.match(unquote(url)) is not None


def _text(data: bytes) -> str:
    if len(data) > NARINFO_BYTES:
        raise ForeignTextError(f"The narinfo has {len(data)} bytes: expected at most {NARINFO_BYTES}.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if data.translate(None, _TEXT) or (data and not text):
        raise ForeignTextError("The narinfo is not text: expected lines of UTF-8 without control characters.")
    if not text.endswith("\n"):
        raise ForeignTextError(f"The narinfo ends in {excerpt(text[-20:])}: expected a line feed, so it may be cut.")
    return text


def _fields(text: str) -> tuple[dict[str, str], tuple[str, ...]]:
    fields: dict[str, str] = {}
    signatures: list[str] = []
    lines = _LINES.findall(text)
    if len(lines) != text.count("\n"):
        line = next(line for line in text[:-1].split("\n") if not _LINES.fullmatch(line))
        raise ForeignTextError(f"The narinfo has the line {excerpt(line)}: expected <field>: <value>.")
    for name, content in lines:
        if name == "Sig":
            signatures.append(content)
        elif name in _FIELDS:
            if name in fields:
                raise ForeignTextError(f"The narinfo says {name} twice: expected it once.")
            fields[name] = content
    return fields, tuple(signatures)


def _nonempty(name: str, content: str) -> str:
    if not content:
        raise ForeignTextError(f"The narinfo's {name} is empty: expected a value.")
    return content


def _codec(content: str) -> str:
    if not _CODEC.fullmatch(content):
        raise ForeignTextError(
            f"The narinfo's Compression is {excerpt(content)}: expected a name such as zstd or none."
        )
    return content


def _size(name: str, content: str) -> int:
    if not _DECIMAL.fullmatch(content) or int(content) > SIZE_MAX:
        raise ForeignTextError(f"The narinfo's {name} is {excerpt(content)}: expected a decimal from 0 to {SIZE_MAX}.")
    return int(content)


def _references(content: str) -> tuple[str, ...]:
    names = tuple(content.split(" ")) if content else ()
    for name in names:
        from_base_name(name)
    if len(set(names)) != len(names):
        raise ForeignTextError("The narinfo names a reference twice: expected each once.")
    return names


def _deriver(content: str) -> str | None:
    if content == "unknown-deriver":
        return None
    from_base_name(content)
    return content
