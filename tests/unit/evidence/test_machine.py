"""Which effective settings of Nix weaken a run: each by Nix's own answer, unless gate.toml states it."""

import json
from dataclasses import replace

import pytest

from gate.errors import ForeignTextError
from gate.evidence.machine import further_substituters, unapproved_settings
from gate.model.machine import NixConfigSeen
from gate.parse.nix_commands import WATCHED, parse_nix_config
from tests.helpers.runs import NIX_CONFIG, healthy

DEFAULTS = {
    "require-sigs": True,
    "sandbox": True,
    "substituters": ["https://cache.nixos.org/"],
    "post-build-hook": "",
    "builders": "@/etc/nix/machines",
    "build-hook": ["/bin/nix", "__build-remote"],
    "sandbox-paths": ["/bin/sh=/nix/store/a-busybox/bin/busybox"],
    "impure-env": {},
    "plugin-files": [],
    "secret-key-files": [],
    "substitute": True,
    "filter-syscalls": True,
    "accept-flake-config": False,
    "pre-build-hook": None,
    "store": "auto",
    "access-tokens": {"github.com": "secret-token"},
}


def config(machines_file: bool = False, **changes: object) -> NixConfigSeen:
    values = {**DEFAULTS, **{name.replace("_", "-"): value for name, value in changes.items()}}
    rows = {name: {"value": value, "defaultValue": DEFAULTS.get(name)} for name, value in values.items()}
    return NixConfigSeen(settings=parse_nix_config(json.dumps(rows).encode()), machines_file=machines_file)


def test_nixs_own_defaults_weaken_nothing_and_no_token_is_kept() -> None:
    assert unapproved_settings(config(), ()) == ()
    assert "secret-token" not in str(config())
    assert {row.name for row in config().settings} <= set(WATCHED)


@pytest.mark.row("NIX-14")
@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"require_sigs": False}, "require-sigs = false"),
        ({"post_build_hook": "/x/hook"}, "post-build-hook = /x/hook"),
        ({"pre_build_hook": "/x/hook"}, "pre-build-hook = /x/hook"),
        ({"diff_hook": "/x/hook"}, "diff-hook = /x/hook"),
        ({"sandbox": False}, "sandbox = false"),
        ({"sandbox": "relaxed"}, "sandbox = relaxed"),
        ({"builders": "ssh://b x86_64-linux"}, "builders = ssh://b x86_64-linux"),
        ({"machines_file": True}, "builders = @/etc/nix/machines"),
        ({"build_hook": ["/x"]}, "build-hook = /x"),
        ({"substitute": False}, "substitute = false"),
        ({"secret_key_files": ["/k"]}, "secret-key-files = /k"),
        ({"plugin_files": ["/p.so"]}, "plugin-files = /p.so"),
        ({"impure_env": {"A": "b"}}, "impure-env = A=b"),
        ({"filter_syscalls": False}, "filter-syscalls = false"),
        ({"accept_flake_config": True}, "accept-flake-config = true"),
        ({"sandbox_paths": ["/bin/sh=/x", "/home"]}, "sandbox-paths = /bin/sh=/x /home"),
        ({"store": "unix:///tmp/other"}, "store = unix:///tmp/other"),
        ({"substituters": ["http://c/main?priority=1&trusted=1"]}, "substituters = http://c/main?trusted=true"),
    ],
)
def test_a_setting_that_weakens_is_told_unless_it_is_stated(change: dict[str, object], line: str) -> None:
    assert unapproved_settings(config(**change), ()) == (line,)  # type: ignore[arg-type]  # test
    assert unapproved_settings(config(**change), (f" {line.replace(' = ', '  =  ')}",)) == ()  # type: ignore[arg-type]  # test
    assert unapproved_settings(config(**change), ("require-sigs = maybe",)) == (line,)  # type: ignore[arg-type]  # test


def test_what_weakens_nothing() -> None:
    assert unapproved_settings(config(builders=""), ()) == ()
    harmless = config(sandbox_paths=["/bin/sh=/nix/store/x", "/nix/store/y", "/a=/nix/store/z?"])
    assert unapproved_settings(harmless, ()) == ()
    assert unapproved_settings(NixConfigSeen(settings=()), ()) == ()


def test_further_substituters() -> None:
    one = config(substituters=["https://cache.nixos.org", "HTTP://C:80/main/?priority=3", "https://other", "/local"])
    assert further_substituters(one, ("http://c/main",)) == ("https://other", "/local")
    assert further_substituters(one, ("http://c/main", "https://other", "/local")) == ()
    assert further_substituters(NixConfigSeen(settings=()), ()) == ()


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b'{"require-sigs":1}',
        b'{"require-sigs":{},"sandbox":{},"substituters":{}}',
        b'{"require-sigs":{"value":true},"sandbox":{"value":true}}',
        json.dumps({"plugin-files": {"value": ["x" * 5000]}}).encode(),
    ],
)
def test_what_is_no_answer_of_nix_is_foreign(body: bytes) -> None:
    with pytest.raises(ForeignTextError):
        parse_nix_config(body)


def with_setting(name: str, value: str) -> NixConfigSeen:
    rows = [replace(row, value=value) if row.name == name else row for row in NIX_CONFIG.settings]
    return replace(NIX_CONFIG, settings=tuple(rows))


@pytest.mark.row("NIX-14")
@pytest.mark.parametrize(
    ("config", "code"),
    [
        (with_setting("require-sigs", "false"), "tool-settings-weak"),
        (with_setting("sandbox", "false"), "tool-settings-weak"),
        (with_setting("post-build-hook", "/x"), "tool-settings-weak"),
        (with_setting("substituters", "http://127.0.0.1:8/main http://other/"), "tool-substituter-unstated"),
        (NixConfigSeen(settings=(), error="e"), "tool-settings-unknown"),
        (None, "tool-settings-unknown"),
    ],
)
def test_the_judge_decides_again_from_the_record(config: NixConfigSeen | None, code: str) -> None:
    run = healthy().change(NixConfigSeen, lambda _: config)
    assert run.rows() == {(code, "inconclusive")}


def test_what_is_stated_passes_and_stands_in_the_finding() -> None:
    run = healthy().change(NixConfigSeen, lambda _: with_setting("sandbox", "false"))
    run = run.with_policy(nix_settings=("sandbox = false",))
    assert run.word() == "pass"
    assert "stated: sandbox = false" in str(run.judged()[0])
    other = with_setting("substituters", "http://other/")
    run = healthy().change(NixConfigSeen, lambda _: other)
    assert run.with_policy(nix_substituters=("http://other",)).word() == "pass"
