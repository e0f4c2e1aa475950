"""The report: one page that needs nothing else, and shows every path, sample and finding."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html import unescape

import pytest

from gate.model.basics import Claim, Truth
from gate.model.captures import ReplicaLog, StoreLog
from gate.model.document import Evidence
from gate.model.parsed import LogEvent
from gate.render import html, view
from tests.unit.render import parts, samples

TAG = re.compile("<[^>]*>")


def told(evidence: Evidence) -> str:
    """The page's text as a reader has it: no tags, blanks folded."""
    page = re.sub("<style>.*?</style>", "", html.report(evidence), flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(TAG.sub(" ", page)))


@pytest.mark.parametrize("name", samples.ALL)
def test_the_page_needs_nothing_else(name: str) -> None:
    page = html.report(samples.ALL[name]())
    assert "<script" not in page
    assert re.findall(r"\b(?:src|action|data|srcset|background|on\w+|style)=", page.partition("</style>")[2]) == []
    assert set(re.findall(r'href="([^"]*)"', page)) == {"#findings"}
    assert 'id="findings"' in page
    assert "url(" not in page
    assert "@import" not in page


def test_the_policy_lets_in_the_one_style_sheet_and_nothing_else() -> None:
    page = html.report(samples.quarantined())
    style = page.partition("<style>")[2].partition("</style>")[0]
    wanted = b64encode(sha256(style.encode()).digest()).decode()
    policy = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert [unescape(each) for each in policy] == [
        f"default-src 'none'; style-src 'sha256-{wanted}'; base-uri 'none'; form-action 'none'"
    ]


@pytest.mark.parametrize("name", samples.ALL)
def test_the_verdict_is_the_heading_and_is_told_in_words(name: str) -> None:
    evidence = samples.ALL[name]()
    page = html.report(evidence)
    assert f'<section class="verdict {name}" aria-labelledby="verdict">\n<h1 id="verdict">{name.upper()}</h1>' in page
    assert evidence.verdict.headline in told(evidence)


def test_every_path_has_its_claim_and_its_body() -> None:
    evidence = samples.quarantined()
    page = told(evidence)
    for path in evidence.push.paths:
        base, _, name = path.store_path.rpartition("/")[2].partition("-")
        assert f"{name} {base}" in page
    assert (
        "deduplicated ✗ fail body-empty narinfo HTTP 200, signature present; NAR HTTP 200, 0 B received, "
        "0 of 112 B unpacked, curl 18 transfer closed with outstanding read data remaining; 3 reads" in page
    )
    assert "claim body-empty body-not-published deduplicated 1 failed 21" in page


def test_a_path_of_an_upstream_is_listed_without_a_body() -> None:
    good = samples.passed()
    upstream = parts.push_path(3, Claim.IN_UPSTREAM)
    shown = told(replace(good, push=replace(good.push, paths=(upstream,)), bodies=()))
    assert "in-upstream not to be served by this cache, or never reached" in shown


def test_a_doubted_claim_is_marked() -> None:
    good = samples.passed()
    path = replace(parts.push_path(3, Claim.UNACCOUNTED), doubted=True)
    assert "? unaccounted ? doubted" in told(replace(good, push=replace(good.push, paths=(path,))))


def test_every_sample_of_every_bucket_is_shown() -> None:
    page = told(samples.quarantined())
    for phase, second in (("pre", 3), ("during", 225), ("post", 432)):
        for number in range(3):
            assert page.count(f"{phase} {number} {parts.at(second + 8 * number)}") == 2
    assert page.count("lost from the index with its data on disk") == 2


def test_the_timeline_places_stages_and_the_first_loss() -> None:
    page = html.report(samples.quarantined())
    assert page.count('<rect class="bar"') == 8
    assert page.count('<rect class="loss" x="509"') == 8  # 233 s of 457 s
    assert '<rect class="bar" x="67" y="3" width="401" height="12">' in page  # the build: 31 s to 214 s
    assert "7 min 37 s in all" in page


