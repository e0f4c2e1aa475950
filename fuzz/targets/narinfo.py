"""`gate.parse.narinfo`: what is taken for a narinfo is whole, in its one form, and leads nowhere else."""

from fuzz.contract import tried
from fuzz.target import Target, bodies, recordings
from gate.model.parsed import NarInfo
from gate.parse.narinfo import check_url, parse_narinfo
from gate.parse.store_path import from_base_name, sha256_nix32, store_path

_PATH = "/nix/store/8iv5j0f2difw6wg9vwj9r2raacb08fkv-deadnix"
_SINGLE_FIELDS = (b"StorePath", b"URL", b"Compression", b"NarHash", b"NarSize", b"References", b"Deriver", b"FileSize")


def check(data: bytes) -> None:
    """Any bytes."""
    info = tried(parse_narinfo, data)
    if info is None:
        return
    assert store_path(info.store_path) == info.store_path
    assert sha256_nix32(info.nar_hash) == info.nar_hash
    assert 0 <= info.nar_size < 2**63
    assert all(from_base_name(name) for name in info.references)
    for attic in (True, False):
        url = tried(check_url, info, store_path=info.store_path, attic=attic)
        if url is not None:
            assert url.isascii(), url
            assert not url.startswith("/"), url
            assert not {"", ".", ".."} & set(url.split("/")), url
            assert not set(url) & set(":?#%\\@"), url
    assert tried(parse_narinfo, written(info)) == info, "it does not come back as it was"
    for line in data.split(b"\n"):
        if line.partition(b":")[0] in _SINGLE_FIELDS:
            assert tried(parse_narinfo, data + line + b"\n") is None, "a repeated field is accepted"
    assert tried(parse_narinfo, data[:-1]) is None, "a narinfo that is cut is taken"


def written(info: NarInfo) -> bytes:
    """The narinfo in its plainest form."""
    lines = [
        f"StorePath: {info.store_path}",
        f"URL: {info.url}",
        f"Compression: {info.compression}",
        f"NarHash: {info.nar_hash}",
        f"NarSize: {info.nar_size}",
        f"References: {' '.join(info.references)}",
        *(f"Sig: {signature}" for signature in info.signatures),
        *([f"Deriver: {info.deriver}"] if info.deriver is not None else []),
        *([f"FileHash: {info.file_hash}"] if info.file_hash is not None else []),
        *([f"FileSize: {info.file_size}"] if info.file_size is not None else []),
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def seeds() -> list[bytes]:
    """Recorded ones, and one with every field."""
    whole = NarInfo(
        store_path=_PATH,
        url="nar/8iv5j0f2difw6wg9vwj9r2raacb08fkv.nar",
        compression="zstd",
        nar_hash=f"sha256:{'0' * 52}",
        nar_size=1234,
        references=(_PATH[11:], "0" * 32 + "-x"),
        signatures=("main-1:" + "A" * 86 + "==",),
        deriver="1" * 32 + "-x.drv",
        file_hash=f"sha256:{'1' * 52}",
        file_size=99,
    )
    sri = written(whole).replace(b"sha256:" + b"0" * 52, b"sha256-" + b"A" * 43 + b"=")
    return [*recordings("attic/narinfo-*/body"), *bodies("attic/narinfo-*/headers"), written(whole), sri]


TARGET = Target(
    check,
    seeds,
    parsers=("narinfo",),
    words=(b"StorePath: ", b"URL: ", b"NarHash: sha256:", b"References: ", b"Sig: ", b"FileSize: ", b"\nNarSize: "),
)
