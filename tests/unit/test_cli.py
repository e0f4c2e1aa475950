"""The command line: quick help, exit codes, one sentence for bad input, JSON on failure too."""

import io
import json
import os
import re
import subprocess
import sys
import webbrowser
import zipfile
from pathlib import Path

import pytest

from gate.cli.exit_codes import COMMANDS, footer
from gate.cli.main import app, main
from gate.judge.codes.decisions import BY_DECISION
from gate.judge.codes.registry import BY_CODE
from gate.seal import seal
from tests.helpers import runs
from tests.helpers.github_world import zipped
from tests.unit.test_seal import folder

ROOT = Path(__file__).resolve().parents[2]
SITE = {
    "GATE_ATTIC_SERVER": "http://127.0.0.1:9",
    "GATE_ATTIC_CACHE": "main",
    "GATE_S3_ENDPOINT": "http://127.0.0.1:9",
    "GATE_PLAIN_HTTP_HOSTS": "127.0.0.1:9",
    "GATE_STATE_KEY": "terraform.tfstate",
    "GATE_MARKERS": "file:///data",
    "GATE_STORE_WORKLOAD": "file:///store.pid",
    "GATE_CACHE_WORKLOAD": "file:///cache.pid",
    "GATE_SERVER_LOG": "file:///cache.log",
    "GATE_PUSH_TOKEN": "push-token",
    "GATE_READ_TOKEN": "read-token",
    "GATE_S3_ACCESS_KEY_ID": "k" * 8,
    "GATE_S3_SECRET_ACCESS_KEY": "s" * 8,
}


def gate(*argv: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "NO_COLOR": "1", **environ}
    return subprocess.run(
        [sys.executable, "-m", "gate", *argv],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["explain", "body-empty"]])
def test_a_start_loads_no_settings_and_no_records(argv: list[str]) -> None:
    """What costs processor time at each start (`bench.start`)."""
    heavy = ("gate.settings", "gate.model.records", "gate.process", "rich.markdown", "asyncio", "ssl")
    code = f"import sys, gate.cli.main as m; m.main({argv!r}); print([n for n in {heavy!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["probe", "--help"], ["lab", "--help"]])
def test_help_loads_nothing_heavy(argv: list[str]) -> None:
    heavy = ("boto3", "botocore", "httpx", "httpcore", "pydantic", "pycurl", "cryptography", "jinja2")
    code = f"import sys, gate.cli.main as m; m.main({argv!r}); print([n for n in {heavy!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.row("RUN-28", "RUN-29")
