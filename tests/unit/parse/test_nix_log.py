"""Build logs made up for the corners that the recordings don't have."""

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate import limits
from gate.model.parsed import LedgerPath, Masked
from gate.parse.nix_log import NixLogParser, parse_nix_log

CACHE = "http://127.0.0.1:38471"
BASE = "/nix/store/64q9q1gcfvdixmpa3fsrqmz7kx2lx7cf-lab-base-1.0"
LIB = "/nix/store/7sg1dn4ay1zmjxnbwxn6n686nx5zw28h-lab-lib-1.0"
APP = "/nix/store/sdq8j25qfqlsq84fr486582qbnhl6z19-lab-app-1.0"
BASE_DRV = "/nix/store/qqsh1wcb7d9xkcpgkv9ng3ksay284py0-lab-base-1.0.drv"
LIB_DRV = "/nix/store/gqd2365f2hjlc8d8y292cra66pksk5x8-lab-lib-1.0.drv"
APP_DRV = "/nix/store/z5n0djgkx9wv0s3jdr13m34gd4034jrg-lab-app-1.0.drv"


def event(**fields: object) -> bytes:
    return b"@nix " + json.dumps(fields).encode() + b"\n"


def start(number: int, kind: int, *fields: object, **more: object) -> bytes:
    return event(action="start", id=number, type=kind, fields=list(fields), **more)


def message(text: str, level: int = 0) -> bytes:
    return event(action="msg", level=level, msg=text)


def done(number: int, count: int) -> bytes:
    return event(action="result", id=number, type=105, fields=[count, 9, 0, 0])


COPIES = event(action="start", id=1, type=103, text="")


def test_an_output_of_another_name_is_told_by_its_suffix_or_by_the_outputs_given() -> None:
    dev = "/nix/store/" + "d" * 32 + "-multi-1.0-dev"
    drv = "/nix/store/" + "e" * 32 + "-multi-1.0.drv"
    log = COPIES + start(2, 108, dev, CACHE) + start(3, 105, drv) + message("error: non-zero padding")
    assert parse_nix_log(log, exit_code=0).paths[1] == LedgerPath(store_path=drv, how="rebuilt")
    value = parse_nix_log(log, exit_code=0, built_outputs={drv: (dev, dev[:-4])})
    assert value.paths[1:] == (
        LedgerPath(store_path=dev, how="rebuilt"),
        LedgerPath(store_path=dev[:-4], how="built"),
    )


def test_a_count_that_is_short_is_masked_even_if_no_name_and_no_message_says_which() -> None:
    log = COPIES + start(2, 108, BASE, CACHE) + start(3, 108, LIB, CACHE) + done(1, 1) + start(4, 105, APP_DRV)
    ledger = parse_nix_log(log, exit_code=0)
    assert [(one.cause, one.certainty) for one in ledger.masked] == [("unknown", "proven")]


def test_the_failed_path_is_told_from_the_one_that_recovered() -> None:
    log = (
        COPIES
        + start(2, 108, BASE, CACHE)
        + message(f"error: NAR for '{BASE}' fetched from '{CACHE}' is incomplete")
        + start(3, 108, LIB, CACHE)
        + message(f"error: hash mismatch importing path '{LIB}';\n  specified: x")
        + start(4, 108, BASE, "http://other")
        + done(1, 1)
        + start(5, 105, APP_DRV)
    )
    ledger = parse_nix_log(log, exit_code=0)
    assert ledger.masked == (Masked(name=LIB, cause="hash-mismatch", certainty="proven", cache=CACHE),)
    assert ledger.paths[0] == LedgerPath(store_path=BASE, how="substituted")


def test_a_body_is_told_by_its_transfer_in_every_version() -> None:
    url, other = f"{CACHE}/nar/x.nar", f"{CACHE}/nar/y.nar"
    foreign_excerpt = message(f"error: unable to download '{url}': HTTP error 500") + start(9, 105, BASE_DRV)
    children = start(3, 100, BASE, CACHE, parent=2) + start(4, 101, url, parent=3)
    with_parents = start(2, 108, BASE, CACHE) + children + start(5, 108, LIB, CACHE) + start(6, 101, other, parent=5)
    without = start(2, 108, BASE, CACHE) + start(4, 101, url) + start(5, 108, LIB, CACHE) + start(6, 101, other)
    for log in (with_parents, without):
        ledger = parse_nix_log(COPIES + log + done(1, 1) + foreign_excerpt, exit_code=0)
        assert ledger.masked == (Masked(name=BASE, cause="http-error", certainty="proven", cache=CACHE),)


