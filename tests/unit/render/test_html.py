"""The report: one page that needs nothing else, and shows every path, sample and finding."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html import unescape

import pytest

from gate.model.basics import Claim, Kind, Status, Truth, VerdictWord
from gate.model.captures import ReplicaLog, StoreLog
from gate.model.document import Action, Evidence
from gate.model.parsed import LogEvent
from gate.render import html, view
from gate.render.index_grid import index_grids
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
    links = set(re.findall(r'href="([^"]*)"', page))
    within = {link[1:] for link in links if link.startswith("#")}
    assert within <= set(re.findall(r' id="([^"]*)"', page))
    elsewhere = {link.partition(":")[0] for link in links if not link.startswith(("#", "./"))}
    assert elsewhere <= {"data", "https"}, "the run's own page is the one address that a reader may follow"
    assert "url(" not in page
    assert "@import" not in page


def test_the_policy_lets_in_the_one_style_sheet_and_nothing_else() -> None:
    page = html.report(samples.quarantined())
    style = page.partition("<style>")[2].partition("</style>")[0]
    expected = b64encode(sha256(style.encode()).digest()).decode()
    policy = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert [unescape(each) for each in policy] == [
        f"default-src 'none'; img-src data:; style-src 'sha256-{expected}'; base-uri 'none'; form-action 'none'"
    ]


@pytest.mark.parametrize("name", samples.ALL)
def test_the_verdict_is_the_heading_and_is_told_in_words(name: str) -> None:
    evidence = samples.ALL[name]()
    page = html.report(evidence)
    assert f'<h1 id="verdict">{name.upper()}</h1>' in page
    assert f'<body class="{name}">' in page
    assert evidence.verdict.headline in told(evidence)


def test_every_path_has_its_claim_and_its_body() -> None:
    evidence = samples.quarantined()
    page = told(evidence)
    for path in evidence.push.paths:
        base, _, name = path.store_path.rpartition("/")[2].partition("-")
        assert f"{name} {base}" in page
    assert "1 profile: the client said deduplicated → HTTP 200 with no bytes 112 B" in page
    assert (
        "narinfo HTTP 200, signature present; NAR HTTP 200, 0 B received, 0 of 112 B unpacked, "
        "curl 18 transfer closed with outstanding read data remaining; 3 reads" in page
    )
    assert "21 profile: the client said failed (InternalServerError) → never arrived" in page
    assert "all 22 1 claimed and not served whole 21 failed to publish" in page


def test_a_path_of_an_upstream_is_listed_without_a_body() -> None:
    good = samples.passed()
    upstream = parts.push_path(3, Claim.IN_UPSTREAM)
    text = told(replace(good, push=replace(good.push, paths=(upstream,)), bodies=()))
    assert "the client said in upstream → not to be served by this cache, or never reached" in text


def test_a_doubted_claim_is_marked() -> None:
    good = samples.passed()
    path = replace(parts.push_path(3, Claim.UNACCOUNTED), doubted=True)
    assert "the client said unaccounted (doubted) →" in told(replace(good, push=replace(good.push, paths=(path,))))


def test_every_source_of_every_sample_is_shown() -> None:
    evidence = samples.quarantined()
    page = html.report(evidence)
    phases = (evidence.pre.buckets, evidence.during.buckets, evidence.post.buckets)
    truths = [
        truth
        for phase in phases
        for bucket in phase.values()
        for sample in bucket.samples
        for truth in (sample.listed, sample.head, sample.get, sample.marker)
    ]
    for truth, mark in ((Truth.PRESENT, "✓"), (Truth.ABSENT, "✗")):
        assert page.count(f'<td class="{truth.value}">{mark}</td>') >= truths.count(truth)
    assert told(evidence).count("its data is still on disk") == 2


def test_many_equal_samples_share_a_column() -> None:
    good = samples.passed()
    bucket = good.pre.buckets["attic"]
    many = tuple(replace(bucket.samples[0], number=number) for number in range(400))
    result = replace(good, pre=replace(good.pre, buckets={"attic": replace(bucket, samples=many)}))
    page = told(result)
    assert "×400" in page
    assert page.count("ListBuckets") == len(index_grids(result))


def test_the_timeline_places_stages_samples_and_the_first_loss() -> None:
    page = html.report(samples.quarantined())
    assert page.count('height="16"><title>') == 8  # a bar for each stage
    assert "<title>build, 3 min 03 s</title>" in page
    assert page.count('<line class="loss"') == 1
    assert "(7 min 37 s)" in page
    assert 'class="bad" cx=' in page
    assert 'class="good" cx=' in page


def test_a_stage_without_times_or_end_and_a_time_that_is_none_do_not_break_the_page() -> None:
    good = samples.passed()
    first, second, *_ = good.stages
    strange = (
        replace(first, started_at="yesterday"),
        replace(second, ended_at=None, state="started"),
        replace(second, started_at="2026-05-13T09:00:00"),
    )
    page = html.report(replace(good, stages=strange))
    assert page.count('height="16"><title>') == 1
    assert "no end" in page
    assert '<svg class="timeline"' not in html.report(replace(good, stages=strange[:0]))


def test_findings_are_shown_with_remedy_cause_and_where_the_evidence_lies() -> None:
    evidence = samples.quarantined()
    page = told(evidence)
    assert (
        "✗ fail bucket-index-lost 2 subjects absent from list and head in 3 of 3 samples while its marker is on disk"
        in page
    )
    assert "attic post /post/buckets/attic" in page
    assert "Do: Run `publication-gate capture` before anything is restarted." in page
    rows = tuple(replace(row, because="bucket-index-lost") for row in evidence.findings)
    assert 'data-name="follows from"><a class="code" href="#f-bucket-index-lost">' in html.report(
        replace(evidence, findings=rows)
    )
    assert "2 findings that pass or do not apply, by code" in told(samples.passed())
    assert "Nothing fails and nothing is unknown." in told(samples.passed())


def test_beside_a_failure_no_remedy_of_what_is_only_unknown_is_shown() -> None:
    """look.md S1 2: a quarantine says not to probe again, so no row of it may say the opposite."""
    evidence = samples.quarantined()
    doubt = parts.finding("push-failed", Status.INCONCLUSIVE, "profile", "exit 1", "Run the probe again.")
    result = replace(evidence, findings=(*evidence.findings, doubt))
    assert "Run the probe again." not in told(result)
    other = replace(evidence.verdict, word=VerdictWord.INCONCLUSIVE)
    assert "Run the probe again." in told(replace(result, verdict=other))


def test_a_registrys_remedy_has_its_commands_as_code_and_foreign_text_none() -> None:
    verdict = samples.inconclusive().verdict
    own = "Run `attic push` of one path by hand and see what it prints, then run the probe again."
    result = replace(verdict, actions=(Action(text=own), Action(text="`x`", command="publication-gate capture")))
    page = html.report(replace(samples.inconclusive(), verdict=result))
    assert "<code>attic push</code> of one path" in page
    assert '<li>`x`<code class="command">publication-gate capture</code></li>' in page


def test_a_code_with_several_groups_has_an_anchor_for_each() -> None:
    good = samples.inconclusive()
    rows = tuple(parts.finding("push-failed", Status.INCONCLUSIVE, "p", "s", text) for text in ("a", "b"))
    page = html.report(replace(good, findings=rows))
    assert 'id="f-push-failed"' in page
    assert 'id="f-push-failed-2"' in page


@pytest.mark.parametrize(
    ("repository", "run", "linked"),
    [("acme/infra", "123", True), ("acme/infra", None, False), ("javascript:x", "1", False), ("a/b", "1?x", False)],
)
def test_the_run_is_a_link_only_where_both_names_are_the_forges(repository: str, run: str | None, linked: bool) -> None:
    good = samples.passed()
    page = html.report(replace(good, run=replace(good.run, repository=repository, workflow_run=run)))
    assert (f'href="https://github.com/{repository}/actions/runs/{run}"' in page) is linked
    assert "javascript:" not in "".join(re.findall(r'href="([^"]*)"', page))


def test_a_lab_run_says_so_on_top_and_any_other_does_not() -> None:
    good = samples.passed()
    lab = told(replace(good, policy=replace(good.policy, kind=Kind.LAB)))
    assert lab.index("LAB RUN") < lab.index("May trusted builds write")
    assert "counts toward the standing decision: no (lab run)" in lab
    assert "LAB RUN" not in told(replace(good, policy=replace(good.policy, kind=Kind.PRODUCTION)))


def test_masked_failures_and_silent_controls_stand_out() -> None:
    page = told(samples.inconclusive())
    assert "suspected deadnix-1.2.1 : HTTP error 404" in page
    assert "no-token ? unknown a GET without a token is denied no answer" in page


def test_the_server_logs_equal_events_share_a_line() -> None:
    evidence = samples.quarantined()
    page = told(evidence)
    assert "1 of 23 events" in page
    assert "server's clock -0.012 to +0.009 s off ours" in page
    (event,) = evidence.server_log.events
    many = tuple(replace(event, message=f"m{number}") for number in range(7))
    text = told(replace(evidence, server_log=replace(evidence.server_log, events=many)))
    assert "and 6 other messages, in server.log" in text
    assert "those of one kind in one line" not in told(samples.passed())


def test_replicas_and_the_stores_log_have_tables_of_their_own() -> None:
    good = samples.passed()
    plain = told(good)
    assert "attic-b" not in plain
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
    result = replace(good, pre=pre, post=replace(good.post, replicas=(one,)), store_log=log)
    page = told(result)
    assert "attic-a canary, in its own log: present canary, in its own log: present" in page
    assert "attic-b no canary, in its own log: unknown (<b>forbidden</b>) not seen" in page
    assert "2 of 9 events" in page
    assert "pod rustfs-0 is gone" in page
    raw = html.report(result)
    assert "<i>faulty" not in raw
    assert "<b>forbidden" not in raw
    assert "<details open><summary>2 of 9 events" in raw


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (3_330_176, "3.2 MiB"),
        (64 * 1024**3, "64.0 GiB"),
        (5000 * 1024**4, "5000.0 TiB"),
    ],
)
def test_sizes(count: int, expected: str) -> None:
    assert view.size(count) == expected
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
