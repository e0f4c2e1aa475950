"""A twin made by the Nix of this machine: its paths have the sizes and the references that were planned."""

import os
from pathlib import Path
from secrets import token_hex

import pytest

from gate.clock import SystemClock
from gate.errors import InconclusiveError
from gate.lab.place import write_flake
from gate.model.facts import TwinFile
from gate.model.records import PathFacts
from gate.observe.nix_build import build, evaluate
from gate.observe.nix_store import NixStore, nix_environment
from gate.probe.twin import differences, plan_twin
from gate.process import CancelToken, Capture

pytestmark = pytest.mark.nix

CONFIG = "sandbox = false\nbuild-users-group =\nsubstituters =\n"
SYSTEM = "x86_64-linux" if os.uname().machine == "x86_64" else "aarch64-linux"
CAPS = {"max_paths": 2000, "max_bytes": 8 * 1024**3}
# A diamond whose top refers to itself, as programs do, and beside it a path with no references.
DIAMOND = """
let
  build = name: dependencies: derivation {
    inherit name dependencies;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-c" "echo NONCE $dependencies $out > $out" ];
  };
  bottom = builtins.toFile "twin-bottom" "NONCE";
in build "twin-top" [ (build "twin-left" [ bottom ]) (build "twin-right" [ bottom ]) ]
"""


def store_with(folder: Path | None = None, **more: str) -> NixStore:
    env = {**nix_environment(os.environ), "NIX_CONFIG": CONFIG, **more}
    return NixStore(folder=folder, env=env, cancel=CancelToken(), clock=SystemClock())


@pytest.fixture
def store() -> NixStore:
    return store_with()


@pytest.fixture
def name() -> str:
    return f"publication-gate-twin-{token_hex(16)}"


def built(store: NixStore, installable: tuple[str, ...], folder: Path) -> tuple[PathFacts, ...]:
    """The build closure of something, built: what the check profiles publish."""
    capture = Capture(folder, "build.log")
    ended, _ = build(store, installable, name="build", capture=capture, cache_urls=[], deadline_seconds=60.0)
    capture.close()
    assert ended.exit == 0
    return store.path_facts(store.build_closure(evaluate(store, installable)))


def made(store: NixStore, name: str, plan: tuple[TwinFile, ...]) -> tuple[tuple[str, ...], dict[str, PathFacts]]:
    paths = store.add_twin(name, plan)
    facts = {path.store_path: path for path in store.path_facts(paths)}
    assert differences(plan, paths, facts) == ()
    assert [path[len("/nix/store/") + 33 :] for path in paths] == [f"{name}-{n + 1}" for n in range(len(plan))]
    return paths, facts


def test_the_lab_s_own_push_set_has_a_twin_of_its_sizes(store: NixStore, name: str, tmp_path: Path) -> None:
    write_flake(tmp_path / "flake", token_hex(8))
    push_set = built(store, (f"path:{tmp_path}/flake#checks.{SYSTEM}.deadnix",), tmp_path)
    assert len(push_set) == 22
    paths, facts = made(store, name, plan_twin(push_set, **CAPS))
    assert len(set(paths)) == 22
    # The check's output is an empty file: its NAR of 112 bytes is everybody's, so its twin is 16 bytes longer.
    expected = sorted(128 if path.nar_size == 112 else path.nar_size for path in push_set)
    assert sorted(path.nar_size for path in facts.values()) == expected
    assert {path.nar_hash for path in facts.values()}.isdisjoint(path.nar_hash for path in push_set)
    assert all(path.signatures == () for path in facts.values())
    assert store.closure(paths) == tuple(sorted(paths))


def test_the_shape_is_kept_and_what_refers_to_itself_does_not(store: NixStore, name: str, tmp_path: Path) -> None:
    (tmp_path / "diamond.nix").write_text(DIAMOND.replace("NONCE", token_hex(16)))
    push_set = built(store, ("-f", str(tmp_path / "diamond.nix")), tmp_path)
    assert sorted(len(path.references) for path in push_set) == [0, 2, 2, 3]
    paths, facts = made(store, name, plan_twin(push_set, **CAPS))
    bottom, *sides, top = paths
    assert [facts[path].references for path in (bottom, *sides)] == [(), (bottom,), (bottom,)]
    assert facts[top].references == tuple(sorted(sides))


def test_batches_refer_to_one_another(store: NixStore, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = tuple(TwinFile(nar_size=1112, references=tuple(range(max(0, n - 3), n))) for n in range(9))
    monkeypatch.setattr("gate.limits.TWIN_BATCH_BYTES", 2500)
    paths, facts = made(store, name, plan)
    assert facts[paths[8]].references == tuple(sorted(paths[5:8]))


def test_every_content_is_fresh_and_exactly_as_long_as_asked(store: NixStore, name: str) -> None:
    plan = tuple(TwinFile(nar_size=112 + size, references=()) for size in (16, 16, 24, 1000))
    paths, _ = made(store, name, plan)
    contents = [Path(path).read_bytes() for path in paths]
    assert [len(content) for content in contents] == [16, 16, 24, 1000]
    assert len(set(contents)) == 4


def test_many_paths_and_a_long_chain(store: NixStore, name: str) -> None:
    made(store, name, tuple(TwinFile(nar_size=512, references=(n - 1,) if n else ()) for n in range(500)))


def test_nothing_to_make_makes_nothing(store: NixStore, name: str) -> None:
    assert store.add_twin(name, ()) == ()


ONE = (TwinFile(nar_size=200, references=()),)


def test_a_twin_without_room_is_told(store: NixStore, name: str) -> None:
    def full(_: int) -> bytes:
        raise OSError(28, "No space left on device")

    with pytest.raises(InconclusiveError, match=r"The twin publication-gate-twin-\w+ can't be written \(No space left"):
        store.add_twin(name, ONE, random_bytes=full)
    with pytest.raises(InconclusiveError, match="expected room in TMPDIR"):
        store_with(TMPDIR="/nowhere").add_twin(name, ONE)


@pytest.mark.parametrize(
    ("reply", "trouble"),
    [
        ("[]", "nix eval gave 0 paths of the twin: expected 1"),
        ('["/nix/store"]', "is not a store path"),
        ('{"a":1}', "The twin's paths"),
        ("no JSON", "The twin's paths is not JSON"),
    ],
)
def test_an_answer_in_another_form_is_told(tmp_path: Path, name: str, reply: str, trouble: str) -> None:
    nix = tmp_path / "nix"
    nix.write_text(f"#!/bin/sh\necho '{reply}'\n")
    nix.chmod(0o700)
    with pytest.raises(InconclusiveError, match=trouble):
        store_with(tmp_path).add_twin(name, ONE)
