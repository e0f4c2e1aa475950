"""How much of what was published is proved: paths and bytes, expected against read back whole.

``uploaded`` is the client's word for a NAR that Attic's database did not have. Its chunks may be there all the same,
and then nothing was written. For a NAR of several chunks the server says how much of it that was; for one of a single
chunk (under its nar-size-threshold) it says nothing (attic b7c9056 server/src/api/v1/upload_path.rs, where
``frac_deduplicated`` is None). So where one upload of a publication wrote nothing, such silence proves no write.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from gate import limits
from gate.evidence.bodies import WHOLE
from gate.model.basics import Claim, Label
from gate.model.bodies import Body
from gate.model.document import Coverage
from gate.model.facts import Push, PushPath

_WHOLE_NAR: Final = 1000  # thousandths


def fold_coverage(push: Push, bodies: Sequence[Body]) -> Coverage:
    """The coverage over all labels. Fresh means written now: uploaded, as far as the server had not had it before."""
    fresh = [(path, part) for label in Label for path, part in written(push.paths, label)]
    proved = [body for body in bodies if body.code == WHOLE]
    return Coverage(
        expected_paths=len(bodies),
        expected_bytes=sum(body.nar_size for body in bodies),
        fresh_paths=len(fresh),
        fresh_bytes=sum(path.nar_size * part // _WHOLE_NAR for path, part in fresh),
        proved_paths=len(proved),
        proved_bytes=sum(body.nar_size for body in proved),
        skipped_paths=sum(1 for body in bodies if not body.reads),
        upstream_paths=sum(1 for path in push.paths if path.claim is Claim.IN_UPSTREAM),
        fresh_profile=fresh_count(push.paths, Label.PROFILE),
        fresh_twin=fresh_count(push.paths, Label.TWIN),
    )


def fresh_count(paths: Sequence[PushPath], label: Label) -> int:
    """How many whole paths of a publication were written, where one that was written by a half counts as a half."""
    return sum(part for _, part in written(paths, label)) // _WHOLE_NAR


def written(paths: Sequence[PushPath], label: Label) -> Iterator[tuple[PushPath, int]]:
    """The paths of a publication that are shown to be written, each with how much of its NAR, in thousandths."""
    uploaded = [path for path in paths if path.label is label and path.claim is Claim.UPLOADED]
    doubted = any(wrote_nothing(path) for path in uploaded)
    for path in uploaded:
        silent = path.deduplicated_permille is None and path.nar_size < limits.ATTIC_CHUNKED_BYTES
        part = _WHOLE_NAR - (path.deduplicated_permille or 0)
        if part > 0 and not (doubted and silent):
            yield path, part


def wrote_nothing(path: PushPath) -> bool:
    """Whether the server says of an uploaded path that it had all of it before."""
    return path.claim is Claim.UPLOADED and (path.deduplicated_permille or 0) >= _WHOLE_NAR
