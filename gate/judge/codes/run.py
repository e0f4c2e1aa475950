"""Reason codes about the run and its machine: parts, captures, record order, programs, settings and completion."""

from gate.judge.codes.model import AGAIN, CAPTURE_FIRST, CONSEQUENCE, FAIL, INCONCLUSIVE, PASS, REREAD, Code, code

RUN: tuple[Code, ...] = (
    # --- the parts of a split run
    code("part-joined", (PASS,), "the part is of this run, whole, in order, and is what its own job told"),
    code(
        "part-missing",
        (INCONCLUSIVE,),
        "a part of the split run was not given: nothing is known of what it had to see",
        "give the folder of every part to `publication-gate judge`; look why that job left none",
    ),
    code(
        "part-doubled",
        (INCONCLUSIVE,),
        "two parts of one kind were given, and nothing says which one counts: neither does",
        "give one folder a part; after a re-run of single jobs, run all jobs again",
    ),
    code(
        "part-foreign",
        (INCONCLUSIVE,),
        "the part is of another run, attempt, nonce, gate version or policy; the command itself refuses it (2)",
        "give parts of one attempt with one gate.toml; after a re-run of single jobs, run all jobs again",
    ),
    code(
        "part-tampered",
        (INCONCLUSIVE,),
        "the part's bytes are not what its journal, its document or its own job say; the command itself refuses it (2)",
        "find out who changed it: every job of a run can write the run's artifacts",
    ),
    code(
        "part-reordered",
        (INCONCLUSIVE,),
        "the part was not given the very parts that come before it, by their digests",
        "run the jobs in their order, pre, then publish beside during, then post, and hand on every part",
    ),
    code(
        "part-unbound",
        (INCONCLUSIVE,),
        "no digest of the part came from its own job by another way than the part's files",
        "give `judge` a --digest PART=SHA256 for each part, from the outputs of the job that made it",
    ),
    code("part-incomplete", (INCONCLUSIVE,), "the part's journal has no last record: its job died", AGAIN),
    code(
        "part-overreach",
        (INCONCLUSIVE,),
        "the part holds records that its job has no right to give, or that contradict another part's; they were left "
        "out",
        "look into the job that wrote it: no gate of ours writes that",
    ),
    code(
        "part-clock",
        (INCONCLUSIVE,),
        "the part's times contradict its place in the chain by more than clocks differ",
        "set the runners' clocks, then run the probe again",
    ),
    code(
        "part-plan-bound",
        (PASS,),
        "what was published bears the nonce of this run and keeps to the counts of gate.toml",
    ),
    code(
        "part-plan-unbound",
        (INCONCLUSIVE,),
        "what the publishing job says that it published is held by its own word alone",
        "let the publishing job run `publication-gate publish` on the part pre of the same run",
    ),
    # --- captures and the run
    code("capture-complete", (PASS,), "the capture is whole"),
    code(
        "capture-cut", (INCONCLUSIVE,), "the capture reached its cap", "raise the cap or quiet the tool, then run again"
    ),
    code(
        "capture-missing", (INCONCLUSIVE,), "a capture is missing, was never closed, or is not what was closed", AGAIN
    ),
    code("run-complete", (PASS,), "every step was taken and recorded"),
    code("run-incomplete", (INCONCLUSIVE,), "the journal has no last record: the run died", AGAIN),
    code(
        "run-disordered",
        (INCONCLUSIVE,),
        "something stands in the record where it proves nothing, such as a look before the push that came after it",
        "report this: the gate writes no such record; run the probe again",
    ),
    code(
        "run-clock-jumped",
        (INCONCLUSIVE,),
        "the machine's clock was set, or the machine slept, in the run: its times can't be joined to others'",
        "set the clock and keep the machine awake, then run the probe again",
    ),
    code("run-cancelled", (INCONCLUSIVE,), "the run was cancelled", AGAIN),
    code(
        "run-trouble",
        (INCONCLUSIVE,),
        "a step could not be finished",
        "read the sentence, fix its cause, run the probe again",
    ),
    code(
        "run-publish-skipped",
        (INCONCLUSIVE,),
        "the evidence before, or the canary pair or the twin, was not whole: the profile was not published",
        CAPTURE_FIRST,
        rank=CONSEQUENCE,
    ),
    code(
        "run-stopped",
        (INCONCLUSIVE,),
        "the run found, after its first question to a server, that it must not go on",
        "correct what the sentence names, then run the probe again",
    ),
    code(
        "run-finalized",
        (INCONCLUSIVE,),
        "the run died before it had sealed its evidence; a person sealed it with `publication-gate finalize`",
        AGAIN,
    ),
    code(
        "run-captured",
        (INCONCLUSIVE,),
        "a capture looks and publishes nothing, so it is never a pass",
        "read its headline; for a verdict on publication run the probe",
        neutral=True,
    ),
    code(
        "run-claim-missing",
        (INCONCLUSIVE,),
        "a claim that a pass needs was not made",
        "report this: a check gave no row",
        neutral=True,
    ),
)


