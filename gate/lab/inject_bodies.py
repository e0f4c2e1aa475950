"""Faults of bodies: objects behind a published path are broken in S3, through S3, before they are read back.

Which object belongs to which path is read from Attic's own database. The proof is the lab's own reading of the body,
by another HTTP client than the gate's.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import Final

from gate.errors import InconclusiveError
from gate.lab.attic_stack import MAIN, Fetched
from gate.lab.inject import Fault, VoidDrillError
from gate.lab.s3 import ChunkObject, Stored, stored_paths
from gate.lab.stack import CHECKS
from gate.model.document import Evidence

OK: Final = 200
REDIRECT: Final = 307  # attic b7c9056 server/src/api/binary_cache.rs:220
MANY_CHUNKS: Final = 3  # enough for a first, a middle and a last


class BrokenBody(Fault):
    """Breaks one published path when the profile is about to be read back. Subclasses say which and how."""

    def stage(self, name: str) -> None:
        """Do it, and look at the body."""
        if name == "read:profile":
            paths = tuple(path for path in stored_paths(self.stack.attic.database, MAIN) if path.alone)
            self.acted = self.break_one(paths)

    def break_one(self, paths: tuple[Stored, ...]) -> str:
        """Break a path and return the proof; raises `VoidDrillError` when no path can be broken."""
        raise NotImplementedError

    def chunked(self, paths: tuple[Stored, ...]) -> Stored:
        """The smallest path of several chunks."""
        several = [path for path in paths if len(path.chunks) >= MANY_CHUNKS]
        if not several:
            raise VoidDrillError(f"no path of {MANY_CHUNKS} chunks or more was published: nothing can be broken")
        return min(several, key=lambda path: path.nar_size)

    def read(self, path: Stored) -> Fetched:
        """The lab's own reading of a body."""
        return self.stack.attic.fetch(f"/{MAIN}/nar/{path.hash}.nar")

    def delete(self, chunk: ChunkObject) -> None:
        """Remove an object."""
        self.stack.store.objects.delete(chunk.bucket, chunk.key)

    def put(self, chunk: ChunkObject, body: bytes) -> None:
        """Write other bytes in an object's place."""
        self.stack.store.objects.put(chunk.bucket, chunk.key, body)

    def get(self, chunk: ChunkObject) -> bytes:
        """An object's bytes."""
        return self.stack.store.objects.get(chunk.bucket, chunk.key)

    def compare(self, path: Stored, fault: Callable[[], None], is_expected: Callable[[Fetched, Fetched], bool]) -> str:
        """Read, break, read again; the two readings must differ as the fault says."""
        before = self.read(path)
        fault()
        after = self.read(path)
        if not is_expected(before, after):
            raise VoidDrillError(
                f"{path.store_path} was broken, and its body still reads as {after} (before: {before})"
            )
        end = "cut short" if after.cut else "a clean end"
        return f"{path.store_path}: HTTP {after.status}, {after.bytes} of {before.bytes} bytes, {end}"


class BodyEmpty(BrokenBody):
    """The first chunk is gone: HTTP 200, zero bytes, early close, as on 2026-05-06."""

    def break_one(self, paths: tuple[Stored, ...]) -> str:
        """Delete the first chunk of a chunked path."""
        path = self.chunked(paths)
        return self.compare(
            path,
            lambda: self.delete(path.chunks[0]),
            lambda before, after: before.bytes > 0 and after.status == OK and after.bytes == 0 and after.cut,
        )


class BodyShort(BrokenBody):
    """The last chunk is an empty object: HTTP 200, a clean end, and bytes are lacking."""

    def break_one(self, paths: tuple[Stored, ...]) -> str:
        """Empty the last chunk of a chunked path."""
        path = self.chunked(paths)
        return self.compare(
            path,
            lambda: self.put(path.chunks[-1], b""),
            lambda before, after: after.status == OK and not after.cut and 0 < after.bytes < before.bytes,
        )


