"""The doctor's answer as text: the first line says what to do, the unknown claims come before the checks."""

from gate.judge.verdict import decide
from gate.model.basics import Status
from gate.model.doctor import Check, Examination, UnknownClaim
from gate.render.examination import examination_text


def claim(family: str, subject: str, phase: str, *checks: str) -> UnknownClaim:
    return UnknownClaim(family=family, subject=subject, phase=phase, checks=checks, hint="do this")


def made(status: Status, *checks: Check, unknown: tuple[UnknownClaim, ...] = ()) -> Examination:
    return Examination(profile="medium-check", checks=checks, unknown=unknown, verdict=decide(status, "Do this."))


def test_a_pass() -> None:
    good = Check(name="nix", status=Status.PASS, detail="version 2.8.0")
    unused = Check(name="kubectl", status=Status.NOT_APPLICABLE, detail="no place is in a cluster")
    assert examination_text(made(Status.PASS, good, unused)) == (
        "PASS: Do this.\n"
        "\n"
        "profile:      medium-check\n"
        "verdict:      pass (exit code 0, does not block)\n"
        "\n"
        "unknown with these settings: nothing\n"
        "\n"
        "checks:\n"
        "  ok        nix: version 2.8.0\n"
        "  not used  kubectl: no place is in a cluster\n"
    )


def test_unknown_claims_stand_together_by_what_is_in_their_way() -> None:
    missing = Check(name="bucket-list", status=Status.INCONCLUSIVE, detail="HTTP 403", hint="grant it")
    wrong = Check(name="bucket:attic", status=Status.FAIL, detail="index-lost", hint="capture")
    unknown = (
        claim("run", "run", "run", "nix"),
        claim("bucket", "attic", "pre", "bucket-list", "bucket:attic"),
        claim("bucket", "attic", "post", "bucket-list", "bucket:attic"),
        claim("log", "server-log", "run", "nix"),
    )
    assert examination_text(made(Status.FAIL, missing, wrong, unknown=unknown)) == (
        "QUARANTINE: Do this.\n"
        "\n"
        "profile:      medium-check\n"
        "verdict:      quarantine (exit code 4, blocks)\n"
        "\n"
        "unknown with these settings, 4 claims of a pass:\n"
        "  - run; log server-log\n"
        "    by: nix\n"
        "  - bucket attic (pre); bucket attic (post)\n"
        "    by: bucket-list, bucket:attic\n"
        "\n"
        "checks:\n"
        "  unknown   bucket-list: HTTP 403\n"
        "            do: grant it\n"
        "  WRONG     bucket:attic: index-lost\n"
        "            do: capture\n"
    )


def test_foreign_text_is_no_line_and_no_command_of_its_own() -> None:
    hostile = "a\n::error::x\r##[group]\x1b[31m\u202e"
    text = examination_text(
        made(
            Status.INCONCLUSIVE,
            Check(name=f"markers:{hostile}", status=Status.INCONCLUSIVE, detail=hostile, hint=hostile),
            unknown=(claim("state", hostile, "post", hostile),),
        )
    )
    assert len(text.split("\n")) == 13
    assert not any(line.lstrip().startswith("::") for line in text.split("\n"))
    assert "##[" not in text
    assert all(char.isprintable() or char == "\n" for char in text)
