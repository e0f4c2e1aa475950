"""Runs one lie: the lab up, the liar in its place, a whole probe, and what came of it."""

import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from gate.clock import SystemClock
from gate.errors import GateError, RefusedError
from gate.lab.stack import Stack
from gate.model.basics import Word
from gate.probe import World, run
from gate.process import CancelToken
from tests.liars.lie import Lie, Outcome
from tests.liars.proxy import Front

FAST = {"samples": 2, "sample_spacing": 0.3, "read_attempts": 2, "read_spacing": 0.1}


def tell(lie: Lie, environ: Mapping[str, str]) -> Outcome:
    """Tell a lie to a healthy run of the lab, and give its verdict."""
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="gate-liar-"))
    liar = lie.liar()
    cancel, clock = CancelToken(), SystemClock()
    word, error = "", ""
    codes: tuple[str, ...] = ()
    try:
        stack = Stack(environ, cancel=cancel, clock=clock, proxied=liar.proxied)
        if liar.proxied:
            stack.attic.proxy = Front()  # type: ignore[assignment]  # it does all that the lab asks of its own
        liar.before_start(stack)
        with stack:
            liar.arrange(stack, _made(folder / "own"))
            settings = stack.settings_for(lie.profile, **{**FAST, **lie.overrides, **liar.settings()})
            world = World(environ=liar.environ(stack.environ()), cancel=cancel, progress=liar, clock=clock)
            try:
                evidence = run(settings, folder / "evidence", world)
            except RefusedError:
                word = Word.REFUSED.value
            else:
                word, codes = liar.word(evidence, folder / "evidence").value, tuple(evidence.verdict.codes)
    except (GateError, OSError, AssertionError) as caught:
        error = f"{type(caught).__name__}: {caught}"
    finally:
        liar.end()
        keep = os.environ.get("LIARS_KEEP")
        if keep and (folder / "evidence").exists():
            shutil.copytree(folder / "evidence", Path(keep) / lie.name, dirs_exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
    return Outcome(
        name=lie.name,
        party=lie.party.value,
        word=word,
        codes=codes,
        count=liar.count,
        seconds=round(time.monotonic() - began, 1),
        error=error,
    )


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
