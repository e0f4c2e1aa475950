"""Every field of every record of a healthy run is altered: the verdict falls, or the field stands below, with its why.

A field that is new fails here until somebody has judged it.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import pytest

from gate.errors import ForeignTextError
from gate.evidence.codec import adapter, read_entry
from gate.evidence.fold import fold
from gate.evidence.journal_reader import JournalLog
from gate.judge.verdict import judge
from gate.model import records
from gate.model.basics import Label, Phase
from gate.model.machine import NixRead, ToolsFound
from tests.helpers import runs
from tests.helpers.runs import Run, healthy

OTHERS: tuple[Any, ...] = ("x", "unknown", "failed", "post", "skipped", "deadline", 404, 1, 0, [], False, True, None)
# What may change without a word on the cache, by kind and path. `*` is any text.
HARMLESS = {
    "*.url": "the gate's own question, told for people",
    "*.content_type": "no answer is believed for its type",
    "*.last_modified": "told for people",
    "*.date": "told for people",
    "*.bucket_region": "told for people",
    "*.signed_for": "told for people",
    "*.location": "no redirect is followed but a body's",
    "*.millis": "how long it took, but for a push",
    "*.etag": "but for the state's own, which the survey of it has",
    "*.deleted": "words beside an absence, which is judged by its status",
    "*.version_id": "as the ETag",
    "*.content_length": "as the ETag",
    "body-read.nar.cached": "a whole body of a cache has tests of its own",
    "*.headers*": "those of caches have tests of their own, at every door",
    "*.peer": "told for people: a name may lead to several addresses",
    "*.body_cut": "of an answer whose body is not read",
    "*.body": "of an answer whose body is not read",
    "*.nonce": "the gate's own; what is in the log decides",
    "*.note": "words for people",
    "run-started.run.*": "who ran it: `require` holds it to GitHub's own word",
    "run-started.policy.*": "the rules: `require` holds them to the base branch's",
    "run-started.tools.*": "what this job works with: what it found by them decides",
    "cache-config.answer.error": "an answer with a status has no error: it is not read",
    "log-canary.answer.*": "the log decides whether the canary is in it",
    "tools.tools.*.path": "which path it is, `diff` shows; that there is one is what counts",
    "tools.tools.*.version": "told for people",
    "tools.tools.*.sha256": "which file it is, `diff` shows; that it is known is what counts",
    "nix-config.settings.*.name": "a setting of another name is not the one that was good; those of Nix are all there",
    "nix-config.settings.*.default": "a value that is Nix's own default weakens nothing; see the tests of the settings",
    "nix-config.machines_file": "where `builders` names no file",
    "nix-read.cache": "told for people: the push set says where a path was published",
    "nix-read.attempt": "the gate's own count",
    "nix-read.words": "told for people",
    "nix-read.millis": "told for people",
    "nix-read.nar_hash": "None where Nix was not asked for it; another hash is doubt, as the tests of the reader show",
    "tools.passed_over*": "what was not used",
    "stage.*": "the course for people; a trouble has a record of its own",
    "bucket-sample.number": "but for one that comes twice",
    "bucket-sample.ready*": "a server without this route says nothing",
    "bucket-sample.places.0.place": "the policy's own",
    "bucket-sample.places.0.volume": "without volumes in the policy; those have tests of their own",
    "control.expected": "words for people",
    "control.got": "words for people",
    "workload.started": "a part of the identity",
    "workload.image": "a part of the identity",
    "workload.owner": "it counts where replicas came: the one owner of all of them has no say",
    "workload.error": "of a look that told who it is",
    "build.installable": "the policy's own",
    "build.derivation": "told for people",
    "build.problem": "the step that finds one ends in a trouble or a refusal",
    "build.outputs*": "the push set decides what is published",
    "build.substituters*": "whether the cache is among them is told apart",
    "build.fallback": "its end decides, and its ledger",
    "build.nix_version": "told for people",
    "child.argv*": "the gate's own",
    "child.signal": "of a child that ended by 0",
    "child.ended_at": "of a push in which nothing failed: it says which of the log's events belong to a failed one",
    "child.capture": "the capture is found by its name",
    "push-set.outputs*": "told for people",
    "push-set.upstream*": "of a path that has a result: an upstream needs a signature, as other tests show",
    "push-set.paths.*.references*": "none here; signatures hold them",
    "push-set.paths.*.signatures*": "of a path that has a result",
    "push-set.paths.*.ultimate": "of a path whose body is whole",
    "push-set.paths.*.content_addressed": "of a path whose body is whole",
    "missing-paths.answer.body": "its own tests",
    "body-read.attempt": "the gate's own count",
    "body-read.nar.first_byte_millis": "which byte was waited for, for people: the longest wait decides",
    "body-read.nar.pause_millis": "below five seconds; a longer one has tests of its own",
    "body-read.nar.hops*": "those that may not be are refused while reading",
    "body-read.nar.curl_text": "told for people",
    "body-read.nar.well_formed": "it is told by its hash, where that is right",
    "body-read.nar.sniffed": "first bytes that are no known codec's",
    "body-read.nar.wire_bytes": "all of the NAR came out of them",
    "canary-object.cache": "the gate's own question, told for people",
    "canary-object.store_path": "as its cache",
    "canary-object.hop": "told for people: bucket and key are read from it",
    "canary-object.bucket": "told for people, but for None",
    "canary-object.key": "told for people",
    "canary-object.head.url": "the gate's own question",
    "canary-object.written": "read only where the cache names no object",
    "canary-object.places.0.written": "read by the probe, which then asks for this object",
    "canary-object.places.0.place": "the policy's own",
    "canary-object.places.0.error": "of a place that shows the object",
    "canary-object.places.0.denied": "of a place that shows the object",
    "capture.redactions": "told for people",
}


def small() -> Run:
    """The healthy run with two sources and no record that says what another says: short enough to be folded often."""
    remaining: list[records.Record] = []
    paths = runs.SOURCES[:2]
    others = {path.store_path for path in runs.SOURCES[2:]}
    for record in healthy().records:
        if isinstance(record, records.PushSetKnown) and record.label is Label.PROFILE:
            remaining.append(replace(record, paths=paths))
        elif not (isinstance(record, records.BodyRead | NixRead) and record.store_path in others):
            remaining.append(record)
    run = Run(tuple(remaining), healthy().files).with_policy(min_fresh=2, min_paths=2, samples=1)
    one = run.change(
        records.BucketSampled, lambda row: None if row.number > 1 and row.phase is not Phase.DURING else row
    )
    return one.with_file("push-profile.log", runs.push_log(paths))


RUN = small()
ROWS: list[dict[str, Any]] = [
    adapter(records.Entry).dump_python(entry, mode="json") for entry in runs.entries(RUN.records, chained=False)
]
ENTRIES = [read_entry(json.dumps(row).encode()) for row in ROWS]


def word(entries: list[records.Entry]) -> str:
    """The verdict; ``none`` where there is none, as for a journal that is no run's."""
    try:
        facts = fold(JournalLog(entries=tuple(entries), torn=False), runs.captures(RUN.files))
    except ForeignTextError:
        return "none"
    return judge(facts)[1].word.value


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield (*path, key), part
        yield from leaves(part, (*path, key))


