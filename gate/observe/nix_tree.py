"""Which commit a flake on this machine is built of, by Nix's own account: evidence must name what was built."""

import re
from typing import Final

from gate import limits
from gate.errors import ForeignTextError, InconclusiveError
from gate.model.basics import value
from gate.observe.nix_store import FEATURES, NixStore
from gate.parse.strict_json import as_object, loads
from gate.parse.text import shown

# A flake on this machine (https://nix.dev/manual/nix/stable/command-ref/new-cli/nix3-flake#flake-references); all
# others are fetched, and Nix locks those by revision or hash.
_LOCAL: Final = re.compile(r"(?:\.|/|path:|git\+file:)[^#]*")
_REVISION: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@value
class Tree:
    """A local flake in git; ``revision`` is None where the tree has changes that no commit has."""

    url: str
    revision: str | None


def tree_of(store: NixStore, installable: str) -> Tree | None:
    """The tree that an installable is built of; None for what is no flake in a git tree of this machine.

    Raises `InconclusiveError` when Nix can't tell.
    """
    flake = installable.partition("#")[0] or "."
    if not _LOCAL.fullmatch(flake):
        return None
    argv = (store.program("nix"), *FEATURES, "flake", "metadata", "--json", "--no-write-lock-file", flake)
    said = store.ask(argv, name="nix-flake", cap=limits.NIX_JSON_BYTES, seconds=limits.EVALUATE_SECONDS)
    try:
        told = as_object(loads(said, cap=limits.NIX_JSON_BYTES), "nix flake metadata")
    except ForeignTextError as error:
        raise InconclusiveError(str(error)) from None
    url, revision = told.get("resolvedUrl"), told.get("revision")
    if not isinstance(url, str) or (revision is not None and not isinstance(revision, str)):
        message = f"nix flake metadata of {shown(flake)} names no URL: expected resolvedUrl and revision"
        raise InconclusiveError(message)
    if not url.startswith("git+file:"):
        return None
    return Tree(url=url, revision=revision if revision is not None and _REVISION.fullmatch(revision) else None)
