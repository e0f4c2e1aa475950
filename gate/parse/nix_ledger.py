"""The rules that tell a masked failure from an ordinary build, over what a build log told.

`nix build` ends with 0 although a substitute failed: with `--fallback` always, without it for a NAR that the cache
answers with 404, for a cache that can't be reached, and for a refused signature. A `stop` event carries no success
flag, so success is a matter of counting (rule 1) or of what was planned (rule 2); rule 3 only suspects, since a cache
that could not be asked may never have had the path. The rules were worked out on recordings of Nix 2.8.0, 2.26.3 and
2.34.8 with the truth beside them (fixtures/recordings/nix).

1. Substitutions were begun for more paths than were copied, and something was built.
2. A path of the list "these paths will be fetched" was never begun, and its derivation was built without being in the
   list "these derivations will be built".
3. Something was built, and a cache could not be asked, or its answer for a path that was then built was refused.

All other trouble is a doubt: of a cache whose path then came from another one, of a cache that Nix stopped to ask, and
every error or warning of unknown wording. A failure is put down to a cache only where the log leaves no other: by the
message's own URL, by the path that it names, or because the whole log knows one cache alone.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from gate import limits
from gate.model.parsed import BuildDoubt, BuildLedger, LedgerPath, Masked
from gate.parse.addresses import cache_place
from gate.parse.nix_messages import CacheMessage

_OUTPUT_NAME = re.compile(r"-[A-Za-z0-9_]+$")


def _store_name(path: str) -> str:
    """The name of a store path, after its hash: ``/nix/store/<32>-<name>``."""
    return path.rpartition("/")[2][33:]


def _place(cache: str) -> object:
    """What two spellings of one cache have in common."""
    return cache_place(cache) or cache


class Substitution:
    """One path whose substitution began: from which caches, what went wrong at each, and whether it went wrong last.

    A cause without a cache, key None, is of a message that may mean any of them.
    """

    __slots__ = ("cache", "caches", "causes", "disabled", "failed")

    def __init__(self, cache: str) -> None:
        self.cache = cache
        self.caches: dict[object, str] = {_place(cache): cache}
        self.causes: dict[object, str] = {}
        self.failed = False
        self.disabled = False  # its cache was, while it was the path begun last

    def again(self, cache: str) -> None:
        """Another try, perhaps from another cache."""
        self.failed = False
        self.cache = cache
        self.caches.setdefault(_place(cache), cache)

    def fail(self, cause: str, cache: str | None) -> None:
        """A message about this path."""
        self.failed = True
        self.causes.setdefault(None if cache is None else _place(cache), cause)
        if cache is not None:
            self.caches.setdefault(_place(cache), cache)


class Ledger:
    """What the log told, as it comes. `settle` applies the rules."""

    def __init__(self) -> None:
        self.substitutions: dict[str, Substitution] = {}
        self.builds: dict[str, None] = {}
        self.planned_fetches: dict[str, None] = {}
        self.planned_builds: dict[str, None] = {}
        self.copied: dict[int, int] = {}  # the last `done` of each CopyPaths activity
        self.caches_by_hash: dict[
            str, tuple[str, dict[str, None]]
        ] = {}  # hash of a path: the path, and the caches that were asked
        self.troubles: dict[CacheMessage, str] = {}  # of no body, with the first text of each
        self.lost: dict[
            tuple[Substitution | None, CacheMessage], str
        ] = {}  # of a body: whose it may be, with the first text of each
        self.disabled: dict[
            object, tuple[str, str]
        ] = {}  # a cache that Nix stopped to ask, as it was named, and the text
        self.unknown: dict[str, None] = {}  # the beginnings of texts that are not understood
        self.unknown_count = 0
        self.last: Substitution | None = None  # whom a message means that names neither path nor body
        self.bodies: dict[str, Substitution] = {}  # URL of a body: whose it is
        self.counted = False  # the log has events, so that substitutions can be counted

    def begin(self, path: str, cache: str) -> Substitution:
        """A substitution begins, or is tried again."""
        entry = self.substitutions.get(path)
        if entry is None:
            entry = self.substitutions[path] = Substitution(cache)
        else:
            entry.again(cache)
        self.last = entry
        return entry

    def ask(self, path: str, cache: str) -> None:
        """A cache is asked whether it has a path."""
        self.caches_by_hash.setdefault(path.rpartition("/")[2][:32], (path, {}))[1][cache] = None

    def doubt(self, text: str) -> None:
        """An error, a warning or an event that is not understood."""
        self.unknown_count += 1
        if len(self.unknown) < limits.NIX_DOUBTS:
            self.unknown[text[: limits.NIX_DOUBT_CHARS]] = None

    def trouble(self, trouble: CacheMessage, text: str) -> None:
        """A final message about a cache."""
        text = text[: limits.NIX_DOUBT_CHARS]
        if trouble.about == "disabled":
            self.disabled.setdefault(_place(trouble.cache or ""), (trouble.cache or "", text))
            if self.last is not None and _place(self.last.cache) in self.disabled:
                self.last.disabled = True
        elif trouble.about != "nar":
            self.troubles.setdefault(trouble, text)
        else:
            matching = self.substitutions.get(trouble.path or "") or self.bodies.get(trouble.url or "")
            entry = matching or self.last
            cache = trouble.cache or (matching.cache if matching else self._only_cache())
            if entry is not None:
                entry.fail(trouble.cause, cache)
            self.lost.setdefault((entry, replace(trouble, cache=cache)), text)

    def _only_cache(self) -> str | None:
        """The cache of all substitutions so far, where it is one alone."""
        caches = {place: cache for entry in self.substitutions.values() for place, cache in entry.caches.items()}
        return next(iter(caches.values())) if len(caches) == 1 else None

    def failed_paths(self, builds: "_Builds") -> list[str]:
        """Begun, and not copied in the end. Events tell how many; which ones, the messages and the builds tell best."""
        if not self.counted:
            troubled = any(entry.causes or self._is_disabled(entry) for entry in self.substitutions.values())
            return [
                path
                for path, entry in self.substitutions.items()
                if entry.failed or (troubled and builds.has_output(path))
            ]
        count = max(0, len(self.substitutions) - sum(self.copied.values()))

        def likely(path: str) -> tuple[bool, bool, bool]:
            entry = self.substitutions[path]
            return not entry.failed, not builds.has_output(path), not entry.disabled

        return sorted(self.substitutions, key=likely)[:count]

    def _is_disabled(self, entry: Substitution) -> bool:
        return not self.disabled.keys().isdisjoint(entry.caches)

    def settle(
        self,
        exit_code: int | None,
        outputs: Mapping[str, tuple[str, ...]],
        errors: tuple[str, ...],
        lines: "LineCounts",
    ) -> BuildLedger:
        """The ledger of the whole log."""
        builds = _Builds(self.builds, outputs)
        failed = self.failed_paths(builds)
        unbegun = [path for path in self.planned_fetches if path not in self.substitutions]
        unplanned = _Builds({drv: None for drv in self.builds if drv not in self.planned_builds}, outputs)
        skipped = [path for path in unbegun if unplanned.has_output(path)]
        masked = self._masked(failed, skipped, builds) if self.builds and exit_code in {0, None} else ()
        doubts = self._doubts(masked)
        return BuildLedger(
            paths=self._paths(failed, skipped, builds, masked),
            masked=masked,
            aborted=lines.aborted,
            errors=errors,
            events=lines.events,
            unread_lines=lines.unread,
            doubts=doubts[: limits.NIX_DOUBTS],
            doubt_count=len(doubts) + self.unknown_count - len(self.unknown),
        )

    def _masked(self, failed: list[str], skipped: list[str], builds: "_Builds") -> tuple[Masked, ...]:
        failures = {path: self._failures(path) for path in failed}
        suspected = {one.name: one for trouble in self.troubles if (one := self._suspect(trouble, builds))}
        for path in skipped:
            cause = suspected[path].cause if path in suspected else "not-asked"
            row = Masked(name=path, cause=cause, certainty="proven", cache=self._only_cache_of(path))
            failures.setdefault(path, [row])
        proven = [row for rows in failures.values() for row in rows]
        return (*proven, *(one for name, one in suspected.items() if name not in failures))

    def _failures(self, path: str) -> list[Masked]:
        """A row for each cache that was tried for a path which none of them gave."""
        entry = self.substitutions[path]
        rows = []
        for place, cache in entry.caches.items():
            echo = "cache-disabled" if place in self.disabled else "unknown"
            cause = entry.causes.get(place) or entry.causes.get(None) or echo
            rows.append(Masked(name=path, cause=cause, certainty="proven", cache=cache or None))
        return rows

    def _suspect(self, trouble: CacheMessage, builds: "_Builds") -> Masked | None:
        """Rule 3, for one message. A refused signature counts only where the path was then built."""
        name, cache = self._subject(trouble)
        if trouble.about == "signature" and not builds.has_output(name):
            return None
        return Masked(name=name, cause=trouble.cause, certainty="suspected", cache=cache)

    def _subject(self, trouble: CacheMessage) -> tuple[str, str | None]:
        """What a message is about, a path if it can be, and the cache that it means."""
        path, caches = self.caches_by_hash.get(trouble.path_hash or "", ("", {}))
        name = trouble.path or path or trouble.path_hash or trouble.cache or "unknown"
        return name, trouble.cache or (next(iter(caches)) if len(caches) == 1 else None)

    def _doubts(self, masked: tuple[Masked, ...]) -> tuple[BuildDoubt, ...]:
        """All trouble that no masked substitute accounts for."""
        doubts: dict[BuildDoubt, None] = {}
        names = {row.name for row in masked}
        paths = {id(entry): path for path, entry in self.substitutions.items()}
        for (entry, trouble), text in self.lost.items():
            path = paths.get(id(entry))
            if path not in names:
                doubts[BuildDoubt(cause=trouble.cause, text=text, cache=trouble.cache, name=path)] = None
        for trouble, text in self.troubles.items():
            name, cache = self._subject(trouble)
            if Masked(name=name, cause=trouble.cause, certainty="suspected", cache=cache) not in masked and not any(
                row.name == name and row.certainty == "proven" and row.cache == cache for row in masked
            ):
                doubts[BuildDoubt(cause=trouble.cause, text=text, cache=cache, name=name)] = None
        caches = [*(row.cache for row in masked), *(doubt.cache for doubt in doubts)]
        places = {_place(cache) for cache in caches if cache}
        for place, (cache, text) in self.disabled.items():
            if place not in places:
                doubts[BuildDoubt(cause="cache-disabled", text=text, cache=cache)] = None
        for text in self.unknown:
            doubts[BuildDoubt(cause="not-understood", text=text)] = None
        return tuple(doubts)

    def _only_cache_of(self, path: str) -> str | None:
        caches = self.caches_by_hash.get(path.rpartition("/")[2][:32], (path, {}))[1]
        return next(iter(caches)) if len(caches) == 1 else None

    def _paths(
        self, failed: list[str], skipped: list[str], builds: "_Builds", masked: tuple[Masked, ...]
    ) -> tuple[LedgerPath, ...]:
        lost = set(failed)
        paths = [
            LedgerPath(store_path=path, how="substitute-failed", cause=self._failures(path)[0].cause)
            if path in lost
            else LedgerPath(store_path=path, how="substituted")
            for path, entry in self.substitutions.items()
        ]
        again = _Names([*failed, *skipped, *(one.name for one in masked)])
        for drv in self.builds:
            for path in builds.outputs_of(drv):
                how = again.cover(path, drv)
                paths.append(LedgerPath(store_path=path, how="rebuilt" if how else "built"))
        return tuple(paths)


class LineCounts:
    """What was counted while reading."""

    def __init__(self) -> None:
        self.events = 0
        self.unread = 0
        self.aborted = False


class _Builds:
    """Derivations that were built, and which store path came of which.

    With the outputs given, exactly; without, by name: an output of ``NAME.drv`` is called ``NAME`` or ``NAME-OUTPUT``.
    """

    def __init__(self, builds: Mapping[str, None], outputs: Mapping[str, tuple[str, ...]]) -> None:
        self._outputs = outputs
        self._paths = {path for drv in builds for path in outputs.get(drv, ())}
        self._names = {_store_name(drv).removesuffix(".drv") for drv in builds if drv not in outputs}

    def has_output(self, path: str) -> bool:
        """Whether one of the derivations gives this path."""
        name = _store_name(path)
        return path in self._paths or name in self._names or _OUTPUT_NAME.sub("", name) in self._names

    def outputs_of(self, drv: str) -> tuple[str, ...]:
        """The paths that a derivation gives, or itself where they aren't known."""
        return self._outputs.get(drv, (drv,))


class _Names:
    """Store paths that were built though a cache should have given them, by path and by name."""

    def __init__(self, paths: list[str]) -> None:
        self._paths = set(paths)
        names = {_store_name(path) for path in paths}
        self._names = names | {_OUTPUT_NAME.sub("", name) for name in names}

    def cover(self, path: str, drv: str) -> bool:
        """Whether this output, or where outputs aren't known this derivation, is one of them."""
        return path in self._paths or (path == drv and _store_name(drv).removesuffix(".drv") in self._names)
