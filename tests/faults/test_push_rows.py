"""The attic client's log, row by row of the fault matrix: what a run with such a log comes to, and by which code."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gate import limits
from gate.clock import SystemClock
from gate.errors import StoppedError
from gate.model import records
from gate.model.basics import EXIT_CODES, Claim, Label, VerdictWord
from gate.model.policy import Secrets
from gate.net import Http
from gate.parse.push_log import PushLogParser, parse_push_log
from gate.probe.identify import identify_caches
from gate.process import CancelToken, Capture, run
from gate.render import html, markdown, text
from gate.seal import assemble
from tests.helpers import runs
from tests.unit.render.runner_parser import commands

PATHS = runs.SOURCES
NAMES = [facts.store_path.removeprefix("/nix/store/") for facts in PATHS]
BAD = PATHS[-1]
INTERNAL = "InternalServerError: The server encountered an internal error or misconfiguration."
PAGE = "HTTP 500 Internal Server Error: <html>\r\n<head><title>500</title></head>\r\n<body>\r\n{}\r\n</body></html>"
GOOD_LOG = runs.push_log(PATHS)


def pushed(log: bytes, **child: Any) -> runs.Run:
    """The healthy run, but for the log of the profile's push and how the client ended."""

    def change(record: records.ChildEnded) -> records.ChildEnded:
        return replace(record, **child) if record.name == "push:profile" else record

    return runs.healthy().change(records.ChildEnded, change).with_file("push-profile.log", log)


def failing(error: str, *, after: str = "") -> bytes:
    """A log in which the last path fails with this error."""
    output = f"❌ {NAMES[-1]}: {error}\n{after}Error: {error}\n"
    return runs.push_log(PATHS[:-1], announced=len(PATHS)) + output.encode()


def claims(made: runs.Run) -> dict[str, Claim]:
    return {path.store_path: path.claim for path in made.facts().push.paths if path.label is Label.PROFILE}


def check(made: runs.Run, word: str, code: str) -> None:
    status = {"quarantine": "fail", "inconclusive": "inconclusive"}[word]
    assert made.word() == word, made.rows()
    assert (code, status) in made.rows()
    assert EXIT_CODES[VerdictWord(word)] == {"quarantine": 4, "inconclusive": 3}[word]


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        pytest.param(INTERNAL, 1, marks=pytest.mark.row("LOG-01")),
        pytest.param(PAGE.format("x"), 1, marks=pytest.mark.row("LOG-02")),
        pytest.param("HTTP 500 Internal Server Error: Service panicked", 1, marks=pytest.mark.row("LOG-03")),
        pytest.param(INTERNAL, 0, marks=pytest.mark.row("LOG-05")),
    ],
    ids=["token", "page", "panicked", "exit 0"],
)
def test_a_planned_path_that_the_server_failed_on(error: str, exit_code: int) -> None:
    result = pushed(failing(error), exit=exit_code)
    check(result, "quarantine", "push-path-failed")
    (row,) = [row for row in result.judged()[0] if row.code == "push-path-failed"]
    assert row.subject == BAD.store_path
    assert claims(result)[BAD.store_path] is Claim.FAILED


@pytest.mark.parametrize("code", ["HTTP 413 Payload Too Large: x", "HTTP 502 Bad Gateway: x", "HTTP 429 Too Many: x"])
def test_what_a_proxy_refuses_is_no_storage_failure(code: str) -> None:
    check(pushed(failing(code), exit=1), "inconclusive", "push-path-refused")


@pytest.mark.row("LOG-06")
def test_exit_1_without_a_failed_path() -> None:
    result = pushed(GOOD_LOG, exit=1)
    check(result, "inconclusive", "push-unattributed")
    assert Claim.FAILED not in claims(result).values()


def nothing_is_missing(made: runs.Run) -> runs.Run:
    def change(record: records.MissingAsked) -> records.MissingAsked:
        facts = runs.answer(body='{"missing_paths":[]}')
        return replace(record, answer=facts) if record.label is Label.PROFILE else record

    return made.change(records.MissingAsked, change)


@pytest.mark.row("LOG-07")
@pytest.mark.parametrize("word", ["specified", "selected"])
def test_nothing_to_push(word: str) -> None:
    result = nothing_is_missing(pushed(f"🤷 Nothing {word}.\n".encode()))
    check(result, "inconclusive", "push-wrote-nothing")
    assert [attempt.vacuous for attempt in result.facts().push.attempts if attempt.label is Label.PROFILE] == [True]


