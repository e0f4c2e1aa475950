"""Which programs are run: none that the checkout, an evidence folder or a relative entry of PATH decides."""

import os
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.clock import SystemClock
from gate.errors import RefusedError
from gate.observe.kubectl import Kubectl
from gate.observe.nix_store import nix_environment
from gate.process import CancelToken, SearchPath, output, scrubbed_environment
from gate.process.tools import absolute_entries, digest_of, real_path


def program(folder: Path, name: str = "nix", text: str = "exit 0") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, a work tree of git, with a program of each name that the gate runs."""
    folder = tmp_path / "checkout"
    (folder / ".git").mkdir(parents=True)
    for name in ("nix", "nix-store", "attic", "kubectl", "gh", "setpriv"):
        program(folder, name, 'echo "checkout: $0" >&2; exit 7')
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def system(tmp_path: Path) -> Path:
    folder = tmp_path / "system"
    program(folder)
    return folder


@pytest.mark.row("KUBE-18")
@pytest.mark.parametrize("entry", ["", ".", "./", "bin/..", "{checkout}", "{checkout}/.", "{link}", "{inside}"])
def test_an_entry_that_the_checkout_decides_is_passed_over_with_a_note(
    checkout: Path, system: Path, tmp_path: Path, entry: str
) -> None:
    (checkout / "bin").mkdir()
    (tmp_path / "link").symlink_to(checkout)
    (checkout / "inside").symlink_to(system)  # leads out, and where to the checkout decides
    entry = entry.format(checkout=checkout, link=tmp_path / "link", inside=checkout / "inside")
    search = SearchPath({"PATH": f"{entry}:{system}:/usr/bin"})
    assert search.find("nix") == str(system / "nix")
    assert search.text == f"{system}:/usr/bin"
    assert len(search.passed_over) == 1


@pytest.mark.row("KUBE-18")
@pytest.mark.parametrize("path", ["", ".", ":/nowhere", "/nowhere:", "./", "{checkout}"])
def test_a_program_that_is_in_the_checkout_alone_is_refused(checkout: Path, path: str) -> None:
    with pytest.raises(RefusedError, match=r"nix' was found only at .*nothing was done"):
        SearchPath({"PATH": path.format(checkout=checkout)}).find("nix")


@pytest.mark.row("KUBE-18")
def test_a_link_on_path_that_leads_into_the_checkout_is_refused(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "nix").symlink_to("hop")
    (tmp_path / "outside" / "hop").symlink_to(checkout / "nix")
    with pytest.raises(RefusedError, match="found only at"):
        SearchPath({"PATH": str(tmp_path / "outside")}).find("nix")


@pytest.mark.row("KUBE-18")
def test_children_get_no_folder_with_a_link_into_the_checkout(checkout: Path, system: Path, tmp_path: Path) -> None:
    """A child looks for programs of its own, such as git, by their names; the gate itself may still use the others."""
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    (mixed / "git").symlink_to(checkout / "nix")
    (mixed / "attic").symlink_to(system / "nix")
    (mixed / "lost").symlink_to(checkout / "nothing")
    search = SearchPath({"PATH": f"{mixed}:{system}"})
    assert search.text == str(system)
    assert search.find("attic") == str(mixed / "attic")
    (note,) = search.passed_over
    assert note.startswith(f"PATH: '{mixed}"[:60])
    assert note.endswith(" is a link into the checkout, so no child gets its folder")
    (mixed / "git").unlink()
    assert SearchPath({"PATH": f"{mixed}:{system}"}).text == f"{mixed}:{system}", "a link to nothing is no program"


def test_a_named_program_must_be_absolute_and_outside(checkout: Path, system: Path) -> None:
    search = SearchPath({"PATH": "/usr/bin"})
    for name in ("./attic", "bin/attic", "../system/nix"):
        with pytest.raises(RefusedError, match="named by a relative path"):
            search.find(name)
    with pytest.raises(RefusedError, match="found only at"):
        search.find(str(checkout / "attic"))
    assert search.find(str(system / "nix")) == str(system / "nix")
    assert search.find(str(system / "none")) is None
    assert search.find("no-such-program-anywhere") is None


def test_the_workspace_and_shut_folders_are_as_the_checkout(
    tmp_path: Path, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    evidence = program(tmp_path / "evidence" / "deep").parent
    workspace = program(tmp_path / "workspace").parent
    environ = {"PATH": f"{evidence}:{workspace}:{system}", "GITHUB_WORKSPACE": str(workspace)}
    search = SearchPath(environ, shut=(tmp_path / "evidence",))
    assert search.find("nix") == str(system / "nix")
    assert len(search.passed_over) == 2


def test_a_bind_mount_is_known_by_its_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hard link of a folder can't be made here, so the folder is moved after it was shut: only its identity stays."""
    monkeypatch.chdir("/")
    folder = program(tmp_path / "one").parent
    search = SearchPath({"PATH": "/usr/bin"}, shut=(folder,))
    folder.rename(tmp_path / "two")
    assert search.leads_inside(tmp_path / "two" / "nix")


def test_home_and_shared_folders_are_no_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    tools = program(home / ".local" / "bin").parent
    (home / ".git").mkdir()
    monkeypatch.chdir(home)
    assert SearchPath({"PATH": str(tools), "HOME": str(home)}).find("nix") == str(tools / "nix")
    monkeypatch.chdir(tmp_path)
    assert SearchPath({"PATH": str(tools), "TMPDIR": str(home), "HOME": "/none"}).find("nix") == str(tools / "nix")
    with pytest.raises(RefusedError, match="found only at"):
        SearchPath({"PATH": str(tools), "TMPDIR": "/tmp", "HOME": "/none"}).find("nix")


