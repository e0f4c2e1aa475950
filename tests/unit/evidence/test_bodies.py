"""A path of which the cache has another NAR than the local store: another build of it, or something foreign."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gate.evidence.bodies import Expected, fold_body
from gate.model import records
from gate.model.basics import Claim, Label, VerdictWord
from tests.helpers import runs
from tests.helpers.runs import Run, answer, healthy


def told(*paths: records.PathFacts) -> records.HttpAnswer:
    """The cache's answer when it lacks these paths."""
    return answer(body=json.dumps({"missing_paths": [path.store_path[11:43] for path in paths]}))


TARGET = runs.SOURCES[0]
OTHER = replace(TARGET, nar_hash="sha256:" + "0" * 52, nar_size=3 * TARGET.nar_size)
CACHED = '⚙️ Pushing 10 paths to "main" on "gate" (1 already cached, 0 in upstream)...\n'
NAMES = [path.store_path.removeprefix("/nix/store/") for path in runs.SOURCES]
DONE = "".join(f"✅ {name} (8.31 KiB/s)\n" for name in NAMES[1:])


def rebuilt(log_text: str = CACHED + DONE, *, lacked: int = 10, facts: records.PathFacts = TARGET, **read: Any) -> Run:
    """The healthy run whose profile has a path of which the cache has another NAR, whole and in accord with itself.

    ``lacked`` is how many of the profile's paths the cache says it lacks, the others first.
    """

    def lack(record: records.MissingAsked) -> records.MissingAsked:
        return replace(record, answer=told(*runs.SOURCES[::-1][:lacked])) if record.label is Label.PROFILE else record

    def change(record: records.BodyRead) -> records.BodyRead:
        changes = {"narinfo": answer(body=runs.narinfo(OTHER)), "nar": runs.good_nar(OTHER), **read}
        return replace(record, **changes) if record.store_path == TARGET.store_path else record

    def plan(record: records.PushSetKnown) -> records.PushSetKnown:
        return replace(record, paths=tuple(facts if path == TARGET else path for path in record.paths))

    run = (
        healthy().change(records.MissingAsked, lack).change(records.BodyRead, change).change(records.PushSetKnown, plan)
    )
    return run.with_file("push-profile.log", log_text.encode())


@pytest.mark.row("NIX-13")
def test_another_build_that_was_in_the_cache_before_is_no_loss_and_no_pass() -> None:
    run = rebuilt()
    (row,) = [row for row in run.judged()[0] if row.subject == TARGET.store_path and row.code.startswith("body-")]
    assert (row.code, row.status.value) == ("body-non-reproducible", "inconclusive")
    assert OTHER.nar_hash in row.summary
    assert TARGET.nar_hash in row.summary
    assert "nix build --rebuild" in row.remedy
    assert run.rows() == {("body-non-reproducible", "inconclusive")}
    verdict = run.judged()[1]
    assert (verdict.word, verdict.exit_code) == (VerdictWord.INCONCLUSIVE, 3)


UPLOADED = runs.push_log(runs.SOURCES).decode()
DEDUPLICATED = UPLOADED.replace(f"{NAMES[0]} (8.31 KiB/s)", f"{NAMES[0]} (deduplicated)")
UNSIGNED = re.sub(r"Sig: .*\n", "", runs.narinfo(OTHER))
MISSIGNED = runs.narinfo(OTHER).replace("Sig: main:", "Sig: other:")


@pytest.mark.row("NIX-13")
@pytest.mark.parametrize(
    "run",
    [
        pytest.param(lambda: rebuilt(UPLOADED, lacked=11), id="this run wrote it"),
        pytest.param(lambda: rebuilt(DEDUPLICATED, lacked=11), id="this run published it by what was there"),
        pytest.param(lambda: rebuilt(nar=None), id="its body was not read"),
        pytest.param(lambda: rebuilt(nar=replace(runs.good_nar(OTHER), sha256="1" * 52)), id="not its own hash"),
        pytest.param(lambda: rebuilt(nar=runs.good_nar(TARGET)), id="the body is ours, the narinfo is not"),
        pytest.param(lambda: rebuilt(nar=replace(runs.good_nar(OTHER), clean_end=False)), id="not to its end"),
        pytest.param(lambda: rebuilt(nar=replace(runs.good_nar(OTHER), well_formed=False)), id="no NAR"),
        pytest.param(lambda: rebuilt(nar=replace(runs.good_nar(OTHER), skipped_bytes=9)), id="hidden bytes"),
        pytest.param(lambda: rebuilt(nar=replace(runs.good_nar(OTHER), curl=18, error="cut")), id="misframed"),
        pytest.param(lambda: rebuilt(narinfo=answer(body=UNSIGNED)), id="unsigned"),
        pytest.param(lambda: rebuilt(narinfo=answer(body=MISSIGNED)), id="signed by another key"),
        pytest.param(
            lambda: rebuilt(narinfo=answer(body=runs.narinfo(OTHER).replace("URL: nar/", "URL: /nar/"))), id="its URL"
        ),
        pytest.param(lambda: rebuilt(facts=replace(TARGET, content_addressed=True)), id="its content makes its name"),
        pytest.param(lambda: rebuilt(facts=replace(TARGET, ultimate=False)), id="not built on this machine"),
    ],
)
def test_every_other_narhash_is_a_foreign_body(run: Callable[[], Run]) -> None:
    """Where the cache's NAR is not shown to be another build, users get bytes that the trusted build did not make."""
    outcome = run()
    assert ("body-foreign", "fail") in outcome.rows()
    assert outcome.word() == "quarantine"


@pytest.mark.row("NIX-13")
def test_a_canary_or_a_twin_has_no_other_build() -> None:
    for label in Label:
        expected = Expected(
            label=label, cache="main", facts=TARGET, claim=Claim.ALREADY_CACHED, public_key=runs.PUBLIC_KEY
        )
        read = runs.body_read(label, TARGET, narinfo=answer(body=runs.narinfo(OTHER)), nar=runs.good_nar(OTHER))
        changes = "body-non-reproducible" if label is Label.PROFILE else "body-foreign"
        assert fold_body(expected, [("", read)]).reads[0].code == changes
        assert fold_body(replace(expected, public_key=None), [("", read)]).reads[0].code == "body-foreign"
        assert fold_body(replace(expected, doubted=True), [("", read)]).reads[0].code == "body-foreign"
