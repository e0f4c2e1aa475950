"""The scratch probe: a bucket that it creates, finds, uses and removes, whatever happens meanwhile.

It writes to no other bucket: every name it writes to is made here from a nonce that was never used before. What it
leaves behind when even the removal fails is found by its prefix in the next run's list.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from gate import limits
from gate.clock import Clock
from gate.errors import RefusedError
from gate.evidence.buckets import read_sample
from gate.model.basics import Phase, Truth
from gate.model.operators import SCRATCH_PREFIX, ScratchSeen
from gate.model.records import BucketSampled, HttpAnswer, PlaceSeen
from gate.net import Http
from gate.observe.bucket_index import Sources, sample_buckets
from gate.observe.kube_markers import look_at
from gate.observe.kubectl import Kubectl
from gate.observe.s3 import S3
from gate.parse.text import excerpt
from gate.process import CancelToken

KEY: Final = "probe"
CONTENT_BYTES: Final = 4096
_NONCE: Final = re.compile(r"[0-9a-f]{16}")
_OK: Final = 200
_REMOVED: Final = (200, 204)
_NOT_FOUND: Final = 404
_DELETED: Final = (*_REMOVED, _NOT_FOUND)
_CLIENT_ERRORS: Final = range(400, 500)
_NEVER_SENT: Final = ("refused-host", "refused-address", "connect", "tls")


@dataclass(frozen=True, kw_only=True)
class Door:
    """A signed S3 and the plain requests beside it."""

    s3: S3
    http: Http


def scratch_bucket(nonce: str) -> str:
    """The name of a scratch bucket; `RefusedError` for a nonce that is not 16 hex digits."""
    if not _NONCE.fullmatch(nonce):
        raise RefusedError(f"The scratch nonce is {excerpt(nonce)}: expected 16 hex digits.")
    return SCRATCH_PREFIX + nonce


def probe_scratch(
    door: Door,
    sweeper: Door,
    places: Sequence[str],
    *,
    nonce: str,
    strict: bool,
    cancel: CancelToken,
    clock: Clock,
    kubectl: Kubectl | None = None,
) -> ScratchSeen:
    """Make, find, use and remove one bucket.

    ``places`` are looked at with ``strict`` alone. ``sweeper`` must not be ended by ``cancel``, and give up after
    `limits.SWEEP_ANSWER_SECONDS`: it cleans up also after a signal or an error. Nothing is raised for what S3 says.
    """
    run = _Run(
        door=door,
        sweeper=sweeper,
        places=tuple(places) if strict else (),
        observation=ScratchSeen(bucket=scratch_bucket(nonce), strict=strict),
        cancel=cancel,
        clock=clock,
        kubectl=kubectl,
    )
    try:
        run.walk(hashlib.shake_256(nonce.encode()).digest(CONTENT_BYTES))
    finally:
        run.sweep()
    return run.observation


@dataclass(kw_only=True)
class _Run:
    """One way of one bucket; ``observation`` grows with it.

    ``creation_sent`` and ``holding``: a request was sent that may have made the bucket, or an object in it. What such a
    request does is unknown until its answer is there: a server may do it even after the sweep's first DeleteBucket.
    """

    door: Door
    sweeper: Door
    places: tuple[str, ...]
    observation: ScratchSeen
    cancel: CancelToken
    clock: Clock
    kubectl: Kubectl | None = None
    creation_sent: bool = False
    holding: bool = False

    def walk(self, content: bytes) -> None:
        """The steps, each only after the one before went well."""
        s3 = self.door.s3
        if self._stopped():
            return
        self.creation_sent = True
        created = s3.create_bucket(self.observation.bucket)
        self.observation = replace(self.observation, created=created)
        if self._stopped() or created.status != _OK:
            return
        self._find()
        if self._stopped():
            return
        self.holding = True
        put = s3.put_object(self.observation.bucket, KEY, content)
        self.observation = replace(self.observation, put=put)
        if self._stopped() or put.status != _OK:
            return
        got, arrivals = s3.get_object(self.observation.bucket, KEY, cap=2 * CONTENT_BYTES)
        same = (Truth.PRESENT if arrivals == content else Truth.ABSENT) if got.status == _OK else Truth.UNKNOWN
        self.observation = replace(self.observation, got=got, same=same)
        if not self._stopped():
            self.observation = replace(self.observation, deleted=s3.delete_object(self.observation.bucket, KEY))

    def sweep(self) -> None:
        """Remove what may be there, until it is gone for good or the time for it is over."""
        if not self.creation_sent or _surely_undone(self.observation.created):
            return
        until = self.clock.monotonic() + limits.SWEEP_SECONDS
        quiet_from = self.clock.monotonic()
        while True:
            if self._may_hold_an_object():
                self._delete_object()
            removal = self.sweeper.s3.delete_bucket(self.observation.bucket)
            self.observation = replace(self.observation, removals=(*self.observation.removals, removal))
            now = self.clock.monotonic()
            if removal.status != _NOT_FOUND or len(self.observation.removals) == 1:
                quiet_from = now
            if now >= until or (removal.status in _DELETED and self._stays_gone(now - quiet_from)):
                break
            self.clock.sleep(limits.SCRATCH_POLL_SECONDS)
        self.observation = replace(
            self.observation,
            after=self._sample(self.sweeper, Phase.POST, 1),
            places_after=() if self.cancel.cancelled else self._look(),
        )

    def _stays_gone(self, quiet: float) -> bool:
        """Whether nothing that was asked for can bring the bucket back, ``quiet`` seconds after it was last there."""
        result = _answered(self.observation.created)
        removed = any(removal.status in _REMOVED for removal in self.observation.removals)
        written = not self.holding or _surely_undone(self.observation.put) or _answered(self.observation.put)
        return ((result or removed) and written) or quiet >= limits.SWEEP_SETTLE_SECONDS

    def _delete_object(self) -> None:
        answer = self.sweeper.s3.delete_object(self.observation.bucket, KEY)
        if self.observation.deleted is None or self.observation.deleted.status not in _REMOVED:
            self.observation = replace(self.observation, deleted=answer)

    def _find(self) -> None:
        """Wait for the new bucket in list, head and get, and on every drive where that is asked for."""
        until = self.clock.monotonic() + limits.SCRATCH_SECONDS
        number = 0
        while True:
            number += 1
            sample = self._sample(self.door, Phase.PRE, number)
            places = self._look()
            self.observation = replace(self.observation, sample=sample, places=places)
            row = read_sample(sample, self.observation.bucket)
            indexed = row.listed is row.head is row.get is Truth.PRESENT
            marked = all(mark.data is mark.meta is Truth.PRESENT for place in places for mark in place.markers)
            if (indexed and marked) or self.clock.monotonic() >= until:
                return
            if self.cancel.wait(limits.SCRATCH_POLL_SECONDS):
                return

    def _sample(self, door: Door, phase: Phase, number: int) -> BucketSampled:
        sources = Sources(s3=door.s3, http=door.http, buckets=(self.observation.bucket,), places=(), clock=self.clock)
        return sample_buckets(sources, phase=phase, number=number)

    def _look(self) -> tuple[PlaceSeen, ...]:
        bucket = [self.observation.bucket]
        return tuple(
            row
            for place in self.places
            for row in look_at(place, bucket, kubectl=self.kubectl, seconds=limits.SCRATCH_MARKER_SECONDS)
        )

    def _stopped(self) -> bool:
        if self.cancel.cancelled and self.observation.cut_short is None:
            self.observation = replace(self.observation, cut_short=self.cancel.reason)
        return self.cancel.cancelled

    def _may_hold_an_object(self) -> bool:
        """Whether to delete it before the bucket: always again once DeleteBucket did not settle it."""
        deleted = self.observation.deleted is not None and self.observation.deleted.status in _REMOVED
        return self.holding and (not deleted or bool(self.observation.removals))


def _answered(answer: HttpAnswer | None) -> bool:
    return answer is not None and answer.status == _OK


def _surely_undone(answer: HttpAnswer | None) -> bool:
    """Whether the request did nothing: refused by S3, or never sent. None is an error in the middle of it."""
    return answer is not None and (answer.status in _CLIENT_ERRORS or answer.error in _NEVER_SENT)
