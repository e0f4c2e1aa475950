"""What the gate makes of bucket samples: the operators' command, and a run in which they are the evidence before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gate.judge.bucket_rca import judge_rca
from gate.model.basics import EXIT_CODES, BucketState, Phase, VerdictWord
from gate.model.document import Finding, Verdict
from gate.model.operators import BucketCause, Decision, Rca
from gate.model.records import BucketSampled
from tests.helpers import runs
from tests.helpers.scripted_s3 import BUCKETS, Script, samples, store

Samples = Sequence[BucketSampled]


@dataclass(frozen=True)
class BucketVerdicts:
    """The answer of ``rustfs-bucket-index-rca``, and the findings and the verdict of a run, on the same samples."""

    rca: Rca
    findings: tuple[Finding, ...]
    run: Verdict

    @property
    def buckets(self) -> Mapping[str, BucketCause]:
        return self.rca.buckets

    @property
    def verdict(self) -> Decision:
        return self.rca.verdict

    def code(self, bucket: str) -> str:
        """The reason code of the run on a bucket, before the publication."""
        (row,) = [row for row in self.findings if (row.subject, row.phase) == (bucket, Phase.PRE.value)]
        return row.code


def judged(samples: Samples) -> BucketVerdicts:
    """Both readings. The samples are taken before the publication of a run that is healthy but for them."""
    rca = judge_rca(
        samples, BUCKETS, endpoint="http://s3", samples_requested=len(samples), spacing_millis=0, scratch=None
    )
    assert {sample.phase for sample in samples} == {Phase.PRE}
    rest = list(samples)
    run = runs.healthy().with_policy(samples=2)

    def change(record: BucketSampled) -> BucketSampled:
        if record.phase is not Phase.PRE:
            return record
        of = rest[min(record.number, len(rest)) - 1]
        took = datetime.fromisoformat(of.ended_at) - datetime.fromisoformat(of.began_at)
        # A sample as long as the real one, at the place in the run's own time that `entries` gives it.
        return replace(of, number=record.number, began_at="", ended_at=f"{took.total_seconds()}")

    findings, verdict = run.change(BucketSampled, change).judged()
    return BucketVerdicts(rca=rca, findings=findings, run=verdict)


def rca(script: Script, place: str, seconds: float = 60) -> BucketVerdicts:
    """Two samples of the scripted server and of a drive, judged."""
    with store(script, seconds=seconds) as (_server, door):
        return judged(samples(door, [place]))


def expect(
    verdicts: BucketVerdicts, state: BucketState, word: VerdictWord, note: str = "", bucket: str = "tofu-state"
) -> None:
    """The state, the reason code, and the verdict and exit code of both; ``note`` is in each sample's notes."""
    assert verdicts.buckets[bucket].state is state
    assert verdicts.code(bucket) == f"bucket-{state.value}"
    for verdict in (verdicts.verdict, verdicts.run):
        assert (verdict.word, verdict.exit_code) == (word, EXIT_CODES[word])
    rows = [sample.sample for sample in verdicts.buckets[bucket].samples]
    assert all(not note or any(note in text for text in row.notes) for row in rows), [row.notes for row in rows]
