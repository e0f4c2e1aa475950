"""Twenty sources of known sizes, new with each salt and the same for one."""

from hashlib import sha256
from pathlib import Path

from gate.lab.place import FLAKE, SIZES, write_flake


def digests(flake: Path) -> dict[str, str]:
    files = [path for path in flake.rglob("*") if path.is_file()]
    return {str(path.relative_to(flake)): sha256(path.read_bytes()).hexdigest() for path in files}


def test_twenty_sources_from_200_bytes_to_3300000(tmp_path: Path) -> None:
    write_flake(tmp_path / "flake", "0123456789abcdef")
    sizes = [
        sum(file.stat().st_size for file in folder.iterdir())
        for folder in sorted((tmp_path / "flake" / "src").iterdir())
    ]
    assert sizes == list(SIZES)
    assert (len(sizes), min(sizes), max(sizes)) == (20, 200, 3_300_000)
    assert (tmp_path / "flake" / "salt").read_text(encoding="ascii") == "0123456789abcdef"
    assert (tmp_path / "flake" / "flake.nix").read_bytes() == FLAKE.read_bytes()


def test_one_salt_gives_one_flake_and_another_changes_every_source(tmp_path: Path) -> None:
    for name, salt in (("a", "one"), ("b", "one"), ("c", "two")):
        write_flake(tmp_path / name, salt)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    first, second = digests(tmp_path / "a"), digests(tmp_path / "c")
    assert {name for name in first if first[name] == second[name]} == {"flake.nix"}


def test_no_two_sources_have_one_content(tmp_path: Path) -> None:
    write_flake(tmp_path / "flake", "salt")
    texts = [value for name, value in digests(tmp_path / "flake").items() if name.endswith("lib.nix")]
    assert len(set(texts)) == 20
