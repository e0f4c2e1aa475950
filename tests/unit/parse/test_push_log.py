"""Push logs made up: forged lines, unknown wording, cut and hostile text."""

import itertools
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate import limits
from gate.model.basics import Claim
from gate.model.parsed import Announced, PushError, PushLine, PushReport
from gate.parse.push_log import CONTRADICTED, PushLogParser, ResultNames, parse_push_log, read_error

CASES = Path(__file__).parents[3] / "fixtures/cases/push-log"
SUCCESSES = {Claim.UPLOADED, Claim.DEDUPLICATED}
SENTENCE = "InternalServerError: The server encountered an internal error or misconfiguration."
INTERNAL = PushError(
    code="InternalServerError", message="The server encountered an internal error or misconfiguration."
)

A, B, C = (letter * 32 + "-" + name for letter, name in (("a", "app"), ("b", "lib-1.0"), ("c", "source")))
PLAN = [f"/nix/store/{name}" for name in (A, B, C)]
FULL_A, FULL_B, FULL_C = PLAN


def claims(report: PushReport) -> dict[str, Claim]:
    return {line.store_path: line.claim for line in report.lines}


def codes(report: PushReport) -> dict[str, str | None]:
    return {line.store_path: line.error.code if line.error else None for line in report.lines}


def read(text: str) -> PushReport:
    return parse_push_log(text.encode(), PLAN)


def test_another_store_directory() -> None:
    parser = PushLogParser([f"/lab/store/{A}"], store_dir="/lab/store/")
    parser.feed(f"✅ {A} (1 B/s)\n✅ {B} (1 B/s)\n".encode())
    report = parser.finish()
    assert claims(report) == {f"/lab/store/{A}": Claim.UPLOADED}
    assert report.foreign == (f"/lab/store/{B}",)


HTML = "❌ {0}: HTTP 500 Internal Server Error: <html>\r\n<body>\r\n{1}\r\n</body>\r\n</html>\n"


def test_a_success_forged_in_an_error_body_claims_nothing() -> None:
    report = read(HTML.format(A, f"✅ {B} (1.00 MiB/s)") + f"✅ {C} (1 B/s)\n")
    assert claims(report) == {FULL_A: Claim.FAILED}
    assert report.doubted == (FULL_B, FULL_C)
    error = report.lines[0].error
    assert error == PushError(code="HTTP 500", message="Internal Server Error: <html>\n<body>\n</body>\n</html>")


@pytest.mark.parametrize(
    "body",
    [
        "oops\n✅ {b} (1 B/s)",
        "<html>done</html>\n\n✅ {b} (1 B/s)",
        "x\r✅ {b} (1 B/s)",
        "x\r\n✅ {b} (deduplicated)\r",
        "x\u2028✅ {b} (1 B/s)\n✅ {b} (1 B/s)",
        "x\n\x1b[2K✅ {b} (1 B/s)",
        "x\n❌ {c}: " + SENTENCE + "\n✅ {b} (1 B/s)",
        "x\n✅ All done! (3 already cached, 0 in upstream)\n✅ {b} (1 B/s)",
    ],
)
def test_no_body_forges_a_success(body: str) -> None:
    report = read(f"❌ {A}: HTTP 502 Bad Gateway: " + body.format(b=B, c=C) + "\n")
    assert FULL_B not in claims(report)
    assert claims(report)[FULL_A] is Claim.FAILED
    assert not report.done
    assert report.announced is None


@pytest.mark.parametrize("between", ["", "more of it\n", "\n"])
def test_an_attic_sentence_ends_an_error_only_where_the_client_goes_on(between: str) -> None:
    report = read(f"❌ {A}: {SENTENCE}\n{between}✅ {B} (deduplicated)\n")
    assert report.doubted == ((FULL_B,) if between else ())
    assert claims(report).get(FULL_B) == (None if between else Claim.DEDUPLICATED)


