"""What a publication needs beside itself is looked for: each reference once, those that are not served again."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from gate import limits
from gate.clock import SystemClock
from gate.model import records
from gate.model.basics import Label
from gate.model.policy import Secrets
from gate.probe import split_parts
from gate.probe.context import Publication
from gate.probe.publishing import expect
from gate.probe.reading import look_for_references
from gate.process import CancelToken
from tests.helpers import runs
from tests.helpers.runs import answer

NEEDED = tuple(runs.path_facts(f"needed-{number}") for number in range(5))
GONE = answer(404, '{"code":404,"error":"NoSuchObject","message":"x"}')
PATHS = tuple(replace(path, references=(NEEDED[0].store_path, NEEDED[1].store_path)) for path in runs.SOURCES)


class Attic:
    """A cache that has some paths, and says so from a number of looks on."""

    def __init__(self, has: Sequence[records.PathFacts], after: int = 0) -> None:
        self.has = {facts.store_path: facts for facts in has}
        self.after = after
        self.asked: list[str] = []

    def narinfo(self, cache: str, _token: object, path: str) -> records.HttpAnswer:
        assert cache == "main"
        self.asked.append(path)
        there = path in self.has and self.asked.count(path) > self.after
        return answer(body=runs.narinfo(self.has[path])) if there else GONE

    def missing_paths(self, cache: str, _token: object, _paths: object, label: Label) -> records.MissingAsked:
        return records.MissingAsked(label=label, cache=cache, answer=answer(body='{"missing_paths":[]}'))


def site_of(attic: Attic, written: list[records.Record], attempts: int = 3) -> Any:
    facts = {path.store_path: path for path in (*PATHS, *NEEDED)}
    return SimpleNamespace(
        attic=attic,
        nix=SimpleNamespace(path_facts=lambda paths: tuple(facts[path] for path in sorted(paths))),
        policy=runs.policy(read_attempts=attempts, read_spacing=0.0, min_paths=1),
        settings=SimpleNamespace(secrets=Secrets()),
        upstream_key_names={"main": ("cache.nixos.org-1",)},
        read_tokens={"main": None},
        cache_of=lambda _label: "main",
        seconds_left=lambda: 600.0,
        write=written.append,
    )


def world() -> Any:
    return SimpleNamespace(cancel=CancelToken(), clock=SystemClock())


def publication(*needed: records.PathFacts) -> Publication:
    names = tuple(path.store_path for path in needed)
    return Publication(label=Label.PROFILE, cache="main", facts={}, served=(), references=names)


def looks(written: list[records.Record]) -> list[tuple[str, int, int | None]]:
    rows = [row for row in written if isinstance(row, records.ReferenceLooked)]
    return [(row.store_path, row.attempt, row.narinfo.status) for row in rows]


def test_references_out_of_the_push_set_are_recorded_once_each() -> None:
    written: list[records.Record] = []
    result = expect(site_of(Attic(()), written), Label.PROFILE, [path.store_path for path in PATHS], [])
    (facts,) = [row for row in written if isinstance(row, records.ReferencesKnown)]
    expected = sorted(path.store_path for path in NEEDED[:2])
    assert [path.store_path for path in facts.paths] == expected
    assert facts.upstream_key_names == ("cache.nixos.org-1",)
    assert list(result.references) == expected


def test_a_closed_push_set_needs_nothing_and_records_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[records.Record] = []
    context = site_of(Attic(()), written)
    context.nix.path_facts = lambda paths: tuple(path for path in runs.SOURCES if path.store_path in paths)
    result = expect(context, Label.PROFILE, [path.store_path for path in runs.SOURCES], [])
    assert result.references == ()
    assert [row.kind for row in written] == ["push-set", "missing-paths"]
    monkeypatch.setattr(limits, "REFERENCES", 1)
    assert len(expect(site_of(Attic(()), []), Label.PROFILE, [PATHS[0].store_path], []).references) == 1


def test_each_is_asked_for_once_when_it_is_there() -> None:
    written: list[records.Record] = []
    attic = Attic(NEEDED)
    look_for_references(site_of(attic, written), world(), publication(*NEEDED))
    assert sorted(attic.asked) == sorted(path.store_path for path in NEEDED)
    assert looks(written) == [(path.store_path, 1, 200) for path in NEEDED]


@pytest.mark.row("ATS-14")
def test_ats_14_what_is_not_there_is_asked_for_again_and_the_first_answer_stays() -> None:
    written: list[records.Record] = []
    look_for_references(site_of(Attic(NEEDED[:1]), written), world(), publication(*NEEDED[:2]))
    absence = NEEDED[1].store_path
    assert looks(written) == [(NEEDED[0].store_path, 1, 200), *((absence, number, 404) for number in (1, 2, 3))]
    late: list[records.Record] = []
    look_for_references(site_of(Attic(NEEDED, after=1), late), world(), publication(NEEDED[0]))
    assert looks(late) == [(NEEDED[0].store_path, 1, 404), (NEEDED[0].store_path, 2, 200)]


def test_nothing_is_asked_when_the_run_was_cancelled_or_its_time_is_over() -> None:
    written: list[records.Record] = []
    cancelled = world()
    cancelled.cancel.cancel("enough")
    look_for_references(site_of(Attic(NEEDED), written), cancelled, publication(*NEEDED))
    late = site_of(Attic(NEEDED), written, attempts=1)
    late.seconds_left = lambda: -1.0
    look_for_references(late, world(), publication(*NEEDED))
    assert written == []


def test_a_split_run_s_reader_takes_of_references_what_the_plan_refers_to_and_no_more() -> None:
    """What the publishing job says is left to an upstream is decided here again, by signatures."""
    plan = records.PushSetKnown(
        label=Label.PROFILE, cache="main", paths=PATHS, outputs=(), upstream=(), upstream_key_names=()
    )
    result = records.ReferencesKnown(
        label=Label.PROFILE,
        cache="main",
        paths=NEEDED,
        upstream=tuple(path.store_path for path in NEEDED),
        upstream_key_names=("cache.nixos.org-1",),
    )
    written: list[records.Record] = []
    context = site_of(Attic(()), written)
    context.published = []
    what = split_parts._take_over(context, plan, result)
    (facts,) = [row for row in written if isinstance(row, records.ReferencesKnown)]
    expected = sorted(path.store_path for path in NEEDED[:2])
    assert [path.store_path for path in facts.paths] == expected
    assert (facts.upstream, list(what.references)) == ((), expected)
    assert split_parts._take_over(context, plan, None).references == ()
