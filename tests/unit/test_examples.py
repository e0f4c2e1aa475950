"""Every example of the documents is run: here, or by the test that stands beside it."""

import hashlib
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml

from gate.cli.main import app, main
from gate.lab.tokens import CLAIM, Mint
from gate.settings import SETTINGS, resolve
from tests.helpers import tapes
from tests.unit.test_seal import folder

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(r"(?ms)^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```")
GATE = "publication-gate "
# Document, language, how the example begins, and what runs it.
EXAMPLES = (
    ("README.md", "console", "make demo", "make itself: CI runs the suite, and scripts/demo.sh is two of its drills"),
    ("README.md", "text", "QUARANTINE: ", "tests/unit/render/test_readme_summary.py"),
    ("README.md", "mermaid", "flowchart", "a picture"),
    ("README.md", "toml", "[cache]", "below"),
    ("README.md", "console", "publication-gate doctor", "tests/integration/test_split.py, against the lab"),
    *(("README.md", "yaml", "# Copy th", "tests/action/test_act.py, tests/action/test_split_rights.py"),) * 5,
    ("CONTRIBUTING.md", "console", "make setup", "make itself"),
    (
        "docs/action.md",
        "console",
        "attic cache create",
        "Attic's own commands; below, that the tokens have these rights",
    ),
    ("docs/action.md", "yaml", "- name: Probe", "below; and so, in its template, tests/action/test_act.py"),
    ("docs/evidence.md", "json", '{"at":', "one line of a journal, cut"),
    ("docs/evidence.md", "console", "$ publication-gate verify DIR", "below"),
    ("docs/evidence.md", "python", "import hashlib", "below"),
    ("docs/kubernetes/README.md", "toml", "[store]", "below"),
    ("docs/kubernetes/README.md", "toml", "[kubernetes]", "below"),
    ("docs/kubernetes/README.md", "console", "kubectl config view", "tests/integration/test_examples.py"),
    ("docs/kubernetes/README.md", "console", "kubectl apply", "a cluster's own; tests/unit/test_kubernetes_docs.py"),
    ("docs/operations.md", "toml", "[cache]", "below"),
    ("docs/operations.md", "text", "INCONCLUSIVE: ", "tests/unit/test_doctor_doc.py"),
    ("docs/operations.md", "text", "QUARANTINE: ", "tests/unit/test_operations_doc.py"),
    ("docs/operations.md", "console", "publication-gate diff", "below"),
    ("docs/operations.md", "console", "publication-gate attic-nar", "tests/integration/test_operators_kube.py"),
    ("docs/operations.md", "text", "PASS: ", "tests/unit/test_operations_doc.py"),
    ("docs/required-check.md", "toml", "[cache]", "tests/unit/test_templates.py"),
    ("docs/required-check.md", "", "/gate.toml", "tests/unit/test_codeowners.py"),
    ("docs/runners.md", "nix", "{", "tests/integration/test_flake.py"),
    ("docs/split-rights.md", "console", "publication-gate capture", "tests/integration/test_split.py, against the lab"),
)


def blocks(path: Path) -> list[tuple[str, str]]:
    """Language and text of each example, without its indent."""
    found = BLOCK.finditer(path.read_text(encoding="utf-8"))
    return [(each["language"], re.sub(f"(?m)^{each['indent']}", "", each["text"])) for each in found]


def example(document: str, language: str, start: str) -> str:
    (text,) = [text for found, text in blocks(ROOT / document) if found == language and text.lstrip().startswith(start)]
    return text


def commands(text: str) -> list[str]:
    """Each command of a console's example, its continued lines joined."""
    joined = text.replace("\\\n", " ")
    return [line.removeprefix("$ ") for line in joined.split("\n") if line.strip()]


def test_no_example_is_left_out_and_none_is_named_that_is_gone() -> None:
    there = [(str(path.relative_to(ROOT)), *each) for path in DOCUMENTS for each in blocks(path)]
    unknown = list(there)
    for document, language, start, _ in EXAMPLES:
        hit = next(
            (each for each in unknown if each[:2] == (document, language) and each[2].lstrip().startswith(start)),
            None,
        )
        assert hit is not None, (document, language, start)
        unknown.remove(hit)
    assert [(document, text.split("\n")[0]) for document, _, text in unknown] == []


def test_what_is_said_to_run_an_example_is_there() -> None:
    for *_, where in EXAMPLES:
        for name in re.findall(r"(?:tests|scripts)/[a-z_/]+\.(?:py|sh)", where):
            assert (ROOT / name).is_file(), name


@pytest.mark.parametrize(
    "line",
    [
        line
        for path in DOCUMENTS
        for language, text in blocks(path)
        if language == "console"
        for line in commands(text)
        if line.startswith(GATE)
    ],
)
def test_every_command_of_an_example_is_understood_with_all_its_flags(line: str) -> None:
    plain = re.sub(r"\[[^\]]*\]|&$", "", re.sub(r"\$\([^)]*\)", "now", line))
    words = shlex.split(plain, comments=True)[1:]
    command, given, left = app.parse_args(words, print_error=False, exit_on_error=False)
    assert getattr(command, "__module__", "").startswith("gate.cli."), line
    assert left == {}
    assert given.args or given.kwargs or words == ["doctor"]


def test_every_target_of_an_example_is_one_of_make() -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8")))
    for document in ("README.md", "CONTRIBUTING.md"):
        for line in commands(example(document, "console", "make ")):
            asked = shlex.split(line, comments=True)
            assert asked[0] == "make"
            assert set(asked[1:]) <= targets, line


