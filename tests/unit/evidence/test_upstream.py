"""What an upstream serves is made of signatures and the policy's keys, whatever a record says of it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gate.model import records as say
from gate.model.basics import Claim, Label
from tests.helpers import tapes

FIRST = tapes.SOURCES[0]
LOG = tapes.push_log(tapes.SOURCES[1:]).replace(b"0 in upstream", b"1 in upstream")
OWN_NAME = "main"


def run_of(signed: say.PathFacts, *, names: tuple[str, ...] = (tapes.UPSTREAM,), claimed: bool = True) -> tapes.Run:
    """A run that left one path of its profile to an upstream, by its own record, and did not read it."""

    def change(row: say.PushSetKnown) -> say.PushSetKnown:
        if row.label is not Label.PROFILE:
            return row
        told = (signed.store_path,) if claimed else ()
        return replace(row, paths=(signed, *row.paths[1:]), upstream=told, upstream_key_names=names)

    run = tapes.healthy().change(say.PushSetKnown, change).with_file("push-profile.log", LOG)
    return run.change(say.BodyRead, lambda row: row if row.store_path != FIRST.store_path else None)


def claim_of(run: tapes.Run) -> Claim:
    return next(path.claim for path in run.facts().push.paths if path.store_path == FIRST.store_path)


@pytest.mark.row("TRU-11")
def test_a_path_is_left_to_an_upstream_by_a_signature_that_verifies() -> None:
    for claimed in (True, False):  # the record's word changes nothing
        run = run_of(tapes.of_upstream(FIRST), claimed=claimed).with_policy(upstream_keys=(tapes.UPSTREAM_KEY,))
        assert claim_of(run) is Claim.IN_UPSTREAM
        assert ("push-unaccounted", "inconclusive") not in run.rows()


WITHOUT_KEY: tuple[str, ...] = ()
OTHER_KEY = tapes.UPSTREAM_KEY.replace(tapes.UPSTREAM, "other-1")
SHORT = f"{tapes.UPSTREAM}:AAAA"
ODD_KEY = f"{tapes.UPSTREAM}:none"


@pytest.mark.row("TRU-11")
@pytest.mark.parametrize(
    ("edit", "names", "keys"),
    [
        (tapes.of_upstream, (tapes.UPSTREAM,), WITHOUT_KEY),
        (tapes.of_upstream, (tapes.UPSTREAM,), (OTHER_KEY,)),
        (tapes.of_upstream, (tapes.UPSTREAM,), (ODD_KEY,)),
        (tapes.of_upstream, (), (tapes.UPSTREAM_KEY,)),
        (
            lambda facts: replace(facts, signatures=(tapes.signature(facts, "other-1"),)),
            ("other-1",),  # the cache names no such upstream
            (OTHER_KEY,),
        ),
        (
            lambda facts: replace(facts, signatures=(f"{tapes.UPSTREAM}:AAAA",)),
            (tapes.UPSTREAM,),
            (tapes.UPSTREAM_KEY,),
        ),
        (lambda facts: replace(tapes.of_upstream(facts), nar_size=201), (tapes.UPSTREAM,), (tapes.UPSTREAM_KEY,)),
        (lambda facts: replace(tapes.of_upstream(facts), nar_hash="md5:x"), (tapes.UPSTREAM,), (tapes.UPSTREAM_KEY,)),
        (
            lambda facts: replace(
                facts, signatures=(tapes.signature(facts, OWN_NAME), f"{tapes.UPSTREAM}:{'A' * 86}==")
            ),
            (OWN_NAME, tapes.UPSTREAM),
            (tapes.PUBLIC_KEY,),  # the cache's own key, given as an upstream's
        ),
    ],
    ids=["no key", "other key", "odd key", "no name", "unnamed", "malformed", "other size", "odd hash", "own key"],
)
def test_the_word_of_a_record_leaves_nothing_to_an_upstream(
    edit: Callable[[say.PathFacts], say.PathFacts], names: tuple[str, ...], keys: tuple[str, ...]
) -> None:
    run = run_of(edit(FIRST), names=names).with_policy(upstream_keys=keys)
    assert claim_of(run) is Claim.UNACCOUNTED
    assert run.word() != "pass"


def test_a_cache_that_did_not_describe_itself_names_no_upstream() -> None:
    signed = run_of(tapes.of_upstream(FIRST)).with_policy(upstream_keys=(tapes.UPSTREAM_KEY,))
    silent = signed.change(say.CacheConfigSeen, lambda row: row if row.cache != "main" else None)
    odd = signed.change(say.CacheConfigSeen, lambda row: replace(row, answer=tapes.answer(500)))
    assert [claim_of(run) for run in (silent, odd)] == [Claim.UNACCOUNTED] * 2
