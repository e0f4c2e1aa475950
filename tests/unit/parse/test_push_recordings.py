"""What the real client printed, recorded in 28 situations."""

import re
from pathlib import Path

import pytest

from gate.model.basics import Claim
from gate.model.parsed import Announced, PushError, PushLine
from gate.parse.push_log import parse_push_log

RECORDINGS = Path(__file__).parents[3] / "fixtures/recordings/attic"
PUSHES = sorted(path.parent.name for path in RECORDINGS.glob("*/stderr"))
SUCCESSES = {Claim.UPLOADED, Claim.DEDUPLICATED}
INTERNAL = PushError(
    code="InternalServerError", message="The server encountered an internal error or misconfiguration."
)


def recorded(case: str) -> tuple[bytes, list[str]]:
    data = (RECORDINGS / case / "stderr").read_bytes()
    names = re.findall(rb"(?:\xe2\x9c\x85|\xe2\x9d\x8c) ([0-9a-z]{32}-[^ :\r\n]+)", data)
    return data, [f"/nix/store/{name.decode()}" for name in names]


# (uploaded, deduplicated, failed), announced, code of the fatal error, done, vacuous, unread lines
EXPECTED: dict[str, tuple[tuple[int, int, int], tuple[int, int, int] | None, str | None, bool, bool, int]] = {
    "after-restore-retry": ((21, 0, 0), (21, 1, 0), None, False, False, 0),
    "auth-expired-token": ((0, 0, 0), None, "Unauthorized", False, False, 0),
    "auth-garbage-token": ((0, 0, 0), None, "Unauthorized", False, False, 0),
    "auth-no-token": ((0, 0, 0), None, "Unauthorized", False, False, 0),
    "auth-read-only-token": ((0, 0, 0), None, "AccessError", False, False, 0),
    "bucket-lost-already-cached": ((0, 0, 0), (0, 1, 0), None, True, False, 0),
    "bucket-lost-mid-push": ((1, 0, 21), (22, 0, 0), None, False, False, 0),
    "bucket-lost-multi-chunk-upload": ((0, 0, 1), (1, 0, 0), None, False, False, 0),
    "bucket-lost-output-deduplicated": ((0, 1, 21), (22, 0, 0), None, False, False, 0),
    "bucket-lost-synthetic-2": ((0, 0, 1), (1, 0, 0), None, False, False, 0),
    "cache-create": ((0, 0, 0), None, None, False, False, 1),
    "medium-uploaded-22": ((19, 0, 0), (19, 3, 0), None, False, False, 0),
    "multi-chunk-uploaded": ((1, 0, 0), (1, 0, 0), None, False, False, 0),
    "no-such-cache": ((0, 0, 0), None, "NoSuchCache", False, False, 0),
    "no-such-path": ((0, 0, 0), None, "unknown", False, False, 0),
    "nothing": ((0, 0, 0), None, None, False, True, 0),
    "proxy-200html": ((1, 0, 0), (1, 0, 0), None, False, False, 0),
    "proxy-413": ((0, 0, 1), (1, 0, 0), None, False, False, 0),
    "proxy-502": ((0, 0, 1), (1, 0, 0), None, False, False, 0),
    "rustfs-medium-uploaded": ((22, 0, 0), (22, 0, 0), None, False, False, 0),
    "s3-down": ((0, 0, 1), (1, 0, 0), None, False, False, 0),
    "server-down": ((0, 0, 0), None, "request", False, False, 0),
    "small-uploaded": ((5, 0, 0), (5, 0, 0), None, False, False, 0),
    "stdin-uploaded": ((2, 0, 0), None, None, False, False, 0),
    "synthetic-already-cached": ((0, 0, 0), (0, 1, 0), None, True, False, 0),
    "synthetic-uploaded": ((1, 0, 0), (1, 0, 0), None, False, False, 0),
    "tty-uploaded": ((3, 0, 0), (3, 6, 0), None, False, False, 0),
    "unknown-server": ((0, 0, 0), None, "unknown", False, False, 0),
}


def test_every_recording_has_an_expectation() -> None:
    assert sorted(EXPECTED) == PUSHES


@pytest.mark.parametrize("case", PUSHES)
def test_recorded_push(case: str) -> None:
    data, plan = recorded(case)
    counts, announced, fatal, done, vacuous, unread = EXPECTED[case]
    report = parse_push_log(data, plan)
    answer = [line.claim for line in report.lines]
    assert tuple(answer.count(word) for word in (Claim.UPLOADED, Claim.DEDUPLICATED, Claim.FAILED)) == counts
    assert len(report.lines) == len(plan)
    assert report.announced == (
        Announced(pushing=announced[0], already_cached=announced[1], in_upstream=announced[2]) if announced else None
    )
    assert (report.fatal.code if report.fatal else None) == fatal
    assert (report.done, report.vacuous, report.unread_lines) == (done, vacuous, unread)
    assert (report.contradicted, report.foreign, report.doubted) == ((), (), ())


def test_the_incident_is_told_path_by_path() -> None:
    data, plan = recorded("bucket-lost-output-deduplicated")
    lines = {line.store_path: line for line in parse_push_log(data, plan).lines}
    output = "/nix/store/gb48ai3550haclc1aasypg9426585vww-deadnix-check"
    assert lines.pop(output) == PushLine(store_path=output, claim=Claim.DEDUPLICATED)
    assert {line.error for line in lines.values()} == {INTERNAL}


def test_errors_of_recordings() -> None:
    def only(case: str) -> PushError | None:
        data, plan = recorded(case)
        report = parse_push_log(data, plan)
        return report.lines[0].error if report.lines else report.fatal

    assert only("proxy-502") == PushError(
        code="HTTP 502", message="Bad Gateway: <html><head><title>502 Bad Gateway</title></head></html>"
    )
    assert only("proxy-413") == PushError(
        code="HTTP 413", message="Payload Too Large: <html>413 Request Entity Too Large</html>"
    )
    assert only("auth-read-only-token") == PushError(
        code="AccessError", message="Access error: User does not have permission to complete this action."
    )
    down = only("server-down")
    assert down is not None
    assert down.message.startswith("error sending request for url (http://127.0.0.1:18080/")
    assert down.message.endswith("    2: Connection refused (os error 111)")
    path = only("no-such-path")
    assert path is not None
    assert "\n\nStack backtrace:\n   0: anyhow" in path.message


@pytest.mark.parametrize("case", PUSHES)
def test_no_cut_of_a_recording_claims_more_than_the_whole(case: str) -> None:
    data, plan = recorded(case)
    whole = parse_push_log(data, plan)
    good = {line.store_path for line in whole.lines if line.claim in SUCCESSES}
    bad = {line.store_path for line in whole.lines if line.claim is Claim.FAILED}
    parser_claims = 0
    for cut in range(len(data) + 1):
        report = parse_push_log(data[:cut], plan)
        answer = {line.store_path for line in report.lines if line.claim in SUCCESSES}
        assert answer <= good
        assert not answer & bad
        assert len(answer) >= parser_claims, "a longer cut never takes a claim back here"
        assert report.done <= whole.done
        assert report.announced in {None, whole.announced}
        assert not report.foreign
        parser_claims = len(answer)
    assert parser_claims == len(good)


def test_a_plan_decides_what_can_be_claimed() -> None:
    data, plan = recorded("small-uploaded")
    report = parse_push_log(data, plan[:2])
    assert {line.store_path for line in report.lines} == set(plan[:2])
    assert set(report.foreign) == set(plan[2:])
    assert parse_push_log(data, []).lines == ()
