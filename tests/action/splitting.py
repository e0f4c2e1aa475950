"""The template of a split run, as act runs it: whole, with a bucket that is lost as it publishes, and its judge alone.

Between the jobs stand what GitHub has there: their outputs, and the artifact service of github_server.py.
"""

import re
import subprocess
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.action.running import probes

if TYPE_CHECKING:
    from tests.action.backend import Site

TEMPLATE = Path(__file__).resolve().parents[2] / "workflows" / "split-rights-probe.yml"
PROFILE = "synthetic"
CONFIRM = "probe-attic-publication-synthetic"
PARTS = ("pre", "publish", "during", "post")
SECONDS = "          seconds: '1200'\n"  # of the template
JUDGE = "  split-judge:\n"
PATIENCE = 240  # seconds; a quiet machine needs five
_NEEDED = re.compile(r"(?m)^    (needs: \[split-pre, |if: .*needs\.split-pre\.).*\n")
_OUTPUT = re.compile(r"\$\{\{ needs\.split-(\w+)\.outputs\.(artifact|digest) \}\}")
_THERE = re.compile(r"if: needs\.split-(\w+)\.outputs\.artifact != ''")


def splitting(site: "Site") -> None:
    """Whole runs first; then the judging job of the first, with parts that are not what it should be given."""
    from tests.action.backend import RUNS

    whole(site, "split")
    whole(site, "split-lost", lose=True)
    split, lost = RUNS["split"], RUNS["split-lost"]
    own = {part: told(site, split, part) for part in PARTS}
    other = told(site, lost, "publish")
    site.github.hand_on(other[0], run=lost, to=split)
    judge(site, "foreign", split, {**own, "publish": other})
    judge(site, "missing", split, {part: own[part] for part in PARTS if part != "during"})


def whole(site: "Site", run: str, *, lose: bool = False) -> None:
    """Every job of the template. The push waits until the watch has begun, the watch for the publishing job's part."""
    from gate.lab.attic_stack import BUCKET

    over = site.out / f"over-{run}"
    with site.held_push() as holder:

        def during(_run: str, process: "subprocess.Popen[bytes]") -> None:
            wait_for(process, lambda: watched(run), f"{run}: the watch did not begin")
            if lose:
                site.stack.store.lose(BUCKET)
            holder.let_go()
            wait_for(process, lambda: handed_on(site, run), f"{run}: nothing was published")
            over.touch()

        site.act(run, TEMPLATE, profile=PROFILE, confirm=CONFIRM, during=during, edit=lambda text: ending(text, over))
    if lose:
        site.stack.store.restore(BUCKET)


def ending(text: str, over: Path) -> str:
    """The watch of the template ends once a file is there: here both jobs are on one machine."""
    assert SECONDS in text
    return text.replace(SECONDS, f"{SECONDS}          until: {over}\n")


def watched(run: str) -> bool:
    """Whether the part during of a run has its first sample."""
    from tests.action.backend import RUNS

    result = probes(f"DRILL_NUMBER={RUNS[run]}", "GATE_ACTION_PHASE=during")
    journals = [evidence / "journal.jsonl" for _, evidence in result]
    return any(path.exists() and b'"bucket-sample"' in path.read_bytes() for path in journals)


def handed_on(site: "Site", run: str) -> bool:
    """Whether the publishing job's part is uploaded."""
    from tests.action.backend import RUNS

    return part_of(site, RUNS[run], "publish").exists()


def wait_for(process: "subprocess.Popen[bytes]", there: Callable[[], bool], missing: str) -> None:
    ends = time.monotonic() + PATIENCE
    while not there():
        assert process.poll() is None, f"act ended; {missing}"
        assert time.monotonic() < ends, missing
        time.sleep(0.05)


def part_of(site: "Site", number: int, part: str) -> Path:
    """The artifact of a part, where the artifact service keeps it."""
    return site.out / "artifacts" / str(number) / f"publication-part-{part}-{PROFILE}-{number}-1.zip"


def told(site: "Site", number: int, part: str) -> tuple[str, str]:
    """Name and digest that the job of a part put out."""
    from gate.probe import verify_part

    artifact = part_of(site, number, part)
    with TemporaryDirectory() as folder:
        with zipfile.ZipFile(artifact) as archive:
            archive.extractall(folder)
        return artifact.stem, verify_part(Path(folder)).digest


def judge(site: "Site", run: str, number: int, given: Mapping[str, tuple[str, str]]) -> None:
    """The judging job alone, in a run that was before, with these outputs of the jobs that it needs."""
    site.act(run, TEMPLATE, profile=PROFILE, number=number, edit=lambda text: judge_alone(text, given, run))


def judge_alone(text: str, given: Mapping[str, tuple[str, str]], suffix: str) -> str:
    """The template with its last job alone; a suffix, because the run's own evidence has the name without one."""

    def put(found: re.Match[str]) -> str:
        return given.get(found[1], ("", ""))[found[2] == "digest"]

    head, jobs = text.split("jobs:\n")
    job, needed = _NEEDED.subn("", jobs[jobs.index(JUDGE) :])
    assert needed == 2
    job = _THERE.sub(lambda found: f"if: ${{{{ '{given.get(found[1], ('',))[0]}' != '' }}}}", job)
    job = _OUTPUT.sub(put, job).replace("mode: judge\n", f"mode: judge\n          artifact-name-suffix: {suffix}\n")
    assert "needs" not in job
    return f"{head}jobs:\n{job}"