def test_a_request_that_got_no_answer_is_the_clients_own_line() -> None:
    text = "error sending request for url (http://127.0.0.1:1/_api/v1/upload-path)"
    report = read(f"❌ {A}: {text}\n✅ {B} (1 B/s)\nError: {text}\n")
    assert claims(report) == {FULL_A: Claim.FAILED, FULL_B: Claim.UPLOADED}
    assert report.lines[0].error == PushError(code="request", message=text)
    assert report.fatal is None


def test_a_bad_nar_hash_is_one_line_and_the_log_goes_on() -> None:
    """attic issues 281 and 290: the commonest error of the reports."""
    log = (CASES / "bad-nar-hash.stderr").read_bytes()
    names = ResultNames()
    names.feed(log)
    report = parse_push_log(log, names.finish())
    claims_of = sorted(line.claim.value for line in report.lines)
    assert claims_of == ["deduplicated", "failed", "failed", "uploaded", "uploaded"]
    assert (report.doubted, report.unread_lines, report.contradicted, report.fatal) == ((), 0, (), None)
    errors = [line.error for line in report.lines if line.error]
    assert errors[0] == PushError(code="RequestError", message="General request error: Bad NAR Hash or Size")


@pytest.mark.parametrize(
    "text",
    [
        "RequestError: General request error: Bad NAR Hash or Size",
        "RequestError: General request error: error reading a body from connection: unexpected EOF",
        "RequestError: General request error: missing field `nar_hash` at line 1 column 20",
        'InvalidCompressionType: Invalid compression type "lzip".',
        "CacheAlreadyExists: The cache already exists.",
        'InvalidStorePath: Invalid store path "/nix/store/x": Path is not in store directory',
        'InvalidStorePathName: Invalid store path base name "x": Name is too short',
        'InvalidStorePathHash: Invalid store path hash "x": Hash is of invalid length',
        'InvalidCacheName: Invalid cache name "x y"',
        "SigningError: Signing error: Signature error",
        "HashError: Hashing error: The string lacks a colon",
        "IoError: I/O error: unexpected end of file.",
        "InvalidPathInfo: Invalid path info: expected value at line 1 column 1",
        "AccessError: Access error: JWT error: Clock drift detected",
        "RequestError: General request error: größer",
    ],
)
def test_each_error_that_attic_can_give_is_one_line(text: str) -> None:
    report = read(f"❌ {A}: {text}\n✅ {B} (1 B/s)\n❌ {C}: {text}\nError: {text}\n")
    assert claims(report) == {FULL_A: Claim.FAILED, FULL_B: Claim.UPLOADED, FULL_C: Claim.FAILED}
    assert (report.fatal, report.doubted) == (None, ())


@pytest.mark.parametrize(
    "text",
    [
        "RequestErrors: General request error: x",
        "RequestError: something else",
        "RequestError: General request error: x\nmore of it",
        "RequestError: General request error: x\r\nmore of it",
        f"RequestError: General request error: x ✅ {B} (1 B/s)",
        "RequestError: General request error: Error: x",
        "RequestError: General request error: " + "x" * 1001,
        "NewError: A sentence of tomorrow",
        "HTTP 400 Bad Request: RequestError: General request error: x",
    ],
)
def test_an_error_that_is_not_surely_one_line_of_attics_leaves_what_follows_in_doubt(text: str) -> None:
    report = read(f"❌ {A}: {text}\n✅ {B} (1 B/s)\n")
    assert claims(report) == {FULL_A: Claim.FAILED}
    assert report.doubted == (FULL_B,)


def test_a_progress_bar_after_an_error_does_not_open_it() -> None:
    report = read(f"❌ {A}: {SENTENCE}\n\x1b[2K🕛 lib-1.0   ███ 1 MiB (1 MiB/s)\n✅ {B} (1 B/s)\n")
    assert claims(report)[FULL_B] is Claim.UPLOADED


