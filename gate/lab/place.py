"""Where the lab's Nix works: in a private, empty ``/nix`` of this process, or in the machine's own store with a salt.

Private means a tmpfs on ``/nix`` in a mount namespace that only this process and its children see: each run starts
clean, and nothing of it is left, not even after SIGKILL. The names enter no store but that one.
Facts: mount_namespaces(7), user_namespaces(7); a process with several threads can't enter a user namespace
(unshare(2), EINVAL).
"""

import ctypes
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

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
    if not _made(nix):
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
    found = {name: shutil.which(name, path=search) for name in TOOLS}
    found |= {name: environ.get(name) for name in NAMED_TOOLS}
    found |= {"/bin/sh": "/bin/sh", "python": sys.executable, "gate": __file__}
    for name, path in found.items():
        if path and _resolved(path).is_relative_to(nix):
            return name
    return None


def _resolved(path: str) -> Path:
    try:
        return Path(path).resolve()
    except OSError:
        return Path(path)


def _made(nix: Path) -> bool:
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
