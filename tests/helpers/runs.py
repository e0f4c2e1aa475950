"""A healthy run as a journal and captures, of the same records as a real one; tests break it one thing at a time."""

import base64
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.evidence.codec import entry_line
from gate.evidence.fold import Captures, fold
from gate.evidence.journal_reader import JournalLog
from gate.judge.verdict import judge
from gate.model import records
from gate.model.basics import Kind, Label, Phase, Truth
from gate.model.bodies import NarRead
from gate.model.document import Facts, Finding, Verdict
from gate.model.machine import NixConfigSeen, NixRead, NixSetting, ToolIdentity, ToolsFound
from gate.model.policy import Identity, Policy, Tools
from gate.model.records import Entry, Record
from gate.model.time import rfc3339
from gate.parse.narinfo import fingerprint
from gate.parse.store_path import to_nix32

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC_KEY = "main:" + base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
UPSTREAM = "cache.nixos.org-1"
UPSTREAM_KEY = f"{UPSTREAM}:{PUBLIC_KEY.partition(':')[2]}"
PRE_NONCE, POST_NONCE = "gate-canary-pre-aa", "gate-canary-post-aa"
LISTING = (
    '<?xml version="1.0" encoding="UTF-8"?><ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<Buckets><Bucket><Name>attic</Name></Bucket><Bucket><Name>tofu-state</Name></Bucket></Buckets>"
    "</ListAllMyBucketsResult>"
)
EMPTY_LISTING = "<ListAllMyBucketsResult><Buckets></Buckets></ListAllMyBucketsResult>"
NO_SUCH_BUCKET = "<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>"
OBJECTS = "<ListBucketResult><Name>b</Name></ListBucketResult>"


def answer(status: int | None = 200, body: str = "", **more: Any) -> records.HttpAnswer:
    return records.HttpAnswer(url="http://127.0.0.1:9/x", status=status, body=body, **more)


def path_facts(name: str, size: int = 200) -> records.PathFacts:
    digest = sha256(name.encode()).digest()
    store_path = f"/nix/store/{to_nix32(digest)[:32]}-{name}"
    return records.PathFacts(
        store_path=store_path,
        nar_hash=f"sha256:{to_nix32(sha256(digest).digest())}",
        nar_size=size,
        references=(),
        signatures=(),
        ultimate=True,
    )


CANARIES = (path_facts("canary-small", 16384), path_facts("canary-large", 655360))
SOURCES = tuple(path_facts(f"source-{number}") for number in range(11))
TWINS = tuple(path_facts(f"publication-gate-twin-aa-{number}") for number in range(1, 12))


def policy(**changes: Any) -> Policy:
    default = Policy(
        profile="medium-check",
        kind=Kind.PRODUCTION,
        push_set="build-closure",
        installable=".#checks.x86_64-linux.deadnix",
        min_paths=5,
        max_paths=100,
        max_bytes=10**9,
        min_fresh=10,
        twin="auto",
        samples=2,
        sample_spacing=0.5,
        buckets=("attic", "tofu-state"),
        state_bucket="tofu-state",
        state_key="runners/terraform.tfstate",
        attic_cache="main",
        probe_cache="probe",
        cache_public=False,
        attic_server="http://127.0.0.1:8",
        plain_http_hosts=("127.0.0.1:8", "127.0.0.1:9"),
        s3_endpoint="http://127.0.0.1:9",
        markers=("file:///data",),
        read_attempts=3,
        read_spacing=0.1,
        jobs=4,
    )
    return replace(default, **changes)


def identity() -> Identity:
    return Identity(
        run_id="r1",
        nonce="aa",
        tool_version="0",
        python="3.11",
        system="linux",
        commit="c" * 40,
        versions={"nix": "2.8.0"},
    )


TOOLS = ToolsFound(
    tools=tuple(
        ToolIdentity(name=name, path=f"/usr/bin/{name}", version="2.8.0", sha256="a" * 64)
        for name in ("nix", "nix-store", "attic")
    )
)


NIX_CONFIG = NixConfigSeen(
    settings=(
        NixSetting(name="post-build-hook", value="", default=""),
        NixSetting(name="require-sigs", value="true", default="true"),
        NixSetting(name="sandbox", value="true", default="true"),
        NixSetting(
            name="substituters",
            value="http://127.0.0.1:8/main https://cache.nixos.org/",
            default="https://cache.nixos.org/",
        ),
    )
)


