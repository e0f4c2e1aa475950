"""The gate of a change, against a GitHub on loopback: what is accepted, what blocks, with its code and exit code.

Each attack is shown to be there: the same world without it gives exit 0.
"""

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
import stamina
from pytest_httpserver import HTTPServer
from werkzeug import Response

from gate import limits
from gate.errors import RefusedError
from gate.github.api import GitHub
from gate.github.step_state import write_refusal
from gate.judge.codes.decisions import BY_DECISION
from gate.model import records
from gate.model.basics import Kind, Phase, Secret
from gate.model.gating import Answer
from gate.require import Ask, require
from tests.helpers import github_world as gh
from tests.helpers import runs
from tests.helpers.github_world import NOW, World

HOUR = timedelta(hours=1)
Attack = Callable[["Scene"], None]


@dataclass
class Scene:
    """A world in which a fresh trusted pass is there for a change that relies on it, to be broken."""

    world: World
    tmp: Path
    toml: str = gh.GATE_TOML
    number: int = 0
    attest: Callable[[Path], str | None] | None = None

    def probe(
        self,
        number: int,
        ago: timedelta = 2 * HOUR,
        *,
        journal_log: runs.Run | None = None,
        says: dict[str, object] | None = None,
        row: dict[str, Any] | None = None,
        artifact: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """One run with its evidence: ``says`` is what the evidence says of itself, ``row`` what GitHub says."""
        result = self.world.add_run(number, NOW - ago, **(row or {}))
        self.evidence(result, ago, journal_log=journal_log, says=says, artifact=artifact)
        return result

    def evidence(
        self,
        run: dict[str, Any],
        ago: timedelta,
        *,
        journal_log: runs.Run | None = None,
        says: dict[str, object] | None = None,
        artifact: dict[str, Any] | None = None,
    ) -> Path:
        self.number += 1
        answer = gh.of_run(journal_log or runs.healthy(), run, **(says or {}))
        folder = gh.evidence_folder(self.tmp / f"evidence-{self.number}", answer, NOW - ago + timedelta(minutes=1))
        self.world.add_artifact(run, gh.zipped(folder), **(artifact or {}))
        return folder

    def ask(self, payload: bytes | None = None, **changes: Any) -> Answer:
        base = {"event": "pull_request", "payload": payload or gh.pull_request(), "push_follows": False}
        self.world.files[(gh.HEAD, "gate.toml")] = self.toml.encode()
        scratch = self.tmp / f"scratch-{self.number}-{len(self.world.asked)}"
        scratch.mkdir()
        ask = Ask(
            **{**base, **changes},
            config="gate.toml",
            environ={},
            scratch=scratch,
            attester=lambda _place, _policy: self.attest or (lambda _path: "nobody asked"),
        )
        with GitHub(gh.REPOSITORY, Secret(gh.TOKEN), api_url=self.world.url, clock=gh.Clock()) as github:
            answer = require(ask, github)
        assert list(scratch.iterdir()) == []
        return answer


@pytest.fixture
def scene(httpserver: HTTPServer, tmp_path: Path) -> Iterator[Scene]:
    world = World(url=httpserver.url_for("").rstrip("/"))
    httpserver.expect_request(re.compile(".*")).respond_with_handler(world.answer)
    head = gh.commit_id("head")
    world.trees = {
        gh.HEAD: {"README.md": b"a", ".github/workflows/ci.yml": b"jobs: {}\n"},
        head: {"README.md": b"a", ".github/workflows/ci.yml": gh.TRUSTING},
    }
    with stamina.set_testing(True, attempts=limits.API_ATTEMPTS, cap=True):
        yield Scene(world, tmp_path)
    httpserver.check_assertions()


def codes(answer: Answer) -> list[str]:
    return [row.code for row in answer.reasons]


def told(answer: Answer) -> tuple[int, list[str]]:
    assert (answer.exit_code == 0) is (answer.word.value == "pass")
    return answer.exit_code, codes(answer)


# ------------------------------------------------------------------------------------------------------ what is taken
def test_a_fresh_trusted_pass_lets_a_relying_change_through(scene: Scene) -> None:
    scene.probe(100)
    assert told(scene.ask()) == (0, ["require-accepted"])
    assert set(scene.world.tokens[:3]) == {f"Bearer {gh.TOKEN}"}
    assert None in scene.world.tokens  # the artifact's storage is asked without it


def test_nothing_there_blocks_with_the_command_that_makes_it(scene: Scene) -> None:
    answer = scene.ask()
    assert told(answer) == (3, ["require-no-run"])
    assert answer.commands == (
        (
            "gh workflow run trusted-publication-probe.yml --repo acme/widgets --ref main "
            "-f profile=medium-check -f confirm=probe-attic-publication-medium-check"
        ),
    )


@pytest.mark.row("ART-24")
def test_the_newest_stands_on_page_two_of_an_unsorted_list(scene: Scene) -> None:
    """ART-24: all pages, a total order."""
    scene.world.per_page = 2
    bad = runs.healthy().change(records.BucketSampled, lambda row: runs.lost(row) if row.phase is Phase.POST else row)
    scene.probe(7, 9 * HOUR, journal_log=bad)
    scene.probe(8, 8 * HOUR, journal_log=bad)
    scene.probe(11, 2 * HOUR)
    scene.probe(9, 7 * HOUR, journal_log=bad)
    assert told(scene.ask()) == (0, ["require-accepted"])
    assert len([row for row in scene.world.asked if row.path.endswith("/runs")]) >= 2


# ---------------------------------------------------------------------------------------------- what the change says
@pytest.mark.parametrize(
    ("before", "after", "relies"),
    [
        ({}, {".github/workflows/ci.yml": gh.TRUSTING}, True),
        ({}, {".github/workflows/deep/er/ci.yml": gh.TRUSTING}, True),
        ({}, {"docs/ci.yml": gh.TRUSTING}, False),
        ({".github/workflows/ci.yml": gh.TRUSTING}, {".github/workflows/ci.yml": b"jobs: {}\n"}, False),
        ({".github/workflows/ci.yml": gh.TRUSTING}, {}, False),
        ({".github/workflows/ci.yml": gh.TRUSTING}, {".github/workflows/ci.yml": gh.TRUSTING, "x": b"y"}, False),
        ({".github/workflows/a.yml": gh.TRUSTING}, {".github/workflows/b.yml": gh.TRUSTING}, True),
        ({}, {"pins.nix": b"anything"}, True),
        ({}, {".github/workflows/ci.yml": "../elsewhere"}, True),  # a link: what it says can't be determined
        ({}, {".github/workflows/ci.yml": b"x" * (limits.GUARDED_FILE_BYTES + 1)}, True),
    ],
)
def test_the_content_at_the_head_decides(
    scene: Scene, before: dict[str, bytes | str], after: dict[str, bytes | str], *, relies: bool
) -> None:
    scene.world.trees = {gh.HEAD: before, gh.commit_id("head"): after}
    assert told(scene.ask()) == ((3, ["require-no-run"]) if relies else (0, ["require-not-needed"]))


def test_a_change_that_takes_the_trust_away_passes_under_quarantine(scene: Scene) -> None:
    scene.toml = scene.toml.replace("held = false", 'incident = "2026-05-06"')
    scene.world.trees[gh.HEAD], scene.world.trees[gh.commit_id("head")] = (
        scene.world.trees[gh.commit_id("head")],
        scene.world.trees[gh.HEAD],
    )
    assert told(scene.ask()) == (0, ["require-not-needed"])


def test_the_heads_own_policy_is_not_asked(scene: Scene) -> None:
    """A change that empties [require] is judged by the base branch's."""
    head = gh.commit_id("head")
    scene.world.files[(head, "gate.toml")] = b"[require]\nguarded = [{path = 'nothing'}]\n"
    assert told(scene.ask()) == (3, ["require-no-run"])
    assert (head, "gate.toml") not in {
        (row.args.get("ref"), row.path.rpartition("/")[2]) for row in scene.world.asked if "/contents/" in row.path
    }


def test_a_repository_too_large_to_list_relies(scene: Scene) -> None:
    scene.world.trees[gh.commit_id("head")] = {}
    scene.world.truncated = True
    assert told(scene.ask()) == (3, ["require-no-run"])
    scene.probe(100)
    assert told(scene.ask()) == (0, ["require-accepted"])


def test_a_merge_group_is_judged_by_its_own_head(scene: Scene) -> None:
    head = gh.commit_id("group")
    scene.world.trees[head] = {".github/workflows/ci.yml": gh.TRUSTING}
    payload = {
        "action": "checks_requested",
        "merge_group": {
            "head_sha": head,
            "head_ref": "refs/heads/gh-readonly-queue/main/pr-104-929f8209",
            "base_ref": "refs/heads/main",
            "base_sha": gh.HEAD,
        },
        "repository": {"id": gh.NUMBER, "full_name": gh.REPOSITORY, "default_branch": "main"},
    }
    data = json.dumps(payload).encode()
    assert told(scene.ask(data, event="merge_group")) == (3, ["require-no-run"])
    scene.world.trees[head] = scene.world.trees[gh.HEAD]
    assert told(scene.ask(data, event="merge_group")) == (0, ["require-not-needed"])


def test_a_push_is_judged_from_what_was_before_it(scene: Scene) -> None:
    head = gh.commit_id("head")
    payload = {
        "ref": "refs/heads/main",
        "before": gh.HEAD,
        "after": head,
        "repository": {"id": gh.NUMBER, "full_name": gh.REPOSITORY, "default_branch": "main"},
    }
    assert told(scene.ask(json.dumps(payload).encode(), event="push")) == (3, ["require-no-run"])
    scene.probe(100)
    assert told(scene.ask(json.dumps(payload).encode(), event="push")) == (0, ["require-accepted"])


def test_right_before_a_push_no_change_is_asked_for(scene: Scene) -> None:
    assert told(scene.ask(b"", event="schedule", push_follows=True)) == (3, ["require-no-run"])
    scene.probe(100)
    assert told(scene.ask(b"", event="schedule", push_follows=True)) == (0, ["require-accepted"])


@pytest.mark.parametrize("event", ["pull_request_target", "workflow_run", "issue_comment", ""])
def test_other_events_decide_nothing(scene: Scene, event: str) -> None:
    with pytest.raises(RefusedError, match="the event is"):
        scene.ask(event=event)


def test_an_event_of_another_repository_is_refused(scene: Scene) -> None:
    other = {"id": 1, "full_name": gh.REPOSITORY, "default_branch": "main"}
    with pytest.raises(RefusedError, match="repository 1"):
        scene.ask(gh.pull_request(repository=other))


@pytest.mark.parametrize(
    ("toml", "match"),
    [
        ("", r"no table \[require\]"),
        ("[require]\nguarded = []\n", "guarded is"),
        ("[require]\nguarded = [{path = '/abs'}]\n", "path is"),
        ("[require]\nguarded = [{path = 'a', pattern = '('}]\n", "pattern is"),
        ("[require]\nguarded = [{path = 'a', patern = 'x'}]\n", "unknown key 'patern'"),
        ("[require]\nguarded = [{path = 'a'}]\nmax-age = 3\n", "unknown key 'max-age'"),
        ("[require]\nguarded = [{path = 'a'}]\nevents = ['push']\n", "events is"),
        ("[require]\nguarded = [{path = 'a'}]\nprofiles = []\n", "profiles is"),
        ("[require]\nguarded = [{path = 'a'}]\nprofiles = ['x']\n", "profile 'x'"),
        ("[require]\nguarded = [{path = 'a'}]\nworkflow = 'x.yml'\n", "workflow is"),
        ("[require]\nguarded = [{path = 'a'}]\nmin-gate-version = 'v1'\n", "min-gate-version is"),
        ("[require]\nguarded = [{path = 'a'}]\nsigner-workflow = 'x'\n", "signer-workflow is"),
        ("[require]\nguarded = [{path = 'a'}]\nmax-age-hours = 0\n", "max-age-hours is"),
        ("[require]\nguarded = [{path = '.github/workflows/**'}]\n[quarantine]\nheld=false\n", "GATE_ATTIC_CACHE"),
        ("x = = 1", "is no TOML"),
    ],
)
def test_a_policy_that_says_nothing_is_refused(scene: Scene, toml: str, match: str) -> None:
    scene.toml = toml
    with pytest.raises(RefusedError, match=match):
        scene.ask()


def test_a_pull_request_to_a_branch_without_guards_does_not_turn_the_commit_green(scene: Scene) -> None:
    """Checks are bound to commits: the same head may be asked for the default branch next."""
    weak = gh.commit_id("weak")
    scene.world.branches["weak"] = weak
    scene.world.files[(weak, "gate.toml")] = b"[require]\nguarded = [{path = 'nothing'}]\n"
    assert told(scene.ask(gh.pull_request(base="weak"))) == (3, ["require-no-run"])
    scene.world.trees[gh.commit_id("head")] = scene.world.trees[gh.HEAD]
    assert told(scene.ask(gh.pull_request(base="weak"))) == (0, ["require-not-needed"])


def test_the_guards_of_another_base_count_too(scene: Scene) -> None:
    release = gh.commit_id("release")
    scene.world.branches["release"] = release
    scene.world.files[(release, "gate.toml")] = b"[require]\nguarded = [{path = 'release.nix'}]\n"
    scene.world.trees[gh.commit_id("head")] = {**scene.world.trees[gh.HEAD], "release.nix": b"x"}
    assert told(scene.ask()) == (0, ["require-not-needed"])
    assert told(scene.ask(gh.pull_request(base="release"))) == (3, ["require-no-run"])


def test_without_a_policy_on_the_base_branch_nothing_is_decided(scene: Scene) -> None:
    scene.world.branches["release"] = gh.commit_id("release")
    scene.world.trees[gh.commit_id("head")] = scene.world.trees[gh.HEAD]
    with pytest.raises(RefusedError, match=r"has no gate\.toml"):
        scene.ask(gh.pull_request(base="release"))


# --------------------------------------------------------------------------------------------- attacks, one at a time
def attack_fork(scene: Scene) -> None:
    """ART-14: a newer artifact of the same name from a fork's pull request."""
    fork = {"id": gh.FORK, "full_name": "mallory/widgets"}
    scene.probe(101, HOUR, row={"head_repository": fork, "event": "pull_request"})


def attack_deleted_fork(scene: Scene) -> None:
    scene.probe(101, HOUR, row={"head_repository": None})


def attack_branch_dispatch(scene: Scene) -> None:
    """ART-15: the workflow changed on a branch and dispatched from there."""
    scene.probe(101, HOUR, row={"head_branch": "topic", "head_sha": gh.commit_id("topic")})


def attack_other_workflow(scene: Scene) -> None:
    """ART-16: another workflow uploads the same artifact name."""
    scene.probe(101, HOUR, row={"path": ".github/workflows/evil.yml", "workflow_id": 78})


def attack_same_path_other_number(scene: Scene) -> None:
    scene.probe(101, HOUR, row={"workflow_id": 78})


def attack_other_event(scene: Scene) -> None:
    scene.probe(101, HOUR, row={"event": "push"})


def attack_other_repository(scene: Scene) -> None:
    """ART-21: numbers decide, names don't."""
    other = {"id": 4712, "full_name": gh.REPOSITORY}
    scene.probe(101, HOUR, row={"repository": other, "head_repository": other})


FOREIGN: list[tuple[Attack, str]] = [
    (attack_fork, "require-other-repository"),
    (attack_deleted_fork, "require-other-repository"),
    (attack_branch_dispatch, "require-other-branch"),
    (attack_other_workflow, "require-other-workflow"),
    (attack_same_path_other_number, "require-other-workflow"),
    (attack_other_event, "require-other-event"),
    (attack_other_repository, "require-other-repository"),
]


@pytest.mark.row("ART-14", "ART-15", "ART-16")
@pytest.mark.parametrize(("attack", "code"), FOREIGN)
def test_a_foreign_run_is_never_evidence(scene: Scene, attack: Attack, code: str) -> None:
    attack(scene)
    answer = scene.ask()
    assert answer.exit_code == 2
    assert code in codes(answer)
    assert not [row for row in scene.world.asked if "/artifacts" in row.path]  # not even looked at


@pytest.mark.parametrize(("attack", "code"), FOREIGN)
def test_a_foreign_run_does_not_hide_a_trusted_one(scene: Scene, attack: Attack, code: str) -> None:
    """Neither a pass nor a failure: a fork must not be able to block everybody."""
    attack(scene)
    scene.probe(100)
    assert told(scene.ask()) == (0, ["require-accepted"])


def attack_tag(scene: Scene) -> None:
    """A tag with the default branch's name: head_branch is equal, the commit is not on the branch."""
    scene.probe(101, HOUR, row={"head_sha": gh.commit_id("tagged")})


def attack_digest(scene: Scene) -> None:
    """ART-26: the bytes that come are not those that GitHub has the digest of."""
    run = scene.probe(101, HOUR)
    scene.world.zips[scene.world.artifacts[run["id"]][0]["id"]] += b"\0"


def attack_listed_for_another_run(scene: Scene) -> None:
    run = scene.probe(101, HOUR)
    scene.world.artifacts[run["id"]][0]["workflow_run"]["id"] = 99


def attack_forged_verdict(scene: Scene) -> None:
    """ART-11: the stored verdict says pass, the records say otherwise."""
    run = scene.world.add_run(101, NOW - HOUR)
    bad = runs.healthy().change(records.BucketSampled, lambda row: runs.lost(row) if row.phase is Phase.POST else row)
    folder = gh.evidence_folder(scene.tmp / "forged", gh.of_run(bad, run), NOW - HOUR + timedelta(minutes=1))
    stored = json.loads((folder / "evidence.json").read_bytes())
    assert stored["verdict"]["word"] == "quarantine"
    stored["verdict"] |= {"word": "pass", "outcome": "pass", "exit_code": 0, "blocks": False, "codes": []}
    import rfc8785

    (folder / "evidence.json").write_bytes(rfc8785.dumps(stored))
    scene.world.add_artifact(run, gh.zipped(folder))


def attack_extra_file(scene: Scene) -> None:
    """ART-13: a file too many."""
    run = scene.world.add_run(101, NOW - HOUR)
    told_tape = gh.of_run(runs.healthy(), run)
    folder = gh.evidence_folder(scene.tmp / "extra", told_tape, NOW - HOUR + timedelta(minutes=1))
    scene.world.add_artifact(run, gh.zipped(folder, **{"extra.log": b"x"}))


def attack_doubled_keys(scene: Scene) -> None:
    """ART-06: the verdict twice in one object."""
    run = scene.world.add_run(101, NOW - HOUR)
    folder = gh.evidence_folder(scene.tmp / "keys", gh.of_run(runs.healthy(), run), NOW - HOUR + timedelta(minutes=1))
    data = (folder / "evidence.json").read_bytes()
    (folder / "evidence.json").write_bytes(data[:-1] + b',"schema":"publication-gate/evidence/v1"}')
    scene.world.add_artifact(run, gh.zipped(folder))


def attack_copied(scene: Scene) -> None:
    """ART-18, HIS-03: an old pass, uploaded again by a new run."""
    scene.probe(101, HOUR, says={"workflow_run": "55"})


def attack_other_attempt(scene: Scene) -> None:
    scene.probe(101, HOUR, says={"workflow_attempt": "2"})


def attack_other_commit(scene: Scene) -> None:
    scene.probe(101, HOUR, says={"commit": gh.commit_id("other")})


def attack_other_ref(scene: Scene) -> None:
    scene.probe(101, HOUR, says={"ref": "refs/tags/main"})


def attack_other_workflow_ref(scene: Scene) -> None:
    scene.probe(101, HOUR, says={"workflow_ref": f"{gh.REPOSITORY}/.github/workflows/evil.yml@refs/heads/main"})


def attack_other_repository_in_evidence(scene: Scene) -> None:
    scene.probe(101, HOUR, says={"repository_id": "4712"})


def attack_nobodys(scene: Scene) -> None:
    """Evidence made by hand on some machine: no identity at all."""
    nothing = dict.fromkeys(("repository_id", "workflow_run", "workflow_attempt", "commit", "ref"))
    scene.probe(101, HOUR, says=dict(nothing))


def attack_lab(scene: Scene) -> None:
    scene.probe(101, HOUR, journal_log=runs.healthy().with_policy(kind=Kind.LAB))


def attack_old(scene: Scene) -> None:
    """ART-18: an old pass for a new change."""
    scene.world.runs.clear()
    scene.probe(101, 25 * HOUR)


def attack_future(scene: Scene) -> None:
    """ART-22: dated a day ahead."""
    scene.probe(101, timedelta(days=-1))


def attack_outside_its_run(scene: Scene) -> None:
    """An older record in a newer run: its times are not the run's."""
    run = scene.world.add_run(101, NOW - HOUR)
    scene.evidence(run, 5 * HOUR)


def attack_old_gate(scene: Scene) -> None:
    """A re-run of a run from before a fixed gate: the old commit's code, with a new date."""
    scene.toml = scene.toml.replace('min-gate-version = "0"', 'min-gate-version = "0.2"')
    scene.probe(101, HOUR)


def attack_unreadable_version(scene: Scene) -> None:
    scene.probe(101, HOUR, says={"tool_version": "newest"})


def attack_absent(scene: Scene) -> None:
    scene.probe(101, HOUR, journal_log=runs.healthy().with_policy(absent=("server-log",)))


def attack_other_cache(scene: Scene) -> None:
    scene.toml = scene.toml.replace('attic-cache = "main"', 'attic-cache = "other"')
    scene.probe(101, HOUR)


def attack_other_server(scene: Scene) -> None:
    scene.toml = scene.toml.replace("127.0.0.1:8", "127.0.0.1:88")
    scene.probe(101, HOUR)


def attack_profile(scene: Scene) -> None:
    """ART-20: evidence of profile A shown for profile B."""
    journal_log = runs.healthy().with_policy(profile="small-check")
    scene.probe(101, HOUR, journal_log=journal_log)  # named medium-check


def attack_weaker(scene: Scene) -> None:
    scene.probe(101, HOUR, journal_log=runs.healthy().with_policy(min_fresh=1, min_paths=1))


def attack_other_installable(scene: Scene) -> None:
    scene.probe(101, HOUR, journal_log=runs.healthy().with_policy(installable=".#checks.x86_64-linux.statix"))


def attack_without_markers(scene: Scene) -> None:
    """The base branch names where the store's data lies; the run was dispatched without."""
    scene.toml = scene.toml.replace("[sampling]", '[store]\nmarkers = ["file:///data", "file:///data2"]\n[sampling]')
    scene.probe(101, HOUR)


def attack_own_upstream_key(scene: Scene) -> None:
    """TRU-11: a key of the job's own exempts what it signed from being read; gate.toml names none."""
    scene.probe(101, HOUR, journal_log=runs.healthy().with_policy(upstream_keys=(runs.UPSTREAM_KEY,)))


def attack_plain_http(scene: Scene) -> None:
    """A host of the job's own that may be asked without TLS."""
    hosts = ("127.0.0.1:8", "127.0.0.1:9", "elsewhere:80")
    scene.probe(101, HOUR, journal_log=runs.healthy().with_policy(plain_http_hosts=hosts))


def attack_quick_samples(scene: Scene) -> None:
    """Samples so near to each other that a drive's re-probe falls between none of them."""
    scene.toml = scene.toml.replace("sample-spacing = 0.5\n", "")  # then the default is demanded
    scene.probe(101, HOUR)


def attack_fewer_buckets(scene: Scene) -> None:
    journal_log = runs.healthy().with_policy(buckets=("attic",))
    scene.probe(101, HOUR, journal_log=journal_log)


def attack_doubled(scene: Scene) -> None:
    """ART-17: another job of the same run adds evidence of its own."""
    run = scene.probe(101, HOUR)
    scene.evidence(run, HOUR, says={"run_id": "put-there"})


def attack_secret(scene: Scene) -> None:
    """ART-29: a capture holds a token."""
    token = b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjaSIsImh0dHBzIjoxfQ.c2lnbmF0dXJlLXRoYXQtaXMtbG9uZw"
    journal_log = runs.healthy()
    log = runs.BUILD_LOG + b'@nix {"action":"msg","level":3,"msg":"' + token + b'"}\n'
    journal_log = journal_log.with_file("build.log", log).change(
        records.CaptureClosed, lambda row: runs.closed("build.log", log) if row.name == "build.log" else row
    )
    scene.probe(101, HOUR, journal_log=journal_log)


def attack_traversal(scene: Scene) -> None:
    """ART-01: a member that leaves its folder."""
    run = scene.world.add_run(101, NOW - HOUR)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("../../evil", b"x")
    scene.world.add_artifact(run, out.getvalue())


ATTACKS: list[tuple[Attack, int, str]] = [
    (attack_tag, 2, "require-off-default-branch"),
    (attack_digest, 2, "require-digest-differs"),
    (attack_listed_for_another_run, 2, "require-other-run"),
    (attack_forged_verdict, 2, "require-not-genuine"),
    (attack_extra_file, 2, "require-not-genuine"),
    (attack_doubled_keys, 2, "require-not-genuine"),
    (attack_copied, 2, "require-other-run"),
    (attack_other_attempt, 2, "require-other-run"),
    (attack_other_commit, 2, "require-other-run"),
    (attack_other_ref, 2, "require-other-run"),
    (attack_other_workflow_ref, 2, "require-other-run"),
    (attack_other_repository_in_evidence, 2, "require-other-run"),
    (attack_nobodys, 2, "require-other-run"),
    (attack_lab, 2, "require-lab"),
    (attack_old, 2, "require-too-old"),
    (attack_future, 2, "require-future"),
    (attack_outside_its_run, 2, "require-outside-run"),
    (attack_old_gate, 2, "require-gate-too-old"),
    (attack_unreadable_version, 2, "require-gate-too-old"),
    (attack_absent, 2, "require-absent-differs"),
    (attack_other_cache, 2, "require-other-cache"),
    (attack_other_server, 2, "require-other-cache"),
    (attack_profile, 2, "require-other-profile"),
    (attack_weaker, 2, "require-policy-weaker"),
    (attack_fewer_buckets, 2, "require-policy-weaker"),
    (attack_other_installable, 2, "require-policy-weaker"),
    (attack_without_markers, 2, "require-policy-weaker"),
    (attack_own_upstream_key, 2, "require-policy-weaker"),
    (attack_plain_http, 2, "require-policy-weaker"),
    (attack_quick_samples, 2, "require-policy-weaker"),
    (attack_doubled, 2, "require-doubled"),
    (attack_secret, 2, "require-secret-found"),
    (attack_traversal, 2, "require-bundle-malformed"),
]


@pytest.mark.row("ART-15", "ART-17", "ART-18", "ART-20", "ART-21", "ART-22", "ART-26", "TRU-11")
@pytest.mark.parametrize(("attack", "exit_code", "code"), ATTACKS)
def test_an_attack_blocks_although_an_older_pass_is_there(
    scene: Scene, attack: Attack, exit_code: int, code: str
) -> None:
    scene.probe(100, 3 * HOUR)
    assert told(scene.ask()) == (0, ["require-accepted"])
    attack(scene)
    answer = scene.ask()
    assert answer.exit_code == exit_code, answer
    assert code in codes(answer)
    assert len(answer.commands) == BY_DECISION[code].dispatch


# ------------------------------------------------------------------------------------------- the newest attempt governs
def bad_tape() -> runs.Run:
    return runs.healthy().change(records.BucketSampled, lambda row: runs.lost(row) if row.phase is Phase.POST else row)


def unsure_tape() -> runs.Run:
    return runs.healthy().with_record(records.Trouble(stage="logs", message="the log could not be read"))


def stopped_tape(code: records.StopCode = "push-nonce-known") -> runs.Run:
    start = runs.healthy().cut_after(7)
    return runs.Run((*start.records, records.RunStopped(code=code, reason="r"), records.RunComplete()), {})


@pytest.mark.row("ART-23")
@pytest.mark.parametrize(
    ("journal_log", "exit_code", "code"),
    [(bad_tape, 4, "require-quarantine"), (unsure_tape, 3, "require-inconclusive")],
)
def test_an_older_pass_never_masks_a_newer_attempt(
    scene: Scene, journal_log: Callable[[], runs.Run], exit_code: int, code: str
) -> None:
    """ART-23."""
    scene.probe(100, 3 * HOUR)
    scene.probe(101, 2 * HOUR, journal_log=journal_log())
    assert told(scene.ask()) == (exit_code, [code])
    scene.probe(102, HOUR)
    assert told(scene.ask()) == (0, ["require-accepted"])


@pytest.mark.parametrize("status", ["in_progress", "queued", "waiting", "requested", "pending"])
def test_an_attempt_that_is_not_over_blocks(scene: Scene, status: str) -> None:
    scene.probe(100, 3 * HOUR)
    scene.world.add_run(101, NOW - HOUR, status=status, conclusion=None)
    assert told(scene.ask()) == (3, ["require-unfinished"])


@pytest.mark.row("RUN-09")
@pytest.mark.parametrize("conclusion", ["failure", "cancelled", "timed_out", "success", "neutral"])
def test_an_attempt_that_began_and_left_nothing_blocks(scene: Scene, conclusion: str) -> None:
    scene.probe(100, 3 * HOUR)
    scene.world.add_run(101, NOW - HOUR, conclusion=conclusion)
    scene.world.jobs[(101, 1)] = [
        {"id": 1, "status": "completed", "conclusion": "cancelled", "runner_id": 0, "steps": []},
        {"id": 2, "status": "completed", "conclusion": "cancelled", "runner_id": 9, "steps": [{"name": "Set up job"}]},
    ]
    assert told(scene.ask()) == (3, ["require-no-evidence"])


@pytest.mark.parametrize("conclusion", ["cancelled", "startup_failure", "skipped"])
def test_an_attempt_that_never_left_the_queue_does_not_count(scene: Scene, conclusion: str) -> None:
    scene.probe(100, 3 * HOUR)
    scene.world.add_run(101, NOW - HOUR, conclusion=conclusion)
    scene.world.jobs[(101, 1)] = [
        {"id": 1, "status": "completed", "conclusion": "cancelled", "runner_id": None, "steps": []}
    ]
    assert told(scene.ask()) == (0, ["require-accepted"])


@pytest.mark.row("TRU-05", "ART-23")
@pytest.mark.parametrize("code", get_args(records.StopCode))
def test_an_attempt_that_stopped_governs(scene: Scene, code: records.StopCode) -> None:
    """The server claims to know a fresh nonce, or has no such cache: an older pass must not stand in."""
    scene.probe(100, 3 * HOUR)
    scene.probe(101, HOUR, journal_log=stopped_tape(code), row={"conclusion": "failure"})
    assert told(scene.ask()) == (3, ["require-inconclusive"])


@pytest.mark.row("ART-17")
def test_evidence_of_another_run_does_not_hide_what_a_run_saw(scene: Scene) -> None:
    """A job of the run put an older run's evidence, genuine and of another profile, in the place of what was found."""
    old = scene.probe(
        100,
        4 * HOUR,
        journal_log=runs.healthy().with_policy(profile="small-check"),
        artifact={"name": "publication-evidence-small-check-100-1"},
    )
    scene.evidence(old, 4 * HOUR)
    assert told(scene.ask()) == (0, ["require-accepted"])
    run = scene.world.add_run(101, NOW - HOUR)
    stolen = scene.world.zips[scene.world.artifacts[100][0]["id"]]
    scene.world.add_artifact(run, stolen, name="publication-evidence-small-check-101-1")
    answer = scene.ask()
    assert (answer.exit_code, set(codes(answer))) == (2, {"require-other-run"})


@pytest.mark.parametrize("started", ["", "yesterday", "2026-11-24", "2026-11-24T00:00:00"])
def test_an_attempt_whose_begin_can_not_be_read_is_never_passed_over(scene: Scene, started: str) -> None:
    scene.probe(100, 3 * HOUR)
    scene.probe(101, HOUR, journal_log=bad_tape(), row={"run_started_at": started})
    answer = scene.ask()
    assert (answer.exit_code, codes(answer)) == (2, ["require-outside-run"])


@pytest.mark.row("RUN-09")
@pytest.mark.parametrize("conclusion", ["failure", "cancelled", "timed_out", "neutral", None])
def test_a_pass_of_a_run_that_did_not_succeed_is_not_taken(scene: Scene, conclusion: str | None) -> None:
    """The action seals a pass, and does not take it where its step was killed: its artifact is there all the same."""
    scene.probe(100, 3 * HOUR)
    scene.probe(101, HOUR, row={"conclusion": conclusion})
    assert told(scene.ask()) == (3, ["require-inconclusive"])


def refusal_zip(tmp: Path) -> bytes:
    path = write_refusal(tmp / "work", "the confirm phrase is another")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.write(path, path.name)
    return out.getvalue()


@pytest.mark.row("TRU-05")
def test_a_run_refused_before_it_had_a_folder_blocks_until_the_next(scene: Scene) -> None:
    scene.probe(100, 3 * HOUR)
    run = scene.world.add_run(101, NOW - HOUR, conclusion="failure")
    assert told(scene.ask()) == (3, ["require-no-evidence"])
    result = refusal_zip(scene.tmp)
    row = scene.world.add_artifact(run, result)
    assert told(scene.ask()) == (3, ["require-refused"])
    scene.world.zips[row["id"]] = result.replace(b"refused", b"perhaps")  # the checksum tells
    row["digest"] = None
    assert told(scene.ask()) == (2, ["require-bundle-malformed"])
    scene.probe(102, HOUR / 2)
    assert told(scene.ask()) == (0, ["require-accepted"])


def test_a_refusal_in_the_place_of_evidence_must_be_attested_where_evidence_must(scene: Scene) -> None:
    """ART-07: a job of the run could replace what it found, so that an older pass comes up."""
    scene.toml = scene.toml.replace('min-gate-version = "0"', 'min-gate-version = "0"\nattested = true')
    scene.attest = lambda path: None if path.name == "evidence.json" else "no attestation names its digest"
    scene.probe(100, 3 * HOUR)
    assert told(scene.ask()) == (0, ["require-accepted"])
    run = scene.world.add_run(101, NOW - HOUR, conclusion="failure")
    scene.world.add_artifact(run, refusal_zip(scene.tmp))
    assert told(scene.ask()) == (2, ["require-not-attested"])
    scene.attest = lambda _path: None
    assert told(scene.ask()) == (3, ["require-refused"])


def test_a_result_alone_is_taken_only_of_a_refusal(scene: Scene) -> None:
    scene.probe(100, 3 * HOUR)
    run = scene.world.add_run(101, NOW - HOUR)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("result.json", '{"verdict": {"word": "pass"}, "evidence": "evidence"}')
    scene.world.add_artifact(run, out.getvalue())
    assert told(scene.ask()) == (2, ["require-bundle-malformed"])


def test_a_re_run_in_the_queue_does_not_hide_what_its_first_attempt_found(scene: Scene) -> None:
    """Run 101 failed; its second attempt was cancelled in the queue: run 100's pass must not come up."""
    scene.probe(100, 5 * HOUR)
    first = gh.run_row(101, NOW - 4 * HOUR, conclusion="failure")
    scene.world.attempts[(101, 1)] = first
    scene.evidence(first, 4 * HOUR, journal_log=bad_tape())
    scene.world.add_run(101, NOW - HOUR, run_attempt=2, conclusion="cancelled")
    assert told(scene.ask()) == (4, ["require-quarantine"])


def test_a_second_attempt_governs_by_its_own_evidence(scene: Scene) -> None:
    first = gh.run_row(101, NOW - 4 * HOUR, conclusion="failure")
    scene.world.attempts[(101, 1)] = first
    scene.evidence(first, 4 * HOUR, journal_log=bad_tape())
    second = scene.world.add_run(101, NOW - HOUR, run_attempt=2)
    scene.evidence(second, HOUR)
    assert told(scene.ask()) == (0, ["require-accepted"])


def test_an_old_run_started_again_is_newer_than_a_younger_number(scene: Scene) -> None:
    """By the time an attempt began, not by the run's number."""
    scene.world.attempts[(99, 1)] = gh.run_row(99, NOW - 9 * HOUR)
    again = scene.world.add_run(99, NOW - HOUR, run_attempt=2)
    scene.evidence(again, HOUR, journal_log=bad_tape())
    scene.probe(100, 3 * HOUR)
    assert told(scene.ask()) == (4, ["require-quarantine"])


def test_each_profile_needs_its_own(scene: Scene) -> None:
    scene.toml = scene.toml.replace("[quarantine]", 'profiles = ["medium-check", "synthetic"]\n[quarantine]')
    scene.probe(100, 3 * HOUR)
    answer = scene.ask()
    assert (answer.exit_code, codes(answer), len(answer.commands)) == (3, ["require-no-run"], 1)
    rules = {"profile": "synthetic", "push_set": "closure", "installable": ""}
    synthetic = runs.healthy().with_policy(**rules, min_fresh=1, min_paths=1)
    scene.probe(101, 2 * HOUR, journal_log=synthetic, artifact={"name": "publication-evidence-synthetic-101-1"})
    assert told(scene.ask()) == (0, ["require-accepted"])
    scene.probe(
        102,
        HOUR,
        journal_log=bad_tape().with_policy(**rules),
        artifact={"name": "publication-evidence-synthetic-102-1"},
    )
    assert scene.ask().exit_code == 4


def test_an_expired_artifact_blocks(scene: Scene) -> None:
    scene.probe(101, HOUR, artifact={"expired": True})
    assert told(scene.ask()) == (3, ["require-evidence-expired"])
    assert not [row for row in scene.world.asked if row.path.endswith("/zip")]


def test_unsealed_evidence_blocks(scene: Scene) -> None:
    run = scene.world.add_run(101, NOW - HOUR)
    folder = gh.evidence_folder(scene.tmp / "u", gh.of_run(runs.healthy(), run), NOW - HOUR)
    for name in ("evidence.json", "report.html", "summary.md"):
        (folder / name).unlink()
    scene.world.add_artifact(run, gh.zipped(folder))
    assert told(scene.ask()) == (3, ["require-unsealed"])


def test_artifacts_of_other_names_are_left_alone(scene: Scene) -> None:
    run = scene.probe(100)
    scene.world.add_artifact(run, b"no zip", name="build-output")
    assert told(scene.ask()) == (0, ["require-accepted"])


def test_more_attempts_than_may_be_looked_at_block(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ATTEMPTS_WALKED", 3)
    for number in range(101, 105):
        scene.world.add_run(number, NOW - HOUR, conclusion="cancelled")
    scene.probe(100, 3 * HOUR)
    assert told(scene.ask()) == (3, ["require-too-many-runs"])


# ------------------------------------------------------------------------------------------------------- attestations
@pytest.mark.row("ART-17")
def test_an_attested_digest_decides_where_the_policy_asks_for_it(scene: Scene) -> None:
    """ART-17: the artifact was replaced by a job of the same run; its bytes are not what was attested."""
    scene.toml = scene.toml.replace("[quarantine]", "attested = true\n[quarantine]")
    scene.probe(100)
    observation: list[str] = []

    def no(path: Path) -> str | None:
        observation.append(path.name)
        return "no attestation names it"

    scene.attest = no
    assert told(scene.ask()) == (2, ["require-not-attested"])
    assert observation == ["evidence.json"]
    scene.attest = lambda _path: None
    assert told(scene.ask()) == (0, ["require-accepted"])


# ------------------------------------------------------------------------------------------------------- trouble
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, "no"),
        (429, "slow down"),
        (403, '{"message": "API rate limit exceeded"}'),
        (200, "<html>"),
        (200, '{"total_count": 1, "workflow_runs": 3}'),
        (200, '{"total_count": 7, "workflow_runs": []}'),
        (200, '{"total_count": 0, "total_count": 0, "workflow_runs": []}'),
        (200, '{"workflow_runs": [{"id": true}]}'),
        (302, "to ftp"),
        (404, ""),
    ],
)
def test_an_interface_that_fails_blocks_and_says_how_to_go_on(scene: Scene, status: int, body: str) -> None:
    scene.probe(100)
    moved = {"Location": "ftp://127.0.0.1/"} if status == 302 else {}
    scene.world.broken = lambda path: (
        Response(body, status, headers=moved) if path.endswith(f"/{gh.WORKFLOW_ID}/runs") else None
    )
    answer = scene.ask()
    assert told(answer) == (3, ["require-api-unreadable"])
    assert answer.commands == ()  # another run does not help
    assert gh.TOKEN not in repr(answer)
    scene.world.broken = lambda _path: None
    assert told(scene.ask()) == (0, ["require-accepted"])


