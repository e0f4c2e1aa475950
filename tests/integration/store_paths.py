"""Paths in the local Nix store, made for one test run."""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

BUILT = """
derivation {
  name = "built";
  system = builtins.currentSystem;
  builder = "/bin/sh";
  args = [ "-c" "echo %s ${./part} > $out" ];
}
"""


def hash_of(path: str) -> str:
    """Return the hash in a store path."""
    return Path(path).name[:32]


def nix_environment() -> dict[str, str]:
    """Return an environment in which this user may build."""
    settings = "sandbox = false\nbuild-users-group =\nexperimental-features = nix-command\nsubstitute = false\n"
    return {**os.environ, "NIX_CONFIG": settings}


def nix(*arguments: str) -> str:
    """Run a nix program and return its output."""
    program = shutil.which(arguments[0])
    assert program is not None
    return subprocess.run(
        [program, *arguments[1:]], env=nix_environment(), check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def to_file(name: str, text: str) -> str:
    """Put a text into the store and return its path."""
    return nix_eval(f"builtins.toFile {json.dumps(name)} {json.dumps(text)}")[0]


def nix_eval(expression: str) -> list[str]:
    """Return the strings, one or a list, that an expression gives; it may write to the store."""
    value = json.loads(
        nix("nix-instantiate", "--eval", "--strict", "--json", "--read-write-mode", "--expr", expression)
    )
    return [value] if isinstance(value, str) else value


def closure(folder: Path, name: str, contents: Sequence[bytes], text: str) -> tuple[str, list[str]]:
    """Return a path called ``name`` and the paths called ``source``, one for each content, that it refers to."""
    folder.mkdir(parents=True)
    for number, content in enumerate(contents):
        (folder / str(number)).write_bytes(content)
    files = " ".join(
        f'(builtins.path {{ path = {folder / str(number)}; name = "source"; }})' for number in range(len(contents))
    )
    paths = nix_eval(
        f"let parts = [ {files} ]; in "
        f'[ (builtins.toFile "{name}" (builtins.concatStringsSep " " ([ "{text}" ] ++ map (p: "${{p}}") parts))) ]'
        ' ++ map (p: "${p}") parts'
    )
    return paths[0], paths[1:]


def built(folder: Path) -> str:
    """A path that Nix trusts by signature only: built, not addressed by its content, with a reference."""
    (folder / "part").write_text("a part")
    (folder / "built.nix").write_text(BUILT % secrets.token_hex(8))
    return nix("nix-build", "--no-out-link", str(folder / "built.nix"))
