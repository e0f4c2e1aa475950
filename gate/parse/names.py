"""Names of caches and buckets by the rules of the servers that keep them."""

import re
from typing import Final

CACHE_RULE: Final = "1 to 50 letters, digits, '-', '_' and '+', the first a letter or a digit"
BUCKET_RULE: Final = "3 to 63 letters, digits, '-', '_' and '.', the first and the last a letter or a digit"
_CACHE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,49}")  # attic b7c9056 attic/src/cache.rs CACHE_NAME_REGEX
# RustFS and MinIO take capitals and '_' for old buckets, beside what S3's own rule has
# (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html).
_BUCKET: Final = re.compile(r"[A-Za-z0-9](?!.*\.\.)[A-Za-z0-9._-]{1,61}[A-Za-z0-9]")


def is_cache_name(text: str) -> bool:
    """Whether Attic takes a text as the name of one cache."""
    return _CACHE.fullmatch(text) is not None


def is_bucket_name(text: str) -> bool:
    """Whether a text can be the name of a bucket."""
    return _BUCKET.fullmatch(text) is not None
