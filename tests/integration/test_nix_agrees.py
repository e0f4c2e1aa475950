"""The parsers against the real Nix: a private store of 1,000 random paths, and one of a few dozen with caches of it.

Nix is asked for many paths at a time, for each start of it takes longer than a path.
"""

import base64
import hashlib
import os
import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.model.records import PathFacts
from gate.parse.nar import NarMeter, sniff
from gate.parse.narinfo import check_url, fingerprint, key_name, parse_narinfo, verify
from gate.parse.nix_commands import parse_build, parse_path_info, parse_settings
from gate.parse.store_path import from_base_name, from_nix32, hash_part, sha256_nix32, to_nix32
from tests.helpers.nars import File, Folder, Link, Tree, nar

pytestmark = pytest.mark.nix

TREES = 24
SIZES = (0, 1, 7, 8, 9, 4096, 70_000)
# Each text file of a chain refers to all that were made before it: references in many orders.
CHAIN = 8
MANY = 1000
MANY_CHAIN = 40
CODECS = ["none", "xz", "bzip2", "gzip", "zstd", "br"]


@dataclass(frozen=True)
class Store:
    """A store below a temporary folder, with its paths signed by a fresh key."""

    root: Path
    environment: dict[str, str]
    secret_key: Path
    public_key: str
    trees: dict[str, Tree]
    paths: tuple[PathFacts, ...]

    def run(self, *argv: str, text: str | None = None) -> bytes:
        return run(self.environment, *argv, text=text)

    @property
    def url(self) -> str:
        return str(self.root / "store")


def run(environment: dict[str, str], *argv: str, text: str | None = None) -> bytes:
    stdin = None if text is None else text.encode()
    return subprocess.run(argv, input=stdin, env=environment, check=True, stdout=subprocess.PIPE, timeout=100).stdout


def random_tree(rng: random.Random, depth: int = 0, sizes: tuple[int, ...] = SIZES) -> Tree:
    kind = rng.randrange(4 if depth < 3 else 2)
    if kind == 0:
        return File(rng.randbytes(rng.choice(sizes)), executable=rng.random() < 0.5)
    if kind == 1:
        return Link(rng.choice(["/nowhere", "x", "../é"]))
    names = rng.sample(["a", "B", "b.c", "Z-9", ".hidden", "é", "with space", "0"], rng.randrange(6))
    return Folder({name: random_tree(rng, depth + 1, sizes) for name in names})


def write(tree: Tree, place: Path) -> None:
    if isinstance(tree, File):
        place.write_bytes(tree.contents)
        place.chmod(0o755 if tree.executable else 0o644)
    elif isinstance(tree, Link):
        place.symlink_to(tree.target)
    else:
        place.mkdir()
        for name, node in tree.entries.items():
            write(node, place / name)


def chain(length: int) -> str:
    """A Nix expression: so many text files, each naming all before it; it gives the last."""
    lines = ["let"]
    for number in range(length):
        names = " ".join(f"${{t{other}}}" for other in range(number))
        lines.append(f'  t{number} = builtins.toFile "text-{number * 7 % length}" "{number} {names}";')
    return "\n".join([*lines, f"in t{length - 1}"])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    rng = random.Random(20261124)
    trees = {f"tree-{number}+._?=": random_tree(rng) for number in range(TREES)}
    yield from stored(tmp_path_factory.mktemp("nix"), trees, CHAIN)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    rng = random.Random(1000)
    trees = {f"t{number}": random_tree(rng, 1, (0, 1, 7, 8, 9, 300)) for number in range(MANY - MANY_CHAIN)}
    yield from stored(tmp_path_factory.mktemp("nix"), trees, MANY_CHAIN)


def stored(root: Path, trees: dict[str, Tree], length: int) -> Iterator[Store]:
    (root / "home").mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(root / "home"),
        "NIX_CONFIG": "experimental-features = nix-command\nsubstituters =\nsandbox = false\nbuild-users-group =\n"
        "fsync-metadata = false\n",
        "LC_ALL": "C.UTF-8",
    }
    url = str(root / "store")
    secret_key = root / "secret"
    secret_key.write_bytes(run(environment, "nix", "key", "generate-secret", "--key-name", "lab-1"))
    public_key = run(environment, "nix", "key", "convert-secret-to-public", text=secret_key.read_text()).decode()
    (root / "trees").mkdir()
    for name, tree in trees.items():
        write(tree, root / "trees" / name)
    run(environment, "nix-store", "--store", url, "--add", *(str(root / "trees" / name) for name in trees))
    run(environment, "nix", "eval", "--store", url, "--raw", "--expr", chain(length))
    run(environment, "nix", "store", "sign", "--store", url, "--key-file", str(secret_key), "--all")
    paths = parse_path_info(run(environment, "nix", "path-info", "--store", url, "--json", "--all"))
    yield Store(root, environment, secret_key, public_key.strip(), trees, paths)
    run(environment, "chmod", "-R", "u+w", url)


