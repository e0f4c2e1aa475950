"""What an upstream serves is made of signatures and the policy's keys, whatever a record says of it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gate.model import records
from gate.model.basics import Claim, Label
from tests.helpers import runs

FIRST = runs.SOURCES[0]
LOG = runs.push_log(runs.SOURCES[1:]).replace(b"0 in upstream", b"1 in upstream")
OWN_NAME = "main"


def run_of(signed: records.PathFacts, *, names: tuple[str, ...] = (runs.UPSTREAM,), claimed: bool = True) -> runs.Run:
    """A run that left one path of its profile to an upstream, by its own record, and did not read it."""

    def change(row: records.PushSetKnown) -> records.PushSetKnown:
        if row.label is not Label.PROFILE:
            return row
        claimed_paths = (signed.store_path,) if claimed else ()
        return replace(row, paths=(signed, *row.paths[1:]), upstream=claimed_paths, upstream_key_names=names)

    run = runs.healthy().change(records.PushSetKnown, change).with_file("push-profile.log", LOG)
    return run.change(records.BodyRead, lambda row: row if row.store_path != FIRST.store_path else None)


def claim_of(run: runs.Run) -> Claim:
    return next(path.claim for path in run.facts().push.paths if path.store_path == FIRST.store_path)


@pytest.mark.row("TRU-11")
def test_a_path_is_left_to_an_upstream_by_a_signature_that_verifies() -> None:
    for claimed in (True, False):  # the record's word changes nothing
        run = run_of(runs.of_upstream(FIRST), claimed=claimed).with_policy(upstream_keys=(runs.UPSTREAM_KEY,))
        assert claim_of(run) is Claim.IN_UPSTREAM
        assert ("push-unaccounted", "inconclusive") not in run.rows()


WITHOUT_KEY: tuple[str, ...] = ()
OTHER_KEY = runs.UPSTREAM_KEY.replace(runs.UPSTREAM, "other-1")
SHORT = f"{runs.UPSTREAM}:AAAA"
ODD_KEY = f"{runs.UPSTREAM}:none"


@pytest.mark.row("TRU-11")
@pytest.mark.parametrize(
    ("edit", "names", "keys"),
    [
        (runs.of_upstream, (runs.UPSTREAM,), WITHOUT_KEY),
        (runs.of_upstream, (runs.UPSTREAM,), (OTHER_KEY,)),
        (runs.of_upstream, (runs.UPSTREAM,), (ODD_KEY,)),
        (runs.of_upstream, (), (runs.UPSTREAM_KEY,)),
        (
            lambda facts: replace(facts, signatures=(runs.signature(facts, "other-1"),)),
            ("other-1",),  # the cache names no such upstream
            (OTHER_KEY,),
        ),
        (
            lambda facts: replace(facts, signatures=(f"{runs.UPSTREAM}:AAAA",)),
            (runs.UPSTREAM,),
            (runs.UPSTREAM_KEY,),
        ),
        (lambda facts: replace(runs.of_upstream(facts), nar_size=201), (runs.UPSTREAM,), (runs.UPSTREAM_KEY,)),
        (lambda facts: replace(runs.of_upstream(facts), nar_hash="md5:x"), (runs.UPSTREAM,), (runs.UPSTREAM_KEY,)),
        (
            lambda facts: replace(facts, signatures=(runs.signature(facts, OWN_NAME), f"{runs.UPSTREAM}:{'A' * 86}==")),
            (OWN_NAME, runs.UPSTREAM),
            (runs.PUBLIC_KEY,),  # the cache's own key, given as an upstream's
        ),
    ],
    ids=["no key", "other key", "odd key", "no name", "unnamed", "malformed", "other size", "odd hash", "own key"],
)
def test_the_word_of_a_record_leaves_nothing_to_an_upstream(
    edit: Callable[[records.PathFacts], records.PathFacts], names: tuple[str, ...], keys: tuple[str, ...]
) -> None:
    run = run_of(edit(FIRST), names=names).with_policy(upstream_keys=keys)
    assert claim_of(run) is Claim.UNACCOUNTED
    assert run.word() != "pass"


def test_a_cache_that_did_not_describe_itself_names_no_upstream() -> None:
    signed = run_of(runs.of_upstream(FIRST)).with_policy(upstream_keys=(runs.UPSTREAM_KEY,))
    silent = signed.change(records.CacheConfigSeen, lambda row: row if row.cache != "main" else None)
    outlier = signed.change(records.CacheConfigSeen, lambda row: replace(row, answer=runs.answer(500)))
    assert [claim_of(run) for run in (silent, outlier)] == [Claim.UNACCOUNTED] * 2
