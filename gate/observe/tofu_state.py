"""The OpenTofu state object and its lock as a probe sees them: by HEAD, and with ``state-contents`` by GET as well.

The S3 backend's lock file is ``<key>.tflock`` (https://opentofu.org/docs/language/settings/backends/s3/).
"""

from gate.model.basics import Phase
from gate.model.records import StateContents, StateSeen
from gate.observe.s3 import S3
from gate.observe.state_object import LOCK_SUFFIX, read_state


def look(s3: S3, bucket: str, key: str, *, phase: Phase, contents: bool = False) -> StateSeen:
    """The state's and the lock's HEAD answers; with ``contents`` also what may be told of the state's content."""
    if not contents:
        lock = s3.head_object(bucket, key + LOCK_SUFFIX)
        return StateSeen(phase=phase, bucket=bucket, key=key, head=s3.head_object(bucket, key), lock=lock)
    read = read_state(s3, bucket, key)
    told = StateContents(
        get=read.get,
        again=read.again,
        size=read.size,
        content=read.content,
        facts=read.facts,
        problem=read.problem,
        fault=read.fault,
    )
    return StateSeen(phase=phase, bucket=bucket, key=key, head=read.head, lock=read.lock, contents=told)
