"""The codes of decisions: why ``require`` blocks or lets through, and the word that each comes to.

Apart from the registry of findings: these are about which evidence may be believed, not about the cache.
"""

from dataclasses import dataclass
from typing import Final

from gate.model.basics import VerdictWord

_R, _I, _Q, _P = VerdictWord.REFUSED, VerdictWord.INCONCLUSIVE, VerdictWord.QUARANTINE, VerdictWord.PASS
_DISPATCH: Final = "dispatch the trusted workflow from the default branch"
_WHO: Final = "find out who made it; nothing of it was believed"


@dataclass(frozen=True, kw_only=True)
class DecisionCode:
    """A code with its word, why it has it, and the next step for a person."""

    code: str
    word: VerdictWord
    why: str
    remedy: str


def _row(code: str, word: VerdictWord, why: str, remedy: str = "none needed") -> DecisionCode:
    return DecisionCode(code=code, word=word, why=why, remedy=remedy)


DECISION_CODES: Final = (
    _row("require-not-needed", _P, "no changed file at the head relies on trusted publication"),
    _row("require-accepted", _P, "the newest attempt of the trusted workflow passed, and the policy takes it"),
    _row(
        "require-break-glass",
        _P,
        "the quarantine is held and a person set it aside; this is no pass of the cache",
        "remove the entry as soon as the emergency is over",
    ),
    # --- which run it is
    _row("require-other-repository", _R, "the run is of another repository, or of a fork's commit", _WHO),
    _row("require-other-workflow", _R, "the run is of another workflow file", _WHO),
    _row("require-other-event", _R, "the run was started by an event that is not trusted", _DISPATCH),
    _row("require-other-branch", _R, "the run is of another branch: its workflow file may be anybody's", _DISPATCH),
    _row(
        "require-off-default-branch",
        _R,
        "the run's commit is not on the default branch: a tag or a rewritten branch of that name",
        _DISPATCH,
    ),
    _row("require-no-run", _I, "the trusted workflow has no attempt that counts", _DISPATCH),
    _row("require-unfinished", _I, "the newest attempt is not over; an older pass never stands in for it", "wait"),
    _row("require-too-many-runs", _I, "more attempts than may be looked at do not count", _DISPATCH),
    _row("require-api-unreadable", _I, "GitHub's answer could not be had or read", "run this check again"),
    _row(
        "require-refused",
        _I,
        "the newest attempt was refused before it asked any server; an older pass never stands in for it",
        "correct what its log names, then " + _DISPATCH,
    ),
    # --- what it left
    _row("require-no-evidence", _I, "the newest attempt left no evidence", _DISPATCH),
    _row("require-evidence-expired", _I, "the newest attempt's artifact has expired", _DISPATCH),
    _row("require-unsealed", _I, "the newest attempt's evidence was never sealed", _DISPATCH),
    _row("require-digest-differs", _R, "the bytes of the artifact are not those that GitHub has the digest of", _WHO),
    _row("require-bundle-malformed", _R, "the artifact is no plain zip of one evidence folder", _WHO),
    _row("require-not-genuine", _R, "sealing the records again gives something else than what is stored", _WHO),
    _row("require-not-attested", _R, "no attestation of the trusted workflow names this evidence's digest", _WHO),
    _row("require-doubled", _R, "one attempt has two evidences for one profile: one of them was put there", _WHO),
    _row(
        "require-secret-found",
        _R,
        "the evidence holds what looks like a credential",
        "rotate the credential that the sentence names, delete the artifact, then dispatch again",
    ),
    # --- what the evidence says of itself
    _row("require-other-run", _R, "the evidence says that it is of another repository, run, attempt or commit", _WHO),
    _row("require-other-profile", _R, "the evidence is of another profile than its artifact's name says", _WHO),
    _row("require-other-cache", _R, "the evidence is of another cache or server", "check [cache] of gate.toml"),
    _row("require-lab", _R, "lab evidence never counts", _DISPATCH),
    _row("require-too-old", _R, "the evidence is older than max-age-hours: an old pass says nothing of now", _DISPATCH),
    _row("require-future", _R, "the evidence is dated in the future", "set the runner's clock; then dispatch again"),
    _row("require-outside-run", _R, "the evidence's times are not within its run's", _WHO),
    _row(
        "require-gate-too-old",
        _R,
        "the run was made by a gate older than min-gate-version: a re-run uses the old commit",
        _DISPATCH + ", not a re-run",
    ),
    _row(
        "require-absent-differs",
        _R,
        "the evidence's list of absent sources is not the base branch's",
        "dispatch again with the default branch's gate.toml",
    ),
    _row("require-policy-weaker", _R, "the evidence was judged by weaker bounds than the base branch's", _DISPATCH),
    _row("require-inconclusive", _I, "the newest attempt could not tell", "fix what its evidence names"),
    _row(
        "require-quarantine",
        _Q,
        "the newest attempt saw the failure class",
        "keep trusted writes off; look before anyone restarts the store",
    ),
    _row(
        "require-quarantine-held",
        _Q,
        "the standing quarantine is held",
        "`publication-gate quarantine status` says which condition is not met",
    ),
)
BY_DECISION: Final = {row.code: row for row in DECISION_CODES}
