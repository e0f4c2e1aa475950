"""What is said of the machine that the run used: its programs."""

from gate.judge.code import AGAIN, CONSEQUENCE, FAIL, INCONCLUSIVE, PASS, REREAD, Code, code

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
