"""`gate.parse.store_path` and `gate.parse.store_path`: what is taken is its own canonical form, and comes back."""

from fuzz.contract import text, tried
from fuzz.target import Target
from gate.parse.store_path import (
    base64_bytes,
    base_name,
    from_base_name,
    from_nix32,
    hash_part,
    sha256_nix32,
    store_hash,
    store_path,
    to_nix32,
)

_PATH = "/nix/store/8iv5j0f2difw6wg9vwj9r2raacb08fkv-deadnix-0.1+x_y?z=.tar.gz"


def check(data: bytes) -> None:
    """Any text, and any digest."""
    value = text(data)
    path = tried(store_path, value)
    if path is not None:
        assert path == value
        name = base_name(path)
        assert from_base_name(name) == path
        assert path.isascii(), path
        assert path.count("/") == 3, path
        assert ".." not in path.split("/")
        assert store_hash(hash_part(path)) == name[:32]
        assert tried(store_path, path + "\n") is None
        assert tried(store_path, path + "/x") is None
    from_name = tried(from_base_name, value)
    assert from_name is None or store_path(from_name) == from_name
    hashed = tried(store_hash, value)
    assert hashed is None or len(from_nix32(hashed)) == 20
    assert from_nix32(to_nix32(data)) == data
    digest = tried(from_nix32, value)
    assert digest is None or to_nix32(digest) == value
    sha = tried(sha256_nix32, value)
    assert sha is None or sha256_nix32(sha) == sha
    raw = base64_bytes(value, 32)
    assert raw is None or len(raw) == 32


def seeds() -> list[bytes]:
    """Paths, names, hashes in every form, and what is nearly one."""
    paths = [
        _PATH,
        _PATH[11:],
        _PATH[11:43],
        _PATH[:43],
        _PATH + "/bin",
        "/nix/store/../etc",
        f"/nix/store/{'e' * 32}-x",
    ]
    sha = "0" * 52
    hashes = [
        sha,
        f"sha256:{sha}",
        "sha256:" + "0" * 64,
        "sha256-" + "A" * 43 + "=",
        "sha256:" + "A" * 43 + "=",
        "9" * 52,
    ]
    return [b"", *(each.encode() for each in (*paths, *hashes))]


TARGET = Target(check, seeds, parsers=("store_path",), words=(b"/nix/store/", b"sha256:", b"sha256-", b"-x", b".drv"))