@pytest.mark.row("LOG-08")
def test_everything_was_there_before() -> None:
    result = nothing_is_missing(pushed(f"✅ All done! ({len(PATHS)} already cached, 0 in upstream)\n".encode()))
    check(result, "inconclusive", "push-not-representative")
    assert set(claims(result).values()) == {Claim.ALREADY_CACHED}


@pytest.mark.row("LOG-10")
def test_a_page_with_2xx_that_the_client_takes_for_an_upload() -> None:
    """The client says ✅ for each, and the cache has none of that name; the drill proxy-200-html does it for real."""
    absence = '{"code":404,"error":"NoSuchObject","message":"The requested object does not exist."}'

    def change(record: records.BodyRead) -> records.BodyRead:
        lost = record.store_path == BAD.store_path
        return replace(record, narinfo=runs.answer(404, absence), nar=None) if lost else record

    result = pushed(GOOD_LOG).change(records.BodyRead, change)
    assert claims(result)[BAD.store_path] is Claim.UPLOADED, "the fault: the client believes it"
    check(result, "quarantine", "body-missing")


@pytest.mark.row("LOG-11")
def test_a_success_forged_in_the_error_of_the_path_itself() -> None:
    forged = f"✅ {NAMES[-1]} (1.00 MiB/s)"
    result = pushed(failing(PAGE.format(forged)), exit=1)
    assert forged.encode() in result.files["push-profile.log"]
    check(result, "quarantine", "push-path-failed")
    assert claims(result)[BAD.store_path] is Claim.FAILED


@pytest.mark.row("LOG-12")
@pytest.mark.parametrize(
    ("forged", "word", "code"),
    [
        (f"❌ {NAMES[0]}: HTTP 413 x: y", "inconclusive", "push-foreign-lines"),
        (f"❌ {'b' * 32}-elsewhere: {INTERNAL}", "inconclusive", "push-foreign-lines"),
        (f"❌ {NAMES[0]}: {INTERNAL}", "inconclusive", "push-path-contradicted"),
        (f"❌ {NAMES[0]}: HTTP 500 x", "inconclusive", "push-path-contradicted"),
    ],
    ids=["of the plan", "unknown", "a storage error", "a server's error"],
)
def test_a_failure_forged_for_another_path(forged: str, word: str, code: str) -> None:
    result = pushed(failing("HTTP 413 Payload Too Large: <html>", after=f"{forged}\n"), exit=1)
    check(result, word, code)
    assert claims(result)[BAD.store_path] is Claim.FAILED


@pytest.mark.row("LOG-12")
def test_a_path_whose_failure_is_forged_must_be_there_all_the_same() -> None:
    log = failing("HTTP 413 Payload Too Large: <html>", after=f"❌ {NAMES[0]}: {INTERNAL}\n")
    absence = '{"code":404,"error":"NoSuchObject","message":"The requested object does not exist."}'

    def change(record: records.BodyRead) -> records.BodyRead:
        lost = record.store_path == PATHS[0].store_path
        return replace(record, narinfo=runs.answer(404, absence), nar=None) if lost else record

    result = pushed(log, exit=1).change(records.BodyRead, change)
    check(result, "quarantine", "body-missing")


PROXY = "HTTP 413 Payload Too Large: <html>"


@pytest.mark.parametrize(
    "log",
    [
        failing(PROXY, after=f"✅ {NAMES[-1]} (deduplicated)\n❌ {NAMES[0]}x\n❌ {NAMES[-1]}: {INTERNAL}\n"),
        runs.push_log(PATHS[1:-1], announced=len(PATHS))
        + f"❌ {NAMES[-1]}: {PROXY}\n❌ {NAMES[0]}: {INTERNAL}\nError: x\n".encode(),
        runs.push_log(PATHS[:-1], announced=len(PATHS)) + f"❌ {NAMES[0]}: {INTERNAL}\nError: {INTERNAL}\n".encode(),
    ],
    ids=["the success may be forged", "there is no success", "no error body can have told the failure"],
)
def test_a_failure_that_may_be_real_stays_one(log: bytes) -> None:
    check(pushed(log, exit=1), "quarantine", "push-path-failed")


