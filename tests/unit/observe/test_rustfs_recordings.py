"""The recordings of RustFS, replayed byte by byte to the real senses: each is classed as its README says."""

from dataclasses import replace
from pathlib import Path

import pytest

from gate.evidence.buckets import read_sample
from gate.judge.bucket_rca import judge_rca
from gate.judge.state_readiness import judge_readiness
from gate.model.basics import BucketState, Truth, VerdictWord
from gate.model.operators import Level, ReadinessSeen
from gate.model.records import BucketSampled
from gate.observe.state_object import read_states
from tests.helpers.scripted_s3 import Answer, Script, recorded, samples, store
from tests.unit.observe.raw_http import Request

RECORDINGS = Path("fixtures/recordings/rustfs")
STATE_KEY = "runners/terraform.tfstate"
CANARY = "bm90LWEtcmVhbC1zZWNyZXQ="  # a sensitive output of the recorded state
STATES = {
    "healthy": BucketState.INDEXED,
    "drive-stalled": BucketState.UNSERVED,
    "drive-stalled-after-push": BucketState.INDEX_LOST,
    "recovered": BucketState.INDEXED,
}


def headless(name: str) -> Answer:
    """HEAD of an object was not recorded: it is the head of the GET."""
    whole = recorded(name)

    def answer(request: Request) -> None:
        request.method = "HEAD"
        whole(request)

    return answer


def script(name: str) -> Script:
    state = f"{name}/get-state.http"
    return Script(
        {
            "GET /": recorded(f"{name}/list-buckets.http"),
            "HEAD /attic": recorded(f"{name}/head-bucket-attic.http"),
            "HEAD /tofu-state": recorded(f"{name}/head-bucket-tofu-state.http"),
            "GET /attic": recorded(f"{name}/list-objects-attic.http"),
            "GET /tofu-state": recorded(f"{name}/list-objects-attic.http"),  # the same question, recorded of attic only
            "GET /health/ready": recorded(f"{name}/health-ready.http"),
            "GET /minio/health/cluster": recorded(f"{name}/minio-health-cluster.http"),
            f"GET /tofu-state/{STATE_KEY}": recorded(state),
            f"HEAD /tofu-state/{STATE_KEY}": headless(state),
        }
    )


def disk(name: str, root: Path) -> str:
    """The recorded names as folders: which of them were files does not matter to the markers."""
    for line in (RECORDINGS / name / "disk-markers.txt").read_text().splitlines():
        (root / line.strip("/")).mkdir(parents=True, exist_ok=True)
    return f"file://{root}"


@pytest.mark.parametrize(("name", "state"), STATES.items())
def test_each_recording_is_classed_as_its_readme_says(name: str, state: BucketState, tmp_path: Path) -> None:
    scripted = script(name)
    with store(scripted) as (_server, door):
        observation = samples(door, [disk(name, tmp_path)])
    rca = judge_rca(
        observation, ["attic", "tofu-state"], endpoint="http://s3", samples_requested=2, spacing_millis=0, scratch=None
    )
    assert {bucket: cause.state for bucket, cause in rca.buckets.items()} == {"attic": state, "tofu-state": state}
    assert rca.verdict.word is (VerdictWord.PASS if state is BucketState.INDEXED else VerdictWord.QUARANTINE)
    stalled = state is not BucketState.INDEXED
    assert rca.buckets["attic"].samples[0].sample.ready is (Truth.ABSENT if stalled else Truth.PRESENT)
    assert rca.buckets["attic"].samples[0].sample.marker is Truth.PRESENT
    assert scripted.hits == 2 * 7


@pytest.mark.parametrize("name", ["drive-stalled", "drive-stalled-after-push"])
def test_without_its_markers_the_same_answers_are_no_loss(name: str, tmp_path: Path) -> None:
    with store(script(name)) as (_server, door):
        (sample, *_) = samples(door, [f"file://{tmp_path}"], 1)
    assert read_sample(sample, "attic").state is BucketState.UNOBSERVABLE


@pytest.mark.parametrize(("name", "state"), STATES.items())
def test_the_readiness_of_each_recording(name: str, state: BucketState, tmp_path: Path) -> None:
    place = disk(name, tmp_path)
    with store(script(name)) as (server, door):
        observation = ReadinessSeen(
            endpoint=server.url,
            cache_endpoint=server.url,
            bucket="tofu-state",
            cache_buckets=("attic",),
            places=(place,),
            samples_requested=2,
            spacing_millis=0,
            samples=tuple(samples(door, [place])),
            versioning=door.s3.get_versioning("tofu-state"),
            reads=read_states(door.s3, "tofu-state", [STATE_KEY]),
            trouble=None,
            statement="",
            now="2026-11-23T23:30:00.000Z",
        )
    ready = judge_readiness(observation, expect_interim=True)
    good = state is BucketState.INDEXED
    assert ready.level is (Level.INTERIM if good else Level.BROKEN)
    assert ready.verdict.exit_code == (0 if good else 4)
    assert (ready.state_objects[0].serial, ready.state_objects[0].size) == ((42, 432) if good else (None, None))
    assert CANARY not in repr(ready)
    assert CANARY not in repr(observation)
    if not good:
        # S3's own word against the disk is enough, also where the samples came a moment too early.
        early = replace(observation, samples=tuple(samples_of_health(place)))
        assert judge_readiness(early, expect_interim=True).level is Level.BROKEN


def samples_of_health(place: str) -> list[BucketSampled]:
    with store(script("healthy")) as (_server, door):
        return samples(door, [place])
