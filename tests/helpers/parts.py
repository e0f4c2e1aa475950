"""A healthy split run as the folders of its four parts; tests break one thing of it at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from gate.clock import SystemClock
from gate.evidence.codec import entry_line
from gate.evidence.journal_reader import JournalLog
from gate.evidence.split import JOURNAL, fold_any, journal_name, part_bytes, part_document
from gate.journal import make_folder
from gate.journal_log import PART
from gate.model import records
from gate.model.basics import Label, Phase, Truth
from gate.model.document import Evidence, ManifestEntry
from gate.model.policy import Tools
from gate.model.records import Entry, Record
from gate.model.split import PREDECESSORS, LogPosition, PartBegun, PartJoined, PartName, Previous
from gate.probe import Quiet, World, join
from gate.probe.identify import identity
from gate.process import CancelToken
from gate.seal import assemble
from gate.settings import Settings, resolve
from tests.helpers import runs

NONCE = "aa"
ORDER: tuple[PartName, ...] = ("pre", "publish", "during", "post")
CANARIES = (
    runs.path_facts(f"publication-gate-canary-small-{NONCE}", 16384),
    runs.path_facts(f"publication-gate-canary-large-{NONCE}", 655360),
)
SETS = {Label.CANARY: CANARIES, Label.TWIN: runs.TWINS, Label.PROFILE: runs.SOURCES}
STARTS: dict[PartName, int] = {"pre": 0, "publish": 40, "during": 36, "post": 110}  # seconds past midnight
TOML = {
    "cache": {
        "attic-server": "http://127.0.0.1:8",
        "attic-cache": "main",
        "probe-cache": "probe",
        "plain-http-hosts": ["127.0.0.1:8", "127.0.0.1:9"],
        "cache-workload": "file:///c.pid",
        "server-log": "file:///c.log",
    },
    "store": {
        "s3-endpoint": "http://127.0.0.1:9",
        "state-key": "runners/terraform.tfstate",
        "markers": ["file:///data"],
        "store-workload": "file:///s.pid",
    },
    "sampling": {"samples": 2, "sample-spacing": 0.5},
}
SERVER_LOG = (
    f"2026-11-24T00:00:05.000799Z ERROR attic_server::error: Error from the common components.\n"
    f"           with method=GET uri=/main/{runs.PRE_NONCE}.narinfo version=HTTP/1.1\n"
    f"2026-11-24T00:02:36.000799Z ERROR attic_server::error: Error from the common components.\n"
    f"           with method=GET uri=/main/{runs.POST_NONCE}.narinfo version=HTTP/1.1\n"
).encode()


def settings(profile: str = "medium-check", **toml: Mapping[str, Any]) -> Settings:
    return resolve(profile, toml={**TOML, **toml}, environ={}, flags={}, read_file=lambda path: path)


def world(nonce: str = NONCE, environ: Mapping[str, str] | None = None) -> World:
    return World(environ=environ or {}, cancel=CancelToken(), progress=Quiet(), clock=SystemClock(), nonce=nonce)


@dataclass(frozen=True)
class Part:
    """One part to be broken: its records, without the two that begin it, and its captures."""

    records: tuple[Record, ...]
    files: dict[str, bytes] = field(default_factory=dict)

    def change(self, kind: type, edit: Callable[[Any], Record | None]) -> "Part":
        edited = [edit(record) if isinstance(record, kind) else record for record in self.records]
        return replace(self, records=tuple(record for record in edited if record is not None))

    def with_record(self, *rows: Record) -> "Part":
        return replace(self, records=(*self.records[:-1], *rows, self.records[-1]))


@dataclass(frozen=True)
class Split:
    """A split run to be broken. ``heads`` are edits of a part's first two records."""

    parts: dict[PartName, Part]
    heads: dict[PartName, Callable[[records.RunStarted, PartBegun], tuple[records.RunStarted, PartBegun]]] = field(
        default_factory=dict
    )
    starts: dict[PartName, int] = field(default_factory=lambda: dict(STARTS))
    steps: dict[PartName, int] = field(default_factory=dict)

    def change(self, name: PartName, kind: type, edit: Callable[[Any], Record | None]) -> "Split":
        return replace(self, parts={**self.parts, name: self.parts[name].change(kind, edit)})

    def with_record(self, name: PartName, *rows: Record) -> "Split":
        return replace(self, parts={**self.parts, name: self.parts[name].with_record(*rows)})

    def with_run(self, name: PartName, **changes: Any) -> "Split":
        def edit(started: records.RunStarted, part_begun: PartBegun) -> tuple[records.RunStarted, PartBegun]:
            return replace(started, run=replace(started.run, **changes)), part_begun

        return replace(self, heads={**self.heads, name: edit})

    def with_policy(self, name: PartName, **changes: Any) -> "Split":
        def edit(started: records.RunStarted, part_begun: PartBegun) -> tuple[records.RunStarted, PartBegun]:
            return replace(started, policy=replace(started.policy, **changes)), part_begun

        return replace(self, heads={**self.heads, name: edit})

    def with_previous(self, name: PartName, *previous: Previous) -> "Split":
        return replace(
            self,
            heads={**self.heads, name: lambda started, part_begun: (started, replace(part_begun, previous=previous))},
        )

    def build(self, chosen: Settings | None = None) -> "dict[PartName, PartFiles]":
        """The bytes of all parts, each given the ones before it."""
        done: dict[PartName, PartFiles] = {}
        for name in ORDER:
            previous = tuple(Previous(part=part, digest=done[part].digest) for part in sorted(PREDECESSORS[name]))
            head = heads(name, previous, chosen)
            if name in self.heads:
                head = self.heads[name](*head)
            part = self.parts[name]
            lines = chained(
                (*head, *part.records), self.starts[name], step=self.steps.get(name, 2 if name == "during" else 1)
            )
            files = {JOURNAL: b"".join(line for _, line in lines), **part.files}
            rows = [
                ManifestEntry(
                    name=file,
                    kind="journal" if file == JOURNAL else "capture",
                    bytes=len(data),
                    sha256=sha256(data).hexdigest(),
                )
                for file, data in files.items()
            ]
            document = part_bytes(
                part_document(JournalLog(entries=tuple(entry for entry, _ in lines), torn=False), rows)
            )
            done[name] = PartFiles(document=document, files=files)
        return done

    def joined(self, chosen: Settings | None = None) -> tuple[list[Record], dict[str, bytes]]:
        """The records and the files of the joined folder."""
        parts = self.build(chosen)
        start = records.RunStarted(run=identity(world(), {}), policy=(chosen or settings()).policy, tools=Tools())
        rows: list[Record] = [start]
        rows += [
            PartJoined(part=name, digest=part.digest, job_digest=part.digest, document=part.document.decode())
            for name, part in parts.items()
        ]
        files = {
            journal_name(name) if file == JOURNAL else file: data
            for name, part in parts.items()
            for file, data in part.files.items()
        }
        return [*rows, records.RunComplete()], files

    def judged(self, chosen: Settings | None = None) -> Evidence:
        """The joined run in memory: folded and judged, but not written and not rendered."""
        rows, files = self.joined(chosen)
        journal_log = JournalLog(entries=tuple(entries(rows, 400, step=1)), torn=False)
        return assemble(fold_any(journal_log, runs.captures(files)), ())

    def write(self, at: Path, chosen: Settings | None = None) -> "Folders":
        """The folders of all parts below ``at``, sealed."""
        parts = self.build(chosen)
        for name, part in parts.items():
            make_folder(at / name)
            for file, data in {**part.files, PART: part.document}.items():
                (at / name / file).write_bytes(data)
        digests: dict[str, str] = {name: part.digest for name, part in parts.items()}
        return Folders(at=at, digests=digests, settings=chosen or settings())


