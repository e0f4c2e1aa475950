"""Every cap and time-out of the gate: named, with its unit and where the figure comes from.

Bytes end in ``_BYTES``, seconds in ``_SECONDS``; everything else counts things.
"""

from typing import Final

# --- text that others wrote -------------------------------------------------------------------------------------
NARINFO_BYTES: Final = 256 * 1024  # a narinfo with 5,000 references is about 210 kB
NARINFOS_KEPT: Final = 128  # parsed ones that are remembered: those of the reads under way, mostly 1 kB each
S3_BODY_BYTES: Final = 1024 * 1024  # ListBuckets of 1,000 buckets is about 110 kB
KUBE_JSON_BYTES: Final = 16 * 1024 * 1024  # 100 pods with managedFields are about 1.5 MB; etcd's own cap is 1.5 MB each
REPLICAS: Final = 100  # pods of one workload; Attic's scales from 2 to 10
JOURNAL_ENTRY_BYTES: Final = (
    1024 * 1024
)  # one entry as JSON: a field may have 768 MiB, a line of a log 48 KiB (LineMax=)
CONTAINER_JSON_BYTES: Final = 1024 * 1024  # ContainerInspect is about 10 kB
POD_LOG_BYTES: Final = 64 * 1024 * 1024  # one container's log of the window; kubelet rotates at 10 MiB
MARKER_FRAME_BYTES: Final = 256 * 1024  # format.json (at most 64 KiB) and two short records a bucket
KUBE_EVENTS: Final = 200  # of one workload that are kept; the cluster keeps an hour of them
PREVIOUS_LOG_LINES: Final = 10_000  # the last ones of a container that ended; about 2 MB
MARKER_LOG_BYTES: Final = 4 * 1024 * 1024  # some answers of the marker sidecar, one every two seconds
ANSWER_BODY_BYTES: Final = 64 * 1024  # JSON and error answers that are kept whole in the journal
MISSING_PATHS_BYTES: Final = 4 * 1024 * 1024  # get-missing-paths of 100,000 hashes is about 3.5 MB
NIX_JSON_BYTES: Final = 64 * 1024 * 1024  # path-info of 5,000 paths with 100 references each is about 40 MB
CLOSURE_JSON_BYTES: Final = 8 * 1024 * 1024  # path-info of a closure of 10,000 paths with 12 references each
XML_DEPTH: Final = 16  # ListBuckets is 4 deep
JSON_DEPTH: Final = 100  # Nix and Attic answers are 5 deep, an OpenTofu state some tens
LIST_PAGES: Final = 20  # of ListBuckets; S3 gives up to 10,000 buckets on one
OPEN_UPLOADS: Final = 200  # multipart uploads of a bucket that are looked at, about 100 kB; Attic has some under way
STATE_OBJECTS: Final = 200  # states below one prefix: a state a workspace, some tens at most
STATE_BYTES: Final = 64 * 1024 * 1024  # OpenTofu advises against states beyond some tens of MB
LINE_BYTES: Final = 64 * 1024  # one line of a log; the rest of a longer line is counted, not read
ERROR_MESSAGE_CHARS: Final = 200  # of what a server in trouble says of itself, in a note
ERROR_TEXT_CHARS: Final = 2048  # foreign error text kept in a finding or a push path
FOREIGN_PATHS: Final = 1000  # paths in a push log that are not of the plan; more are counted as unread lines
LOG_FILES: Final = 500  # of one folder; an hourly log of three weeks
LOG_EVENTS: Final = 10_000  # events of a server log that are kept; all are counted
LOG_ORIGINS: Final = 1000  # containers and services with lines in one log whose events are kept apart
LOG_EVENTS_SHOWN: Final = 500  # of those in evidence.json, about 0.5 MB
NEAR_EVENTS: Final = 20  # events that are listed with one failing path; all are counted
NIX_EVENT_BYTES: Final = 4 * 1024 * 1024  # one internal-json event, its text in JSON; a hash mismatch is under 1 kB
NIX_DOUBTS: Final = 100  # doubts of a build log that are listed, all are counted; a person reads the first few
NIX_DOUBT_CHARS: Final = 300  # of a message's beginning; its URL and its reason fit in
NIX_MESSAGES: Final = 1000  # different error and warning texts of a build log that are kept
SECRET_CHARS: Final = 6  # shorter secrets are not looked for: they would replace half of a log
ARGUMENTS_BYTES: Final = 100_000  # store paths in one argument list; Linux takes 128 KiB at least (execve(2))
LOG_FILE_BYTES: Final = 8 * 1024**3  # an argument of `read`; it is streamed, so this bounds only the time
LOG_UNPACKED_BYTES: Final = 2 * 1024**3  # of a gzip or a zip of logs, 1,000 times their size at most; 10 s to read
LOG_ZIP_DIRECTORY_BYTES: Final = 4 * 1024 * 1024  # of a zip of logs: 40,000 steps of jobs
CAPTURE_BYTES: Final = 256 * 1024 * 1024  # a build log of a large closure is some tens of MB
JOURNAL_BYTES: Final = 256 * 1024 * 1024  # 5,000 paths with three reads each are about 30 MB
EVIDENCE_BYTES: Final = 64 * 1024 * 1024
PART_BYTES: Final = 256 * 1024  # a part's own document is about 2 kB
RECORD_BYTES: Final = 8 * 1024 * 1024  # one journal line: the push set of 5,000 paths is about 3 MB

