"""A run of a profile that the cache knows already passes by its twin, and by nothing less than a whole one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gate.model import records
from gate.model.basics import Label, Phase
from tests.helpers import runs
from tests.helpers.runs import Run, answer, cached, healthy

Break = Callable[[Run], Run]
FIRST = runs.TWINS[0].store_path
ATTIC_404 = '{"code":404,"error":"NoSuchObject","message":"The requested object does not exist."}'
STORAGE = "InternalServerError: The server encountered an internal error or misconfiguration."


def without_twin(run: Run, *kinds: type) -> Run:
    """The run without these records of its twin: without its push set nothing of it is told at all."""

    def keep(record: Any) -> bool:
        name = record.name if isinstance(record, records.ChildEnded | records.CaptureClosed) else ""
        of_twin = getattr(record, "label", None) is Label.TWIN or name in ("push:twin", "push-twin.log")
        return not (of_twin and isinstance(record, kinds or records.Record))

    files = {name: data for name, data in run.files.items() if kinds or name != "push-twin.log"}
    return Run(tuple(record for record in run.records if keep(record)), files)


def twin_log(log: bytes, **child: Any) -> Break:
    def change(record: records.ChildEnded) -> records.ChildEnded:
        return replace(record, **child) if record.name == "push:twin" else record

    return lambda run: run.change(records.ChildEnded, change).with_file("push-twin.log", log)


def failing(error: str) -> bytes:
    line = f"❌ {FIRST.removeprefix('/nix/store/')}: {error}\nError: {error}\n".encode()
    return runs.push_log(runs.TWINS[1:], announced=len(runs.TWINS)) + line


def deduplicated(count: int) -> bytes:
    written = runs.TWINS[count:]
    lines = "".join(f"✅ {path.store_path[11:]} (deduplicated)\n" for path in runs.TWINS[:count])
    return runs.push_log(written, announced=len(runs.TWINS)) + lines.encode()


def nar(**changes: Any) -> Break:
    def change(record: Any) -> records.BodyRead:
        changed = replace(record, nar=replace(record.nar, **changes)) if record.store_path == FIRST else record
        assert isinstance(changed, records.BodyRead)
        return changed

    return lambda run: run.change(records.BodyRead, change)


BREAKS: dict[str, tuple[Break, str, tuple[str, str]]] = {
    "no twin": (without_twin, "inconclusive", ("push-not-run", "inconclusive")),
    "no twin, by policy": (
        lambda run: without_twin(run).with_policy(twin="never"),
        "inconclusive",
        ("push-not-representative", "inconclusive"),
    ),
    "planned and not pushed": (
        lambda run: without_twin(run, records.ChildEnded, records.BodyRead),
        "inconclusive",
        ("push-not-run", "inconclusive"),
    ),
    "not read": (lambda run: without_twin(run, records.BodyRead), "inconclusive", ("body-unread", "inconclusive")),
    "storage error": (twin_log(failing(STORAGE), exit=1), "quarantine", ("push-path-failed", "fail")),
    "proxy 413": (
        twin_log(failing("HTTP 413 Payload Too Large: <html>"), exit=1),
        "inconclusive",
        ("push-path-refused", "inconclusive"),
    ),
    "no result": (
        twin_log(runs.push_log(runs.TWINS[1:], announced=len(runs.TWINS))),
        "inconclusive",
        ("push-unaccounted", "inconclusive"),
    ),
    "nothing written": (twin_log(deduplicated(11)), "inconclusive", ("push-wrote-nothing", "inconclusive")),
    "too little written": (twin_log(deduplicated(2)), "inconclusive", ("push-not-representative", "inconclusive")),
    "empty body": (
        nar(wire_bytes=0, nar_bytes=0, curl=18, clean_end=False, well_formed=False),
        "quarantine",
        ("body-empty", "fail"),
    ),
    "gone after post": (
        lambda run: run.with_record(
            runs.body_read(Label.TWIN, runs.TWINS[0], again_after_post=True, narinfo=answer(404, ATTIC_404), nar=None)
        ),
        "quarantine",
        ("body-missing", "fail"),
    ),
    "capture lost": (
        lambda run: Run(run.records, {name: data for name, data in run.files.items() if name != "push-twin.log"}),
        "inconclusive",
        ("capture-missing", "inconclusive"),
    ),
}


def test_a_cached_profile_passes_by_its_twin() -> None:
    findings, verdict = cached().judged()
    assert verdict.word.value == "pass", cached().rows()
    assert ("push-clean", "twin") in {(row.code, row.subject) for row in findings}
    facts = cached().facts()
    assert [attempt.label.value for attempt in facts.push.attempts] == ["canary", "twin", "profile"]
    assert (facts.coverage.fresh_profile, facts.coverage.fresh_twin) == (0, 11)


@pytest.mark.parametrize("name", list(BREAKS))
def test_each_break_of_a_twin_has_its_code_and_verdict(name: str) -> None:
    change, word, row = BREAKS[name]
    run = change(cached())
    assert run.word() == word, run.rows()
    assert row in run.rows()


@pytest.mark.parametrize("name", list(BREAKS))
def test_a_broken_twin_is_no_better_where_the_profile_was_fresh(name: str) -> None:
    """The twin that was begun counts, whether it was due or not; only one that never was is not missed."""
    labelled = [record for record in cached().records if getattr(record, "label", None) is Label.TWIN]
    watched = runs.sample(Phase.DURING, 9)  # just before the push's end, as the watch writes it
    twin = [
        *(record for record in labelled if not isinstance(record, records.BodyRead)),
        watched,
        *(record for record in cached().records if getattr(record, "name", "") in ("push:twin", "push-twin.log")),
        *(record for record in labelled if isinstance(record, records.BodyRead)),
    ]
    base = healthy()
    post = next(number for number, row in enumerate(base.records) if getattr(row, "phase", None) is Phase.POST)
    both = Run(
        (*base.records[:post], *twin, *base.records[post:]),
        {**base.files, "push-twin.log": cached().files["push-twin.log"]},
    )
    assert both.word() == "pass"
    broken = BREAKS[name][0](both)
    assert broken.word() == ("pass" if name in UNMISSED else BREAKS[name][1]), broken.rows()


UNMISSED = ("no twin", "no twin, by policy", "too little written")


def test_a_twin_that_is_always_wanted_is_missed() -> None:
    fresh = healthy().with_policy(twin="always")
    assert fresh.rows() == {("push-not-run", "inconclusive")}
    assert [row.subject for row in fresh.judged()[0] if row.code == "push-not-run"] == ["twin"]
    assert healthy().with_policy(twin="always", min_fresh=1).word() == "inconclusive"
    assert cached().with_policy(twin="always").word() == "pass"


def test_a_profile_that_is_not_representative_needs_no_twin() -> None:
    assert healthy().with_policy(min_fresh=1).word() == "pass"
    assert without_twin(cached()).with_policy(min_fresh=1).rows() == {("push-not-representative", "inconclusive")}


def test_a_profile_that_was_fresh_and_failed_does_not_call_for_a_twin() -> None:
    lines = "".join(f"❌ {path.store_path[11:]}: {STORAGE}\n" for path in runs.SOURCES)
    head = runs.push_log((), announced=len(runs.SOURCES))
    broken = healthy().with_file("push-profile.log", head + lines.encode())
    assert broken.word() == "quarantine"
    assert "push-not-run" not in {code for code, _ in broken.rows()}


def test_where_the_cache_was_not_asked_a_twin_is_due() -> None:
    unasked = healthy().change(
        records.MissingAsked,
        lambda record: replace(record, answer=answer(403)) if record.label is Label.PROFILE else record,
    )
    assert [row.subject for row in unasked.judged()[0] if row.code == "push-not-run"] == ["twin"]


def test_paths_that_are_left_to_upstream_are_not_fresh() -> None:
    """The cache lacks all 11, and two of them it is never given."""

    def change(record: records.PushSetKnown) -> records.PushSetKnown:
        signed = tuple(map(runs.of_upstream, record.paths[:2]))
        result = replace(record, paths=(*signed, *record.paths[2:]), upstream_key_names=(runs.UPSTREAM,))
        return result if record.label is Label.PROFILE else record

    log = runs.push_log(runs.SOURCES[2:]).replace(b"0 in upstream", b"2 in upstream")
    run = healthy().with_policy(upstream_keys=(runs.UPSTREAM_KEY,))
    run = run.change(records.PushSetKnown, change).with_file("push-profile.log", log)
    assert run.rows() == {("push-not-run", "inconclusive"), ("push-not-representative", "inconclusive")}
    assert run.with_policy(min_fresh=9, upstream_keys=(runs.UPSTREAM_KEY,)).word() == "pass"


def test_a_twin_is_not_asked_for_where_the_profile_was_not_pushed() -> None:
    unpushed = healthy().change(records.ChildEnded, lambda record: record if record.name != "push:profile" else None)
    assert [row.subject for row in unpushed.judged()[0] if row.code == "push-not-run"] == ["profile"]


def wholly_deduplicated(run: Run, label: str, count: int) -> Run:
    """The run where the server says of so many uploads of a publication that it had all of their chunks."""
    log = run.files[f"push-{label}.log"].replace(b"(8.31 KiB/s)", b"(8.31 KiB/s, 100.0% deduplicated)", count)
    return run.with_file(f"push-{label}.log", log)


@pytest.mark.row("TRU-10")
@pytest.mark.parametrize("count", [1, 11])
def test_uploads_that_wrote_nothing_are_not_fresh(count: int) -> None:
    """One alone shows that chunks outlived their NARs; then a small NAR's silence proves no write either."""
    product = wholly_deduplicated(healthy(), "profile", count)
    assert product.rows() == {("push-not-representative", "inconclusive")}
    (result,) = [row.summary for row in product.judged()[0] if row.code == "push-not-representative"]
    assert result == (
        "0 fresh paths of the profile and 0 of its twin are shown to be written, expected 10; "
        f"the server had all chunks of {count} uploaded paths before"
    )
    assert product.facts().coverage.fresh_paths == 2  # the canary pair


