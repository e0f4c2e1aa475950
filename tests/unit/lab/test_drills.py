"""The table of drills agrees with the registry of reason codes and with itself."""

import pytest

from gate.errors import RefusedError
from gate.judge.codes.registry import BY_CODE
from gate.lab.drills import DRILLS, Drill, find_drill
from gate.model.basics import Status, VerdictWord
from gate.settings import SETTINGS

NAMES = [
    *("healthy", "index-lost-during-push", "push-ended-at-loss", "index-lost-before", "index-lost-after"),
    *("index-flapping", "body-empty", "body-short", "chunk-missing", "chunk-bitflip", "foreign-body", "proxy-200-html"),
    *("already-cached-bucket-lost", "twin-of-cached-profile", "chunks-outlive-nars"),
    *("chunks-outlive-nars-no-twin", "twin-finds-the-loss", "cached-profile-no-twin"),
    *(
        "push-auth-expired",
        "s3-down",
        "store-stalled-before",
        "list-stalled-before",
        "store-stalled-during-push",
        "masked-fallback",
        "restart-in-window",
    ),
    *("pre-not-clean", "upstream-paths", "check-fails-to-build", "state-lineage-changed"),
    *("state-serial-moved", "cancelled"),
]


def test_every_drill_is_there_and_the_one_that_cancels_is_the_last() -> None:
    assert [drill.name for drill in DRILLS] == NAMES


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.name)
def test_stated_codes_are_registered_with_their_status(drill: Drill) -> None:
    assert drill.codes
    for code, status in drill.codes:
        assert status in BY_CODE[code].statuses, code


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.name)
def test_the_stated_verdict_follows_from_the_stated_codes(drill: Drill) -> None:
    statuses = {status for _, status in drill.codes}
    folded = (
        VerdictWord.QUARANTINE
        if Status.FAIL in statuses
        else VerdictWord.INCONCLUSIVE
        if Status.INCONCLUSIVE in statuses
        else VerdictWord.PASS
    )
    assert drill.word is folded


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.name)
def test_overrides_are_settings(drill: Drill) -> None:
    assert set(drill.overrides) <= {row.name for row in SETTINGS}


def test_no_name_is_the_healthy_run() -> None:
    assert find_drill(None) is find_drill("healthy")


def test_an_unknown_fault_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        RefusedError, match=r"'gremlins' is not known: expected one of healthy, index-lost-during-push, "
    ):
        find_drill("gremlins")
