"""Published paths read by the machine's own Nix: its settings, netrc, proxies and certificate authorities, no cache.

``nix store verify --store URL`` opens the cache as a builder does, takes each NAR to its end through Nix's own
decompression, and compares hash and signatures; nothing is written to a store. A fresh ``XDG_CACHE_HOME`` keeps it from
what Nix remembers of narinfos.
"""

import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Literal

from gate import limits
from gate.errors import ForeignTextError, InconclusiveError
from gate.model.basics import Label, value
from gate.model.machine import NixRead
from gate.model.records import ChildEnded
from gate.observe.nix_store import FEATURES, NixStore
from gate.parse.nix_commands import Outcome, parse_narinfo_hashes, read_verify
from gate.process import output

_EVERY_PATH = frozenset({"denied", "tls", "connect", "deadline"})  # what is said of a cache, and so of each path
_OPTIONS = ("--option", "narinfo-cache-negative-ttl", "0")


@value
class Reading:
    """What Nix is to read: paths of one cache. ``trust``: its signatures must be those of keys that Nix trusts."""

    label: Label
    cache: str
    url: str
    paths: tuple[str, ...]
    trust: bool


def read_by_nix(store: NixStore, reading: Reading, *, seconds: float = limits.NIX_READ_SECONDS) -> tuple[NixRead, ...]:
    """Each path with its readings; those that did not come whole are read once more, one by one."""
    try:
        with tempfile.TemporaryDirectory(prefix="publication-gate-nix-", dir=store.env.get("TMPDIR")) as folder:
            return _Reader(store, reading, folder, store.clock.monotonic() + seconds).all()
    except OSError as error:
        raise InconclusiveError(
            f"the machine's own Nix was not asked: no private folder can be made ({error.strerror}); check TMPDIR"
        ) from None


def ask_nix(store: NixStore, reading: Reading, *, seconds: float = limits.NIX_READ_SECONDS) -> NixRead:
    """One reading of the first path, once."""
    with tempfile.TemporaryDirectory(prefix="publication-gate-nix-", dir=store.env.get("TMPDIR")) as folder:
        return _Reader(store, reading, folder, store.clock.monotonic() + seconds).first()


class _Reader:
    def __init__(self, store: NixStore, reading: Reading, folder: str, until: float) -> None:
        self._store = store
        self._reading = reading
        self._env = {**store.env, "XDG_CACHE_HOME": folder}
        self._until = until

    def first(self) -> NixRead:
        return self._read(self._reading.paths[:1], 1)

    def all(self) -> tuple[NixRead, ...]:
        paths = self._reading.paths
        hashes = self._hashes()
        first = self._read(paths, 1)
        if first.outcome != "whole" and first.outcome not in _EVERY_PATH:
            return self._one_by_one(hashes)
        rows = [replace(first, store_path=path, nar_hash=hashes.get(path)) for path in paths]
        if first.outcome in _EVERY_PATH and not self._store.cancel.wait(limits.READ_SPACING_SECONDS):
            again = self._read(paths, 2)
            if again.outcome not in _EVERY_PATH:
                return (*rows, *(replace(row, attempt=row.attempt + 1) for row in self._one_by_one(hashes)))
            rows += [replace(again, store_path=path, nar_hash=hashes.get(path)) for path in paths]
        return tuple(rows)

    def _one_by_one(self, hashes: Mapping[str, str]) -> tuple[NixRead, ...]:
        rows: list[NixRead] = []
        remaining = self._reading.paths
        for attempt in (1, 2):
            with ThreadPoolExecutor(limits.NIX_READ_JOBS) as threads:
                read = list(threads.map(lambda path: self._read((path,), attempt), remaining))  # noqa: B023  # ends here
            rows += [replace(row, nar_hash=hashes.get(row.store_path)) for row in read]
            remaining = tuple(row.store_path for row in read if row.outcome != "whole")
            if not remaining or (attempt == 1 and self._store.cancel.wait(limits.READ_SPACING_SECONDS)):
                break
        return tuple(rows)

    def _read(self, paths: Sequence[str], attempt: int) -> NixRead:
        """One `nix store verify`; of several paths the row is of the first, and says what came of them together."""
        trust = () if self._reading.trust else ("--no-trust",)
        argv = ("store", "verify", *trust, *_OPTIONS, "--store", self._reading.url, *paths)
        ended, _, err = self._run(argv, "nix-store-verify")
        outcome: Outcome | Literal["deadline"]
        if ended.exit == 0 and ended.ended_by is None:
            outcome, words = "whole", ""
        elif ended.ended_by is not None:
            outcome = "deadline" if ended.ended_by == "deadline" else "other"
            words = f"ended early: {ended.ended_by}"
        else:
            outcome, words = read_verify(err)
        return NixRead(
            label=self._reading.label,
            cache=self._reading.cache,
            store_path=paths[0],
            attempt=attempt,
            outcome=outcome,
            words=words,
            millis=ended.millis,
        )

    def _hashes(self) -> Mapping[str, str]:
        """What the narinfos say to Nix, as far as it can be asked; what can't is left out."""
        argv = ("path-info", "--json", *_OPTIONS, "--store", self._reading.url, *self._reading.paths)
        ended, out, _ = self._run(argv, "nix-path-info-remote")
        if ended.exit != 0 or ended.ended_by is not None:
            return {}
        try:
            return parse_narinfo_hashes(out)
        except ForeignTextError:
            return {}

    def _run(self, argv: Sequence[str], name: str) -> tuple[ChildEnded, bytes, bytes]:
        return output(
            (self._store.program("nix"), *FEATURES, *argv),
            name=name,
            env=self._env,
            cap=limits.ANSWER_BODY_BYTES,
            deadline_seconds=max(0.1, self._until - self._store.clock.monotonic()),
            cancel=self._store.cancel,
            clock=self._store.clock,
        )
