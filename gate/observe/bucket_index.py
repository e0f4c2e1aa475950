"""One sample of bucket truth: what the list, the heads, the gets, the disks and the server's readiness say at one time.

The list is asked first. Everything else follows at once and side by side, so that one server that answers slowly does
not pull the sources apart: a bucket that comes or goes between list and markers is told by the next sample.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from gate import limits
from gate.model.basics import Phase
from gate.model.records import BucketSampled
from gate.net import Http
from gate.observe.kube_markers import look_at
from gate.observe.kubectl import Kubectl
from gate.observe.s3 import S3

_READY: Final = "/health/ready"  # RustFS: 503 while its drive is faulty, when /health is still 200
# Whether it can be written to: MinIO, and RustFS from 1.0 on, where /health/ready asks for a quorum to read alone
# (rustfs 1.0.1 src/server/health.rs, HealthProbe); before that it is refused with 403.
_WRITABLE: Final = "/minio/health/cluster"


def sample_buckets(
    s3: S3,
    buckets: Sequence[str],
    places: Sequence[str],
    *,
    phase: Phase,
    number: int,
    http: Http,
    kubectl: Kubectl | None = None,
) -> BucketSampled:
    """Take one sample. ``places`` are locators of the store's drives, ``number`` counts from 1 within the phase.

    Without ``kubectl``, places in a cluster are unknown.

    Nothing is raised for what a source says or does not say: its own answer tells.
    """
    with ThreadPoolExecutor(limits.READ_JOBS) as threads:
        ready, writable = (
            threads.submit(http.ask, "GET", f"{s3.endpoint}{path}", cap=limits.ANSWER_BODY_BYTES, keep_body=True)
            for path in (_READY, _WRITABLE)
        )
        listing = s3.list_buckets()
        seen = [threads.submit(look_at, place, buckets, kubectl=kubectl) for place in places]
        heads = {bucket: threads.submit(s3.head_bucket, bucket) for bucket in buckets}
        gets = {bucket: threads.submit(s3.get_bucket, bucket) for bucket in buckets}
        return BucketSampled(
            phase=phase,
            number=number,
            listing=listing,
            heads={bucket: head.result() for bucket, head in heads.items()},
            gets={bucket: get.result() for bucket, get in gets.items()},
            places=tuple(row for place in seen for row in place.result()),
            ready=ready.result()[0],
            writable=writable.result()[0],
        )
