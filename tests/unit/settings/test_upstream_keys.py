"""An upstream key is checked when settings are read, by every command: a typo in it must not wait for a run."""

import os
from pathlib import Path

import pytest

from gate.cli.main import main
from gate.errors import RefusedError
from gate.settings import check_config, resolve
from gate.settings.require import demand_of, read_require
from tests.helpers import runs

GOOD = runs.UPSTREAM_KEY
NAME, _, RAW = GOOD.partition(":")
BAD = {
    "a letter too many": f"{NAME}:x{RAW}",
    "a letter too few": f"{NAME}:{RAW[1:]}",
    "no base 64": f"{NAME}:{'!' * 44}",
    "31 bytes": f"{NAME}:{'A' * 42}==",
    "empty": f"{NAME}:",
    "no name": f":{RAW}",
    "no colon": NAME,
    "a signature": runs.signature(runs.SOURCES[0]),
}


@pytest.mark.parametrize("key", BAD.values(), ids=BAD)
def test_a_malformed_key_is_refused_by_its_name(key: str) -> None:
    for value in ([key], [GOOD, key]):
        with pytest.raises(RefusedError, match=r"gate.toml \[cache\] upstream-keys") as error:
            check_config({"cache": {"upstream-keys": value}})
        assert error.value.exit_code == 2
        assert (f"'{NAME}'" in str(error.value)) is key.startswith(NAME)
        assert "is not a public key" in str(error.value)


def test_two_keys_of_one_name_are_refused_and_one_that_stands_twice_is_taken() -> None:
    other = f"{NAME}:{'A' * 43}="
    with pytest.raises(RefusedError, match=rf"upstream-keys has two different keys named '{NAME}'"):
        check_config({"cache": {"upstream-keys": [GOOD, other]}})
    check_config({"cache": {"upstream-keys": [GOOD, GOOD, other.replace(NAME, "other-1")]}})


@pytest.mark.parametrize(
    "argv",
    [
        ("probe", "--profile", "synthetic", "--confirm", "probe-attic-publication-synthetic", "--output", "out"),
        ("publish", "--profile", "synthetic", "--confirm", "probe-attic-publication-synthetic", "--output", "out"),
        ("capture", "--output", "out"),
        ("capture", "--phase", "pre", "--profile", "synthetic", "--output", "out"),
        ("judge", "part", "--profile", "synthetic", "--output", "out"),
        ("doctor",),
        ("attic-nar-integrity-check", "--store-hash", "0" * 32),
        ("rustfs-bucket-index-rca",),
        ("tofu-state-ha-readiness",),
        ("quarantine", "status", "evidence"),
    ],
    ids=" ".join,
)
def test_every_command_refuses_it_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...]
) -> None:
    for name in list(os.environ):
        if name.startswith(("GATE_", "GITHUB_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gate.toml").write_text(f'[cache]\nupstream-keys = ["{BAD["a letter too many"]}"]\n', encoding="utf-8")
    assert main(list(argv)) == 2
    output = capsys.readouterr().err
    assert f"gate.toml [cache] upstream-keys has the key '{NAME}', and " in output
    assert not (tmp_path / "out").exists()


def test_require_refuses_it_in_the_base_branchs_file() -> None:
    toml = {
        "cache": {"attic-server": "https://a", "attic-cache": "main", "upstream-keys": [BAD["31 bytes"]]},
        "require": {"guarded": [{"path": "a"}]},
    }
    with pytest.raises(RefusedError, match=rf"upstream-keys has the key '{NAME}'"):
        demand_of("medium-check", read_require(toml), toml, {})


def test_the_environments_key_is_checked_like_the_files() -> None:
    with pytest.raises(RefusedError, match=rf"GATE_UPSTREAM_KEYS has the key '{NAME}'"):
        resolve("synthetic", toml={}, environ={"GATE_UPSTREAM_KEYS": BAD["empty"]}, flags={}, read_file=str)
