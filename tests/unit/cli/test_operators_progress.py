"""What the operators' commands say while they wait."""

import io

import pytest

from gate.cli import progress
from gate.cli.operators import StoreTarget, take_samples
from gate.cli.progress import CommandConsole, ProgressLines
from gate.clock import SystemClock
from gate.model.basics import Secret
from gate.process import CancelToken
from tests.helpers.scripted_s3 import Script, store


def test_the_heartbeat_names_the_sample_that_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "HEARTBEAT_SECONDS", 0.02)
    stream = io.StringIO()
    values = {
        "markers": (),
        "samples": 2,
        "sample_spacing": 0.3,
        "sample_deadline": 3.0,
        "hosts": (),
        "plain_http_hosts": (),
    }
    values |= {"addressing": "path", "s3_session_token": None}
    keys = {"s3_region": "r", "s3_access_key_id": Secret("keykeykey"), "s3_secret_access_key": Secret("secretsecret")}
    with store(Script({})) as (server, _door), ProgressLines(stream, SystemClock()) as lines:
        site = StoreTarget(values={**values, **keys, "s3_endpoint": server.url}, cache_endpoint="")
        take_samples(site, ("b",), CommandConsole(clock=SystemClock(), cancel=CancelToken(), progress=lines))
    assert "sample 1 of 2: still running\n" in stream.getvalue()
