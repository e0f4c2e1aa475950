"""Every example of the documents is run: here, or by the test that stands beside it."""

import hashlib
import json
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml

from gate.cli.main import app, main
from gate.judge.admission import conclude, relies
from gate.judge.codes.doctor import DOCTOR
from gate.judge.codes.registry import CODES
from gate.judge.standing_quarantine import fold_standing, past_of
from gate.judge.verdict import judge
from gate.lab.place import CLAIM, Mint
from gate.model.gating import Guard, ProbeRun, QuarantinePolicy, TreeEntry
from gate.model.parsed import UnitLocator
from gate.parse.locator import parse_server_locator
from gate.parse.service_manager import UNIT_PROPERTIES
from gate.render.answer import answer_text
from gate.seal import assemble, seal
from gate.settings import PROFILES, SETTINGS, resolve
from tests.helpers import runs
from tests.unit.test_seal import folder

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "workflows/README.md")),
        *ROOT.glob("docs/**/*.md"),
    ]
)
BLOCK = re.compile(r"(?ms)^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```")
GATE = "publication-gate "
OPERATOR_TOKEN = "atticadm -f /etc/attic/server.toml make-token --sub operator"
TOKENS = "atticadm -f /etc/attic/server.toml make-token --sub publication-gate-push"
NEWCOMER = "tests/integration/test_split.py, against the lab"
# Document, language, how the example begins, and what runs it.
EXAMPLES = (
    ("README.md", "console", "make demo", "make itself: CI runs the suite, and scripts/demo.sh is two of its drills"),
    ("README.md", "text", "LAB RUN: ", "tests/unit/render/test_readme_summary.py"),
    *(
        ("README.md", "console", f"publication-gate {name}", NEWCOMER)
        for name in ("doctor", "capture", "explain", "verify")
    ),
    ("README.md", "yaml", "# Copy th", "tests/action/test_act.py"),
    *(("workflows/README.md", "yaml", "# Copy th", "tests/action/test_act.py, tests/action/test_split_rights.py"),) * 5,
    ("docs/architecture.md", "mermaid", "flowchart", "a picture"),
    ("docs/example-summary.md", "text", "LAB RUN: ", "tests/unit/render/test_readme_summary.py"),
    ("docs/lab.md", "console", "publication-gate lab", "scripts/demo.sh, tests/faults/test_drills.py"),
    ("CONTRIBUTING.md", "console", "make setup", "make itself"),
    (
        "CONTRIBUTING.md",
        "console",
        "publication-gate lab",
        "tests/faults/test_drills.py; `show`: tests/unit/test_cli.py",
    ),
    ("CONTRIBUTING.md", "python", "from dataclasses", "below"),
    ("docs/action.md", "yaml", "- name: Probe", "below; and so, in its template, tests/action/test_act.py"),
    ("docs/evidence.md", "json", '{"at":', "one line of a journal, cut"),
    ("docs/evidence.md", "console", "$ publication-gate verify DIR", "below"),
    ("docs/evidence.md", "python", "import hashlib", "below"),
    *(
        ("docs/getting-started.md", "console", f"publication-gate {start}", NEWCOMER)
        for start in ("explain", "doctor", "probe --profile synthetic", "probe --profile small-check")
    ),
    ("docs/getting-started.md", "console", "publication-gate init", "below"),
    ("docs/getting-started.md", "console", "echo /evidence/", NEWCOMER),
    ("docs/getting-started.md", "toml", "[cache]", f"below; {NEWCOMER}"),
    ("docs/getting-started.md", "text", "PASS: ", "below"),
    ("docs/getting-started.md", "json", "{", "below"),
    ("docs/getting-started.md", "nix", "{", "below"),
    ("docs/getting-started.md", "console", "export GATE_", "below"),
    ("docs/getting-started.md", "console", OPERATOR_TOKEN, "Attic's own commands; below, which right each cache takes"),
    ("docs/getting-started.md", "console", TOKENS, "Attic's own commands; below, that the tokens have these rights"),
    ("docs/getting-started.md", "console", "attic login operator", "Attic's own commands"),
    ("docs/getting-started.md", "console", "attic login site", "Attic's own commands"),
    ("docs/getting-started.md", "console", "nix store ping", "Nix's own command"),
    ("docs/getting-started.md", "console", "curl --fail", "curl's own command, to a real store"),
    ("docs/getting-started.md", "console", "systemctl show", "below, with systemd's own commands"),
    ("docs/getting-started.md", "console", "docker inspect", "Docker's own command"),
    ("docs/kubernetes/README.md", "toml", "[store]", "below"),
    ("docs/kubernetes/README.md", "toml", "[kubernetes]", "below"),
    ("docs/kubernetes/README.md", "console", "kubectl config view", "tests/integration/test_examples.py"),
    ("docs/kubernetes/README.md", "console", "kubectl apply", "a cluster's own; tests/unit/test_kubernetes_docs.py"),
    ("docs/operations.md", "toml", "[cache]", "below"),
    ("docs/operations.md", "text", "INCONCLUSIVE: ", "tests/unit/test_doctor_doc.py"),
    ("docs/operations.md", "text", "QUARANTINE: ", "tests/unit/test_operations_doc.py"),
    ("docs/operations.md", "console", "publication-gate diff", "below"),
    ("docs/watch.md", "console", "publication-gate watch", "tests/integration/test_watch.py"),
    ("docs/watch.md", "ini", "[Unit]", "tests/integration/test_watch.py"),
    *(
        ("docs/audit.md", language, start, "tests/integration/test_audit.py")
        for language, start in (
            ("console", "publication-gate audit plan"),
            ("sql", "CREATE ROLE"),
            ("console", "publication-gate audit run --plan plan --output shards --shard"),
        )
    ),
    ("docs/operations.md", "console", "publication-gate attic-nar", "tests/integration/test_operators_kube.py"),
    ("docs/operations.md", "text", "PASS: ", "tests/unit/test_operations_doc.py"),
    ("docs/required-check.md", "toml", "[cache]", "tests/unit/test_templates.py"),
    ("docs/required-check.md", "", "/gate.toml", "tests/unit/test_codeowners.py"),
    ("docs/required-check.md", "text", "Blocked: ", "below; tests/unit/test_require.py"),
    ("docs/runners.md", "nix", "{", "tests/integration/test_flake.py"),
    ("docs/split-rights.md", "console", "publication-gate capture", "tests/integration/test_split.py, against the lab"),
)


