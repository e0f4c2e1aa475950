"""The action's scripts by themselves: which Python is found, what is installed, and how the last step ends."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.action.files import ROOT

pytestmark = pytest.mark.action
SCRIPTS = ROOT / "scripts" / "action"
NEEDED = ("bash", "env", "mktemp", "cat", "chmod", "mkdir", "dirname")


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    """A PATH of its own, without any Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in NEEDED:
        result = shutil.which(name)
        assert result
        (folder / name).symlink_to(result)
    return folder


def program(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n" + text, encoding="utf-8")
    path.chmod(0o755)
    return path


def real_python(folder: Path, name: str) -> Path:
    return program(folder, name, f'exec "{sys.executable}" "$@"\n')


def find(
    tmp_path: Path, bin_folder: Path, *, cwd: str | None = None, **environ: str
) -> tuple[int, dict[str, str], str]:
    outputs = tmp_path / "outputs"
    outputs.touch()
    env = {"PATH": str(bin_folder), "RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(outputs), **environ}
    done = subprocess.run(
        [SCRIPTS / "find.sh"], env=env, cwd=cwd or tmp_path, capture_output=True, text=True, check=False
    )
    pairs = (line.split("=", 1) for line in outputs.read_text(encoding="utf-8").split("\n") if line)
    return done.returncode, dict(pairs), done.stderr


def test_the_first_python_on_path_that_is_new_enough_is_taken(tmp_path: Path, bin_folder: Path) -> None:
    program(bin_folder, "python3", "exit 1\n")  # as an old one answers
    newer = real_python(bin_folder, "python3.12")
    code, answer, _ = find(tmp_path, bin_folder)
    assert (code, answer["python"]) == (0, str(newer))
    assert Path(answer["work"]).parent == tmp_path
    assert answer["evidence"] == answer["work"] + "/evidence"


def test_each_use_gets_a_folder_of_its_own(tmp_path: Path, bin_folder: Path) -> None:
    real_python(bin_folder, "python3")
    first, second = (find(tmp_path, bin_folder)[1]["work"] for _ in range(2))
    assert first != second
    assert Path(first).stat().st_mode & 0o777 == 0o700


def test_the_input_wins(tmp_path: Path, bin_folder: Path) -> None:
    real_python(bin_folder, "python3")
    mine = real_python(tmp_path, "mine")
    assert find(tmp_path, bin_folder, GATE_ACTION_PYTHON=str(mine))[1]["python"] == str(mine)


@pytest.mark.parametrize("value", ["/nowhere/python", "bash", "-c"])
def test_an_input_that_is_no_python_ends_the_action(value: str, tmp_path: Path, bin_folder: Path) -> None:
    real_python(bin_folder, "python3")
    code, answer, output = find(tmp_path, bin_folder, GATE_ACTION_PYTHON=value)
    assert (code, output) == (2, "python: the input python names no Python of 3.11 to 3.14\n")
    assert "python" not in answer


@pytest.mark.row("KUBE-18")
@pytest.mark.parametrize("entry", ["", ".", "./tools", "{workspace}", "{workspace}/tools", "{link}"])
def test_no_python_of_the_checkout_is_run(entry: str, tmp_path: Path, bin_folder: Path) -> None:
    """Nor is its mktemp, nor its uv: PATH is cleaned before anything is started."""
    workspace = tmp_path / "workspace"
    (workspace / "tools").mkdir(parents=True)
    (tmp_path / "link").symlink_to(workspace / "tools")
    for folder in (workspace, workspace / "tools"):
        for name in ("python3", "python3.13", "mktemp", "uv"):
            program(folder, name, f"touch {tmp_path}/ran\nexit 0\n")
    good = real_python(bin_folder, "python3")
    path = f"{entry.format(workspace=workspace, link=tmp_path / 'link')}:{bin_folder}"
    code, answer, output = find(tmp_path, bin_folder, cwd=str(workspace), PATH=path, GITHUB_WORKSPACE=str(workspace))
    assert (code, answer["python"], (tmp_path / "ran").exists()) == (0, str(good), False)
    assert "is of the checkout, or relative: passed over" in output


@pytest.mark.parametrize("value", ["./python3", "tools/python3", "{workspace}/python3", "linked"])
def test_the_input_names_no_python_of_the_checkout(value: str, tmp_path: Path, bin_folder: Path) -> None:
    workspace = tmp_path / "workspace"
    (workspace / "tools").mkdir(parents=True)
    for folder in (workspace, workspace / "tools"):
        real_python(folder, "python3")
    (bin_folder / "linked").symlink_to(workspace / "python3")
    result = shutil.which("readlink")
    assert result
    (bin_folder / "readlink").symlink_to(result)
    names = value.format(workspace=workspace)
    code, answer, output = find(
        tmp_path, bin_folder, cwd=str(workspace), GATE_ACTION_PYTHON=names, GITHUB_WORKSPACE=str(workspace)
    )
    assert (code, "python" in answer) == (2, False)
    assert "of the checkout" in output


def test_uv_is_asked_last_and_without_the_callers_settings(tmp_path: Path, bin_folder: Path) -> None:
    managed = real_python(tmp_path, "managed")
    program(
        bin_folder,
        "uv",
        f'[ -z "$UV_INDEX_URL$VIRTUAL_ENV" ] && [ "$1 $2" = "python find" ] && echo "{managed}"\n',
    )
    code, answer, output = find(tmp_path, bin_folder, UV_INDEX_URL="x", VIRTUAL_ENV="y")
    assert (code, answer["python"]) == (0, str(managed)), output


def test_uv_fetches_a_python_into_the_jobs_own_folder(tmp_path: Path, bin_folder: Path) -> None:
    managed = real_python(tmp_path, "managed")
    program(
        bin_folder,
        "uv",
        f'if [ "$2" = install ]; then mkdir "$UV_PYTHON_INSTALL_DIR"; exit; fi\n'
        f'[ -d "$UV_PYTHON_INSTALL_DIR" ] && echo "{managed}"\n',
    )
    code, answer, output = find(tmp_path, bin_folder)
    assert (code, answer["python"]) == (0, str(managed)), output
    assert (Path(answer["work"]) / "python").is_dir()


def test_only_a_hosted_runner_is_given_a_python(tmp_path: Path, bin_folder: Path) -> None:
    code, answer, _ = find(tmp_path, bin_folder, RUNNER_ENVIRONMENT="github-hosted")
    assert (code, answer["setup"], "python" in answer) == (0, "true", False)


def test_another_runner_without_any_is_told_what_to_do(tmp_path: Path, bin_folder: Path) -> None:
    code, answer, output = find(tmp_path, bin_folder, RUNNER_ENVIRONMENT="self-hosted")
    assert code == 3
    assert "setup" not in answer
    assert output.startswith("python: no Python of 3.11 to 3.14 and no uv on PATH")


def test_a_relative_folder_is_of_the_workspace_and_a_line_end_is_refused(tmp_path: Path, bin_folder: Path) -> None:
    real_python(bin_folder, "python3")
    environ = {"GITHUB_WORKSPACE": "/site", "GATE_ACTION_EVIDENCE_DIR": "a/b"}
    assert find(tmp_path, bin_folder, **environ)[1]["evidence"] == "/site/a/b"
    (tmp_path / "outputs").unlink()
    environ["GATE_ACTION_EVIDENCE_DIR"] = "a\npython=/evil"
    code, answer, output = find(tmp_path, bin_folder, **environ)
    assert code == 2
    assert "evidence has a line end in it" in output
    assert list(answer) == ["work"]


def install(tmp_path: Path, path: str, **environ: str) -> tuple[int, str, str]:
    outputs = tmp_path / "outputs"
    outputs.touch()
    env = {"PATH": path, "RUNNER_TEMP": str(tmp_path / "temp"), "GITHUB_OUTPUT": str(outputs), **environ}
    (tmp_path / "temp").mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-I", SCRIPTS / "install.py"],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    python = outputs.read_text(encoding="utf-8").rpartition("python=")[2].strip()
    return done.returncode, python, done.stdout + done.stderr


def recording_uv(folder: Path, ending: str = "exit 0") -> Path:
    program(
        folder,
        "uv",
        f'env | sort >"{folder}/uv.env"; printf "%s\\n" "$@" >"{folder}/uv.argv"; pwd >"{folder}/uv.cwd"\n{ending}\n',
    )
    for name in ("sort", "pwd"):
        result = shutil.which(name)
        assert result
        (folder / name).symlink_to(result)
    return folder


def test_uv_installs_the_lock_by_hash_away_from_the_workspace_and_its_settings(
    tmp_path: Path, bin_folder: Path
) -> None:
    recording_uv(bin_folder)
    leaks = {"UV_INDEX_URL": "x", "PIP_EXTRA_INDEX_URL": "x", "PYTHONPATH": "x", "VIRTUAL_ENV": "x"}
    code, python, output = install(tmp_path, str(bin_folder), SSL_CERT_FILE="kept", **leaks)
    assert code == 0, output
    argv = (bin_folder / "uv.argv").read_text(encoding="utf-8").split("\n")[:-1]
    lock = str(ROOT / "requirements" / "runtime.txt")
    assert argv == [
        *("pip", "install", "--quiet", "--python", python),
        *("--require-hashes", "--only-binary", ":all:", "--no-deps", "--requirement", lock),
    ]
    value = (bin_folder / "uv.env").read_text(encoding="utf-8")
    assert [name for name in leaks if f"{name}=" in value] == []
    assert "SSL_CERT_FILE=kept" in value
    assert (bin_folder / "uv.cwd").read_text(encoding="utf-8").strip() == str(Path(python).parents[1])


@pytest.mark.row("RUN-20")
def test_the_environment_holds_the_package_as_it_is_and_python_finds_no_other(tmp_path: Path, bin_folder: Path) -> None:
    recording_uv(bin_folder)
    _, python, _ = install(tmp_path, str(bin_folder))
    (tmp_path / "gate").mkdir()
    (tmp_path / "gate" / "__init__.py").write_text("raise SystemExit('the workspace was imported')", encoding="utf-8")
    code = "import gate; print(gate.__path__[0])"
    done = subprocess.run([python, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    place = Path(done.stdout.strip())
    assert place.is_relative_to(Path(python).parents[1])
    assert (place / "seal.py").read_bytes() == (ROOT / "gate" / "seal.py").read_bytes()


def test_a_second_use_finds_what_the_first_made(tmp_path: Path, bin_folder: Path) -> None:
    recording_uv(bin_folder)
    first = install(tmp_path, str(bin_folder))
    (bin_folder / "uv").unlink()
    second = install(tmp_path, str(bin_folder))
    assert first[1] == second[1]
    assert "found in" in second[2]


def test_what_was_left_half_made_is_made_again(tmp_path: Path, bin_folder: Path) -> None:
    recording_uv(bin_folder, "exit 1")
    assert install(tmp_path, str(bin_folder))[0] == 3
    recording_uv_again = bin_folder / "uv"
    program(bin_folder, recording_uv_again.name, "exit 0\n")
    code, python, output = install(tmp_path, str(bin_folder))
    assert (code, "made by uv" in output) == (0, True)
    assert Path(python).exists()


def test_a_failing_installer_is_quoted_harmlessly(tmp_path: Path, bin_folder: Path) -> None:
    recording_uv(bin_folder, "printf '::error::x\\r##[add-mask]pass\\n'; exit 7")
    code, python, output = install(tmp_path, str(bin_folder))
    assert (code, python) == (3, "")
    assert output == "\\x3a:error::x\\x0d##\\x5badd-mask]pass\nenvironment: uv ended with 7: see its words above\n"


def test_a_place_that_can_not_be_written_is_one_sentence(tmp_path: Path, bin_folder: Path) -> None:
    recording_uv(bin_folder)
    (tmp_path / "file").touch()
    code, _, output = install(tmp_path, str(bin_folder), RUNNER_TEMP=str(tmp_path / "file"))
    assert code == 3
    assert output.startswith("environment: Not a directory (")
    assert output.count("\n") == 1


WORDS = {"0": "pass", "2": "refused", "3": "inconclusive", "4": "quarantine"}


def outputs(tmp_path: Path) -> dict[str, str]:
    """What the last step wrote for whoever reads the action's outputs."""
    lines = (tmp_path / "output").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def verdict(tmp_path: Path, **environ: str) -> tuple[int, str, str]:
    summary = tmp_path / "summary.md"
    summary.touch()
    env = {"PATH": os.environ["PATH"], "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(tmp_path / "output")}
    env |= {"GATE_ACTION_VERDICT": WORDS.get(environ.get("EXIT_CODE", ""), ""), "GATE_ACTION_OUTCOME": "fail"}
    env |= {"GATE_ACTION_OUTCOME": "pass"} if environ.get("EXIT_CODE") == "0" else {}
    env |= {f"GATE_ACTION_{name}": value for name, value in environ.items()}
    done = subprocess.run([SCRIPTS / "verdict.sh"], env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr, summary.read_text(encoding="utf-8")


@pytest.mark.parametrize("code", ["0", "2", "3", "4"])
def test_the_last_step_ends_with_the_verdicts_code(code: str, tmp_path: Path) -> None:
    assert verdict(tmp_path, EXIT_CODE=code, FINISH="success", UPLOAD="success")[0] == int(code)
    outcome = "pass" if code == "0" else "fail"
    assert outputs(tmp_path) == {"verdict": WORDS[code], "outcome": outcome, "exit-code": code}


@pytest.mark.row("RUN-06", "RUN-39")
@pytest.mark.parametrize(
    ("code", "finish", "upload"),
    [
        ("0", "failure", "success"),
        ("0", "skipped", "skipped"),
        ("0", "cancelled", "skipped"),
        ("", "success", "success"),
        ("00", "success", "success"),
        ("0\n", "success", "success"),
        ("0", "success", "failure"),
        ("0", "success", "cancelled"),
        ("0", "", ""),
        ("-1", "success", "success"),
        ("137", "success", "success"),
        ("x", "success", "success"),
    ],
)
def test_it_is_never_0_when_a_step_gave_no_answer(code: str, finish: str, upload: str, tmp_path: Path) -> None:
    assert verdict(tmp_path, EXIT_CODE=code, FINISH=finish, UPLOAD=upload)[0] == 3
    assert outputs(tmp_path) == {"verdict": "inconclusive", "outcome": "fail", "exit-code": "3"}


@pytest.mark.row("RUN-39")
@pytest.mark.parametrize("code", ["1", "5", "9"])
def test_a_code_that_is_none_of_ours_blocks(code: str, tmp_path: Path) -> None:
    ended = verdict(tmp_path, EXIT_CODE=code, FINISH="success", UPLOAD="success", VERDICT="pass", OUTCOME="pass")[0]
    assert ended == 3
    assert outputs(tmp_path) == {"verdict": "inconclusive", "outcome": "fail", "exit-code": "3"}


def test_an_artifact_that_was_not_wanted_is_not_missed(tmp_path: Path) -> None:
    assert verdict(tmp_path, EXIT_CODE="0", FINISH="success", UPLOAD="skipped")[0] == 0


def test_a_failed_upload_does_not_hide_the_worse_verdict(tmp_path: Path) -> None:
    code, output, _ = verdict(tmp_path, EXIT_CODE="4", FINISH="success", UPLOAD="failure")
    assert code == 4
    assert "the evidence was not uploaded" in output


@pytest.mark.parametrize(
    ("url", "linked"),
    [("https://github.com/a/b/runs/1", True), ("https://x/)\n::error::", False), ("javascript:1", False)],
)
def test_only_a_plain_address_is_linked(url: str, linked: bool, tmp_path: Path) -> None:
    environ = {"EXIT_CODE": "0", "FINISH": "success", "UPLOAD": "success", "ARTIFACT_NAME": "n", "ARTIFACT_URL": url}
    assert verdict(tmp_path, **environ)[2] == (f"Evidence: [n]({url})\n" if linked else "")