def test_a_read_that_fails_once_is_asked_again(scene: Scene) -> None:
    scene.probe(100)
    failing = {"left": 2}

    def flaky(path: str) -> Response | None:
        if path.endswith("/zip") and failing["left"]:
            failing["left"] -= 1
            return Response("", 502)
        return None

    scene.world.broken = flaky
    assert told(scene.ask()) == (0, ["require-accepted"])
    assert failing["left"] == 0


def test_every_interface_in_turn_may_be_down(scene: Scene) -> None:
    scene.probe(100)
    scene.ask()
    for path in sorted({row.path for row in scene.world.asked}):
        scene.world.broken = lambda asked, path=path: Response("", 503) if asked == path else None  # type: ignore[misc]  # a lambda
        answer = scene.ask()
        assert told(answer) == (3, ["require-api-unreadable"]), path


def test_answers_about_something_else_block(scene: Scene) -> None:
    """Another attempt than was asked for, and a file that is listed and not there."""
    scene.world.add_run(101, NOW - HOUR, run_attempt=2, conclusion="cancelled")
    scene.world.attempts[(101, 1)] = gh.run_row(102, NOW - 4 * HOUR)
    answer = scene.ask()
    assert told(answer) == (3, ["require-api-unreadable"])
    assert "102.1 for 101.1" in answer.reasons[0].detail
    scene.world.broken = lambda path: Response("", 404) if "/git/blobs/" in path else None
    assert "has no blob" in scene.ask().reasons[0].detail