def sample(phase: Phase, number: int) -> records.BucketSampled:
    present = records.MarkerSeen(bucket="attic", data=Truth.PRESENT, meta=Truth.PRESENT)
    return records.BucketSampled(
        phase=phase,
        number=number,
        began_at="",  # `entries` stamps a sample with the time of its place
        ended_at="",
        listing=(answer(body=LISTING),),
        heads={"attic": answer(), "tofu-state": answer()},
        gets={"attic": answer(body=OBJECTS), "tofu-state": answer(body=OBJECTS)},
        places=(records.PlaceSeen(place="file:///data", markers=(present, replace(present, bucket="tofu-state"))),),
        ready=answer(body='{"ready":true}'),
    )


def lost(sampled: records.BucketSampled, bucket: str = "attic") -> records.BucketSampled:
    """The same sample with a bucket out of the index while its markers stay."""
    return replace(
        sampled,
        listing=(answer(body=sampled.listing[0].body.replace(f"<Bucket><Name>{bucket}</Name></Bucket>", "")),),
        heads={**sampled.heads, bucket: answer(404)},
        gets={**sampled.gets, bucket: answer(404, NO_SUCH_BUCKET)},
    )


def phase_records(phase: Phase, nonce: str) -> list[Record]:
    state = answer(etag='"e1"', content_length=432)
    return [
        records.LogCanarySent(phase=phase, nonce=nonce, answer=answer(500)),
        records.StateSeen(
            phase=phase, bucket="tofu-state", key="runners/terraform.tfstate", head=state, lock=answer(404)
        ),
        records.WorkloadSeen(phase=phase, role="store", place="file:///s.pid", truth=Truth.PRESENT, identity="1:2"),
        records.WorkloadSeen(phase=phase, role="cache", place="file:///c.pid", truth=Truth.PRESENT, identity="3:4"),
        sample(phase, 1),
        sample(phase, 2),
    ]


def signature(facts: records.PathFacts, name: str = UPSTREAM) -> str:
    """A signature of the path, by the upstream's key or under another name."""
    sign = KEY.sign(fingerprint(facts.store_path, facts.nar_hash, facts.nar_size, facts.references))
    return f"{name}:{base64.b64encode(sign).decode()}"


def of_upstream(facts: records.PathFacts) -> records.PathFacts:
    """The path as one that the upstream signed."""
    return replace(facts, signatures=(signature(facts),))


def narinfo(facts: records.PathFacts) -> str:
    hash_part = facts.store_path.removeprefix("/nix/store/")[:32]
    references = " ".join(sorted(path.removeprefix("/nix/store/") for path in facts.references))
    return (
        f"StorePath: {facts.store_path}\nURL: nar/{hash_part}.nar\nCompression: zstd\nNarHash: {facts.nar_hash}\n"
        f"NarSize: {facts.nar_size}\nReferences: {references}\nSig: {signature(facts, 'main')}\n"
    )


def good_nar(facts: records.PathFacts) -> NarRead:
    return NarRead(
        hops=(),
        status=200,
        curl=0,
        wire_bytes=100,
        nar_bytes=facts.nar_size,
        sha256=facts.nar_hash.removeprefix("sha256:"),
        codec="zstd",
        sniffed="zstd",
        clean_end=True,
        well_formed=True,
        millis=3,
    )


def body_read(label: Label, facts: records.PathFacts, **changes: Any) -> records.BodyRead:
    read = records.BodyRead(
        label=label,
        cache="main" if label is Label.PROFILE else "probe",
        store_path=facts.store_path,
        attempt=1,
        narinfo=answer(body=narinfo(facts)),
        nar=good_nar(facts),
    )
    return replace(read, **changes)


def nix_read(label: Label, facts: records.PathFacts, **changes: Any) -> NixRead:
    read = NixRead(
        label=label,
        cache="main" if label is Label.PROFILE else "probe",
        store_path=facts.store_path,
        attempt=1,
        outcome="whole",
        nar_hash=facts.nar_hash,
        millis=9,
    )
    return replace(read, **changes)


def push_log(paths: Sequence[records.PathFacts], *, announced: int | None = None) -> bytes:
    names = [facts.store_path.removeprefix("/nix/store/") for facts in paths]
    count = len(names) if announced is None else announced
    head = f'⚙️ Pushing {count} paths to "main" on "gate" (0 already cached, 0 in upstream)...\n'
    return (head + "".join(f"✅ {name} (8.31 KiB/s)\n" for name in names)).encode()


