"""The rows NIX-* of the fault matrix: a build that proves nothing, and a log that may lie.

What a drill of the lab proves is named in ``test_drills.py``.
"""

import json
import os
import re
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from types import SimpleNamespace
from typing import Any

import pytest

from gate.cli.main import main
from gate.clock import SystemClock
from gate.errors import StoppedError
from gate.model import records
from gate.model.basics import Label, VerdictWord
from gate.model.policy import Secrets
from gate.observe.nix_build import build
from gate.observe.nix_store import NixStore, nix_environment
from gate.probe.building import build_profile
from gate.probe.plan import stopped
from gate.probe.publishing import expect
from gate.probe.world import fresh_nonce
from gate.process import CancelToken, Capture
from tests.helpers import runs
from tests.helpers.runs import Run, answer, cached, healthy
from tests.unit.judge.test_breaks import OURS, build_ended, masked, nar
from tests.unit.judge.test_breaks import build as build_facts

QUARANTINE, INCONCLUSIVE, PASS = "quarantine", "inconclusive", "pass"


def event(**fields: object) -> bytes:
    return b"@nix " + json.dumps(fields).encode() + b"\n"


def log(run: Run, *lines: bytes) -> Run:
    """The run with these lines at the end of its build log."""
    return run.with_file("build.log", run.files["build.log"] + b"".join(lines))


VERSIONS = ("2.8.0", "2.26.3", "2.34.8")
THEIRS = "https://cache.example"


@pytest.fixture(scope="module")
def recordings() -> dict[str, bytes]:
    """Logs of builds with ``--fallback`` against a broken cache, which all ended well."""
    expected = {
        f"{version}/{name}.fallback.internal-json.stderr"
        for version in VERSIONS
        for name in ("f-nar-corrupt-bytes+none", "a-nar-cl-zero-close")
    }
    with tarfile.open("fixtures/recordings/nix/recordings.tar.xz") as archive:
        result = {
            member.name.partition(".fallback")[0]: file.read()
            for member in archive
            if member.name in expected and (file := archive.extractfile(member))
        }
    assert len(result) == len(expected)
    return result


def with_cache(log: bytes, url: str) -> Run:
    """The healthy run with this build log, its cache under another name."""
    assert re.search(rb"http://127\.0\.0\.1:[0-9]+", log)
    return healthy().with_file("build.log", re.sub(rb"http://127\.0\.0\.1:[0-9]+", url.encode(), log))


@pytest.mark.row("NIX-01")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("cache", "word", "status"), [(OURS, QUARANTINE, "fail"), (THEIRS, INCONCLUSIVE, "inconclusive")]
)
def test_a_green_build_behind_a_corrupt_substitute_is_no_pass(
    recordings: dict[str, bytes], version: str, cache: str, word: str, status: str
) -> None:
    """Our own cache's failed substitute is worse than the matrix asks for: it is the published truth that is wrong."""
    run = with_cache(recordings[f"{version}/f-nar-corrupt-bytes+none"], cache)
    assert [
        record.exit for record in run.records if isinstance(record, records.ChildEnded) and record.name == "build"
    ] == [0]
    assert ("build-fallback-masked", status) in run.rows()
    assert run.word() == word
    read = nar(sha256="x", well_formed=False)(run)
    assert ("body-corrupt", "fail") in read.rows(), "and the path that is then read decides for itself"
    assert read.word() == QUARANTINE


@pytest.mark.row("NIX-02")
@pytest.mark.parametrize("version", VERSIONS)
def test_a_cache_that_nix_disabled_was_not_asked(recordings: dict[str, bytes], version: str) -> None:
    recorded = recordings[f"{version}/a-nar-cl-zero-close"]
    assert b"disabling binary cache '" in recorded
    run = with_cache(recorded, THEIRS)
    assert ("build-fallback-masked", "inconclusive") in run.rows()
    assert run.word() == INCONCLUSIVE
    assert with_cache(recorded, OURS).word() == QUARANTINE