def blocks(path: Path) -> list[tuple[str, str]]:
    """Language and text of each example, without its indent."""
    result = BLOCK.finditer(path.read_text(encoding="utf-8"))
    return [(each["language"], re.sub(f"(?m)^{each['indent']}", "", each["text"])) for each in result]


def example(document: str, language: str, start: str) -> str:
    (text,) = [
        text for result, text in blocks(ROOT / document) if result == language and text.lstrip().startswith(start)
    ]
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
    sorted(
        {
            line
            for path in DOCUMENTS
            for language, text in blocks(path)
            if language == "console"
            for line in commands(text)
            if line.startswith(GATE)
        }
    ),
)
def test_every_command_of_an_example_is_understood_with_all_its_flags(line: str) -> None:
    plain = re.sub(r"\[[^\]]*\]|&$", "", re.sub(r"\$\([^)]*\)", "now", line))
    words = shlex.split(plain, comments=True)[1:]
    command, value, remaining = app.parse_args(words, print_error=False, exit_on_error=False)
    assert getattr(command, "__module__", "").startswith("gate.cli."), line
    assert remaining == {}
    assert value.args or value.kwargs or words == ["doctor"]


def test_every_target_of_an_example_is_one_of_make() -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8")))
    for document in ("README.md", "CONTRIBUTING.md"):
        for line in commands(example(document, "console", "make ")):
            request = shlex.split(line, comments=True)
            assert request[0] == "make"
            assert set(request[1:]) <= targets, line


def test_the_test_of_the_guide_passes() -> None:
    names: dict[str, Any] = {}
    exec(example("CONTRIBUTING.md", "python", "from dataclasses"), names)  # noqa: S102  # our own document
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert tests
    for test in tests:
        test()


# ------------------------------------------------------------------------------------------------------------ gate.toml

SECRETS = {
    "GATE_PUSH_TOKEN": "push",
    "GATE_READ_TOKEN": "read",
    "GATE_S3_ACCESS_KEY_ID": "id",
    "GATE_S3_SECRET_ACCESS_KEY": "key",
}
SITE_TOML = tomllib.loads(example("docs/getting-started.md", "toml", "[cache]"))
TOMLS = [("docs/getting-started.md", "[cache]"), ("docs/operations.md", "[cache]")]
TOMLS += [("docs/kubernetes/README.md", start) for start in ("[store]", "[kubernetes]")]


