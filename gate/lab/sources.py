"""Twenty source trees for the lab's flake, 200 B to 3.3 MB, new with each salt.

Their sizes have the spread of the 22-path push of the incident: most are small, one is 3.3 MB. Half of a large one is
text that compresses, half is random bytes that don't.
"""

import random
import shutil
from pathlib import Path
from typing import Final

FLAKE: Final = Path(__file__).parent / "flake" / "flake.nix"
# The two of 2,000 bytes give NARs of one size: a drill serves one in the place of the other.
SIZES: Final = (
    *(200, 450, 900, 2_000, 2_000, 4_000, 8_000, 12_000, 18_000, 26_000),
    *(40_000, 56_000, 90_000, 140_000, 220_000, 330_000, 480_000, 700_000, 1_200_000, 3_300_000),
)
TEXT_ONLY: Final = 4_000  # smaller sources are one text file
PHRASES: Final = 64
WORDS: Final = (
    "inherit",
    "lib",
    "let",
    "in",
    "rec",
    "with",
    "pkgs",
    "mkDerivation",
    "src",
    "buildInputs",
    "null",
    "true",
)


def write_flake(folder: Path, salt: str) -> None:
    """Make ``folder`` a flake whose checks read twenty sources of this salt; about 7 MB."""
    folder.mkdir(parents=True)
    shutil.copyfile(FLAKE, folder / "flake.nix")
    (folder / "salt").write_text(salt, encoding="ascii")
    dice = random.Random(salt)
    for number, size in enumerate(SIZES):
        _write_source(folder / "src" / f"{number:02}", size, salt, dice)


def _write_source(folder: Path, size: int, salt: str, dice: random.Random) -> None:
    folder.mkdir(parents=True)
    text_size = size if size < TEXT_ONLY else size // 2
    (folder / "lib.nix").write_bytes(_text(text_size, f"# {salt} {folder.name}\n", dice))
    if text_size < size:
        (folder / "data.bin").write_bytes(dice.randbytes(size - text_size))


def _text(size: int, heading: str, dice: random.Random) -> bytes:
    """Text of exactly ``size`` bytes, line by line different."""
    phrases = [" ".join(dice.choices(WORDS, k=9)) for _ in range(PHRASES)]
    lines, length = [heading], len(heading)
    while length < size:
        number = dice.getrandbits(32)
        lines.append(f"  {phrases[number % PHRASES]} = {number:08x};\n")
        length += len(lines[-1])
    return "".join(lines).encode("ascii")[:size]
