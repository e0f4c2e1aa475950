"""A pass needs the thing itself: an answer that tells nothing of it, or is of something else, is none."""

from dataclasses import replace

import pytest

from gate.model import records
from gate.model.basics import Claim, Label, Phase
from tests.helpers import runs
from tests.helpers.runs import answer, cached, healthy

INCONCLUSIVE = "inconclusive"


def test_a_state_without_an_etag_can_not_be_told_from_another() -> None:
    bare = healthy().change(records.StateSeen, lambda row: replace(row, head=answer(200)))
    assert (bare.word(), bare.rows()) == (INCONCLUSIVE, {("state-unobservable", INCONCLUSIVE)})


@pytest.mark.parametrize("phase", [Phase.PRE, Phase.POST])
@pytest.mark.parametrize("changes", [{"bucket": "attic"}, {"key": "other.tfstate"}])
def test_another_object_is_not_the_state(phase: Phase, changes: dict[str, str]) -> None:
    run = healthy().change(records.StateSeen, lambda row: replace(row, **changes) if row.phase is phase else row)
    assert (run.word(), run.rows()) == (INCONCLUSIVE, {("state-unobservable", INCONCLUSIVE)})


@pytest.mark.parametrize("identity", [None, ""])
def test_a_server_without_an_identity_is_not_known_to_be_the_same(identity: str | None) -> None:
    run = healthy().change(records.WorkloadSeen, lambda row: replace(row, identity=identity))
    assert (run.word(), run.rows()) == (INCONCLUSIVE, {("epoch-unobservable", INCONCLUSIVE)})


@pytest.mark.parametrize("ended_by", ["deadline", "cancelled", "loss", "limit", "missing"])
@pytest.mark.parametrize("name", ["build", "push:canary", "push:profile"])
def test_a_child_that_was_ended_did_not_end_well_though_it_says_0(name: str, ended_by: str) -> None:
    run = healthy().change(records.ChildEnded, lambda row: replace(row, ended_by=ended_by) if row.name == name else row)
    assert run.word() == INCONCLUSIVE
    assert run.rows() <= {
        ("build-failed", INCONCLUSIVE),
        ("push-unattributed", INCONCLUSIVE),
        ("push-timed-out", INCONCLUSIVE),
        ("push-ended-at-loss", INCONCLUSIVE),
    }


def test_a_profile_that_is_left_to_an_upstream_as_a_whole_proves_nothing_of_this_cache() -> None:
    def change(row: records.PushSetKnown) -> records.PushSetKnown:
        if row.label is not Label.PROFILE:
            return row
        return replace(row, paths=tuple(map(runs.of_upstream, row.paths)), upstream_key_names=(runs.UPSTREAM,))

    log = f"✅ All done! (0 already cached, {len(runs.SOURCES)} in upstream)\n".encode()
    run = cached().with_policy(upstream_keys=(runs.UPSTREAM_KEY,))
    run = run.change(records.PushSetKnown, change).with_file("push-profile.log", log)
    assert {path.claim for path in run.facts().push.paths if path.label is Label.PROFILE} == {Claim.IN_UPSTREAM}
    assert (run.word(), run.rows()) == (INCONCLUSIVE, {("push-wrote-nothing", INCONCLUSIVE)})


@pytest.mark.parametrize(
    ("names", "signatures"),
    [
        (("main",), ("main:AAAA",)),  # the cache calls its own key an upstream's
        (("cache.nixos.org-1",), ()),  # nobody signed it
        ((), ("cache.nixos.org-1:AAAA",)),  # the cache names no upstream
    ],
)
def test_a_path_is_an_upstreams_only_by_the_key_of_another_cache(
    names: tuple[str, ...], signatures: tuple[str, ...]
) -> None:
    first = runs.SOURCES[0]

    def change(row: records.PushSetKnown) -> records.PushSetKnown:
        if row.label is not Label.PROFILE:
            return row
        paths = (replace(first, signatures=signatures), *row.paths[1:])
        return replace(row, paths=paths, upstream=(first.store_path,), upstream_key_names=names)

    log = runs.push_log(runs.SOURCES[1:]).replace(b"0 in upstream", b"1 in upstream")
    run = healthy().change(records.PushSetKnown, change).with_file("push-profile.log", log)
    assert run.facts().push.paths[2].claim is not Claim.IN_UPSTREAM
    assert first.store_path in {body.store_path for body in run.facts().bodies}
    assert run.word() == INCONCLUSIVE


@pytest.mark.parametrize("bounds", [{"min_paths": 12}, {"max_paths": 10}, {"max_bytes": 2199}])
def test_a_push_set_beyond_the_policys_bounds_is_no_representative_one(bounds: dict[str, int]) -> None:
    run = healthy().with_policy(**bounds)
    assert (run.word(), run.rows()) == (INCONCLUSIVE, {("push-not-representative", INCONCLUSIVE)})
    assert "11 paths of the profile are not within" in next(
        row.summary for row in run.judged()[0] if row.code == "push-not-representative"
    )


@pytest.mark.row("CFG-07")
def test_one_path_at_least_is_written_whatever_the_policy_wants() -> None:
    run = cached().with_policy(min_fresh=0, twin="never")
    bare = runs.Run(
        tuple(
            row
            for row in run.records
            if getattr(row, "label", None) is not Label.TWIN and "twin" not in getattr(row, "name", "")
        ),
        {name: data for name, data in run.files.items() if "twin" not in name},
    )
    assert (bare.word(), bare.rows()) == (INCONCLUSIVE, {("push-not-representative", INCONCLUSIVE)})


@pytest.mark.parametrize("codec", ["xz", "none", "bzip2"])
def test_a_body_that_is_whole_by_another_codec_than_its_narinfo_says_is_none_for_nix(codec: str) -> None:
    first = runs.SOURCES[0]
    text = runs.narinfo(first).replace("Compression: zstd", f"Compression: {codec}")
    run = healthy().change(
        records.BodyRead,
        lambda row: replace(row, narinfo=answer(body=text)) if row.store_path == first.store_path else row,
    )
    assert (run.word(), run.rows()) == (INCONCLUSIVE, {("body-codec-mismatch", INCONCLUSIVE)})


@pytest.mark.row("S3-02")
@pytest.mark.parametrize("cut", [17, 25, -1])
def test_half_a_list_of_objects_is_unknown(cut: int) -> None:
    body = runs.OBJECTS[:cut]
    run = healthy().change(
        records.BucketSampled, lambda row: replace(row, gets={**row.gets, "attic": answer(body=body)})
    )
    assert (run.word(), run.rows()) == (INCONCLUSIVE, {("bucket-unobservable", INCONCLUSIVE)})