# --- bodies -------------------------------------------------------------------------------------------------------
NAR_BYTES: Final = 64 * 1024**3  # one NAR; the local NarSize is the real cap, this one stops a mad narinfo
ZSTD_WINDOW_BYTES: Final = 128 * 1024 * 1024  # zstd's own default limit (--long=27), RFC 9659
XZ_MEMORY_BYTES: Final = 256 * 1024 * 1024
INFLATE_PIECE_BYTES: Final = 256 * 1024  # what a decompressor may give at once, where its library has such a limit
INFLATE_COPY_BYTES: Final = 128 * 1024  # of a buffer, made bytes at a time: larger ones pay for fresh pages each time
INFLATE_SLICE_BYTES: Final = 16 * 1024  # what it is given at once: bounds what a body of tiny frames costs
ZSTD_BLOCKS: Final = 64  # its library has none: a block gives at most 128 KiB (RFC 8878), so these give 8 MiB
ZSTD_SLICE_BYTES: Final = 512  # where the blocks are not known: 4 bytes give at most one, so this gives 16 MiB
ZSTD_WRITE_BYTES: Final = 32 * 1024  # its output buffer: from 128 KiB on each call pays for fresh pages
CONTROL_BODY_BYTES: Final = 4 * 1024 * 1024  # the body of the bit-flip control, a small canary, is held in memory
READ_CHUNK_BYTES: Final = 256 * 1024
CURL_BUFFER_BYTES: Final = 512 * 1024  # what libcurl may read of a socket at once; all its transfers share one buffer
AHEAD_BYTES: Final = 768 * 1024  # of a large body, measured while the next are received: three for each of READ_JOBS
READ_JOBS: Final = 4  # a probe must not be the load that stalls a disk
NAMED_PATHS: Final = 100_000  # paths of one integrity check; their narinfos are 50 MB
REFERENCES: Final = 2000  # out of a push set, that are looked for: at 20 ms and 4 at a time 10 s
REFERENCE_SECONDS: Final = 120.0  # to look for them all, however slow the cache is
READ_BATCH: Final = 256  # paths read under one minted token: at 4 at a time each may take 4 s
NIX_READ_PATHS: Final = 10  # paths of the profile that the machine's own Nix reads as well
NIX_READ_BYTES: Final = 64 * 1024 * 1024  # a larger NAR is not among those: the run must not get slower by it
NIX_READ_SECONDS: Final = 30.0  # all of it; Nix itself tries a dead server for 5 s
NIX_READ_JOBS: Final = 4  # Nix processes at a time, where the paths are read one by one
OBJECTS_SCANNED: Final = 200_000  # names of a bucket's folder, each looked at: 1 s where they are in memory
OBJECT_SCAN_SECONDS: Final = 2.0  # of one drive; what takes longer is unknown
ORIGIN_PATHS: Final = (
    10  # fresh ones that are read at the origin too, in addition to the canary pair: 4 at a time, 0.2 s
)
READ_ATTEMPTS: Final = 3  # spaced reads of a body that failed once
READ_SPACING_SECONDS: Final = 1.0
REDIRECTS: Final = 3  # Attic redirects once, to S3 (attic b7c9056 server/src/api/binary_cache.rs:220)
LOW_SPEED_BYTES_PER_SECOND: Final = 1024  # slower than this for LOW_SPEED_SECONDS is a stalled body
LOW_SPEED_SECONDS: Final = 30