def test_links_in_circles_are_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "nix").symlink_to("nix")
    assert SearchPath({"PATH": f"{tmp_path}:{tmp_path}/a", "GITHUB_WORKSPACE": f"{tmp_path}/a"}).find("nix") is None
    assert real_path(tmp_path / "nix") == tmp_path / "nix"


def test_a_real_path_keeps_the_name_that_a_program_acts_by(tmp_path: Path) -> None:
    store = program(tmp_path / "store", "nix").parent
    (store / "nix-store").symlink_to("nix")
    (tmp_path / "profile").symlink_to(store)
    (tmp_path / "bin").mkdir()
    for name in ("nix", "nix-store"):
        (tmp_path / "bin" / name).symlink_to(tmp_path / "profile" / name)
    assert real_path(tmp_path / "bin" / "nix-store") == store / "nix-store"
    assert real_path(tmp_path / "bin" / "nix") == store / "nix"
    assert digest_of(str(tmp_path / "bin" / "nix-store")) == sha256((store / "nix").read_bytes()).hexdigest()
    assert digest_of(str(tmp_path / "none")) is None


@pytest.mark.row("KUBE-18")
def test_no_child_is_started_by_what_lies_in_the_working_directory(checkout: Path) -> None:
    """Nor is the helper that ties it to this process: both were looked up on the child's PATH."""
    for path in ("", ".", f".:{os.defpath}"):
        ended, out, err = output(
            ("sh", "-c", "echo ran"),
            name="sh",
            env={"PATH": path},
            cap=1000,
            deadline_seconds=10,
            cancel=CancelToken(),
            clock=SystemClock(),
        )
        assert (ended.exit, out, err) == (0, b"ran\n", b""), path
    ended, _, _ = output(
        ("./nix",), name="nix", env={}, cap=1, deadline_seconds=10, cancel=CancelToken(), clock=SystemClock()
    )
    assert ended.ended_by == "missing"


def test_children_get_what_is_left_of_path(checkout: Path, system: Path) -> None:
    environ = {"PATH": f":.:{checkout}:{system}", "HOME": "/h"}
    assert scrubbed_environment(environ)["PATH"] == str(system)
    assert nix_environment(environ)["PATH"] == str(system)
    assert scrubbed_environment({"PATH": "."})["PATH"] == os.defpath, "an empty one would mean the working directory"
    assert absolute_entries(":.:/bin:x") == "/bin"


@pytest.mark.row("KUBE-18")
def test_kubectl_of_every_command_is_resolved(checkout: Path, system: Path) -> None:
    cancel, clock = CancelToken(), SystemClock()
    with pytest.raises(RefusedError, match="kubectl' was found only at"):
        Kubectl(environ={"PATH": "."}, cancel=cancel, clock=clock)
    with pytest.raises(RefusedError, match="relative path"):
        Kubectl(environ={"PATH": "/usr/bin"}, cancel=cancel, clock=clock, program="./kubectl")
    program(system, "kubectl")
    kubectl = Kubectl(environ={"PATH": f".:{system}"}, cancel=cancel, clock=clock)
    assert (kubectl.program, kubectl.environ["PATH"]) == (str(system / "kubectl"), str(system))


_NAMES = st.sampled_from("abc")
_TARGETS = st.one_of(_NAMES, st.tuples(_NAMES, _NAMES).map("/".join), st.tuples(_NAMES, _NAMES).map("/../".join))
_ENTRIES = st.lists(st.tuples(st.lists(_NAMES, min_size=1, max_size=3), st.none() | _TARGETS), max_size=12)


@settings(max_examples=60)
@given(entries=_ENTRIES, shut=_NAMES, path=st.lists(_NAMES, min_size=1, max_size=4))
def test_no_path_ends_in_a_shut_folder_unseen(
    entries: list[tuple[list[str], str | None]], shut: str, path: list[str]
) -> None:
    """Wherever links lead, the kernel's end of a path decides; without a shut folder nothing is inside."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / shut).mkdir()
        for parts, target in entries:
            place = root.joinpath(*parts)
            with suppress(OSError):
                place.mkdir() if target is None else place.symlink_to(target)
        inside = os.path.realpath(root.joinpath(*path))
        exists = root.joinpath(*path).exists()  # links in circles lead nowhere
        is_shut = exists and Path(inside).is_relative_to(os.path.realpath(root / shut))
        assert SearchPath({"PATH": "/none"}, shut=(root / shut,)).leads_inside(root.joinpath(*path)) >= is_shut
        assert not SearchPath({"PATH": "/none"}, shut=(root / "none",)).leads_inside(root.joinpath(*path))


def test_links_in_circles_hide_nothing_that_is_looked_at_later(checkout: Path, tmp_path: Path) -> None:
    """A walk that ends by the number of its links must not be taken for what is known of the places on its way."""
    folder = tmp_path / "links"
    folder.mkdir()
    (folder / "program").symlink_to(checkout / "nix")
    (folder / "circle").symlink_to("circle/../program")
    search = SearchPath({"PATH": "/usr/bin"})
    assert not search.leads_inside(folder / "other")
    search.leads_inside(folder / "circle")
    assert search.leads_inside(folder / "program")
