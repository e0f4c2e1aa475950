"""The local Nix store, asked through its command line."""

import base64
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gate.lab.attic.client_config import ClientError
from gate.lab.attic.names import is_store_path_hash

HASH_CHARS: Final = 32
READ_BYTES: Final = 64 * 1024
ARGUMENTS: Final = 500  # paths given to one nix command


@dataclass(frozen=True, slots=True)
class PathInfo:
    """A valid path; ``name`` is its base name, ``references`` are base names too."""

    path: str
    name: str
    nar_hash: str
    """``sha256:`` and 64 hexadecimal digits."""
    nar_size: int
    """Bytes."""
    references: tuple[str, ...]
    sigs: tuple[str, ...]
    ca: str | None

    def store_path_hash(self) -> str:
        """Return the hash in the path's name."""
        return self.name[:HASH_CHARS]


def store_dir() -> Path:
    """Return the store's folder."""
    return Path(os.environ.get("NIX_STORE_DIR") or "/nix/store")


def follow(text: str) -> str:
    """Return the store path that a file, or a link to it, lies in (attic b7c9056 ``follow_store_path``)."""
    root = store_dir()
    path = Path(text).absolute() if Path(text).is_relative_to(root) else Path(os.path.realpath(text))
    if not path.is_relative_to(root) or path == root:
        message = f'Invalid store path "{text}": Path is not in store directory'
        raise ClientError(message)
    name = path.relative_to(root).parts[0]
    if not is_store_path_hash(name[:HASH_CHARS]):
        message = f'Invalid store path base name "{name}": Name is of invalid format'
        raise ClientError(message)
    return str(root / name)


def closure(roots: Sequence[str]) -> list[str]:
    """Return the roots and all that they refer to."""
    return _run(["nix-store", "--query", "--requisites", *roots]).split()


def query(paths: Sequence[str]) -> list[PathInfo]:
    """Return what the store knows about paths."""
    found = []
    for at in range(0, len(paths), ARGUMENTS):
        command = ["nix", "--extra-experimental-features", "nix-command", "path-info", "--json"]
        answer = json.loads(_run([*command, *paths[at : at + ARGUMENTS]]))
        rows = answer if isinstance(answer, list) else [{"path": path, **row} for path, row in answer.items()]
        found += [_path_info(row) for row in rows]
    return found


def dump(path: str) -> Iterator[bytes]:
    """Yield a path's NAR."""
    command = ["nix-store", "--dump", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        if process.stdout is not None:
            while piece := process.stdout.read(READ_BYTES):
                yield piece


def _path_info(row: dict[str, Any]) -> PathInfo:
    """Read one entry of ``nix path-info --json``."""
    algorithm, _, digest = row["narHash"].partition("-")
    return PathInfo(
        path=row["path"],
        name=Path(row["path"]).name,
        nar_hash=f"{algorithm}:{base64.b64decode(digest).hex()}",
        nar_size=row["narSize"],
        references=tuple(Path(path).name for path in row.get("references", ())),
        sigs=tuple(row.get("signatures", ())),
        ca=row.get("ca"),
    )


def _run(command: Sequence[str]) -> str:
    """Run a Nix command; its complaint is worded as the recorded client words it (recording ``no-such-path``)."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        complaint = done.stderr.strip().removesuffix(".")
        message = f"Unknown C++ exception: {complaint}."
        raise ClientError(message)
    return done.stdout
