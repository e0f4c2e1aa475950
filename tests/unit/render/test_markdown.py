"""The step summary: verdict first, details folded, never larger than GitHub shows."""

from dataclasses import replace

import pytest

from gate import limits
from gate.model.basics import Claim, Status
from gate.render import markdown
from tests.unit.render import parts, samples


@pytest.mark.parametrize(
    ("name", "alert"),
    [("pass", "NOTE"), ("quarantine", "CAUTION"), ("inconclusive", "WARNING")],
)
def test_the_verdict_comes_first(name: str, alert: str) -> None:
    first, second, third = markdown.summary(samples.ALL[name]()).split("\n")[:3]
    assert first == f"> [!{alert}]"
    assert second.startswith(f"> **{name.upper()}: ")
    assert third == ""


def test_the_incident() -> None:
    shown = markdown.summary(samples.quarantined()).split("\n")
    assert "| `attic` | indexed | index-lost | index-lost |" in shown
    assert "First loss during a push: `2026-05-13T09:03:53.000Z`" in shown
    assert f"**`push-path-failed`** (21): InternalServerError: {parts.INTERNAL.message}" in shown
    logged = "server log at that time, a correlation and never a cause: 23 events at its push: NoSuchBucket"
    assert f"- `{parts.SOURCE}` (during)<br>{logged}" in shown
    assert f"| profile | `{parts.OUTPUT}` | 112 B | deduplicated | `body-empty` (fail) |" in shown
    assert (
        shown.index("### Failing")
        < shown.index("### Inconclusive")
        < shown.index("### What this verdict is, and is not")
    )


def test_what_is_folded_is_closed_again() -> None:
    for sample in samples.ALL.values():
        shown = markdown.summary(sample())
        assert shown.count("<details>") == shown.count("</details>")
    assert markdown.summary(samples.quarantined()).count("<details>") == 4
    assert markdown.summary(samples.stopped()).count("<details>") == 0


def test_a_path_that_this_cache_need_not_serve_is_not_read() -> None:
    good = samples.passed()
    upstream = parts.push_path(3, Claim.IN_UPSTREAM)
    shown = markdown.summary(replace(good, push=replace(good.push, paths=(upstream,)), bodies=()))
    assert f"| profile | `{parts.store_path(3)}` | 37,035 B | in-upstream | not read |" in shown


def test_a_doubted_claim_is_marked() -> None:
    good = samples.passed()
    path = replace(parts.push_path(3, Claim.UNACCOUNTED), doubted=True)
    assert "| 37,035 B | unaccounted, doubted | `body-whole` (pass) |" in markdown.summary(
        replace(good, push=replace(good.push, paths=(path,)))
    )


def test_subjects_beyond_the_limit_are_counted() -> None:
    one = parts.finding("push-path-failed", Status.FAIL, "s", "failed", "")
    many = tuple(
        replace(one, subject=f"path-{number}", summary=f"failed {number}")
        for number in range(limits.LISTED_SUBJECTS + 3)
    )
    shown = markdown.summary(replace(samples.quarantined(), findings=many))
    assert "- `path-0` (post): failed 0" in shown
    assert shown.count("- `path-") == limits.LISTED_SUBJECTS
    assert "- and 3 more, in evidence.json under `findings`" in shown


@pytest.mark.parametrize("length", [200, 2000])
def test_a_summary_over_the_cap_is_cut_and_says_so(length: int) -> None:
    good = samples.passed()
    paths = tuple(
        replace(parts.push_path(2, Claim.UPLOADED), store_path=f"/nix/store/{number:05d}-{'é' * length}")
        for number in range(limits.PATHS_MAX)
    )
    shown = markdown.summary(replace(good, push=replace(good.push, paths=paths), bodies=()))
    assert limits.SUMMARY_BYTES - 1024 < len(shown.encode()) <= limits.SUMMARY_BYTES
    assert shown.endswith("evidence.json and report.html in the artifact have all of it._\n")
    assert shown.count("<details>") == shown.count("</details>")


def test_a_summary_is_cut_before_a_section_that_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = markdown.summary(samples.quarantined())
    monkeypatch.setattr(limits, "SUMMARY_BYTES", 700)
    shown = markdown.summary(samples.quarantined())
    kept, _, _ = shown.partition("\n_Cut here")
    assert len(shown.encode()) <= 700
    assert kept
    assert whole.startswith(kept)