def altered(row: dict[str, Any], path: tuple[str | int, ...], value: Any) -> records.Entry | None:
    """The entry with another value there; None where no record has such a one."""
    copy = json.loads(json.dumps(row))
    place = copy["record"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    try:
        return read_entry(json.dumps(copy).encode())
    except ForeignTextError:
        return None


def kinds() -> Iterator[tuple[str, int]]:
    """One record of each kind and phase, label or name."""
    observation = set()
    for number, row in enumerate(ROWS):
        record = row["record"]
        answer = [str(record.get(name, "")) for name in ("phase", "label", "name", "role", "cache", "state")]
        if (key := (record["kind"], *answer)) not in observation:
            observation.add(key)
            yield " ".join(filter(None, key)), number


def test_the_run_passes() -> None:
    assert word(ENTRIES) == "pass"


@pytest.mark.parametrize(("name", "number"), list(kinds()))
def test_each_field_of_a_record_counts_or_is_known_to_be_harmless(name: str, number: int) -> None:
    row = ROWS[number]
    kind, result = row["record"]["kind"], []
    for path, value in leaves(row["record"]):
        at = ".".join(map(str, (kind, *path)))
        if path == ("kind",) or any(fnmatchcase(at, pattern) for pattern in HARMLESS):
            continue
        for other in OTHERS:
            entry = altered(row, path, other) if other != value or type(other) is not type(value) else None
            if entry is not None and entry != ENTRIES[number]:
                if word([*ENTRIES[:number], entry, *ENTRIES[number + 1 :]]) == "pass":
                    result.append(f"{at}: {value!r:.60} → {other!r}")
                break
    assert result == [], name


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_each_record_is_needed_once(number: int) -> None:
    """Without it, and with one of its kind that says something else before or after it, the run is no pass."""
    if isinstance(ENTRIES[number].record, records.StageMark):
        return
    assert word([*ENTRIES[:number], *ENTRIES[number + 1 :]]) != "pass"
    remaining = isinstance(ENTRIES[number].record, records.BodyRead | records.CacheConfigSeen | ToolsFound | NixRead)
    assert (word([*ENTRIES[: number + 1], *ENTRIES[number:]]) == "pass") is remaining