def no_file(name: str) -> str:
    raise AssertionError(name)


@pytest.mark.parametrize(("document", "start"), TOMLS)
def test_a_gate_toml_of_an_example_and_the_four_secrets_are_the_settings_of_a_run(document: str, start: str) -> None:
    """The one of docs/getting-started.md is whole; what another example has takes the place of that one's."""
    text = example(document, "toml", start).replace('"…"', f'"{"ab" * 32}"')
    written = tomllib.loads(text)
    whole: dict[str, dict[str, Any]] = {
        table: {**SITE_TOML.get(table, {}), **written.get(table, {})} for table in {*SITE_TOML, *written}
    }
    settings = resolve("medium-check", toml=whole, environ=SECRETS, flags={}, read_file=no_file)
    names = {(row.table, row.name.replace("_", "-")): row for row in SETTINGS}
    for table, keys in written.items():
        for key, value in keys.items():
            samples = settings.value_of(names[(table, key)])
            assert (list(samples) if isinstance(samples, tuple) else samples) == value, key


# ------------------------------------------------------------------------------------------------- docs/evidence.md


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    at = folder(tmp_path / "run", runs.healthy())
    seal(at)
    return at


def digest(at: Path) -> str:
    return hashlib.sha256((at / "evidence.json").read_bytes()).hexdigest()


