"""What the operators' commands need of a store: keys in the environment, and a keeper of new buckets' markers."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.test_s3_senses import KEY, SECRET, Store

ROOT = Path(__file__).resolve().parents[2]


class Keeper:
    """Gives each new bucket of rclone its place and markers in the data folder, as RustFS does, and takes them back.

    ``kept`` are all buckets that ever had them from here, so that a test knows that one was really made.
    """

    def __init__(self, store: Store) -> None:
        self.kept: list[str] = []
        self.paused = False
        self._store = store
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        mine: set[str] = set()
        while not self._over.wait(0.02):
            there = {path.name for path in self._store.root.iterdir() if not path.is_symlink()}
            for name in there - mine:
                self.kept.append(name)
                if not self.paused:
                    mine.add(name)
                    (self._store.data / name).mkdir(exist_ok=True)
                    self._meta(name).mkdir(parents=True, exist_ok=True)
            for name in mine - there:
                with suppress(OSError):  # a bucket that was just given another's place has something in it
                    (self._store.data / name).rmdir()
                    self._meta(name).rmdir()
                    self._meta(name).parent.rmdir()
            mine &= there

    def _meta(self, name: str) -> Path:
        return self._store.data / ".rustfs.sys/buckets" / name / ".metadata.bin"


@contextmanager
def keeping(store: Store) -> Iterator[Keeper]:
    keeper = Keeper(store)
    try:
        yield keeper
    finally:
        keeper.stop()


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str
    said: dict[str, Any]


def command(store: Store, into: Path, *argv: str) -> tuple[list[str], dict[str, str]]:
    """A command line with quick samples and its environment."""
    quick = ["--samples", "2", "--sample-spacing", "0.05", "--s3-endpoint", store.endpoint, "--json-into", str(into)]
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(into.parent),
        "NO_COLOR": "1",
        "GATE_S3_ACCESS_KEY_ID": KEY,
        "GATE_S3_SECRET_ACCESS_KEY": SECRET,
    }
    return [sys.executable, "-m", "gate", argv[0], *quick, *argv[1:]], env


def gate(store: Store, into: Path, *argv: str, **environ: str) -> Done:
    line, env = command(store, into, *argv)
    done = subprocess.run(
        line, cwd=ROOT, env={**env, **environ}, capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    for text in (done.stdout, done.stderr, into.read_text()):
        assert SECRET not in text
    return Done(done.returncode, done.stdout, done.stderr, json.loads(into.read_text()))


def terminated(store: Store, into: Path, *argv: str, when: threading.Event) -> Done:
    """Start a command, send it SIGTERM when the event comes, and wait for its end."""
    line, env = command(store, into, *argv)
    child = subprocess.Popen(line, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert when.wait(30), "the moment never came"
        child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=20)
    finally:
        child.kill()
        child.wait()
    return Done(child.returncode, out, err, json.loads(into.read_text()))
