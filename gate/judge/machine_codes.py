"""What is said of the machine that the run used: its programs."""

from gate.judge.code import INCONCLUSIVE, PASS, Code, code

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
)
