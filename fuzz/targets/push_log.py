"""`gate.parse.push_log`: no success for a path that failed, no claim out of the plan, the same whatever the pieces."""

import re

from fuzz.contract import pieces
from fuzz.target import Target, recordings
from gate import limits
from gate.model.basics import Claim
from gate.model.parsed import PushReport
from gate.parse.push_log import PushLogParser, ResultNames, parse_push_log
from gate.parse.text import strip_escapes

_NAME = re.compile(r"/nix/store/[0-9a-z]{32}-[0-9A-Za-z+\-._?=]{1,211}")
_FIXED = tuple(f"/nix/store/{digit * 32}-{name}" for digit, name in (("0", "a"), ("1", "b.c"), ("z", "d")))
_CROSS = "❌ ".encode()
_TICK = "✅ ".encode()


def check(data: bytes) -> None:
    """The first byte says which of the log's own paths are planned."""
    if not data:
        return
    which, log = data[0], data[1:]
    finder = ResultNames()
    finder.feed(log)
    names = finder.finish()
    plan = [path for number, path in enumerate((*names, *_FIXED)) if not which >> (number % 8) & 1]
    plan = [path for path in dict.fromkeys(plan) if path.startswith("/nix/store/")]
    report = parse_push_log(log, plan)
    _check_report(report, log, plan)
    parser = PushLogParser(plan)
    for piece in pieces(log):
        parser.feed(piece)
    assert parser.finish() == report, "the pieces make a difference"
    if plan:
        _check_one_more_failure(log, plan)


def _check_report(report: PushReport, log: bytes, plan: list[str]) -> None:
    claimed = [line.store_path for line in report.lines]
    assert set(claimed) <= set(plan), "a path out of the plan is claimed"
    assert len(set(claimed)) == len(claimed), "a path is claimed twice"
    assert set(report.contradicted) <= set(plan)
    assert set(report.doubted) <= set(plan) - set(claimed)
    assert not set(report.foreign) & set(plan)
    assert len(report.foreign) <= limits.FOREIGN_PATHS
    for foreign in report.foreign:
        assert _NAME.fullmatch(foreign), foreign
    lines = [strip_escapes(line) for line in log.split(b"\n")]
    for line in report.lines:
        name = line.store_path.removeprefix("/nix/store/").encode()
        failed = line.claim is Claim.FAILED
        assert failed or line.claim in (Claim.UPLOADED, Claim.DEDUPLICATED), line.claim
        assert failed or line.error is None
        assert not (line.store_path in report.contradicted and not failed), "a contradicted path succeeds"
        assert line.error is None or len(line.error.message) <= limits.ERROR_TEXT_CHARS
        assert failed or any(_TICK.strip() in each and name in each for each in lines), "a success that no line claims"
        cross = any(each.startswith(_CROSS + name + b": ") for each in lines)
        assert failed or not cross, "a success for a path that failed"


def _check_one_more_failure(log: bytes, plan: list[str]) -> None:
    name = plan[0].removeprefix("/nix/store/").encode()
    worse = parse_push_log(log + b"\n" + _CROSS + name + b": InternalServerError: x\n", plan)
    (line,) = [line for line in worse.lines if line.store_path == plan[0]]
    assert line.claim is Claim.FAILED, "a failure at the end is not believed"


def seeds() -> list[bytes]:
    """Every recorded push, with all of its paths planned, and with half of them."""
    logs = [*recordings("attic/*/stderr"), *recordings("attic/*/stdout")]
    return [bytes([which]) + log for log in logs for which in (0, 0x55)]


TARGET = Target(
    check,
    seeds,
    parsers=("push_log", "text"),
    words=(_CROSS, _TICK, b"InternalServerError: ", b"HTTP 500: ", b"(deduplicated)", b"All done!", b"\x1b[2K", b"\r"),
)