@dataclass(frozen=True)
class PartFiles:
    """The bytes of one part."""

    document: bytes
    files: dict[str, bytes]

    @property
    def digest(self) -> str:
        return sha256(self.document).hexdigest()


@dataclass(frozen=True)
class Folders:
    """Sealed parts on disk."""

    at: Path
    digests: dict[str, str]
    settings: Settings

    def join(
        self,
        *names: str,
        digests: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> tuple[Evidence, tuple[str, ...]]:
        """The joined run of these parts, or of all, into the folder ``run``."""
        folders = [self.at / name for name in names or ORDER]
        return join(
            self.settings,
            folders,
            self.digests if digests is None else digests,
            self.at / "run",
            world("other", environ),
        )


def heads(
    name: PartName, previous: tuple[Previous, ...] = (), chosen: Settings | None = None
) -> tuple[records.RunStarted, PartBegun]:
    """The first two records of a part."""
    start = records.RunStarted(run=identity(world(), {}), policy=(chosen or settings()).policy, tools=Tools())
    return start, PartBegun(part=name, previous=previous)


def entries(rows: Sequence[Record], start: int, *, step: int) -> list[Entry]:
    return [entry for entry, _ in chained(rows, start, step=step)]


def chained(rows: Sequence[Record], start: int, *, step: int) -> list[tuple[Entry, bytes]]:
    """Entries and their lines, ``step`` seconds apart."""
    lines: list[tuple[Entry, bytes]] = []
    prev = "0" * 64
    for seq, record in enumerate(rows):
        seconds = start + seq * step
        at = f"2026-11-24T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.000Z"
        entry = Entry(seq=seq, at=at, mono_millis=seq * step * 1000, prev=prev, record=runs.stamped(record, at))
        line = entry_line(entry)
        lines.append((entry, line))
        prev = sha256(line).hexdigest()
    return lines


def healthy() -> Split:
    """A whole healthy split run of medium-check: it passes."""
    return Split(parts={"pre": _pre(), "publish": _publish(), "during": _during(), "post": _post()})


def _pre() -> Part:
    controls = [runs.control(name) for name in runs.CONTROLS if name != "bit-flip-caught"]
    log_position = LogPosition(offset=0, before=sha256(b"").hexdigest())
    caches = (runs.cache_config("main"), runs.cache_config("probe"))
    marks = [records.StageMark(name="identify", state=state) for state in ("started", "ended")]
    rows = (
        *marks,
        *runs.phase_records(Phase.PRE, runs.PRE_NONCE),
        *caches,
        *controls,
        log_position,
        records.RunComplete(),
    )
    return Part(rows)


def _publish() -> Part:
    files = {
        "build.log": runs.BUILD_LOG,
        **{f"push-{label.value}.log": runs.push_log(paths) for label, paths in SETS.items()},
    }
    build = records.BuildFacts(
        installable=".#checks.x86_64-linux.deadnix",
        derivation="/nix/store/x.drv",
        outputs=(runs.SOURCES[0].store_path,),
        substituters=("http://127.0.0.1:8/main",),
        cache_among_substituters=Truth.PRESENT,
        fallback=True,
        nix_version="2.8.0",
        trusted_public_keys=(runs.PUBLIC_KEY,),
    )
    rows: list[Record] = [
        runs.TOOLS,
        runs.NIX_CONFIG,
        records.StageMark(name="identify", state="started"),
        runs.cache_config("main"),
        runs.cache_config("probe"),
        build,
        runs.child("build", "build.log"),
    ]
    for label, paths in SETS.items():
        publication = runs.publication(label, paths)
        rows += [
            record for record in publication if not isinstance(record, records.BucketSampled | records.CanaryObject)
        ]
    rows += [runs.nix_read(Label.CANARY, facts) for facts in SETS[Label.CANARY]]
    rows += [runs.nix_read(Label.PROFILE, facts) for facts in SETS[Label.PROFILE][:10]]
    closed = (runs.closed(name, data) for name, data in files.items())
    return Part((*rows, *closed, records.RunComplete()), files)


def _during() -> Part:
    samples = (runs.sample(Phase.DURING, number) for number in range(1, 40))
    return Part((records.StageMark(name="during", state="started"), *samples, records.RunComplete()))


def _post() -> Part:
    reads = [runs.body_read(label, facts) for label, paths in SETS.items() for facts in paths]
    sets = [record for label, paths in SETS.items() for record in runs.publication(label, paths)[:1]]
    caches = (runs.cache_config("main"), runs.cache_config("probe"))
    flip = runs.control("bit-flip-caught")
    after = runs.phase_records(Phase.POST, runs.POST_NONCE)
    closed = runs.closed("server.log", SERVER_LOG)
    mark = records.StageMark(name="identify", state="started")
    rows = (mark, *caches, *sets, *reads, flip, *after, runs.canary_object(), closed, records.RunComplete())
    return Part(rows, {"server.log": SERVER_LOG})


def without(split: Split, label: Label) -> Split:
    """A split run in which one publication was never made."""

    def keep(record: Record) -> Record | None:
        return None if getattr(record, "label", None) is label else record

    def child(record: records.ChildEnded) -> records.ChildEnded | None:
        return None if record.name == f"push:{label.value}" else record

    def closed(record: records.CaptureClosed) -> records.CaptureClosed | None:
        return None if record.name == f"push-{label.value}.log" else record

    for kind in (records.PushSetKnown, records.MissingAsked, records.BodyRead):
        split = split.change("publish", kind, keep).change("post", kind, keep)
    split = split.change("publish", records.ChildEnded, child).change("publish", records.CaptureClosed, closed)
    publish = split.parts["publish"]
    files = {name: data for name, data in publish.files.items() if name != f"push-{label.value}.log"}
    return replace(split, parts={**split.parts, "publish": replace(publish, files=files)})


def replace_set(split: Split, label: Label, paths: tuple[records.PathFacts, ...]) -> Split:
    """A split run in which one publication is of other paths."""
    publication = runs.publication(label, paths)
    reads = [record for record in publication if isinstance(record, records.BodyRead)]

    def plan(record: records.PushSetKnown) -> records.PushSetKnown:
        return publication[0] if record.label is label and isinstance(publication[0], records.PushSetKnown) else record

    def all_missing(record: records.MissingAsked) -> records.MissingAsked:
        return publication[1] if record.label is label and isinstance(publication[1], records.MissingAsked) else record

    def read(record: records.BodyRead) -> records.BodyRead | None:
        return None if record.label is label else record

    split = split.change("publish", records.PushSetKnown, plan).change("post", records.PushSetKnown, plan)
    split = split.change("publish", records.MissingAsked, all_missing)
    split = split.change("publish", records.BodyRead, read).change("post", records.BodyRead, read)
    log = runs.push_log(paths)
    name = f"push-{label.value}.log"
    split = split.change(
        "publish", records.CaptureClosed, lambda record: runs.closed(name, log) if record.name == name else record
    )
    publish = split.parts["publish"]
    split = replace(split, parts={**split.parts, "publish": replace(publish, files={**publish.files, name: log})})
    return split.with_record("post", *reads)
