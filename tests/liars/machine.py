"""Lies of what is on the machine: the store's disk, Nix and its settings, the attic client, the environment."""

import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gate.lab.attic_stack import MAIN
from gate.lab.s3 import RcloneStore, marker
from gate.lab.stack import STATE_BUCKET
from gate.model.basics import Label, VerdictWord
from tests.liars.lie import Liar, Lie, Party

if TYPE_CHECKING:
    from gate.lab.stack import Stack

LOSS = frozenset({VerdictWord.QUARANTINE, VerdictWord.INCONCLUSIVE})


# --- the disk


class CopiedDisk(Liar):
    """The markers are a copy of the store's folder, made before the run: they are there whatever the store does."""

    def arrange(self, stack: "Stack", folder: Path) -> None:
        self.copy = folder / "copy"
        shutil.copytree(stack.store.data, self.copy)
        self.count += 1

    def settings(self) -> dict[str, Any]:
        return {"markers": (f"file://{self.copy}",)}


class LinkedDisk(Liar):
    """A bucket's folder on the disk is a link."""

    def arrange(self, stack: "Stack", folder: Path) -> None:
        place = stack.store.data / STATE_BUCKET
        moved = folder / "moved"
        place.rename(moved)
        place.symlink_to(moved)
        self.count += 1


class HalfMarker(Liar):
    """A bucket's metadata is gone."""

    def arrange(self, stack: "Stack", folder: Path) -> None:
        shutil.rmtree(marker(stack.store.data, STATE_BUCKET))
        self.count += 1


class OtherVolume(Liar):
    """Between the looks another drive is put in the place of the first, with the same names on it."""

    def arrange(self, stack: "Stack", folder: Path) -> None:
        assert isinstance(stack.store, RcloneStore)
        self.data = stack.store.data
        self.place = folder / "drive"
        self.place.symlink_to(self.data)
        self.other = folder / "other"

    def settings(self) -> dict[str, Any]:
        return {"markers": (f"file://{self.place}",)}

    def stage(self, name: str) -> None:
        if name == "post":
            shutil.copytree(self.data, self.other)
            format_file = self.other / ".rustfs.sys" / "format.json"
            format_file.write_text(
                json.dumps({"version": "1", "format": "erasure-single", "id": "0" * 36}), encoding="utf-8"
            )
            self.place.unlink()
            self.place.symlink_to(self.other)
            self.count += 1


class UnreadableDisk(Liar):
    """The place of the markers is a FIFO that nobody writes to."""

    def arrange(self, stack: "Stack", folder: Path) -> None:
        self.fifo = folder / "fifo"
        os.mkfifo(self.fifo)
        self.count += 1

    def settings(self) -> dict[str, Any]:
        return {"markers": (f"file://{self.fifo}",)}


# --- programs that say what is not so

PASSING = """#!{python} -IS
import os, re, sys
here = os.path.dirname(os.path.abspath(__file__))
open({log!r}, "a").write(" ".join(sys.argv[1:]) + "\\n")
{body}
os.execv({real!r}, [{real!r}, *sys.argv[1:]])
"""


