"""Every drill of the lab, from the command line: verdict, codes and the proof of the fault are as the table says.

The real Nix, S3 server and Attic (or its stand-ins) run in each; a process of its own, because a private /nix is for
a whole process.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gate.lab.drills import DRILLS, Drill
from gate.lab.stack import SENSITIVE
from gate.model.basics import EXIT_CODES, VerdictWord

pytestmark = [pytest.mark.lab, pytest.mark.nix, pytest.mark.slow, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]
TOKEN = re.compile(
    rb"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+|X-Amz-Signature=[0-9a-f]+|" + SENSITIVE.encode()
)


def lab(tmp_path: Path, *arguments: str, **environ: str) -> tuple[int, dict[str, Any], str]:
    """Run ``lab`` into ``tmp_path/run``: its exit code, its JSON, and what it said on stderr."""
    result = tmp_path / "result.json"
    command = [sys.executable, "-m", "gate", "lab", "--output", str(tmp_path / "run"), "--json-into", str(result)]
    ended = subprocess.run(
        [*command, *arguments], cwd=ROOT, env={**os.environ, **environ}, capture_output=True, text=True, check=False
    )
    return ended.returncode, json.loads(result.read_text(encoding="utf-8")), ended.stderr


def evidence(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "evidence.json").read_text(encoding="utf-8"))
    return document


def codes(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(row["code"], row["status"]) for row in document["findings"]}


ROWS = {
    "already-cached-bucket-lost": ("ATS-01", "ATS-03"),
    "body-empty": ("ATS-06", "ATS-13"),
    "body-short": ("ATS-13",),
    "chunk-missing": ("ATS-06",),
    "chunk-bitflip": ("ATS-13",),
    "foreign-body": ("ATS-13",),
    "proxy-200-html": ("LOG-10",),
    "push-auth-expired": ("JWT-05",),
}
"""Rows of the fault matrix that a drill proves."""


def test_the_rows_are_of_drills_that_there_are() -> None:
    assert set(ROWS) <= {drill.name for drill in DRILLS}


@pytest.mark.parametrize(
    "drill",
    [pytest.param(drill, id=drill.name, marks=pytest.mark.row(*ROWS.get(drill.name, ()))) for drill in DRILLS],
)
def test_a_drill_ends_as_expected(drill: Drill, tmp_path: Path) -> None:
    exit_code, answer, stderr = lab(tmp_path, "--fault", drill.name)
    document = evidence(tmp_path / "run")
    assert answer["lab"]["void"] is None, (answer["lab"]["void"], stderr)
    assert document["verdict"]["word"] == drill.word.value, document["verdict"]
    assert {(code, status.value) for code, status in drill.codes} <= codes(document)
    assert answer["lab"]["as_expected"] is True
    assert answer["lab"]["proof"]
    assert exit_code == EXIT_CODES[drill.word]
    assert document["policy"]["kind"] == "lab"
    leaked = {path.name for path in (tmp_path / "run").iterdir() if TOKEN.search(path.read_bytes())}
    assert leaked == set()
    assert not TOKEN.search(stderr.encode())
    assert not TOKEN.search((tmp_path / "result.json").read_bytes())
    verified = subprocess.run([sys.executable, "-m", "gate", "verify", str(tmp_path / "run")], cwd=ROOT, check=False)
    assert verified.returncode == 0


@pytest.mark.parametrize(("profile", "paths"), [("synthetic", 1), ("small-check", 22), ("medium-check", 22)])
def test_a_healthy_profile_passes(profile: str, paths: int, tmp_path: Path) -> None:
    exit_code, answer, stderr = lab(tmp_path, "--profile", profile)
    document = evidence(tmp_path / "run")
    assert (exit_code, answer["lab"]["as_expected"]) == (0, True), (document["verdict"], stderr)
    published = [path for path in document["push"]["paths"] if path["label"] == "profile"]
    assert len(published) == paths
    assert {read["code"] for body in document["bodies"] for read in body["reads"]} == {"body-whole"}


def test_the_incident_looks_like_the_incident(tmp_path: Path) -> None:
    _, _, _ = lab(tmp_path, "--fault", "index-lost-during-push")
    document = evidence(tmp_path / "run")
    profile = [path for path in document["push"]["paths"] if path["label"] == "profile"]
    claims = {path["store_path"].split("-", 1)[1]: path["claim"] for path in profile}
    failed = {path["error"]["code"] for path in profile if path["claim"] == "failed"}
    assert len(profile) == 22
    assert claims["deadnix-check"] == "deduplicated"
    assert failed == {"InternalServerError"}
    assert {name: bucket["state"] for name, bucket in document["pre"]["buckets"].items()} == {
        "attic": "indexed",
        "tofu-state": "indexed",
    }
    assert {name: bucket["state"] for name, bucket in document["post"]["buckets"].items()} == {
        "attic": "index-lost",
        "tofu-state": "index-lost",
    }


# --- what is refused before anything is started


def test_an_unknown_fault_is_refused(tmp_path: Path) -> None:
    exit_code, answer, stderr = lab(tmp_path, "--fault", "gremlins")
    assert (exit_code, answer["verdict"]["word"]) == (2, VerdictWord.REFUSED.value)
    assert "expected one of healthy, index-lost-during-push" in stderr
    assert not (tmp_path / "run").exists()


def test_a_drill_that_an_external_store_can_not_be_brought_to_is_refused(tmp_path: Path) -> None:
    exit_code, _, stderr = lab(
        tmp_path,
        *("--fault", "index-lost-before"),
        GATE_LAB_S3_ENDPOINT="http://127.0.0.1:9",
        GATE_LAB_S3_DATA=str(tmp_path),
        GATE_LAB_S3_ACCESS_KEY_ID="key",
        GATE_LAB_S3_SECRET_ACCESS_KEY="secret",
    )
    assert exit_code == 2
    assert "needs an S3 server whose index, disk and process the lab commands" in stderr
    assert not (tmp_path / "run").exists()


def test_an_evidence_folder_that_exists_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine").touch()
    exit_code, _, stderr = lab(tmp_path)
    assert exit_code == 2
    assert "is left untouched" in stderr
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["mine"]


def test_a_missing_nix_is_refused_by_name(tmp_path: Path) -> None:
    exit_code, _, stderr = lab(tmp_path, PATH=str(tmp_path))
    assert exit_code == 2
    assert "nix is not on PATH" in stderr


def test_a_drill_of_a_closure_is_refused_for_a_profile_without_one(tmp_path: Path) -> None:
    exit_code, _, stderr = lab(tmp_path, "--fault", "body-empty", "--profile", "synthetic")
    assert exit_code == 2
    assert "needs a profile with a closure: expected one of small-check, medium-check, got 'synthetic'" in stderr


def test_a_lost_lab_leaves_no_server(tmp_path: Path) -> None:
    """SIGTERM while the stack comes up: no evidence, exit 3, and nothing left running."""
    command = [sys.executable, "-m", "gate", "lab", "--output", str(tmp_path / "run")]
    child = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        until_up = next(path for path in _working_folders(child.pid))
        child.terminate()
        _, stderr = child.communicate(timeout=60)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 3, stderr
    assert not until_up.exists()
    assert _named_in_argv(str(until_up)) == []


def _working_folders(pid: int) -> Any:
    """The lab's own folder, as its first server names it in its arguments."""
    for _ in range(1200):
        for folder in _named_in_argv("gate-lab-", parent=pid):
            yield Path(re.search(r"/[^ ]*gate-lab-[^/ ]+", folder).group())  # type: ignore[union-attr]  # it is there
        subprocess.run(["sleep", "0.02"], check=True)


def _named_in_argv(text: str, parent: int | None = None) -> list[str]:
    """Command lines of running processes that hold this text; of this parent's children where one is given."""
    result = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            argv = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            ppid = int((process / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[1])
        except OSError:
            continue
        if text in argv and (parent is None or ppid == parent):
            result.append(argv)
    return result