MACHINE: tuple[Code, ...] = (
    code(
        "tool-identified",
        (PASS,),
        "each program of the run was found outside of the checkout; its path, version and sha256 are in the evidence",
    ),
    code(
        "tool-unidentified",
        (INCONCLUSIVE,),
        "a program of the run is not identified, so it is not known what acted",
        "let this user read the program's file, and see that nix, nix-store and attic are installed",
        neutral=True,
    ),
    code(
        "tool-settings-known",
        (PASS,),
        "Nix's effective settings, by its own account, weaken nothing that the run proves, or gate.toml states them",
    ),
    code(
        "tool-settings-weak",
        (INCONCLUSIVE,),
        "an effective setting of Nix weakens what the run proves, and gate.toml does not state it: a run is refused",
        "unset it in nix.conf and NIX_CONFIG, or state it in nix-settings of [nix] in gate.toml",
    ),
    code(
        "tool-substituter-unstated",
        (INCONCLUSIVE,),
        "Nix has a further substituter, so the build need not have asked the cache under test",
        "remove it from nix.conf and NIX_CONFIG, or state it in nix-substituters of [nix] in gate.toml",
    ),
    code(
        "tool-settings-unknown",
        (INCONCLUSIVE,),
        "Nix did not say what its effective settings are",
        "run `nix config show --json` on this machine, and repair what it says",
        neutral=True,
    ),
    code(
        "reader-agrees",
        (PASS,),
        "the machine's own Nix, with its settings, netrc and certificate authorities, read what the gate read",
    ),
    code(
        "reader-differs",
        (FAIL, INCONCLUSIVE),
        "the machine's own Nix got other bytes than the gate: builders are served what the gate does not see",
        REREAD,
    ),
    code(
        "reader-denied",
        (INCONCLUSIVE,),
        "the machine's own Nix is not let into the cache, so builders on this machine build everything in silence",
        "run `attic use CACHE` as this user, or put a token that may pull into Nix's netrc-file, then run again",
        neutral=True,
    ),
    code(
        "reader-unread",
        (INCONCLUSIVE,),
        "the machine's own Nix could not read a path that the gate could",
        "try `nix store verify --store URL PATH` on this machine, and repair what it names",
    ),
    code(
        "reader-unsteady",
        (INCONCLUSIVE,),
        "the machine's own Nix read a path only after it had failed to",
        AGAIN,
    ),
    code(
        "reader-short",
        (INCONCLUSIVE,),
        "the machine's own Nix did not read as many paths as a pass needs",
        AGAIN,
        rank=CONSEQUENCE,
    ),
    code(
        "reader-unasked",
        (INCONCLUSIVE,),
        "nothing was published, so the machine's own Nix was asked for nothing",
        AGAIN,
        rank=CONSEQUENCE,
        neutral=True,
    ),
)
