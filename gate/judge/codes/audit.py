"""The codes of an audit of the whole cache."""

from typing import Final

from gate.judge.codes.model import CAPTURE_FIRST, FAIL, INCONCLUSIVE, PASS, REREAD, Rank, code

_RECHECK: Final = "run `publication-gate audit recheck`, which asks the database and the drives about what failed"
_AGAIN: Final = "run the shards again that `publication-gate audit status` names; what was read is not read twice"
_REPAIR: Final = "look at the list with `publication-gate show`; see docs/audit.md for what repairs such a chunk"

AUDIT: Final = (
    code(
        "audit-whole",
        (PASS,),
        "every chunk to read has the bytes that the database names, and the sampled paths came as Nix reads them",
        rank=Rank.BODY,
    ),
    code(
        "audit-chunk-hidden",
        (FAIL,),
        "the store says that it has no such object, and a drive has it: the index is wrong, the data is there",
        CAPTURE_FIRST,
        rank=Rank.INDEX,
        index_loss=True,
    ),
    code(
        "audit-chunk-lost",
        (FAIL,),
        "the database still claims a chunk after the store said twice that it has none, and no drive has it",
        _REPAIR,
        rank=Rank.BODY,
    ),
    code(
        "audit-chunk-corrupt",
        (FAIL,),
        "a chunk has other bytes than the database's file_hash, twice the same: each NAR with it is broken",
        _REPAIR,
        rank=Rank.BODY,
    ),
    code(
        "audit-claim-broken",
        (FAIL,),
        "the database's claim of a NAR contradicts itself: a chunk's row is gone, not valid, or too few or many",
        REREAD,
        rank=Rank.BODY,
    ),
    code(
        "audit-service-damaged",
        (FAIL,),
        "a sampled path did not come back whole as Nix reads it",
        REREAD,
        rank=Rank.BODY,
    ),
    code(
        "audit-chunk-absent",
        (INCONCLUSIVE,),
        "the store says that it has no such object; whether it is lost, hidden or collected was not settled",
        _RECHECK,
        rank=Rank.BODY,
    ),
    code(
        "audit-chunk-flapping",
        (INCONCLUSIVE,),
        "a chunk was whole, or absent, or other bytes at different times: the store does not give one answer",
        _RECHECK,
        rank=Rank.BODY,
    ),
    code(
        "audit-chunk-unread",
        (INCONCLUSIVE,),
        "a chunk could not be read, which says nothing of it",
        _AGAIN,
        rank=Rank.UNOBSERVED,
        neutral=True,
    ),
    code(
        "audit-claim-odd",
        (INCONCLUSIVE,),
        "the sizes of a NAR's chunks do not add up to its own: either can be the wrong one",
        "read the path with `publication-gate attic-nar-integrity-check`",
        rank=Rank.BODY,
    ),
    code(
        "audit-shard-missing",
        (INCONCLUSIVE,),
        "a shard of the plan has no complete attempt",
        _AGAIN,
        rank=Rank.RUN,
        neutral=True,
    ),
    code(
        "audit-path-unaudited",
        (INCONCLUSIVE,),
        "a path's NAR was changed while the plan was made, so the plan does not have all of its chunks",
        "make a new plan, or read the path with `publication-gate attic-nar-integrity-check`",
        rank=Rank.RUN,
        neutral=True,
    ),
    code(
        "audit-level-claims",
        (INCONCLUSIVE,),
        "only the database's claims were looked at: no byte was read",
        "plan with --level 2",
        rank=Rank.SETUP,
        neutral=True,
    ),
    code(
        "audit-service-unproved",
        (INCONCLUSIVE,),
        "no path was read as Nix reads it: the order of chunks, redirects and signatures are unseen",
        "plan with --service-paths over 0 and with the Attic server, and run the last shard",
        rank=Rank.SETUP,
        neutral=True,
    ),
    code(
        "audit-service-unread",
        (INCONCLUSIVE,),
        "a sampled path could not be read as Nix reads it",
        "run the last shard again",
        rank=Rank.UNOBSERVED,
        neutral=True,
    ),
)
