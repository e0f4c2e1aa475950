"""The first records of a run and of a part of one: what reads them back looks for them in these places."""

from types import SimpleNamespace
from typing import Any

import pytest

from gate.evidence.journal_reader import JournalLog
from gate.evidence.split import part_head
from gate.model import records
from gate.model.machine import ToolsFound
from gate.model.split import PRE, PartBegun
from gate.probe.identify import start
from gate.probe.tools import Programs
from tests.helpers import parts, runs


@pytest.mark.parametrize("part", [None, PartBegun(part=PRE, previous=())])
def test_a_part_says_which_it_is_before_all_but_the_run(part: PartBegun | None) -> None:
    written: list[records.Record] = []
    settings = parts.settings()
    context: Any = SimpleNamespace(
        settings=settings, policy=settings.policy, programs=Programs(paths={}, path=""), write=written.append
    )
    start(context, parts.world(), part=part)
    kinds = [type(record) for record in written]
    assert kinds == [records.RunStarted, *([PartBegun] if part else []), ToolsFound]
    started = written[0]
    assert isinstance(started, records.RunStarted)
    assert (started.policy, started.tools) == (settings.policy, settings.tools)  # the very values that the probe uses
    if part is not None:
        assert part_head(JournalLog(entries=tuple(runs.entries(written)), torn=False)) == (started, part)
