"""Every cap and time-out of the gate: named, with its unit and where the figure comes from.

Bytes end in ``_BYTES``, seconds in ``_SECONDS``; everything else counts things.
"""

from typing import Final

# --- text that others wrote -------------------------------------------------------------------------------------
NARINFO_BYTES: Final = 64 * 1024  # a narinfo with 1,000 references is about 50 kB
S3_BODY_BYTES: Final = 1024 * 1024  # ListBuckets of 1,000 buckets is about 110 kB
ANSWER_BODY_BYTES: Final = 64 * 1024  # JSON and error answers that are kept whole in the journal
MISSING_PATHS_BYTES: Final = 4 * 1024 * 1024  # get-missing-paths of 100,000 hashes is about 3.5 MB
NIX_JSON_BYTES: Final = 64 * 1024 * 1024  # path-info of 5,000 paths with 100 references each is about 40 MB
XML_DEPTH: Final = 16  # ListBuckets is 4 deep
JSON_DEPTH: Final = 100  # Nix and Attic answers are 5 deep, an OpenTofu state some tens
LIST_PAGES: Final = 20  # of ListBuckets; S3 gives up to 10,000 buckets on one
STATE_BYTES: Final = 64 * 1024 * 1024  # OpenTofu advises against states beyond some tens of MB
LINE_BYTES: Final = 64 * 1024  # one line of a log; the rest of a longer line is counted, not read
ERROR_TEXT_CHARS: Final = 2048  # foreign error text kept in a finding or a push path
FOREIGN_PATHS: Final = 1000  # paths in a push log that are not of the plan; more are counted as unread lines
LOG_EVENTS: Final = 10_000  # events of a server log that are kept; all are counted
NIX_EVENT_BYTES: Final = 4 * 1024 * 1024  # one internal-json event, its text in JSON; a hash mismatch is under 1 kB
NIX_MESSAGES: Final = 1000  # different error and warning texts of a build log that are kept
SECRET_CHARS: Final = 6  # shorter secrets are not looked for: they would replace half of a log
ARGUMENTS_BYTES: Final = 100_000  # store paths in one argument list; Linux takes 128 KiB at least (execve(2))
CAPTURE_BYTES: Final = 256 * 1024 * 1024  # a build log of a large closure is some tens of MB
JOURNAL_BYTES: Final = 256 * 1024 * 1024  # 5,000 paths with three reads each are about 30 MB
EVIDENCE_BYTES: Final = 64 * 1024 * 1024
RECORD_BYTES: Final = 8 * 1024 * 1024  # one journal line: the push set of 5,000 paths is about 3 MB

# --- bodies -------------------------------------------------------------------------------------------------------
NAR_BYTES: Final = 64 * 1024**3  # one NAR; the local NarSize is the real cap, this one stops a mad narinfo
ZSTD_WINDOW_BYTES: Final = 128 * 1024 * 1024  # zstd's own default limit (--long=27), RFC 9659
XZ_MEMORY_BYTES: Final = 256 * 1024 * 1024
INFLATE_PIECE_BYTES: Final = 256 * 1024  # what a decompressor may give at once, where its library has such a limit
INFLATE_SLICE_BYTES: Final = 16 * 1024  # what it is given at once: bounds what a body of tiny frames costs
ZSTD_SLICE_BYTES: Final = 512  # its library has none: 4 bytes give at most a block of 128 KiB, so this gives 16 MiB
ZSTD_WRITE_BYTES: Final = 32 * 1024  # its output buffer: from 128 KiB on each call pays for fresh pages
CONTROL_BODY_BYTES: Final = 4 * 1024 * 1024  # the body of the bit-flip control, a small canary, is held in memory
READ_CHUNK_BYTES: Final = 256 * 1024
READ_JOBS: Final = 4  # a probe must not be the load that stalls a disk
READ_ATTEMPTS: Final = 3  # spaced reads of a body that failed once
READ_SPACING_SECONDS: Final = 1.0
REDIRECTS: Final = 3  # Attic redirects once, to S3 (attic b7c9056 server/src/api/binary_cache.rs:220)
LOW_SPEED_BYTES_PER_SECOND: Final = 1024  # slower than this for LOW_SPEED_SECONDS is a stalled body
LOW_SPEED_SECONDS: Final = 30

# --- waits --------------------------------------------------------------------------------------------------------
CONNECT_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 30.0  # a JSON or S3 answer, all of it
MARKER_SECONDS: Final = 10.0  # to look at the markers of one drive; on a healthy one it takes microseconds
BODY_SECONDS: Final = 1800.0  # one NAR
EVALUATE_SECONDS: Final = 600.0
BUILD_SECONDS: Final = 3600.0
PUSH_SECONDS: Final = 1800.0
STORE_QUERY_SECONDS: Final = 120.0
TERMINATE_SECONDS: Final = 2.0  # from SIGTERM to SIGKILL; the runner grants 7.5 s (actions/runner ProcessInvoker.cs:32)
LOG_SETTLE_SECONDS: Final = 2.0  # how long a canary may take to appear in a log
POLL_SECONDS: Final = 0.05
CANCEL_SECONDS: Final = 0.25  # how soon a wait for an answer notices that the run was cancelled
DURING_SPACING_SECONDS: Final = 0.5  # bucket samples while a push runs: five small requests each

# --- profiles -----------------------------------------------------------------------------------------------------
SAMPLES_MAX: Final = 60
PATHS_MAX: Final = 5000
CANARY_SMALL_BYTES: Final = 16 * 1024  # under Attic's nar-size-threshold of 65,536 (config-template.toml)
CANARY_LARGE_BYTES: Final = 640 * 1024  # well over it: about ten chunks

# --- tokens -------------------------------------------------------------------------------------------------------
TOKEN_SECONDS_MAX: Final = 900
TOKEN_BACKDATE_SECONDS: Final = 60  # Attic's time tolerance is zero (attic b7c9056 token/src/lib.rs:266)

# --- outputs ------------------------------------------------------------------------------------------------------
SUMMARY_BYTES: Final = 900_000  # GitHub drops a step summary over 1 MiB (actions/runner FileCommandManager.cs:223)
LISTED_SUBJECTS: Final = 10  # subjects of one code written out in a summary; all stand in evidence.json
