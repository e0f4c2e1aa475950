"""Whether a state's content is read is said in ``gate.toml``, which is reviewed, and nowhere else."""

import pytest

from gate.errors import RefusedError
from gate.model.basics import Kind
from gate.settings import Settings, resolve
from gate.settings.table import BY_NAME


def settings(toml: dict[str, object], **environ: str) -> Settings:
    value = {
        "cache": {"attic-server": "https://cache.example", "attic-cache": "main"},
        "store": {"s3-endpoint": "https://s3.example", "state-key": "k", "markers": ["file:///data"]},
        "sources": {"absent": ["store-workload", "cache-workload", "server-log"]},
        **toml,
    }
    secrets = {
        "GATE_PUSH_TOKEN": "push-token",
        "GATE_READ_TOKEN": "read-token",
        "GATE_S3_ACCESS_KEY_ID": "keykeykey",
        "GATE_S3_SECRET_ACCESS_KEY": "secretsecret",
    }
    return resolve(
        "synthetic",
        toml=value,
        environ={**secrets, **environ},
        flags={},
        read_file=lambda name: name,
        kind=Kind.PRODUCTION,
    )


def test_it_is_not_read_unless_gate_toml_says_so() -> None:
    assert settings({}).policy.state_contents is False
    assert settings({"state": {"state-contents": True}}).policy.state_contents is True


def test_no_variable_no_flag_and_no_input_has_it_read() -> None:
    row = BY_NAME["state_contents"]
    assert (row.env, row.flag, row.action_input, row.key) == ("", "", "", "[state] state-contents")
    with pytest.raises(RefusedError, match="GATE_STATE_CONTENTS is set, and state-contents counts only where"):
        settings({}, GATE_STATE_CONTENTS="true")


def test_it_is_true_or_false() -> None:
    with pytest.raises(RefusedError, match=r"gate.toml \[state\] state-contents"):
        settings({"state": {"state-contents": "maybe"}})
