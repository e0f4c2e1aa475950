"""``watch`` beside real servers: a loss is captured at once, its return is seen, and trouble is no loss."""

import json
import os
import re
import shlex
import stat
import threading
import time
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import pytest

from gate.cli.main import main
from gate.clock import SystemClock
from gate.errors import InconclusiveError
from gate.evidence.codec import adapter
from gate.lab.stack import Stack
from gate.model.watch import WatchIncident, WatchSample
from gate.probe import Quiet, World
from gate.probe import watch as watch_module
from gate.probe.watch import AFTER, CAPTURE, INCIDENT, LASTING, SAMPLES, WatchPlan, WatchResult, watch
from gate.process import CancelToken
from gate.seal import verify
from tests.helpers.changed import changed

pytestmark = [pytest.mark.lab, pytest.mark.nix, pytest.mark.timeout(120), pytest.mark.xdist_group("lab-stack")]


class Notes(Quiet):
    """The lines that a person would see, and a moment of each."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(os.environ, cancel=CancelToken(), clock=SystemClock()) as running:
        yield running


@contextmanager
def later(*steps: tuple[float, Callable[[], object]]) -> Iterator[None]:
    """Run each step so many seconds after the one before, meanwhile."""

    def run() -> None:
        for seconds, step in steps:
            time.sleep(seconds)
            step()

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join()


def watched(
    stack: Stack, folder: Path, plan: WatchPlan, progress: Notes, cancel: CancelToken | None = None
) -> WatchResult:
    settings = changed(stack.settings_for("synthetic"), samples=2, sample_spacing=0.2)
    world = World(environ=stack.environ(), cancel=cancel or CancelToken(), progress=progress, clock=SystemClock())
    return watch(settings, folder, world, plan)


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


PLAN = WatchPlan(interval=0.5, seconds=60.0, until_loss=True, close_seconds=0.3, incident_seconds=60.0)


def test_a_loss_is_captured_within_seconds_and_its_return_and_restart_are_seen(stack: Stack, tmp_path: Path) -> None:
    notes, hooked, lost_at = Notes(), list[Path](), list[float]()

    def lose() -> None:
        lost_at.append(time.time())
        stack.store.lose("attic")

    def hook(folder: Path) -> None:
        hooked.append(folder)
        raise InconclusiveError("no mail today")

    def heal() -> None:
        until = time.monotonic() + 60
        while not list((tmp_path / "watch").glob(f"*/{CAPTURE}/evidence.json")) and time.monotonic() < until:
            time.sleep(0.05)
        stack.store.restart()
        stack.store.restore("attic")

    with later((1.5, lose), (0.5, heal)):
        result = watched(stack, tmp_path / "watch", replace(PLAN, on_loss=hook), notes)
    (folder,) = result.incidents
    incident = adapter(WatchIncident).validate_json((folder / INCIDENT).read_bytes())
    lost, back = incident.events
    assert (lost.kind, lost.bucket, back.kind, back.bucket) == ("lost", "attic", "back", "attic")
    assert moment(lost.last_at) - 1 <= lost_at[0] <= moment(lost.at) + 1, "the onset, to the second"
    assert moment(lost.at) - moment(lost.last_at) < 2
    evidence, digest = verify(folder / CAPTURE)
    assert (evidence.verdict.word.value, incident.captures[0].evidence_digest) == ("quarantine", digest)
    assert "bucket-index-lost" in evidence.verdict.codes
    assert moment(evidence.started_at) - moment(lost.at) < 5
    assert verify(folder / AFTER)[0].verdict.word.value == "inconclusive", "a capture is never a pass"
    assert incident.is_back
    assert [text.split(" ")[0] for text in incident.restarts] == ["store"]
    lines = (folder / SAMPLES[INCIDENT]).read_bytes()
    samples = [adapter(WatchSample).validate_json(line) for line in lines.splitlines()]
    assert (incident.samples, incident.samples_sha256) == (len(samples), sha256(lines).hexdigest())
    assert next(row.state.value for row in samples if row.bucket == "attic") == "indexed"
    assert hooked == [folder]
    words = sorted(line.split(" ")[0] for line in notes.lines)
    assert words == ["BACK", "LOST", "captured:", "captured:", "the", "the"]
    assert notes.lines[0].startswith("LOST attic (index-lost): at 2")
    assert any("the hook failed, and the watch goes on: no mail today" in line for line in notes.lines)


def test_a_loss_that_lasts_is_captured_again_when_the_index_is_back_at_last(stack: Stack, tmp_path: Path) -> None:
    hooked: list[tuple[Path, bool]] = []
    folder = tmp_path / "watch"

    def heal() -> None:
        until = time.monotonic() + 60
        while not list(folder.glob(f"*/{INCIDENT}")) and time.monotonic() < until:
            time.sleep(0.05)
        stack.store.restore("attic")

    stack.store.lose("attic")
    plan = replace(PLAN, until_loss=False, seconds=14.0, incident_seconds=0.5)
    plan = replace(plan, on_loss=lambda place: hooked.append((place, (place / INCIDENT).exists())))
    with later((0.1, heal)):
        result = watched(stack, folder, plan, Notes())
    (place,) = result.incidents
    first, last = (adapter(WatchIncident).validate_json((place / name).read_bytes()) for name in (INCIDENT, LASTING))
    assert (first.is_back, last.is_back, len(first.captures), len(last.captures)) == (False, True, 1, 2)
    assert [event.kind for event in last.events] == ["lost", "back"]
    assert verify(place / AFTER)[0].verdict.word.value == "inconclusive"
    assert hooked == [(place, False)], "called when the capture is sealed, before the incident is over"
    assert result.losses == 1
    for document, name in ((first, INCIDENT), (last, LASTING)):
        assert sha256((place / SAMPLES[name]).read_bytes()).hexdigest() == document.samples_sha256


def test_a_disk_that_takes_nothing_ends_no_watch_and_hides_no_loss(stack: Stack, tmp_path: Path) -> None:
    notes, folder = Notes(), tmp_path / "watch"
    stack.store.lose("attic")
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(watch_module, "make_folder", fail_below(folder))
            result = watched(stack, folder, WatchPlan(interval=0.3, seconds=1.5), notes)
    finally:
        stack.store.restore("attic")
    assert (result.losses, result.incidents) == (1, [])
    assert result.samples > 1
    assert "not all of the incident could be kept, and the watch goes on: no space" in notes.lines[1]


def fail_below(folder: Path) -> Callable[[Path], None]:
    """`make_folder` with a full disk below a folder."""

    def make(path: Path) -> None:
        if path != folder:
            raise InconclusiveError("no space")
        path.mkdir()

    return make


def test_a_store_that_is_down_is_unknown_and_no_loss(stack: Stack, tmp_path: Path) -> None:
    notes = Notes()
    plan = WatchPlan(interval=0.3, seconds=4.0)
    with later((1.0, stack.store.stop), (1.5, stack.store.start)):
        result = watched(stack, tmp_path / "watch", plan, notes)
    assert result.incidents == []
    assert 0 < result.unknown < result.samples
    assert notes.lines == []
    assert list((tmp_path / "watch").iterdir()) == []


def test_a_watch_that_is_cancelled_in_an_incident_seals_what_it_has(stack: Stack, tmp_path: Path) -> None:
    cancel = CancelToken()
    stack.store.lose("attic")
    try:
        with later((1.2, lambda: cancel.cancel("signal SIGTERM"))):
            result = watched(stack, tmp_path / "watch", replace(PLAN, until_loss=False), Notes(), cancel)
    finally:
        stack.store.restore("attic")
    (folder,) = result.incidents
    incident = adapter(WatchIncident).validate_json((folder / INCIDENT).read_bytes())
    assert (incident.is_back, incident.events[0].last_at) == (False, "")
    assert verify(folder / CAPTURE)[0].verdict.word.value in ("quarantine", "inconclusive")


def test_the_command(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    policy, secrets = stack.settings_for("synthetic").policy, stack.settings_for("synthetic").secrets
    monkeypatch.chdir(tmp_path)
    for name in [each for each in os.environ if each.startswith("GATE_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "ATTIC_SERVER": policy.attic_server,
        "ATTIC_CACHE": policy.attic_cache,
        "S3_ENDPOINT": policy.s3_endpoint,
        "STATE_KEY": policy.state_key,
        "MARKERS": ",".join(policy.markers),
        "STORE_WORKLOAD": policy.store_workload,
        "CACHE_WORKLOAD": policy.cache_workload,
        "SERVER_LOG": policy.server_log,
        "SAMPLES": "2",
        "SAMPLE_SPACING": "0.2",
    }.items():
        monkeypatch.setenv(f"GATE_{name}", value)
    for name in ("read_token", "s3_access_key_id", "s3_secret_access_key"):
        secret = getattr(secrets, name)
        assert secret is not None
        monkeypatch.setenv(f"GATE_{name.upper()}", secret.reveal())
    hosts = {"plain-http-hosts": policy.plain_http_hosts, "hosts": policy.hosts}
    lines = ["[cache]", *(f"{key} = {json.dumps(list(names))}" for key, names in hosts.items())]
    (tmp_path / "gate.toml").write_text("\n".join(lines))
    assert main(["watch", "--output", "a", "--for", "3s", "--interval", "1", "-q"]) == 0
    assert capsys.readouterr().out.startswith("NO LOSS: all ")
    hook = tmp_path / "hook"
    hook.write_text('#!/bin/sh\necho "$1" >"$(dirname "$0")/told"\n')
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    stack.store.lose("attic")
    try:
        words = ["watch", "--output", "b", "--for", "2s", "--until-loss", "--on-loss", str(hook), "-q"]
        with later((2.0, lambda: stack.store.restore("attic"))):
            assert main(words) == 4
    finally:
        stack.store.restore("attic")
    (incident,) = (tmp_path / "b").iterdir()
    assert (tmp_path / "told").read_text() == f"b/{incident.name}\n"
    assert main(["show", str(incident / "capture")]) == 0
    assert main(["history", str(incident)]) == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--for", "1x"], "expected a number with s, m, h or d"),
        (["--interval", "0.5"], "expected 1 to 3600 seconds"),
        (["--interval", "nan"], "expected 1 to 3600 seconds"),
        (["--interval", "inf"], "expected 1 to 3600 seconds"),
        (["--on-loss", "hook"], "expected an absolute path"),
    ],
)
def test_wrong_words_are_refused(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", "--output", str(tmp_path / "w"), *words]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "w").exists()


def test_the_documented_commands_and_the_unit_have_only_real_flags(
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = (Path(__file__).parents[2] / "docs" / "watch.md").read_text(encoding="utf-8")
    unit = ConfigParser(interpolation=None, delimiters=("=",))
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # as the library documents it
    unit.read_string(document.partition("```ini\n")[2].partition("```")[0])
    start = shlex.split(unit["Service"]["ExecStart"])
    assert start[:2] == ["/bin/sh", "-c"]
    commands = [start[2], *re.findall(r"(?m)^publication-gate (watch .*)$", document)]
    assert len(commands) == 3
    assert main(["watch", "--help"]) == 0
    text = capsys.readouterr().out
    flags = {word for command in commands for word in command.split() if word.startswith("--")}
    assert [flag for flag in flags if not re.search(rf"{flag}\b", text)] == []
