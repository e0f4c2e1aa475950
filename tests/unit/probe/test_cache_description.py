"""A cache is what its own whole description says; an answer that broke off, or an old one, describes nothing."""

from dataclasses import replace
from typing import Any

import pytest

from gate.evidence.fold import cache_facts
from gate.model.basics import Truth
from gate.probe.identify import described
from tests.helpers import runs

GOOD = runs.cache_config("main")


def test_a_whole_description_is_taken() -> None:
    assert described("main", GOOD) is not None
    assert cache_facts(GOOD).truth is Truth.PRESENT


@pytest.mark.parametrize("change", [{"error": "cut"}, {"error": "origin"}, {"body_cut": True}, {"status": 203}])
def test_any_other_is_unknown_to_the_run_and_to_its_evidence_alike(change: dict[str, Any]) -> None:
    outlier = replace(GOOD, answer=replace(GOOD.answer, **change))
    assert described("main", outlier) is None
    assert cache_facts(outlier).truth is Truth.UNKNOWN