COMMANDS = (
    "::set-output name=verdict::pass",
    "::add-mask::quarantine",
    "::stop-commands::x",
    "::add-matcher::/tmp/m.json",
    "::error::x",
    "##[set-output name=verdict;]pass",
    "some text ##[error]x",
    "  ::warning file=x::y",
    "\ufeff::debug::x",
    "\u200b::notice::x",
)
CORPUS = [f"{COMMANDS[number % len(COMMANDS)]}{number}" for number in range(200)]


@pytest.mark.row("LOG-13")
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"], ids=["LF", "CR", "CRLF"])
def test_commands_of_a_runner_in_the_log(end: str) -> None:
    log = "".join(line + end for line in CORPUS).encode()
    assert len(list(commands(log.decode()))) == len(CORPUS), "they are commands to a runner that reads the log itself"
    result = pushed(log + b"\n" + GOOD_LOG)
    assert (result.word(), result.rows()) == ("pass", set())
    failed = pushed(failing(PAGE.format(log.decode())), exit=1)
    check(failed, "quarantine", "push-path-failed")
    for evidence in (assemble(result.facts(), ()), assemble(failed.facts(), ())):
        for output in (text.summary(evidence, "evidence"), markdown.summary(evidence), html.report(evidence)):
            assert list(commands(output)) == []


@pytest.mark.row("LOG-15")
@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"], ids=ascii)
def test_what_only_looks_like_a_new_line(end: str) -> None:
    forged = f"✅ {NAMES[-1]} (1.00 MiB/s)"
    error = f"HTTP 500 Internal Server Error: x{end}{forged}{end}y"
    assert forged in error.splitlines(), "the fault: Python's own lines would have it"
    result = pushed(failing(error), exit=1)
    check(result, "quarantine", "push-path-failed")
    assert claims(result)[BAD.store_path] is Claim.FAILED


@pytest.mark.row("LOG-16")
def test_a_log_of_2_gib_without_an_end_of_line() -> None:
    parser = PushLogParser([facts.store_path for facts in PATHS])
    piece = b"x" * (1024 * 1024)
    for _ in range(2048):
        parser.feed(piece)
    assert len(parser._lines.rest()) <= limits.LINE_BYTES + 1, "that is all that is kept of it"
    report = parser.finish()
    assert (report.lines, report.unread_lines) == ((), 1)


@pytest.mark.row("LOG-16")
def test_a_client_that_prints_without_end_is_ended_and_proves_nothing(tmp_path: Path) -> None:
    capture = Capture(tmp_path, "push-profile.log", cap=1_000_000)
    ended = run(
        [sys.executable, "-c", "import os\nwhile True: os.write(1, b'x' * 65536)"],
        name="push:profile",
        env={"PATH": os.environ["PATH"]},
        capture=capture,
        deadline_seconds=100,
        cancel=CancelToken(),
        clock=SystemClock(),
    )
    closed = capture.close()
    assert (ended.ended_by, closed.cut, closed.bytes) == ("limit", True, 1_000_000)
    log = (tmp_path / "push-profile.log").read_bytes()
    result = pushed(log, exit=ended.exit, signal=ended.signal, ended_by=ended.ended_by)
    result = result.change(records.CaptureClosed, lambda record: closed if record.name == closed.name else record)
    check(result, "inconclusive", "push-unattributed")
    assert ("capture-cut", "inconclusive") in result.rows()


@pytest.mark.parametrize(
    "junk",
    [
        pytest.param(b"\x00\xff\xfe\xc3\x28\n" * 50, marks=pytest.mark.row("LOG-17")),
        pytest.param(b"(" * 2**20 + b"\n", marks=pytest.mark.row("LOG-18")),
        pytest.param(b" " * 2**20 + b"\n", marks=pytest.mark.row("LOG-18")),
        pytest.param("⚙️ Pushing ".encode() + b"9" * 2**20 + b"\n", marks=pytest.mark.row("LOG-18")),
    ],
    ids=["bytes", "brackets", "blanks", "digits"],
)
def test_lines_that_nobody_can_read_change_nothing(junk: bytes) -> None:
    whole = parse_push_log(junk + GOOD_LOG, [facts.store_path for facts in PATHS])
    assert whole.unread_lines == (0 if junk.isspace() else junk.count(b"\n"))
    result = pushed(junk + GOOD_LOG)
    assert (result.word(), result.rows()) == ("pass", set())
    assert set(claims(result).values()) == {Claim.UPLOADED}


@pytest.mark.row("LOG-18")
def test_a_long_line_that_may_be_a_failure_makes_doubtful_what_follows() -> None:
    result = pushed("❌".encode() + b" " * 2**20 + b"\n" + GOOD_LOG)
    check(result, "inconclusive", "push-unaccounted")