@pytest.mark.parametrize(
    "phrase", ["", "probe-attic-publication-synthetic", "probe-attic-publication-small-check ", "yes", "$(touch pwned)"]
)
def test_a_wrong_confirm_phrase_is_refused_and_names_the_right_one(phrase: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = gate("probe", "--profile", "small-check", f"--confirm={phrase}", "--output", str(out), **SITE)
    assert done.returncode == 2
    assert "'probe-attic-publication-small-check'" in done.stderr
    assert done.stdout == ""
    assert not out.exists()
    assert list(tmp_path.iterdir()) == []


def probe(tmp_path: Path, *argv: str, **environ: str) -> subprocess.CompletedProcess[str]:
    confirm = "--confirm=probe-attic-publication-synthetic"
    return gate(
        "probe", "--profile", "synthetic", confirm, "--output", str(tmp_path / "run"), *argv, **{**SITE, **environ}
    )


def test_missing_settings_and_tools_are_named(tmp_path: Path) -> None:
    done = probe(tmp_path, GATE_ATTIC_SERVER="")
    assert (done.returncode, "GATE_ATTIC_SERVER" in done.stderr) == (2, True)
    done = probe(tmp_path, GATE_ATTIC_BIN="attic-that-is-not-here")
    assert done.returncode == 2
    assert "attic-that-is-not-here is not on PATH" in done.stderr
    done = probe(tmp_path, PATH=str(tmp_path))
    assert done.returncode == 2
    assert "nix is not on PATH" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--samples", "1"], "--samples is 1"),
        (["--samples", "9999"], "--samples is 9999"),
        (["--sample-spacing", "nan"], "--sample-spacing"),
        (["--buckets", "a/b"], "is no bucket name"),
        (["--twin", "sometimes"], "twin"),
        (["--no-such-flag"], "no-such-flag"),
        (["--hosts", "*.example.org"], "*.example.org"),
    ],
)
def test_bad_values_are_refused_in_one_sentence(argv: list[str], message: str, tmp_path: Path) -> None:
    done = probe(tmp_path, *argv, GATE_ATTIC_BIN="true")
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["nope"], 'Unknown command "nope"'),
        (["publish"], 'Command "publish" needs --profile and --output, each with a value.'),
        (["probe", "--output", "x"], "--profile requires an argument"),
        (["--verison"], "Unknown option --verison. Did you mean --version?"),
        (["-x"], "Unknown option -x."),
        (["show", "x", "--formt", "json"], "Unknown option --formt. Did you mean --format?"),
        (["quarantine", "lift"], "Available commands: status, attest."),
        (["read", "what", "x"], 'Invalid value "what" for KIND'),
        (["schema", "x"], "Unused Tokens: ['x']."),
    ],
)
def test_wrong_usage_is_told_in_one_line_with_the_help_to_read(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 2
    out, err = capsys.readouterr()
    command = " ".join(["publication-gate", *argv[: argv[0] not in ("nope", "--verison", "-x")]])
    assert out == ""
    assert err.startswith("publication-gate: ")
    assert message in err
    assert err.endswith(f" See `{command} --help`.\n")
    assert err.count("\n") == 1


def test_the_help_shows_defaults_and_no_empty_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "[default: 3, env: GATE_SAMPLES, gate.toml: [sampling] samples]" in text
    assert "[default: attic tofu-state, env: GATE_BUCKETS, gate.toml: [store] buckets]" in text
    assert "[default: 8, env: GATE_SAMPLE_SPACING, gate.toml: [sampling] sample-spacing]" in text
    assert ".#checks.<system>.statix" in text
    assert not re.search(r"default: (\]|,|False|None|\(|\")", text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[probe]\ntypo = true\n", "unknown key 'typo'"),
        ("[prob]\n", "unknown table [prob]"),
        ("x = = 1", "gate.toml is no TOML: Invalid value (at line 1, column 5)\n"),
        ("[sampling]\nsamples = true\n", "[sampling] samples is True"),
        ("[sources]\nabsent = ['bodies']\n", "'bodies'"),
        ("[profiles.synthetic]\nmax-paths = 0\n", "max-paths is 0"),
        ("[profiles.synthetic]\ncap = 1\n", "unknown key 'cap'"),
    ],
)
def test_a_typo_in_gate_toml_is_refused(text: str, message: str, tmp_path: Path) -> None:
    config = tmp_path / "gate.toml"
    config.write_text(text)
    done = probe(tmp_path, "--config", str(config), GATE_ATTIC_BIN="true")
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr


def test_json_comes_on_failure_too(tmp_path: Path) -> None:
    into = tmp_path / "out.json"
    done = gate("probe", "--profile", "x", "--output", str(tmp_path / "run"), "--json-into", str(into), **SITE)
    assert done.returncode == 2
    output = json.loads(into.read_text())
    assert output["verdict"] == {"word": "refused", "outcome": "fail", "exit_code": 2, "blocks": True}
    assert "profile 'x' is not known" in output["error"]


def test_an_evidence_folder_that_exists_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "kept").write_text("kept")
    config = tmp_path / "gate.toml"  # Nix of a machine without a sandbox is refused before, unless this says it
    config.write_text('[nix]\nnix-settings = ["sandbox = false"]\n')
    done = probe(tmp_path, "--config", str(config), GATE_ATTIC_BIN="true")
    assert (done.returncode, "exists" in done.stderr) == (2, True), done.stderr
    assert (tmp_path / "run" / "kept").read_text() == "kept"


