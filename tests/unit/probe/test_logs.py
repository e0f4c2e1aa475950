"""The logs of the window as a run captures them: both servers', in one job or in the jobs of a split run."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from gate.clock import SystemClock
from gate.model import records
from gate.model.basics import Phase
from gate.model.captures import ReplicaCanaries, ReplicaCanary, StoreLogRead
from gate.model.policy import Policy
from gate.model.split import LogPosition
from gate.observe.docker import Docker
from gate.observe.server_log import LogWindow
from gate.observe.server_places import ServerPlaces
from gate.observe.systemd import Systemd
from gate.probe.context import RunContext, kubectl_of
from gate.probe.observing import capture_logs
from gate.probe.split_parts import _log_position, _open_logs
from gate.probe.tools import find_programs
from gate.probe.world import Quiet, World
from gate.process import CancelToken
from tests.helpers import parts, runs
from tests.helpers.changed import changed

WORLD = World(environ={}, cancel=CancelToken(), progress=Quiet(), clock=SystemClock())
STORE = "kubectl://nix-cache/statefulset/rustfs"


PLACES = ServerPlaces(
    kubectl=None,
    systemd=Systemd(environ={}, programs={}, cancel=WORLD.cancel, clock=WORLD.clock),
    docker=Docker(cancel=WORLD.cancel, clock=WORLD.clock),
)


@dataclass
class Hands:
    """What of a site the capture of logs needs."""

    directory: Path
    policy: Policy
    log_window: LogWindow | None = None
    store_log_window: LogWindow | None = None
    secrets: tuple[()] = ()
    entries: list[records.Entry] = field(default_factory=list)
    written: list[records.Record] = field(default_factory=list)
    places: ServerPlaces = PLACES

    def write(self, record: records.Record) -> None:
        self.written.append(record)

    def open_log_windows(self, *position: LogPosition, since: float | None = None) -> None:
        RunContext.open_log_windows(cast("RunContext", self), *position, since=since)

    def capture(self, before: list[records.Entry]) -> list[records.Record]:
        capture_logs(cast("RunContext", self), WORLD, before)
        return self.written


def hands(folder: Path, *, server: Path | None = None, store: Path | None = None) -> Hands:
    (folder / "evidence").mkdir()
    toml = {"absent": [] if server else ["server-log"]}
    settings = changed(
        parts.settings(sources=toml),
        server_log=f"file://{server}" if server else "",
        store_log=f"file://{store}" if store else "",
    )
    return Hands(directory=folder / "evidence", policy=settings.policy)


def canaries(*nonces: str) -> list[records.Entry]:
    """The endpoint's canary, and one each of replicas; the last of them was answered by nobody."""
    endpoint, *others = nonces
    rows = tuple(ReplicaCanary(pod=f"p-{nonce}", uid="u", nonce=nonce, answered=True) for nonce in others)
    silent = ReplicaCanary(pod="p-silent", uid="u", nonce="never-answered", error="forbidden")
    return runs.entries(
        [
            records.LogCanarySent(phase=Phase.PRE, nonce=endpoint, answer=runs.answer(500)),
            ReplicaCanaries(phase=Phase.PRE, place="kubectl://n/deployment/attic", replicas=(*rows, silent)),
        ]
    )


def test_both_logs_are_captured_from_where_they_stood(tmp_path: Path) -> None:
    server, store = tmp_path / "atticd.log", tmp_path / "rustfs.log"
    server.write_text("before\n")
    store.write_text("before\n")
    context = hands(tmp_path, server=server, store=store)
    context.open_log_windows()
    with server.open("a") as log:
        log.write("endpoint\nreplica-1\nreplica-2\n")
    with store.open("a") as log:
        log.write("drive is faulty\n")
    written = context.capture(canaries("endpoint", "replica-1", "replica-2"))
    assert [record.kind for record in written] == ["capture", "capture", "store-log"]
    assert written[-1] == StoreLogRead(place=f"file://{store}")
    assert (context.directory / "server.log").read_text() == "endpoint\nreplica-1\nreplica-2\n"
    assert (context.directory / "store.log").read_text() == "drive is faulty\n"


def test_a_replicas_canary_that_is_in_no_log_is_trouble(tmp_path: Path) -> None:
    server = tmp_path / "atticd.log"
    server.touch()
    context = hands(tmp_path, server=server)
    context.open_log_windows()
    server.write_text("endpoint\nreplica-1\n")
    written = context.capture(canaries("endpoint", "replica-1", "replica-2"))
    troubles = [record.message for record in written if isinstance(record, records.Trouble)]
    assert [message.split(" ")[0] for message in troubles] == ["replica-2"]


def test_a_stores_log_that_can_not_be_read_is_told_by_its_own_record(tmp_path: Path) -> None:
    context = hands(tmp_path, store=tmp_path / "none.log")
    context.open_log_windows()
    *_, read = context.capture([])
    assert isinstance(read, StoreLogRead)
    assert read.notes == (f"the log {tmp_path / 'none.log'} can't be read: No such file or directory",)
    assert not [record for record in context.written if isinstance(record, records.Trouble)]


def test_what_is_not_named_is_not_captured(tmp_path: Path) -> None:
    context = hands(tmp_path)
    context.open_log_windows()
    assert context.capture([]) == []
    assert list(context.directory.iterdir()) == []


def test_the_job_before_tells_where_each_log_stood_and_the_job_after_reads_on_from_there(tmp_path: Path) -> None:
    server, store = tmp_path / "atticd.log", tmp_path / "rustfs.log"
    server.write_text("a\n")
    store.write_text("bb\n")
    context = hands(tmp_path, server=server, store=store)
    _open_logs(cast("RunContext", context), 0.0)
    answer = [record for record in context.written if isinstance(record, LogPosition)]
    assert [(row.of, row.offset) for row in answer] == [("cache", 2), ("store", 3)]
    server.write_text("a\nendpoint\n")
    store.write_text("bb\nafter\n")

    class Pre:
        class journal_log:  # noqa: N801  # as the part has it
            @staticmethod
            def of(_kind: type) -> list[LogPosition]:
                return answer

    later = replace(context, written=[])
    later.open_log_windows(_log_position(cast("Any", Pre), "cache"), _log_position(cast("Any", Pre), "store"))
    later.capture(canaries("endpoint"))
    assert (context.directory / "store.log").read_text() == "after\n"
    answer.clear()
    assert _log_position(cast("Any", Pre), "store").trouble == "the part pre does not tell where this log stood"


def test_kubectl_is_used_where_the_stores_log_is_the_only_place_in_a_cluster() -> None:
    nowhere = parts.settings()
    there = changed(nowhere, store_log=STORE)
    assert kubectl_of(nowhere, WORLD, find_programs(nowhere, WORLD)) is None
    assert kubectl_of(there, WORLD, find_programs(there, WORLD)) is not None
