"""Runs a split run against the lab: five processes, each with an environment that holds its own secrets alone.

The commands are those of docs/split-rights.md; afterwards a newcomer does what docs/getting-started.md and
README.md say, and no more.
A process of its own, because a private /nix is for a whole process. ``lose`` takes the buckets out of the index when
the profile is about to be pushed. Prints what was seen as one JSON object.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gate.clock import SystemClock
from gate.lab.attic_stack import MAIN, PROBE
from gate.lab.place import enter
from gate.lab.stack import BUCKETS, Stack
from gate.process import CancelToken
from gate.settings import BY_NAME, SETTINGS, Settings

PATIENCE = 200.0  # seconds; a quiet machine needs a tenth
PROFILE = "medium-check"
ROOT = Path(__file__).parents[2]
SECRETS = {
    "publish": ("GATE_PUSH_TOKEN",),
    "observe": ("GATE_READ_TOKEN", "GATE_S3_ACCESS_KEY_ID", "GATE_S3_SECRET_ACCESS_KEY"),
    "judge": (),
}
WRAPPER = """#!/bin/sh
env >>"{work}/push.env"
case "$*" in
  *:{cache}*) touch "{work}/pushing"; while [ ! -e "{work}/go" ]; do sleep 0.1; done ;;
esac
exec "{client}" "$@"
"""


class Site:
    """The lab, with its gate.toml, and its secrets by the names of their variables."""

    def __init__(self, stack: Stack, work: Path) -> None:
        self.stack = stack
        self.work = work
        self.secrets = {
            "GATE_PUSH_TOKEN": stack.attic.mint.push((MAIN, PROBE)).reveal(),
            "GATE_READ_TOKEN": stack.attic.mint.read((MAIN, PROBE)).reveal(),
            "GATE_S3_ACCESS_KEY_ID": stack.store.objects.access_key_id.reveal(),
            "GATE_S3_SECRET_ACCESS_KEY": stack.store.objects.secret_access_key.reveal(),
        }
        wrapper = stack.work / "wrapper" / "attic"  # no program in the folder of a run is taken
        wrapper.parent.mkdir()
        wrapper.write_text(WRAPPER.format(work=work, cache=MAIN, client=stack.client), encoding="utf-8")
        wrapper.chmod(0o755)
        (work / "gate.toml").write_text(toml(stack, wrapper), encoding="utf-8")

    def environ(self, job: str) -> dict[str, str]:
        run = {"GITHUB_RUN_ID": "77", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_REPOSITORY_ID": "5", "GITHUB_SHA": "c" * 40}
        holder = {name: self.secrets[name] for name in SECRETS[job]}
        return {**self.stack.environ(), **run, "PYTHONPATH": str(ROOT), **holder}

    def start(self, job: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "gate", *map(str, arguments)]
        argv += ["--json-into", str(self.work / f"{arguments[0]}-{time.monotonic_ns()}.json")]
        return subprocess.Popen(argv, cwd=self.work, env=self.environ(job), stdout=subprocess.DEVNULL)

    def run(self, job: str, *arguments: str | Path) -> int:
        return self.start(job, *arguments).wait(PATIENCE)


def toml(stack: Stack, wrapper: Path) -> str:
    """The lab's settings as a gate.toml."""
    settings = stack.settings_for(PROFILE, attic_bin=str(wrapper))
    changed = [row for row in SETTINGS if row.type != "secret" and settings.value_of(row) != row.default]
    return as_toml(settings, [(row.table, row.name.replace("_", "-")) for row in changed])


def as_toml(settings: Settings, names: Sequence[tuple[str, str]]) -> str:
    """These settings, by table and key."""
    tables: dict[str, list[str]] = {}
    for table, key in names:
        value = settings.value_of(BY_NAME[key.replace("-", "_")])
        text = json.dumps(list(value) if isinstance(value, tuple) else value)
        tables.setdefault(table, []).append(f"{key} = {text}")
    return "".join(f"[{name}]\n" + "\n".join(rows) + "\n" for name, rows in tables.items())


def wait_for(there: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not there():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.05)


def digest(part: Path) -> str:
    from gate.probe import verify_part

    return verify_part(part).digest


def told(parts: Sequence[Path]) -> list[str]:
    return [text for part in parts for text in ("--digest", f"{part.name}={digest(part)}")]


