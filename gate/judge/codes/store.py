"""What is said of the store: index and drives, what lies open in it, the OpenTofu state, and who the servers are."""

from gate.judge.codes.model import (
    CAPTURE_FIRST,
    FAIL,
    INCONCLUSIVE,
    INDEX_CODES,
    NOT_APPLICABLE,
    PASS,
    RUN_ENDS,
    STALLED,
    STORE_CAUSES,
    Code,
    Rank,
    code,
)

STORE: tuple[Code, ...] = (
    # --- bucket truth
    code("bucket-indexed", (PASS,), "every sample lists, serves and marks the bucket"),
    code(
        "bucket-index-lost",
        (FAIL,),
        "HeadBucket and ListBuckets, or a GET where the list is unknown, lack the bucket while its marker is on disk: "
        "the incident's failure class",
        CAPTURE_FIRST,
        index_loss=True,
        headline="The S3 index lost {subjects} {when}; the data is still on disk.",
        rank=Rank.INDEX,
    ),
    code(
        "bucket-data-missing",
        (FAIL,),
        "ListBuckets and HeadBucket lack the bucket, its metadata is on disk, and its data folder is gone",
        "capture first; no restart brings the bucket's data folder back: find out what removed or moved it, and put it "
        "back or restore it from a backup",
        index_loss=True,
        headline="The data folder of {subjects} is gone, and the S3 index no longer has the bucket.",
        rank=Rank.INDEX,
    ),
    code(
        "bucket-unserved",
        (FAIL,),
        "the bucket is listed but HeadBucket or a GET says it does not exist",
        CAPTURE_FIRST,
        index_loss=True,
        headline="The store lists {subjects} and denies the bucket when it is asked for it.",
        rank=Rank.INDEX,
    ),
    code(
        "bucket-unlisted",
        (FAIL,),
        "HeadBucket serves the bucket but ListBuckets lacks it",
        CAPTURE_FIRST,
        index_loss=True,
        headline="The store serves {subjects}, but ListBuckets no longer lists the bucket.",
        rank=Rank.INDEX,
    ),
    code(
        "bucket-missing",
        (FAIL, INCONCLUSIVE),
        "the bucket is absent from list, head and disk: a failure when it was there before, else a wrong setting",
        "check the bucket's name and the markers' place; if it was there before, treat it as data loss",
        index_loss=True,
        headline="{subjects}: absent from the S3 index and from every drive {when}.",
        rank=Rank.INDEX,
    ),
    code(
        "bucket-marker-missing",
        (INCONCLUSIVE,),
        "the bucket is served but no drive has its whole marker",
        "check the markers' place: is it the data folder of this store? A data folder without .metadata.bin is an "
        "older RustFS's, or of an upgrade that broke off (rustfs#8003): no loss",
        headline="The store serves {subjects}, but no drive has the bucket's markers.",
        rank=Rank.STORE,
    ),
    code(
        "bucket-flapping",
        (FAIL, INCONCLUSIVE),
        "samples differ: a failure when one of them was index-lost with its markers there, else unknown",
        CAPTURE_FIRST,
        headline="{subjects} came and went between samples {when}.",
        follows=RUN_ENDS,
        rank=Rank.INDEX,
    ),
    code(
        "bucket-not-ready",
        (INCONCLUSIVE,),
        "the store says of itself that it is not ready",
        "wait until the store reports that it is ready (/health/ready), then run the probe again",
        headline="The store says of itself that it is not ready.",
        rank=Rank.UNOBSERVED,
    ),
    code(
        "bucket-unobservable",
        (INCONCLUSIVE,),
        "a source of bucket truth could not be read: unknown is not absent",
        "bring back the source that the notes name (the S3 server, the key's rights, the markers' "
        "place), then run the probe again",
        headline="The S3 index of {subjects} could not be observed{detail}.",
        follows=(*RUN_ENDS, "disk-full", "disk-scan-io", "volume-split", "store-stalled"),
        rank=Rank.UNOBSERVED,
    ),
    code(
        "store-stalled",
        (INCONCLUSIVE,),
        "the store or a drive did not answer in time: while a push runs a short stall may pass between whole samples, "
        "a longer one may hide a loss",
        STALLED,
        headline="The store did not answer in time {when}: a stall can hide a loss.",
        rank=Rank.STORE,
    ),
    code(
        "store-slow",
        (INCONCLUSIVE,),
        "an answer of the store took longer than the 5 s after which RustFS itself gives up a disk operation",
        STALLED,
        headline="The store answered more slowly than RustFS itself waits for a disk (5 s).",
    ),
    code(
        "volume-foreign",
        (INCONCLUSIVE,),
        "the markers' place is not the volume that gate.toml names, or not the one that it was before",
        "check what is mounted there; a new drive's id goes into [store] volumes by a reviewed change",
        headline="The markers are not on the volume that gate.toml names, or the volume changed.",
        rank=Rank.STORE,
    ),
    code(
        "volume-split",
        (INCONCLUSIVE,),
        "a folder of the store is on another file system than its drive, as when something is mounted over it: the "
        "store moves its files by rename, so what lies there is not what it wrote",
        "look what is mounted over that folder (`findmnt`), and unmount it; then run the probe again",
        headline="A folder of the store is on another file system than its drive.",
        rank=Rank.STORE,
    ),
    code(
        "disk-scan-io",
        (INCONCLUSIVE,),
        "the disk gave an error of input or output (EIO) while the markers on it were looked at: that is no lost "
        "index, and can hide one, or become one",
        "look at the drive (`dmesg`, `smartctl -a`) and keep what it has before anything is restarted or repaired",
        headline="A drive of the store gives I/O errors.",
        rank=Rank.STORE,
    ),
    # --- one store
    code(
        "store-identity-same",
        (PASS,),
        "the S3 endpoint said the same of itself in every sample, as far as it says anything: owner, dates of the "
        "buckets, server, form of its request ids, deployment",
    ),
    code(
        "store-identity-differs",
        (INCONCLUSIVE,),
        "what the S3 endpoint says of itself differs between samples, or from the drives: another store may have "
        "answered, and what one says proves nothing of the other",
        "look where the endpoint's name leads (DNS, load balancer, fail-over); run the probe again when one store "
        "answers",
        headline="More than one store answers at the S3 endpoint.",
        rank=Rank.STORE,
    ),
    code(
        "store-canary-on-disk",
        (PASS,),
        "the object that the cache serves the canary from is on a disk of the markers: cache, bucket and disk are of "
        "one store, and the push wrote to it",
    ),
    code(
        "store-canary-in-bucket",
        (PASS,),
        "the object that the cache serves the canary from is in the bucket of the S3 endpoint; the disk could not be "
        "looked at for objects",
    ),
    code(
        "store-canary-by-time",
        (PASS,),
        "the cache does not name the canary's object, as behind a proxy that follows Attic's redirect; an object of "
        "Attic's form was written to a disk of the markers while the canary was pushed",
        "name the Attic server itself as [cache] origin-server: the object is then found by its name",
    ),
    code(
        "store-canary-unseen",
        (INCONCLUSIVE,),
        "neither the markers' places nor the S3 key let objects be looked for here: nothing shows that cache, bucket "
        "and disk are of one store",
        "grant the key s3:GetObject on the cache's bucket, or give the markers a place where objects can be seen",
        headline="Nothing shows that cache, bucket and disk belong to one store.",
    ),
    code(
        "store-canary-absent",
        (INCONCLUSIVE,),
        "the object that the cache serves the canary from is not in the bucket of the S3 endpoint, or on no disk of "
        "the markers: the three are not one store, or not all of its drives are named",
        "check that [store] endpoint and markers are of the store that Attic writes to, and that markers name all of "
        "its drives",
        headline="The canary's object is not in this bucket or on these drives: Attic writes to another store.",
        follows=INDEX_CODES,
    ),
    code(
        "store-canary-unlocated",
        (INCONCLUSIVE,),
        "where the canary's object is could not be determined, so nothing shows that the push wrote to this store",
        "look at the note: the key or the markers must show objects; where a proxy follows Attic's redirects, name the "
        "Attic server itself as [cache] origin-server",
        headline="Where the canary's object was written could not be determined.",
        follows=(*STORE_CAUSES, "push-auth", *RUN_ENDS),
    ),
    # --- the servers behind a CDN or a proxy
    code(
        "origin-same",
        (PASS,),
        "the server itself gave the same as the place that builders read, where [cache] origin-server or [store] "
        "origin-endpoint names it",
    ),
    code(
        "origin-differs",
        (INCONCLUSIVE,),
        "the server itself and the place that builders read do not say the same: what a CDN or a proxy keeps says "
        "nothing of the store behind it",
        "look at the rows of these bodies and buckets: what is wrong at the origin is lost as soon as the CDN drops "
        "it; where the origin is right, purge the CDN and run the probe again",
        headline="The origin server and the place that builders read from differ.",
    ),
    code(
        "origin-unread",
        (INCONCLUSIVE,),
        "the server that [cache] origin-server or [store] origin-endpoint names could not be read, or knows no path "
        "of this run: it may be another one",
        "check the setting, and that this machine reaches that server with the same tokens and keys; then run the "
        "probe again",
        headline="The origin server could not be read.",
    ),
    # --- open uploads
    code("upload-none", (PASS,), "the store lists no multipart upload that was begun and not ended"),
    code(
        "upload-older",
        (PASS,),
        "multipart uploads are open that are not of this run: no objects, and no harm but the room that they take; a "
        "note",
        "abort those that nobody goes on with (`aws s3api abort-multipart-upload`), or give the bucket a "
        "lifecycle rule",
    ),
    code(
        "upload-left-open",
        (INCONCLUSIVE,),
        "a multipart upload began while this run published and stayed open: Attic aborts what fails, so its server, or "
        "another client's, went away in the middle of writing",
        "see whether another client was pushing; if not, read the server's log of that time; then abort the upload "
        "(`aws s3api abort-multipart-upload`) and run the probe again",
        headline="A multipart upload that began during the run was left open.",
    ),
    code(
        "upload-unlisted",
        (PASS,),
        "open multipart uploads could not be listed, by the key's rights or by what the store can do; no claim rests "
        "on them; a note",
        "grant the key s3:ListBucketMultipartUploads to have them told",
    ),
    # --- tofu state
    code(
        "state-unchanged", (PASS,), "the state object is there, before and after, with the same ETag, size and version"
    ),
    code(
        "state-lost",
        (FAIL,),
        "the state object was there before the publication and is absent after it",
        CAPTURE_FIRST,
        headline="The OpenTofu state was there before the publication and is gone.",
        follows=INDEX_CODES,
        rank=Rank.STATE,
    ),
    code(
        "state-lineage-changed",
        (FAIL,),
        "the state's content has another lineage than before the publication: it is another state",
        "keep tofu away from this state, and capture before anybody restarts the store; then find out who put it there",
        headline="The OpenTofu state was replaced by a state of another lineage.",
        rank=Rank.STATE,
    ),
    code(
        "state-damaged",
        (FAIL, INCONCLUSIVE),
        "the state's whole content is no OpenTofu state: a failure when it was one before, else unknown",
        "keep tofu away from this state; bring back its last good version from a backup or from the bucket's versions",
        headline="The OpenTofu state object holds no valid state.",
        rank=Rank.STATE,
    ),
    code(
        "state-serial-back",
        (INCONCLUSIVE,),
        "the state's content has a lower serial than before: an older state came back, by a person or by the store",
        "find out who restored it; if nobody did, treat it as data loss: the newest state is gone",
        headline="The OpenTofu state went back to an older serial.",
        rank=Rank.STATE,
    ),
    code(
        "state-serial-moved",
        (PASS,),
        "a tofu apply in the window: the state's content has the same lineage and a higher serial",
    ),
    code(
        "state-changed",
        (INCONCLUSIVE,),
        "the state object changed in the window, and nothing tells a tofu apply from damage",
        "find out who applied, then run the probe while nobody does; `state-contents` tells a tofu apply apart",
        neutral=True,
        headline="The OpenTofu state changed during the run.",
        rank=Rank.STATE,
    ),
    code(
        "state-locked",
        (INCONCLUSIVE,),
        "the state is locked: somebody is working on it",
        "wait for the lock, then run the probe",
        neutral=True,
        headline="The OpenTofu state is locked: somebody is working on it.",
        rank=Rank.STATE,
    ),
    code(
        "state-absent",
        (INCONCLUSIVE,),
        "the state object is absent before and after",
        "check state-bucket and state-key",
        headline="The OpenTofu state object was not there before or after.",
        follows=INDEX_CODES,
        rank=Rank.STATE,
    ),
    code(
        "state-unobservable",
        (INCONCLUSIVE,),
        "the state object could not be read",
        "bring the S3 server back, or grant the key s3:GetObject on the state and its lock; then run the probe again",
        headline="The OpenTofu state could not be read.",
        follows=(*INDEX_CODES, "bucket-unobservable", "store-stalled", *RUN_ENDS),
        rank=Rank.STATE,
    ),
    code("state-not-here", (NOT_APPLICABLE,), "gate.toml says that this site keeps no state in this store"),
    # --- epochs
    code("epoch-same", (PASS,), "the server is the same process, before and after"),
    code(
        "epoch-changed",
        (FAIL, INCONCLUSIVE),
        "a server restarted in the window, which can heal what it hides: a failure when something was wrong before",
        "find out who restarted it; run the probe again on one steady epoch",
        headline="A server restarted during the run: {subjects}.",
    ),
    code(
        "epoch-shared",
        (INCONCLUSIVE,),
        "store-workload and cache-workload name the same process: a restart of the other server would not be seen",
        "name each server's own pid file, or its own workload in the cluster",
        neutral=True,
        headline="The settings store-workload and cache-workload name the same process.",
        rank=Rank.SETUP,
    ),
    code(
        "epoch-other-process",
        (INCONCLUSIVE,),
        "another process than the workload's listens at the endpoint: a restart of the server that answers would not "
        "be seen",
        "name the pid file of the server that listens there; where a proxy of this machine is before it, name the "
        "server's own address as the endpoint",
        neutral=True,
        headline="Another process than the named one answers at the endpoint: {subjects}.",
        rank=Rank.SETUP,
    ),
    code(
        "epoch-replicas-changed",
        (PASS,),
        "replicas of the cache came, or went, as by scaling; those that stayed are the same, and all have one image "
        "and one owner",
    ),
    code(
        "epoch-unobservable",
        (INCONCLUSIVE,),
        "the server's identity could not be determined",
        "let this user read the pid file, unit or pod that the finding names, then run the probe again",
        headline="A restart could not be ruled out: {subjects} could not be identified.",
        follows=RUN_ENDS,
    ),
    code("epoch-not-here", (NOT_APPLICABLE,), "gate.toml says that this workload can't be observed here"),
)