@pytest.mark.parametrize("before", ["", f"❌ {B}: {SENTENCE}\n"])
@pytest.mark.parametrize(
    "line", [f"\x1b[2K\r✅ {A} (1 B/s)\r", f"\x1b[32m✅\x1b[0m {A} (\x1b[1m1 B/s)", f"x\r✅ {A} (1 B/s)"]
)
def test_a_success_is_read_as_a_terminal_shows_it(before: str, line: str) -> None:
    assert claims(read(f"{before}{line}\n"))[FULL_A] is Claim.UPLOADED


def test_a_blank_line_of_a_terminal_is_nothing_after_an_error_too() -> None:
    report = read(f"❌ {A}: {SENTENCE}\n\x1b[2K\r\n✅ {B} (1 B/s)\n")
    assert (claims(report)[FULL_B], report.unread_lines) == (Claim.UPLOADED, 0)


@pytest.mark.parametrize("order", [0, 1])
def test_success_and_failure_of_one_path_are_a_contradiction_and_a_failure(order: int) -> None:
    lines = [f"✅ {A} (1 B/s)\n", f"❌ {A}: {SENTENCE}\n"]
    report = read("".join(lines[::-1] if order else lines))
    assert report.lines == (PushLine(store_path=FULL_A, claim=Claim.FAILED, error=INTERNAL),)
    assert report.contradicted == (FULL_A,)


def test_a_failing_path_that_forges_its_own_success_is_contradicted() -> None:
    report = read(f"❌ {A}: HTTP 500 Internal Server Error: x\n✅ {A} (1 B/s)\n")
    assert claims(report) == {FULL_A: Claim.FAILED}
    assert report.contradicted == (FULL_A,)
    assert report.doubted == ()


def test_a_success_told_twice_is_a_failure_without_an_error() -> None:
    report = read(f"✅ {A} (1 B/s)\n✅ {A} (1 B/s)\n✅ {B} (1 B/s)\n")
    assert report.lines == (
        PushLine(store_path=FULL_A, claim=Claim.FAILED),
        PushLine(store_path=FULL_B, claim=Claim.UPLOADED),
    )
    assert report.contradicted == (FULL_A,)


def test_a_doubtful_repetition_takes_nothing_from_an_honest_line() -> None:
    report = read(f"✅ {B} (1 B/s)\n" + HTML.format(A, f"✅ {B} (1 B/s)"))
    assert claims(report) == {FULL_B: Claim.UPLOADED, FULL_A: Claim.FAILED}
    assert (report.contradicted, report.doubted) == ((), ())


@pytest.mark.parametrize("order", [0, 1])
def test_of_two_failures_of_a_path_the_worse_is_kept(order: int) -> None:
    lines = [f"❌ {A}: HTTP 413 Payload Too Large: x\n", f"❌ {A}: {SENTENCE}\n"]
    report = read("".join(lines[::-1] if order else lines))
    assert report.lines[0].error is not None
    assert report.lines[0].error.code == "InternalServerError"
    assert report.contradicted == ()


def test_a_failure_forged_for_another_path_counts_and_contradicts() -> None:
    report = read(f"✅ {B} (1 B/s)\n" + HTML.format(A, f"❌ {B}: {SENTENCE}"))
    assert claims(report) == {FULL_B: Claim.FAILED, FULL_A: Claim.FAILED}
    assert report.contradicted == (FULL_B,)
    assert codes(report)[FULL_B] == CONTRADICTED


@pytest.mark.parametrize(
    "log",
    [
        HTML.format(A, f"✅ {B} (1 B/s)\n❌ {B}: {SENTENCE}"),  # the success may be forged
        HTML.format(A, f"❌ {B}: {SENTENCE}"),  # no success
        f"✅ {B} (1 B/s)\n❌ {A}: {SENTENCE}\n❌ {B}: {SENTENCE}\n",  # nothing can have forged the failure
        f"❌ {B}: {SENTENCE}\n✅ {B} (1 B/s)\n" + HTML.format(A, f"❌ {B}: {SENTENCE}"),  # one of two is sure
    ],
)
def test_a_failure_that_may_be_real_keeps_its_own_word(log: str) -> None:
    assert codes(read(log))[FULL_B] == INTERNAL.code


