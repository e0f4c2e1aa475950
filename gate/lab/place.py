"""The lab's folder: its sources, tokens and free ports."""

import base64
import ctypes
import os
import random
import secrets
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from gate.limits import TOKEN_BACKDATE_SECONDS
from gate.model.basics import Secret

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


CLAIM: Final = "https://jwt.attic.rs/v1"
SECRET_BYTES: Final = 64
HOURS: Final = 3600
ALL_RIGHTS: Final = ("r", "w", "d", "cc", "cr", "cq", "cd")


@dataclass(frozen=True)
class Mint:
    """Signs tokens; ``key`` is base64, as atticd's configuration takes it."""

    key: Secret = field(
        default_factory=lambda: Secret(base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii"))
    )

    def admin(self) -> Secret:
        """May do everything to every cache."""
        return self._sign("lab-admin", {"*": dict.fromkeys(ALL_RIGHTS, 1)})

    def push(self, caches: Sequence[str], *, seconds: int = HOURS) -> Secret:
        """May read and write the caches; one of negative ``seconds`` is over already."""
        return self._sign("lab-push", {name: {"r": 1, "w": 1} for name in caches}, seconds)

    def read(self, caches: Sequence[str]) -> Secret:
        """May read the caches, and nothing else."""
        return self._sign("lab-read", {name: {"r": 1} for name in caches})

    def _sign(self, subject: str, caches: Mapping[str, Mapping[str, int]], seconds: int = HOURS) -> Secret:
        import jwt  # noqa: PLC0415  loads cryptography: only where it is used

        now = int(time.time())
        claims: dict[str, Any] = {
            "sub": subject,
            "nbf": min(now, now + seconds) - TOKEN_BACKDATE_SECONDS,
            "exp": now + seconds,
            CLAIM: {"caches": caches},
        }
        return Secret(jwt.encode(claims, base64.b64decode(self.key.reveal()), algorithm="HS256"))


NIX: Final = Path("/nix")
CLONE_NEWNS: Final = 0x00020000  # linux/sched.h
CLONE_NEWUSER: Final = 0x10000000
MS_REC: Final = 0x4000  # linux/mount.h
MS_PRIVATE: Final = 1 << 18
TOOLS: Final = ("nix", "nix-store", "attic", "atticd", "rclone", "sh")
NAMED_TOOLS: Final = ("GATE_LAB_ATTIC", "GATE_LAB_ATTICD")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which store the lab's Nix works in, and why it is that one, in half a sentence."""

    store: Literal["private", "salted"]
    why: str


def enter(environ: Mapping[str, str], nix: Path = NIX) -> Place:
    """Give this process an empty private ``/nix`` where that can be, and say what it is now.

    To be called once, early, from a process with one thread. Nothing changes when it can't be done: it is tried in
    a child first. Programs that themselves live in ``/nix`` (NixOS, the upstream installer) would be hidden: then the
    machine's own store is used.
    """
    inside = _inside(environ, nix)
    if inside:
        return Place(store="salted", why=f"{inside} itself lives in {nix}")
    if not sys.platform.startswith("linux"):
        return Place(store="salted", why="mount namespaces are Linux's")
    if len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208  a count of a kernel folder
        return Place(store="salted", why="this process has several threads already")
    if not _make_folder(nix):
        return Place(store="salted", why=f"there is no {nix}, and it can't be made")
    flags = CLONE_NEWNS if os.geteuid() == 0 else CLONE_NEWNS | CLONE_NEWUSER
    for attempt in dict.fromkeys((flags, CLONE_NEWNS | CLONE_NEWUSER)):
        if _works_in_a_child(attempt, nix):
            _shadow(attempt, nix)
            kind = "mount namespace" if attempt == CLONE_NEWNS else "user and mount namespace"
            return Place(store="private", why=f"a tmpfs on {nix} in a {kind} of this process")
    return Place(store="salted", why=f"the kernel lets this user mount nothing on {nix}")


def _inside(environ: Mapping[str, str], nix: Path) -> str | None:
    """The first program that the lab needs and that shadowing ``/nix`` would hide."""
    search = environ.get("PATH", os.defpath)
    programs = {name: shutil.which(name, path=search) for name in TOOLS}
    programs |= {name: environ.get(name) for name in NAMED_TOOLS}
    programs |= {"/bin/sh": "/bin/sh", "python": sys.executable, "gate": __file__}
    for name, path in programs.items():
        if path and _resolved(path).is_relative_to(nix):
            return name
    return None


def _resolved(path: str) -> Path:
    try:
        return Path(path).resolve()
    except OSError:
        return Path(path)


def _make_folder(nix: Path) -> bool:
    try:
        nix.mkdir(mode=0o755, exist_ok=True)
    except OSError:
        return False
    return nix.is_dir() and not nix.is_symlink()


def _works_in_a_child(flags: int, nix: Path) -> bool:
    """Try it where a failure harms nothing."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _shadow(flags, nix)
            (nix / "store").mkdir(parents=True)
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def _shadow(flags: int, nix: Path) -> None:
    """Enter the namespaces and mount the tmpfs; raises OSError with the system's own reason."""
    uid, gid = os.geteuid(), os.getegid()
    _check(_libc().unshare(flags), "unshare")
    if flags & CLONE_NEWUSER:  # each id is itself: files keep their owner, and Nix is a plain user
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")
    _check(_libc().mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount --make-rprivate /")
    options = f"mode=0755,uid={uid},gid={gid}".encode("ascii")
    _check(_libc().mount(b"gate-lab", os.fsencode(nix), b"tmpfs", 0, options), f"mount {nix}")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