@pytest.mark.row("NIX-03")
@pytest.mark.parametrize("policy", [{"twin": "never"}, {"twin": "auto"}], ids=["no twin", "twin not made"])
def test_a_profile_that_was_there_already_proves_nothing(policy: dict[str, str]) -> None:
    """Without its twin; with one the run can pass (`cached`)."""
    run = cached()
    assert b"(11 already cached" in run.files["push-profile.log"], "nothing of it was written"
    assert run.word() == PASS
    without = run.change(records.PushSetKnown, lambda record: None if record.label is Label.TWIN else record)
    for kind in (records.MissingAsked, records.BodyRead):
        without = without.change(kind, lambda record: None if record.label is Label.TWIN else record)
    without = without.change(records.ChildEnded, lambda record: None if record.name == "push:twin" else record)
    without = without.with_policy(**policy)
    assert without.word() == INCONCLUSIVE
    code = "push-not-representative" if policy["twin"] == "never" else "push-not-run"
    assert (code, "inconclusive") in without.rows()


def site_of(said: records.HttpAnswer, written: list[records.Record]) -> Any:
    """A site whose cache gives this answer to ``get-missing-paths``, and whose store has what runs have."""
    facts = {path.store_path: path for path in (*runs.CANARIES, *runs.TWINS, *runs.SOURCES)}
    return SimpleNamespace(
        nix=SimpleNamespace(path_facts=lambda paths: tuple(facts[path] for path in paths)),
        attic=SimpleNamespace(
            missing_paths=lambda cache, _token, _paths, label: records.MissingAsked(
                label=label, cache=cache, answer=said
            )
        ),
        policy=runs.policy(),
        settings=SimpleNamespace(secrets=Secrets()),
        upstream_key_names={},
        cache_of=lambda _label: "probe",
        write=written.append,
    )


def told(*paths: records.PathFacts) -> records.HttpAnswer:
    """The cache's answer when it lacks these paths."""
    return answer(body=json.dumps({"missing_paths": [path.store_path[11:43] for path in paths]}))


@pytest.mark.row("NIX-04", "TRU-05")
@pytest.mark.parametrize("lacked", [(), runs.CANARIES[:1], runs.CANARIES[1:], runs.TWINS])
def test_a_nonce_that_was_used_before_stops_the_run(lacked: tuple[records.PathFacts, ...]) -> None:
    """The cache says before the first push that it has a canary: it was published under this nonce already."""
    nonces = {fresh_nonce() for _ in range(50)}
    assert len(nonces) == 50
    assert all(re.fullmatch("[0-9a-f]{32}", nonce) for nonce in nonces), "128 bits"
    paths = [path.store_path for path in runs.CANARIES]
    written: list[records.Record] = []
    with pytest.raises(StoppedError, match=r"that it has /nix/store/.*-canary-.*own random ones: nothing was") as stop:
        expect(site_of(told(*lacked), written), Label.CANARY, paths, paths)
    assert (stop.value.exit_code, stop.value.code) == (3, "push-nonce-known")
    assert [record.kind for record in written] == ["push-set", "missing-paths"], "the fault is in the record"
    before = healthy().records[: [*map(type, healthy().records)].index(records.PushSetKnown)]
    rows = (*before, *written, stopped(stop.value), records.RunComplete())
    run = Run(rows, {"build.log": healthy().files["build.log"]})
    verdict = run.judged()[1]
    assert (verdict.word, verdict.exit_code) == (VerdictWord.INCONCLUSIVE, 3)
    assert "push-nonce-known" in verdict.codes


@pytest.mark.parametrize(
    "reply", [told(*runs.CANARIES), answer(500), answer(None, error="timeout"), answer(body="<html>")]
)
def test_a_fresh_nonce_and_an_unknown_one_refuse_nothing(reply: records.HttpAnswer) -> None:
    paths = [path.store_path for path in runs.CANARIES]
    assert expect(site_of(reply, []), Label.CANARY, paths, paths).served == tuple(paths)


