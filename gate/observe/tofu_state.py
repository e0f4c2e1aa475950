"""The OpenTofu state object and its lock, by HEAD alone: a probe never reads a state's content.

The S3 backend's lock file is ``<key>.tflock`` (https://opentofu.org/docs/language/settings/backends/s3/).
"""

from gate.model.basics import Phase
from gate.model.records import StateSeen
from gate.observe.s3 import S3


def look(s3: S3, bucket: str, key: str, *, phase: Phase) -> StateSeen:
    """The state's and the lock's HEAD answers."""
    return StateSeen(
        phase=phase,
        bucket=bucket,
        key=key,
        head=s3.head_object(bucket, key),
        lock=s3.head_object(bucket, f"{key}.tflock"),
    )