def test_verify_says_what_the_document_shows(sealed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command, text = commands(example("docs/evidence.md", "console", "$ publication-gate verify"))
    assert main([str(sealed) if word == "DIR" else word for word in shlex.split(command)[1:]]) == 0
    answer = text.replace("DIR", str(sealed)).replace("quarantine", "pass").replace("6c1d…", digest(sealed))
    assert capsys.readouterr().out == answer + "\n"


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


def rights(start: str) -> dict[str, dict[str, set[str]]]:
    """The flags of each token that the example makes, by its subject and the caches."""
    tokens: dict[str, dict[str, set[str]]] = {}
    for line in commands(example("docs/getting-started.md", "console", start)):
        words = shlex.split(line)
        assert words[:4] == ["atticadm", "-f", "/etc/attic/server.toml", "make-token"]
        pairs = list(zip(words[4::2], words[5::2], strict=True))
        (subject,) = [value for flag, value in pairs if flag == "--sub"]
        caches = tokens.setdefault(subject.removeprefix("publication-gate-"), {})
        for flag, cache in pairs:
            if flag not in ("--sub", "--validity"):
                caches.setdefault(cache, set()).add(flag.removeprefix("--"))
    return tokens


def test_the_tokens_of_the_document_have_the_rights_that_the_labs_have() -> None:
    """`atticadm make-token` takes each right by its cache (attic server/src/adm/command/make_token.rs)."""
    letters = {"pull": "r", "push": "w"}
    both = (SITE_TOML["cache"]["attic-cache"], SITE_TOML["cache"]["probe-cache"])
    text = rights(TOKENS)
    mint = Mint()
    for name, token in (("push", mint.push(both)), ("read", mint.read(both))):
        claims = jwt.decode(token.reveal(), options={"verify_signature": False})
        assert {cache: {letters[each]: 1 for each in had} for cache, had in text.pop(name).items()} == claims[CLAIM][
            "caches"
        ], name
    assert text == {}
    retention = (
        "configure-cache-retention"  # Attic's own right, without which the next example's last command is refused
    )
    assert rights(OPERATOR_TOKEN) == {"operator": {"*": {"pull", "push", "create-cache", "configure-cache", retention}}}


# ------------------------------------------------------------------------------------------- docs/getting-started.md


def test_the_policy_of_the_s3_key_has_each_right_that_a_run_needs_and_none_to_write() -> None:
    policy = json.loads(example("docs/getting-started.md", "json", "{"))
    granted = {action for row in policy["Statement"] for action in row["Action"]}
    hints = {right for kind in DOCTOR for right in re.findall(r"s3:[A-Za-z]+", kind.remedy)}
    remedies = {right for row in CODES for right in re.findall(r"s3:[A-Za-z]+", row.remedy)}
    assert hints | remedies <= granted
    assert [action for action in granted if not action.startswith(("s3:List", "s3:Get"))] == []
    places = {place.removeprefix("arn:aws:s3:::") for row in policy["Statement"] for place in row["Resource"]}
    assert places == {"*", *SITE_TOML["store"]["buckets"], f"{SITE_TOML['store']['state-bucket']}/*"}


def test_the_commands_ask_systemd_for_what_the_gate_asks_it_for() -> None:
    first, second = example("docs/getting-started.md", "console", "systemctl show").strip().split("\n")
    request = re.findall(r"--property=(\S+) ", first)[0].split(",")
    assert set(request) < set(UNIT_PROPERTIES)
    place = parse_server_locator(SITE_TOML["cache"]["server-log"])
    assert isinstance(place, UnitLocator)
    assert (first.endswith(f" {place.unit}"), second.endswith(f" _SYSTEMD_UNIT={place.unit}")) == (True, True)
    process = parse_server_locator(SITE_TOML["cache"]["cache-workload"])
    assert process == place, "its log and its process are of one unit"


def test_each_exported_file_is_one_of_a_secret() -> None:
    text = example("docs/getting-started.md", "console", "export GATE_")
    assert {f"{name}_FILE" for name in SECRETS} == set(re.findall(r"(GATE_[A-Z0-9_]+)=", text))


def test_the_draft_of_settings_is_the_file_that_the_document_shows_further_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (line,) = commands(example("docs/getting-started.md", "console", "publication-gate init"))
    assert main(shlex.split(line)[1:]) == 0
    drafted = tomllib.loads(capsys.readouterr().out)
    keys = (("cache", "attic-server"), ("cache", "attic-cache"), ("cache", "probe-cache"), ("store", "s3-endpoint"))
    for table, key in keys:
        assert drafted[table][key] == SITE_TOML[table][key]


@pytest.mark.nix
def test_the_checks_of_the_flake_are_nix_and_have_the_names_of_the_profiles() -> None:
    text = example("docs/getting-started.md", "nix", "{")
    done = subprocess.run(
        ["nix-instantiate", "--parse", "-"], input=f"pkgs: self: {text}", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for profile in PROFILES:
        name = profile.installable.rpartition(".")[2]
        assert not name or f"    {name} = " in text


def test_a_pass_begins_as_the_document_shows() -> None:
    facts = runs.healthy().facts()
    _, verdict = judge(replace(facts, policy=replace(facts.policy, profile="synthetic")))
    assert example("docs/getting-started.md", "text", "PASS: ") == f"PASS: {verdict.headline}\n"


def test_what_a_blocked_author_reads() -> None:
    policy = QuarantinePolicy(
        configured=True,
        held=True,
        incident="2026-05-06, bucket index lost",
        since="2026-05-06T00:00:00Z",
        passes=5,
        days=7,
        history_days=30,
        statements=(),
        break_glass=None,
    )
    evidence = assemble(runs.healthy().facts(), ())
    past = past_of(evidence, "0" * 64)
    now = datetime(2026, 11, 24, 6, tzinfo=UTC)
    subject = {"cache": evidence.subject.cache, "endpoint": evidence.subject.endpoint}
    answer = replace(
        conclude({"medium-check": ()}, fold_standing([past], policy, [], **subject, now=now)),
        reliance=relies(
            TreeEntry(path=".github/workflows/ci.yml", mode="100644", blob="1"),
            (Guard(path=".github/workflows/**", pattern="require-cache-push"),),
            b"\n" * 13 + b'          require-cache-push: "true"\n',
        ),
        owners=("@acme/cache-operators",),
        newest_run=ProbeRun(
            label="100.1",
            state="pass, 2 h ago",
            url="https://github.com/acme/widgets/actions/runs/100/attempts/1",
        ),
    )
    assert answer_text(answer) == example("docs/required-check.md", "text", "Blocked: ")


def test_the_step_of_the_action_is_the_one_of_the_template_that_is_run() -> None:
    (step,) = yaml.safe_load(example("docs/action.md", "yaml", "- name: Probe"))
    template = yaml.safe_load((ROOT / "workflows" / "dispatched-probe.yml").read_text(encoding="utf-8"))
    (expected,) = [each for each in template["jobs"]["dispatched-probe"]["steps"] if each["name"] == "Probe"]
    assert step["with"].pop("profile") == "medium-check"
    assert expected["with"].pop("profile") == "${{ inputs.profile }}"
    assert step == {**expected, "id": "probe"}