def test_a_disabled_cache_is_not_the_cause_where_another_is_known() -> None:
    disabled = message(f"error: substituter '{CACHE}' is disabled")
    log = COPIES + disabled + start(2, 108, BASE, CACHE) + disabled
    after = log + message("error: input compression not recognized") + disabled + start(3, 105, BASE_DRV)
    assert parse_nix_log(after, exit_code=0).masked[0].cause == "decompress"
    assert parse_nix_log(log + start(3, 105, BASE_DRV), exit_code=0).masked[0].cause == "cache-disabled"


def test_a_planned_build_does_not_accuse_a_path_of_the_same_name() -> None:
    fetched = "/nix/store/" + "f" * 32 + "-source"
    drv = "/nix/store/" + "e" * 32 + "-source.drv"
    plan = message("this path will be fetched (0.1 MiB download, 0.2 MiB unpacked):", 3) + message(f"  {fetched}", 3)
    legitimate = message("this derivation will be built:", 3) + message(f"  {drv}", 3)
    log = COPIES + plan + start(2, 105, drv)
    assert [one.cause for one in parse_nix_log(log, exit_code=0).masked] == ["not-asked"]
    assert parse_nix_log(legitimate + log, exit_code=0).masked == ()


def test_suspicions_without_a_known_path_are_named_by_hash_or_cache() -> None:
    narinfo = f"{CACHE}/{'a' * 32}.narinfo"
    log = (
        message(f"error: unable to download '{narinfo}': something else")
        + message(f"error: NAR info file '{'b' * 32}.narinfo' is corrupt")
        + message(f"warning: unable to download '{CACHE}/nix-cache-info': something", 1)
        + message(f"warning: unable to download '{CACHE}/nix-cache-info': something", 1)
        + message(f"warning: ignoring substitute for '{BASE}' from '{CACHE}', as it's not signed by any", 1)
        + message(f"warning: substituter '{CACHE}' does not have a valid signature for path '{APP}'", 1)
    )
    assert parse_nix_log(log, exit_code=0).masked == ()
    masked = parse_nix_log(log + start(2, 105, APP_DRV), exit_code=0).masked
    assert [(one.name, one.cause, one.cache) for one in masked] == [
        ("a" * 32, "unknown", CACHE),
        ("b" * 32, "narinfo-corrupt", None),
        (CACHE, "cache-info", CACHE),
        (APP, "untrusted-signature", CACHE),
    ]


def test_retries_are_dropped_but_an_error_whose_body_speaks_of_one_is_not() -> None:
    url = f"{CACHE}/{'a' * 32}.narinfo"
    built = start(2, 105, APP_DRV)
    for tail in ("in 303 ms (attempt 1/5)", "in 42 ms", "from offset 21 in 300 ms"):
        log = message(f"warning: unable to download '{url}': HTTP error 500\n\nbody; retrying {tail}", 1)
        assert parse_nix_log(log + built, exit_code=0).masked == ()
        final = message(f"error: unable to download '{url}': HTTP error 500\n\nresponse body:\n\n; retrying {tail}")
        assert len(parse_nix_log(final + built, exit_code=0).masked) == 1


def test_text_messages_end_where_nix_goes_on() -> None:
    text = (
        f"copying path '{BASE}' from '{CACHE}'...\n"
        f"warning: unable to download '{CACHE}/nar/x.nar': HTTP error 500\n\nresponse body:\n\n"
        "<html>\nerrors\n</html>; retrying in 3 ms (attempt 1/5)\n"
        f"error: unable to download '{CACHE}/nar/x.nar': HTTP error 500\n\nresponse body:\n\n<p>\n"
        f"building '{BASE_DRV}'...\n"
        "hello\n"
        "error: unrelated\n\n       more\n"
    )
    ledger = parse_nix_log(text.encode(), exit_code=0)
    assert ledger.masked == (Masked(name=BASE, cause="http-error", certainty="proven", cache=CACHE),)
    assert ledger.errors == (
        f"unable to download '{CACHE}/nar/x.nar': HTTP error 500\n\nresponse body:\n\n<p>",
        "unrelated\n\n       more",
    )
    assert (ledger.events, ledger.unread_lines) == (0, 1)


