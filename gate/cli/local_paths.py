"""What the local Nix store says of paths that an operator named.

It imports little: Nix is asked while the rest of the command is still being loaded.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from gate import limits
from gate.errors import CancelledError, ForeignTextError, InconclusiveError
from gate.model.basics import value
from gate.model.records import PathFacts
from gate.observe.nix_store import DERIVATION, NixStore
from gate.parse.store_path import HASH_CHARS, STORE_DIR, store_path

HASH_END = len(STORE_DIR) + 1 + HASH_CHARS
_THIS_MACHINE = ("", "auto", "daemon", "local")  # values of NIX_REMOTE whose store is /nix/store here
_AT_A_TIME = 300  # paths of at most 255 characters in one argument list


@value
class Local:
    """The local Nix store's view. ``facts`` by hash of the path; ``note`` says why there is nothing, else None.

    ``closure``: paths that a closure adds to those that were named. ``unknown``: roots of closures that are not valid
    here, so that their closure must be learnt from signed narinfos.
    """

    facts: Mapping[str, PathFacts]
    closure: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    note: str | None = None


def look_locally(nix: NixStore, names: Iterable[str], roots: Sequence[str]) -> Local:
    """What the local Nix database says of paths and closures. A Nix that can't be asked is a note, and no yardstick."""
    try:
        told = _whole_closure(nix, roots)
        valid = _valid(nix, names if told else (*names, *roots))
        known = [root for root in roots if told or root in valid]
        closure = tuple(told) if told else nix.closure(known) if known else ()
        unknown = (valid | set(closure)) - set(told)
        facts = {hash_of(fact.store_path): fact for fact in (*told.values(), *nix.path_facts(unknown))}
    except CancelledError:
        raise
    except InconclusiveError as error:
        return Local(facts={}, unknown=tuple(roots), note=str(error))
    return Local(facts=facts, closure=closure, unknown=tuple(root for root in roots if root not in known))


def _whole_closure(nix: NixStore, roots: Sequence[str]) -> dict[str, PathFacts]:
    """The closure of roots that are all valid, by one question in place of three; {} where that does not do."""
    if not roots or len(roots) > _AT_A_TIME or not all(map(_is_store_path, roots)):
        return {}
    try:
        return {fact.store_path: fact for fact in nix.closure_facts(roots)}
    except CancelledError:
        raise
    except InconclusiveError:
        return {}


def _valid(nix: NixStore, names: Iterable[str]) -> set[str]:
    """Those of the paths that are valid, in full.

    No command of Nix finds a path by its hash, and listing all valid paths takes it some 40 µs each. So what has the
    hash in its name is looked for in the store's own folder, where that is this machine's.
    """
    full = {name for name in names if "-" in name}
    hashes = {hash_of(name) for name in names} - {hash_of(name) for name in full}
    if hashes and nix.env.get("NIX_REMOTE", "") not in _THIS_MACHINE:
        return {path for path in nix.valid_paths_now() if path in full or hash_of(path) in hashes}
    if hashes:
        with suppress(OSError), os.scandir(STORE_DIR) as entries:
            full |= {f"{STORE_DIR}/{entry.name}" for entry in entries if entry.name[:HASH_CHARS] in hashes}
    asked = sorted(name for name in full if _is_store_path(name))
    for at in range(0, len(asked), _AT_A_TIME):
        argv = (nix.program("nix-store"), "--check-validity", "--print-invalid", *asked[at : at + _AT_A_TIME])
        said = nix.ask(argv, name="nix-store-check-validity", cap=limits.NIX_JSON_BYTES)
        full -= set(said.decode("utf-8", "replace").split("\n"))
    return full & set(asked)


def _is_store_path(name: str) -> bool:
    """Whether it is one that bodies are read of: the store's folder holds other files, and derivations, too."""
    try:
        return store_path(name) == name and not name.endswith(DERIVATION)
    except ForeignTextError:
        return False


def hash_of(path: str) -> str:
    """The hash in a store path that was checked, or in ``/nix/store/<hash>``."""
    return path[len(STORE_DIR) + 1 : HASH_END]
