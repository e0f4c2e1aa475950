"""The local store and a build, by the Nix of this machine."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex

import pytest

from gate.clock import SystemClock
from gate.errors import CancelledError, InconclusiveError
from gate.model.basics import Truth
from gate.model.records import BuildFacts, ChildEnded
from gate.observe.nix_build import build, evaluate
from gate.observe.nix_store import NixStore, nix_environment
from gate.parse.addresses import same_cache
from gate.process import CancelToken, Capture

pytestmark = pytest.mark.nix

CONFIG = "sandbox = false\nbuild-users-group =\nsubstituters = http://127.0.0.1:9/main?priority=41\n"
CONFIG += "download-attempts = 1\n"
EXPRESSION = """
let
  build = name: dependency: derivation {
    inherit name dependency;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-c" "echo NONCE $dependency > $out" ];
  };
in rec {
  source = builtins.toFile "senses-source" "NONCE";
  first = build "senses-first" source;
  last = build "senses-last" first;
  broken = derivation { name = "senses-broken"; system = builtins.currentSystem; builder = "/bin/false"; };
  two = derivation {
    name = "senses-two";
    outputs = [ "out" "dev" ];
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-c" "echo NONCE > $out; echo NONCE > $dev" ];
  };
}
"""
FLAKE = """
{
  outputs = { self }: {
    checks.SYSTEM.senses = derivation {
      name = "senses-check";
      system = "SYSTEM";
      builder = "/bin/sh";
      source = ./source.txt;
      args = [ "-c" "echo > $out" ];
    };
  };
}
"""


def environment(**more: str) -> dict[str, str]:
    return {**nix_environment(os.environ), "NIX_CONFIG": CONFIG, **more}


def store_with(env: Mapping[str, str], **choices: object) -> NixStore:
    return NixStore(env=env, clock=SystemClock(), **{"cancel": CancelToken(), **choices})  # type: ignore[arg-type]  # a test's choices


@pytest.fixture
def store() -> NixStore:
    return store_with(environment())


@pytest.fixture
def expression(tmp_path: Path) -> Path:
    file = tmp_path / "senses.nix"
    file.write_text(EXPRESSION.replace("NONCE", token_hex(16)))
    return file


def built(
    store: NixStore, installable: tuple[str, ...], folder: Path, cwd: Path | None = None
) -> tuple[ChildEnded, BuildFacts, str]:
    capture = Capture(folder, f"build-{token_hex(4)}.log")
    ended, facts = build(
        store,
        installable,
        name="build",
        capture=capture,
        cache_urls=["http://127.0.0.1:9/main/"],
        deadline_seconds=60.0,
        cwd=cwd,
    )
    assert not capture.close().cut
    return ended, facts, (folder / capture.name).read_text()


def name_of(path: str) -> str:
    return path[len("/nix/store/") + 33 :]


# ------------------------------------------------------------------------------------------------------------ queries


def test_version_and_settings_are_this_machine_s(store: NixStore) -> None:
    assert store.version()[:2] == "2."
    settings = store.settings()
    assert settings.substituters == ("http://127.0.0.1:9/main?priority=41",)
    assert not settings.fallback


def test_canary_is_fresh_and_its_facts_are_known(store: NixStore) -> None:
    before = store.valid_paths_now()
    one, other = store.add_fixed("senses-canary", 3000), store.add_fixed("senses-canary", 3000)
    assert one != other
    assert {name_of(one), name_of(other)} == {"senses-canary"}
    assert {one, other} <= store.valid_paths_now() - before
    facts = store.path_facts([other, one, one])
    assert [fact.store_path for fact in facts] == sorted([one, other])
    # 112 bytes of framing, and the content padded to a multiple of eight
    assert {fact.nar_size for fact in facts} == {3112}
    assert all(fact.nar_hash.startswith("sha256:") and len(fact.nar_hash) == 59 for fact in facts)
    assert all(fact.references == () for fact in facts)
    assert store.closure([one]) == (one,)
    assert Path(one).stat().st_size == 3000


def test_many_paths_are_asked_for_in_batches(store: NixStore, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [store.add_fixed(f"senses-many-{number}", 10) for number in range(5)]
    monkeypatch.setattr("gate.limits.ARGUMENTS_BYTES", 130)
    assert [fact.store_path for fact in store.path_facts(paths)] == sorted(paths)
    assert store.closure(paths) == tuple(sorted(paths))


def test_folder_is_added_under_its_name(store: NixStore, tmp_path: Path) -> None:
    folder = tmp_path / "senses-folder"
    folder.mkdir()
    (folder / "file").write_bytes(token_hex(8).encode())
    path = store.add(folder)
    assert name_of(path) == "senses-folder"
    assert (Path(path) / "file").read_bytes() == (folder / "file").read_bytes()


def test_path_that_is_not_valid_is_told(store: NixStore) -> None:
    absent = f"/nix/store/{'0' * 32}-senses-absent"
    with pytest.raises(InconclusiveError, match="senses-absent is not valid"):
        store.path_facts([absent])
    with pytest.raises(InconclusiveError, match="nix-store-requisites ended with exit code 1 saying"):
        store.closure([absent])


def test_what_is_no_path_never_gets_into_argv(store: NixStore) -> None:
    with pytest.raises(InconclusiveError, match="is not a store path"):
        store.path_facts(["--version"])
    with pytest.raises(InconclusiveError, match="is not a store path"):
        store.build_closure("--version")


def test_nix_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InconclusiveError, match="nix-version can't be started"):
        store_with(environment(), folder=tmp_path).version()


def test_cancelled_query_is_told() -> None:
    cancel = CancelToken()
    cancel.cancel("enough")
    with pytest.raises(CancelledError, match="enough"):
        store_with(environment(), cancel=cancel).version()
    with pytest.raises(CancelledError, match="enough"):
        store_with(environment(), cancel=cancel).settings()


def test_answer_in_another_form_is_told(tmp_path: Path) -> None:
    nix = tmp_path / "nix"
    nix.write_text("#!/bin/sh\necho '\x1b[31msurprise'\n")
    nix.chmod(0o700)
    strange = store_with(environment(), folder=tmp_path)
    with pytest.raises(InconclusiveError, match="nix --version said"):
        strange.version()
    with pytest.raises(InconclusiveError, match="settings of Nix"):
        strange.settings()
    with pytest.raises(InconclusiveError, match="path info"):
        strange.path_facts([f"/nix/store/{'0' * 32}-x"])
    with pytest.raises(InconclusiveError, match="is not a store path"):
        strange.valid_paths_now()
    with pytest.raises(InconclusiveError, match="expected one derivation"):
        evaluate(strange, (".#x",))


def test_settings_of_newer_nix_are_asked_by_their_new_name(tmp_path: Path) -> None:
    settings = {
        "substituters": {"value": ["https://cache.example/main"]},
        "trusted-public-keys": {"value": ["main:AAAA"]},
        "fallback": {"value": True},
    }
    nix = tmp_path / "nix"
    nix.write_text(f"#!/bin/sh\n[ \"$3 $4 $5\" = 'config show --json' ] && echo '{json.dumps(settings)}'\n")
    nix.chmod(0o700)
    result = store_with(environment(), folder=tmp_path).settings()
    assert (result.substituters, result.fallback) == (("https://cache.example/main",), True)


@pytest.mark.parametrize(
    ("reply", "version"),
    [("nix (Nix) 2.34.8", "2.34.8"), ("nix (Lix, like Nix) 2.91.1", "2.91.1"), ("nix (Nix) 2.19pre_ab", "2.19pre_ab")],
)
def test_versions_of_all_kinds_of_nix(tmp_path: Path, reply: str, version: str) -> None:
    nix = tmp_path / "nix"
    nix.write_text(f"#!/bin/sh\necho '{reply}'\n")
    nix.chmod(0o700)
    assert store_with(environment(), folder=tmp_path).version() == version


def test_answers_that_do_not_fit_the_question_are_told(tmp_path: Path) -> None:
    path = f"/nix/store/{'0' * 32}-x"
    for program in ("nix", "nix-store"):
        (tmp_path / program).write_text(
            f"#!/bin/sh\ncase $3 in path-info) echo '[]';; *) echo {path}; echo {path}y;; esac\n"
        )
        (tmp_path / program).chmod(0o700)
    strange = store_with(environment(), folder=tmp_path)
    with pytest.raises(InconclusiveError, match="told of 0 paths, expected exactly the 1"):
        strange.path_facts([path])
    with pytest.raises(InconclusiveError, match="gave 2 paths for x"):
        strange.add(Path("/x"))


def test_evaluation_to_two_derivations_is_told(tmp_path: Path) -> None:
    path = f"/nix/store/{'0' * 32}-x"
    (tmp_path / "nix").write_text(f"#!/bin/sh\necho {path}; echo {path}.drv\n")
    (tmp_path / "nix").chmod(0o700)
    with pytest.raises(InconclusiveError, match="expected one derivation"):
        evaluate(store_with(environment(), folder=tmp_path), (".#x",))


def test_canary_without_room_is_told(store: NixStore) -> None:
    def full(_: int) -> bytes:
        raise OSError(28, "No space left on device")

    with pytest.raises(InconclusiveError, match="No space left on device"):
        store.add_fixed("senses-canary", 10, random_bytes=full)
    with pytest.raises(InconclusiveError, match="TMPDIR"):
        store_with(environment(TMPDIR="/nowhere")).add_fixed("senses-canary", 10)


def test_nix_sees_no_secret_of_the_runner() -> None:
    source = {
        "PATH": "/bin",
        "NIX_CONFIG": "x",
        "NIX_PATH": "y",
        "https_proxy": "p",
        "GITHUB_TOKEN": "t",
        "GATE_PUSH_TOKEN": "t",
        "AWS_SECRET_ACCESS_KEY": "t",
        "ATTIC_TOKEN": "t",
    }
    assert nix_environment(source) == {"PATH": "/bin", "NIX_CONFIG": "x", "NIX_PATH": "y", "https_proxy": "p"}


# ------------------------------------------------------------------------------------------------------------- builds


def test_expression_is_evaluated_built_and_known_by_its_build_closure(
    store: NixStore, expression: Path, tmp_path: Path
) -> None:
    installable = ("-f", str(expression), "last")
    derivation = evaluate(store, installable)
    assert name_of(derivation) == "senses-last.drv"
    # Before the build only what evaluation wrote is there.
    assert [name_of(path) for path in store.build_closure(derivation)] == ["senses-source"]

    before = store.valid_paths_now()
    ended, facts, log = built(store, installable, tmp_path)
    assert (ended.name, ended.exit, ended.ended_by) == ("build", 0, None)
    assert (facts.derivation, facts.outputs) == (derivation, store.outputs(derivation))
    assert facts.substituters == ("http://127.0.0.1:9/main?priority",)
    assert (facts.cache_among_substituters, facts.fallback) == (Truth.PRESENT, True)
    assert facts.trusted_public_keys == store.settings().trusted_public_keys
    assert facts.nix_version == store.version()
    assert facts.installable == f"-f {expression} last"

    events = [json.loads(line.removeprefix("@nix ")) for line in log.splitlines() if line.startswith("@nix ")]
    builds = [event["fields"][0] for event in events if event["action"] == "start" and event["type"] == 105]
    assert sorted(map(name_of, builds)) == ["senses-first.drv", "senses-last.drv"]

    closure = store.build_closure(derivation)
    assert sorted(map(name_of, closure)) == ["senses-first", "senses-last", "senses-source"]
    delta = store.valid_paths_now() - before
    # Others may use this store meanwhile.
    assert sorted(map(name_of, delta & set(closure))) == ["senses-first", "senses-last"]
    assert not any(path.endswith(".drv") for path in delta)
    assert sorted(map(name_of, store.closure(facts.outputs))) == ["senses-first", "senses-last", "senses-source"]
    (last,) = [fact for fact in store.path_facts(closure) if name_of(fact.store_path) == "senses-last"]
    assert last.ultimate
    assert [name_of(path) for path in last.references] == ["senses-first"]


def test_flake_check_is_built_and_its_source_is_in_the_build_closure(store: NixStore, tmp_path: Path) -> None:
    flake = tmp_path / "flake"
    flake.mkdir()
    system = "x86_64-linux" if os.uname().machine == "x86_64" else "aarch64-linux"
    (flake / "flake.nix").write_text(FLAKE.replace("SYSTEM", system))
    (flake / "source.txt").write_text(token_hex(16))
    installable = (f"path:{flake}#checks.{system}.senses",)
    derivation = evaluate(store, installable)
    ended, facts, log = built(store, installable, tmp_path)
    assert ended.exit == 0
    assert facts.derivation == derivation
    assert [name_of(path) for path in facts.outputs] == ["senses-check"]
    assert '"fields":["' + derivation in log
    names = sorted(map(name_of, store.build_closure(derivation)))
    assert names == ["senses-check", "source.txt"]
    here = evaluate(store, (f".#checks.{system}.senses",), cwd=flake)
    assert name_of(here) == "senses-check.drv"


def test_only_what_was_asked_for_counts_as_output(store: NixStore, expression: Path, tmp_path: Path) -> None:
    _, facts, _ = built(store, ("-f", str(expression), "two"), tmp_path)
    assert "senses-two" in map(name_of, facts.outputs)
    assert facts.derivation is not None
    assert sorted(map(name_of, store.outputs(facts.derivation))) == ["senses-two", "senses-two-dev"]


def test_store_path_is_its_own_output(store: NixStore, tmp_path: Path) -> None:
    path = store.add_fixed("senses-path", 100)
    ended, facts, _ = built(store, (path,), tmp_path)
    assert (ended.exit, facts.derivation, facts.outputs) == (0, None, (path,))


def test_build_that_fails_says_so_and_has_no_outputs(store: NixStore, expression: Path, tmp_path: Path) -> None:
    ended, facts, log = built(store, ("-f", str(expression), "broken"), tmp_path)
    assert (ended.exit, ended.ended_by) == (1, None)
    assert (facts.derivation, facts.outputs) == (None, ())
    assert "senses-broken" in log


def test_evaluation_that_fails_says_nix_s_last_word(store: NixStore, expression: Path) -> None:
    with pytest.raises(InconclusiveError, match=r"nix-evaluate ended with exit code 1 saying .error: .*nowhere"):
        evaluate(store, ("-f", str(expression), "nowhere"))


def test_cache_that_is_no_substituter_is_seen(expression: Path, tmp_path: Path) -> None:
    other = store_with(environment(NIX_CONFIG=CONFIG.replace("/main", "/other")))
    _, facts, _ = built(other, ("-f", str(expression), "first"), tmp_path)
    assert facts.cache_among_substituters is Truth.ABSENT


def test_cancelled_build_is_recorded_as_such(expression: Path, tmp_path: Path) -> None:
    cancel = CancelToken()
    cancel.cancel("enough")
    ended, facts, _ = built(store_with(environment(), cancel=cancel), ("-f", str(expression), "first"), tmp_path)
    assert (ended.ended_by, ended.exit) == ("cancelled", None)
    assert (facts.outputs, facts.cache_among_substituters, facts.nix_version) == ((), Truth.UNKNOWN, None)


def test_outputs_that_can_not_be_told_stay_unknown(expression: Path, tmp_path: Path) -> None:
    nix = tmp_path / "nix"
    nix.write_text('#!/bin/sh\ncase "$*" in *--json*) exit 1;; esac\n')
    nix.chmod(0o700)
    ended, facts, _ = built(store_with(environment(), folder=tmp_path), ("-f", str(expression), "first"), tmp_path)
    assert (ended.exit, facts.derivation, facts.outputs) == (0, None, ())
    assert (facts.cache_among_substituters, facts.nix_version) == (Truth.UNKNOWN, None)


def test_credentials_in_a_substituter_are_not_recorded(expression: Path, tmp_path: Path) -> None:
    config = CONFIG.replace("http://127.0.0.1:9/main", "http://user:word@127.0.0.1:9/main")
    _, facts, _ = built(store_with(environment(NIX_CONFIG=config)), ("-f", str(expression), "first"), tmp_path)
    assert facts.substituters == ("http://127.0.0.1:9/main?priority",)
    assert facts.cache_among_substituters is Truth.PRESENT


def test_without_nix_everything_is_unknown(expression: Path, tmp_path: Path) -> None:
    nowhere = store_with(environment(), folder=tmp_path / "nowhere")
    ended, facts, log = built(nowhere, ("-f", str(expression), "first"), tmp_path)
    assert (ended.ended_by, ended.exit, log) == ("missing", None, "")
    assert (facts.cache_among_substituters, facts.substituters, facts.nix_version) == (Truth.UNKNOWN, (), None)
    assert facts.trusted_public_keys is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://cache.example/main", "https://cache.example/main/", True),
        ("https://Cache.Example:443/main?priority=10", "https://cache.example/main", True),
        ("http://cache.example:80/main", "http://cache.example/main", True),
        ("https://cache.example/main", "http://cache.example/main", False),
        ("https://cache.example/main", "https://cache.example/Main", False),
        ("https://cache.example/main", "https://cache.example:8443/main", False),
        ("https://cache.example/main", "https://cache.example/main2", False),
        ("https://cache.example:x/main", "https://cache.example:x/main", False),
    ],
)
def test_substituters_are_compared_as_places(one: str, other: str, same: bool) -> None:
    assert same_cache(one, other) is same
    assert same_cache(other, one) is same