def test_text_without_any_trouble_accuses_nobody() -> None:
    text = f"copying path '{BASE}' from '{CACHE}'...\nbuilding '{BASE_DRV}'...\n"
    assert parse_nix_log(text.encode(), exit_code=0).masked == ()


def test_odd_events_and_lines_are_counted_and_harmless() -> None:
    log = (
        b"@nix {\n@nix {"
        + b'"a":{' * 5000
        + b"\n"
        + b'{"action":"msg","msg":3}\n'
        + event(action="start", id="x", type=105, fields=[BASE_DRV])
        + event(action="start", id=1, type=105, fields=[3, BASE_DRV])
        + event(action="start", id=1, type=108, fields=BASE)
        + event(action="start", id=1, type=101, fields=[f"{CACHE}/nar/x"])
        + COPIES
        + event(action="result", id=1, type=105, fields=[])
        + event(action="result", id=[], type=105, fields=[1])
        + event(action="result", id=1, type=105, fields=["many"])
        + event(action="result", id=2, type=105, fields=[7])
        + event(action="stop", id=1)
        + b"\x00\xff\n"
        + b"x" * (limits.LINE_BYTES + 9)
        + b"\n"
        + b"downloading 'x'...\n"
        + b"the last line"
    )
    ledger = parse_nix_log(log, exit_code=0)
    assert (ledger.paths, ledger.masked, ledger.errors) == ((), (), ())
    assert (ledger.events, ledger.unread_lines) == (11, 5)


def test_errors_are_capped_but_still_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "NIX_MESSAGES", 2)
    log = b"".join(message(f"error: number {number}") for number in range(5))
    log += message(f"error: NAR info file '{'b' * 32}.narinfo' is corrupt") + start(2, 105, APP_DRV)
    ledger = parse_nix_log(log, exit_code=0)
    assert ledger.errors == ("number 0", "number 1")
    assert len(ledger.masked) == 1
    text = "error: x\n" + "   y\n" * 5
    assert parse_nix_log(text.encode(), exit_code=1).errors == ("x\n   y",)


PIECES = st.sampled_from(
    [
        COPIES,
        start(2, 108, BASE, CACHE),
        start(3, 105, BASE_DRV),
        done(1, 1),
        message("error: non-zero padding"),
        f"copying path '{BASE}' from '{CACHE}'...\n".encode(),
        f"building '{BASE_DRV}'...\n".encode(),
        b"error: bad archive: x\n",
        b"       response body:\n",
        b"; retrying in 3 ms\n",
        b"these 2 paths will be fetched (x):\n",
        f"  {BASE}\n".encode(),
        b"\n",
        b"\r",
        b"\x1b[31m",
        b"@nix {",
    ]
) | st.binary(max_size=4)


@settings(max_examples=150, deadline=None)
@given(data=st.lists(PIECES, max_size=20).map(b"".join), cuts=st.lists(st.integers(0, 900), max_size=6))
def test_chunks_make_no_difference_and_nothing_raises(data: bytes, cuts: list[int]) -> None:
    parser = NixLogParser(exit_code=0)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start_at, end in itertools.pairwise(edges):
        parser.feed(data[start_at:end])
    assert parser.finish() == parse_nix_log(data, exit_code=0)


CASES = Path(__file__).parents[3] / "fixtures/cases/nix-log"
FIRST, SECOND = "http://127.0.0.1:38471", "http://127.0.0.1:38472"