def test_foreign_failures_are_listed_and_open_a_body() -> None:
    other = "d" * 32 + "-other"
    report = read(f"❌ {other}: HTTP 500 x: y\n✅ {A} (1 B/s)\n")
    assert report.foreign == (f"/nix/store/{other}",)
    assert report.doubted == (FULL_A,)


def test_foreign_paths_are_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FOREIGN_PATHS", 2)
    text = "".join(f"✅ {number:032d}-x (1 B/s)\n❌ {number:032d}-y: {SENTENCE}\n" for number in range(4))
    report = read(text)
    assert len(report.foreign) == 2
    assert report.unread_lines == 6


@pytest.mark.parametrize(
    "line",
    [
        f"✅ {A}",
        f"✅ {A} (1 B/s",
        f"✅ {A} (1 B/s) ",
        f"✅ {A} (1 B/s) x",
        f" ✅ {A} (1 B/s)",
        f"✅ /nix/store/{A} (1 B/s)",
        f"✔ {A} (1 B/s)",
        f"✅ {A} (uploaded)",
        f"✅ {A} (1 B/s, x% deduplicated)",
        f"✅ {A[:-1]} (1 B/s)x",
        f"✅ {A} (1 B/s)\x00",
        f"x\r✅ {A} (1 B/s)\ry",
        "✅ All done! (1 already cached)",
        "✅ anything",
        "⚙️ Pushing many paths",
        "🤷 Nothing much.",
        "whatever",
    ],
)
def test_unknown_wording_claims_nothing_and_is_counted(line: str) -> None:
    report = read(line + "\n")
    assert (report.lines, report.done, report.announced, report.vacuous) == ((), False, None, False)
    assert report.unread_lines == 1


@pytest.mark.parametrize("line", ["", "   ", "\r", "\x1b[2K\r"])
def test_blank_lines_are_nothing(line: str) -> None:
    assert read(line + "\n").unread_lines == 0


@pytest.mark.parametrize("prefix", ["", "\x1b[2K\r", "\x1b[32m"])  # each way through the reader
@pytest.mark.parametrize(
    ("words", "permille"),
    [
        ("255 B/s", None),
        ("3.92 MiB/s, 22.3% deduplicated", 223),
        ("1 B/s, 1.1% deduplicated", 11),
        ("1 B/s, 99.9% deduplicated", 999),
        ("1 B/s, 100.0% deduplicated", 1000),
        ("1 B/s, 250.0% deduplicated", 2500),  # a server's word may be anything
        ("deduplicated", None),
    ],
)
def test_the_part_that_the_server_had_already(prefix: str, words: str, permille: int | None) -> None:
    (line,) = read(f"{prefix}✅ {A} ({words})\n").lines
    assert line.deduplicated_permille == permille


@pytest.mark.parametrize("fraction", ["", ".", "..", "100", "100.00", "1e2", "NaN", "-1.0", "1,0", "9" * 300 + ".0"])
def test_a_part_of_another_form_leaves_the_path_without_a_result(fraction: str) -> None:
    report = read(f"✅ {A} (1 B/s, {fraction}% deduplicated)\n")
    assert (report.lines, report.unread_lines) == ((), 1)


@pytest.mark.parametrize("speed", ["255 B/s", "8.31 KiB/s", "3.92 MiB/s, 22.3% deduplicated", "16.00EiB/s"])
def test_speeds(speed: str) -> None:
    assert claims(read(f"\x1b[2K\r✅ {A} ({speed})\r\n")) == {FULL_A: Claim.UPLOADED}


