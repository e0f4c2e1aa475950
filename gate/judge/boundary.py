"""What a verdict proves and does not; it travels with every verdict."""

from typing import Final

from gate.model.document import Facts

BOUNDARY: Final = (
    "Attic on RustFS is a mutable, cache-forward Nix binary cache: this speaks of one run, on one server epoch.",
    "A pass is no proof of remote execution.",
    "OpenTofu state needs a dedicated HA authority; state beside the cache shares its failures.",
    "Builds need fallback, because cache acceleration must not become build authority.",
)
# What is left to trust where the job that ran flake code had no S3 key, and the jobs that observed ran none of it.
SPLIT: Final = (
    "The run was split: which paths were published, with which contents, is a claim of the job that ran flake code.",
    "Canaries and twin bear a nonce that this job did not choose; that they are served is another job's observation.",
    "That the buckets were watched during the pushes rests on the times that the publishing job gave for them.",
)


def boundary(facts: Facts) -> tuple[str, ...]:
    """The sentences for this run; a split run has two more."""
    return (*BOUNDARY, *SPLIT) if facts.parts else BOUNDARY
