"""``init``: what a machine knows already, the commented gate.toml, and the command that writes it."""

import io
import json
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.cli.main import main
from gate.model.setting import Guess
from gate.observe.site import guess_site
from gate.settings.table import BY_NAME, NEEDED, SETTINGS, draft

ATTIC = 'default-server = "prod"\n[servers.prod]\nendpoint = "https://attic.example.org/"\ntoken = "secret-token"\n'


def machine(**programs: str) -> Any:
    """A machine whose programs print these texts; any other is not there."""

    def ask(argv: Sequence[str]) -> str | None:
        return programs.get(argv[0])

    return ask


def nix(*substituters: str) -> str:
    return json.dumps({"substituters": {"value": list(substituters)}})


def texts(guesses: Any) -> dict[str, str | tuple[str, ...]]:
    return {name: guess.text for name, guess in guesses.items()}


def test_the_attic_clients_server_and_nixs_substituter_of_it_are_the_cache() -> None:
    substituters = nix("https://cache.nixos.org/", "https://attic.example.org/main?priority=30", "https://other.org/x")
    guesses = guess_site(machine(nix=substituters), ATTIC)
    assert texts(guesses) == {"attic_server": "https://attic.example.org", "attic_cache": "main"}
    assert "secret-token" not in draft(guesses)


def test_a_single_substituter_of_attics_form_is_the_cache_where_no_client_is_set_up() -> None:
    guesses = guess_site(machine(nix=nix("https://cache.nixos.org", "https://a.example.org/site")), None)
    assert texts(guesses) == {"attic_server": "https://a.example.org", "attic_cache": "site"}


@pytest.mark.parametrize(
    ("config", "substituters"),
    [
        (None, nix("https://a.example.org/one", "https://a.example.org/two")),
        (None, nix("https://a.example.org/", "https://a.example.org/x/y", "file:///nix")),
        (None, "no JSON"),
        (None, json.dumps({"substituters": {"value": "x"}})),
        ("no TOML =", nix()),
        ("servers = 1", nix()),
        ("[servers.a]\nendpoint = 1", nix()),
        ('[servers.a]\nendpoint = "https://user:secret@a.example.org"', nix("https://user:secret@a.example.org/main")),
        ('[servers.a]\nendpoint = "https://a"\n[servers.b]\nendpoint = "https://b"', nix()),
    ],
)
def test_what_is_not_certain_is_not_guessed(config: str | None, substituters: str) -> None:
    assert texts(guess_site(machine(nix=substituters), config)) == {}


def test_units_come_before_containers_and_two_of_a_name_are_none() -> None:
    units = "atticd.service loaded active running Attic\nnginx.service loaded active running x\n"
    guesses = guess_site(machine(systemctl=units, docker="rustfs\nattic-old\n"), None)
    assert texts(guesses) == {
        "cache_workload": "systemd://atticd.service",
        "server_log": "systemd://atticd.service",
        "store_workload": "docker://rustfs",
        "store_log": "docker://rustfs",
    }
    assert texts(guess_site(machine(docker="rustfs-1 rustfs-2"), None)) == {}


def values(toml: dict[str, Any]) -> dict[str, Any]:
    return {key: value for table in toml.values() for key, value in table.items()}


def test_a_draft_has_every_setting_of_a_file_once_and_sets_none_that_is_not_known() -> None:
    text = draft({})
    assert values(tomllib.loads(text)) == {}
    for row in SETTINGS:
        if row.type != "secret" and row.table not in ("", "profiles"):
            assert text.count(f"\n# {row.toml_key} = ") == 1, row.toml_key
    assert text.count("# NEEDED") == len(NEEDED)
    assert set(NEEDED) <= BY_NAME.keys()


@given(st.text(max_size=50), st.lists(st.text(max_size=20), max_size=3))
def test_whatever_a_value_is_the_file_says_it(text: str, listed: list[str]) -> None:
    try:
        (text + "".join(listed)).encode()
    except UnicodeEncodeError:
        return
    result = draft(
        {
            "attic_server": Guess(text=text, origin="a flag"),
            "markers": Guess(text=tuple(listed), origin="a flag"),
        }
    )
    assert values(tomllib.loads(result)) == {"attic-server": text, "markers": listed}


