"""report.html in a real Chromium: every kind of run, both themes, a phone, print; pictures go to build/pictures."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gate.judge.standing_quarantine import past_of
from gate.model import records
from gate.model.basics import Kind, Phase, Truth, VerdictWord
from gate.model.document import Evidence
from gate.model.split import DURING
from gate.render import html
from gate.render.history import Listed, history_page
from gate.seal import assemble
from tests.helpers import parts, runs
from tests.page import browser
from tests.unit.render import captures, samples
from tests.unit.render.hostile import everywhere
from tests.unit.render.test_paths import large


def of(run: runs.Run) -> Evidence:
    return assemble(run.facts(), ())


def in_phases(*phases: Phase) -> Callable[[records.BucketSampled], records.BucketSampled]:
    return lambda record: runs.lost(record) if record.phase in phases else record


def silent(record: records.BucketSampled) -> records.BucketSampled:
    refused = runs.answer(None, error="connect")
    return replace(
        record,
        listing=(refused,),
        heads=dict.fromkeys(record.heads, refused),
        gets=dict.fromkeys(record.gets, refused),
    )


def empty(record: records.BodyRead) -> records.BodyRead:
    nar = record.nar
    return replace(record, nar=replace(nar, nar_bytes=0, wire_bytes=0, clean_end=False, curl=18) if nar else None)


def runs_of_forty_days() -> list[Listed]:
    """A run a day of each profile, one in five of them bad, and a restart of the store every ten days."""
    rows = []
    past = past_of(of(HEALTHY), "0" * 64)
    for number in range(80):
        ended = f"2026-{10 + number // 60}-{1 + number // 2 % 30:02d}T10:00:00.000Z"
        word = VerdictWord.QUARANTINE if number % 5 == 0 else VerdictWord.PASS
        profile = ("small-check", "medium-check")[number % 2]
        result = replace(past, ended_at=ended, word=word, profile=profile, stores=(f"store-{number // 20}",))
        rows.append(Listed(past=result, link=f"run-{number}"))
    return rows


def lab(evidence: Evidence) -> Evidence:
    return replace(evidence, policy=replace(evidence.policy, kind=Kind.LAB))


# The first test opens every page three times; one worker has them all, so that no page is opened twice.
pytestmark = [pytest.mark.timeout(browser.SECONDS), pytest.mark.xdist_group("page")]
SAMPLED, READ = records.BucketSampled, records.BodyRead
HEALTHY = runs.healthy()
STATES: dict[str, Evidence] = {
    "pass": of(HEALTHY),
    "lab": lab(of(HEALTHY.change(SAMPLED, in_phases(Phase.DURING, Phase.POST)))),
    "lost-before": of(HEALTHY.change(SAMPLED, in_phases(*Phase))),
    "lost-while-pushing": of(HEALTHY.change(SAMPLED, in_phases(Phase.DURING, Phase.POST))),
    "lost-after": of(HEALTHY.change(SAMPLED, in_phases(Phase.POST))),
    "bodies-empty": of(HEALTHY.change(READ, empty)),
    "token-may-push": of(
        HEALTHY.change(
            records.ControlTried,
            lambda record: replace(record, fired=Truth.ABSENT) if record.name == "read-only-push-denied" else record,
        )
    ),
    "store-silent": of(HEALTHY.change(SAMPLED, silent)),
    "state-unread": of(HEALTHY.change(records.StateSeen, lambda record: replace(record, head=runs.answer(403)))),
    "cache-unidentified": of(
        HEALTHY.change(records.CacheConfigSeen, lambda record: replace(record, answer=runs.answer(None, error="tls")))
    ),
    "died": of(HEALTHY.cut_after(20)),
    "cached": of(runs.cached()),
    "incident": samples.quarantined(),
    "cancelled": samples.inconclusive(),
    "nothing-begun": samples.stopped(),
    "crowded": samples.crowded(),
    "capture": captures.captured(),
    "hostile": everywhere(samples.quarantined(), "<script>alert(1)</script>\"'`\u202e" + "W" * 400),
    "thousand": large(1000),
    # A refused run has no page: it leaves result.json and no evidence.
    "split-run": parts.healthy().judged(),
    "split-run-lost": parts.healthy().change(DURING, SAMPLED, runs.lost).judged(),
}
CONFIGS = ("light", "dark", "phone")
ROWS = [(name, config) for name in (*STATES, "history") for config in CONFIGS]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, Any]]:
    pages = {name: html.report(evidence) for name, evidence in STATES.items()}
    pages["history"] = history_page(runs_of_forty_days(), ["x is no evidence folder"], None)
    result = browser.inspect(pages, tmp_path_factory.mktemp("pages"))
    return {(row["name"], row["config"]): row for row in result}


every_row = pytest.mark.parametrize("key", ROWS, ids="-".join)


@every_row
def test_axe_finds_nothing_with_every_fold_open(
    rows: dict[tuple[str, str], dict[str, Any]], key: tuple[str, str]
) -> None:
    assert rows[key]["violations"] == []


@every_row
def test_the_browser_has_nothing_to_say_and_asks_for_nothing(
    rows: dict[tuple[str, str], dict[str, Any]], key: tuple[str, str]
) -> None:
    """A style or an image that the page's own policy refuses would be a message here."""
    assert rows[key]["messages"] == []


@every_row
def test_the_page_never_scrolls_sideways(rows: dict[tuple[str, str], dict[str, Any]], key: tuple[str, str]) -> None:
    assert (rows[key]["overflow"], rows[key]["opened"]) == (0, 0)


@every_row
def test_every_link_within_the_page_leads_somewhere_and_no_id_is_there_twice(
    rows: dict[tuple[str, str], dict[str, Any]], key: tuple[str, str]
) -> None:
    assert (rows[key]["broken"], rows[key]["doubled"]) == ([], [])


@pytest.mark.parametrize("name", [name for name in STATES if name != "hostile"])
def test_verdict_cause_and_what_to_do_are_on_the_first_screen(
    rows: dict[tuple[str, str], dict[str, Any]], name: str
) -> None:
    for config, height in (("light", 800), ("phone", 844)):
        row = rows[name, config]
        assert row["word"] == STATES[name].verdict.word.value.upper()
        assert row["causeBottom"] < height
        assert row["adviceTop"] < height


def test_on_a_phone_the_paths_begin_within_six_screens(rows: dict[tuple[str, str], dict[str, Any]]) -> None:
    assert rows["incident", "phone"]["pathsTop"] < 6 * 844


@pytest.mark.parametrize("name", ["incident", "lost-while-pushing", "thousand"])
def test_the_filters_show_the_paths_of_one_kind_without_script(
    rows: dict[tuple[str, str], dict[str, Any]], name: str
) -> None:
    filters = {row["lot"]: row["classes"] for row in rows[name, "light"]["filters"]}
    every = filters.pop("all")
    assert set(filters) == set(every)
    for lot, classes in filters.items():
        assert set(classes) == {lot}


@pytest.mark.parametrize("name", STATES)
def test_print_shows_what_is_folded(rows: dict[tuple[str, str], dict[str, Any]], name: str) -> None:
    hidden = rows[name, "light"]["hidden"]
    assert hidden["print"] == 0
    assert hidden["screen"] > 0
