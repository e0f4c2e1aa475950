"""`gate.parse.narinfo`: only the key's own signature over the very same facts is one."""

from base64 import b64decode, b64encode
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fuzz.contract import text, tried
from fuzz.target import Target
from gate.parse.narinfo import fingerprint, key_name, public_key, verify

_PATH = "/nix/store/8iv5j0f2difw6wg9vwj9r2raacb08fkv-deadnix"
_FACTS = fingerprint(_PATH, f"sha256:{'0' * 52}", 120, [_PATH])


@cache
def _key() -> tuple[str, bytes]:
    """A public key, and its one signature over the facts (RFC 8032: it is deterministic)."""
    secret = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    return f"main-1:{b64encode(secret.public_key().public_bytes_raw()).decode()}", secret.sign(_FACTS)


def check(data: bytes) -> None:
    """Any text in the place of a signature, of a key, and of the facts."""
    line = text(data)
    key, real = _key()
    if verify(_FACTS, line, [key]):
        name, _, coded = line.partition(":")
        assert name == "main-1", "a signature of another key's name"
        assert b64decode(coded) == real, "a signature that the key never made"
    signature = f"main-1:{b64encode(real).decode()}"
    assert verify(_FACTS, signature, [key])
    assert data == _FACTS or not verify(data, signature, [key]), "a signature over other facts"
    parsed = tried(public_key, line)
    if parsed is not None:
        name, raw = parsed
        assert key_name(line) == name
        assert len(raw) == 32
        assert f"{name}:{b64encode(raw).decode()}" == line, "a key has two forms"
        assert line == key or not verify(_FACTS, signature, [line]), "a key that did not sign"
    parts = line.split(";")
    printed = tried(fingerprint, parts[0], parts[-1], len(data), parts[1:-1])
    if printed is not None:
        assert printed.startswith(b"1;/nix/store/"), printed
        assert printed.count(b";") == 4, printed
        assert printed == fingerprint(parts[0], parts[-1], len(data), reversed(parts[1:-1]))


def seeds() -> list[bytes]:
    """The real signature, the key, the facts, and what is nearly one of them."""
    key, real = _key()
    signature = f"main-1:{b64encode(real).decode()}"
    facts = f"{_PATH};{_PATH};{_PATH[:-1]}x;sha256:{'0' * 52}"
    return [each.encode() for each in (signature, key, signature[:-1], "x" + signature, ":", facts)] + [_FACTS, real]


TARGET = Target(check, seeds, parsers=("narinfo",), words=(b"main-1:", b"==", b"sha256:", b";/nix/store/", b"1;"))
