"""``[require]`` and ``[quarantine]`` of gate.toml: defaults, and a typo that can't weaken them."""

import tomllib
from datetime import UTC, datetime

import pytest

from gate.errors import RefusedError
from gate.settings import resolve
from gate.settings.require import demand_of, read_quarantine, read_require, subject_of

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SILENT = {
    "push_set": "build-closure",
    "min_paths": 5,
    "min_fresh": 5,
    "require_cache_push": False,
    "cache_public": False,
    "plain_http_hosts": (),
    "upstream_keys": (),
    "buckets": ("attic", "tofu-state"),
    "samples": 3,
    "sample_spacing": 8.0,
    "publish_anyway": False,
    "absent": (),
    "nix_settings": (),
    "nix_substituters": (),
}
LEAST = "[require]\nguarded = [{path = 'a'}]\n"


def test_the_defaults_of_require() -> None:
    policy = read_require(tomllib.loads(LEAST))
    assert policy.workflow == ".github/workflows/trusted-publication-probe.yml"
    assert (policy.events, policy.profiles, policy.max_age_hours) == (("workflow_dispatch",), ("medium-check",), 24)
    assert (policy.workflow_id, policy.repository_id, policy.attested, policy.signer_workflow) == (None,) * 2 + (
        False,
        None,
    )


def test_a_demand_is_what_gate_toml_says_and_the_environment_can_not_change_it() -> None:
    toml = tomllib.loads(
        LEAST
        + "[cache]\nattic-server='http://a'\nattic-cache='main'\n[sources]\nabsent=['state']\n"
        + "[store]\nbuckets=['bbb','aaa']\n[profiles.medium-check]\nmin-fresh=20\n"
    )
    environ = {"GATE_BUCKETS": "x", "GATE_ABSENT": "server-log", "GATE_ATTIC_CACHE": "y", "GATE_SAMPLES": "2"}
    demand = demand_of("medium-check", read_require(toml), toml, environ)
    statement = demand.required_settings
    assert (demand.cache, demand.endpoint, statement["absent"], statement["buckets"]) == (
        "main",
        "http://a",
        ("state",),
        ("bbb", "aaa"),
    )
    assert (statement["samples"], statement["min_fresh"], demand.max_age_seconds) == (3, 20, 86400)


def test_a_demand_holds_what_gate_toml_states_beside_its_bounds() -> None:
    places = (
        "[cache]\nattic-server='http://a'\nattic-cache='main'\nprobe-cache='p'\n[store]\ns3-endpoint='http://s'\n"
        "state-bucket='tofu-state'\nstate-key='k'\nmarkers=['file:///d']\nvolumes=['v']\nstore-log=''\n"
        "[state]\nstate-contents=true\n[sampling]\nsample-spacing=2.5\n[probe]\ntwin='always'\n"
    )
    toml = tomllib.loads(LEAST + places)
    environ = {"GATE_MARKERS": "file:///x", "GATE_INSTALLABLE": ".#x", "GATE_STORE_LOG": "file:///l"}
    demand = demand_of("medium-check", read_require(toml), toml, environ)
    assert demand.required_settings == {
        **SILENT,
        "installable": ".#checks.{system}.deadnix",
        "min_fresh": 10,
        "require_cache_push": True,
        "probe_cache": "p",
        "s3_endpoint": "http://s",
        "state_bucket": "tofu-state",
        "state_key": "k",
        "state_contents": True,
        "markers": ("file:///d",),
        "volumes": ("v",),
        "sample_spacing": 2.5,
        "twin": "always",
    }


def test_a_demand_states_no_place_that_gate_toml_leaves_to_the_environment() -> None:
    least = LEAST + "[cache]\nattic-server='http://a'\nattic-cache='main'\n"
    for text, installable in (
        ("", ".#checks.{system}.statix"),
        ("[probe]\ninstallable='.#x'\n", ".#x"),
        ("[profiles.small-check]\ninstallable='.#y'\n", ".#y"),
    ):
        toml = tomllib.loads(least + text)
        demand = demand_of("small-check", read_require(toml), toml, {})
        assert demand.required_settings == {**SILENT, "installable": installable}


