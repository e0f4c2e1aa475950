"""The doctor's answer as text: the first line says what to do, the unknown claims come before the checks."""

from gate.judge.verdict import decide
from gate.model.basics import Status
from gate.model.doctor import Examination, UnknownClaim
from gate.model.document import Finding
from gate.render.examination import examination_text


def check(name: str, status: Status, summary: str, remedy: str = "", because: str = "") -> Finding:
    code, _, subject = name.partition(":")
    return Finding(
        code=code,
        status=status,
        subject=subject or "run",
        phase="pre",
        summary=summary,
        remedy=remedy,
        evidence=(),
        because=because,
    )


def claim(family: str, subject: str, phase: str, *checks: str) -> UnknownClaim:
    return UnknownClaim(family=family, subject=subject, phase=phase, checks=checks, remedy="do this")


def made(status: Status, *rows: Finding, unknown: tuple[UnknownClaim, ...] = ()) -> Examination:
    return Examination(profile="medium-check", findings=rows, unknown=unknown, verdict=decide(status, "Do this."))


def test_a_pass() -> None:
    good = check("nix", Status.PASS, "version 2.8.0")
    unused = check("kubectl", Status.NOT_APPLICABLE, "no place is in a cluster")
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
    missing = check("bucket-list", Status.INCONCLUSIVE, "HTTP 403", "grant it")
    wrong = check("bucket:attic", Status.FAIL, "index-lost", "capture")
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


def test_a_check_that_follows_from_another_names_it_and_advises_nothing() -> None:
    row = check("bucket-list", Status.INCONCLUSIVE, "no connection", because="s3-reachable")
    assert examination_text(made(Status.INCONCLUSIVE, row)).endswith(
        "checks:\n  unknown   bucket-list: no connection (follows from s3-reachable)\n"
    )


def test_foreign_text_is_no_line_and_no_command_of_its_own() -> None:
    hostile = "a\n::error::x\r##[group]\x1b[31m\u202e"
    text = examination_text(
        made(
            Status.INCONCLUSIVE,
            check(f"markers:{hostile}", Status.INCONCLUSIVE, hostile, hostile),
            unknown=(claim("state", hostile, "post", hostile),),
        )
    )
    assert len(text.split("\n")) == 13
    assert not any(line.lstrip().startswith("::") for line in text.split("\n"))
    assert "##[" not in text
    assert all(char.isprintable() or char == "\n" for char in text)
