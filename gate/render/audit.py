"""An audit for a person: the headline, the counts, the bounds as sentences, and the worst paths."""

from collections.abc import Sequence
from typing import Final

from gate.judge.audit import HARMLESS
from gate.judge.codes.registry import BY_CODE
from gate.limits import LISTED_SUBJECTS
from gate.model.audit import AuditDocument, AuditPlan, Bound, ChunkState
from gate.model.basics import VerdictWord
from gate.render.escape import plain

_PATH_CHARS: Final = 300


def plan_text(plan: AuditPlan, plan_id: str, directory: str, shards: int) -> str:
    """What was planned, what it takes and what limits it, and the next command."""
    chunks = sum(file.rows for file in plan.shards) if plan.level else 0
    seconds = max(
        chunks / plan.rate if plan.rate else 0.0, plan.chunk_bytes / plan.bandwidth if plan.bandwidth else 0.0
    )
    by = "bytes" if plan.bandwidth and plan.chunk_bytes / plan.bandwidth >= seconds else "requests"
    source = plan.source
    limit = (
        f"  at least {_duration(seconds)} at {plan.rate:g} requests and {plan.bandwidth:g} bytes a second (0: any): "
        f"the rate of {by} is the limit, and more machines do not shorten it"
    )
    lines = [
        f"plan {plan_id[:16]}: {plan.paths.rows} paths, {plan.nars.rows} NARs, {chunks} chunks to read",
        f"  {plan.chunk_bytes} bytes in {len(plan.places)} buckets, {shards} shards, {plan.workers} at a time",
        limit,
        f"  schema {source.schema_revision} of {source.kind}",
    ]
    if plan.source.keypair_readable:
        lines.append("  warning: this database role can read cache.keypair, the caches' signing keys: use a lesser one")
    if plan.broken_claims:
        lines.append(f"  {plan.broken_claims} NARs whose claim contradicts itself, before any byte is read")
    if plan.service:
        lines.append(f"  {len(plan.service)} paths are read through Attic, which sets their last_accessed_at")
    lines.append(f"next: publication-gate audit run --plan {directory} --output SHARDS")
    return "\n".join(lines) + "\n"


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds >= 3600 else f"{seconds:.0f} seconds"  # noqa: PLR2004  # an hour


def bound_sentence(bound: Bound) -> str:
    """What a look proves."""
    if bound.is_census:
        return f"census of {bound.population} paths: {bound.damaged} are not whole"
    share = 100 * bound.at_most / bound.population if bound.population else 0.0
    return (
        f"sample of {bound.sample} of {bound.population} paths: {bound.damaged} are not whole, so at most "
        f"{bound.at_most} ({share:.2g} %) are, at {100 * bound.confidence:g} % confidence"
    )


def headline(document: AuditDocument) -> str:
    """The first line."""
    result = document.result
    hidden = result.paths.get(ChunkState.INDEX_HIDDEN.value, 0)
    harmless = {state.value for state in HARMLESS}
    broken = sum(count for name, count in result.paths.items() if name not in harmless)
    total = sum(result.paths.values())
    if result.verdict is VerdictWord.PASS:
        return f"PASS: {'; '.join(map(bound_sentence, result.bounds))}"
    tail = f"; {hidden} are hidden by the index: look before you delete" if hidden else ""
    return f"{result.verdict.value.upper()}: {broken} of {total} paths are not known to come back{tail}"


def audit_text(document: AuditDocument, directory: str, *, full: bool = False) -> str:
    """The summary of an audit; ``full`` lists every path."""
    result = document.result
    lines = [headline(document), ""]
    lines += [f"  {finding.code} × {finding.count}: {BY_CODE[finding.code].why}" for finding in result.findings]
    lines += [
        f"  chunks: {_counts(sorted(result.chunks.items()))}",
        f"  paths: {_counts(sorted(result.paths.items()))}",
    ]
    lines += [f"  {bound_sentence(bound)}" for bound in result.bounds]
    if result.service_asked:
        lines.append(f"  as Nix reads them: {result.service_whole} of {result.service_asked} paths came whole")
    worst = [path for path in result.damaged_paths if path.state not in HARMLESS or path.broken_claim is not None]
    first_paths = worst if full else worst[:LISTED_SUBJECTS]
    lines += [
        plain(f"  {path.broken_claim or path.state}: {path.cache} {path.store_path}", _PATH_CHARS)
        for path in first_paths
    ]
    if len(first_paths) < len(worst):
        lines.append(f"  … and {len(worst) - len(first_paths)} more in {directory}/audit.json")
    steps = dict.fromkeys(BY_CODE[finding.code].remedy for finding in result.findings if finding.status != "pass")
    lines += [f"next: {step}" for step in steps]
    lines.append(f"result_digest {document.result_digest}")
    return "\n".join(lines) + "\n"


def _counts(counts: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts) or "none"
