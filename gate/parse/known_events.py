"""Events at WARN and ERROR that are known to be no trouble: the only ones that may be set aside.

Each row is a whole event of the program, by its target and all of its text, with the place where it was seen. What is
in no row is doubt, whatever words it has: a new version's wording for a lost disk must not be silence. So a row has no
free text in it, but for names of requests, buckets and keys.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from gate.model.parsed import LogEvent

_Rows = Mapping[str, tuple[re.Pattern[str], ...]]


def _rows(*rows: tuple[str, str]) -> _Rows:
    made: dict[str, tuple[re.Pattern[str], ...]] = {}
    for target, form in rows:
        made[target] = (*made.get(target, ()), re.compile(form))
    return made


# sqlx tells of a slow database at WARN (sqlx-core src/logger.rs, src/pool/inner.rs). It is no matter of the store.
_SERVER: Final = _rows(
    ("sqlx::query", r"slow statement: execution time exceeded alert threshold\b.*"),
    ("sqlx::pool::acquire", r"acquired connection, but time to acquire exceeded slow threshold\b.*"),
)

# An answer of S3 to a client, as s3s 0.13 logs it for RustFS (rustfs issues 2047, 5740, 7044).
_ABSENT_KEY: Final = r'Some\(ObjectNotFound\("[^"]*", "[^"]*"\)\)'
_S3_ANSWER: Final = (
    r'op returns error (?:op="?\w{1,64}"? )?err=S3Error\(Inner \{ code: (?:AccessDenied|NoSuchKey), '
    rf'message: (?:None|Some\("[^"]*"\)), request_id: [^,]*, status_code: [^,]*, source: (?:None|{_ABSENT_KEY}), '
    r"headers: None \}\)"
)
_DENIED: Final = (
    r"request denied by authorization layer event=s3_authorization_denied reason="
    r"(?:bucket_policy_explicit_deny|delete_object_version_denied|iam_implicit_deny|restrict_public_buckets"
    r"|no_policy_allows_action) .*"
)
_STORE: Final = _rows(
    ("s3s::ops", _S3_ANSWER),
    ("rustfs::storage::access", _DENIED),  # rustfs pull request 5761
    # a client that keeps a connection and asks nothing more (recording rustfs-live/rustfs.log)
    (
        "rustfs::server::http",
        r"The HTTP connection timed out \(HeaderTimeout\): read header from client timeout",
    ),
    # its own tracing is off (rustfs issue 2047)
    ("rustfs::server::http", r"Failed to propagate tracing context: `?SpanDisabled`?"),
    # a client that makes a bucket which is there (the same recording)
    (
        "rustfs_ecstore::rpc::peer_s3_client",
        r"make_bucket per_pool_errs: \[(?:(?:None|Some\(VolumeExists\))(?:, )?)+\]",
    ),
    ("rustfs_ecstore::rpc::peer_s3_client", r"make_bucket reduce_write_quorum_errs: volume already exists"),
    # an object that is not there (rustfs issue 1146)
    (
        "rustfs_ecstore::set_disk",
        r'get_object_with_fileinfo .* err (?:NoSuchKey|ObjectNotFound(?:\("[^"]*", "[^"]*"\))?)',
    ),
)
# What RustFS says at each healthy start (recording rustfs-live/rustfs.log, and case Rd of the operator's walk): the
# folder of its scanner's lists is not there yet. At any other time the same words are of a volume that went away.
_STORE_START: Final = _rows(
    (
        "rustfs_ecstore::cache_value::metacache_set",
        r"list_path_raw: (?:revjob err VolumeNotFound|fallback disk is none)",
    ),
    ("rustfs_ecstore::store_list_objects", r"list_merged err VolumeNotFound"),
    ("rustfs_ecstore::store_list_objects", r"list_path err_rx\.try_recv\(\) ok VolumeNotFound"),
)


def is_routine_of_server(event: LogEvent) -> bool:
    """Whether a warning of the Attic server is known to say nothing of what it serves."""
    return event.level == "WARN" and _is_of(event, _SERVER)


def is_routine_of_store(event: LogEvent, *, at_start: bool) -> bool:
    """Whether RustFS is known to say this of a request, or, ``at_start``, whenever it starts."""
    return _is_of(event, _STORE) or (at_start and _is_of(event, _STORE_START))


def _is_of(event: LogEvent, rows: _Rows) -> bool:
    forms: Iterable[re.Pattern[str]] = rows.get(event.target, ())
    return any(form.fullmatch(event.message) for form in forms)
