"""What the operators' commands say while they wait."""

import io

import pytest

from gate.cli import progress
from gate.cli.operators import Site, take_samples
from gate.cli.progress import Lines
from gate.clock import SystemClock
from gate.process import CancelToken
from tests.helpers.scripted_s3 import Script, store


def test_the_heartbeat_names_the_sample_that_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "HEARTBEAT_SECONDS", 0.02)
    stream = io.StringIO()
    site = Site(values={"markers": (), "samples": 2, "sample_spacing": 0.3}, cache_endpoint="")
    with store(Script({})) as (_server, door), Lines(stream, SystemClock()) as lines:
        take_samples(door, site, ("b",), clock=SystemClock(), cancel=CancelToken(), progress=lines)
    assert "sample 1 of 2: still at it\n" in stream.getvalue()
