"""The servers behind a CDN or a proxy, where the policy names them: what they give must be what builders get."""

from collections.abc import Iterator
from typing import Final

from gate import limits
from gate.evidence.bodies import WHOLE
from gate.judge.body_class import UNREAD, class_status, repeated_class
from gate.judge.checks.store import canary_is_due
from gate.judge.finding import finding
from gate.model.basics import BucketState, Claim, Label, Status
from gate.model.bodies import Body
from gate.model.document import Facts, Finding

BODIES: Final = "bodies"
BUCKETS: Final = "buckets"


def origin_subjects(facts: Facts) -> Iterator[str]:
    """What the policy has compared with an origin, as far as this run could."""
    if facts.policy.origin_server and canary_is_due(facts):
        yield BODIES
    if facts.policy.origin_endpoint and facts.store is not None and facts.store.samples:
        yield BUCKETS


def check_origin(facts: Facts) -> Iterator[Finding]:
    """One row for the bodies, and one for the buckets."""
    for subject in origin_subjects(facts):
        yield _bodies(facts) if subject == BODIES else _buckets(facts)


def _bodies(facts: Facts) -> Finding:
    read = [body for body in facts.bodies if any(row.at_origin for row in body.reads)]
    lacking = _lacking(facts, read)
    codes = {body.store_path: (_code(body, at_origin=False), _code(body, at_origin=True)) for body in read}
    unread = [path for path, (_, there) in codes.items() if class_status(there) is Status.INCONCLUSIVE]
    differing = [path for path, (here, there) in codes.items() if here != there and path not in unread]
    if differing:
        path = differing[0]
        summary = (
            f"{len(differing)} of {len(read)} paths: {path} is {codes[path][0]}, and at the origin {codes[path][1]}"
        )
        return finding("origin-differs", BODIES, summary, evidence=("/bodies",))
    if unread or lacking:
        summary = f"{unread[0]} is {codes[unread[0]][1]} at the origin" if unread else lacking
        return finding("origin-unread", BODIES, summary, evidence=("/bodies",))
    whole = sum(there == WHOLE for _, there in codes.values())
    return finding("origin-same", BODIES, f"{len(read)} paths were read at the origin too, {whole} of them whole")


def _lacking(facts: Facts, read: list[Body]) -> str:
    """What had to be read at the origin and was not: the canary pair, and fresh paths up to the limit."""
    canaries = [body for body in facts.bodies if body.label is Label.CANARY and body not in read]
    if canaries:
        return f"{canaries[0].store_path} was not read at the origin"
    fresh = [body for body in facts.bodies if body.label is not Label.CANARY and body.claim is Claim.UPLOADED]
    count, least = sum(body.label is not Label.CANARY for body in read), min(len(fresh), limits.ORIGIN_PATHS)
    return "" if count >= least else f"{count} paths beside the canary pair were read at the origin, expected {least}"


def _code(body: Body, *, at_origin: bool) -> str:
    """The class of the reads at one of the places; where they changed after the publication, the later one."""
    rows = [row for row in body.reads if row.at_origin is at_origin]
    newest = [row.code for row in rows if row.after_post] or [row.code for row in rows]
    return repeated_class(newest) if newest else UNREAD


def _buckets(facts: Facts) -> Finding:
    samples = [
        (name, sample)
        for observation in (facts.pre.buckets, facts.during.buckets, facts.post.buckets)
        for name, bucket in observation.items()
        for sample in bucket.samples
    ]
    where = ("/pre/buckets", "/during/buckets", "/post/buckets")
    unread = ""
    for name, sample in samples:
        there = sample.origin
        summary = f"{name} in the sample of {sample.at}: {'; '.join(sample.notes) or 'the origin was not asked'}"
        if there is None or there is BucketState.UNOBSERVABLE:
            unread = unread or summary
        elif there is not sample.endpoint:
            return finding("origin-differs", BUCKETS, summary, evidence=where)
    if unread:
        return finding("origin-unread", BUCKETS, unread, evidence=where)
    return finding("origin-same", BUCKETS, f"{len(samples)} looks at buckets gave the same at the origin")