# --- waits --------------------------------------------------------------------------------------------------------
CONNECT_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 30.0  # a JSON or S3 answer, all of it
MARKER_SECONDS: Final = 10.0  # to look at the markers of one drive; on a healthy one it takes microseconds
MARKER_LOG_SECONDS: Final = 10  # how old a sidecar's answer may be, by the node's clock; it gives one every 2 s
KUBE_SECONDS: Final = 10.0  # one question to the Kubernetes API; a healthy one answers in milliseconds
SYSTEMD_SECONDS: Final = 10.0  # systemctl show answers in some ms
DOCKER_SECONDS: Final = 30.0  # the engine reads a log of 64 MiB in some seconds
POD_LOG_SECONDS: Final = 60.0  # one container's log of the window
LOG_POLL_SECONDS: Final = 0.25  # between two reads of all replicas' logs
REPLICA_SECONDS: Final = 5.0  # one replica's answer to its canary; where a network policy drops it, this is waited
REPLICA_PROXY_SECONDS: Final = 10.0  # the same through the API server
REPLICA_JOBS: Final = 10  # replicas asked at a time: Attic's deployment scales to 10
BODY_SECONDS: Final = 1800.0  # one NAR
EVALUATE_SECONDS: Final = 600.0
BUILD_SECONDS: Final = 3600.0
PUSH_SECONDS: Final = 1800.0
STORE_QUERY_SECONDS: Final = 120.0
TERMINATE_SECONDS: Final = 2.0  # from SIGTERM to SIGKILL; the runner grants 7.5 s (actions/runner ProcessInvoker.cs:32)
LOG_SETTLE_SECONDS: Final = 2.0  # how long a canary may take to appear in a log
LOG_JOIN_SECONDS: Final = 2.0  # between a failure and an event of the log that is shown with it, skew corrected
STORE_START_SECONDS: Final = 1.0  # between what RustFS says of its start; it takes under 0.1 s
OUTPUT_TIMES: Final = 4096  # of one child's output: 60 kB of journal; a push of 5,000 paths in a minute has 600
OUTPUT_TIME_MILLIS: Final = 100  # of output under one of those times; far below LOG_JOIN_SECONDS
LOG_ANSWER_SECONDS: Final = 1.0  # between Attic's error event and its line of the HTTP status; it takes under 1 ms
LOG_SKEW_SECONDS: Final = 60  # from here on Attic refuses a token that is back-dated by TOKEN_BACKDATE_SECONDS
POLL_SECONDS: Final = 0.05
CANCEL_SECONDS: Final = 0.25  # how soon a wait for an answer notices that the run was cancelled
SAMPLE_SECONDS: Final = 3.0  # one source of a bucket sample; a healthy store answers in milliseconds
SAMPLE_SLACK_SECONDS: Final = 1.0  # beyond that, for a busy machine: a sample that took longer is no moment
SAMPLE_CONNECTIONS: Final = 256  # of the samples that overlap while a store stalls: four, of three and two a bucket
STORE_SLOW_SECONDS: Final = 5.0  # RustFS gives up a disk operation after it (rustfs #3191; recordings/rustfs-live)
STALL_BRIDGE_SECONDS: Final = 10.0  # between two whole samples of a push, while no source says anything wrong
SPACING_TOLERANCE: Final = 0.9  # of the policy's spacing that samples must keep: threads wake late, never early
RECORDING_SECONDS: Final = 10.0  # from a sample's end to its line in the journal; it is an fsync
WATCH_SPACING_SECONDS: Final = 10.0  # between a watch's samples: less than one request a second
WATCH_SLOW_SECONDS: Final = 60.0  # at most, while the store does not answer
WATCH_CLOSE_SECONDS: Final = 1.0  # after a loss
WATCH_INCIDENT_SECONDS: Final = 120.0  # after a loss, unless the index is back before
WATCH_SAMPLES: Final = 240  # rows of single buckets from before a loss that its incident keeps
WATCH_INCIDENTS: Final = 100  # captures of one watch, about 1 MB each
WATCH_HOOK_SECONDS: Final = 30.0  # for the program that is told of a loss
DURING_SPACING_SECONDS: Final = 0.5  # bucket samples while a push runs: seven small requests each
DURING_OVERLAP_SECONDS: Final = 1.0  # a sample that hangs longer is left to its deadline, and the next one begins
CONFIG_BYTES: Final = 1024 * 1024  # gate.toml; a long one has 5 kB
CLOCK_JUMP_SECONDS: Final = 5.0  # of the day's clock in a run; NTP slews at most 0.5 ms a second: 1.8 s in an hour
PUSH_LINGER_SECONDS: Final = 5.0  # a split run's push is watched so long beyond its client: ten of the spacing above
DURING_SECONDS_MAX: Final = 7200.0  # of a watch next to a publishing job: 14,400 samples are about 60 MB of journal
SCRATCH_SECONDS: Final = 10.0  # for a new bucket to show in the index and on the drives; RustFS takes milliseconds
SCRATCH_POLL_SECONDS: Final = 0.25  # each look is four small requests
SCRATCH_MARKER_SECONDS: Final = 2.0  # one look at one drive: a stalled one must not eat the time to clean up
SWEEP_SECONDS: Final = 5.0  # to remove a scratch bucket; the runner grants 7.5 s (actions/runner ProcessInvoker.cs:32)
SWEEP_ANSWER_SECONDS: Final = 2.0  # one answer meanwhile
SWEEP_SETTLE_SECONDS: Final = 1.0  # of it staying away when what may make it was never answered; in SWEEP_SECONDS

