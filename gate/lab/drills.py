"""The one table of drills: what is done to the lab, and the verdict and reason codes that must come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gate.errors import RefusedError
from gate.lab import inject, inject_bodies, inject_state
from gate.lab.inject import Fault
from gate.model.basics import Status, VerdictWord

_FAIL, _INCONCLUSIVE, _PASS = Status.FAIL, Status.INCONCLUSIVE, Status.PASS
NO_FAULT: Final = "healthy"


@dataclass(frozen=True, kw_only=True)
class Drill:
    """A row of the table. ``codes`` are findings that must come, with their status; ``overrides`` are settings.

    ``commanded``: the S3 server must be the lab's own, since the fault takes hold of its index, disk or process.
    ``proxied``: a reverse proxy is in front of Attic.
    """

    name: str
    title: str
    word: VerdictWord
    codes: tuple[tuple[str, Status], ...]
    fault: type[Fault]
    profile: str = "small-check"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    commanded: bool = False
    proxied: bool = False


DRILLS: tuple[Drill, ...] = (
    Drill(
        name=NO_FAULT,
        title="nothing is wrong",
        word=VerdictWord.PASS,
        codes=(("run-complete", _PASS), ("push-representative", _PASS)),
        fault=inject.Healthy,
        profile="medium-check",
    ),
    Drill(
        name="index-lost-during-push",
        title="the incident: both buckets leave the index when the push begins, and it runs to its end",
        word=VerdictWord.QUARANTINE,
        codes=(
            ("bucket-index-lost", _FAIL),
            ("push-path-failed", _FAIL),
            ("state-lost", _FAIL),
            ("log-storage-error", _INCONCLUSIVE),
        ),
        fault=inject.IndexLostDuringPush,
        profile="medium-check",
        overrides={"finish_push": True},
        commanded=True,
    ),
    Drill(
        name="push-ended-at-loss",
        title="both buckets leave the index while the server hangs: the push is ended at the first loss",
        word=VerdictWord.QUARANTINE,
        codes=(("bucket-index-lost", _FAIL), ("push-ended-at-loss", _INCONCLUSIVE)),
        fault=inject.PushEndedAtLoss,
        commanded=True,
    ),
    Drill(
        name="index-lost-before",
        title="both buckets are out of the index before the run: nothing is published",
        word=VerdictWord.QUARANTINE,
        codes=(("bucket-index-lost", _FAIL), ("run-publish-skipped", _INCONCLUSIVE)),
        fault=inject.IndexLostBefore,
        commanded=True,
    ),
    Drill(
        name="index-lost-after",
        title="both buckets leave the index when everything was read back",
        word=VerdictWord.QUARANTINE,
        codes=(("bucket-index-lost", _FAIL),),
        fault=inject.IndexLostAfter,
        commanded=True,
    ),
    Drill(
        name="index-flapping",
        title="both buckets leave the index and come back between the samples after",
        word=VerdictWord.QUARANTINE,
        codes=(("bucket-flapping", _FAIL),),
        fault=inject.IndexFlapping,
        commanded=True,
    ),
    Drill(
        name="body-empty",
        title="a NAR's first chunk is gone: HTTP 200, zero bytes, early close",
        word=VerdictWord.QUARANTINE,
        codes=(("body-empty", _FAIL),),
        fault=inject_bodies.BodyEmpty,
    ),
    Drill(
        name="body-short",
        title="a NAR's last chunk is empty: HTTP 200, a clean end, bytes lacking",
        word=VerdictWord.QUARANTINE,
        codes=(("body-short", _FAIL),),
        fault=inject_bodies.BodyShort,
    ),
    Drill(
        name="chunk-missing",
        title="a NAR's later chunk is gone: HTTP 200, cut in the middle",
        word=VerdictWord.QUARANTINE,
        codes=(("body-short", _FAIL),),
        fault=inject_bodies.ChunkMissing,
    ),
    Drill(
        name="chunk-bitflip",
        title="one bit of one chunk is wrong: HTTP 200, a clean end, every byte there",
        word=VerdictWord.QUARANTINE,
        codes=(("body-corrupt", _FAIL),),
        fault=inject_bodies.ChunkBitflip,
    ),
    Drill(
        name="foreign-body",
        title="a path is served another path's NAR of the same size, under its own valid signature",
        word=VerdictWord.QUARANTINE,
        codes=(("body-foreign", _FAIL),),
        fault=inject_bodies.ForeignBody,
    ),
    Drill(
        name="proxy-200-html",
        title="a proxy answers every upload with a page and 200: the push is green, nothing was written",
        word=VerdictWord.QUARANTINE,
        codes=(("body-missing", _FAIL),),
        fault=inject.ProxyPage,
        proxied=True,
    ),
    Drill(
        name="already-cached-bucket-lost",
        title="all paths were published before, and the buckets are gone: the client says that all is done",
        word=VerdictWord.QUARANTINE,
        codes=(
            ("bucket-index-lost", _FAIL),
            ("body-empty", _FAIL),
            ("body-missing", _FAIL),
            ("push-not-representative", _INCONCLUSIVE),
        ),
        fault=inject.AlreadyCachedBucketLost,
        overrides={"publish_anyway": True, "finish_push": True},
        commanded=True,
    ),
    Drill(
        name="twin-of-cached-profile",
        title="all paths were published before: a twin is written in their stead, and comes back whole",
        word=VerdictWord.PASS,
        codes=(("push-clean", _PASS), ("push-representative", _PASS), ("run-complete", _PASS)),
        fault=inject_state.CachedProfile,
        profile="medium-check",
    ),
    Drill(
        name="chunks-outlive-nars",
        title="the cache lacks every path and has its chunks: the push writes nothing, so a twin is written after it",
        word=VerdictWord.PASS,
        codes=(("push-clean", _PASS), ("push-representative", _PASS), ("run-complete", _PASS)),
        fault=inject_state.ChunksOutliveNars,
        profile="medium-check",
    ),
    Drill(
        name="chunks-outlive-nars-no-twin",
        title="the cache lacks every path and has its chunks, and no twin may be: nothing is shown to be written",
        word=VerdictWord.INCONCLUSIVE,
        codes=(("push-not-representative", _INCONCLUSIVE),),
        fault=inject_state.ChunksOutliveNars,
        profile="medium-check",
        overrides={"twin": "never"},
    ),
    Drill(
        name="twin-finds-the-loss",
        title="all paths were published before, and both buckets leave the index when the twin's push begins",
        word=VerdictWord.QUARANTINE,
        codes=(
            ("bucket-index-lost", _FAIL),
            ("push-path-failed", _FAIL),
            ("state-lost", _FAIL),
            ("run-publish-skipped", _INCONCLUSIVE),
        ),
        fault=inject_state.TwinFindsTheLoss,
        profile="medium-check",
        overrides={"finish_push": True},
        commanded=True,
    ),
    Drill(
        name="cached-profile-no-twin",
        title="all paths were published before, and no twin may be: nothing was written, so nothing is proved",
        word=VerdictWord.INCONCLUSIVE,
        codes=(("push-not-representative", _INCONCLUSIVE),),
        fault=inject_state.CachedProfile,
        profile="medium-check",
        overrides={"twin": "never"},
    ),
    Drill(
        name="push-auth-expired",
        title="the push token is over: our own trouble, no word on the cache",
        word=VerdictWord.INCONCLUSIVE,
        codes=(("push-auth", _INCONCLUSIVE),),
        fault=inject.PushAuthExpired,
    ),
    Drill(
        name="s3-down",
        title="the S3 server does not answer: unknown is not absent",
        word=VerdictWord.INCONCLUSIVE,
        codes=(("bucket-unobservable", _INCONCLUSIVE), ("run-publish-skipped", _INCONCLUSIVE)),
        fault=inject.StoreDown,
        commanded=True,
    ),
    Drill(
        name="store-stalled-before",
        title="the S3 server answers nothing for 4 s before the publication: nothing is published",
        word=VerdictWord.INCONCLUSIVE,
        codes=(
            ("store-stalled", _INCONCLUSIVE),
            ("bucket-unobservable", _INCONCLUSIVE),
            ("run-publish-skipped", _INCONCLUSIVE),
        ),
        fault=inject.StoreStalledBefore,
        commanded=True,
    ),
    Drill(
        name="list-stalled-before",
        title="only ListBuckets answers nothing for 11 s before the publication: nothing is published",
        word=VerdictWord.INCONCLUSIVE,
        codes=(
            ("store-stalled", _INCONCLUSIVE),
            ("bucket-unobservable", _INCONCLUSIVE),
            ("run-publish-skipped", _INCONCLUSIVE),
        ),
        fault=inject.ListStalledBefore,
    ),
    Drill(
        name="store-stalled-during-push",
        title="the S3 server answers nothing for 12 s of the push, and all comes back whole",
        word=VerdictWord.INCONCLUSIVE,
        codes=(("store-stalled", _INCONCLUSIVE), ("bucket-unobservable", _INCONCLUSIVE)),
        fault=inject.StoreStalledDuringPush,
        commanded=True,
    ),
    Drill(
        name="masked-fallback",
        title="the build is green only because a substitute of this cache failed",
        word=VerdictWord.QUARANTINE,
        codes=(("build-fallback-masked", _FAIL), ("body-empty", _FAIL)),
        fault=inject_bodies.MaskedFallback,
    ),
    Drill(
        name="restart-in-window",
        title="the S3 server is restarted between the push and the reading back",
        word=VerdictWord.INCONCLUSIVE,
        codes=(("epoch-changed", _INCONCLUSIVE),),
        fault=inject.RestartInWindow,
        commanded=True,
    ),
    Drill(
        name="pre-not-clean",
        title="a bucket lacks its metadata marker before the run: nothing may be published",
        word=VerdictWord.INCONCLUSIVE,
        codes=(("bucket-marker-missing", _INCONCLUSIVE), ("run-publish-skipped", _INCONCLUSIVE)),
        fault=inject.PreNotClean,
        commanded=True,
    ),
    Drill(
        name="upstream-paths",
        title="some paths are left to an upstream cache: no fault",
        word=VerdictWord.PASS,
        codes=(("run-complete", _PASS),),
        fault=inject.UpstreamPaths,
        profile="medium-check",
    ),
    Drill(
        name="check-fails-to-build",
        title="the check does not build: somebody else's work, no word on the cache",
        word=VerdictWord.INCONCLUSIVE,
        codes=(("build-failed", _INCONCLUSIVE),),
        fault=inject.BrokenCheck,
    ),
    Drill(
        name="state-lineage-changed",
        title="another state lies where the OpenTofu state was: its lineage is a new one",
        word=VerdictWord.QUARANTINE,
        codes=(("state-lineage-changed", _FAIL),),
        fault=inject_state.StateLineageChanged,
    ),
    Drill(
        name="state-serial-moved",
        title="a tofu apply in the window: the same lineage and the next serial, no fault",
        word=VerdictWord.PASS,
        codes=(("state-serial-moved", _PASS), ("run-complete", _PASS)),
        fault=inject_state.StateSerialMoved,
    ),
    # the last: `run_all` begins no further drill once its run was cancelled
    Drill(
        name="cancelled",
        title="the run gets SIGTERM while it reads back",
        word=VerdictWord.INCONCLUSIVE,
        codes=(("run-cancelled", _INCONCLUSIVE),),
        fault=inject.CancelledRun,
    ),
)


def find_drill(name: str | None) -> Drill:
    """The drill of that name, the healthy one for None; raises `RefusedError` with the known names."""
    for drill in DRILLS:
        if drill.name == (name or NO_FAULT):
            return drill
    raise RefusedError(f"fault {name!r} is not known: expected one of {', '.join(drill.name for drill in DRILLS)}")
