"""What a lie is: who tells it, what is false in it, how it is brought about, and what may come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gate.model.basics import VerdictWord
from gate.probe import Quiet

if TYPE_CHECKING:
    from gate.lab.stack import Stack
    from gate.model.document import Evidence

BLOCKING = frozenset({VerdictWord.INCONCLUSIVE, VerdictWord.QUARANTINE, VerdictWord.REFUSED})


class Party(StrEnum):
    """Those whose word a run takes."""

    S3 = "S3 server"
    ATTIC = "Attic server"
    CDN = "HTTP cache or proxy"
    DNS = "name and address"
    CLUSTER = "kubelet and API server"
    DISK = "disk of the store"
    NIX = "Nix and its settings"
    CLIENT = "attic client"
    RUNNER = "environment of the runner"
    FORGE = "GitHub"
    JOB = "another job of a split run"
    EARLIER_JOB = "an earlier job on the same machine"


class Liar(Quiet):
    """One lie in a lab: what it puts in the place of the truth, and when. Hooks are those of `gate.probe.Progress`.

    ``count`` is how often the lie reached somebody who asked: a lie that nobody heard is no test.
    """

    proxied = False  # an interfering proxy stands before Attic, in front of the gate, the client and Nix alike

    def __init__(self) -> None:
        self.count = 0

    def before_start(self, stack: "Stack") -> None:
        """Before the servers are up: put proxies and wrappers in their places."""

    def arrange(self, stack: "Stack", folder: Path) -> None:
        """With the servers up, before the run; ``folder`` is empty and the lie's own."""

    def settings(self) -> Mapping[str, Any]:
        """Arguments of `Stack.settings_for`, above the lab's own."""
        return {}

    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        """The environment of the run, made from the lab's."""
        return environ

    def word(self, evidence: "Evidence", folder: Path) -> VerdictWord:
        """What the gate makes of it: the verdict of the run, unless the lie is told of the sealed evidence."""
        return evidence.verdict.word

    def end(self) -> None:
        """Stop what `before_start` and `arrange` started."""


class Hearer(Liar):
    """A lie told to a part of the gate that needs no lab: a joined split run, or `require` before a GitHub on loopback.

    `decide` gives the word with the lie, and `truth` without it, which must be a pass: else the lie was not what
    changed it.
    """

    def decide(self, folder: Path) -> tuple[VerdictWord, tuple[str, ...]]:
        """What comes of it: the word and its codes."""
        raise NotImplementedError

    def truth(self, folder: Path) -> VerdictWord:
        """What comes of the same without the lie."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Lie:
    """A row of the table *party × lie*.

    ``text`` is a sentence that says what is false. ``words`` are the verdicts that may come of it. A pass may come only
    where ``harmless`` says why the lie changes nothing of what a pass means, or ``unseen`` says why nobody in the place
    of the gate could notice; ``claims`` names the claims of a pass that it attacks (`gate.judge.trust.CLAIMS`).
    ``quick`` lies run in ``make test``.
    """

    party: Party
    name: str
    text: str
    liar: type[Liar]
    claims: tuple[str, ...]
    words: frozenset[VerdictWord] = BLOCKING
    codes: tuple[str, ...] = ()
    profile: str = "small-check"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    harmless: str = ""
    unseen: str = ""
    quick: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a lie. ``error`` is why it could not be tried."""

    name: str
    party: str
    word: str
    codes: tuple[str, ...]
    count: int
    seconds: float
    error: str = ""


def problem(lie: Lie, outcome: Outcome) -> str:
    """Why an outcome is not what the table allows, in one sentence; empty when it is."""
    if outcome.error:
        return f"could not be tried: {outcome.error}"
    if not outcome.count:
        return "nobody heard the lie, so the verdict says nothing of it"
    if outcome.word == VerdictWord.PASS.value and not (lie.harmless or lie.unseen):
        return "FALSE PASS"
    if outcome.word not in {word.value for word in lie.words}:
        return f"the verdict is {outcome.word}, expected {' or '.join(sorted(word.value for word in lie.words))}"
    lacking = [code for code in lie.codes if code not in outcome.codes]
    return f"lacks {', '.join(lacking)}" if lacking else ""