@pytest.mark.row("ATS-02")
def test_a_cache_that_says_that_it_has_all_is_no_proof_of_a_write() -> None:
    assert without_twin(cached()).with_policy(twin="never").rows() == {("push-not-representative", "inconclusive")}


@pytest.mark.row("TRU-10")
def test_a_twin_after_the_push_shows_a_write() -> None:
    labelled = [record for record in cached().records if getattr(record, "label", None) is Label.TWIN]
    base = wholly_deduplicated(healthy(), "profile", 11)
    post = next(number for number, row in enumerate(base.records) if getattr(row, "phase", None) is Phase.POST)
    twin = [
        *(record for record in labelled if not isinstance(record, records.BodyRead)),
        runs.sample(Phase.DURING, 9),
        *(record for record in cached().records if getattr(record, "name", "") in ("push:twin", "push-twin.log")),
        *(record for record in labelled if isinstance(record, records.BodyRead)),
    ]
    files = {**base.files, "push-twin.log": cached().files["push-twin.log"]}
    both = Run((*base.records[:post], *twin, *base.records[post:]), files)
    assert both.word() == "pass", both.rows()
    assert [attempt.label.value for attempt in both.facts().push.attempts] == ["canary", "profile", "twin"]
    assert (both.facts().coverage.fresh_profile, both.facts().coverage.fresh_twin) == (0, 11)


@pytest.mark.parametrize("label", ["canary", "twin"])
def test_a_cache_that_had_the_content_of_a_nonce_is_not_believed(label: str) -> None:
    rows = wholly_deduplicated(cached(), label, 1).rows()
    assert ("push-nonce-known", "inconclusive") in rows