# --- profiles -----------------------------------------------------------------------------------------------------
SAMPLES_MAX: Final = 60
PATHS_MAX: Final = 5000
PUSH_BYTES_MAX: Final = 1024**4  # of NARs in one publication: a day of reading at 12 MB/s
ATTIC_CHUNKED_BYTES: Final = 65_536  # Attic's default nar-size-threshold: smaller NARs are one chunk
CANARY_SMALL_BYTES: Final = 16 * 1024  # under Attic's nar-size-threshold of 65,536 (config-template.toml)
CANARY_LARGE_BYTES: Final = 640 * 1024  # well over it: about ten chunks
TWIN_RANDOM_BYTES: Final = 16  # content of a twin's smallest file, 6 random bits a byte: 2^96 of them
TWIN_NAR_BYTES: Final = 64 * 1024 * 1024  # one NAR of a twin, 1,000 chunks; Nix 2.8 takes 350 MB of memory to make it
TWIN_BATCH_BYTES: Final = 64 * 1024 * 1024  # content that one evaluation of Nix holds in memory, twice or more

# --- tokens -------------------------------------------------------------------------------------------------------
TOKEN_SECONDS_MAX: Final = 900
READ_TOKEN_SECONDS: Final = 300  # of the token that an integrity check mints for itself
SIGNING_SECRET_BYTES: Final = 64 * 1024  # in base64; an RSA key of 16,384 bits has 17 kB
TOKEN_BACKDATE_SECONDS: Final = 60  # Attic's time tolerance is zero (attic b7c9056 token/src/lib.rs:266)
CLOCK_SKEW_SECONDS: Final = 60  # between this machine and a server: as far as minted tokens are back-dated

# --- whose answer it is --------------------------------------------------------------------------------------------
DATE_STILL_SECONDS: Final = 2.0  # a Date has whole seconds; one that stays longer than this is of an old answer
DATE_LAG_SECONDS: Final = 900.0  # what S3 lets a request's own time differ (RequestTimeTooSkewed: 15 minutes)

# --- outputs ------------------------------------------------------------------------------------------------------
SUMMARY_BYTES: Final = 900_000  # GitHub drops a step summary over 1 MiB (actions/runner FileCommandManager.cs:223)
DIFF_EVENTS: Final = 100  # events of one workload that `diff` shows one by one; the rest is counted
SUMMARY_PATHS: Final = 100  # paths that did not come back whole in a step summary; report.html has all
LISTED_SUBJECTS: Final = 10  # subjects of one code written out in a summary; all stand in evidence.json
PAGE_SUBJECTS: Final = 5  # subjects of one code written out in report.html
ANNOTATIONS: Final = 10  # the runner keeps as many of a level in a step (actions/runner ExecutionContext.cs)
ANNOTATION_CHARS: Final = 1000  # it cuts a message at 4,096 characters, after escapes
OUTPUT_PATHS: Final = 1000  # store paths in the output failed-paths: 211 kB; all outputs of a job may have 1 MB
RESULT_BYTES: Final = 1024 * 1024  # what the action's probe step tells its finishing step; usually under 2 kB
WRITER_SECONDS: Final = 5.0  # how long a run that should be over may still hold its journal

