"""The order of harm: canary pair, twin, profile, each only when the one before was whole; and how a twin is made."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gate.errors import InconclusiveError
from gate.model import records
from gate.model.basics import Label
from gate.model.facts import TwinFile
from gate.model.policy import Secrets
from gate.probe import plan, twin
from gate.process import CancelToken
from tests.helpers import runs
from tests.helpers.runs import answer

CHAIN = tuple(
    replace(facts, references=(runs.SOURCES[number - 1].store_path,) if number else ())
    for number, facts in enumerate(runs.SOURCES)
)


class FakeStore:
    """Makes what is planned, or something ``off`` by so many bytes."""

    def __init__(self, off: int = 0) -> None:
        self.facts: dict[str, records.PathFacts] = {}
        self.off = off

    def add_twin(self, name: str, files: Sequence[TwinFile]) -> tuple[str, ...]:
        result: list[str] = []
        for number, file in enumerate(files):
            facts = runs.path_facts(f"{name}-{number + 1}", file.nar_size + self.off)
            result.append(facts.store_path)
            references = tuple(result[other] for other in file.references)
            self.facts[facts.store_path] = replace(facts, references=references)
        return tuple(result)

    def path_facts(self, paths: Sequence[str]) -> tuple[records.PathFacts, ...]:
        return tuple(self.facts[path] for path in sorted(paths))


class FakeSite:
    """A site whose journal has the profile's push set, of which the cache lacks the first ``fresh`` paths."""

    split = False
    directory = Path()

    def __init__(self, fresh: int = 0, off: int = 0, **policy: object) -> None:
        self.policy = runs.policy(**policy)
        self.settings = SimpleNamespace(secrets=Secrets())
        self.nix = FakeStore(off)
        self.attic = SimpleNamespace(missing_paths=lambda cache, token, paths, label: asked(label, paths, cache))
        self.upstream_key_names: dict[str, tuple[str, ...]] = {}
        self.written: list[records.Record] = []
        self.write(
            records.PushSetKnown(
                label=Label.PROFILE, cache="main", paths=CHAIN, outputs=(), upstream=(), upstream_key_names=()
            )
        )
        self.write(asked(Label.PROFILE, [path.store_path for path in CHAIN[:fresh]], "main"))

    def write(self, record: records.Record) -> None:
        self.written.append(record)

    @property
    def entries(self) -> list[records.Entry]:
        return runs.entries(self.written, chained=False)

    def cache_of(self, label: Label) -> str:
        return "main" if label is Label.PROFILE else "probe"

    def skipped(self) -> list[tuple[str, str]]:
        marks = [record for record in self.written if isinstance(record, records.StageMark)]
        return [(mark.name, mark.note) for mark in marks if mark.state == "skipped"]


def asked(label: Label, paths: Sequence[str], cache: str) -> records.MissingAsked:
    body = '{"missing_paths":[' + ",".join(f'"{path[11:43]}"' for path in paths) + "]}"
    return records.MissingAsked(label=label, cache=cache, answer=answer(200, body))


def world() -> Any:
    quiet = SimpleNamespace(stage=lambda name: None)
    return SimpleNamespace(nonce="aa", cancel=CancelToken(), progress=quiet)


def push_all(monkeypatch: pytest.MonkeyPatch, context: FakeSite, *, whole: dict[Label, bool]) -> list[str]:
    """What is pushed, in order, when each publication comes back as ``whole`` says."""
    pushed: list[str] = []
    built = SimpleNamespace(paths=(), outputs=())
    pair, profile = (SimpleNamespace(label=label) for label in (Label.CANARY, Label.PROFILE))

    def one(context: Any, world: Any, what: Any) -> bool:
        pushed.append(what.label.value)
        return whole.get(what.label, True)

    monkeypatch.setattr(plan, "build_profile", lambda context, world: built)
    monkeypatch.setattr(plan, "expect", lambda *_: profile)
    monkeypatch.setattr(plan, "canaries", lambda context, world: pair)
    monkeypatch.setattr(plan, "_publish_one", one)
    site_or_any: Any = context
    plan.publish_all(site_or_any, world())
    return pushed


ALL = ["canary", "twin", "profile"]


@pytest.mark.parametrize(
    ("context", "pushed"),
    [
        (FakeSite(fresh=11), ALL),
        (FakeSite(fresh=11, twin="never"), ["canary", "profile"]),
        (FakeSite(fresh=11, min_fresh=1), ["canary", "profile"]),
    ],
    ids=["fresh", "never", "not representative"],
)
def test_the_publishing_job_of_a_split_run_publishes_a_twin_however_fresh_the_profile_is(
    monkeypatch: pytest.MonkeyPatch, context: FakeSite, pushed: list[str]
) -> None:
    """That the cache lacked the profile's paths is this job's own word."""
    context.split = True
    assert push_all(monkeypatch, context, whole={}) == pushed