@pytest.mark.row("NIX-04", "TRU-05")
def test_a_twin_that_the_cache_knows_is_judged_since_the_canaries_are_out() -> None:
    """Nothing can be refused any more; that of the canaries is what the judge says where a run was not refused."""
    twins = [path.store_path for path in runs.TWINS]
    assert expect(site_of(told(), []), Label.TWIN, twins, twins).served == tuple(twins)

    def known(record: records.MissingAsked) -> records.MissingAsked:
        return replace(record, answer=answer(200, '{"missing_paths":[]}')) if record.label is Label.CANARY else record

    names = [path.store_path.removeprefix("/nix/store/") for path in runs.CANARIES]
    lines = "".join(f"✅ {name} (deduplicated)\n" for name in names)
    head = runs.push_log((), announced=len(names)).decode()
    fresh = runs.push_log(runs.CANARIES).decode()
    for log_text in (head + lines, f"✅ All done! ({len(names)} already cached, 0 in upstream)\n", fresh):
        run = healthy().change(records.MissingAsked, known).with_file("push-canary.log", log_text.encode())
        expected = {("push-nonce-known", "inconclusive"), ("push-wrote-nothing", "inconclusive")}
        assert run.rows() == (expected if log_text != fresh else {("push-nonce-known", "inconclusive")})
        assert run.word() == INCONCLUSIVE


@pytest.mark.row("NIX-05")
@pytest.mark.parametrize("ending", [{"exit": 1}, {"exit": 100}, {"exit": None, "signal": 9}])
def test_a_build_that_failed_is_no_word_on_the_cache(ending: dict[str, int | None]) -> None:
    run = build_ended(**ending)(build_facts(outputs=())(healthy()))
    assert ("build-failed", "inconclusive") in run.rows()
    assert run.word() == INCONCLUSIVE


@pytest.mark.row("NIX-06")
@pytest.mark.parametrize("cache", [OURS, THEIRS])
def test_a_builder_that_forges_the_log_can_only_lower_the_verdict(cache: str) -> None:
    """A builder's lines may be messages and file transfers, and no others (nix src/libutil/logging.cc)."""
    path = runs.SOURCES[0].store_path
    forged = (
        event(action="msg", level=0, msg=f"copying path '{path}' from '{cache}'..."),
        event(action="msg", level=3, msg=f"this path will be fetched (0.1 MiB download, 0.2 MiB unpacked):\n  {path}"),
        event(action="start", id=90, level=0, text="", type=101, fields=[f"{cache}/nar/x.nar"]),
        event(action="result", id=90, type=105, fields=[1, 1, 0, 0]),
        event(action="stop", id=90),
        event(action="msg", level=0, msg="all is well"),
    )
    honest = masked(cache, "proven")(healthy())
    lied = log(honest, *forged)
    assert honest.word() == (QUARANTINE if cache == OURS else INCONCLUSIVE)
    assert lied.rows() >= honest.rows()
    assert lied.word() == honest.word()
    accused = log(healthy(), event(action="msg", level=0, msg=f"error: file 'nar/x.nar' does not exist in '{cache}'"))
    assert accused.word() in (PASS, INCONCLUSIVE), "and a forged error alone is no proof against the cache"


