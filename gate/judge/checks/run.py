"""The run itself: identity of the caches, captures, and whether every step was taken and recorded."""

from collections.abc import Iterator

from gate import limits
from gate.judge.finding import RUN, finding
from gate.model.basics import Truth
from gate.model.document import Facts, Finding

PUBLISH = "publish"
CAPTURED = "run-captured"


def check_caches(facts: Facts) -> Iterator[Finding]:
    """One row a cache: it described itself, with its key."""
    known = {cache.name: (number, cache) for number, cache in enumerate(facts.subject.caches)}
    for name in facts.policy.caches:
        number, cache = known.get(name, (None, None))
        if cache is not None and cache.truth is Truth.PRESENT:
            yield finding("cache-identified", name, f"key {cache.public_key}", evidence=(f"/subject/caches/{number}",))
        else:
            yield finding("cache-unidentified", name, f"cache {name}: {cache.note if cache else 'not asked'}")


def check_captures(facts: Facts) -> Iterator[Finding]:
    """One row a capture."""
    for number, capture in enumerate(facts.journal.captures):
        if capture.name not in facts.journal.missing_captures:
            code = "capture-cut" if capture.cut else "capture-complete"
            summary = f"{capture.name}: {capture.bytes} bytes, {capture.redactions} replacements"
            yield finding(code, capture.name, summary, evidence=(f"/journal/captures/{number}",))
    for name in facts.journal.missing_captures:
        yield finding(
            "capture-missing",
            name,
            f"{name} is missing, was never closed, or is not what was closed",
            evidence=("/journal",),
        )


def check_run(facts: Facts) -> Iterator[Finding]:
    """The end of the run, and everything that kept it from being whole."""
    journal = facts.journal
    where = ("/journal",)
    if journal.stopped is not None:
        yield finding(journal.stopped.code, RUN, journal.stopped.reason, evidence=where)
    if journal.finalized:
        yield finding("run-finalized", RUN, "a person sealed this evidence, not the run", evidence=where)
    if journal.cancelled is not None:
        yield finding("run-cancelled", RUN, f"the run was cancelled: {journal.cancelled}", evidence=where)
    for number, trouble in enumerate(journal.troubles):
        yield finding("run-trouble", RUN, trouble, evidence=(f"/journal/troubles/{number}",))
    yield from _course(facts)
    skipped = [stage for stage in facts.stages if stage.name == PUBLISH and stage.state == "skipped"]
    if skipped:
        yield finding("run-publish-skipped", RUN, skipped[0].note, evidence=("/stages",))
    if facts.capture:
        yield finding(CAPTURED, RUN, "a capture looks, and publishes nothing", evidence=("/capture",))
    if not journal.complete or journal.torn:
        told = "a torn tail" if journal.torn else "no complete record"
        yield finding("run-incomplete", RUN, f"the journal has {journal.records} records and {told}", evidence=where)
    elif not (skipped or journal.troubles or journal.stopped or journal.finalized or journal.cancelled):
        yield finding("run-complete", RUN, f"{journal.records} records, {len(facts.stages)} stages", evidence=where)


def _course(facts: Facts) -> Iterator[Finding]:
    journal = facts.journal
    for told in journal.disorder:
        yield finding("run-disordered", RUN, told, evidence=("/journal/disorder",))
    if journal.clock_jump_millis > limits.CLOCK_JUMP_SECONDS * 1000:
        told = f"the clock moved by {journal.clock_jump_millis} ms, at most {limits.CLOCK_JUMP_SECONDS:.0f} s may be"
        yield finding("run-clock-jumped", RUN, told, evidence=("/journal/clock_jump_millis",))