@pytest.mark.parametrize(
    ("context", "whole", "pushed", "skipped"),
    [
        (FakeSite(), {}, ALL, []),
        (FakeSite(fresh=9), {}, ALL, []),
        (
            FakeSite(fresh=10),
            {},
            ["canary", "profile"],
            [("twin", "10 paths of the profile are fresh and 10 are wanted, so it needs no twin")],
        ),
        (FakeSite(fresh=11, twin="always"), {}, ALL, []),
        (
            FakeSite(twin="never"),
            {},
            ["canary", "profile"],
            [("twin", "the settings say that no twin is to be published")],
        ),
        (
            FakeSite(),
            {Label.CANARY: False},
            ["canary"],
            [("publish", "the canary pair was not published and read back whole, so the profile was not pushed")],
        ),
        (
            FakeSite(),
            {Label.TWIN: False},
            ["canary", "twin"],
            [("publish", "the twin was not published and read back whole, so the profile was not pushed")],
        ),
        (
            FakeSite(off=8),
            {},
            ["canary"],
            [("publish", "the twin was not published and read back whole, so the profile was not pushed")],
        ),
        (FakeSite(publish_anyway=True), {Label.CANARY: False, Label.TWIN: False}, ALL, []),
    ],
)
def test_the_order_of_harm(
    monkeypatch: pytest.MonkeyPatch,
    context: FakeSite,
    whole: dict[Label, bool],
    pushed: list[str],
    skipped: list[tuple[str, str]],
) -> None:
    assert push_all(monkeypatch, context, whole=whole) == pushed
    assert context.skipped() == skipped


def test_a_twin_goes_to_the_probe_cache_with_the_nonce_in_its_names() -> None:
    context: Any = FakeSite()
    result = twin.twin(context, world())
    assert (result.label, result.cache, len(result.facts)) == (Label.TWIN, "probe", 11)
    names = {path[len("/nix/store/") + 33 :] for path in result.served}
    assert names == {f"publication-gate-twin-aa-{number}" for number in range(1, 12)}
    assert sorted(path.nar_size for path in result.facts.values()) == [200] * 11
    assert sorted(len(path.references) for path in result.facts.values()) == [0, *[1] * 10]
    facts = [
        record for record in context.written if isinstance(record, records.PushSetKnown) and record.label is Label.TWIN
    ]
    assert [set(record.paths) for record in facts] == [set(result.facts.values())]
    assert isinstance(context.written[-1], records.MissingAsked)
    assert context.written[-1].label is Label.TWIN


def test_a_twin_keeps_the_profiles_caps() -> None:
    context: Any = FakeSite(max_paths=4, max_bytes=700)
    result = twin.twin(context, world())
    assert len(result.facts) == 4
    assert sum(path.nar_size for path in result.facts.values()) <= 700


def test_what_is_not_as_planned_is_told() -> None:
    context: Any = FakeSite(off=8)
    with pytest.raises(InconclusiveError, match="path 0 of the twin has a NAR of 208 bytes, expected 200, and 10 more"):
        twin.twin(context, world())


def test_caps_without_room_are_told() -> None:
    context: Any = FakeSite(max_bytes=100)
    with pytest.raises(InconclusiveError, match="The caps of medium-check leave no room for a twin"):
        twin.twin(context, world())


def pushed(context: FakeSite, folder: Path, line: str, **policy: object) -> Any:
    """The site after the profile's push, whose client said this of every path."""
    context.directory = folder
    if policy:
        context.policy = runs.policy(**policy)
    log = runs.push_log(CHAIN).replace(b"(8.31 KiB/s)", line.encode())
    (folder / "push-profile.log").write_bytes(log)
    context.write(runs.child("push:profile", "push-profile.log"))
    return context


NOTHING = "(8.31 KiB/s, 100.0% deduplicated)"


@pytest.mark.row("TRU-10")
def test_a_twin_is_due_after_a_push_that_wrote_nothing(tmp_path: Path) -> None:
    assert twin.due_after(pushed(FakeSite(fresh=11), tmp_path, NOTHING))
    assert twin.due_after(pushed(FakeSite(fresh=11), tmp_path, "(8.31 KiB/s, 20.0% deduplicated)"))
    assert not twin.due_after(pushed(FakeSite(fresh=11), tmp_path, "(8.31 KiB/s)"))
    assert not twin.due_after(pushed(FakeSite(fresh=11), tmp_path, NOTHING, twin="never"))
    assert not twin.due_after(pushed(FakeSite(fresh=11), tmp_path, NOTHING, min_fresh=1))
    before = pushed(FakeSite(fresh=11), tmp_path, NOTHING)
    twin.twin(before, world())
    assert not twin.due_after(before)
    lost = pushed(FakeSite(fresh=11), tmp_path, NOTHING)
    (tmp_path / "push-profile.log").unlink()
    assert not twin.due_after(lost)
    unpushed: Any = FakeSite(fresh=11)
    assert not twin.due_after(unpushed)


@pytest.mark.row("TRU-10")
@pytest.mark.parametrize(
    ("whole", "order"),
    [({}, ["canary", "profile", "twin"]), ({Label.PROFILE: False}, ["canary", "profile"])],
)
def test_the_twin_after_the_push_is_published(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, whole: dict[Label, bool], order: list[str]
) -> None:
    assert push_all(monkeypatch, pushed(FakeSite(fresh=11), tmp_path, NOTHING), whole=whole) == order
