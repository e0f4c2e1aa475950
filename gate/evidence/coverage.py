"""How much of what was published is proved: paths and bytes, expected against read back whole."""

from collections.abc import Sequence

from gate.evidence.bodies import WHOLE
from gate.model.basics import Claim, Label
from gate.model.body import Body
from gate.model.document import Coverage
from gate.model.push_facts import Push


def fold_coverage(push: Push, bodies: Sequence[Body]) -> Coverage:
    """The coverage over all labels. Fresh means uploaded: written now, not claimed from a database."""
    fresh = [path for path in push.paths if path.claim is Claim.UPLOADED]
    proved = [body for body in bodies if body.code == WHOLE]
    return Coverage(
        expected_paths=len(bodies),
        expected_bytes=sum(body.nar_size for body in bodies),
        fresh_paths=len(fresh),
        fresh_bytes=sum(path.nar_size for path in fresh),
        proved_paths=len(proved),
        proved_bytes=sum(body.nar_size for body in proved),
        skipped_paths=sum(1 for body in bodies if not body.reads),
        upstream_paths=sum(1 for path in push.paths if path.claim is Claim.IN_UPSTREAM),
        fresh_profile=sum(1 for path in fresh if path.label is Label.PROFILE),
        fresh_twin=sum(1 for path in fresh if path.label is Label.TWIN),
    )