@pytest.mark.row("NIX-07")
def test_workflow_commands_of_a_builder_change_nothing_and_are_not_told_raw(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = ["::error::gone", "::set-output name=verdict::pass", "##[error]gone", "\x1b[2K\r::stop-commands::x"]
    run = log(
        healthy(),
        *(event(action="result", id=1, type=101, fields=[command]) for command in commands),
    )
    assert (run.rows(), run.word()) == (set(), PASS)
    run = log(
        run,
        *(event(action="msg", level=0, msg=f"error: {command}\n{command}") for command in commands),
        *(command.encode() + b"\n" for command in commands),
    )
    assert ("build-log-not-understood", "inconclusive") in run.rows(), "an error of unknown wording is doubt"
    assert run.word() == INCONCLUSIVE
    (tmp_path / "build.log").write_bytes(run.files["build.log"])
    assert main(["read", "nix-log", str(tmp_path / "build.log"), "--exit-code", "0"]) == 0
    output = capsys.readouterr()
    for result in (output.out, output.err):
        assert not re.search(r"(?m)^\s*::|##\[|\x1b|\r", result)


# ------------------------------------------------------------------------------------------------ a nix that is not so


def shim(folder: Path, script: str) -> NixStore:
    """A Nix of our own making: ``nix build`` with a log, ``nix build --json``, the settings and the version."""
    nix = folder / "nix"
    nix.write_text(f'#!/bin/sh\ncase "$*" in\n{script}\nesac\n')
    nix.chmod(0o700)
    return NixStore(folder=folder, env=nix_environment(os.environ), cancel=CancelToken(), clock=SystemClock())


def built(store: NixStore, folder: Path, seconds: float = 60.0) -> tuple[records.ChildEnded, records.BuildFacts, bytes]:
    capture = Capture(folder, f"build-{token_hex(4)}.log")
    ended, facts = build(store, ("x",), name="build", capture=capture, cache_urls=[OURS], deadline_seconds=seconds)
    assert not capture.close().cut
    return ended, facts, (folder / capture.name).read_bytes()


def run_with(ended: records.ChildEnded, facts: records.BuildFacts, said: bytes) -> Run:
    """The healthy run, but with this build."""
    run = healthy().change(records.BuildFacts, lambda record: replace(record, outputs=facts.outputs))
    run = build_ended(exit=ended.exit, signal=ended.signal, ended_by=ended.ended_by)(run)
    return run.with_file("build.log", said)


LOG = f"cat <<'END' >&2\n{runs.BUILD_LOG.decode()}END\n"


@pytest.mark.row("NIX-08")
def test_a_nix_that_hangs_is_ended_with_its_whole_group(tmp_path: Path) -> None:
    store = shim(
        tmp_path,
        f'*--log-format*) {LOG} sleep 600 & echo $! > "{tmp_path}/child"; : > "{tmp_path}/up"; wait;;\n*) exit 1;;',
    )
    ended, facts, output = built(store, tmp_path, seconds=10.0)
    assert (tmp_path / "up").exists(), "it was under way"
    child = int((tmp_path / "child").read_text())
    assert (ended.ended_by, facts.outputs) == ("deadline", ())
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"
    run = run_with(ended, facts, output)
    assert ("build-failed", "inconclusive") in run.rows()
    assert run.word() == INCONCLUSIVE


@pytest.mark.row("NIX-09")
def test_a_store_without_room_is_our_own_trouble(tmp_path: Path) -> None:
    full = "error: writing to file '/nix/store/x': No space left on device"
    store = shim(tmp_path, f'*--log-format*) {LOG} echo "{full}" >&2; exit 1;;\n*) exit 1;;')
    ended, facts, output = built(store, tmp_path)
    assert b"No space left on device" in output
    run = run_with(ended, facts, output)
    assert ("build-failed", "inconclusive") in run.rows()
    assert run.word() == INCONCLUSIVE


OUTPUT = f"/nix/store/{'a' * 32}-x"


@pytest.mark.row("NIX-10")
@pytest.mark.parametrize(
    "outputs",
    [
        {"out": "../../etc/passwd"},
        {"out": "/etc/passwd"},
        {"out": "/nix/store/../../etc/passwd"},
        {"out": f"{OUTPUT}/../../../etc"},
        {"out": f"{OUTPUT}\n{OUTPUT}"},
        {"out": "/nix/store/short-x"},
        {"out": None},
        {},
    ],
)
def test_what_is_no_output_path_refuses_the_run(outputs: dict[str, str | None], tmp_path: Path) -> None:
    refuses([{"drvPath": f"/nix/store/{'b' * 32}-x.drv", "outputs": outputs}], tmp_path)


@pytest.mark.row("NIX-10")
@pytest.mark.parametrize("count", [0, 2])
def test_more_or_less_than_one_root_stops_the_run(count: int, tmp_path: Path) -> None:
    roots = [{"drvPath": f"/nix/store/{'b' * 32}-x.drv", "outputs": {"out": OUTPUT}}] * count
    refuses(roots, tmp_path, f"nix build named {count} things as built: expected the one")


def refuses(results: Sequence[Mapping[str, object]], folder: Path, why: str = "expected") -> None:
    """Nix is content with the build, and says this of what it built: nothing is published, and the run stops."""
    script = f"*--log-format*) {LOG};;\n*--json*--no-link*) cat <<'END'\n{json.dumps(results)}\nEND\n;;\n*) exit 1;;"
    written: list[records.Record] = []
    with pytest.raises(
        StoppedError, match=r"what was built could not be determined: .*; nothing was published"
    ) as stop:
        build_profile(building(shim(folder, script), folder, written), WORLD)
    assert (stop.value.exit_code, stop.value.code) == (3, "build-unclear")
    assert why in str(stop.value)
    ended = next(row for row in written if isinstance(row, records.ChildEnded))
    facts = next(row for row in written if isinstance(row, records.BuildFacts))
    assert (ended.exit, facts.outputs, facts.problem is not None) == (0, (), True), "the fault was active"
    before = healthy().records[: [*map(type, healthy().records)].index(records.BuildFacts)]
    rows = (*before, *written, stopped(stop.value), records.RunComplete())
    verdict = Run(rows, {"build.log": (folder / "build.log").read_bytes()}).judged()[1]
    assert (verdict.word, verdict.exit_code) == (VerdictWord.INCONCLUSIVE, 3)
    assert "build-unclear" in verdict.codes


WORLD: Any = SimpleNamespace(environ={}, nonce="aa" * 16)


def building(store: NixStore, folder: Path, written: list[records.Record], installable: str = "github:x/y#z") -> Any:
    return SimpleNamespace(
        nix=store,
        policy=runs.policy(installable=installable, push_set="closure"),
        directory=folder,
        secrets=(),
        cache_urls=lambda _cache: (OURS,),
        seconds_left=lambda: 60.0,
        write=written.append,
    )


@pytest.mark.row("NIX-10")
@pytest.mark.parametrize("reply", ["../x", "/etc/passwd", f"{OUTPUT}\n{OUTPUT}", ""])
def test_a_fresh_file_that_is_no_store_path_refuses_the_run(reply: str, tmp_path: Path) -> None:
    written: list[records.Record] = []
    store = shim(tmp_path, f"*eval*--raw*) printf '%s' '{reply}';;\n*) exit 1;;")
    with pytest.raises(StoppedError, match=r"gave no store path: .*; nothing was published"):
        build_profile(building(store, tmp_path, written, installable=""), WORLD)
    assert written == []


@pytest.mark.row("NIX-10")
def test_a_nix_that_does_not_say_what_it_built_is_our_own_trouble(tmp_path: Path) -> None:
    written: list[records.Record] = []
    store = shim(tmp_path, f"*--log-format*) {LOG};;\n*) exit 1;;")
    assert build_profile(building(store, tmp_path, written), WORLD) is None
    ended, facts, log_text = built(store, tmp_path)
    assert (ended.exit, facts.outputs, facts.problem) == (0, (), None)
    run = run_with(ended, facts, log_text)
    assert ("build-failed", "inconclusive") in run.rows()
    assert run.word() == INCONCLUSIVE


@pytest.mark.row("NIX-10")
def test_the_shim_s_good_answer_is_taken(tmp_path: Path) -> None:
    """So that the refusals above are of the paths and not of the shim."""
    output = json.dumps([{"drvPath": f"/nix/store/{'b' * 32}-x.drv", "outputs": {"out": OUTPUT}}])
    script = f"*--log-format*) {LOG};;\n*--json*--no-link*) cat <<'END'\n{output}\nEND\n;;\n*) exit 1;;"
    ended, facts, _ = built(shim(tmp_path, script), tmp_path)
    assert (ended.exit, facts.outputs, facts.problem) == (0, (OUTPUT,), None)
