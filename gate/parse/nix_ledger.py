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
"""

import re
from collections.abc import Mapping

from gate.model.parsed import BuildLedger, LedgerPath, Masked
from gate.parse.nix_messages import Trouble

_OUTPUT_NAME = re.compile(r"-[A-Za-z0-9_]+$")


def _store_name(path: str) -> str:
    """The name of a store path, after its hash: ``/nix/store/<32>-<name>``."""
    return path.rpartition("/")[2][33:]


class Begun:
    """One path whose substitution began: from where last, what went wrong first, and whether it went wrong last."""

    __slots__ = ("cache", "cause", "failed")

    def __init__(self, cache: str) -> None:
        self.cache = cache
        self.cause: str | None = None
        self.failed = False

    def again(self, cache: str) -> None:
        """Another try, perhaps from another cache."""
        self.failed = False
        self.cache = cache if self.cause is None else self.cache

    def fail(self, cause: str) -> None:
        """A message about this path; `cache-disabled` is only the echo of an earlier one."""
        self.failed = True
        if self.cause in {None, "cache-disabled"}:
            self.cause = cause


class Ledger:
    """What the log told, as it comes. `settle` applies the rules."""

    def __init__(self) -> None:
        self.begun: dict[str, Begun] = {}
        self.builds: dict[str, None] = {}
        self.planned_fetches: dict[str, None] = {}
        self.planned_builds: dict[str, None] = {}
        self.copied: dict[int, int] = {}  # the last `done` of each CopyPaths activity
        self.asked: dict[str, tuple[str, str]] = {}  # hash of a path: the path, and the cache that was asked last
        self.troubles: list[Trouble] = []
        self.last: Begun | None = None  # whom a message means that names neither path nor body
        self.bodies: dict[str, Begun] = {}  # URL of a body: whose it is
        self.counted = False  # the log has events, so that substitutions can be counted

    def begin(self, path: str, cache: str) -> Begun:
        """A substitution begins, or is tried again."""
        entry = self.begun.get(path)
        if entry is None:
            entry = self.begun[path] = Begun(cache)
        else:
            entry.again(cache)
        self.last = entry
        return entry

    def trouble(self, trouble: Trouble) -> None:
        """A final message about a cache."""
        if trouble.about != "nar":
            if trouble not in self.troubles:
                self.troubles.append(trouble)
            return
        entry = self.begun.get(trouble.path or "") or self.bodies.get(trouble.url or "") or self.last
        if entry is not None:
            entry.fail(trouble.cause)

    def failed_paths(self, builds: "_Builds") -> list[str]:
        """Begun, and not copied in the end. Events tell how many; which ones, the messages and the builds tell best."""
        if not self.counted:
            troubled = any(entry.cause for entry in self.begun.values())
            return [path for path, entry in self.begun.items() if entry.failed or (troubled and builds.made(path))]
        count = max(0, len(self.begun) - sum(self.copied.values()))
        likely = sorted(self.begun, key=lambda path: (-self.begun[path].failed, -builds.made(path)))
        return likely[:count]

    def settle(
        self, exit_code: int | None, outputs: Mapping[str, tuple[str, ...]], errors: tuple[str, ...], lines: "Lines"
    ) -> BuildLedger:
        """The ledger of the whole log."""
        builds = _Builds(self.builds, outputs)
        failed = self.failed_paths(builds)
        unbegun = [path for path in self.planned_fetches if path not in self.begun]
        unplanned = _Builds({drv: None for drv in self.builds if drv not in self.planned_builds}, outputs)
        skipped = [path for path in unbegun if unplanned.made(path)]
        masked = self._masked(failed, skipped, builds) if self.builds and exit_code in {0, None} else ()
        return BuildLedger(
            paths=self._paths(failed, skipped, builds, masked),
            masked=masked,
            aborted=lines.aborted,
            errors=errors,
            events=lines.events,
            unread_lines=lines.unread,
        )

    def _masked(self, failed: list[str], skipped: list[str], builds: "_Builds") -> tuple[Masked, ...]:
        found: dict[str, Masked] = {}
        for path in failed:
            entry = self.begun[path]
            found[path] = Masked(
                name=path, cause=entry.cause or "unknown", certainty="proven", cache=entry.cache or None
            )
        suspected = {one.name: one for trouble in self.troubles if (one := self._suspect(trouble, builds))}
        for path in skipped:
            cause = suspected[path].cause if path in suspected else "not-asked"
            found.setdefault(path, Masked(name=path, cause=cause, certainty="proven", cache=self._asked(path)))
        return (*found.values(), *(one for name, one in suspected.items() if name not in found))

    def _suspect(self, trouble: Trouble, builds: "_Builds") -> Masked | None:
        """Rule 3, for one message. A refused signature counts only where the path was then built."""
        path, cache = self.asked.get(trouble.path_hash or "", ("", None))
        name = trouble.path or path or trouble.path_hash or trouble.cache or "unknown"
        if trouble.about == "signature" and not builds.made(name):
            return None
        return Masked(name=name, cause=trouble.cause, certainty="suspected", cache=trouble.cache or cache)

    def _asked(self, path: str) -> str | None:
        return self.asked.get(path.rpartition("/")[2][:32], (path, None))[1]

    def _paths(
        self, failed: list[str], skipped: list[str], builds: "_Builds", masked: tuple[Masked, ...]
    ) -> tuple[LedgerPath, ...]:
        lost = set(failed)
        paths = [
            LedgerPath(store_path=path, how="substitute-failed", cause=entry.cause or "unknown")
            if path in lost
            else LedgerPath(store_path=path, how="substituted")
            for path, entry in self.begun.items()
        ]
        again = _Names([*failed, *skipped, *(one.name for one in masked)])
        for drv in self.builds:
            for path in builds.outputs_of(drv):
                how = again.cover(path, drv)
                paths.append(LedgerPath(store_path=path, how="rebuilt" if how else "built"))
        return tuple(paths)


class Lines:
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

    def made(self, path: str) -> bool:
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