def canary_object(**changes: Any) -> records.CanaryObject:
    located = records.CanaryObject(
        cache="probe",
        store_path=CANARIES[0].store_path,
        hop="http://127.0.0.1:9/attic/0a1b.chunk",
        bucket="attic",
        key="0a1b.chunk",
        head=answer(),
        places=(records.ObjectPlace(place="file:///data", truth=Truth.PRESENT),),
    )
    return replace(located, **changes)


def publication(label: Label, paths: tuple[records.PathFacts, ...]) -> list[Record]:
    cache = "main" if label is Label.PROFILE else "probe"
    hashes = [facts.store_path.removeprefix("/nix/store/")[:32] for facts in paths]
    return [
        records.PushSetKnown(
            label=label, cache=cache, paths=paths, outputs=(paths[0].store_path,), upstream=(), upstream_key_names=()
        ),
        records.MissingAsked(label=label, cache=cache, answer=answer(body=json.dumps({"missing_paths": hashes}))),
        sample(Phase.DURING, list(Label).index(label) + 1),
        child(f"push:{label.value}", f"push-{label.value}.log", millis=2500),
        *(body_read(label, facts) for facts in paths),
    ]


def child(name: str, capture: str, **changes: Any) -> records.ChildEnded:
    ended = records.ChildEnded(name=name, argv=("attic",), exit=0, signal=None, capture=capture, millis=5)
    return replace(ended, **changes)


def cache_config(cache: str) -> records.CacheConfigSeen:
    body = json.dumps(
        {
            "substituter_endpoint": f"http://127.0.0.1:8/{cache}",
            "api_endpoint": "http://127.0.0.1:8/",
            "public_key": PUBLIC_KEY,
            "is_public": False,
            "store_dir": "/nix/store",
            "priority": 41,
            "upstream_cache_key_names": ["cache.nixos.org-1"],
            "retention_period": "Global",
        }
    )
    return records.CacheConfigSeen(cache=cache, answer=answer(body=body))


def control(name: str, fired: Truth = Truth.PRESENT) -> records.ControlTried:
    return records.ControlTried(name=name, expected="e", got="g", fired=fired)


BUILD_LOG = b'@nix {"action":"start","id":1,"level":0,"text":"","type":102}\n@nix {"action":"stop","id":1}\n'
SERVER_LOG = (
    f"2026-11-24T00:00:05.000799Z ERROR attic_server::error: Error from the common components.\n"
    f"           with method=GET uri=/main/{PRE_NONCE}.narinfo version=HTTP/1.1\n"
    f"2026-11-24T00:00:38.000799Z ERROR attic_server::error: Error from the common components.\n"
    f"           with method=GET uri=/main/{POST_NONCE}.narinfo version=HTTP/1.1\n"
).encode()
CONTROLS = ("no-token-denied", "read-only-push-denied", "absent-path-404", "bit-flip-caught")


@dataclass(frozen=True)
class Run:
    """A run to be broken: its records and captures."""

    records: tuple[Record, ...]
    files: dict[str, bytes]

    def change(self, kind: type, edit: Callable[[Any], Record | None]) -> "Run":
        """The run with each record of a kind edited, or left out where ``edit`` gives None."""
        edited = [edit(record) if isinstance(record, kind) else record for record in self.records]
        return Run(tuple(record for record in edited if record is not None), self.files)

    def with_file(self, name: str, data: bytes) -> "Run":
        """The run with another capture, closed as it is now; a name that was never closed stays so."""

        def close(record: records.CaptureClosed) -> records.CaptureClosed:
            again = closed(name, data)
            return replace(record, bytes=again.bytes, sha256=again.sha256) if record.name == name else record

        return Run(self.change(records.CaptureClosed, close).records, {**self.files, name: data})

    def with_record(self, record: Record) -> "Run":
        return Run((*self.records[:-1], record, self.records[-1]), self.files)

    def with_policy(self, **changes: Any) -> "Run":
        return self.change(records.RunStarted, lambda record: replace(record, policy=policy(**changes)))

    def cut_after(self, count: int) -> "Run":
        return Run(self.records[:count], self.files)

    def facts(self, *, torn: bool = False) -> Facts:
        return fold(JournalLog(entries=tuple(entries(self.records, chained=False)), torn=torn), captures(self.files))

    def judged(self) -> tuple[tuple[Finding, ...], Verdict]:
        return judge(self.facts())

    def rows(self) -> set[tuple[str, str]]:
        """Codes and statuses of all findings that are no pass."""
        return {
            (row.code, row.status.value)
            for row in self.judged()[0]
            if row.status.value not in ("pass", "not_applicable")
        }

    def word(self) -> str:
        return self.judged()[1].word.value