def print_of(facts: PathFacts) -> bytes:
    return fingerprint(facts.store_path, facts.nar_hash, facts.nar_size, facts.references)


def test_hashes(store: Store) -> None:
    rng = random.Random(7)
    digests = [rng.randbytes(32) for _ in range(MANY)] + [bytes(32), b"\xff" * 32]
    value = [digest.hex() for digest in digests]

    def convert(form: str) -> list[str]:
        return store.run("nix", "hash", f"to-{form}", "--type", "sha256", *value).decode().split()

    nix32 = convert("base32")
    assert [to_nix32(digest) for digest in digests] == nix32
    assert [from_nix32(text) for text in nix32] == digests
    for form, prefix in (("base32", "sha256:"), ("base16", "sha256:"), ("base64", "sha256:"), ("sri", "")):
        assert [sha256_nix32(prefix + text) for text in convert(form)] == [f"sha256:{text}" for text in nix32], form


def test_the_store_holds_what_was_made(store: Store) -> None:
    assert len(store.paths) == TREES + CHAIN
    assert max(len(facts.references) for facts in store.paths) == CHAIN - 1
    assert sum(len(facts.references) for facts in store.paths) == CHAIN * (CHAIN - 1) // 2
    for facts in store.paths:
        assert (store.root / "store" / facts.store_path.removeprefix("/")).lstat()


def test_nars(store: Store) -> None:
    for facts in store.paths:
        place = store.root / "store" / facts.store_path.removeprefix("/")
        dumped = store.run("nix-store", "--dump", str(place))
        meter = NarMeter("none", facts.nar_size)
        for at in range(0, len(dumped), 1000):
            assert meter.feed(dumped[at : at + 1000])
        got = meter.finish()
        assert (got.nar_bytes, f"sha256:{got.sha256}") == (facts.nar_size, facts.nar_hash)
        assert (got.clean_end, got.well_formed, got.sniffed) == (True, True, "none")
        tree = store.trees.get(facts.store_path[len("/nix/store/") + 33 :])
        if tree is not None:
            assert dumped == nar(tree)


def test_signatures(store: Store) -> None:
    other = store.run("nix", "key", "generate-secret", "--key-name", "lab-1").decode()
    other_public = store.run("nix", "key", "convert-secret-to-public", text=other).decode().strip()
    for facts in store.paths:
        (signature,) = facts.signatures
        assert key_name(signature) == "lab-1"
        assert verify(print_of(facts), signature, [store.public_key])
        assert not verify(print_of(facts), signature, [other_public])
        longer = fingerprint(facts.store_path, facts.nar_hash, facts.nar_size + 1, facts.references)
        assert not verify(longer, signature, [store.public_key])
        if facts.references:
            fewer = fingerprint(facts.store_path, facts.nar_hash, facts.nar_size, facts.references[1:])
            assert not verify(fewer, signature, [store.public_key])


def exported(store: Store) -> dict[str, bytes]:
    """The NAR of each path, from one stream: ``1, NAR, magic, path, references, deriver, 0`` for each, then 0."""
    stream = store.run("nix-store", "--store", store.url, "--export", *(facts.store_path for facts in store.paths))
    left = {facts.store_path: facts for facts in store.paths}
    nars: dict[str, bytes] = {}
    at = 0

    def number() -> int:
        nonlocal at
        at += 8
        return int.from_bytes(stream[at - 8 : at], "little")

    def text() -> str:
        nonlocal at
        length = number()
        at += length + -length % 8
        return stream[at - length - -length % 8 :][:length].decode()

    while number() == 1:
        begun = at
        at = stream.index(b"NIXE\0\0\0\0", at)  # the magic number; no file of these trees has it
        body = stream[begun:at]
        number()
        path = text()
        assert tuple(sorted(text() for _ in range(number()))) == left.pop(path).references
        text()
        assert number() == 0
        nars[path] = body
    assert (at, left) == (len(stream), {})
    return nars


def test_many_nars(many: Store) -> None:
    nars = exported(many)
    assert len(nars) == len(many.paths) == MANY
    result = 0
    for facts in many.paths:
        body = nars[facts.store_path]
        meter = NarMeter("none", facts.nar_size)
        meter.feed(body)
        got = meter.finish()
        assert (got.nar_bytes, f"sha256:{got.sha256}") == (facts.nar_size, facts.nar_hash)
        assert (got.clean_end, got.well_formed) == (True, True)
        tree = many.trees.get(facts.store_path[len("/nix/store/") + 33 :])
        result += tree is not None and body == nar(tree)
    assert result == MANY - MANY_CHAIN, "each tree's NAR is the one that the tests' own writer makes"