def test_verify_show_and_finalize_on_a_real_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = folder(tmp_path / "run", runs.healthy())
    assert main(["verify", str(at)]) == 3
    assert "finalize" in capsys.readouterr().out
    assert main(["finalize", str(at), "--json-into", str(tmp_path / "f.json")]) == 3
    assert json.loads((tmp_path / "f.json").read_text())["verdict"]["codes"] == ["run-finalized"]
    capsys.readouterr()
    assert main(["verify", str(at), "--json-into", str(tmp_path / "v.json")]) == 0
    assert json.loads((tmp_path / "v.json").read_text())["verified"][0]["genuine"] is True
    assert main(["show", str(at)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("report:")
    (at / "push-profile.log").write_bytes(b"")
    assert main(["verify", str(at)]) == 2
    assert main(["show", str(at)]) == 2


def test_finalize_gives_the_verdicts_own_code(tmp_path: Path) -> None:
    at = folder(tmp_path / "run", runs.healthy().cut_after(8))
    assert main(["finalize", str(at)]) == 3
    assert main(["verify", str(at)]) == 0


def test_verify_of_several_folders_gives_the_worst(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = folder(tmp_path / "good", runs.healthy())
    seal(good)
    unsealed = folder(tmp_path / "unsealed", runs.healthy())
    assert main(["verify", str(good), str(unsealed)]) == 3
    assert main(["verify", str(tmp_path / "nowhere"), str(unsealed)]) == 3
    (good / "push-profile.log").write_bytes(b"")
    assert main(["verify", str(tmp_path / "nowhere"), str(unsealed), str(good)]) == 2
    assert main(["verify"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0].partition("  ")[0] for line in lines] == [
        *("genuine", "NOT SEALED"),
        *("NOT EVIDENCE", "NOT SEALED"),
        *("NOT EVIDENCE", "NOT SEALED", "NOT GENUINE"),
    ]


def test_verify_and_show_take_an_artifact_as_it_was_downloaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = folder(tmp_path / "run", runs.healthy())
    seal(at)
    bundle = tmp_path / "evidence.zip"
    bundle.write_bytes(zipped(at))
    assert main(["verify", str(bundle), "--json-into", str(tmp_path / "v.json")]) == 0
    assert json.loads((tmp_path / "v.json").read_text())["verified"][0]["result"] == "genuine"
    assert main(["show", str(bundle)]) == 0
    assert f"evidence: {bundle}" in capsys.readouterr().out
    (at / "push-profile.log").write_bytes(b"")
    bundle.write_bytes(zipped(at))
    assert main(["verify", str(bundle)]) == 2
    assert capsys.readouterr().out.startswith(f"NOT GENUINE: {bundle} is not genuine: ")


def a_bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("evidence.json", bytes(64 * 1024 * 1024))
    return out.getvalue()


def of_names(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, b"{}")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is too short for a zip"),
        (b"not a zip at all, and longer than the end of one", "does not end in the end of a zip"),
        (a_bomb(), "unpacks to 67108864"),
        (of_names("../evidence.json"), "the name '../evidence.json' is not in an artifact of ours"),
        (of_names("/evidence.json"), "is not in an artifact of ours"),
        (of_names("run/evidence.json"), "lies in a folder"),
        (of_names("readme.txt"), "it has neither journal.jsonl nor evidence.json"),
        (of_names("result.json"), "is the result of a refused run"),
    ],
)
def test_a_zip_without_evidence_is_none_and_not_forged(
    data: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "evidence.zip"
    bundle.write_bytes(data)
    assert main(["verify", str(bundle)]) == 3
    out = capsys.readouterr().out
    assert out.startswith(f"NOT EVIDENCE: {bundle} is ")
    assert message in out
    assert main(["show", str(bundle)]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["evidence.zip"]


def test_genuine_evidence_with_a_credential_is_not_called_forged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = b"-----BEGIN RSA " + b"PRIVATE KEY-----\n"
    at = folder(tmp_path / "run", runs.healthy().with_file("push-profile.log", key))
    seal(at)
    assert main(["verify", str(at)]) == 2
    assert capsys.readouterr().out.startswith(f"HOLDS A CREDENTIAL: {at} holds what looks like ")


def test_explain_lists_and_searches_the_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    into = tmp_path / "codes.json"
    assert main(["explain", "--json-into", str(into)]) == 0
    listed = capsys.readouterr().out
    assert main(["explain", "--list"]) == 0
    assert capsys.readouterr().out == listed
    rows = json.loads(into.read_text())["codes"]
    assert {row["code"] for row in rows} == {*BY_CODE, *BY_DECISION}
    assert all(f"\n  {row['code']} " in listed for row in rows)
    families = [row["family"] for row in rows]
    assert f"\nrequire ({families.count('require')})\n" in listed
    assert main(["explain", "--search", "Artifact HAS expired"]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "require (1)",
        "  require-evidence-expired  the newest attempt's artifact has expired",
    ]
    assert main(["explain", "--search", "no such word"]) == 2
    assert main(["explain", "body-empty", "--list"]) == 2


def test_explain_says_why_a_run_has_its_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = folder(tmp_path / "run", runs.healthy())
    assert main(["explain", str(at)]) == 3
    assert main(["finalize", str(at)]) == 3
    capsys.readouterr()
    assert main(["explain", str(at)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("INCONCLUSIVE: ")
    assert lines[1] == "run-finalized (inconclusive)"
    (at / "push-profile.log").write_bytes(b"")
    assert main(["explain", str(at)]) == 2


def test_explain_is_blind_to_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "BODY_EMPTY"]) == 0
    assert capsys.readouterr().out.startswith("body-empty (fail)\n")
    assert main(["explain", "index-l"]) == 2
    assert "(did you mean bucket-index-lost" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", [name for name in app if not name.startswith(("-", "action-")) and name not in {"audit", "quarantine"}]
)
def test_each_help_ends_in_its_own_exit_codes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert text.endswith(footer(name))


def test_every_footer_is_of_a_command() -> None:
    names = {name for name in app if not name.startswith(("-", "action-"))} - {"audit", "quarantine"}
    below = {f"audit {name}" for name in ("plan", "run", "status", "merge", "recheck")}
    assert set(COMMANDS) == names | below | {"quarantine status", "quarantine attest"}


def test_all_that_a_run_lacks_is_told_at_once(tmp_path: Path) -> None:
    done = gate("probe", "--profile", "synthetic", "--output", str(tmp_path / "run"))
    assert done.returncode == 2
    for answer in ("the confirm phrase", "GATE_ATTIC_SERVER", "GATE_PUSH_TOKEN", "GATE_S3_SECRET_ACCESS_KEY"):
        assert answer in done.stderr
    assert done.stderr.count("\n") == 1


def test_explain_knows_every_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "body-empty"]) == 0
    assert "HTTP 200 and no bytes" in capsys.readouterr().out
    assert main(["explain", "no-such-code"]) == 2