def documented() -> dict[str, list[str]]:
    """The arguments of each command of docs/split-rights.md, by the part that it makes."""
    text = ROOT.joinpath("docs", "split-rights.md").read_text(encoding="utf-8")
    block = re.search(r"(?s)```console\n(.*?)```", text)
    assert block is not None
    lines = block[1].replace("\\\n", " ").strip().split("\n")
    argvs = [shlex.split(line.removesuffix("&"))[1:] for line in lines]
    return {Path(argv[argv.index("--output") + 1]).name: argv for argv in argvs}


def split_run(site: Site, *, lose: bool) -> Mapping[str, Any]:
    parts = [site.work / "parts" / name for name in ("pre", "publish", "during", "post")]
    pre, publish, during, _ = parts
    text = documented()
    codes = {"pre": site.run("observe", *text["pre"])}
    over = site.work / "over"
    watching = site.start("observe", *text["during"], *told([pre]), "--until", over)
    journal = during / "journal.jsonl"
    wait_for(lambda: journal.exists() and b'"bucket-sample"' in journal.read_bytes())
    publishing = site.start("publish", *text["publish"], *told([pre]))
    if lose:
        wait_for((site.work / "pushing").exists)
        for bucket in BUCKETS:
            site.stack.store.lose(bucket)
    (site.work / "go").touch()
    codes["publish"] = publishing.wait(PATIENCE)
    over.touch()
    codes["during"] = watching.wait(PATIENCE)
    codes["post"] = site.run("observe", *text["post"], *told([pre, publish]))
    digests = {f"{part.name}=…": f"{part.name}={digest(part)}" for part in parts}
    codes["judge"] = site.run("judge", *(digests.get(word, word) for word in text["split"]))
    return {"codes": codes, **looked(site, site.work / "evidence" / "split", parts)}


def newcomer(site: Site) -> dict[str, Any]:
    """The documents alone: each command of docs/getting-started.md and of README.md in a shell, with its exit code.

    The gate.toml is the document's with this site's places in it, the secrets are the four.
    The folder is the checkout of a flake, and nothing is set beside but what a site on loopback needs.
    """
    from gate.seal import verify

    start = ROOT.joinpath("docs", "getting-started.md").read_text(encoding="utf-8")
    readme = ROOT.joinpath("README.md").read_text(encoding="utf-8")
    written = re.search(r"(?s)```toml\n(.*?)```", start)
    assert written is not None
    folder = site.work / "newcomer"
    shutil.copytree(site.stack.work / "flake", folder)
    environ = {**site.stack.environ(), **site.secrets, "PYTHONPATH": str(ROOT)}
    environ |= {f"GIT_{who}_{what}": "lab@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    tools = (Path(sys.executable).parent, site.stack.client.parent)
    environ["PATH"] = os.pathsep.join((*map(str, tools), environ["PATH"]))
    for command in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "flake")):
        subprocess.run(["git", "-C", str(folder), *command], env=environ, check=True)
    settings = site.stack.settings_for(PROFILE)
    names = [(table, key) for table, keys in tomllib.loads(written[1]).items() for key in keys]
    neighbor = [("cache", "plain-http-hosts"), ("sampling", "samples"), ("sampling", "sample-spacing")]
    neighbor.append(("nix", "nix-settings"))  # the lab's Nix builds without a sandbox
    (folder / "gate.toml").write_text(as_toml(settings, [*names, *neighbor]), encoding="utf-8")
    lines = [
        *console(start, "echo /evidence/"),
        *console(start, "publication-gate"),
        *console(readme, "publication-gate doctor"),
        *console(readme, "publication-gate capture"),
        *console(readme, "publication-gate explain"),
    ]
    codes: list[tuple[str, int]] = []
    texts = []
    for line in (*lines, *console(readme, "publication-gate verify")):
        medium = [run.parent for run in folder.glob("evidence/2*/evidence.json")]
        shell = ["bash", "-euc", line.replace("evidence/RUN", str(medium[0]) if medium else "evidence/RUN")]
        done = subprocess.run(shell, cwd=folder, env=environ, capture_output=True, text=True, check=False)
        codes.append((line, done.returncode))
        texts.append(done.stdout + done.stderr)
    words = {run.name: verify(run)[0].verdict.word.value for run in folder.glob("evidence/*-1")}
    return {"newcomer": codes, "newcomer_words": words, "newcomer_texts": texts}


