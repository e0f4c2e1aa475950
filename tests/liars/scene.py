"""Tells one lie: mostly the lab up, the liar in its place, a whole probe, and what came of it."""

import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from gate.clock import SystemClock
from gate.errors import GateError, RefusedError
from gate.lab.stack import Stack
from gate.model.basics import VerdictWord
from gate.probe import World, run
from gate.process import CancelToken
from tests.liars.lie import Hearer, Liar, Lie, Outcome
from tests.liars.proxy import Front

FAST = {"samples": 2, "sample_spacing": 0.3, "read_attempts": 2, "read_spacing": 0.1}


def tell(lie: Lie, environ: Mapping[str, str]) -> Outcome:
    """Tell a lie to a healthy run, and give its verdict."""
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="gate-liar-"))
    liar = lie.liar()
    word, error = "", ""
    codes: tuple[str, ...] = ()
    try:
        if isinstance(liar, Hearer):
            assert liar.truth(_new(folder / "truth")) is VerdictWord.PASS, "the same without the lie is no pass"
            verdict, codes = liar.decide(_new(folder / "lie"))
            word = verdict.value
        else:
            word, codes = _in_the_lab(lie, liar, folder, environ)
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


def _in_the_lab(lie: Lie, liar: Liar, folder: Path, environ: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    cancel, clock = CancelToken(), SystemClock()
    stack = Stack(environ, cancel=cancel, clock=clock, proxied=liar.proxied)
    if liar.proxied:
        stack.attic.proxy = Front()  # type: ignore[assignment]  # it does all that the lab asks of its own
    liar.before_start(stack)
    with stack:
        liar.arrange(stack, _new(folder / "own"))
        settings = stack.settings_for(lie.profile, **{**FAST, **lie.overrides, **liar.settings()})
        world = World(environ=liar.environ(stack.environ()), cancel=cancel, progress=liar, clock=clock)
        try:
            evidence = run(settings, folder / "evidence", world)
        except RefusedError:
            return VerdictWord.REFUSED.value, ()
        return liar.word(evidence, folder / "evidence").value, tuple(evidence.verdict.codes)


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder
