"""The claims of a pass: what each says, who vouches for it, and which two of those are independent of each other.

``docs/trust.md`` is made from this table, the table of lies and the blind spots of `gate.judge.scope`.
"""

from dataclasses import dataclass

from tests.liars.lie import Party


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim. ``families`` are those of the reason codes that state it in ``evidence.json``.

    ``vouchers`` say who gives its evidence, ``pair`` which two do not depend on each other, and why both would have to
    lie. ``parties`` are those of them that lies are told for.
    """

    name: str
    says: str
    families: tuple[str, ...]
    vouchers: tuple[str, ...]
    pair: str
    parties: tuple[Party, ...]


CLAIMS: tuple[Claim, ...] = (
    Claim(
        name="index",
        says="Each watched bucket was listed and served before, during and after the pushes, and its markers were on "
        "disk.",
        families=("bucket", "store"),
        vouchers=(
            "ListBuckets, HeadBucket and a GET of the bucket, asked at once and each with a deadline",
            "the markers on the disks of the store",
            "the store's own readiness",
        ),
        pair="The S3 server's answers and the names on its disk: one is asked over HTTP, the other is read by lstat.",
        parties=(Party.S3, Party.DISK, Party.CDN, Party.DNS, Party.CLUSTER, Party.JOB),
    ),
    Claim(
        name="state",
        says="The OpenTofu state is the one from before.",
        families=("state",),
        vouchers=("HEAD of the object before and after", "its content, where `state-contents` has it read"),
        pair="The ETag and the content's own lineage and serial, where the content is read; else the S3 server alone.",
        parties=(Party.S3,),
    ),
    Claim(
        name="written",
        says="Enough fresh paths were written by this run.",
        families=("push",),
        vouchers=(
            "the attic client's account of each path",
            "the nonce in the names of canaries and twin, which nobody could publish before",
            "the bodies that come back afterwards",
        ),
        pair="The client's words and the read-back of names that did not exist before the run.",
        parties=(Party.CLIENT, Party.ATTIC, Party.CDN, Party.JOB, Party.EARLIER_JOB),
    ),
    Claim(
        name="bodies",
        says="Every published path came back byte for byte, signed by the cache's key.",
        families=("body",),
        vouchers=("the gate's own reader", "the machine's own Nix, for a part of the paths", "the local Nix database"),
        pair="The gate's reader and Nix's: two programs, two sets of credentials, two sets of certificate authorities.",
        parties=(Party.ATTIC, Party.CDN, Party.S3, Party.CLIENT, Party.DNS, Party.NIX, Party.JOB),
    ),
    Claim(
        name="stored",
        says="What was written is in the store whose disk the markers are on.",
        families=("store",),
        vouchers=("the canary's object in the bucket, or on the disk of the markers",),
        pair="Attic's narinfo and redirect, and the object's name on the disk.",
        parties=(Party.DISK, Party.CDN, Party.S3, Party.DNS),
    ),
    Claim(
        name="builders",
        says="A builder with this machine's settings gets these paths.",
        families=("reader",),
        vouchers=("the machine's own Nix, in a scratch store, without its narinfo cache",),
        pair="Nix's reader and the gate's own.",
        parties=(Party.NIX, Party.ATTIC, Party.CDN),
    ),
    Claim(
        name="closure",
        says="Every reference of the published paths can be fetched.",
        families=("closure",),
        vouchers=("the local Nix database", "the narinfo of each reference"),
        pair="The local database names the references, and the cache must have each.",
        parties=(Party.ATTIC,),
    ),
    Claim(
        name="cache",
        says="The cache is the one that builders read and trust.",
        families=("cache",),
        vouchers=("the cache's own description", "this machine's `trusted-public-keys` and `substituters`"),
        pair="The cache's word and Nix's settings on this machine.",
        parties=(Party.ATTIC, Party.CDN),
    ),
    Claim(
        name="access",
        says="The cache denies what its tokens do not grant, and the gate's detectors fire.",
        families=("control",),
        vouchers=("controls: each gives a detector something that it must catch",),
        pair="The server's denial and the gate's own measure of a flipped bit.",
        parties=(Party.ATTIC, Party.JOB),
    ),
    Claim(
        name="build",
        says="The build is green without a substitute of this cache that failed behind it.",
        families=("build",),
        vouchers=("Nix's log of the build", "Nix's own answer about its settings"),
        pair="Nix's log, and the read-back of what was built.",
        parties=(Party.NIX, Party.RUNNER, Party.JOB, Party.EARLIER_JOB),
    ),
    Claim(
        name="log",
        says="Neither server logged an error that nothing of this run explains.",
        families=("log",),
        vouchers=("the server's log between two canaries", "the store's own log, where its place is named"),
        pair="The canaries that this run sent and the log's own events; whoever collects the log is between them.",
        parties=(Party.ATTIC, Party.CLUSTER, Party.JOB),
    ),
    Claim(
        name="epoch",
        says="No server restarted in the window.",
        families=("epoch",),
        vouchers=("the kernel's start time of each process, or the pod's identity", "the servers' own logs"),
        pair="The kernel, and the socket that listens on the endpoint's port.",
        parties=(Party.RUNNER, Party.CLUSTER, Party.EARLIER_JOB),
    ),
    Claim(
        name="tools",
        says="The programs that ran are those of the machine, not of the checkout.",
        families=("run",),
        vouchers=("absolute real paths, resolved once, with version and sha256 in the evidence",),
        pair="The path that was resolved, and the digest that anybody can compare with a release.",
        parties=(Party.RUNNER,),
    ),
    Claim(
        name="run",
        says="The evidence is whole, in order, and of one run under one policy.",
        families=("run", "capture", "part"),
        vouchers=("the hash chain of the journal", "the digests of the captures"),
        pair="The chain inside the folder and the digest that the forge keeps of the artifact.",
        parties=(Party.JOB, Party.FORGE),
    ),
    Claim(
        name="history",
        says="`require` and the standing decision rest on the newest runs of the trusted workflow, dated by the forge.",
        families=(),
        vouchers=("GitHub's list of runs and attempts", "the sealed evidence, judged again"),
        pair="The forge's times and digests, and the evidence's own; where they differ, the run counts against.",
        parties=(Party.FORGE,),
    ),
)