def test_all_answers_together_have_one_deadline(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.probe(100)
    ticks = iter(range(0, 100_000, 40))
    monkeypatch.setattr(gh.Clock, "monotonic", lambda _self: float(next(ticks)))
    answer = scene.ask()
    assert told(answer) == (3, ["require-api-unreadable"])
    assert "300 s in all" in answer.reasons[0].detail or "deadline" in answer.reasons[0].detail


def test_an_answer_beyond_its_cap_is_not_read(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.probe(100)
    assert scene.ask().exit_code == 0
    monkeypatch.setattr(limits, "API_JSON_BYTES", 200)
    assert told(scene.ask()) == (3, ["require-api-unreadable"])


def test_an_artifact_beyond_its_cap_is_not_fetched(scene: Scene) -> None:
    scene.probe(100, artifact={"size_in_bytes": limits.BUNDLE_BYTES + 1})
    assert told(scene.ask()) == (3, ["require-api-unreadable"])
    assert not [row for row in scene.world.asked if row.path.endswith("/zip")]


def test_a_workflow_of_another_number_or_path_is_not_the_trusted_one(scene: Scene) -> None:
    scene.probe(100)
    scene.toml = scene.toml.replace("[quarantine]", "workflow-id = 5\n[quarantine]")
    assert told(scene.ask()) == (3, ["require-api-unreadable"])
    scene.toml = scene.toml.replace("workflow-id = 5", f"workflow-id = {gh.WORKFLOW_ID}\nrepository-id = 5")
    assert told(scene.ask()) == (3, ["require-api-unreadable"])
    scene.toml = scene.toml.replace("repository-id = 5", f"repository-id = {gh.NUMBER}")
    assert told(scene.ask()) == (0, ["require-accepted"])


@pytest.mark.parametrize("url", ["http://api.example.org", "file:///etc", "api.github.com", ""])
def test_the_token_goes_over_https_alone(url: str) -> None:
    with pytest.raises(RefusedError, match="GITHUB_API_URL"):
        GitHub(gh.REPOSITORY, Secret(gh.TOKEN), api_url=url, clock=gh.Clock())


@pytest.mark.parametrize("name", ["widgets", "a/b/c", "/b", ""])
def test_a_repository_has_an_owner_and_a_name(name: str) -> None:
    with pytest.raises(RefusedError, match="OWNER/NAME"):
        GitHub(name, Secret(gh.TOKEN), api_url="https://api.github.com", clock=gh.Clock())


# ------------------------------------------------------------------------------------------------ the standing hold
HELD = 'incident = "2026-05-06"\npasses = 2\ndays = 1\n'


def with_repair(scene: Scene) -> None:
    statement = {
        "schema": "publication-gate/statement/v1",
        "kind": "backend-replaced",
        "who": "Ada",
        "why": "RustFS was replaced by Garage",
        "at": "2026-11-20T00:00:00.000Z",
        "incident": "2026-05-06",
        "cache": "main",
        "endpoint": "http://127.0.0.1:8",
    }
    scene.world.files[(gh.HEAD, "statements/a.json")] = json.dumps(statement).encode()
    scene.toml = scene.toml.replace("passes = 2", 'statements = ["statements/a.json"]\npasses = 2')


def test_a_held_quarantine_blocks_a_fresh_pass(scene: Scene) -> None:
    scene.toml = scene.toml.replace("held = false\n", HELD)
    scene.probe(100)
    answer = scene.ask()
    assert told(answer) == (4, ["require-quarantine-held"])
    assert [row.progress for row in answer.conditions if not row.met] == [
        "1 of 2 passes",
        "0.0 of 1 days",
        "repair proved or backend replaced",
    ]
    assert (answer.headline, answer.commands) == (
        "Blocked: cache main is in quarantine. Nothing in this change is wrong.",
        (),
    )
    with_repair(scene)
    scene.probe(99, 30 * HOUR)
    assert told(scene.ask()) == (0, ["require-accepted"])
    scene.probe(98, 20 * HOUR, journal_log=bad_tape())
    assert told(scene.ask()) == (4, ["require-quarantine-held"])


def test_without_a_table_the_quarantine_is_held(scene: Scene) -> None:
    scene.toml = scene.toml.replace("[quarantine]\nheld = false\n", "")
    scene.probe(100)
    assert told(scene.ask()) == (4, ["require-quarantine-held"])


def test_break_glass_sets_the_hold_aside_aloud_and_nothing_else(scene: Scene) -> None:
    entry = '[quarantine.break-glass]\nwho = "Ada"\nwhy = "a fix must ship"\nuntil = "2026-11-25T00:00:00Z"\n'
    scene.toml = scene.toml.replace("held = false\n", HELD + entry)
    scene.probe(100)
    answer = scene.ask()
    assert (told(answer), answer.under_break_glass) == ((0, ["require-break-glass"]), True)
    assert "BREAK GLASS" in answer.headline
    assert "no pass" in answer.headline
    scene.probe(101, HOUR, journal_log=bad_tape())
    assert told(scene.ask()) == (4, ["require-quarantine"])
    scene.toml = scene.toml.replace("2026-11-25", "2026-11-23")
    assert codes(scene.ask()) == ["require-quarantine", "require-quarantine-held"]
    scene.toml = scene.toml.replace("2026-11-23", "2027-11-23")
    with pytest.raises(RefusedError, match="within 14 days"):
        scene.ask()


def test_a_failing_first_attempt_counts_in_the_history(scene: Scene) -> None:
    """A re-run that passes does not wash away what the first attempt saw."""
    scene.toml = scene.toml.replace("held = false\n", HELD.replace("days = 1", "days = 1"))
    with_repair(scene)
    scene.probe(99, 30 * HOUR)
    scene.world.attempts[(100, 1)] = gh.run_row(100, NOW - 4 * HOUR)
    second = scene.world.add_run(100, NOW - HOUR, run_attempt=2)
    scene.evidence(second, HOUR)
    scene.evidence(scene.world.attempts[(100, 1)], 4 * HOUR)
    assert told(scene.ask()) == (0, ["require-accepted"])
    scene.world.artifacts[100].pop()
    scene.evidence(scene.world.attempts[(100, 1)], 4 * HOUR, journal_log=bad_tape())
    assert told(scene.ask()) == (4, ["require-quarantine-held"])


def test_runs_that_can_not_be_read_count_against_a_release(scene: Scene) -> None:
    scene.toml = scene.toml.replace("held = false\n", HELD)
    with_repair(scene)
    scene.probe(99, 30 * HOUR)
    scene.probe(101, HOUR)
    assert told(scene.ask()) == (0, ["require-accepted"])
    scene.world.add_run(100, NOW - 9 * HOUR, conclusion="failure")
    assert told(scene.ask()) == (4, ["require-quarantine-held"])
    scene.world.runs.pop()
    scene.probe(100, 9 * HOUR, says={"workflow_run": "5"})
    assert told(scene.ask()) == (4, ["require-quarantine-held"])
    scene.world.runs.pop()
    scene.probe(100, 9 * HOUR, artifact={"expired": True})
    assert told(scene.ask()) == (4, ["require-quarantine-held"])
    scene.world.runs.pop()
    scene.probe(102, 9 * HOUR, row={"head_sha": gh.commit_id("tagged")})
    assert told(scene.ask()) == (4, ["require-quarantine-held"])
    scene.world.runs.pop()
    scene.world.add_run(103, NOW - 9 * HOUR, conclusion="cancelled")
    assert told(scene.ask()) == (0, ["require-accepted"])


def test_a_pass_of_an_old_gate_is_no_step_toward_a_release(scene: Scene) -> None:
    scene.toml = scene.toml.replace("held = false\n", HELD)
    scene.toml = scene.toml.replace('min-gate-version = "0"', 'min-gate-version = "0.1"')
    with_repair(scene)
    scene.probe(99, 30 * HOUR)
    scene.probe(101, HOUR)
    assert told(scene.ask()) == (0, ["require-accepted"])
    scene.world.runs.pop(0)
    scene.probe(98, 30 * HOUR, says={"tool_version": "0.0.9"})
    assert told(scene.ask()) == (4, ["require-quarantine-held"])


def test_a_pass_of_a_run_that_did_not_succeed_is_no_step_toward_a_release(scene: Scene) -> None:
    scene.toml = scene.toml.replace("held = false\n", HELD)
    with_repair(scene)
    scene.probe(99, 30 * HOUR, row={"conclusion": "failure"})
    scene.probe(101, HOUR)
    assert told(scene.ask()) == (4, ["require-quarantine-held"])
    scene.world.runs[0]["conclusion"] = "success"
    assert told(scene.ask()) == (0, ["require-accepted"])


def test_a_history_too_long_to_read_blocks(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HISTORY_RUNS", 1)
    scene.toml = scene.toml.replace("held = false\n", HELD)
    scene.probe(99, 30 * HOUR)
    scene.probe(101, HOUR)
    assert told(scene.ask()) == (3, ["require-api-unreadable"])


def test_a_statement_that_is_not_there_is_refused(scene: Scene) -> None:
    scene.toml = scene.toml.replace("held = false\n", HELD + 'statements = ["nowhere.json"]\n')
    scene.probe(101, HOUR)
    with pytest.raises(RefusedError, match=r"nowhere\.json"):
        scene.ask()


def test_answers_of_people_and_machines_say_the_same(scene: Scene) -> None:
    from gate.cli.require import outcome_of

    scene.probe(100)
    samples = outcome_of(scene.ask())
    assert (samples.exit_code, samples.data["verdict"]["outcome"]) == (0, "pass")
    scene.probe(101, HOUR, journal_log=bad_tape())
    blocked = outcome_of(scene.ask())
    assert blocked.data["verdict"] == {"word": "quarantine", "outcome": "fail", "exit_code": 4, "blocks": True}
    assert "require-quarantine" in blocked.text
    assert "gh workflow run" not in blocked.text
    glass = outcome_of(replace(scene.ask(), under_break_glass=True))
    assert glass.text.count("!" * 100) == 2
    assert glass.data["verdict"]["outcome"] == "fail"


QUARANTINED = """\
Blocked: cache main is in quarantine since 20 Nov 2026. Nothing in this change is wrong.
  require-quarantine-held: broad trusted writes are held (2026-05-06); 3 of 5 conditions not met
  why this change is asked: .github/workflows/ci.yml:4: it matches the guard require-cache-push:\\s*"?true of \
gate.toml; a change that matches no guard passes
  what clears it: ✓ the newest probe passes · ✗ 1 of 2 passes · ✗ 0.0 of 1 days · ✓ one server epoch · \
✗ repair proved or backend replaced
  what to do: you can't fix this in your pull request; ask @acme/cache-operators; it clears by itself when the \
cache is released
  newest probe: run 100.1 (pass, 2 h ago) https://github.com/acme/widgets/actions/runs/100/attempts/1
"""
STALE = """\
Blocked: stale evidence (48 h, at most 24 h)
  require-too-old: the evidence of run 100.1 ended at 2026-11-22T06:02:04.000Z; max-age-hours takes none before \
2026-11-23T06:00:00.000Z
  why this change is asked: .github/workflows/ci.yml:4: it matches the guard require-cache-push:\\s*"?true of \
gate.toml; a change that matches no guard passes
  what to do: ask somebody with write access to start the trusted workflow on the default branch; re-run this check \
when it is green
    gh workflow run trusted-publication-probe.yml --repo acme/widgets --ref main -f profile=medium-check \
-f confirm=probe-attic-publication-medium-check
  newest probe: run 100.1 (pass, 48 h ago) https://github.com/acme/widgets/actions/runs/100/attempts/1
"""
RUNNING = """\
Blocked: wait for probe run 101.1, which is in_progress
  require-unfinished: run 101.1 is in_progress
  why this change is asked: .github/workflows/ci.yml:4: it matches the guard require-cache-push:\\s*"?true of \
gate.toml; a change that matches no guard passes
  what to do: wait for the run and re-run this check when it is green
  newest probe: run 101.1 (in_progress) https://github.com/acme/widgets/actions/runs/101/attempts/1
"""


def test_a_blocked_author_reads_what_to_do_and_what_is_not_their_work(scene: Scene) -> None:
    from gate.cli.require import outcome_of

    scene.probe(100, 48 * HOUR)
    assert outcome_of(scene.ask()).text == STALE
    scene.world.add_run(101, NOW - HOUR, status="in_progress", conclusion=None)
    assert outcome_of(scene.ask()).text == RUNNING


def test_an_author_under_quarantine_is_given_no_command(scene: Scene) -> None:
    from gate.cli.require import outcome_of

    since = HELD + 'since = "2026-11-20T00:00:00Z"\n'
    scene.toml = scene.toml.replace("[quarantine]", 'owners = ["@acme/cache-operators"]\n[quarantine]')
    scene.toml = scene.toml.replace("held = false\n", since)
    scene.probe(100)
    outcome = outcome_of(scene.ask())
    assert outcome.text == QUARANTINED
    assert outcome.data["reliance"] == {
        "path": ".github/workflows/ci.yml",
        "line": 4,
        "detail": 'it matches the guard require-cache-push:\\s*"?true of gate.toml',
    }
    assert (outcome.data["cause"], outcome.data["commands"]) == ("require-quarantine-held", [])
    assert outcome.data["reasons"][0]["remedy"] in outcome.text
    assert outcome.markdown is not None
    assert "- [ ] 1 of 2 passes\n" in outcome.markdown
    assert "[run 100.1](https://github.com/acme/widgets/actions/runs/100/attempts/1)" in outcome.markdown


def test_no_command_is_given_where_one_profile_lacks_a_run_and_the_hold_stands(scene: Scene) -> None:
    scene.toml = scene.toml.replace("held = false\n", HELD)
    answer = scene.ask()
    assert codes(answer) == ["require-quarantine-held", "require-no-run"]
    assert answer.commands == ()


# ------------------------------------------------------------------------ the forge's times, and later quarantines
def lost_small(scene: Scene, number: int, ago: timedelta, **row: Any) -> dict[str, Any]:
    """A run of small-check, which the change does not ask for, that saw the failure class in the same cache."""
    small = bad_tape().with_policy(profile="small-check")
    name = f"publication-evidence-small-check-{number}-1"
    return scene.probe(number, ago, journal_log=small, row={"conclusion": "failure", **row}, artifact={"name": name})


@pytest.mark.row("TRU-07")
def test_a_later_quarantine_of_another_profile_blocks(scene: Scene) -> None:
    lost_small(scene, 99, 4 * HOUR)
    scene.probe(100, 3 * HOUR)
    assert told(scene.ask()) == (0, ["require-accepted"])
    lost_small(scene, 101, HOUR)
    assert told(scene.ask()) == (4, ["require-quarantine"])
    scene.probe(102, HOUR / 2)
    assert told(scene.ask()) == (0, ["require-accepted"])


@pytest.mark.row("TRU-07")
def test_a_quarantine_of_another_cache_does_not_block(scene: Scene) -> None:
    scene.probe(100, 3 * HOUR)
    run = scene.world.add_run(101, NOW - HOUR, conclusion="failure")
    other = bad_tape().with_policy(profile="small-check", attic_cache="other")
    scene.evidence(run, HOUR, journal_log=other, artifact={"name": "publication-evidence-small-check-101-1"})
    assert told(scene.ask()) == (0, ["require-accepted"])


@pytest.mark.row("TRU-07")
def test_a_run_that_began_earlier_and_looked_later_blocks(scene: Scene) -> None:
    """It began four hours ago and ended one hour ago; the pass began and ended in between."""
    scene.probe(100, 3 * HOUR)
    late = lost_small(scene, 99, 4 * HOUR)
    assert told(scene.ask()) == (0, ["require-accepted"])
    late["updated_at"] = gh.github_time(NOW - HOUR)
    assert told(scene.ask()) == (4, ["require-quarantine"])


@pytest.mark.row("TRU-07")
def test_a_pass_whose_run_was_touched_later_is_as_old_as_its_evidence(scene: Scene) -> None:
    good = scene.probe(100, 3 * HOUR)
    lost_small(scene, 101, 2 * HOUR)
    good["updated_at"] = gh.github_time(NOW - HOUR)
    assert told(scene.ask()) == (4, ["require-quarantine"])


@pytest.mark.row("TRU-07")
def test_two_profiles_of_one_run_are_judged_together(scene: Scene) -> None:
    run = scene.probe(100, 3 * HOUR)
    small = bad_tape().with_policy(profile="small-check")
    scene.evidence(run, 3 * HOUR, journal_log=small, artifact={"name": "publication-evidence-small-check-100-1"})
    assert told(scene.ask()) == (4, ["require-quarantine"])


def test_an_attempt_that_began_earlier_and_still_runs_blocks(scene: Scene) -> None:
    scene.probe(100, 2 * HOUR)
    early = scene.world.add_run(99, NOW - 3 * HOUR, status="in_progress", conclusion=None)
    assert told(scene.ask()) == (3, ["require-unfinished"])
    early["status"] = "waiting"
    assert told(scene.ask()) == (0, ["require-accepted"])


@pytest.mark.row("TRU-06")
def test_how_old_evidence_is_the_forge_says(scene: Scene) -> None:
    """The clock of the machine that asks stands; GitHub's own answers say that two days have gone by."""
    scene.probe(100)
    assert told(scene.ask()) == (0, ["require-accepted"])
    scene.world.now = NOW + timedelta(days=2)
    assert told(scene.ask()) == (2, ["require-too-old"])
    scene.world.now = NOW - timedelta(days=2)
    assert told(scene.ask()) == (2, ["require-future"])


@pytest.mark.row("TRU-06")
def test_passes_within_hours_never_span_days_whatever_their_evidence_says(scene: Scene) -> None:
    """Two passes an hour apart; the evidence of the first says that it is of the day before."""
    scene.toml = scene.toml.replace("held = false\n", HELD)
    with_repair(scene)
    scene.probe(101, HOUR)
    first = scene.world.add_run(100, NOW - 3 * HOUR)
    scene.evidence(first, 30 * HOUR)
    assert told(scene.ask()) == (4, ["require-quarantine-held"])
    first["run_started_at"] = gh.github_time(NOW - 30 * HOUR)
    first["updated_at"] = gh.github_time(NOW - 30 * HOUR + timedelta(minutes=10))
    assert told(scene.ask()) == (0, ["require-accepted"])


@pytest.mark.row("TRU-06")
def test_a_backdated_loss_is_not_before_the_incident(scene: Scene) -> None:
    scene.toml = scene.toml.replace("held = false\n", HELD + 'since = "2026-11-20T00:00:00Z"\n')
    with_repair(scene)
    scene.probe(99, 30 * HOUR)
    scene.probe(101, HOUR)
    assert told(scene.ask()) == (0, ["require-accepted"])
    run = scene.world.add_run(100, NOW - 9 * HOUR, conclusion="failure")
    scene.evidence(run, timedelta(days=9), journal_log=bad_tape())
    assert told(scene.ask()) == (4, ["require-quarantine-held"])


@pytest.mark.row("TRU-06")
def test_a_statement_speaks_of_the_time_at_which_it_was_written(scene: Scene) -> None:
    """It is dated after a loss that came after it was committed: it can't be about that loss."""
    scene.toml = scene.toml.replace("held = false\n", HELD)
    with_repair(scene)
    text = scene.world.files[(gh.HEAD, "statements/a.json")]
    scene.world.files[(gh.HEAD, "statements/a.json")] = text.replace(b"2026-11-20T00", b"2026-11-22T18")
    scene.world.changes["statements/a.json"] = "2026-11-22T18:30:00Z"
    lost = bad_tape().change(
        records.WorkloadSeen, lambda row: replace(row, identity="9:9") if row.role == "store" else row
    )
    scene.probe(98, 45 * HOUR, journal_log=lost, row={"conclusion": "failure"})
    scene.probe(99, 30 * HOUR)
    scene.probe(101, HOUR)
    assert told(scene.ask()) == (0, ["require-accepted"])
    scene.world.changes["statements/a.json"] = "2026-11-21T00:00:00Z"
    assert told(scene.ask()) == (4, ["require-quarantine-held"])
    scene.world.changes["statements/a.json"] = ""
    assert told(scene.ask()) == (3, ["require-api-unreadable"])


@pytest.mark.row("ART-19")
def test_a_run_started_again_by_an_old_workflow_is_not_taken(scene: Scene) -> None:
    """A re-run has a new date and the workflow, and so the gate, of its old commit."""
    old = gh.commit_id("old")
    scene.world.on_default.add(old)
    scene.world.attempts[(100, 1)] = gh.run_row(100, NOW - 9 * HOUR, conclusion="cancelled", head_sha=old)
    run = scene.world.add_run(100, NOW - HOUR, run_attempt=2, head_sha=old)
    scene.evidence(run, HOUR)
    scene.world.files[(gh.HEAD, gh.WORKFLOW)] = b"uses: o/publication-gate@new"
    scene.world.files[(old, gh.WORKFLOW)] = b"uses: o/publication-gate@old"
    assert told(scene.ask()) == (2, ["require-gate-too-old"])
    scene.world.files[(old, gh.WORKFLOW)] = b"uses: o/publication-gate@new"
    assert told(scene.ask()) == (0, ["require-accepted"])


@pytest.mark.row("ART-19")
def test_without_a_stated_version_no_older_gate_than_the_schemas_is_taken(scene: Scene) -> None:
    scene.toml = scene.toml.replace('min-gate-version = "0"\n', "")
    scene.probe(100)
    assert told(scene.ask()) == (0, ["require-accepted"])
    scene.probe(101, HOUR, says={"tool_version": "0.0.9"})
    assert told(scene.ask()) == (2, ["require-gate-too-old"])
