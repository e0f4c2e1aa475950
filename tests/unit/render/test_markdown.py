"""The step summary: verdict first, details folded, never larger than GitHub shows."""

from dataclasses import replace

import pytest

from gate import limits
from gate.model.basics import Claim, Status
from gate.model.document import Action
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
    text = markdown.summary(samples.quarantined()).split("\n")
    strip = "lost at 09&#58;03&#58;45 while pushing; not back after; its data is still on disk"
    assert f"| `attic` | ✓✓✓ | ✗✗✗ | ✗✗✗ | {strip} |" in text
    assert f"**`push-path-failed`** (21): InternalServerError: {parts.INTERNAL.message}" in text
    logged = "server log at that time, a correlation and never a cause: 23 events at its push: NoSuchBucket"
    assert f"- `{parts.SOURCE}` (during)<br>{logged}" in text
    base = parts.OUTPUT.rpartition("/")[2]
    assert f"| profile | `{base}` | 112 B | deduplicated | HTTP 200 with no bytes |" in text
    assert text.index("### Failing") < next(at for at, line in enumerate(text) if "<summary>Unknown (" in line)


def test_actions_come_before_everything_else_and_no_finding_advises_against_them() -> None:
    evidence = samples.quarantined()
    actions = (Action(text="Stop."), Action(text="Capture.", command="publication-gate capture --output d"))
    doubt = parts.finding("push-failed", Status.INCONCLUSIVE, "profile", "exit 1", "Run the probe again.")
    result = replace(
        evidence,
        verdict=replace(evidence.verdict, actions=actions, prohibitions=("push again",)),
        findings=(*evidence.findings, doubt),
    )
    text = markdown.summary(result)
    assert "1. Stop.\n2. Capture.<br>`publication-gate capture --output d`\n\n**Don't** push again.\n" in text
    assert text.index("1. Stop.") < text.index("| bucket |")
    assert "Run the probe again." not in text


def test_it_stays_short_however_many_paths_there_are() -> None:
    """look.md 40: under 20 kB, the paths that are not whole, a hundred of them at most."""
    evidence = samples.quarantined()
    path = next(path for path in evidence.push.paths if path.error)
    many = tuple(replace(path, store_path=f"/nix/store/{number:032d}-source") for number in range(10_000))
    text = markdown.summary(replace(evidence, push=replace(evidence.push, paths=many), bodies=()))
    assert text.count("-source` |") == limits.SUMMARY_PATHS
    assert "9900 more are in report.html and evidence.json." in text
    assert len(text.encode()) < 40_000
    assert len(markdown.summary(evidence).encode()) < 20_000


def test_what_is_folded_is_closed_again() -> None:
    for sample in samples.ALL.values():
        text = markdown.summary(sample())
        assert text.count("<details>") == text.count("</details>")
    assert markdown.summary(samples.quarantined()).count("<details>") == 7
    assert markdown.summary(samples.stopped()).count("<details>") == 2


def test_whole_paths_and_those_of_an_upstream_are_left_out() -> None:
    good = samples.passed()
    upstream = parts.push_path(3, Claim.IN_UPSTREAM)
    text = markdown.summary(replace(good, push=replace(good.push, paths=(upstream,)), bodies=()))
    assert "did not come back whole" not in text
    assert "did not come back whole" not in markdown.summary(good)


def test_a_doubted_claim_is_marked() -> None:
    good = samples.passed()
    path = replace(parts.push_path(3, Claim.UNACCOUNTED), doubted=True)
    text = markdown.summary(replace(good, push=replace(good.push, paths=(path,)), bodies=()))
    assert "| 37,035 B | unaccounted, doubted | not to be served by this cache, or never reached |" in text


def test_subjects_beyond_the_limit_are_counted() -> None:
    one = parts.finding("push-path-failed", Status.FAIL, "s", "failed", "")
    many = tuple(
        replace(one, subject=f"path-{number}", summary=f"failed {number}") for number in range(limits.PAGE_SUBJECTS + 3)
    )
    text = markdown.summary(replace(samples.quarantined(), findings=many))
    assert "- `path-0` (post): failed 0" in text
    assert text.count("- `path-") == limits.PAGE_SUBJECTS
    assert "- and 3 more, in evidence.json under `findings`" in text


@pytest.mark.parametrize("length", [200, 2000])
def test_a_summary_over_the_cap_is_cut_and_says_so(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SUMMARY_BYTES", 20_000)
    good = samples.quarantined()
    failed = next(path for path in good.push.paths if path.error)
    paths = tuple(
        replace(failed, store_path=f"/nix/store/{number:05d}-{'é' * length}") for number in range(limits.PATHS_MAX)
    )
    text = markdown.summary(replace(good, push=replace(good.push, paths=paths), bodies=()))
    assert limits.SUMMARY_BYTES - 2048 < len(text.encode()) <= limits.SUMMARY_BYTES
    assert text.endswith("evidence.json and report.html in the artifact have all of it._\n")
    assert text.count("<details>") == text.count("</details>")


def test_a_summary_is_cut_before_a_section_that_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = markdown.summary(samples.quarantined())
    monkeypatch.setattr(limits, "SUMMARY_BYTES", 700)
    text = markdown.summary(samples.quarantined())
    remaining, _, _ = text.partition("\n_Cut here")
    assert len(text.encode()) <= 700
    assert remaining
    assert whole.startswith(remaining)