@pytest.mark.parametrize(
    ("name", "masked", "doubts"),
    [
        ("error-ignored", [("34b6fk18i0168ysygc4vjh9ijs4wblr0", "timeout", "https://cache.example.org/main")], []),
        (
            "error-with-trace",
            [("34b6fk18i0168ysygc4vjh9ijs4wblr0", "http-error", "https://cache.example.org/main")],
            [],
        ),
        ("second-substituter-delivers", [], [("http-error", FIRST, BASE)]),
        ("disabled-blames-nobody", [], [("cache-disabled", "https://nix-cache.example.im/", None)]),
        (
            "tls",
            [("/nix/store/gsc4cfz5ghaqi7gzf86zjf64wx1c3kw0-kernel-6.18", "tls", "http://cache.example.org/main")],
            [],
        ),
    ],
)
def test_messages_of_other_wording_and_of_other_caches(
    name: str, masked: list[tuple[str, str, str]], doubts: list[tuple[str, str | None, str | None]]
) -> None:
    ledger = parse_nix_log((CASES / f"{name}.stderr").read_bytes(), exit_code=0)
    assert [(row.name, row.cause, row.cache) for row in ledger.masked] == masked
    assert [(row.cause, row.cache, row.name) for row in ledger.doubts] == doubts
    assert ledger.doubt_count == len(doubts)


NARINFO_500 = f"unable to download '{CACHE}/{'a' * 32}.narinfo': HTTP error 500"


@pytest.mark.parametrize(
    "text",
    [
        "error: {0}",
        "error (ignored): {0}",
        "error [ignored]: {0}",
        "Error: {0}",
        "ERROR: {0}",
        "fatal error: {0}",
        "nix: error: {0}",
        "nix-daemon: fatal: {0}",
        "  error: {0}",
        "error:{0}",
        "error: error: {0}",
        "warning: error: {0}",
        "warning: {0}",
        "error:\n       … while fetching\n\n       error: {0}",
        "error:\n       … while fetching\n\n       error (ignored): {0}",
        "warning:\n… while fetching\nerror: {0}",
        "{0}",
        "error (ignored): {0}; retrying in 5 ms",
    ],
)
def test_every_spelling_of_a_severity_is_read(text: str) -> None:
    escaped = text.replace("error", "\x1b[31;1merror").format(NARINFO_500)
    ledger = parse_nix_log(message(escaped) + start(2, 105, APP_DRV), exit_code=0)
    assert [(row.name, row.cause, row.cache) for row in ledger.masked] == [("a" * 32, "http-error", CACHE)]
    assert ledger.doubt_count == 0


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize(
    "head", ["error: ", "error (ignored): ", "warning: ", "Warnung: ", "E: ", "", "note: ", "eRRoR: "]
)
@given(text=st.text(min_size=1, max_size=40))
@settings(max_examples=25, deadline=None)
def test_a_serious_message_of_unknown_wording_is_doubt(level: int, head: str, text: str) -> None:
    ledger = parse_nix_log(COPIES + message(f"{head}the cache said {text}", level), exit_code=0)
    assert ledger.doubt_count == 1
    assert ledger.doubts[0].cause == "not-understood"


@pytest.mark.parametrize(
    "line",
    [
        event(action="msg", level=5, msg="error: gone"),
        event(action="msg", level=5, msg="warning: gone"),
        event(action="msg", msg="gone"),
        event(action="msg", level=0, raw_msg="gone"),
        event(action="msg", level=0),
        event(action="msg", level=0, msg=7),
        event(action="error", msg="gone"),
        event(level=0, msg="gone"),
        b'@nix {"action":"msg","level":0,"msg":"error: cut\n',
        b"@nix {" + b"[" * 9000 + b"\n",
        b"Error: gone\n",
        b"E [remote] could not fetch: failed\n",
        b"2026-12-01T00:00:00Z warning - gone\n",
        b"\x1b[31mfatal\x1b[0m: gone\n",
        b"thread 'main' panicked at src/main.rs\n",
    ],
)
def test_what_is_not_understood_is_doubt(line: bytes) -> None:
    ledger = parse_nix_log(COPIES + line, exit_code=0)
    assert [row.cause for row in ledger.doubts] == ["not-understood"]