def test_the_environment_names_a_cache_that_gate_toml_does_not() -> None:
    assert subject_of({}, {"GATE_ATTIC_CACHE": "c", "GATE_ATTIC_SERVER": "s"}) == ("c", "s")
    with pytest.raises(RefusedError, match="GATE_ATTIC_SERVER"):
        subject_of({}, {"GATE_ATTIC_CACHE": "c"})


def test_a_quarantine_that_is_not_written_down_is_held() -> None:
    policy = read_quarantine({}, NOW)
    assert (policy.configured, policy.held, policy.passes, policy.days, policy.history_days) == (False, True, 5, 7, 30)


def test_an_entry_that_breaks_the_glass() -> None:
    entry = "[quarantine]\nincident='i'\n[quarantine.break-glass]\nwho='Ada'\nwhy='w'\nuntil={}\n"
    for until in ("'2026-06-02T00:00:00Z'", "2026-06-02T00:00:00Z"):
        result = read_quarantine(tomllib.loads(entry.format(until)), NOW).break_glass
        assert result is not None
        assert result.until == "2026-06-02T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[quarantine]\n", "incident is None"),
        ("[quarantine]\nhelt = false\n", "unknown key 'helt'"),
        ("[quarantine]\nheld = 'no'\n", "held is 'no'"),
        ("[quarantine]\nheld = 0\n", "held is 0"),
        ('[quarantine]\nincident = "a\\nb"\n', "incident is"),
        ("[quarantine]\nincident = 'i'\npasses = 0\n", "passes is 0"),
        ("[quarantine]\nincident = 'i'\npasses = true\n", "passes is True"),
        ("[quarantine]\nincident = 'i'\ndays = 10\nhistory-days = 9\n", "history-days is 9"),
        ("[quarantine]\nincident = 'i'\nstatements = 'a'\n", "statements is 'a'"),
        ("[quarantine]\nincident = 'i'\nsince = 'May'\n", "since is 'May'"),
        ("[quarantine]\nincident = 'i'\nsince = '2026-13-01T00:00:00Z'\n", "since is"),
        ("[quarantine]\nincident = 'i'\nsince = 2026-05-06T00:00:00\n", "since is"),
        ("[quarantine]\nincident = 'i'\nbreak-glass = 'Ada'\n", "is str: expected a table"),
        ("[quarantine]\nincident='i'\nbreak-glass={who='A', why='w'}\n", "until is None"),
        ("[quarantine]\nincident='i'\nbreak-glass={who='', why='w', until='2026-06-02T00:00:00Z'}\n", "who is ''"),
        ("[quarantine]\nincident='i'\nbreak-glass={who='A', why='w', until='2026-06-16T00:00:00Z'}\n", "within 14"),
        ("[quarantine]\nincident='i'\nbreak-glass={who='A', why='w', until='2026-06-02T00:00:00Z', x=1}\n", "key 'x'"),
    ],
)
def test_a_wrong_quarantine_is_refused(text: str, match: str) -> None:
    with pytest.raises(RefusedError, match=match):
        read_quarantine(tomllib.loads(text), NOW)


@pytest.mark.parametrize("text", ["[require]\ngarded = []\n", "[quarantine]\nhelt = false\n", "require = 3\n"])
def test_a_probe_refuses_a_typo_in_them_too(text: str) -> None:
    with pytest.raises(RefusedError, match=r"gate\.toml"):
        resolve("synthetic", toml=tomllib.loads(text), environ={}, flags={}, read_file=str)


def test_the_values_of_require_are_checked() -> None:
    for key, value in (
        ("workflow", "'a.yml'"),
        ("workflow-id", "'7'"),
        ("repository-id", "0"),
        ("events", "['push']"),
        ("events", "[]"),
        ("profiles", "['none']"),
        ("max-age-hours", "100000"),
        ("min-gate-version", "'1.x'"),
        ("attested", "1"),
        ("signer-workflow", "'a/b'"),
    ):
        with pytest.raises(RefusedError):
            read_require(tomllib.loads(f"{LEAST}{key} = {value}\n"))
