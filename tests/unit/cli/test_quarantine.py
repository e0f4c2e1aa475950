"""The commands of the standing decision on real folders, and against a GitHub on loopback."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import stamina
from pytest_httpserver import HTTPServer

from gate.cli import verify
from gate.cli.main import main
from gate.model import records
from gate.model.basics import Kind, Phase
from gate.model.document import Evidence
from tests.helpers import github_world as gh
from tests.helpers import runs
from tests.helpers.github_world import World

NOW = datetime.now(tz=UTC)
TOML = '[cache]\nattic-server="http://127.0.0.1:8"\nattic-cache="main"\n[quarantine]\nincident="i"\npasses=2\ndays=1\n'
DAY = timedelta(days=1)


def bad(run: runs.Run) -> runs.Run:
    return run.change(records.BucketSampled, lambda row: runs.lost(row) if row.phase is Phase.POST else row)


def run_folder(tmp_path: Path, name: str, ago: timedelta, journal_log: runs.Run | None = None) -> Path:
    result = (journal_log or runs.healthy()).change(
        records.RunStarted,
        lambda row: replace(row, run=replace(row.run, run_id=name)),
    )
    return gh.evidence_folder(tmp_path / name, result, NOW - ago)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "gate.toml"
    path.write_text(TOML)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return path


def status(*argv: str, into: Path) -> tuple[int, dict[str, object]]:
    code = main(["quarantine", "status", *argv, "--json-into", str(into)])
    return code, json.loads(into.read_text())


def test_a_release_takes_passes_days_and_a_statement(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp = config.parent
    lost = bad(runs.healthy()).change(
        records.WorkloadSeen, lambda row: replace(row, identity="9:9") if row.role == "store" else row
    )
    folders = [
        str(run_folder(tmp, "loss", 3 * DAY, lost)),
        str(run_folder(tmp, "one", 1.5 * DAY)),
        str(run_folder(tmp, "two", 0.2 * DAY)),
    ]
    code, output = status(*folders, into=tmp / "s.json")
    assert (code, output["held"]) == (4, True)
    out = capsys.readouterr().out
    assert out.startswith("quarantine: HELD: broad trusted writes are held (i)")
    assert out.count("NOT MET") == 1
    assert "2 of 2 [one, two]" in out
    statement = tmp / "statement.json"
    attest = ["quarantine", "attest", "--who", "Ada", "--why", "Garage", "--output", str(statement)]
    assert main([*attest, "--backend-replaced"]) == 0
    assert main([*attest, "--backend-replaced"]) == 2  # left untouched
    code, output = status(*folders, "--statement", str(statement), into=tmp / "s.json")
    assert (code, output["held"]) == (0, False)
    config.write_text(TOML + 'statements=["statement.json"]\n')
    assert status(*folders, into=tmp / "s.json")[0] == 0
    newer = str(run_folder(tmp, "three", 0.1 * DAY, bad(runs.healthy())))
    assert status(*folders, newer, into=tmp / "s.json")[0] == 4


def test_a_lab_pass_and_a_forged_folder_are_no_history(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp = config.parent
    lab = run_folder(tmp, "lab", DAY, runs.healthy().with_policy(kind=Kind.LAB))
    code, output = status(str(lab), into=tmp / "s.json")
    assert (code, output["left_out"]) == (4, ["lab: lab evidence never counts"])
    capsys.readouterr()
    for form, answer in (("text", "  left out: lab"), ("markdown", "- left out: lab")):
        assert main(["quarantine", "status", str(lab), "--format", form]) == 4
        assert f"\n{answer}: lab evidence never counts\n" in capsys.readouterr().out
    (lab / "push-profile.log").write_bytes(b"")
    assert status(str(lab), into=tmp / "s.json")[0] == 2


def test_break_glass_is_shouted_and_still_held(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    until = (NOW + DAY).strftime("%Y-%m-%dT%H:%M:%SZ")
    config.write_text(TOML + f'break-glass={{who="Ada", why="a fix", until="{until}"}}\n')
    folder = run_folder(config.parent, "one", DAY)
    assert main(["quarantine", "status", str(folder)]) == 4
    out = capsys.readouterr().out
    assert out.startswith("!" * 100)
    assert "BREAK GLASS" in out
    assert main(["quarantine", "status", str(folder), "--format", "markdown"]) == 4
    assert "BREAK GLASS" in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv",
    [
        ["quarantine", "status"],
        ["quarantine", "status", "folder", "--from-artifacts"],
        ["quarantine", "attest", "--who", "A", "--why", "w", "--output", "o"],
        ["quarantine", "attest", "--who", "A", "--why", "w", "--output", "o", "--backend-replaced", "--repair-proved"],
        ["quarantine", "attest", "--who", " ", "--why", "w", "--output", "o", "--backend-replaced"],
        ["quarantine", "attest", "--who", "A", "--why", "a\nb", "--output", "o", "--backend-replaced"],
        ["suspects"],
        ["history"],
        ["history", "nowhere"],
    ],
)
def test_what_can_not_be_meant_is_refused(config: Path, argv: list[str]) -> None:
    before = sorted(path.name for path in config.parent.iterdir())
    assert main(argv) == 2
    assert sorted(path.name for path in config.parent.iterdir()) == before


def test_suspects_are_one_a_line(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    worse = run_folder(config.parent, "bad", DAY, bad(runs.healthy()))
    good = run_folder(config.parent, "good", 3 * DAY)
    assert main(["suspects", str(worse), str(good)]) == 0
    out, err = capsys.readouterr()
    assert out.split("\n") == [*sorted(row.store_path for row in runs.SOURCES), ""]
    answer = f"{len(runs.SOURCES)} paths from 2 folders: 1 published in a bad window, 1 did not, 0 left out"
    assert err == f"publication-gate: {answer}\n"
    assert main(["suspects", str(good)]) == 0
    answer = "0 paths from 1 folder: 0 published in a bad window, 1 did not, 0 left out"
    assert capsys.readouterr() == ("", f"publication-gate: {answer}\n")
    assert main(["suspects", str(good), "--since", (NOW - 4 * DAY).isoformat()]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(runs.SOURCES)
    assert main(["suspects", str(good), "--since", "yesterday"]) == 2


def test_folders_that_do_not_count_are_no_all_clear(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lab = run_folder(config.parent, "lab", DAY, bad(runs.healthy()).with_policy(kind=Kind.LAB))
    into = config.parent / "s.json"
    assert main(["suspects", str(lab), "--json-into", str(into)]) == 3
    why = "lab evidence never counts"
    out, err = capsys.readouterr()
    assert (out, err.splitlines()) == (
        "",
        [
            "publication-gate: 0 paths from 1 folder: 0 published in a bad window, 0 did not, 1 left out",
            f"publication-gate: left out: {lab} ({why})",
        ],
    )
    left_out = [{"evidence": str(lab), "why": why}]
    assert json.loads(into.read_text()) | {"schema": ""} == {
        "schema": "",
        "suspects": [],
        "folders": [],
        "left_out": left_out,
        "error": None,
    }
    good = run_folder(config.parent, "bad", DAY, bad(runs.healthy()))
    assert main(["suspects", str(lab), str(good), "--json-into", str(into)]) == 0
    assert json.loads(into.read_text())["left_out"] == left_out


def test_the_history_is_in_order_of_time(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp = config.parent
    folders = [run_folder(tmp, "b", DAY), run_folder(tmp, "a", 2 * DAY, bad(runs.healthy()))]
    lab = run_folder(tmp, "c", 3 * DAY, runs.healthy().with_policy(kind=Kind.LAB))
    assert main(["history", *map(str, folders), str(lab), "--json-into", str(tmp / "h.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "✓✗✓  3 runs in 2.0 days: 2 pass, 1 quarantine"
    assert lines[1] == (
        "since the last run that counts against a release (a): 1 run, 1 of them count toward one, 1.0 days"
    )
    table = lines[lines.index("") + 2 :]
    assert [line.split()[1:5] for line in table] == [
        ["c", "medium-check", "pass", "lab"],
        ["a", "medium-check", "quarantine", "against"],
        ["b", "medium-check", "pass", "toward"],
    ]
    assert [row["run"] for row in json.loads((tmp / "h.json").read_text())["runs"]] == ["c", "a", "b"]


def test_a_parent_folder_stands_for_its_folders_and_what_is_not_genuine_is_left_out_by_name(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = config.parent / "runs"
    place.mkdir()
    run_folder(place, "a", DAY)
    forged = run_folder(place, "b", 2 * DAY)
    (forged / "evidence.json").write_bytes((forged / "evidence.json").read_bytes() + b" ")
    (place / "empty").mkdir()
    assert main(["history", str(place), "--no-cache"]) != 0
    out = capsys.readouterr().out
    assert out.startswith("✓  1 run in 0.0 days: 1 pass\n")
    assert {line.split()[2].rpartition("/")[2].rstrip(":") for line in out.splitlines() if "left out" in line} == {
        "b",
        "empty",
    }


def test_a_forged_folder_outweighs_one_that_was_never_sealed(config: Path) -> None:
    """As of verify: 2, then 3."""
    unsealed = run_folder(config.parent, "a", DAY)
    (unsealed / "evidence.json").unlink()
    forged = run_folder(config.parent, "b", DAY)
    (forged / "evidence.json").write_bytes((forged / "evidence.json").read_bytes() + b" ")
    assert main(["history", str(unsealed)]) == main(["verify", str(unsealed)]) == 3
    both = [str(unsealed), str(forged)]
    assert main(["history", *both]) == main(["verify", *both]) == 2


def test_what_was_verified_here_is_not_verified_again_unless_a_byte_differs(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A kept answer is for these very bytes: a folder that was forged since is found out all the same."""
    folder = run_folder(config.parent, "a", DAY)
    assert main(["history", str(folder)]) == 0
    first = capsys.readouterr().out
    (remaining,) = (config.parent / "cache" / "publication-gate" / "history").glob("*.json")
    verifications: list[Path] = []
    real = verify.verified

    def recorded(path: Path) -> tuple[Evidence, str]:
        verifications.append(path)
        return real(path)

    monkeypatch.setattr(verify, "verified", recorded)
    assert main(["history", str(folder)]) == 0
    assert (capsys.readouterr().out, verifications) == (first, [])
    assert main(["history", str(folder), "--no-cache"]) == 0
    assert verifications == [folder]
    remaining.write_bytes(b"{}")
    assert main(["history", str(folder)]) == 0
    assert verifications == [folder, folder]
    journal = folder / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b"medium-check", b"medium-chec\x6c", 1))
    capsys.readouterr()
    assert main(["history", str(folder)]) != 0
    assert "left out" in capsys.readouterr().out


