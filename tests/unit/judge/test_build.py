"""The rows of a build: what its log leaves in doubt, and whose failure it was."""

import json
from dataclasses import replace

import pytest

from gate.model import records
from gate.model.basics import Status
from gate.parse.narinfo import key_name
from tests.helpers.runs import BUILD_LOG, PUBLIC_KEY, SOURCES, Run, healthy

OURS, OTHER = "http://127.0.0.1:8/main", "https://cache.nixos.org"
OTHER_KEY = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
PATH = SOURCES[0].store_path
NARINFO = f"{PATH[11:43]}.narinfo"


def event(**fields: object) -> bytes:
    return b"@nix " + json.dumps(fields).encode() + b"\n"


def log(*lines: bytes, run: Run | None = None) -> Run:
    return (run or healthy()).with_file("build.log", BUILD_LOG + b"".join(lines))


def error(text: str, level: int = 0) -> bytes:
    return event(action="msg", level=level, msg=text)


def substitution(number: int, cache: str) -> bytes:
    return event(action="start", id=number, level=3, text="", type=108, fields=[PATH, cache])


COPIES = event(action="start", id=1, level=0, text="", type=103)
DONE = event(action="result", id=1, type=105, fields=[1, 1, 0, 0])
BUILT = event(action="start", id=9, level=3, text="", type=105, fields=[f"/nix/store/{'a' * 32}-x.drv", "", 1, 1])
REBUILT = event(
    action="start", id=9, level=3, text="", type=105, fields=[f"/nix/store/{'a' * 32}-{PATH[44:]}.drv", "", 1, 1]
)


def with_substituters(*urls: str, keys: tuple[str, ...] = (PUBLIC_KEY, OTHER_KEY)) -> Run:
    def change(record: records.BuildFacts) -> records.BuildFacts:
        return replace(record, substituters=(OURS, *urls), trusted_public_keys=keys)

    return healthy().change(records.BuildFacts, change)


BOTH = with_substituters(OTHER)


def build_rows(run: Run) -> set[tuple[str, str, str]]:
    rows = [row for row in run.judged()[0] if row.code.startswith("build-")]
    return {(row.code, row.status.value, row.subject) for row in rows}


@pytest.mark.parametrize(
    "line",
    [
        error("error (ignored): the cache answered with nothing"),
        error("error:\n       \u2026 while querying\n\n       error: gone"),
        event(action="msg", level=0, raw_msg="gone"),
        error("warning: gone", 1),
        error("gone", 1),
        error("error: gone", 6),
        error("Fehler: gone"),
        b"@nix {not json\n",
        b"Warning: gone\n",
    ],
)
def test_an_error_that_is_not_understood_is_doubt_in_a_healthy_run(line: bytes) -> None:
    run = log(line)
    assert {("build-log-not-understood", "inconclusive"), ("build-green-in-doubt", "inconclusive")} == run.rows()
    assert run.word() == "inconclusive"


@pytest.mark.row("TRU-18")
@pytest.mark.parametrize(
    "lines",
    [
        (error(f"warning: unable to download '{OTHER}/nix-cache-info': Could not resolve host (6)", 1), BUILT),
        (error(f"warning: unable to download '{OTHER}/nix-cache-info': Could not resolve host (6)", 1),),
        (error(f"error (ignored): unable to download '{OTHER}/{NARINFO}': HTTP error 503"), BUILT),
        (error(f"disabling binary cache '{OTHER}/' for 60 seconds"),),
        (
            COPIES,
            substitution(2, OTHER),
            error(f"error: NAR for '{PATH}' fetched from '{OTHER}' is incomplete"),
            REBUILT,
        ),
        (COPIES, substitution(2, OTHER), error(f"error: hash mismatch importing path '{PATH}';"), REBUILT),
        (
            COPIES,
            substitution(2, OTHER),
            error(f"error: unable to download '{OTHER}/nar/x.nar.xz': HTTP error 500"),
            substitution(3, OURS),
            DONE,
        ),
    ],
)
def test_the_outage_of_another_cache_is_a_note(lines: tuple[bytes, ...]) -> None:
    run = log(*lines, run=BOTH)
    assert run.rows() == set()
    assert run.word() == "pass"
    assert any(code == "build-other-cache" for code, _, _ in build_rows(run))


@pytest.mark.parametrize(
    "run",
    [
        healthy(),  # no substituter
        with_substituters(keys=(PUBLIC_KEY, OTHER_KEY)),
        with_substituters(OTHER, keys=(PUBLIC_KEY,)),  # no key by which it is known
        with_substituters(OTHER, keys=(PUBLIC_KEY, OTHER_KEY.replace("cache.nixos.org", "cache.nixos.org.evil"))),
        with_substituters(OTHER.replace("https", "http")),  # another place
    ],
)
def test_the_outage_of_a_cache_that_is_not_known_to_be_another_is_doubt(run: Run) -> None:
    failed = error(f"warning: unable to download '{OTHER}/nix-cache-info': Could not resolve host (6)", 1)
    assert ("build-cache-unreachable", "inconclusive") in log(failed, BUILT, run=run).rows()
    assert log(failed, run=run).word() == "inconclusive"