@pytest.mark.parametrize(
    "text",
    [
        "warning: Git tree '/build/x' is dirty",
        "warning: Git tree '/build/x' has uncommitted changes",
        "warning: creating lock file '/build/flake.lock':\n• Added input 'nixpkgs'",
        "warning: unknown setting 'x'",
        "warning: download buffer is full; consider increasing the 'download-buffer-size' setting",
        "trace: error: unable to download 'x'",
        "evaluation warning: gone",
        "note: keeping build directory '/tmp/x'",
        f"  {BASE}",
        "don't know how to build these paths:",
        "",
    ],
)
def test_what_is_known_to_say_nothing_of_a_cache_is_none(text: str) -> None:
    ledger = parse_nix_log(COPIES + message(text, 0), exit_code=0)
    assert (ledger.doubts, ledger.doubt_count, ledger.masked) == ((), 0, ())


@pytest.mark.parametrize(
    "text",
    ["warning: unknown setting 'x'\nerror: gone", "error: Git tree '/x' is dirty", "Git tree '/x' is dirty: gone"],
)
def test_a_harmless_beginning_excuses_nothing_else(text: str) -> None:
    assert parse_nix_log(COPIES + message(text, 0), exit_code=0).doubt_count == 1


def test_a_builders_line_that_is_too_long_is_no_doubt_and_other_events_are() -> None:
    huge = b"x" * (limits.NIX_EVENT_BYTES + 10)
    line = b'@nix {"action":"result","fields":["' + huge + b'"],"id":1,"type":101}\n'
    ledger = parse_nix_log(COPIES + line, exit_code=0)
    assert (ledger.unread_lines, ledger.doubt_count) == (1, 0)
    cut = parse_nix_log(COPIES + line.replace(b'"result"', b'"msg"'), exit_code=0)
    assert (cut.unread_lines, cut.doubt_count) == (1, 1)


def test_doubts_are_capped_and_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "NIX_DOUBTS", 3)
    ledger = parse_nix_log(b"".join(message(f"error: number {n}" + "x" * 999) for n in range(9)), exit_code=0)
    assert (len(ledger.doubts), ledger.doubt_count) == (3, 9)
    assert all(len(row.text) == limits.NIX_DOUBT_CHARS for row in ledger.doubts)


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("SSL connect error (35)", "tls"),
        ("SSL peer certificate or SSH remote key was not OK (60) SSL certificate problem: self-signed", "tls"),
        ("Problem with the SSL CA cert (path? access rights?) (77) error adding trust anchors", "tls"),
        ("Peer certificate cannot be authenticated with given CA certificates (60)", "tls"),
        ("Problem with the local SSL certificate (58)", "tls"),
        ("Couldn't use specified SSL cipher (59)", "tls"),
        ("Issuer check against peer certificate failed (83)", "tls"),
        ("SSL server certificate status verification FAILED (91)", "tls"),
        ("HTTP error 307 (curl error: SSL connect error)", "tls"),
        (
            "HTTP error 200 ('') (curl error: Peer certificate cannot be authenticated with given CA certificates)",
            "tls",
        ),
        ("Timeout was reached (28) SSL connection timeout", "timeout"),
        (
            "Failure when receiving data from the peer (56) OpenSSL SSL_read: Connection reset by peer",
            "partial-transfer",
        ),
        ("Could not connect to server (7) Failed to connect", "connect"),
        ("HTTP error 401", "auth"),
        ("HTTP error 407 ('Proxy Authentication Required')", "auth"),
        ("HTTP error 403", "http-error"),
        ("what is this", "unknown"),
    ],
)
def test_the_cause_of_a_download_that_failed(reason: str, cause: str) -> None:
    url = f"{CACHE}/{'a' * 32}.narinfo"
    log = message(f"error: unable to download '{url}': {reason}") + start(2, 105, APP_DRV)
    assert [row.cause for row in parse_nix_log(log, exit_code=0).masked] == [cause]


OURS, OTHER = "https://Attic.example:443/main", "https://cache.nixos.org"


def test_a_path_that_no_cache_gave_failed_at_each_of_them() -> None:
    log = (
        COPIES
        + start(2, 108, BASE, OTHER)
        + message(f"error: unable to download '{OTHER}/nar/x.nar.xz': HTTP error 500")
        + start(3, 108, BASE, OURS)
        + start(4, 105, BASE_DRV)
    )
    masked = parse_nix_log(log, exit_code=0).masked
    assert [(row.name, row.cause, row.cache) for row in masked] == [
        (BASE, "http-error", OTHER),
        (BASE, "unknown", OURS),
    ]


