"""The one registry of reason codes: which status each may have, why, and what to do.

`docs/reason-codes.md` is made from it.

``fail`` is for the failure class alone: index or published truth that is wrong. Our own trouble, and other people's
work, is ``inconclusive``.
"""

from dataclasses import dataclass
from typing import Final

from gate.model.basics import Status

_P, _F, _I, _N = Status.PASS, Status.FAIL, Status.INCONCLUSIVE, Status.NOT_APPLICABLE

_CAPTURE_FIRST: Final = (
    "keep broad trusted writes off; run `publication-gate capture` before anybody restarts the store"
)
_REREAD: Final = "keep trusted writes off and don't push again: Attic deduplicates what it wrongly believes to have"
_LOOK: Final = "mend the source that could not be read, then run the probe again"
_AGAIN: Final = "run the probe again; if it stays, look at the capture that the finding names"


@dataclass(frozen=True, kw_only=True)
class Code:
    """A reason code: the statuses it may have, why it has them, and the next step for a person."""

    code: str
    statuses: tuple[Status, ...]
    why: str
    remedy: str


def _code(code: str, statuses: tuple[Status, ...], why: str, remedy: str = "none needed") -> Code:
    return Code(code=code, statuses=statuses, why=why, remedy=remedy)


CODES: tuple[Code, ...] = (
    # --- bucket truth
    _code("bucket-indexed", (_P,), "every sample lists, serves and marks the bucket"),
    _code(
        "bucket-index-lost",
        (_F,),
        "ListBuckets and HeadBucket lack the bucket while its marker is on disk: the incident's failure class",
        _CAPTURE_FIRST,
    ),
    _code(
        "bucket-unserved", (_F,), "the bucket is listed but HeadBucket or a GET says it does not exist", _CAPTURE_FIRST
    ),
    _code("bucket-unlisted", (_F,), "HeadBucket serves the bucket but ListBuckets lacks it", _CAPTURE_FIRST),
    _code(
        "bucket-missing",
        (_F, _I),
        "the bucket is absent from list, head and disk: a failure when it was there before, else a wrong setting",
        "check the bucket's name and the markers' place; if it was there before, treat it as data loss",
    ),
    _code(
        "bucket-marker-missing",
        (_I,),
        "the bucket is served but no drive has its whole marker",
        "check the markers' place: is it the data folder of this store?",
    ),
    _code(
        "bucket-flapping",
        (_F, _I),
        "samples differ: a failure when one of them was index-lost with its markers there, else unknown",
        _CAPTURE_FIRST,
    ),
    _code("bucket-not-ready", (_I,), "the store says of itself that it is not ready", _LOOK),
    _code("bucket-unobservable", (_I,), "a source of bucket truth could not be read: unknown is not absent", _LOOK),
    _code(
        "volume-foreign",
        (_I,),
        "the markers' place is not the volume that gate.toml names, or not the one that it was before",
        "check what is mounted there; a new drive's id goes into [store] volumes by a reviewed change",
    ),
    # --- tofu state
    _code(
        "state-unchanged", (_P,), "the state object is there, before and after, with the same ETag, size and version"
    ),
    _code(
        "state-lost", (_F,), "the state object was there before the publication and is absent after it", _CAPTURE_FIRST
    ),
    _code(
        "state-lineage-changed",
        (_F,),
        "the state's content has another lineage than before the publication: it is another state",
        "keep tofu away from this state, and capture before anybody restarts the store; then find out who put it there",
    ),
    _code(
        "state-damaged",
        (_F, _I),
        "the state's whole content is no OpenTofu state: a failure when it was one before, else unknown",
        "keep tofu away from this state; bring back its last good version from a backup or from the bucket's versions",
    ),
    _code(
        "state-serial-back",
        (_I,),
        "the state's content has a lower serial than before: an older state came back, by a person or by the store",
        "find out who restored it; if nobody did, treat it as data loss: the newest state is gone",
    ),
    _code(
        "state-serial-moved",
        (_P,),
        "a tofu apply in the window: the state's content has the same lineage and a higher serial",
    ),
    _code(
        "state-changed",
        (_I,),
        "the state object changed in the window, and nothing tells a tofu apply from damage",
        "find out who applied, then run the probe while nobody does; `state-contents` tells a tofu apply apart",
    ),
    _code(
        "state-locked", (_I,), "the state is locked: somebody is working on it", "wait for the lock, then run the probe"
    ),
    _code("state-absent", (_I,), "the state object is absent before and after", "check state-bucket and state-key"),
    _code("state-unobservable", (_I,), "the state object could not be read", _LOOK),
    _code("state-not-here", (_N,), "gate.toml says that this site keeps no state in this store"),
    # --- epochs
    _code("epoch-same", (_P,), "the server is the same process, before and after"),
    _code(
        "epoch-changed",
        (_F, _I),
        "a server restarted in the window, which can heal what it hides: a failure when something was wrong before",
        "find out who restarted it; run the probe again on one steady epoch",
    ),
    _code(
        "epoch-replicas-changed",
        (_P,),
        "replicas of the cache came or went, as by scaling; those that stayed are the same, and all have one image",
    ),
    _code("epoch-unobservable", (_I,), "the server's identity could not be told", _LOOK),
    _code("epoch-not-here", (_N,), "gate.toml says that this workload can't be observed here"),
    # --- cache
    _code("cache-identified", (_P,), "the cache names its key and an allowed endpoint"),
    _code("cache-unidentified", (_I,), "the cache's own description could not be read", _LOOK),
    # --- build
    _code("build-clean", (_P,), "the build is green and no substitute failed behind it"),
    _code(
        "build-failed",
        (_I,),
        "the build failed: somebody else's work, no word on the cache",
        "mend the build, then run the probe",
    ),
    _code("build-not-run", (_I,), "nothing was built, so nothing of the profile was published", _LOOK),
    _code(
        "build-fallback-masked",
        (_F, _I),
        "the build is green only because a substitute failed and was rebuilt: a failure when proven and of this cache",
        "read that path with `attic-nar-integrity-check`; a green build is no health of the cache",
    ),
    _code(
        "build-substituter-disabled",
        (_I,),
        "the cache under test is not among the substituters, so the build can't tell of it",
        "add the cache to `substituters` on this machine",
    ),
    _code("build-aborted", (_I,), "Nix aborted on a failing narinfo (Nix 2.8)", _AGAIN),
    _code("build-log-unread", (_I,), "the build's log is missing or has no events", _AGAIN),
    # --- push
    _code("push-clean", (_P,), "the client ended well and its counts match the plan"),
    _code(
        "push-nonce-known",
        (_I,),
        "the cache says that it has a path with this run's fresh nonce: its word on what is missing proves nothing",
        "look whether something answers in the cache's place, or this nonce was used before; run the probe again",
    ),
    _code("push-path-accounted", (_P,), "the path has exactly one claim"),
    _code(
        "push-path-failed",
        (_F,),
        "the server failed on this path: InternalServerError, Attic's word for a storage failure, or another HTTP 500",
        _CAPTURE_FIRST,
    ),
    _code(
        "push-path-refused",
        (_I,),
        "the path was refused for a reason that is not storage (a proxy, a limit, access)",
        "mend what the error names, then run the probe again",
    ),
    _code(
        "push-unaccounted",
        (_I,),
        "the client gave no result for a path of the plan",
        "read the push capture; a path without a result is not published",
    ),
    _code("push-failed", (_I,), "the client ended with an error; its failed paths say why", _AGAIN),
    _code("push-unattributed", (_I,), "the client failed and named no path", _AGAIN),
    _code("push-wrote-nothing", (_I,), "the client ended well and wrote nothing: no proof of anything", _AGAIN),
    _code(
        "push-counts-differ",
        (_I,),
        "the client's announced counts differ from the plan's account",
        "compare the push capture with push.paths: a result may have been lost or forged",
    ),
    _code(
        "push-auth",
        (_I,),
        "the push token was refused",
        "mint a new push token for this cache, then run the probe again",
    ),
    _code("push-timed-out", (_I,), "the push did not end within its deadline", _AGAIN),
    _code("push-ended-at-loss", (_I,), "the push was ended when a bucket was lost", _CAPTURE_FIRST),
    _code("push-not-run", (_I,), "this publication was not made", _LOOK),
    _code(
        "push-foreign-lines",
        (_I,),
        "the client's output names paths outside the plan, or gives two results for one",
        _AGAIN,
    ),
    _code("push-representative", (_P,), "enough fresh paths were written to say something of real closures"),
    _code(
        "push-not-representative",
        (_I,),
        "too few fresh paths were written: what Attic's database knows it does not write",
        "publish fresh paths: leave twin at auto, or run on a commit whose build is not in the cache yet",
    ),
    # --- bodies
    _code("body-whole", (_P,), "the NAR was read to its last byte and is what the local store has"),
    _code("body-empty", (_F,), "HTTP 200 and no bytes: the incident's body", _REREAD),
    _code("body-short", (_F,), "HTTP 200 and fewer bytes than the NAR has", _REREAD),
    _code("body-long", (_F,), "more bytes than the NAR has", _REREAD),
    _code("body-corrupt", (_F,), "bytes that are not the NAR", _REREAD),
    _code("body-foreign", (_F,), "a whole NAR, or a narinfo, of something else", _REREAD),
    _code("body-missing", (_F,), "claimed to be published, and the cache or its store says it is not there", _REREAD),
    _code("body-server-error", (_F,), "the server itself says that it can't give the body", _REREAD),
    _code("body-url-denied", (_F,), "the narinfo points outside its own place in the cache", _REREAD),
    _code("body-unsigned", (_F,), "the narinfo has no signature", _REREAD),
    _code("body-untrusted", (_F,), "no signature of the narinfo is by the cache's key", _REREAD),
    _code("body-signature-unknown", (_I,), "the cache's public key is not known", _LOOK),
    _code("body-not-published", (_I,), "the push of this path did not succeed and the cache does not have it", _AGAIN),
    _code("body-codec-mismatch", (_I,), "the body is in another codec than its narinfo says", _AGAIN),
    _code(
        "body-encoded",
        (_I,),
        "the body came whole, with a Content-Encoding that nobody asked for: Nix would undo it and get something else",
        "find what on the way to the cache compresses its answers, and take that out",
    ),
    _code(
        "body-from-a-cache",
        (_I,),
        "another cache on the way answered for it (its Age, or a header that says hit): the server itself was not seen",
        "give the probe a way to the server that no cache stands in, or make that cache pass narinfos and NARs through",
    ),
    _code(
        "body-redirect-denied",
        (_I,),
        "the body redirects to a host that is not allowed",
        "add the host to hosts if it is yours",
    ),
    _code("body-narinfo-unreadable", (_I,), "the narinfo does not have its documented form", _AGAIN),
    _code("body-timed-out", (_I,), "the body did not come to its end in time", _AGAIN),
    _code("body-unread", (_I,), "the body could not be read, for a reason that says nothing of it", _LOOK),
    _code("body-flapping", (_I,), "one read was whole and another was not", _CAPTURE_FIRST),
    # --- server log
    _code("log-clean", (_P,), "the log of the window has both canaries and no storage error"),
    _code("log-storage-error", (_I,), "the server logged a storage error in the window", _CAPTURE_FIRST),
    _code(
        "log-unexplained-error",
        (_I,),
        "the server logged an error, or an answer of 5xx, that no failed path, failed read or canary of this run "
        "explains; on a shared cache it may be another client's, and is doubt all the same: the server failed somebody",
        "read the event in server.log and find whose request it was; once that is known, run the probe again",
    ),
    _code(
        "log-server-restarted",
        (_I,),
        "the server's log has its own start in the window: a restart can heal what it hides",
        "find out what restarted it; run the probe again on one steady epoch",
    ),
    _code(
        "log-clock-skew",
        (_I,),
        "the server's clock and this machine's differ by more than a minute: times of the two can't be compared, and "
        "Attic refuses tokens from its future without any tolerance",
        "set both clocks by NTP, then run the probe again",
    ),
    _code("log-canary-missing", (_I,), "a canary is not in the captured log: no errors seen is not no errors", _LOOK),
    _code("log-unobservable", (_I,), "the server's log could not be captured", _LOOK),
    _code("log-not-here", (_N,), "gate.toml says that the server's log can't be had here"),
    # --- what a capture looks at besides
    _code("disk-room", (_P,), "the file system of this place has room for bytes and files"),
    _code(
        "disk-full",
        (_I,),
        "99 % or more of the bytes or of the files (inodes) of a drive are taken: writes fail, whatever the index says",
        "make room on the drive, without deleting what the store has; a full disk is no lost index, and can hide one",
    ),
    _code("disk-unobservable", (_I,), "the disk use of a place could not be told: a full disk is not ruled out", _LOOK),
    _code("incident-seen", (_P,), "events, or what a container logged before its restart, were kept; a note"),
    _code(
        "incident-storage-error",
        (_I,),
        "a container logged a storage error before its last restart",
        "read previous.log; the restart ended what it tells of, and may have healed the index and not the bodies",
    ),
    _code(
        "incident-unobservable",
        (_I,),
        "events, or the log of a container that ended, could not be had: what they would tell is not known",
        _LOOK,
    ),
    # --- controls
    _code("control-fired", (_P,), "the detector was shown to fire"),
    _code("control-not-fired", (_I,), "the detector did not fire when it had to: what it says proves nothing", _LOOK),
    _code(
        "control-token-overprivileged",
        (_F,),
        "a token that may only read was allowed to ask as one that may push",
        "revoke the token and mint one with read rights alone",
    ),
    _code("control-missing", (_I,), "the control was not tried", _AGAIN),
    _code("control-not-here", (_N,), "the cache is declared public, so a read without a token proves nothing"),
    # --- the parts of a split run
    _code("part-joined", (_P,), "the part is of this run, whole, in order, and is what its own job told"),
    _code(
        "part-missing",
        (_I,),
        "a part of the split run was not given: nothing is known of what it had to see",
        "give the folder of every part to `publication-gate judge`; look why that job left none",
    ),
    _code(
        "part-doubled",
        (_I,),
        "two parts of one kind were given, and nothing says which one counts: neither does",
        "give one folder a part; after a re-run of single jobs, run all jobs again",
    ),
    _code(
        "part-foreign",
        (_I,),
        "the part is of another run, attempt, nonce, gate version or policy; the command itself refuses it (2)",
        "give parts of one attempt with one gate.toml; after a re-run of single jobs, run all jobs again",
    ),
    _code(
        "part-tampered",
        (_I,),
        "the part's bytes are not what its journal, its document or its own job say; the command itself refuses it (2)",
        "find out who changed it: every job of a run can write the run's artifacts",
    ),
    _code(
        "part-reordered",
        (_I,),
        "the part was not given the very parts that come before it, by their digests",
        "run the jobs in their order, pre, then publish beside during, then post, and hand on every part",
    ),
    _code(
        "part-unbound",
        (_I,),
        "no digest of the part came from its own job by another way than the part's files",
        "give `judge` a --digest PART=SHA256 for each part, from the outputs of the job that made it",
    ),
    _code("part-incomplete", (_I,), "the part's journal has no last record: its job died", _AGAIN),
    _code(
        "part-overreach",
        (_I,),
        "the part holds records that its job has no right to give, or that contradict another part's; they were left "
        "out",
        "look into the job that wrote it: no gate of ours writes that",
    ),
    _code(
        "part-clock",
        (_I,),
        "the part's times contradict its place in the chain by more than clocks differ",
        "set the runners' clocks, then run the probe again",
    ),
    _code(
        "part-plan-bound", (_P,), "what was published bears the nonce of this run and keeps to the counts of gate.toml"
    ),
    _code(
        "part-plan-unbound",
        (_I,),
        "what the publishing job says that it published is held by its own word alone",
        "let the publishing job run `publication-gate publish` on the part pre of the same run",
    ),
    # --- captures and the run
    _code("capture-complete", (_P,), "the capture is whole"),
    _code("capture-cut", (_I,), "the capture reached its cap", "raise the cap or quiet the tool, then run again"),
    _code("capture-missing", (_I,), "a capture that the journal names is missing, or was never closed", _AGAIN),
    _code("run-complete", (_P,), "every step was taken and recorded"),
    _code("run-incomplete", (_I,), "the journal has no last record: the run died", _AGAIN),
    _code(
        "run-disordered",
        (_I,),
        "something stands in the record where it proves nothing, such as a look before the push that came after it",
        "report this: the gate writes no such record; run the probe again",
    ),
    _code(
        "run-clock-jumped",
        (_I,),
        "the machine's clock was set, or the machine slept, in the run: its times can't be joined to others'",
        "set the clock and keep the machine awake, then run the probe again",
    ),
    _code("run-cancelled", (_I,), "the run was cancelled", _AGAIN),
    _code(
        "run-trouble", (_I,), "a step could not be finished", "read the sentence, mend its cause, run the probe again"
    ),
    _code(
        "run-publish-skipped",
        (_I,),
        "the evidence before, or the canary pair or the twin, was not whole: the profile was not published",
        _CAPTURE_FIRST,
    ),
    _code("run-refused", (_I,), "the run was refused before any publication", "correct what the sentence names"),
    _code("run-claim-missing", (_I,), "a claim that a pass needs was not made", "report this: a check gave no row"),
)
BY_CODE: Final = {row.code: row for row in CODES}