class Program(Liar):
    """A program in the place of the real one; ``body`` is Python that runs before it gives way to that."""

    name = "attic"
    body = ""
    marks: tuple[str, ...] = ()  # what must stand in its arguments for the lie to have been heard

    def arrange(self, stack: "Stack", folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.log = folder / "calls"
        self.log.touch()
        real = str(stack.client) if self.name == "attic" else shutil.which(self.name)
        assert real is not None
        script = self.bin / self.name
        text = PASSING.format(python=sys.executable, log=str(self.log), body=self.body.format(main=MAIN), real=real)
        script.write_text(text, encoding="utf-8")
        script.chmod(0o755)

    def settings(self) -> dict[str, Any]:
        return {"attic_bin": str(self.bin / "attic")} if self.name == "attic" else {}

    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        return {**environ, "PATH": f"{self.bin}:{environ['PATH']}"}

    def end(self) -> None:
        if hasattr(self, "log") and self.log.exists():
            self.count = sum(all(mark in line for mark in self.marks) for line in self.log.read_text().splitlines())


class ClientSilent(Program):
    body = 'if "push" in sys.argv: sys.exit(0)'
    marks = ("push",)


class ClientFails(Program):
    """It pushes everything, and says that it failed."""

    body = 'if "push" in sys.argv:\n    import subprocess\n    subprocess.run([{real}, *sys.argv[1:]])\n    sys.exit(1)'
    marks = ("push",)

    def arrange(self, stack: "Stack", folder: Path) -> None:
        self.body = self.body.replace("{real}", repr(str(stack.client)))
        super().arrange(stack, folder)


UPLOADED = (
    'if "push" in sys.argv:\n'
    '    paths = [a for a in sys.argv if a.startswith("/nix/store/")] or sys.stdin.read().split()\n'
    '    for p in paths: print("✅ " + os.path.basename(p) + " ({word})", file=sys.stderr)\n'
    "    sys.exit(0)"
)


class ClientUploaded(Program):
    """It writes nothing, and says in the client's own words that all was uploaded."""

    body = UPLOADED.replace("{word}", "12.3 MiB/s")
    marks = ("push",)


class ClientDeduplicated(Program):
    body = UPLOADED.replace("{word}", "deduplicated")
    marks = ("push",)


class ClientUnknownWords(Program):
    """It says nothing that the client says."""

    body = 'if "push" in sys.argv: print("ok, all done", file=sys.stderr); sys.exit(0)'
    marks = ("push",)


class NixLies(Program):
    name = "nix"


class NixBuildsNothing(NixLies):
    """A build is called done without any output."""

    body = 'if "build" in sys.argv: sys.exit(0)'
    marks = ("build",)


class NixOtherHash(NixLies):
    """path-info tells other hashes than the store has."""

    body = (
        'if "path-info" in sys.argv:\n'
        "    import subprocess\n"
        "    out = subprocess.run([{real}, *sys.argv[1:]], stdout=subprocess.PIPE, text=True)\n"
        "    sys.stdout.write(re.sub(r'sha256-[A-Za-z0-9+/]{{43}}=', 'sha256-' + 'A' * 43 + '=', out.stdout))\n"
        "    sys.exit(out.returncode)"
    )
    marks = ("path-info",)

    def arrange(self, stack: "Stack", folder: Path) -> None:
        self.body = self.body.replace("{real}", repr(shutil.which("nix")))
        super().arrange(stack, folder)


def building(line: str) -> type[NixLies]:
    """A Nix that says one thing more in a build's log, and then builds."""
    body = f'if "build" in sys.argv: print({line!r}, file=sys.stderr)'.replace("{", "{{").replace("}", "}}")
    return type("NixSays", (NixLies,), {"body": body, "marks": ("build",)})


def message(text: str, level: int = 0) -> str:
    return "@nix " + json.dumps({"action": "msg", "level": level, "msg": text})


# --- Nix's settings


class Config(Liar):
    """Settings of Nix that the environment brings along."""

    lines: tuple[str, ...] = ()

    def arrange(self, stack: "Stack", folder: Path) -> None:
        self.folder = folder
        self.count += 1

    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        lines = "\n".join(line.format(folder=self.folder) for line in self.lines)
        return {**environ, "NIX_CONFIG": f"{environ['NIX_CONFIG']}\n{lines}\n"}


class ConfigHook(Config):
    lines = ("post-build-hook = {folder}/hook",)

    def arrange(self, stack: "Stack", folder: Path) -> None:
        super().arrange(stack, folder)
        hook = folder / "hook"
        hook.write_text("#!/bin/sh\nexit 0\n", encoding="ascii")
        hook.chmod(0o755)


class ConfigHookInUserFile(ConfigHook):
    """The same, in the user's file."""

    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        file = self.folder / "nix.conf"
        file.write_text(f"post-build-hook = {self.folder}/hook\n", encoding="ascii")
        return {**environ, "NIX_USER_CONF_FILES": str(file)}


def config(name: str, *lines: str) -> type[Config]:
    return type(name, (Config,), {"lines": lines})


class MachinesFile(Liar):
    """Nix's default ``builders = @<conf dir>/machines`` finds a file in another configuration folder."""

    def arrange(self, stack: "Stack", folder: Path) -> None:
        self.folder = folder / "conf"
        self.folder.mkdir()
        (self.folder / "machines").write_text("ssh://builder.invalid x86_64-linux\n", encoding="ascii")
        (self.folder / "nix.conf").write_text("", encoding="ascii")
        self.count += 1

    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        return {**environ, "NIX_CONF_DIR": str(self.folder)}


class ExpiredNetrc(Liar):
    """The machine's own netrc has a token that is over."""

    def arrange(self, stack: "Stack", folder: Path) -> None:
        self.netrc = folder / "netrc"
        host = stack.attic.address.split(":")[0]
        self.netrc.write_text(f"machine {host}\nlogin lab\npassword {'x' * 40}\n", encoding="ascii")
        self.netrc.chmod(0o600)
        self.count += 1

    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        return {**environ, "NIX_CONFIG": f"{environ['NIX_CONFIG']}\nnetrc-file = {self.netrc}\n"}


# --- the environment


class Checkout(Liar):
    """Programs of the checkout that PATH finds by an empty or relative entry."""

    entry = ""
    program = "nix"

    def arrange(self, stack: "Stack", folder: Path) -> None:
        self.folder = folder
        self.old = Path.cwd()
        real = shutil.which(self.program)
        script = folder / self.program
        script.write_text(
            f'#!/bin/sh\necho "$@" >>{shlex.quote(str(folder))}/calls\nexec {real} "$@"\n', encoding="utf-8"
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        os.chdir(folder)
        self.count += 1  # the entry is there; that nothing ran it is the gate's answer

    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        return {**environ, "PATH": f"{self.entry}:{environ['PATH']}"}

    def word(self, evidence: Any, folder: Path) -> VerdictWord:
        """A run that passed the entry over and ran none of its programs was not lied to."""
        if (self.folder / "calls").exists():
            return super().word(evidence, folder)
        return VerdictWord.REFUSED if evidence.verdict.word is VerdictWord.PASS else super().word(evidence, folder)

    def end(self) -> None:
        if hasattr(self, "old"):
            os.chdir(self.old)


class CheckoutDot(Checkout):
    entry = "."


class CheckoutLink(Checkout):
    """A folder of PATH outside of the checkout has a link to a program of the checkout."""

    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        outside = self.folder.parent / f"{self.folder.name}-bin"
        outside.mkdir()
        (outside / self.program).symlink_to(self.folder / self.program)
        return {**environ, "PATH": f"{outside}:{environ['PATH']}"}


class OneProcess(Liar):
    """Both workloads are one pid file, and the store starts anew while the profile is pushed."""

    def arrange(self, stack: "Stack", folder: Path) -> None:
        self.stack = stack

    def settings(self) -> dict[str, Any]:
        return {"store_workload": f"file://{self.stack.attic.pid_file}"}

    def push_running(self, label: Label) -> None:
        if label is Label.PROFILE:
            self.stack.store.restart()
            self.count += 1


class OtherProcess(OneProcess):
    """The store's pid file names a process that serves nothing; the store starts anew while the profile is pushed."""

    def settings(self) -> dict[str, Any]:
        self.other = subprocess.Popen(["sleep", "600"], start_new_session=True)
        pid = Path(self.stack.work) / "other.pid"
        pid.write_text(f"{self.other.pid}\n", encoding="ascii")
        return {"store_workload": f"file://{pid}"}

    def end(self) -> None:
        if hasattr(self, "other"):
            self.other.kill()
            self.other.wait()


class OwnUpstreamKey(Liar):
    """Paths are signed by a key of the job's own, and an environment variable names it as an upstream's."""

    def arrange(self, stack: "Stack", folder: Path) -> None:
        secret = folder / "own.secret"
        self.key = stack.nix.make_key("own-1", secret, folder / "own.public")
        self.secret = secret
        self.stack = stack

    def settings(self) -> dict[str, Any]:
        return {"upstream_keys": (self.stack.upstream_key, self.key)}


class ForeignClient(Liar):
    """A config of the attic client that an earlier job left names another server."""

    def arrange(self, stack: "Stack", folder: Path) -> None:
        home = folder / "config"
        (home / "attic").mkdir(parents=True)
        text = 'default-server = "evil"\n[servers.evil]\nendpoint = "http://203.0.113.9/"\ntoken = "x"\n'
        (home / "attic" / "config.toml").write_text(text, encoding="ascii")
        self.home = home
        self.count += 1

    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        return {**environ, "XDG_CONFIG_HOME": str(self.home)}


class StaleNarinfo(Liar):
    """An earlier job's Nix remembers in its cache on disk that the cache under test has nothing."""

    def arrange(self, stack: "Stack", folder: Path) -> None:
        self.home = folder / "cache"
        (self.home / "nix").mkdir(parents=True)
        (self.home / "nix" / "binary-cache-v6.sqlite").write_bytes(b"SQLite format 3\0 is not what this is")
        self.count += 1

    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        return {**environ, "XDG_CACHE_HOME": str(self.home)}


class CachedBefore(Liar):
    """An earlier job published the whole profile: the client has nothing to write."""

    def arrange(self, stack: "Stack", folder: Path) -> None:
        installable = stack.installable("statix")
        stack.nix.build(installable)
        stack.push(*stack.nix.push_set(installable))
        self.count += 1


class LeftPidFile(Liar):
    """An earlier job left the pid file of a process that is over."""

    def arrange(self, stack: "Stack", folder: Path) -> None:
        self.file = folder / "old.pid"
        self.file.write_text("4194303\n", encoding="ascii")
        self.count += 1

    def settings(self) -> dict[str, Any]:
        return {"store_workload": f"file://{self.file}"}


def _row(party: Party, name: str, text: str, liar: type[Liar], *, claims: tuple[str, ...], **more: Any) -> Lie:
    return Lie(party=party, name=name, text=text, liar=liar, claims=claims, **more)


PASS = frozenset({VerdictWord.PASS})
LIES: tuple[Lie, ...] = (
    _row(
        Party.DISK,
        "disk-copy",
        "the markers are a copy of the store's folder",
        CopiedDisk,
        claims=("index", "stored"),
        quick=True,
    ),
    _row(Party.DISK, "disk-link", "a bucket's folder is a link to somewhere else", LinkedDisk, claims=("index",)),
    _row(Party.DISK, "disk-half-marker", "a bucket's metadata is not there", HalfMarker, claims=("index",)),
    _row(
        Party.DISK,
        "disk-other-volume",
        "another drive with the same names is there after the publication",
        OtherVolume,
        claims=("index",),
    ),
    _row(Party.DISK, "disk-fifo", "the place of the markers is a FIFO", UnreadableDisk, claims=("index",)),
    _row(
        Party.CLIENT,
        "client-silent",
        "the client does nothing and ends well",
        ClientSilent,
        claims=("written",),
        quick=True,
    ),
    _row(
        Party.CLIENT,
        "client-fails",
        "the client pushes everything and ends with an error",
        ClientFails,
        claims=("written",),
    ),
    _row(
        Party.CLIENT,
        "client-uploaded",
        "the client says that it uploaded what it did not",
        ClientUploaded,
        claims=("written", "bodies"),
    ),
    _row(
        Party.CLIENT,
        "client-deduplicated",
        "the client says that all was deduplicated",
        ClientDeduplicated,
        claims=("written", "bodies"),
    ),
    _row(
        Party.CLIENT,
        "client-unknown-words",
        "the client speaks in words of no known version",
        ClientUnknownWords,
        claims=("written",),
    ),
    _row(Party.NIX, "nix-builds-nothing", "nix build ends well and makes nothing", NixBuildsNothing, claims=("build",)),
    _row(Party.NIX, "nix-other-hash", "nix path-info tells other hashes", NixOtherHash, claims=("bodies",)),
    *(
        _row(Party.NIX, f"nix-log-{name}", f"the build's log has {text}", building(line), claims=("build",))
        for name, text, line in (
            ("ignored", "an error that Nix calls ignored", message("error (ignored): error: HTTP error 500")),
            ("other-words", "an error in another language", message("Fehler: die Quelle antwortet nicht")),
            ("trace", "an error behind its trace", message("… while fetching\nerror: HTTP error 500", 1)),
            ("cut", "an event that ends in its middle", '@nix {"action":"msg","level":0,"ms'),
            ("unknown-action", "an event of an unknown action", '@nix {"action":"melt","level":0}'),
        )
    ),
    _row(
        Party.NIX,
        "nix-no-signatures",
        "require-sigs = false",
        config("NoSignatures", "require-sigs = false"),
        claims=("build", "builders"),
        quick=True,
    ),
    _row(Party.NIX, "nix-post-build-hook", "a post-build-hook is set", ConfigHook, claims=("build",)),
    _row(
        Party.NIX,
        "nix-post-build-hook-file",
        "a post-build-hook is set in a user's file",
        ConfigHookInUserFile,
        claims=("build",),
    ),
    _row(
        Party.NIX,
        "nix-builders",
        "builds go to another machine",
        config("Builders", "builders = ssh://builder.invalid x86_64-linux"),
        claims=("build",),
    ),
    _row(
        Party.NIX,
        "nix-substituters",
        "a further substituter is set",
        config("Substituters", "extra-substituters = http://127.0.0.1:9/other"),
        claims=("build",),
    ),
    _row(
        Party.NIX,
        "nix-trusted-substituter",
        "a further substituter is trusted by its URL's parameter",
        config("TrustedSubstituter", "extra-substituters = http://127.0.0.1:9/other?trusted=1"),
        claims=("build", "builders"),
    ),
    _row(
        Party.NIX,
        "nix-machines-file",
        "builds go to another machine that a file names",
        MachinesFile,
        claims=("build",),
    ),
    _row(
        Party.NIX,
        "nix-expired-netrc",
        "the machine's netrc has a token that is over",
        ExpiredNetrc,
        claims=("builders",),
        quick=True,
    ),
    _row(
        Party.RUNNER,
        "path-empty-entry",
        "PATH has an empty entry and the checkout has a nix",
        Checkout,
        claims=("tools",),
    ),
    _row(Party.RUNNER, "path-link", "a folder of PATH links to a nix of the checkout", CheckoutLink, claims=("tools",)),
    _row(Party.RUNNER, "path-dot-entry", "PATH has . and the checkout has a nix", CheckoutDot, claims=("tools",)),
    _row(
        Party.RUNNER,
        "one-process",
        "both workloads name one process, and the store restarts in the push",
        OneProcess,
        claims=("epoch",),
        quick=True,
    ),
    _row(
        Party.RUNNER,
        "other-process",
        "the store's pid file names another process, and the store restarts in the push",
        OtherProcess,
        claims=("epoch",),
    ),
    _row(
        Party.EARLIER_JOB,
        "left-client-config",
        "a login of the client names another server",
        ForeignClient,
        claims=("written",),
        words=PASS,
        harmless="the client gets a login for this run alone, in a new folder",
    ),
    _row(
        Party.EARLIER_JOB,
        "left-nix-cache",
        "Nix's cache of narinfos on disk is broken",
        StaleNarinfo,
        claims=("build",),
        words=frozenset(VerdictWord),
        harmless="a pass has read every body itself, and the second reader uses no such cache",
    ),
    _row(
        Party.EARLIER_JOB,
        "left-publication",
        "the whole profile was published before, as synthetic pushes have it",
        CachedBefore,
        claims=("written",),
        words=frozenset(VerdictWord),
        harmless="a twin of fresh paths is published in its stead, and the old paths are read back",
        profile="small-check",
    ),
    _row(
        Party.EARLIER_JOB,
        "left-pid-file",
        "the store's pid file names a process that is over",
        LeftPidFile,
        claims=("epoch",),
    ),
)