# ------------------------------------------------------------------------------------------------------------ gate.toml

SECRETS = {
    "GATE_PUSH_TOKEN": "push",
    "GATE_READ_TOKEN": "read",
    "GATE_S3_ACCESS_KEY_ID": "id",
    "GATE_S3_SECRET_ACCESS_KEY": "key",
}
README_TOML = tomllib.loads(example("README.md", "toml", "[cache]"))
TOMLS = [("README.md", "[cache]"), ("docs/operations.md", "[cache]")]
TOMLS += [("docs/kubernetes/README.md", start) for start in ("[store]", "[kubernetes]")]


def no_file(name: str) -> str:
    raise AssertionError(name)


@pytest.mark.parametrize(("document", "start"), TOMLS)
def test_a_gate_toml_of_an_example_and_the_four_secrets_are_the_settings_of_a_run(document: str, start: str) -> None:
    """The README's is whole; what another example has takes the place of the README's."""
    text = example(document, "toml", start).replace('"…"', f'"{"ab" * 32}"')
    written = tomllib.loads(text)
    whole: dict[str, dict[str, Any]] = {
        table: {**README_TOML.get(table, {}), **written.get(table, {})} for table in {*README_TOML, *written}
    }
    settings = resolve("medium-check", toml=whole, environ=SECRETS, flags={}, read_file=no_file)
    names = {(row.table, row.name.replace("_", "-")): row for row in SETTINGS}
    for table, keys in written.items():
        for key, value in keys.items():
            taken = settings.value_of(names[(table, key)])
            assert (list(taken) if isinstance(taken, tuple) else taken) == value, key


# ------------------------------------------------------------------------------------------------- docs/evidence.md


@pytest.fixture
def sealed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    at = folder(tmp_path / "run", tapes.healthy())
    assert main(["finalize", str(at)]) == 0
    capsys.readouterr()
    return at


def digest(at: Path) -> str:
    return hashlib.sha256((at / "evidence.json").read_bytes()).hexdigest()


def test_verify_says_what_the_document_shows(sealed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command, shown = commands(example("docs/evidence.md", "console", "$ publication-gate verify"))
    assert main([str(sealed) if word == "DIR" else word for word in shlex.split(command)[1:]]) == 0
    told = shown.replace("DIR", str(sealed)).replace("quarantine", "pass").replace("6c1d…", digest(sealed))
    assert capsys.readouterr().out == told + "\n"


def by_hand(at: Path) -> subprocess.CompletedProcess[str]:
    program = example("docs/evidence.md", "python", "import hashlib")
    command = [sys.executable, "-I", "-c", program, str(at)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


def test_the_check_by_hand_goes_through_genuine_evidence(sealed: Path) -> None:
    done = by_hand(sealed)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"evidence digest: {digest(sealed)}\nlast record: complete\n"


@pytest.mark.parametrize("name", ["journal.jsonl", "report.html", "evidence.json"])
def test_the_check_by_hand_finds_a_byte_too_many(name: str, sealed: Path) -> None:
    with (sealed / name).open("ab") as file:
        file.write(b"\n")
    done = by_hand(sealed)
    assert done.returncode == 1
    assert "AssertionError" in done.stderr


# ------------------------------------------------------------------------------------------------------- the others


def test_two_captures_are_compared_as_the_document_shows(
    sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (line,) = commands(example("docs/operations.md", "console", "publication-gate diff"))
    for name in ("before", "after"):
        Path(name).symlink_to(sealed)
    shortest = shlex.split(re.sub(r"\[[^\]]*\]", "", line))[1:]
    fullest = shlex.split(line.replace("[", "").replace("]", "").replace("FILE", "told.json"))[1:]
    for words in (shortest, fullest):
        assert main(words) == 0
    assert capsys.readouterr().out
    assert (tmp_path / "told.json").exists()


def test_the_tokens_of_the_document_have_the_rights_that_the_labs_have() -> None:
    """`atticadm make-token` takes each right by its cache (attic server/src/adm/command/make_token.rs)."""
    rights = {"--pull": "r", "--push": "w"}
    made: dict[str, dict[str, dict[str, int]]] = {}
    for line in commands(example("docs/action.md", "console", "attic cache create")):
        words = shlex.split(line)
        if words[:2] == ["atticadm", "make-token"]:
            pairs = dict.fromkeys(zip(words[2::2], words[3::2], strict=True))
            (subject,) = [value for flag, value in pairs if flag == "--sub"]
            caches = made.setdefault(subject.removeprefix("publication-gate-"), {})
            for flag, cache in pairs:
                if flag in rights:
                    caches.setdefault(cache, {})[rights[flag]] = 1
    both = (README_TOML["cache"]["attic-cache"], README_TOML["cache"]["probe-cache"])
    mint = Mint()
    for name, token in (("push", mint.push(both)), ("read", mint.read(both))):
        claims = jwt.decode(token.reveal(), options={"verify_signature": False})
        assert made[name] == claims[CLAIM]["caches"], name


def test_the_step_of_the_action_is_the_one_of_the_template_that_is_run() -> None:
    (step,) = yaml.safe_load(example("docs/action.md", "yaml", "- name: Probe"))
    template = yaml.safe_load((ROOT / "workflows" / "dispatched-probe.yml").read_text(encoding="utf-8"))
    (wanted,) = [each for each in template["jobs"]["dispatched-probe"]["steps"] if each["name"] == "Probe"]
    assert step["with"].pop("profile") == "medium-check"
    assert wanted["with"].pop("profile") == "${{ inputs.profile }}"
    assert step == {**wanted, "id": "probe"}