def console(text: str, start: str) -> list[str]:
    """The commands of each example for a console that begins so."""
    blocks = re.findall(r"(?s)```console\n(.*?)```", text)
    lines = [line for block in blocks if block.startswith(start) for line in block.splitlines()]
    assert lines, start
    return lines


def looked(site: Site, run: Path, parts: Sequence[Path]) -> dict[str, Any]:
    """What the joined folder says, and which secrets each part and each process held."""
    from gate.seal import verify

    evidence, _ = verify(run)
    pushed = (site.work / "push.env").read_text(encoding="utf-8")
    return {
        "word": evidence.verdict.word.value,
        "codes_of_verdict": list(evidence.verdict.codes),
        "summaries": [f"{row.code}: {row.summary}" for row in evidence.findings if row.status.value != "pass"],
        "rows": sorted(
            {(row.code, row.subject, row.phase) for row in evidence.findings if row.code.startswith("part")}
        ),
        "proved": [evidence.coverage.expected_paths, evidence.coverage.proved_paths],
        "twin": evidence.coverage.fresh_twin,
        "boundary": len(evidence.boundary),
        "first_loss": evidence.during.first_loss_at is not None,
        "push_environment": sorted(name for name, text in site.secrets.items() if text in pushed or name in pushed),
        "leaks": sorted(
            name
            for name, text in site.secrets.items()
            for folder in (*parts, run)
            for path in folder.iterdir()
            if text.encode() in path.read_bytes()
        ),
    }


def after_the_loss(site: Site) -> dict[str, Any]:
    """A publishing job after a ``pre`` that is not clean; and a ``post`` whose ``publish`` was tampered with."""
    from gate.model.records import StageMark, Trouble
    from gate.probe import verify_part

    work, profile = site.work, ("--profile", PROFILE)
    again, unclean, doubted = work / "again", work / "unclean", work / "doubted"
    site.run("observe", "capture", "--phase", "pre", *profile, "--output", again)
    confirm = ("--confirm", f"probe-attic-publication-{PROFILE}")
    code = site.run("publish", "publish", *profile, *confirm, "--after", again, "--output", unclean)
    skipped = [mark for mark in verify_part(unclean).journal_log.of(StageMark) if mark.state == "skipped"]
    parts = work / "parts"
    (parts / "publish" / "build.log").write_bytes(b"x")
    value = ("--after", parts / "pre", "--after", parts / "publish")
    site.run("observe", "capture", "--phase", "post", *profile, *value, "--output", doubted)
    post = verify_part(doubted)
    return {
        "unclean": [code, [mark.name for mark in skipped], len(list(unclean.glob("push-*.log")))],
        "doubted": [record.stage for record in post.journal_log.of(Trouble)],
        "given_to_doubted": [row.part for row in post.document.previous],
        "samples_of_doubted": sum(record.kind == "bucket-sample" for record in records_of(post)),
    }


def records_of(part: Any) -> list[Any]:
    return [entry.record for entry in part.journal_log.entries]


def refusals(site: Site) -> dict[str, int]:
    """Each command with one secret that is not its own; and the pre part's folder twice."""
    codes = {}
    for name, job, arguments in (
        ("publish", "publish", ("publish", "--confirm", f"probe-attic-publication-{PROFILE}")),
        ("pre", "observe", ("capture", "--phase", "pre")),
        ("judge", "judge", ("judge", site.work / "parts" / "pre")),
    ):
        for secret in sorted(set(site.secrets) - set(SECRETS[job])):
            output = site.work / "refused"
            argv = [sys.executable, "-m", "gate", *map(str, arguments), "--profile", PROFILE, "--output", str(output)]
            argv += ["--config", str(site.work / "gate.toml")]
            environ = {**site.environ(job), secret: site.secrets[secret]}
            done = subprocess.run(argv, env=environ, capture_output=True, check=False, timeout=PATIENCE)
            assert secret.encode() in done.stderr, done.stderr
            assert not output.exists()
            codes[f"{name} with {secret}"] = done.returncode
    return codes


def main() -> None:
    enter(os.environ)
    with Stack(os.environ, cancel=CancelToken(), clock=SystemClock()) as stack:
        work = stack.work / "split"
        work.mkdir()
        site = Site(stack, work)
        facts: dict[str, Any] = dict(split_run(site, lose="lose" in sys.argv))
        if "lose" in sys.argv:
            facts |= after_the_loss(site)
        else:
            facts["refusals"] = refusals(site)
            facts |= newcomer(site)
    print(json.dumps(facts))


main()