@pytest.mark.parametrize("text", ["non-zero padding", "input compression not recognized"])
def test_a_failure_that_may_be_of_two_caches_is_put_down_to_neither(text: str) -> None:
    log = start(2, 108, LIB, OURS) + start(3, 108, BASE, OTHER) + message(f"error: {text}") + start(4, 108, BASE, OURS)
    (doubt,) = parse_nix_log(COPIES + log + done(1, 2), exit_code=0).doubts
    assert (doubt.cause, doubt.cache) == ("decompress", None)
    alone = start(2, 108, LIB, OURS) + message(f"error: {text}") + start(3, 108, LIB, OTHER)
    (doubt,) = parse_nix_log(COPIES + alone + done(1, 1), exit_code=0).doubts
    assert (doubt.cache, doubt.name) == (OURS, LIB)


def test_a_narinfo_that_two_caches_were_asked_for_is_put_down_to_neither() -> None:
    corrupt = message(f"error: NAR info file '{BASE[11:43]}.narinfo' is corrupt") + start(9, 105, APP_DRV)
    one = start(2, 109, BASE, OURS)
    assert [row.cache for row in parse_nix_log(one + corrupt, exit_code=0).masked] == [OURS]
    both = one + start(3, 109, BASE, OTHER)
    assert [(row.name, row.cache) for row in parse_nix_log(both + corrupt, exit_code=0).masked] == [(BASE, None)]


def test_a_disabled_cache_is_named_by_itself_and_in_any_spelling() -> None:
    foreign_excerpt = message("disabling binary cache 'https://attic.example/main/' for 60 seconds")
    (doubt,) = parse_nix_log(COPIES + foreign_excerpt + foreign_excerpt, exit_code=0).doubts
    assert (doubt.cause, doubt.cache, doubt.name) == ("cache-disabled", "https://attic.example/main/", None)
    log = start(2, 108, BASE, OURS) + foreign_excerpt + start(3, 105, BASE_DRV)
    ledger = parse_nix_log(COPIES + log, exit_code=0)
    assert ledger.masked == (Masked(name=BASE, cause="cache-disabled", certainty="proven", cache=OURS),)
    assert ledger.doubts == ()


def test_no_builders_message_moves_the_blame_to_another_cache() -> None:
    moved = message(f"copying path '{BASE}' from '{OTHER}'...")
    log = start(2, 108, BASE, OURS) + moved + message(f"error: hash mismatch importing path '{BASE}';")
    ledger = parse_nix_log(COPIES + log + moved + start(3, 105, BASE_DRV), exit_code=0)
    assert ledger.masked == (Masked(name=BASE, cause="hash-mismatch", certainty="proven", cache=OURS),)


def test_a_download_that_is_of_no_cache_is_doubt() -> None:
    (doubt,) = parse_nix_log(
        message(f"error: unable to download '{OTHER}/x.tar.gz': HTTP error 500"), exit_code=0
    ).doubts
    assert (doubt.cause, doubt.cache, doubt.name) == ("http-error", None, None)


def test_a_failed_body_of_a_path_that_the_log_did_not_begin_is_doubt() -> None:
    (doubt,) = parse_nix_log(message("error: non-zero padding"), exit_code=0).doubts
    assert (doubt.cause, doubt.cache, doubt.name) == ("decompress", None, None)


@pytest.mark.parametrize("kind", [105, 108, 109])
@pytest.mark.parametrize(
    "path", ["", "/nix/sto", "/etc/passwd", f"{APP}\n", APP[11:], "/nix/store/" + "a" * 32 + "-" + "x" * 5000]
)
def test_an_event_of_what_is_no_store_path_is_unread(kind: int, path: str) -> None:
    """Nix writes none such; a builder may, and what it writes must not come to stand for a path."""
    forged = start(7, kind, path, CACHE)
    ledger = parse_nix_log(COPIES + forged, exit_code=0)
    assert (ledger.paths, ledger.masked, ledger.events, ledger.unread_lines) == ((), (), 1, 1)
