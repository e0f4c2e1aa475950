"""The table of lies holds together, and its quick part is told by the suite; ``make liars`` tells all of it."""

from collections import Counter

import pytest

from gate.judge.codes.registry import CODES
from gate.judge.scope import SPOT_BY_NAME
from gate.model.basics import VerdictWord
from tests.liars.__main__ import outcomes
from tests.liars.claims import CLAIMS
from tests.liars.lie import Lie, Outcome, Party, problem
from tests.liars.table import LIES

QUICK = [lie for lie in LIES if lie.quick]
FAMILIES = {row.family for row in CODES}


def test_the_table_is_whole() -> None:
    assert max(Counter(lie.name for lie in LIES).values()) == 1
    assert len(LIES) >= 80
    assert {lie.party for lie in LIES} == set(Party)
    assert {name for lie in LIES for name in lie.claims} == {claim.name for claim in CLAIMS}


def test_a_pass_is_allowed_only_with_a_reason() -> None:
    for lie in LIES:
        assert not (lie.harmless and lie.unseen), lie.name
        assert (VerdictWord.PASS in lie.words) is bool(lie.harmless or lie.unseen), lie.name
        assert not lie.unseen or lie.unseen in SPOT_BY_NAME, lie.name


def test_every_claim_is_attacked_and_names_families_of_the_registry() -> None:
    for claim in CLAIMS:
        assert set(claim.families) <= FAMILIES, claim.name
        assert [lie for lie in LIES if claim.name in lie.claims], claim.name
        parties = {lie.party for lie in LIES if claim.name in lie.claims}
        assert parties <= set(claim.parties), (claim.name, parties - set(claim.parties))


@pytest.mark.parametrize(
    ("changes", "word", "wrong"),
    [
        ({}, "pass", "FALSE PASS"),
        ({}, "quarantine", ""),
        (
            {"words": frozenset({VerdictWord.QUARANTINE})},
            "inconclusive",
            "the verdict is inconclusive, expected quarantine",
        ),
        ({"codes": ("body-empty",)}, "quarantine", "lacks body-empty"),
        ({"harmless": "why", "words": frozenset({VerdictWord.PASS})}, "pass", ""),
    ],
)
def test_what_the_table_does_not_allow_is_named(changes: dict[str, object], word: str, wrong: str) -> None:
    base = {"party": Party.S3, "name": "n", "text": "t", "liar": QUICK[0].liar, "claims": ("index",)}
    lie = Lie(**{**base, **changes})  # type: ignore[arg-type]  # a row of the table above
    assert problem(lie, outcome(word)) == wrong
    assert problem(lie, outcome(word, count=0)) == "nobody heard the lie, so the verdict says nothing of it"
    assert problem(lie, outcome(word, error="e")) == "could not be tried: e"


def outcome(word: str, count: int = 1, error: str = "") -> Outcome:
    return Outcome(name="n", party="p", word=word, codes=(), count=count, seconds=0, error=error)


@pytest.mark.parametrize("lie", QUICK, ids=lambda lie: lie.name)
def test_a_quick_lie_gives_no_false_pass(lie: Lie) -> None:
    ((_, outcome),) = outcomes([lie], workers=1)
    assert problem(lie, outcome) == ""