def captures(files: dict[str, bytes]) -> Captures:
    def reader(data: bytes) -> Callable[[], Iterable[bytes]]:
        return lambda: (data[at : at + 7919] for at in range(0, len(data), 7919))

    return {name: reader(data) for name, data in files.items()}


def entries(rows: Sequence[Record], *, chained: bool = True) -> list[Entry]:
    chain: list[Entry] = []
    prev = "0" * 64
    for seq, record in enumerate(rows):
        at = f"2026-11-24T00:{seq // 60:02}:{seq % 60:02}.000Z"
        entry = Entry(seq=seq, at=at, mono_millis=seq * 1000, prev=prev, record=stamped(record, at))
        chain.append(entry)
        prev = sha256(entry_line(entry)).hexdigest() if chained else prev
    return chain


def stamped(record: Record, at: str) -> Record:
    """A sample without times of its own ended when it was recorded; ``ended_at`` is the seconds that it took."""
    if isinstance(record, records.BucketSampled) and not record.began_at:
        began = datetime.fromisoformat(at) - timedelta(seconds=float(record.ended_at or 0))
        return replace(record, began_at=rfc3339(began), ended_at=at)
    return record


def cached() -> Run:
    """The same run where the cache knew the whole profile before, so that its twin was published: it passes too."""
    run = healthy()
    log = f"✅ All done! ({len(SOURCES)} already cached, 0 in upstream)\n".encode()
    nothing_missing = answer(body='{"missing_paths":[]}')
    files = {**run.files, "push-profile.log": log, "push-twin.log": push_log(TWINS)}
    rows: list[Record] = []
    for record in run.records:
        if isinstance(record, records.PushSetKnown) and record.label is Label.PROFILE:
            rows += publication(Label.TWIN, TWINS)
        if isinstance(record, records.MissingAsked) and record.label is Label.PROFILE:
            rows.append(replace(record, answer=nothing_missing))
        elif isinstance(record, records.CaptureClosed) and record.name == "push-profile.log":
            rows += [closed("push-twin.log", files["push-twin.log"]), closed("push-profile.log", log)]
        else:
            rows.append(record)
    return Run(tuple(rows), files)


def closed(name: str, data: bytes) -> records.CaptureClosed:
    return records.CaptureClosed(name=name, bytes=len(data), sha256=sha256(data).hexdigest(), cut=False, redactions=0)


def healthy() -> Run:
    """A whole healthy medium-check run: it passes."""
    files = {
        "build.log": BUILD_LOG,
        "push-canary.log": push_log(CANARIES),
        "push-profile.log": push_log(SOURCES),
        "server.log": SERVER_LOG,
    }
    rows: list[Record] = [
        records.RunStarted(run=identity(), policy=policy(), tools=Tools()),
        TOOLS,
        NIX_CONFIG,
        records.StageMark(name="identify", state="started"),
        cache_config("main"),
        cache_config("probe"),
        records.StageMark(name="identify", state="ended"),
        *phase_records(Phase.PRE, PRE_NONCE),
        *(control(name) for name in CONTROLS),
        records.BuildFacts(
            installable=".#checks.x86_64-linux.deadnix",
            derivation="/nix/store/x.drv",
            outputs=(SOURCES[0].store_path,),
            substituters=("http://127.0.0.1:8/main",),
            cache_among_substituters=Truth.PRESENT,
            fallback=True,
            nix_version="2.8.0",
            trusted_public_keys=(PUBLIC_KEY,),
        ),
        child("build", "build.log"),
        *publication(Label.CANARY, CANARIES),
        *publication(Label.PROFILE, SOURCES),
        *(nix_read(Label.CANARY, facts) for facts in CANARIES),
        *(nix_read(Label.PROFILE, facts) for facts in SOURCES),
        *phase_records(Phase.POST, POST_NONCE),
        canary_object(),
        *(closed(name, data) for name, data in files.items()),
        records.RunComplete(),
    ]
    return Run(tuple(rows), files)