@pytest.mark.parametrize(
    "line",
    [f"❌ {A}: x", f"❌ {A}:", f"❌ {A}", f"❌️ {A}: x", f"🕛 app\r\x1b[2K❌ {A}: x\r✅ {B} (1 B/s)", f"❌ {A} failed"],
)
@pytest.mark.parametrize("end", ["\n", ""])
def test_failures_are_read_leniently(line: str, end: str) -> None:
    assert claims(read(line + end)) == {FULL_A: Claim.FAILED}


def test_a_failure_of_unknown_form_opens_a_body() -> None:
    report = read(f"❌ something else\n✅ {A} (1 B/s)\n")
    assert report.unread_lines == 1
    assert report.doubted == (FULL_A,)


def test_a_last_line_without_its_end_succeeds_nothing() -> None:
    assert read(f"✅ {A} (1 B/s)").lines == ()
    assert read(f"✅ {A} (1 B/s)").unread_lines == 1
    assert not read("✅ All done! (1 already cached, 0 in upstream)").done
    assert read("❌ " + "d" * 32 + "-cut").foreign == ()
    fatal = read("Error: Unauthorized: Unauthorized.").fatal
    assert fatal == PushError(code="Unauthorized", message="Unauthorized.")


def test_only_the_first_header_counts() -> None:
    text = '⚙️ Pushing {} paths to "c" on "s" (0 already cached, 0 in upstream)...\n'
    report = read(text.format(3) + text.format(4))
    assert report.announced == Announced(pushing=3, already_cached=0, in_upstream=0)
    assert report.unread_lines == 1


def test_nothing_selected_is_vacuous_even_in_a_body() -> None:
    assert read("🤷 Nothing selected.\n").vacuous
    assert read("🤷 Nothing selected.\n").unread_lines == 0
    assert read(HTML.format(A, "🤷 Nothing specified.")).vacuous


def test_the_last_error_line_counts_and_nothing_succeeds_after_it() -> None:
    report = read(
        f"Error: first\nError: second\n\nCaused by:\n    0: third\n✅ {A} (1 B/s)\nHint: Pass --stdin to read "
    )
    assert report.fatal == PushError(code="unknown", message="second\n\nCaused by:\n    0: third")
    assert report.doubted == (FULL_A,)
    hint = "Hint: Pass --stdin to read the list of store paths from standard input.\n"
    assert read(f"Error: x\n{hint}").fatal == PushError(code="unknown", message="x\n" + hint.strip())


def test_a_fatal_error_that_no_path_explains_is_kept() -> None:
    report = read(f"❌ {A}: {SENTENCE}\nError: HTTP 502 Bad Gateway: x\n")
    assert report.fatal == PushError(code="HTTP 502", message="Bad Gateway: x")


def test_error_codes() -> None:
    assert read_error(b"HTTP 599") == PushError(code="HTTP 599", message="")
    assert read_error(b"HTTP 5021: x") == PushError(code="unknown", message="HTTP 5021: x")
    assert read_error(b"operation timed out") == PushError(code="request", message="operation timed out")
    assert read_error(b"two words: x\xff") == PushError(code="unknown", message="two words: x\\xff")


def test_error_text_is_cut() -> None:
    report = read(f"❌ {A}: HTTP 500 x: {'y' * 9000}\n{'z' * 9000}\n{'z' * 9000}\n")
    assert report.lines[0].error is not None
    assert len(report.lines[0].error.message) <= limits.ERROR_TEXT_CHARS