def test_explain_says_which_code_is_near(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "body-emty"]) == 2
    assert "'body-emty' is not known (did you mean body-empty" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["verify", "show"])
def test_a_folder_that_is_none_of_a_run_is_told_as_such(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, str(tmp_path)]) == (3 if command == "verify" else 2)
    out, err = capsys.readouterr()
    answer = (
        f"{tmp_path} is no evidence folder: it has neither journal.jsonl nor evidence.json; give the folder of a run"
    )
    assert answer in out + err


def test_the_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Evidence"


@pytest.mark.parametrize("redirect", [">&-", "| true", "2>&-", "<&- >/dev/full"])
def test_a_stream_that_is_closed_or_full_changes_no_answer(redirect: str, tmp_path: Path) -> None:
    at = folder(tmp_path / "run", runs.healthy().cut_after(10))
    for command, code in (("finalize", 3), ("verify", 0)):
        line = f"{{ {sys.executable} -m gate {command} {at}; echo $? >{tmp_path}/code; }} {redirect}"
        subprocess.run(["bash", "-c", line], cwd=ROOT, timeout=60, check=False)
        assert (tmp_path / "code").read_text() == f"{code}\n", command


def test_a_pass_whose_json_can_not_be_written_is_no_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = folder(tmp_path / "run", runs.healthy())
    seal(at)
    assert main(["show", str(at), "--json-into", str(tmp_path / "no" / "such.json")]) == 3
    assert "--json-into" in capsys.readouterr().err
    assert main(["show", str(at)]) == 0