def test_the_page_has_every_run_with_a_link_and_the_conditions_of_a_release(config: Path) -> None:
    tmp = config.parent
    folders = [run_folder(tmp, "b", DAY), run_folder(tmp, "a", 2 * DAY, bad(runs.healthy()))]
    page = tmp / "history.html"
    assert main(["history", *map(str, folders), "--html", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert 'href="a/report.html"' in text
    assert 'href="b/report.html"' in text
    assert "Held in quarantine" in text
    assert main(["history", *map(str, folders), "--html", str(page)]) == 2


def test_the_history_may_be_the_repositorys_own_artifacts(
    config: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(url=httpserver.url_for("").rstrip("/"), now=NOW)
    httpserver.expect_request(re.compile(".*")).respond_with_handler(world.answer)
    for name, text in (("GITHUB_TOKEN", gh.TOKEN), ("GITHUB_REPOSITORY", gh.REPOSITORY), ("GITHUB_API_URL", world.url)):
        monkeypatch.setenv(name, text)
    config.write_text(TOML + "[require]\nguarded=[{path='a'}]\n")
    for number, ago in ((1, 2 * DAY), (2, 0.1 * DAY)):
        row = world.add_run(number, NOW - ago)
        folder = gh.evidence_folder(
            config.parent / f"run-{number}", gh.of_run(runs.healthy(), row), NOW - ago + timedelta(minutes=1)
        )
        world.add_artifact(row, gh.zipped(folder))
    with stamina.set_testing(True, attempts=1):
        code, output = status("--from-artifacts", into=config.parent / "s.json")
        assert main(["history", "--from-artifacts"]) == 0
    assert code == 4
    conditions = output["conditions"]
    assert isinstance(conditions, list)
    assert [row["met"] for row in conditions] == [True, True, True, True, False]
    assert conditions[1]["rests_on"] == ["1.1", "2.1"]
    monkeypatch.delenv("GITHUB_TOKEN")
    monkeypatch.delenv("GH_TOKEN", raising=False)
    assert main(["quarantine", "status", "--from-artifacts"]) == 2
    assert main(["history", "--from-artifacts"]) == 2


def test_require_from_the_command_line(
    tmp_path: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(url=httpserver.url_for("").rstrip("/"))
    httpserver.expect_request(re.compile(".*")).respond_with_handler(world.answer)
    head = gh.commit_id("head")
    world.files[(gh.HEAD, "gate.toml")] = gh.GATE_TOML.encode()
    world.trees = {gh.HEAD: {}, head: {"README.md": b"x"}}
    event = tmp_path / "event.json"
    event.write_bytes(gh.pull_request())
    monkeypatch.setenv("GITHUB_EVENT_NAME", "pull_request")
    monkeypatch.setenv("GITHUB_REPOSITORY", gh.REPOSITORY)
    monkeypatch.setenv("GITHUB_API_URL", world.url)
    monkeypatch.setenv("GITHUB_TOKEN", gh.TOKEN)
    monkeypatch.delenv("GITHUB_EVENT_PATH", raising=False)
    assert main(["require"]) == 2
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    into = tmp_path / "out.json"
    assert main(["require", "--json-into", str(into)]) == 0
    assert json.loads(into.read_text())["reasons"][0]["code"] == "require-not-needed"
    world.trees[head] = {".github/workflows/ci.yml": gh.TRUSTING}
    assert main(["require", "--json-into", str(into), "--format", "markdown"]) == 3
    assert json.loads(into.read_text())["verdict"]["blocks"] is True
    assert gh.TOKEN not in capsys.readouterr().out
    assert main(["require", "--push-follows"]) == 3