def test_an_upstream_of_the_policy_is_another_cache() -> None:
    run = with_substituters(OTHER, keys=(PUBLIC_KEY,)).with_policy(upstream_keys=(OTHER_KEY,))
    assert log(error(f"disabling binary cache '{OTHER}' for 60 seconds"), run=run).word() == "pass"


@pytest.mark.parametrize("keys", [(PUBLIC_KEY, f"127.0.0.1-1:{OTHER_KEY[18:]}"), (f"127.0.0.1-1:{OTHER_KEY[18:]}",)])
def test_no_key_makes_our_own_host_another_cache(keys: tuple[str, ...]) -> None:
    assert key_name(f"{keys[-1]}") == "127.0.0.1-1"
    run = log(
        error("disabling binary cache 'http://127.0.0.1:9/main' for 60 seconds"),
        run=with_substituters("http://127.0.0.1:9/main", keys=keys),
    )
    assert ("build-cache-in-doubt", "inconclusive") in run.rows()


@pytest.mark.parametrize("ours", [OURS, "http://127.0.0.1:8/main/", "HTTP://127.0.0.1:8/main?priority=3"])
def test_a_proven_failure_of_our_cache_is_one_in_every_spelling_of_it(ours: str) -> None:
    run = log(
        COPIES,
        substitution(2, ours),
        error(f"error: NAR for '{PATH}' fetched from '{ours}' is incomplete"),
        REBUILT,
        run=BOTH,
    )
    assert ("build-fallback-masked", "fail") in run.rows()
    assert run.word() == "quarantine"


def test_a_failure_at_another_cache_hides_none_of_ours() -> None:
    run = log(
        COPIES,
        substitution(2, OTHER),
        error(f"error: unable to download '{OTHER}/nar/x.nar.xz': HTTP error 500"),
        substitution(3, OURS),
        REBUILT,
        run=BOTH,
    )
    assert ("build-fallback-masked", "fail") in run.rows()


def test_our_cache_failed_and_another_one_delivered() -> None:
    run = log(
        COPIES,
        substitution(2, OURS),
        error(f"error: NAR for '{PATH}' fetched from '{OURS}' is incomplete"),
        substitution(3, OTHER),
        DONE,
        run=BOTH,
    )
    assert build_rows(run) == {
        ("build-cache-in-doubt", "inconclusive", PATH),
        ("build-green-in-doubt", "inconclusive", "build"),
    }


@pytest.mark.parametrize(
    ("text", "code", "word_of_remedy"),
    [
        (f"warning: '{OURS}' does not appear to be a binary cache", "build-cache-denied", "attic use"),
        (f"warning: unable to download '{OURS}/nix-cache-info': HTTP error 401", "build-cache-denied", "netrc"),
        (
            f"error: unable to download '{OURS}/{NARINFO}': Couldn't connect to server (7)",
            "build-cache-unreachable",
            "port",
        ),
        (f"error: unable to download '{OURS}/{NARINFO}': SSL connect error (35)", "build-cache-tls", "certificate"),
        (f"error: unable to download '{OURS}/{NARINFO}': HTTP error 500", "build-fallback-masked", "integrity-check"),
    ],
)
@pytest.mark.parametrize("after", [(BUILT,), ()])
def test_causes_have_remedies_of_their_own(text: str, code: str, word_of_remedy: str, after: tuple[bytes, ...]) -> None:
    run = log(error(text), *after)
    expected = code if after or code != "build-fallback-masked" else "build-cache-in-doubt"
    (row,) = (row for row in run.judged()[0] if row.code == expected)
    assert row.status is Status.INCONCLUSIVE
    assert word_of_remedy in row.remedy


def test_errors_of_a_build_that_failed_are_its_own_and_those_of_a_cache_still_count() -> None:
    def change(record: records.ChildEnded) -> records.ChildEnded:
        return replace(record, exit=1) if record.name == "build" else record

    failed = healthy().change(records.ChildEnded, change)
    assert {row[0] for row in build_rows(log(error("error: builder for 'x' failed"), run=failed))} == {"build-failed"}
    cache = log(error(f"error: unable to download '{OURS}/{NARINFO}': HTTP error 500"), run=failed)
    assert {row[0] for row in build_rows(cache)} == {"build-failed", "build-cache-in-doubt"}


def test_a_failed_body_of_no_known_cache_is_doubt() -> None:
    run = log(error("error: non-zero padding"), run=BOTH)
    assert ("build-cache-in-doubt", "inconclusive", "build log") in build_rows(run)


def test_more_doubts_than_the_evidence_lists_are_one_row_more() -> None:
    run = log(*(error(f"error: number {number}") for number in range(105)))
    rows = [row for row in run.judged()[0] if row.code == "build-log-not-understood"]
    assert len(rows) == 101
    assert rows[-1].summary == "5 doubts more than the evidence lists"