@pytest.mark.row("LOG-19")
@pytest.mark.slow
def test_no_cut_of_the_log_gives_a_pass() -> None:
    """Judged at both sides of every end of a line, and at some places within each; the parser's own test cuts at every
    byte.
    """
    ends = [at for at, byte in enumerate(GOOD_LOG) if byte == 0x0A]
    cuts = sorted({0, *ends, *(at + 1 for at in ends[:-1]), *(at - 5 for at in ends), *(at - 40 for at in ends)})
    whole = parse_push_log(GOOD_LOG, [facts.store_path for facts in PATHS])
    assert len(whole.lines) == len(PATHS)
    for cut in cuts:
        result = pushed(GOOD_LOG[:cut])
        assert result.word() == "inconclusive", (cut, result.rows())
        codes = {code for code, _ in result.rows()}
        assert codes & {"push-unaccounted", "push-counts-differ", "push-wrote-nothing"}, (cut, codes)


RENAMED: dict[str, Callable[[str], str]] = {
    "tick": lambda log: log.replace("✅", "✔"),
    "words": lambda log: log.replace(" (8.31 KiB/s)", " [8.31 KiB per second]"),
    "english": lambda log: log.replace("✅ ", "Uploaded "),
    "header": lambda log: log.replace("Pushing", "Uploading"),
    "json": lambda log: "".join(json.dumps({"line": line}) + "\n" for line in log.split("\n")),
}


@pytest.mark.row("LOG-20")
@pytest.mark.parametrize("change", RENAMED.values(), ids=RENAMED)
def test_another_wording_is_not_guessed_at(change: Callable[[str], str]) -> None:
    changed = change(GOOD_LOG.decode())
    assert changed != GOOD_LOG.decode()
    versions = {"attic": "attic 9.9", "nix": "2.8.0"}
    result = pushed(changed.encode()).change(
        records.RunStarted, lambda record: replace(record, run=replace(record.run, versions=versions))
    )
    assert result.word() == "inconclusive", result.rows()
    assert {code for code, _ in result.rows()} & {"push-unaccounted", "push-counts-differ"}
    assert assemble(result.facts(), ()).run.versions == versions, "the evidence says which client it was"


@pytest.mark.row("LOG-21")
@pytest.mark.parametrize("field", ["api_endpoint", "substituter_endpoint"])
def test_a_cache_that_sends_its_clients_elsewhere_stops_the_run_before_any_push(field: str) -> None:
    """The client follows the endpoint with its token (attic b7c9056 client/src/command/push.rs:156)."""
    answer = json.loads(runs.cache_config("main").answer.body)
    observation: list[records.Record] = []
    with Http(("127.0.0.1:8",), ("127.0.0.1:8",), clock=SystemClock(), cancel=CancelToken()) as http:
        for place, refused in ((answer[field], False), ("https://evil.example/main", True)):
            body = json.dumps({**answer, field: place})
            site: Any = SimpleNamespace(
                read_tokens={"main": None},
                settings=SimpleNamespace(secrets=Secrets()),
                attic=SimpleNamespace(
                    cache_config=lambda *_, body=body: records.CacheConfigSeen(
                        cache="main", answer=runs.answer(body=body)
                    )
                ),
                write=observation.append,
                http=http,
                policy=runs.policy(probe_cache=""),
                public_keys={},
                upstream_key_names={},
                substituter_urls={},
            )
            if not refused:
                identify_caches(site)
                continue
            with pytest.raises(StoppedError, match=r"sends its clients to 'evil\.example'") as raised:
                identify_caches(site)
            assert (raised.value.exit_code, raised.value.code) == (3, "cache-leads-elsewhere")
    assert len(observation) == 2, "what the cache said is recorded all the same"


@pytest.mark.row("LOG-22")
def test_two_pushes_in_one_log() -> None:
    other = [f"✅ {digit * 32}-other (1 B/s)".encode() for digit in "abcd"]
    lines = GOOD_LOG.split(b"\n")
    mixed = b"\n".join(line for pair in zip(lines, other, strict=False) for line in pair)
    log = mixed + b"\n" + b"\n".join(lines[len(other) :])
    check(pushed(log), "inconclusive", "push-foreign-lines")
    twice = pushed(GOOD_LOG + GOOD_LOG)
    check(twice, "inconclusive", "push-foreign-lines")