def test_a_stage_without_times_or_end_and_a_time_that_is_none_do_not_break_the_page() -> None:
    good = samples.passed()
    first, second, *_ = good.stages
    strange = (
        replace(first, started_at="yesterday"),
        replace(second, ended_at=None, state="started"),
        replace(second, started_at="2026-05-13T09:00:00"),
    )
    page = html.report(replace(good, stages=strange))
    assert page.count('<rect class="bar') == 1
    assert "no end" in page
    assert "0.0 s in all" in html.report(replace(good, stages=strange[:1]))


def test_findings_are_shown_with_remedy_and_where_the_evidence_lies() -> None:
    page = told(samples.quarantined())
    assert (
        "✗ fail bucket-index-lost 2 subjects absent from list and head in 3 of 3 samples while its marker is on disk"
        in page
    )
    assert "attic post, in evidence.json: /post/buckets/attic" in page
    assert "Do: Run `publication-gate capture` before anything is restarted." in page
    assert "2 findings that pass or do not apply" in told(samples.passed())
    assert "Nothing fails and nothing is inconclusive." in told(samples.passed())


def test_masked_failures_and_silent_controls_stand_out() -> None:
    page = told(samples.inconclusive())
    assert "suspected deadnix-1.2.1 : HTTP error 404" in page
    assert "no-token ? unknown a GET without a token is denied no answer" in page


def test_the_server_log_is_folded_in_where_it_says_something() -> None:
    page = told(samples.quarantined())
    assert "1 of 23 events" in page
    assert "server's clock -0.012 to +0.009 s off ours" in page
    assert page.count("server log at that time, a correlation and never a cause: 23 events at its push") == 21
    assert "Server log at level" not in told(samples.passed())


def test_replicas_and_the_stores_log_have_tables_of_their_own() -> None:
    good = samples.passed()
    plain = told(good)
    assert "Replicas of the server" not in plain
    assert "Store log" not in plain
    one = ReplicaLog(pod="attic-a", route="proxy", answered=True, logged=Truth.PRESENT, note="")
    two = ReplicaLog(pod="attic-b", route=None, answered=False, logged=Truth.UNKNOWN, note="<b>forbidden</b>")
    event = LogEvent(
        at="2026-11-24T00:00:20Z",
        level="WARN",
        target="disk",
        code="drive-faulty",
        message="<i>faulty</i>",
        source="d.rs:1",
    )
    log = StoreLog(
        place="kubectl://n/statefulset/rustfs",
        truth=Truth.UNKNOWN,
        events=(event, replace(event, source=None, at=None, code=None, origin="pod/rustfs-0/rustfs")),
        event_count=9,
        troubles=1,
        cut=False,
        notes=("pod rustfs-0 is gone",),
    )
    pre = replace(good.pre, replicas=(one, two))
    made = replace(good, pre=pre, post=replace(good.post, replicas=(one,)), store_log=log)
    page = told(made)
    assert "attic-a canary, in its own log: present canary, in its own log: present" in page
    assert "attic-b no canary, in its own log: unknown (<b>forbidden</b>) not seen" in page
    assert "2 of 9 events" in page
    assert "pod rustfs-0 is gone" in page
    raw = html.report(made)
    assert "<i>faulty" not in raw
    assert "<b>forbidden" not in raw
    assert "<details open><summary>2 of 9 events" in raw


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (3_330_176, "3.2 MiB"),
        (64 * 1024**3, "64.0 GiB"),
        (5000 * 1024**4, "5000.0 TiB"),
    ],
)
def test_sizes(count: int, shown: str) -> None:
    assert view.size(count) == shown
    assert view.exact(3_330_176) == "3,330,176 B"


def test_a_read_is_told_in_figures_whatever_it_lacks() -> None:
    none = parts.body(1, Claim.UPLOADED, ())
    assert view.body_read(none) == "not read"
    read = parts.read("body-missing", 1, 1, nar_bytes=0)
    assert read.nar is not None
    silent = replace(read, narinfo_status=None, narinfo_error="timeout", nar=None)
    assert view.body_read(replace(none, reads=(silent,))) == (
        "narinfo no answer (timeout), signature present; NAR not asked for; 1 read"
    )
    cut = replace(read, nar=replace(read.nar, status=None, error="connect"))
    assert view.body_read(replace(none, reads=(replace(silent, code="body-whole"), cut))) == (
        "narinfo HTTP 200, signature present; NAR no answer, 0 B received, 0 of 12,345 B unpacked, connect; 2 reads"
    )