# --- GitHub -------------------------------------------------------------------------------------------------------
API_JSON_BYTES: Final = 32 * 1024 * 1024  # one answer; a page of 100 runs is about 1.2 MB, a tree at most 7 MB
API_PAGES: Final = 10  # of 100; a filtered list of runs has at most 1,000 (REST docs, "List workflow runs")
API_SECONDS: Final = 30.0  # one answer, all of it
API_TOTAL_SECONDS: Final = 300.0  # everything that one command asks
API_ATTEMPTS: Final = 4  # of a read that met a 5xx, a 429 or a broken connection
EVENT_BYTES: Final = 25 * 1024 * 1024  # GitHub caps webhook payloads at 25 MB
GUARDED_FILE_BYTES: Final = 1024 * 1024  # a larger guarded file counts as guarded, unread
ATTEMPTS_WALKED: Final = 100  # attempts looked at for the newest that counts
JOB_PAGES: Final = 3  # of 100 jobs of one attempt
HISTORY_RUNS: Final = 300  # runs whose evidence a standing decision may rest on
BUNDLE_BYTES: Final = 128 * 1024 * 1024  # an artifact's zip; evidence of 2,000 paths is about 2 MB
BUNDLE_UNPACKED_BYTES: Final = 512 * 1024 * 1024
BUNDLE_MEMBERS: Final = 200  # an evidence folder has about a dozen files
BUNDLE_NAME_BYTES: Final = 255
BUNDLE_RATIO: Final = 200  # deflate gives 1,032 at most; journals and logs give 10 to 60
BUNDLE_RATIO_FREE_BYTES: Final = 1024 * 1024  # members up to this size may have any ratio
MASKED_CHARS: Final = 4  # a shorter piece of a secret would put stars all over a log
SKEW_SECONDS: Final = 300  # a time further in the future than this is refused (sigstore: integrated time in future)
STATEMENT_BYTES: Final = 64 * 1024
BREAK_GLASS_DAYS: Final = 14  # a longer one is a policy, not an emergency
RESOLVE_SECONDS: Final = 2.0  # to learn the addresses of an endpoint's host: glibc asks again after 5 s
PROC_NET_BYTES: Final = 32 * 1024 * 1024  # of /proc/net/tcp: 150 bytes a socket, so 200,000 of them
AUTHORITY_BYTES: Final = 8 * 1024 * 1024  # of one file of certificate authorities; Debian's bundle has 220 kB
AUTHORITY_FILES: Final = 2000  # of one folder of them; Debian's has 290

# --- audit of a whole cache ---------------------------------------------------------------------------------------
DATABASE_SECONDS: Final = 60.0  # one statement on Attic's database: a longer one holds back its vacuum
AUDIT_NAR_IDS: Final = 5_000  # ids of NARs in one question; of 20 chunks each that is a join of 100,000 rows
AUDIT_ROW_IDS: Final = 50_000  # ids of chunks or objects in one question: half a second on PostgreSQL 15
AUDIT_BLOCK: Final = 4_096  # chunks between two fsyncs of a shard: about 140 MB, read again after a kill
AUDIT_SHARD_CHUNKS: Final = 250_000  # of one shard by default: 40 s at 6,000 a second
AUDIT_SHARDS: Final = 10_000  # Kubernetes' Indexed Job takes 100,000, a matrix of GitHub Actions 256
AUDIT_JOBS: Final = 32  # chunks under way at a time in one process
AUDIT_CHUNK_BYTES: Final = 1024**3  # one object: of NARs under Attic's threshold, or with chunking off, a whole NAR
AUDIT_ATTEMPTS: Final = 3  # reads of a chunk that did not come whole, within one shard
AUDIT_FAULT_BYTES: Final = 16 * 1024  # of an error's body, which says NoSuchKey or NoSuchBucket
AUDIT_UNREAD_SHARE: Final = 0.25  # of a block that could not be read: the store is not well, and the shard stops
AUDIT_LISTED_PATHS: Final = 100_000  # damaged paths in audit.json; all are counted
AUDIT_PLAN_BYTES: Final = 64 * 1024 * 1024  # plan.json of 10,000 shards has about 2 MB
AUDIT_BLOCK_BYTES: Final = 4 * 1024 * 1024  # a line of blocks.jsonl: 4,096 chunks that are all damaged have 1.2 MB
AUDIT_LINE_BYTES: Final = 64 * 1024 * 1024  # a line of nars.tsv: a NAR of 100 GB has 1.5 million chunks
AUDIT_SERVICE_PATHS: Final = 300  # read as Nix reads them, beside the chunks: none damaged bounds 1 % at 95 %
