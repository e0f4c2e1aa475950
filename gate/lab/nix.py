"""What the lab itself does with Nix before a run: add, build, delete and sign paths, without asking any cache."""

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gate.clock import Clock
from gate.errors import CancelledError, InconclusiveError, RefusedError
from gate.model.records import ChildEnded
from gate.process import CancelToken, output

PROGRAMS: Final = ("nix", "nix-store")
SECONDS: Final = 120.0
OUTPUT_BYTES: Final = 1024 * 1024
ERROR_CHARS: Final = 800
# Works for root without build users, for a plain user, and where no sandbox can be made.
SINGLE_USER: Final = (
    "sandbox = false",
    "build-users-group =",
    "extra-experimental-features = nix-command flakes",
    "flake-registry =",  # the global one would be fetched
    "connect-timeout = 5",
)


DECLARED_SETTINGS: Final = ("sandbox = false",)  # those of them that gate.toml has to declare


def require_nix(environ: Mapping[str, str]) -> None:
    """Raise `RefusedError` naming a program of Nix that is not on PATH."""
    for name in PROGRAMS:
        if not shutil.which(name, path=environ.get("PATH", os.defpath)):
            raise RefusedError(f"{name} is not on PATH: install Nix (Debian: apt-get install nix-bin) and start again")


def nix_config(*lines: str) -> str:
    """NIX_CONFIG of the lab: single-user, offline but for what ``lines`` name."""
    return "\n".join((*SINGLE_USER, *lines)) + "\n"


@dataclass(frozen=True)
class Nix:
    """Nix with an environment; each call raises `InconclusiveError` with Nix's error text when it fails."""

    environ: Mapping[str, str]
    cancel: CancelToken
    clock: Clock

    def add(self, file: Path) -> str:
        """Add a file to the store: its store path."""
        return self._run("nix-store", "--add", str(file))

    def build(self, installable: str) -> str:
        """Build a flake's output without a link: its store path."""
        self._run("nix", "build", "--no-link", installable)
        return self._run("nix", "eval", "--raw", f"{installable}.outPath")

    def push_set(self, installable: str) -> tuple[str, ...]:
        """The outputs and sources that a build needs, sorted: what the check profiles publish."""
        derivation = self._run("nix", "eval", "--raw", f"{installable}.drvPath")
        closure = self._run("nix-store", "--query", "--requisites", "--include-outputs", derivation)
        return tuple(sorted(path for path in closure.split("\n") if path and not path.endswith(".drv")))

    def delete(self, path: str) -> None:
        """Remove a path from the local store."""
        self._run("nix-store", "--delete", path)

    def make_key(self, name: str, secret: Path, public: Path) -> str:
        """Make a signing key: the public part, ``name:base64``."""
        self._run("nix-store", "--generate-binary-cache-key", name, str(secret), str(public))
        return public.read_text(encoding="ascii").strip()

    def sign(self, secret: Path, paths: Iterable[str]) -> None:
        """Sign paths in the local store."""
        self._run("nix", "store", "sign", "--key-file", str(secret), *paths)

    def run(self, program: str, *arguments: str, environ: Mapping[str, str] | None = None) -> tuple[int | None, str]:
        """Run a program: its exit code and both its streams; raises `CancelledError` when the run was cancelled."""
        ended, out, err = self._output(program, arguments, self.environ if environ is None else environ)
        return ended.exit, (out + err).decode("utf-8", "backslashreplace")

    def _run(self, program: str, *arguments: str) -> str:
        ended, out, err = self._output(program, arguments, self.environ)
        if ended.exit != 0:
            words = err.decode("utf-8", "backslashreplace").strip()[-ERROR_CHARS:]
            how = ended.ended_by or ended.exit
            raise InconclusiveError(f"the lab's '{program} {arguments[0]}' ended with {how}, expected 0: {words!r}")
        return out.decode("utf-8", "backslashreplace").strip()

    def _output(
        self, program: str, arguments: Sequence[str], environ: Mapping[str, str]
    ) -> tuple[ChildEnded, bytes, bytes]:
        ended, out, err = output(
            (program, *arguments),
            name=Path(program).name,
            env=environ,
            cap=OUTPUT_BYTES,
            deadline_seconds=SECONDS,
            cancel=self.cancel,
            clock=self.clock,
        )
        if ended.ended_by == "cancelled":
            raise CancelledError(
                f"the lab was cancelled while it prepared itself ({self.cancel.reason}): nothing was published"
            )
        return ended, out, err
