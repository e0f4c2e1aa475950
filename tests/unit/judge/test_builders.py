"""A pass is of what builders get: at the place they read, signed by the key they trust."""

import json
from dataclasses import replace
from typing import Any

import pytest

from gate.evidence.codec import entry_line, read_entry
from gate.model import records
from gate.model.basics import Status
from tests.helpers import runs
from tests.helpers.runs import Run, answer, healthy

OTHER_KEY = f"main:{'A' * 43}="
ELSEWHERE = ("cache-served-elsewhere", "inconclusive")
UNTRUSTED = ("cache-key-untrusted", "inconclusive")


def told(cache: str, **fields: Any) -> Run:
    """The healthy run, where a cache says something else of itself."""

    def change(record: records.CacheConfigSeen) -> records.CacheConfigSeen:
        output = json.loads(record.answer.body) | fields
        return replace(record, answer=answer(body=json.dumps(output))) if record.cache == cache else record

    return healthy().change(records.CacheConfigSeen, change)


def trusting(*keys: str) -> Run:
    return healthy().change(records.BuildFacts, lambda record: replace(record, trusted_public_keys=keys))


def key_rows(run: Run) -> list[tuple[str, Status, str]]:
    return [(row.code, row.status, row.subject) for row in run.judged()[0] if row.code.startswith("cache-key-")]


@pytest.mark.parametrize("cache", ["main", "probe"])
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/{}",
        "https://127.0.0.1:8/{}",
        "http://localhost:8/{}",
        "http://127.0.0.1:8/{}/x",
        "http://127.0.0.1:8/other",
        "{}",
    ],
)
def test_what_builders_read_elsewhere_was_not_seen(cache: str, url: str) -> None:
    run = told(cache, substituter_endpoint=url.format(cache))
    assert (run.word(), run.rows()) == ("inconclusive", {ELSEWHERE})
    (row,) = [row for row in run.judged()[0] if row.code == "cache-served-elsewhere"]
    assert row.subject == cache
    assert url.format(cache) in row.summary
    assert f"http://127.0.0.1:8/{cache}" in row.summary


@pytest.mark.parametrize("url", ["http://127.0.0.1:8/main/", "HTTP://127.0.0.1:8/main", "", None])
def test_another_spelling_of_the_place_or_none_is_no_other_place(url: str | None) -> None:
    assert told("main", substituter_endpoint=url).word() == "pass"


def test_a_default_port_and_the_case_of_the_host_make_no_other_place() -> None:
    run = told("main", substituter_endpoint="https://cache.example/main")
    both = run.with_policy(attic_server="https://Cache.Example:443/")
    assert [row.subject for row in both.judged()[0] if row.code == "cache-served-elsewhere"] == ["probe"]


def test_a_key_that_this_machine_trusts_passes() -> None:
    assert key_rows(healthy()) == [("cache-key-trusted", Status.PASS, "key of main")]
    assert trusting(f"other:{'A' * 43}=", runs.PUBLIC_KEY).word() == "pass"


@pytest.mark.parametrize("keys", [(), (OTHER_KEY,), (OTHER_KEY, runs.PUBLIC_KEY)])
def test_a_key_that_builders_refuse_is_no_pass(keys: tuple[str, ...]) -> None:
    """The cache's key was replaced, or the machine never had it; of two of one name Nix takes the first."""
    run = trusting(*keys)
    assert (run.word(), run.rows()) == ("inconclusive", {UNTRUSTED})


def test_the_key_of_a_probe_cache_need_not_be_trusted() -> None:
    """Its word on its own key is not even looked at here: its bodies are held to it elsewhere."""
    run = told("probe", public_key=OTHER_KEY)
    assert key_rows(run) == [("cache-key-trusted", Status.PASS, "key of main")]
    assert UNTRUSTED not in run.rows()


def test_keys_that_nobody_asked_for_are_a_note() -> None:
    """A record of an older gate has no such field, and reads as it did."""
    (build,) = [entry for entry in runs.entries(healthy().records) if isinstance(entry.record, records.BuildFacts)]
    old = json.loads(entry_line(build))
    del old["record"]["trusted_public_keys"]
    record = read_entry(json.dumps(old).encode()).record
    run = healthy().change(records.BuildFacts, lambda _: record)
    assert run.word() == "pass"
    assert key_rows(run) == [("cache-key-unchecked", Status.PASS, "key of main")]


def test_what_is_unknown_of_the_key_is_never_a_pass_of_a_run_of_today() -> None:
    no_build = healthy().change(records.BuildFacts, lambda _: None)
    no_cache = healthy().change(records.CacheConfigSeen, lambda record: None if record.cache == "main" else record)
    for run in (no_build, no_cache):
        assert key_rows(run) == [("cache-key-unchecked", Status.PASS, "key of main")]
        assert run.word() == "inconclusive"