def test_every_default_that_is_shown_is_toml_and_the_defaults_own_value() -> None:
    text = [line[2:] for line in draft({}).splitlines() if line.startswith("# ") and " = " in line]
    lines = [line for line in text if line.partition(" = ")[0] in {row.toml_key for row in SETTINGS}]
    assert len(lines) > 30
    for line in lines:
        tomllib.loads(line)


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, on a machine that knows nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in list(os.environ):
        if name.startswith("GATE_"):
            monkeypatch.delenv(name)
    return tmp_path


def test_a_dry_run_prints_the_file_and_writes_nothing(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--dry-run", "--cache", "main", "--markers", "file:///a", "--markers", "file:///b"]) == 0
    toml = tomllib.loads(capsys.readouterr().out)
    assert values(toml) == {"attic-cache": "main", "markers": ["file:///a", "file:///b"]}
    assert list(empty.iterdir()) == []


def test_a_file_is_written_once_and_doctor_says_what_lacks(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--server", "https://attic.example.org", "--cache", "main"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("gate.toml: written; still needed: s3-endpoint, markers, ")
    assert "doctor: " in out
    written = (empty / "gate.toml").read_bytes()
    assert main(["init", "--cache", "other"]) == 2
    assert (empty / "gate.toml").read_bytes() == written
    assert main(["init", "--output", "nowhere/gate.toml"]) == 2


def test_the_chosen_workflows_are_written_with_the_action_that_is_named(
    empty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    action = f"example/gate@{'a1' * 20}"
    chosen = ("dispatched-probe", "required-pr-check")
    words = [word for name in chosen for word in ("--workflow", name)]
    assert main(["init", "--dry-run", *words]) == 0
    assert list(empty.iterdir()) == []
    assert capsys.readouterr().out.count("\n# .github/workflows/") == len(chosen)
    assert main(["init", *words, "--action", action]) == 0
    folder = empty / ".github" / "workflows"
    for name in chosen:
        text = (folder / f"{name}.yml").read_text()
        template = (Path(__file__).parents[2] / "workflows" / f"{name}.yml").read_text()
        assert text == template.replace(f"OWNER/publication-gate@{'0' * 40}", action)
        assert action in text
        assert "replace OWNER" not in capsys.readouterr().out


def test_no_workflow_is_overwritten_and_then_nothing_is_written(
    empty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = empty / ".github" / "workflows" / "dispatched-probe.yml"
    place.parent.mkdir(parents=True)
    place.write_text("mine")
    assert main(["init", "--workflow", "dispatched-probe"]) == 2
    assert "is left untouched, and nothing was written" in capsys.readouterr().err
    assert (place.read_text(), (empty / "gate.toml").exists()) == ("mine", False)
    for action in ("example/gate@main", "example/gate", f"a/b@{'0' * 39}", f"a/b@{'0' * 40}\n"):
        assert main(["init", "--workflow", "scheduled-synthetic", "--action", action]) == 2
    assert "expected OWNER/NAME@ and a commit of 40 hex digits" in capsys.readouterr().err
    assert main(["init", "--workflow", "scheduled-synthetic"]) == 0
    assert "scheduled-synthetic.yml: written; replace OWNER and the zeros" in capsys.readouterr().out


def test_questions_are_asked_on_a_terminal_and_an_empty_answer_keeps_what_was_guessed(
    empty: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    answers = ["", "main", "https://s3.example.org", "file:///a file:///b"]
    monkeypatch.setattr("sys.stdin", Terminal("\n".join([*answers, ""])))
    assert main(["init", "--server", "https://attic.example.org"]) == 0
    assert values(tomllib.loads((empty / "gate.toml").read_text())) == {
        "attic-server": "https://attic.example.org",
        "attic-cache": "main",
        "s3-endpoint": "https://s3.example.org",
        "markers": ["file:///a", "file:///b"],
    }
    assert "attic-server [https://attic.example.org]: " in capsys.readouterr().err