@pytest.mark.row("RUN-04")
def test_finalize_never_ends_in_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`probe || finalize` must not go on, not even where the run died after it had sealed a pass."""
    at = folder(tmp_path / "run", runs.healthy())
    seal(at)
    assert main(["finalize", str(at), "--json-into", str(tmp_path / "f.json")]) == 3
    assert "only the run itself ends in 0" in capsys.readouterr().out
    output = json.loads((tmp_path / "f.json").read_text())
    assert (output["verdict"]["word"], output["verdict"]["blocks"]) == ("inconclusive", True)
    assert main(["verify", str(at)]) == 0


def test_foreign_text_in_an_error_is_no_runner_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "x\n::set-output name=verdict::pass\r##[add-mask]quarantine"]) == 2
    for line in capsys.readouterr().err.replace("\r", "\n").split("\n"):
        assert not line.lstrip().startswith("::")
        assert "##[" not in line


def test_foreign_text_in_json_is_no_runner_command(capsys: pytest.CaptureFixture[str]) -> None:
    name = "x##[add-mask]quarantine"
    assert main(["verify", f"/nowhere/{name}", "--format", "json"]) == 3
    output = capsys.readouterr().out
    assert "##[" not in output
    assert json.loads(output)["verified"][0]["evidence"] == f"/nowhere/{name}"


def test_a_defect_is_told_without_its_values(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_code: str) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr("gate.cli.explain.explain_code", broken)
    assert main(["explain", "body-empty"]) == 3
    output = capsys.readouterr().err
    assert "ZeroDivisionError at" in output
    assert "a secret" not in output
    assert "Traceback" not in output


@pytest.mark.parametrize("variable", ["GATE_ABSENT", "GATE_CACHE_PUBLIC", "GATE_STATE_HA_STATEMENT"])
def test_what_drops_a_claim_comes_from_gate_toml_alone(variable: str, tmp_path: Path) -> None:
    done = probe(tmp_path, GATE_ATTIC_BIN="true", **{variable: "state"})
    assert (done.returncode, f"{variable} is set" in done.stderr) == (2, True), done.stderr
    name = variable.removeprefix("GATE_").lower().replace("_", "-")
    assert probe(tmp_path, f"--{name}", "state", GATE_ATTIC_BIN="true").returncode == 2
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("shell", "check"), [("bash", ["bash", "-n"]), ("zsh", []), ("fish", [])])
def test_completion_is_a_script_of_the_shell_and_knows_every_command(
    shell: str, check: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for name in ("probe", "capture", "rustfs-bucket-index-rca", "history", "--bucket"):
        assert name in script
    if check:
        assert subprocess.run(check, input=script, text=True, check=False).returncode == 0


def test_open_verifies_and_says_where_the_report_is_when_there_is_no_browser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at = folder(tmp_path / "run", runs.healthy())
    seal(at)
    addresses: list[str] = []
    monkeypatch.setattr(webbrowser, "open", addresses.append)
    assert main(["open", str(at)]) == 0
    assert capsys.readouterr().out == f"{at.resolve() / 'report.html'}\n"
    assert addresses == [(at.resolve() / "report.html").as_uri()]
    (at / "report.html").write_text("forged")
    assert main(["open", str(at)]) != 0
    assert len(addresses) == 1


@pytest.mark.parametrize("form", ["junit", "sarif"])
def test_show_gives_the_findings_in_the_forms_of_other_tools(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = folder(tmp_path / "run", runs.healthy())
    seal(at)
    assert main(["show", str(at), "--format", form]) == 0
    document = capsys.readouterr().out
    if form == "sarif":
        (run,) = json.loads(document)["runs"]
        assert run["properties"]["verdict"] == "pass"
    else:
        assert '<testcase classname="run-complete"' in document