def test_hostile_lines_take_linear_time_and_bounded_memory() -> None:
    junk = b"".join(
        [
            b"(" * 2**20,
            b"\n",
            b" " * 2**20,
            b"\n",
            b"\x00\xff\xfe\n",
            b"\r" * 2**20,
            b"\n",
            b"\x1b[" * 2**19,
            b"\n",
            f"✅ {A} (1 B/s)".encode() + b" " * 2**20,
            b"\n",
            b"\x1b]" * 2**19,
            b"\n",
            b"x" * 10 * 2**20,
            b"\n",
        ]
    )
    start = time.perf_counter()
    parser = PushLogParser(PLAN)
    parser.feed(junk + f"✅ {B} (1 B/s)\n".encode())
    report = parser.finish()
    assert time.perf_counter() - start < 5
    assert claims(report) == {FULL_B: Claim.UPLOADED}
    assert report.unread_lines == 6
    assert len(parser._lines.rest()) <= limits.LINE_BYTES + 1


def test_names_are_found_in_every_form_of_a_line_and_have_a_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "NAMED_PATHS", 4)
    a, b, c, d, e = (letter * 32 + "-x" for letter in "abcde")
    names = ResultNames()
    log = f"\x1b[2K\r✅ {a} (1 B/s)\r\n❌{b}: y\n✅ {a} (1 B/s)\n❌ nothing\nnoise\n ✅ {e} (1 B/s)\n"
    log += f"✅ {c} (1 B/s)\nbar\r❌ {d}: z\r\n"
    for byte in log.encode():
        names.feed(bytes([byte]))
    names.feed(f"❌ {e}: last".encode())
    assert names.finish() == tuple(f"/nix/store/{name}" for name in (a, b, c, d))
    assert names.left_out == 1


def test_speed() -> None:
    names = [f"{number:032d}-source" for number in range(5000)]
    text = "".join(f"✅ {names[number % 5000]} (8.31 KiB/s)\nnoise {number}\n" for number in range(100_000)).encode()
    start = time.process_time()
    report = parse_push_log(text, [f"/nix/store/{name}" for name in names])
    assert 200_000 / (time.process_time() - start) > 60_000, "it does 400,000 a second on an idle machine"
    assert (len(report.lines), report.unread_lines) == (5000, 100_000)


PIECES = st.sampled_from(
    [
        f"✅ {A} (1 B/s)".encode(),
        f"✅ {B} (deduplicated)".encode(),
        f"❌ {B}: {SENTENCE}".encode(),
        f"❌ {C}: HTTP 500 x: y".encode(),
        f"✅ {C} (2.00 MiB/s)".encode(),
        b"Error: x",
        b"\x1b[2K",
        b"\r",
        b"\n",
        b"\n",
        b"\n",
        '⚙️ Pushing 3 paths to "c" on "s" (0 already cached, 0 in upstream)...'.encode(),
        "✅ All done! (3 already cached, 0 in upstream)".encode(),
        "✅".encode(),
        b"\xe2",
        b"\x00",
    ]
) | st.binary(max_size=4)
LOGS = st.lists(PIECES, max_size=24).map(b"".join)


@settings(max_examples=150, deadline=None)
@given(data=LOGS, cuts=st.lists(st.integers(0, 400), max_size=6))
def test_chunks_make_no_difference(data: bytes, cuts: list[int]) -> None:
    parser = PushLogParser(PLAN)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        parser.feed(data[start:end])
    assert parser.finish() == parse_push_log(data, PLAN)


@settings(max_examples=150, deadline=None)
@given(before=LOGS, after=LOGS, forged=st.sampled_from([A, B, C]))
def test_no_success_line_helps_a_path_that_fails(before: bytes, after: bytes, forged: str) -> None:
    """With the failure in it, no log around it makes the path succeed, and none after an open body claims anything."""
    failed = f"❌ {forged}: HTTP 500 x: y\n".encode()
    report = parse_push_log(before + b"\n" + failed + after, PLAN)
    full = f"/nix/store/{forged}"
    assert claims(report)[full] is Claim.FAILED
    good = {path for path, claim in claims(report).items() if claim in SUCCESSES}
    alone = parse_push_log(before + b"\n", PLAN)
    assert good <= {path for path, claim in claims(alone).items() if claim in SUCCESSES}
