"""The codes of decisions: why ``require`` blocks or lets through, and the word that each comes to.

Apart from the registry of findings: these are about which evidence may be believed, not about the cache.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gate.model.basics import VerdictWord

_R, _I, _Q, _P = VerdictWord.REFUSED, VerdictWord.INCONCLUSIVE, VerdictWord.QUARANTINE, VerdictWord.PASS
_SOMEBODY: Final = "somebody with write access"
_START: Final = "ask {owners} to start the trusted workflow on the default branch; re-run this check when it is green"
_WHO: Final = "ask {owners} to find out who made it; nothing of it was believed"
_WAIT: Final = "you can't fix this in your pull request; ask {owners}; it clears by itself when the cache is released"


@dataclass(frozen=True, kw_only=True)
class DecisionCode:
    """A code with its word, its headline of a few words, why it has that word, and the next step for a person.

    ``advice`` may name ``{owners}``. ``dispatch`` says whether another run of the trusted workflow settles it: then
    its command is printed.
    """

    code: str
    word: VerdictWord
    title: str
    why: str
    advice: str = "none needed"
    dispatch: bool = False

    @property
    def remedy(self) -> str:
        """The next step where nobody is named who can take it."""
        return self.remedy_of(())

    def remedy_of(self, owners: Sequence[str]) -> str:
        """The next step, by the people or teams who can take it."""
        return self.advice.replace("{owners}", ", ".join(owners) or _SOMEBODY)


def _row(
    code: str, word: VerdictWord, title: str, why: str, advice: str = "none needed", *, dispatch: bool = False
) -> DecisionCode:
    return DecisionCode(code=code, word=word, title=title, why=why, advice=advice, dispatch=dispatch)


DECISION_CODES: Final = (
    _row(
        "require-not-needed",
        _P,
        "this change does not rely on trusted publication",
        "no changed file at the head relies on trusted publication",
    ),
    _row(
        "require-accepted",
        _P,
        "the newest probe is a fresh pass",
        "the newest attempt of the trusted workflow passed, and the policy takes it",
    ),
    _row(
        "require-break-glass",
        _P,
        "the quarantine is held and set aside",
        "the quarantine is held and a person set it aside; this is no pass of the cache",
        "ask {owners} to remove the entry as soon as the emergency is over",
    ),
    # --- which run it is
    _row(
        "require-other-repository",
        _R,
        "the newest probe is of another repository",
        "the run is of another repository, or of a fork's commit",
        _WHO,
    ),
    _row(
        "require-other-workflow",
        _R,
        "the newest probe is of another workflow",
        "the run is of another workflow file",
        _WHO,
    ),
    _row(
        "require-other-event",
        _R,
        "the newest probe was started by an untrusted event",
        "the run was started by an event that is not trusted",
        _START,
    ),
    _row(
        "require-other-branch",
        _R,
        "the newest probe is of another branch",
        "the run is of another branch: its workflow file may be anybody's",
        _START,
    ),
    _row(
        "require-off-default-branch",
        _R,
        "the newest probe is not of the default branch",
        "the run's commit is not on the default branch: a tag or a rewritten branch of that name",
        _START,
    ),
    _row(
        "require-no-run",
        _I,
        "there is no probe that counts",
        "the trusted workflow has no attempt that counts",
        _START,
        dispatch=True,
    ),
    _row(
        "require-unfinished",
        _I,
        "the newest probe is not over",
        "the newest attempt is not over; an older pass does not count in its place",
        "wait for the run and re-run this check when it is green",
    ),
    _row(
        "require-too-many-runs",
        _I,
        "too many attempts that do not count",
        "more attempts than may be looked at do not count",
        _START,
    ),
    _row(
        "require-api-unreadable",
        _I,
        "GitHub's answer could not be had or read",
        "GitHub's answer could not be had or read",
        "re-run this check",
    ),
    _row(
        "require-refused",
        _I,
        "the newest probe was refused before it asked any server",
        "the newest attempt was refused before it asked any server; an older pass does not count in its place",
        "ask {owners} to correct what its log names and to start the trusted workflow again",
    ),
    # --- what it left
    _row(
        "require-no-evidence",
        _I,
        "the newest probe left no evidence",
        "the newest attempt left no evidence",
        _START,
        dispatch=True,
    ),
    _row(
        "require-evidence-expired",
        _I,
        "the newest probe's evidence has expired",
        "the newest attempt's artifact has expired",
        _START,
        dispatch=True,
    ),
    _row(
        "require-unsealed",
        _I,
        "the newest probe's evidence was never sealed",
        "the newest attempt's evidence was never sealed",
        _START,
        dispatch=True,
    ),
    _row(
        "require-digest-differs",
        _R,
        "the evidence has other bytes than GitHub's digest says",
        "the bytes of the artifact are not those that GitHub has the digest of",
        _WHO,
    ),
    _row(
        "require-bundle-malformed",
        _R,
        "the newest probe's artifact is malformed",
        "the artifact is no plain zip of one evidence folder",
        _WHO,
    ),
    _row(
        "require-not-genuine",
        _R,
        "the newest probe's evidence is not genuine",
        "sealing the records again gives something else than what is stored",
        _WHO,
    ),
    _row(
        "require-not-attested",
        _R,
        "the newest probe's evidence is not attested",
        "no attestation of the trusted workflow names this evidence's digest",
        _WHO,
    ),
    _row(
        "require-doubled",
        _R,
        "the newest probe has two evidences for one profile",
        "one attempt has two evidences for one profile: one of them was put there",
        _WHO,
    ),
    _row(
        "require-secret-found",
        _R,
        "the newest probe's evidence holds a credential",
        "the evidence holds what looks like a credential",
        "ask {owners} to rotate the credential that the reason names, to delete the artifact, and to probe again",
    ),
    # --- what the evidence says of itself
    _row(
        "require-other-run",
        _R,
        "the evidence is of another run than its artifact",
        "the evidence says that it is of another repository, run, attempt or commit",
        _WHO,
    ),
    _row(
        "require-other-profile",
        _R,
        "the evidence is of another profile than its artifact",
        "the evidence is of another profile than its artifact's name says",
        _WHO,
    ),
    _row(
        "require-other-cache",
        _R,
        "the evidence is of another cache",
        "the evidence is of another cache or server",
        "ask {owners} to compare [cache] of gate.toml with the cache that the probe was given",
    ),
    _row(
        "require-lab",
        _R,
        "the evidence is of the lab",
        "lab evidence never counts",
        "ask {owners} to probe the cache itself in the trusted workflow, not the lab",
    ),
    _row(
        "require-too-old",
        _R,
        "stale evidence",
        "the evidence is older than max-age-hours: an old pass says nothing of now",
        _START,
        dispatch=True,
    ),
    _row(
        "require-future",
        _R,
        "the evidence is dated in the future",
        "the evidence is dated in the future",
        "ask {owners} to set the clock of the probe's runner and to probe again",
    ),
    _row(
        "require-outside-run",
        _R,
        "the evidence's times are not its run's",
        "the evidence's times are not within its run's",
        _WHO,
    ),
    _row(
        "require-gate-too-old",
        _R,
        "the newest probe was made by an older gate",
        "the run was made by a gate older than min-gate-version: a re-run uses the old commit",
        _START + " (a re-run of the old run does not help)",
        dispatch=True,
    ),
    _row(
        "require-absent-differs",
        _R,
        "the evidence leaves out other sources than gate.toml",
        "the evidence's list of absent sources is not the base branch's",
        "ask {owners} to probe with the default branch's gate.toml",
    ),
    _row(
        "require-policy-weaker",
        _R,
        "the evidence was judged by weaker bounds",
        "the evidence was judged by weaker bounds than the base branch's",
        "ask {owners} to probe with the bounds of the default branch's gate.toml",
    ),
    _row(
        "require-inconclusive",
        _I,
        "the newest probe could not decide",
        "the newest attempt could not decide",
        "ask {owners} to fix what its evidence names and to probe again",
    ),
    _row(
        "require-quarantine",
        _Q,
        "the newest probe saw the failure class",
        "the newest attempt saw the failure class",
        _WAIT,
    ),
    _row("require-quarantine-held", _Q, "the cache is in quarantine", "the standing quarantine is held", _WAIT),
)
BY_DECISION: Final = {row.code: row for row in DECISION_CODES}