def test_many_signatures_of_nix(many: Store) -> None:
    assert max(len(facts.references) for facts in many.paths) == MANY_CHAIN - 1
    assert [len(facts.signatures) for facts in many.paths] == [1] * MANY
    assert all(verify(print_of(facts), facts.signatures[0], [many.public_key]) for facts in many.paths)
    shifted = zip(many.paths, [*many.paths[1:], many.paths[0]], strict=True)
    assert not any(verify(print_of(facts), other.signatures[0], [many.public_key]) for facts, other in shifted)


def test_nix_takes_many_signatures_over_our_fingerprints(many: Store) -> None:
    """A cache of narinfos that are written and signed here; Nix is asked whether it trusts each of them."""
    secret = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    key = f"ours-1:{base64.b64encode(secret.public_key().public_bytes_raw()).decode()}"
    cache = many.root / "signed-here"
    (cache / "nar").mkdir(parents=True)
    (cache / "nix-cache-info").write_text("StoreDir: /nix/store\n")
    for facts in many.paths:
        signature = base64.b64encode(secret.sign(print_of(facts))).decode()
        assert verify(print_of(facts), f"ours-1:{signature}", [key])
        (cache / f"{hash_part(facts.store_path)}.narinfo").write_text(
            f"StorePath: {facts.store_path}\nURL: nar/x.nar\nCompression: none\nNarHash: {facts.nar_hash}\n"
            f"NarSize: {facts.nar_size}\nReferences: {' '.join(path[11:] for path in facts.references)}\n"
            f"Sig: ours-1:{signature}\n"
        )

    def untrusted(note: str) -> list[str]:
        environment = {**many.environment, "XDG_CACHE_HOME": str(many.root / note)}  # Nix remembers narinfos
        paths = [facts.store_path for facts in many.paths]
        done = subprocess.run(
            [
                *("nix", "store", "verify", "--no-contents", "--sigs-needed", "1", "--store", f"file://{cache}"),
                *("--option", "trusted-public-keys", key, *paths),
            ],
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == (0 if note == "whole" else 2), done.stderr
        return [path for path in paths if f"path '{path}' is untrusted" in done.stderr]

    assert untrusted("whole") == []
    for facts in many.paths[::100]:
        place = cache / f"{hash_part(facts.store_path)}.narinfo"
        place.write_text(place.read_text().replace(f"NarSize: {facts.nar_size}", f"NarSize: {facts.nar_size + 8}"))
    assert untrusted("changed") == [facts.store_path for facts in many.paths[::100]]


@pytest.mark.parametrize("codec", CODECS)
def test_a_cache_that_nix_wrote(store: Store, codec: str) -> None:
    cache = store.root / f"cache-{codec}"
    to = f"file://{cache}?compression={codec}&secret-key={store.secret_key}"
    store.run("nix", "copy", "--from", store.url, "--to", to, *(facts.store_path for facts in store.paths))
    for facts in store.paths:
        info = parse_narinfo((cache / f"{hash_part(facts.store_path)}.narinfo").read_bytes())
        assert (info.store_path, info.nar_hash, info.nar_size) == (facts.store_path, facts.nar_hash, facts.nar_size)
        assert tuple(from_base_name(name) for name in info.references) == facts.references
        assert info.compression == codec
        assert any(verify(print_of(facts), signature, [store.public_key]) for signature in info.signatures)
        body = (cache / check_url(info, store_path=facts.store_path, attic=False)).read_bytes()
        assert info.file_size == len(body)
        assert info.file_hash == f"sha256:{to_nix32(hashlib.sha256(body).digest())}"
        meter = NarMeter(codec, facts.nar_size)
        meter.feed(body)
        got = meter.finish()
        assert (got.nar_bytes, f"sha256:{got.sha256}") == (facts.nar_size, facts.nar_hash)
        assert (got.clean_end, got.well_formed, got.error) == (True, True, None)
        assert sniff(body[:24]) == (None if codec == "br" else codec)


def test_answers_in_json(store: Store) -> None:
    settings = parse_settings(store.run("nix", "show-config", "--json"))
    assert (settings.substituters, settings.fallback) == ((), False)
    assert [key_name(key) for key in settings.trusted_public_keys] == ["cache.nixos.org-1"]
    # Nix's own builder of an environment: it runs in a private store, where there is no shell
    expression = """derivation {
      name = "empty"; system = "builtin"; builder = "builtin:buildenv"; derivations = ""; manifest = "/nowhere";
    }"""
    (built,) = parse_build(store.run("nix", "build", "--json", "--no-link", "--store", store.url, "--expr", expression))
    assert built.derivation is not None
    assert built.derivation.endswith("-empty.drv")
    assert list(built.outputs) == ["out"]
    assert built.outputs["out"].endswith("-empty")
    names = parse_build(
        store.run("nix", "build", "--json", "--no-link", "--store", store.url, store.paths[0].store_path)
    )
    assert [(each.derivation, each.outputs) for each in names] == [(None, {"out": store.paths[0].store_path})]
