"""Lies of the other jobs of a split run: sealed parts that say what is not so, joined and judged."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from gate.model import records
from gate.model.basics import Label, Phase, VerdictWord
from gate.model.machine import NixRead
from gate.model.split import PartName, Previous
from tests.helpers import parts, runs
from tests.helpers.parts import Split, healthy
from tests.liars.lie import Hearer, Lie, Party

Change = Callable[[Split], Split]


class JobLiar(Hearer):
    """One part of a healthy split run is changed before it is sealed."""

    @staticmethod
    def change(split: Split) -> Split:
        raise NotImplementedError

    def decide(self, folder: Path) -> tuple[VerdictWord, tuple[str, ...]]:
        split = self.change(healthy())
        self.count = split.joined() != healthy().joined()
        verdict = split.judged().verdict
        return verdict.word, verdict.codes

    def truth(self, folder: Path) -> VerdictWord:
        return healthy().judged().verdict.word


def _edit(part: PartName, kind: type, **changes: Any) -> Change:
    return lambda split: split.change(part, kind, lambda record: replace(record, **changes))


def _drop(part: PartName, kind: type) -> Change:
    return lambda split: split.change(part, kind, lambda record: None)


def _other_content(split: Split) -> Split:
    """The publishing job built something else than the flake has, and is consistent about it."""
    other = tuple(
        replace(path, nar_hash=runs.path_facts(f"other-{number}").nar_hash) for number, path in enumerate(runs.SOURCES)
    )
    hashes = {path.store_path: path.nar_hash for path in other}
    return parts.replace_set(split, Label.PROFILE, other).change(
        "publish", NixRead, lambda row: replace(row, nar_hash=hashes.get(row.store_path, row.nar_hash))
    )


def _all_upstream(split: Split) -> Split:
    def claim(record: records.PushSetKnown) -> records.PushSetKnown:
        everything = tuple(path.store_path for path in record.paths)
        return replace(record, upstream=everything) if record.label is Label.PROFILE else record

    return split.change("publish", records.PushSetKnown, claim).change(
        "post", records.BodyRead, lambda record: None if record.label is Label.PROFILE else record
    )


def _later(split: Split) -> Split:
    """The pushes are dated some seconds later than they were."""
    return replace(split, starts={**split.starts, "publish": split.starts["publish"] + 4})


def _row(name: str, text: str, change: Change, claims: tuple[str, ...], **more: Any) -> Lie:
    liar = type(name, (JobLiar,), {"change": staticmethod(change)})
    return Lie(party=Party.JOB, name=f"job-{name}", text=text, liar=liar, claims=claims, quick=True, **more)


PASS = frozenset({VerdictWord.PASS})
LIES: tuple[Lie, ...] = (
    _row(
        "old-canaries",
        "the publishing job's canaries bear no nonce of this run",
        lambda split: parts.replace_set(split, Label.CANARY, runs.CANARIES),
        ("written",),
    ),
    _row(
        "one-canary",
        "the publishing job made one canary",
        lambda split: parts.replace_set(split, Label.CANARY, parts.CANARIES[:1]),
        ("written",),
    ),
    _row(
        "few-paths",
        "the publishing job published fewer paths than the profile has",
        lambda split: parts.replace_set(split, Label.PROFILE, runs.SOURCES[:4]),
        ("written",),
    ),
    _row(
        "no-twin", "the publishing job published no twin", lambda split: parts.without(split, Label.TWIN), ("written",)
    ),
    _row(
        "own-reads",
        "the publishing job says that it read all bodies, and nobody else did",
        _drop("post", records.BodyRead),
        ("bodies",),
    ),
    _row("all-upstream", "the publishing job calls every path an upstream's", _all_upstream, ("bodies",)),
    _row(
        "own-samples",
        "the publishing job says how the buckets were",
        lambda split: split.with_record("publish", runs.sample(Phase.DURING, 99)),
        ("index",),
    ),
    _row(
        "own-control",
        "the publishing job says that a control fired",
        lambda split: split.with_record("publish", runs.control("bit-flip-caught")),
        ("access",),
    ),
    _row(
        "refused",
        "the publishing job says that its run was refused",
        lambda split: split.with_record("publish", records.RunStopped(code="push-set-out-of-bounds", reason="r")),
        ("written",),
    ),
    _row("no-watch", "the watching job saw nothing", _drop("during", records.BucketSampled), ("index",)),
    _row(
        "few-samples",
        "the watching job looked once",
        lambda split: split.change("during", records.BucketSampled, lambda row: row if row.number == 1 else None),
        ("index",),
    ),
    _row(
        "other-nonce",
        "the watching job is of another run",
        lambda split: split.with_run("during", nonce="bb"),
        ("run",),
    ),
    _row(
        "weak-policy",
        "the last job asked by fewer samples",
        lambda split: split.with_policy("post", samples=1),
        ("run",),
    ),
    _row(
        "old-pre",
        "the first job's look is two hours old",
        lambda split: replace(split, starts={**split.starts, "pre": 0, "publish": 7200, "during": 7196, "post": 7290}),
        ("index",),
        words=PASS,
        harmless="the window between the looks before and after is longer, and both ends of it are compared",
    ),
    _row(
        "reordered",
        "the last job did not see what was published",
        lambda split: split.with_previous("post", Previous(part="pre", digest="0" * 64)),
        ("run",),
    ),
    _row(
        "clock",
        "the first job's clock is two hours ahead",
        lambda split: replace(split, starts={**split.starts, "pre": 7200}),
        ("run",),
    ),
    _row("no-log", "the last job has no log of the server", _drop("post", records.CaptureClosed), ("log",)),
    _row(
        "other-content",
        "the publishing job built something else than the flake has",
        _other_content,
        ("build",),
        words=PASS,
        unseen="split-publication",
    ),
    _row(
        "push-times",
        "the publishing job dates its pushes some seconds later",
        _later,
        ("index",),
        words=PASS,
        unseen="split-times",
    ),
)