class ChunkMissing(BrokenBody):
    """A later chunk is gone: HTTP 200, and the body is cut in the middle."""

    def break_one(self, paths: tuple[Stored, ...]) -> str:
        """Delete the last but one chunk of a chunked path."""
        path = self.chunked(paths)
        return self.compare(
            path,
            lambda: self.delete(path.chunks[-2]),
            lambda before, after: after.status == OK and after.cut and 0 < after.bytes < before.bytes,
        )


class ChunkBitflip(BrokenBody):
    """One bit of a later chunk is wrong: HTTP 200, a clean end, every byte there, and no NAR comes of it."""

    def break_one(self, paths: tuple[Stored, ...]) -> str:
        """Flip a bit in the magic number that a chunk's own zstd frame begins with."""
        path = self.chunked(paths)
        chunk = path.chunks[1]
        good = self.get(chunk)
        flipped = bytes([good[0] ^ 1]) + good[1:]
        difference = self.compare(
            path,
            lambda: self.put(chunk, flipped),
            lambda before, after: after.status == OK and not after.cut and after.bytes == before.bytes,
        )
        if self.get(chunk) != flipped:
            raise VoidDrillError("the flipped chunk did not stay in S3")
        return f"{difference}, one bit of chunk {chunk.key} flipped"


class ForeignBody(BrokenBody):
    """The object of a one-chunk path holds another path's whole NAR: narinfo and signature stay valid.

    The two differ in size; a whole NAR of the same size could as well be a damaged one.
    """

    def break_one(self, paths: tuple[Stored, ...]) -> str:
        """Put one path's object in the place of another's."""
        single = [path for path in paths if len(path.chunks) == 1]
        victim, other = next(_strangers(single), (None, None))
        if victim is None or other is None:
            raise VoidDrillError(
                "no two one-chunk paths with NARs of different sizes were published: nothing can be exchanged"
            )
        mine, foreign = self.get(victim.chunks[0]), self.get(other.chunks[0])
        self.put(victim.chunks[0], foreign)
        now = self.get(victim.chunks[0])
        if now == mine or now != foreign:
            raise VoidDrillError("the foreign object did not stay in S3")
        answer = self.read(victim)
        if answer.status not in {OK, REDIRECT}:
            raise VoidDrillError(f"{victim.store_path} answers {answer.status}: expected its foreign body to be served")
        checksums = f"crc32 {zlib.crc32(foreign):08x} for {zlib.crc32(mine):08x}"
        return f"{victim.store_path} is served the NAR of {other.store_path} ({checksums})"


class MaskedFallback(Fault):
    """The tool that the check runs is in the cache with an empty body, and not in the local store.

    Nix asks for it, gets no NAR, and builds it: the build is green only because of ``--fallback``.
    """

    def prepare(self) -> None:
        """Build and push the tool, forget it locally, and empty its object."""
        tool = self.stack.installable(f"{CHECKS[self.profile]}.tool")
        path = self.stack.nix.build(tool)
        self.stack.push(path)
        self.stack.nix.delete(path)
        stored = [row for row in stored_paths(self.stack.attic.database, MAIN) if row.store_path == path]
        if len(stored) != 1 or len(stored[0].chunks) != 1:
            raise InconclusiveError(
                f"{path} was pushed, and the database has {len(stored)} rows for it: expected one, of one chunk"
            )
        chunk = stored[0].chunks[0]
        self.stack.store.objects.put(chunk.bucket, chunk.key, b"")
        self._path = path

    def proof(self, evidence: Evidence) -> str:
        """The build is green, and the substitute that failed is named in its ledger."""
        build = evidence.build
        if build is None or build.exit != 0:
            raise VoidDrillError("the build was not green, so nothing was masked")
        log = build.ledger
        if log is None or not any(row.store_path == self._path for row in log.paths):
            raise VoidDrillError(f"{self._path} was neither substituted nor built in this run")
        return f"the build was green, and {self._path} was served with an empty body"


def _strangers(paths: list[Stored]) -> Iterator[tuple[Stored, Stored]]:
    """Pairs of NARs of different sizes."""
    for path in paths:
        for other in paths:
            if other.nar_size != path.nar_size:
                yield path, other
