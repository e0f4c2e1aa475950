"""Lies of GitHub, and of whoever can put an artifact there: `require` asks a GitHub on loopback."""

import logging
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from pytest_httpserver import HTTPServer

from gate.model.basics import VerdictWord
from tests.helpers import github_world as gh
from tests.liars.lie import Hearer, Lie, Party
from tests.unit import test_require as attacks
from tests.unit.test_require import HOUR, Scene


class ForgeLiar(Hearer):
    """A world with a fresh trusted pass, in which ``attack`` puts something newer and false."""

    attack: Callable[[Scene], None]

    def decide(self, folder: Path) -> tuple[VerdictWord, tuple[str, ...]]:
        return self._ask(folder, lie=True)

    def truth(self, folder: Path) -> VerdictWord:
        return self._ask(folder, lie=False)[0]

    def _ask(self, folder: Path, *, lie: bool) -> tuple[VerdictWord, tuple[str, ...]]:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it tells every request
        server = HTTPServer()
        server.start()
        try:
            world = gh.World(url=server.url_for("").rstrip("/"))
            server.expect_request(re.compile(".*")).respond_with_handler(world.answer)
            head = gh.commit_id("head")
            world.trees = {
                gh.HEAD: {"README.md": b"a", ".github/workflows/ci.yml": b"jobs: {}\n"},
                head: {"README.md": b"a", ".github/workflows/ci.yml": gh.TRUSTING},
            }
            scene = Scene(world, folder)
            scene.probe(100)
            if lie:
                type(self).attack(scene)
            answer = scene.ask()
            self.count += lie and bool(world.asked)
            return answer.word, tuple(reason.code for reason in answer.reasons)
        finally:
            server.clear()
            server.stop()


def hides_the_newest(scene: Scene) -> None:
    """A newer run saw the failure class, and the list of runs lacks it."""
    scene.probe(101, HOUR, journal_log=attacks.bad_tape())
    scene.world.runs.pop()


def calls_it_a_success(scene: Scene) -> None:
    """A run that GitHub itself ended in failure is listed as a success, with the evidence of a failure."""
    scene.probe(101, HOUR, journal_log=attacks.bad_tape(), row={"conclusion": "success"})


def says_it_is_running(scene: Scene) -> None:
    scene.probe(101, HOUR, row={"status": "in_progress", "conclusion": None})


def swaps_the_artifact(scene: Scene) -> None:
    """The newest run's artifact is that of an older one, digest and all."""
    run = scene.world.add_run(101, gh.NOW - HOUR)
    older = scene.world.artifacts[100][0]
    scene.world.add_artifact(run, scene.world.zips[older["id"]])


def dates_it_later(scene: Scene) -> None:
    """A run of two days ago is dated an hour ago."""
    scene.world.runs.clear()
    run = scene.world.add_run(101, gh.NOW - HOUR)
    scene.evidence(run, 48 * HOUR)


def lists_none(scene: Scene) -> None:
    scene.world.runs.clear()


def lists_no_artifact(scene: Scene) -> None:
    scene.world.add_run(101, gh.NOW - HOUR)


def answers_a_page(scene: Scene) -> None:
    from werkzeug import Response

    scene.world.broken = lambda path: Response("<html>", content_type="text/html") if "/runs" in path else None


def _lie(name: str, text: str, attack: Callable[[Scene], None], **more: Any) -> Lie:
    liar = type(name, (ForgeLiar,), {"attack": staticmethod(attack)})
    more = {"claims": ("history",), "quick": True, **more}
    return Lie(party=Party.FORGE, name=f"forge-{name}", text=text, liar=liar, **more)


def older(scene: Scene) -> None:
    scene.world.runs.clear()
    scene.probe(101, timedelta(hours=25))


LIES: tuple[Lie, ...] = (
    _lie("digest", "the bytes of an artifact are not those of its digest", attacks.attack_digest),
    _lie("listed-elsewhere", "an artifact is listed for another run", attacks.attack_listed_for_another_run),
    _lie("forged-verdict", "an artifact's stored verdict is not that of its records", attacks.attack_forged_verdict),
    _lie("extra-file", "an artifact has a file too many", attacks.attack_extra_file),
    _lie("copied", "an old pass is the artifact of a new run", attacks.attack_copied),
    _lie("swapped", "the newest run's artifact is an older one's, digest and all", swaps_the_artifact),
    _lie("other-attempt", "the evidence is of another attempt", attacks.attack_other_attempt),
    _lie("other-commit", "the evidence is of another commit", attacks.attack_other_commit),
    _lie("nobodys", "the evidence has no identity at all", attacks.attack_nobodys),
    _lie("lab", "the evidence is the lab's", attacks.attack_lab),
    _lie("old", "an old pass is shown for a new change", older),
    _lie("future", "the evidence is of tomorrow", attacks.attack_future),
    _lie("dated-later", "a run of two days ago is dated an hour ago", dates_it_later),
    _lie("doubled", "one attempt has two evidences", attacks.attack_doubled),
    _lie("traversal", "a member of an artifact leaves its folder", attacks.attack_traversal),
    _lie("weaker", "the evidence was judged by weaker bounds", attacks.attack_weaker),
    _lie("tag", "a tag bears the name of the default branch", attacks.attack_tag),
    _lie("success", "a run with the evidence of a failure is called a success", calls_it_a_success),
    _lie("running", "the newest run is not over", says_it_is_running),
    _lie("no-runs", "no run is listed", lists_none),
    _lie("no-artifact", "the newest run has no artifact", lists_no_artifact),
    _lie("page", "the list of runs is a page of HTML with 200", answers_a_page),
    _lie(
        "hidden",
        "a newer run that saw the failure class is not listed",
        hides_the_newest,
        words=frozenset({VerdictWord.PASS}),
        unseen="forge",
    ),
)
