"""Reason codes about supporting evidence: logs, captures, controls and servers."""

from gate.judge.codes.model import (
    ANY_CAUSE,
    CAPTURE_FIRST,
    FAIL,
    INCONCLUSIVE,
    NOT_APPLICABLE,
    PASS,
    RUN_ENDS,
    STORE_CAUSES,
    Code,
    Rank,
    code,
)

LOG_CODES: tuple[Code, ...] = (
    # --- server log
    code(
        "log-clean",
        (PASS,),
        "both canaries are events of the log, every line of it was understood, and nothing in it is doubt",
    ),
    code(
        "log-storage-error",
        (INCONCLUSIVE,),
        "the Attic server logged a storage error in the window, or the store itself logged at WARN or ERROR what is "
        "not known to be an answer to a client",
        CAPTURE_FIRST,
        headline="A storage error was logged during the run: {subjects}.",
        follows=STORE_CAUSES,
    ),
    code(
        "log-unreadable",
        (INCONCLUSIVE,),
        "a log was captured, and lines of it are not understood, such as those with a collector's words before them: "
        "an error may be in them, so it can't be called clean",
        "look at the line that the finding shows (`publication-gate read server-log FILE` lists what is understood); "
        "give the log as the server itself writes it: a file that the server appends to, `journalctl -o cat`, a "
        "place in the cluster with `container=`",
        headline="A log has lines that this gate does not understand: {subjects}.",
    ),
    code(
        "log-unexplained-error",
        (INCONCLUSIVE,),
        "the server logged an error, a warning or an answer of 5xx that no failed path, failed read or canary of this "
        "run explains; on a shared cache it may be another client's, and is doubt all the same: the server failed "
        "somebody",
        "read the event in server.log and find whose request it was; once that is known, run the probe again",
        headline="The Attic server logged an error that nothing in this run explains.",
    ),
    code(
        "log-server-restarted",
        (INCONCLUSIVE,),
        "the server's log has its own start in the window: a restart can heal what it hides",
        "find out what restarted it; run the probe again on one steady epoch",
        headline="The Attic server's log says that it restarted during the run.",
    ),
    code(
        "log-clock-skew",
        (INCONCLUSIVE,),
        "the server's clock and this machine's differ by more than a minute: times of the two can't be compared, and "
        "Attic refuses tokens from its future without any tolerance",
        "set both clocks by NTP, then run the probe again",
        headline="The server's clock and this machine's differ by more than a minute.",
    ),
    code(
        "log-canary-missing",
        (INCONCLUSIVE,),
        "a canary is no event of the captured log, or none in that of the replica that answered it: no errors seen is "
        "not no errors",
        "point server-log at the server that answers attic-server, at level ERROR at least, then run the probe again",
        headline="The Attic server's log lacks the canary request, so its silence proves nothing.",
        follows=("cache-unidentified", *RUN_ENDS),
    ),
    code(
        "log-replica-read",
        (PASS,),
        "this replica's log has a canary of each phase, so its log is known to be read; a note",
    ),
    code(
        "log-replica-unknown",
        (PASS,),
        "no canary is known to have come to this replica, so that its log has no errors proves nothing of it; a note",
        "let the runner reach the pod, or grant `pods/proxy` (docs/kubernetes/log-canary.yaml)",
    ),
    code(
        "log-store-clean",
        (PASS,),
        "the store's own log of the window was read and understood, and has nothing but answers to clients",
    ),
    code(
        "log-store-unobservable",
        (INCONCLUSIVE,),
        "gate.toml names the place of the store's log, and not all of it could be read, or it has no event in the "
        "window",
        "fix what the finding names; a store that logs nothing needs its log at INFO "
        "(RustFS: `RUSTFS_OBS_LOGGER_LEVEL=info`), and one that logs to files needs the place of the file as store-log",
        headline="The store's own log could not be read whole.",
    ),
    code(
        "log-unobservable",
        (INCONCLUSIVE,),
        "the server's log could not be captured",
        "let this user read the place that server-log names, then run the probe again",
        headline="The Attic server's log could not be read.",
        follows=("cache-unidentified", *RUN_ENDS),
    ),
    code("log-not-here", (NOT_APPLICABLE,), "gate.toml says that the server's log can't be had here"),
    # --- what a capture looks at besides
    code("disk-room", (PASS,), "the file system of this place has room for bytes and files"),
    code(
        "disk-full",
        (INCONCLUSIVE,),
        "99 % or more of the bytes or of the files (inodes) of a drive are taken: writes fail, whatever the index says",
        "make room on the drive, without deleting what the store has; a full disk is no lost index, and can hide one",
        headline="A drive of the store is full.",
        rank=Rank.STORE,
    ),
    code(
        "disk-tight",
        (PASS,),
        "a drive has less room than twice the bytes that the profile may publish; a note",
        "make room on the drive before the next runs, without deleting what the store has",
    ),
    code(
        "disk-use-unknown",
        (PASS,),
        "how full a drive is could not be determined in this run; a note: what was read back whole had its room",
        "let this user look at the markers' place, or `df` run in the container",
    ),
    code(
        "disk-unobservable",
        (INCONCLUSIVE,),
        "the disk use of a place could not be determined: a full disk is not ruled out",
        "let this user look at the drive that the finding names, then run the probe again",
        headline="The disk use of a drive could not be determined.",
    ),
    code("incident-seen", (PASS,), "events, or what a container logged before its restart, were kept; a note"),
    code(
        "incident-storage-error",
        (INCONCLUSIVE,),
        "a container logged a storage error before its last restart",
        "read previous.log; the restart ended what it tells of, and may have healed the index and not the bodies",
        headline="A container logged a storage error before its last restart.",
    ),
    code(
        "incident-unobservable",
        (INCONCLUSIVE,),
        "events, or the log of a container that ended, could not be had: what they would tell is not known",
        "grant the right that the finding names, then capture again",
        headline="Events or logs of a container that ended could not be read.",
    ),
    # --- controls
    code("control-fired", (PASS,), "the detector was shown to fire"),
    code(
        "control-not-fired",
        (INCONCLUSIVE,),
        "the detector did not fire when it had to: what it says proves nothing",
        "find what answered in the server's place, since a detector that misses its planted fault "
        "proves nothing; then run the probe again",
        headline="A self-check did not detect its planted fault: {subjects}.",
        follows=("cache-unidentified",),
    ),
    code(
        "control-token-overprivileged",
        (FAIL,),
        "a token that may only read was allowed to ask as one that may push",
        "revoke the token and mint one with read rights alone",
        headline="The read token has the right to push.",
        rank=Rank.BODY,
    ),
    code(
        "control-missing",
        (INCONCLUSIVE,),
        "the control was not tried",
        "make available what the finding names, then run the probe again",
        headline="A self-check was not made: {subjects}.",
        follows=ANY_CAUSE,
    ),
    code(
        "control-not-here", (NOT_APPLICABLE,), "the cache is declared public, so a read without a token proves nothing"
    ),
)
