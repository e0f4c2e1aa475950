"""What is said of a publication: the cache, build and push, the bodies that came back, and what they need beside."""

from gate.judge.codes.model import (
    AGAIN,
    CAPTURE_FIRST,
    CONSEQUENCE,
    FAIL,
    INCONCLUSIVE,
    LOOK,
    PASS,
    REREAD,
    STALLED,
    Code,
    code,
)

PUBLICATION: tuple[Code, ...] = (
    # --- cache
    code("cache-identified", (PASS,), "the cache names its key and an allowed endpoint"),
    code(
        "cache-missing",
        (INCONCLUSIVE,),
        "the server says that it has no cache of that name",
        "check attic-server, attic-cache and probe-cache; where they are right, the cache is gone: look at the server",
    ),
    code(
        "cache-leads-elsewhere",
        (INCONCLUSIVE,),
        "the cache sends its clients, with their token, to a host that the settings don't allow",
        "find out who set `api-endpoint` or `substituter-endpoint`; add the host to `hosts` only if it is yours",
    ),
    code("cache-unidentified", (INCONCLUSIVE,), "the cache's own description could not be read", LOOK),
    code(
        "cache-served-elsewhere",
        (INCONCLUSIVE,),
        "the cache sends its readers (`substituter_endpoint`) to another place than the one that the run read at: what "
        "builders get there was not seen",
        "set attic-server to that endpoint without the cache's name, or fix `substituter-endpoint` and `api-endpoint` "
        "in Attic's server.toml; where both places are in use, run one probe at each",
    ),
    code("cache-key-trusted", (PASS,), "the cache's key is among this machine's `trusted-public-keys`"),
    code(
        "cache-key-untrusted",
        (INCONCLUSIVE,),
        "the key that the cache has of itself is not the one that Nix on this machine trusts by that name: signatures "
        "fit the cache's own word alone, and a builder with these settings refuses every path",
        "find out whether somebody changed the cache's key, and who; only if it is the right one, add it to "
        "`trusted-public-keys` of this machine's nix.conf, by a trusted way and not from the cache's own answer",
    ),
    code(
        "cache-key-unchecked",
        (PASS,),
        "the keys that Nix on this machine trusts, or the cache's own, are not known, as in a record of an older gate "
        "or on a runner that is not set up as a builder; a note: cache-unidentified, build-not-run and "
        "build-substituter-disabled block such a run of today's by themselves",
        "run the probe where Nix is set up as builders have it",
    ),
    # --- build
    code("build-clean", (PASS,), "the build is green and no substitute failed behind it"),
    code(
        "build-other-tree",
        (INCONCLUSIVE,),
        "the flake is not what the run's commit has, so nothing was built",
        "commit the changes or undo them, check out the run's commit, then run the probe again",
        neutral=True,
    ),
    code(
        "build-unclear",
        (INCONCLUSIVE,),
        "what Nix names as built is no store path, or more than one thing, so nothing was published",
        "correct the profile's installable in gate.toml, then run the probe again",
        neutral=True,
    ),
    code(
        "build-failed",
        (INCONCLUSIVE,),
        "the build failed: somebody else's work, no word on the cache",
        "fix the build, then run the probe",
        neutral=True,
    ),
    code(
        "build-not-run",
        (INCONCLUSIVE,),
        "nothing was built, so nothing of the profile was published",
        LOOK,
        rank=CONSEQUENCE,
        neutral=True,
    ),
    code(
        "build-fallback-masked",
        (FAIL, INCONCLUSIVE),
        "the build is green only because a substitute failed and was rebuilt: a failure when proven and of this cache",
        "read that path with `attic-nar-integrity-check`; a green build is no health of the cache",
    ),
    code(
        "build-cache-denied",
        (INCONCLUSIVE,),
        "Nix on this machine gets no answer of a binary cache there: mostly a private cache (HTTP 401) without a token "
        "in Nix's netrc file",
        "run `attic use` for this cache as the user who builds, or give its host a read token in the file that "
        "`netrc-file` of nix.conf names; `nix store ping --store URL` shows that it works",
        neutral=True,
    ),
    code(
        "build-cache-unreachable",
        (INCONCLUSIVE,),
        "Nix on this machine could not reach a cache, or waited for it in vain",
        "check name, port and proxy of that URL from this machine; if the cache is not yours to test, take it out of "
        "`substituters`, or trust its key so that it is known as another cache",
    ),
    code(
        "build-cache-tls",
        (INCONCLUSIVE,),
        "TLS to a cache, or to the host that it redirects to, failed",
        "check the certificate of that host and `ssl-cert-file` of nix.conf on this machine; behind a redirect it is "
        "the store's host that needs a certificate",
    ),
    code(
        "build-cache-in-doubt",
        (INCONCLUSIVE,),
        "a substitute failed at the cache under test, or at one that is not known to be another, though another cache "
        "or the local store made up for it",
        "read that path with `attic-nar-integrity-check`; a green build is no health of the cache",
    ),
    code(
        "build-other-cache",
        (PASS,),
        "another cache failed, one whose key this machine trusts by the name of its host; a note: its outage is no "
        "word on the cache under test",
    ),
    code(
        "build-log-not-understood",
        (INCONCLUSIVE,),
        "the build's log has an error, a warning or an event that this gate does not know: it may be about the cache",
        "read it in build.log; if it has nothing to do with a cache, fix what it says or report the wording",
    ),
    code(
        "build-green-in-doubt",
        (INCONCLUSIVE,),
        "the build is green, but its log leaves doubt, which the rows beside name",
        "follow the rows beside",
        rank=CONSEQUENCE,
    ),
    code(
        "build-substituter-disabled",
        (INCONCLUSIVE,),
        "the cache under test is not among the substituters, so the build can't tell of it",
        "add the cache to `substituters` on this machine",
        neutral=True,
    ),
    code("build-aborted", (INCONCLUSIVE,), "Nix aborted on a failing narinfo (Nix 2.8)", AGAIN),
    code("build-log-unread", (INCONCLUSIVE,), "the build's log is missing or has no events", AGAIN),
    # --- push
    code("push-clean", (PASS,), "the client ended well and its counts match the plan"),
    code(
        "push-nonce-known",
        (INCONCLUSIVE,),
        "the cache says that it had a path, or the content of one, with this run's fresh nonce: its word on what it "
        "has proves nothing",
        "look whether something answers in the cache's place, or this nonce was used before; run the probe again",
    ),
    code("push-path-accounted", (PASS,), "the path has exactly one claim"),
    code(
        "push-path-failed",
        (FAIL, INCONCLUSIVE),
        "the server failed on this path: InternalServerError, Attic's word for a storage failure, or another HTTP 500; "
        "a failure unless a drive of the store had no room for it",
        CAPTURE_FIRST,
    ),
    code(
        "push-path-refused",
        (INCONCLUSIVE,),
        "the path was refused for a reason that is not storage (a proxy, a limit, access)",
        "fix what the error names, then run the probe again",
    ),
    code(
        "push-path-contradicted",
        (INCONCLUSIVE,),
        "the client told this path's success, and an error's text after it says that it failed; the client has one "
        "result for a path, so that text is not its own, and the body alone decides",
        "read the push capture: whoever answered the failing request wrote the client's lines into its error",
    ),
    code(
        "push-unaccounted",
        (INCONCLUSIVE,),
        "the client gave no result for a path of the plan",
        "read the push capture; a path without a result is not published",
    ),
    code(
        "push-failed",
        (INCONCLUSIVE,),
        "the client ended with an error; its failed paths say why",
        AGAIN,
        rank=CONSEQUENCE,
    ),
    code("push-unattributed", (INCONCLUSIVE,), "the client failed and named no path", AGAIN),
    code("push-wrote-nothing", (INCONCLUSIVE,), "the client ended well and wrote nothing: no proof of anything", AGAIN),
    code(
        "push-counts-differ",
        (INCONCLUSIVE,),
        "the client's announced counts differ from the plan's account",
        "compare the push capture with push.paths: a result may have been lost or forged",
    ),
    code(
        "push-auth",
        (INCONCLUSIVE,),
        "the push token was refused",
        "mint a new push token for this cache, then run the probe again",
        neutral=True,
    ),
    code("push-timed-out", (INCONCLUSIVE,), "the push did not end within its deadline", AGAIN),
    code(
        "push-ended-at-loss",
        (INCONCLUSIVE,),
        "the push was ended when a bucket was lost",
        CAPTURE_FIRST,
        rank=CONSEQUENCE,
    ),
    code(
        "push-not-run",
        (INCONCLUSIVE,),
        "this publication was not made",
        LOOK,
        rank=CONSEQUENCE,
    ),
    code(
        "push-foreign-lines",
        (INCONCLUSIVE,),
        "the client's output names paths outside the plan, or gives two results for one",
        AGAIN,
    ),
    code("push-representative", (PASS,), "enough fresh paths were written to say something of real closures"),
    code(
        "push-not-representative",
        (INCONCLUSIVE,),
        "too few fresh paths are shown to be written: Attic does not write what its database knows, be it a NAR or all "
        "chunks of one",
        "publish fresh paths: leave twin at auto, or run on a commit whose build is not in the cache yet",
        neutral=True,
    ),
    code(
        "push-set-out-of-bounds",
        (INCONCLUSIVE,),
        "the profile's push set is over its cap or under its floor, so nothing was published",
        "set the profile's bounds in gate.toml if the size is right, then run the probe again",
        neutral=True,
    ),
    # --- bodies
    code("body-whole", (PASS,), "the NAR was read to its last byte and is what the local store has"),
    code("body-empty", (FAIL,), "HTTP 200 and no bytes: the incident's body", REREAD),
    code("body-short", (FAIL,), "HTTP 200 and fewer bytes than the NAR has", REREAD),
    code("body-long", (FAIL,), "more bytes than the NAR has", REREAD),
    code("body-corrupt", (FAIL,), "bytes that are not the NAR", REREAD),
    code("body-foreign", (FAIL,), "a whole NAR, or a narinfo, of something else", REREAD),
    code(
        "body-hidden-bytes",
        (FAIL,),
        "the NAR is right, and beside it the body has zstd frames that every reader passes over: Attic compresses what "
        "it stores itself and writes none, so somebody else wrote this",
        "keep trusted writes off; keep the object, find who can write to the bucket, and change that key",
    ),
    code(
        "body-non-reproducible",
        (INCONCLUSIVE,),
        "the cache had this path before, and has another NAR of it, whole and signed by its own key: two builds of one "
        "derivation differ, which is no loss; which of them is right can't be determined, and users get the other one",
        "run `nix build --rebuild` on it: if that differs too, fix the derivation or leave it out of the profile; if "
        "it does not, treat the cache's path as foreign, and find who pushed it",
    ),
    code(
        "body-missing",
        (FAIL,),
        "claimed to be published, and the cache or its store says it is not there",
        REREAD,
    ),
    code(
        "body-server-error",
        (FAIL,),
        "the server itself says that it can't give the body",
        REREAD,
    ),
    code(
        "body-url-denied",
        (FAIL,),
        "the narinfo points outside its own place in the cache",
        REREAD,
    ),
    code("body-unsigned", (FAIL,), "the narinfo has no signature", REREAD),
    code("body-untrusted", (FAIL,), "no signature of the narinfo is by the cache's key", REREAD),
    code("body-signature-unknown", (INCONCLUSIVE,), "the cache's public key is not known", LOOK),
    code(
        "body-not-published",
        (INCONCLUSIVE,),
        "the push of this path did not succeed and the cache does not have it",
        AGAIN,
        rank=CONSEQUENCE,
    ),
    code(
        "body-codec-mismatch",
        (INCONCLUSIVE,),
        "the body is in another codec than its narinfo says",
        AGAIN,
    ),
    code(
        "body-codec-unread",
        (INCONCLUSIVE,),
        "the narinfo names a compression that the gate can't read, so the body was not measured; Nix may read it",
        "publish with zstd, xz, bzip2, gzip, br or none, or check this path with `nix store verify`",
    ),
    code(
        "body-encoded",
        (INCONCLUSIVE,),
        "the body came whole, with a Content-Encoding that nobody asked for: Nix would undo it and get something else",
        "find what on the way to the cache compresses its answers, and take that out",
    ),
    code(
        "body-misframed",
        (INCONCLUSIVE,),
        "every byte of the NAR came, and the answer around it did not end as it had announced: its length, or its last "
        "chunk; Nix takes no such answer, and nothing is lost",
        "find what on the way to the cache, or to its store, gets lengths wrong, and take that out",
    ),
    code(
        "body-from-a-cache",
        (INCONCLUSIVE,),
        "another cache on the way answered for it (its Age, or a header that says hit): the server itself was not seen",
        "give the probe a way to the server that no cache stands in, or make that cache pass narinfos and NARs through",
    ),
    code(
        "body-redirect-denied",
        (INCONCLUSIVE,),
        "the body redirects to a host that is not allowed",
        "if the host that the row names is yours, add it to `hosts` in gate.toml, and for http to `plain-http-hosts`",
    ),
    code(
        "body-narinfo-unreadable",
        (INCONCLUSIVE,),
        "the narinfo, or the URL in it, does not have its documented form",
        AGAIN,
    ),
    code("body-timed-out", (INCONCLUSIVE,), "the body did not come to its end in time", AGAIN),
    code(
        "body-unread",
        (INCONCLUSIVE,),
        "the body could not be read, for a reason that says nothing of it",
        LOOK,
    ),
    code(
        "body-slow",
        (INCONCLUSIVE,),
        "the narinfo, or a byte of the body, took longer than the 5 s after which RustFS itself gives up a disk "
        "operation: a drive that stalls looks like this, even if every byte comes in the end",
        STALLED,
    ),
    code("body-flapping", (INCONCLUSIVE,), "one read was whole and another was not", CAPTURE_FIRST),
    # --- what the published paths need beside themselves
    code(
        "closure-complete",
        (PASS,),
        "every reference of the published paths is published with them, is in the cache, or is left to an upstream "
        "that the cache names and whose signature the local store has",
    ),
    code(
        "closure-gap",
        (FAIL,),
        "a published path refers to one that the cache does not have, and that nobody else can be expected to have: it "
        "was made on this machine, or the cache itself signed it once; so what was published can't be fetched whole",
        "keep trusted writes off; find out whether the path was ever pushed or is lost, and publish with push-set = "
        '"build-closure", which leaves no reference out',
    ),
    code(
        "closure-incomplete",
        (INCONCLUSIVE,),
        "a published path refers to one that is not shown to be served: only another source may have it, or the cache "
        "gave no answer to be relied on",
        "name that source's key in the cache's upstreams and in upstream-keys of gate.toml, or publish with push-set = "
        '"build-closure"; where the cache did not answer, fix that and run the probe again',
    ),
)
