"""Rows of the fault matrix in the layer config: each is refused before anything is asked, built or written."""

import itertools
import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pycurl
import pytest

from gate.cli.main import app, main
from gate.cli.probe import read_config
from gate.clock import SystemClock
from gate.errors import RefusedError
from gate.judge.verdict import fold_verdict, judge, missing_claims, required_claims, unproved_claims
from gate.model import records
from gate.model.basics import Status, VerdictWord
from gate.net import Http
from gate.observe.curl_transfer import CurlHop
from gate.settings import SETTINGS, Settings, resolve
from tests.helpers import runs
from tests.helpers.raw_server import raw_server

GOOD: Mapping[str, Any] = {
    "attic_server": "https://attic.example",
    "attic_cache": "main",
    "s3_endpoint": "https://s3.example",
}


def settings(toml: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None, **flags: Any) -> Settings:
    return resolve(
        "synthetic", toml=toml or {}, environ=environ or {}, flags={**GOOD, **flags}, read_file=lambda _path: ""
    )


def refused(told: str, toml: Any = None, **flags: Any) -> str:
    """The sentence with which these settings are refused; the same without them are taken."""
    assert settings().policy.attic_cache == "main"
    with pytest.raises(RefusedError) as error:
        settings(toml, **flags)
    assert error.value.exit_code == 2
    assert told in str(error.value)
    return str(error.value)


@pytest.mark.row("CFG-01")
@pytest.mark.parametrize(
    "toml",
    [
        {"store": {"bucket": ["attic"]}},
        {"stores": {}},
        {"profiles": {"synthetic": {"max-path": 1}}},
        {"quarantine": {"incidents": "x"}},
        {"require": {"age": 1}},
    ],
)
def test_an_unknown_key_is_refused(toml: Mapping[str, Any]) -> None:
    refused("unknown", toml)


SERVERS = [
    "https://user@attic.example",
    "https://user:hunter2hunter2@attic.example",
    "https://attic.example@evil.example",
    "https://attic.example.",
    "https://attic.example.:443/",
    "https://2130706433",
    "https://0x7f000001",
    "https://0x7f.0.0.1",
    "https://0177.0.0.1",
    "https://127.1",
    "https://1.2.3.4.5",
    "https://256.1.1.1",
    "https://169.254.169.254",
    "https://169.254.169.254:80/latest",
    "https://[::ffff:169.254.169.254]",
    "https://[::ffff:127.0.0.1]",
    "https://[::ffff:7f00:1]",
    "https://[fe80::1]",
    "https://[fd00:ec2::254]",
    "https://[::]",
    "https://0.0.0.0",
    "https://224.0.0.1",
    "https://255.255.255.255",
    "https://[ff02::1]",
    "https://[::1",
    "https://[1:2]",
    "http://attic.example",
    "http://attic.example:8080",
    "http://127.0.0.1:8080",
    "http://[::1]:8080",
    "ftp://attic.example",
    "file:///etc/passwd",
    "//attic.example",
    "attic.example",
    "https://",
    "https://attic.example?x=1",
    "https://attic.example#x",
    "https://attic.example\\@evil.example",
    "https://attic example",
    "https://\u0430ttic.example",  # Cyrillic
    "https://attic.example:99999999",
]


@pytest.mark.row("CFG-03")
@pytest.mark.parametrize("name", ["attic_server", "s3_endpoint"])
@pytest.mark.parametrize("url", SERVERS)
def test_an_endpoint_that_programs_read_in_several_ways_is_refused(url: str, name: str) -> None:
    output = refused(name.upper(), **{name: url})
    assert "hunter2" not in output
    assert "user" not in output.replace("user, query or fragment", "")


@pytest.mark.row("CFG-03")
def test_a_plain_endpoint_is_taken_where_it_is_named() -> None:
    for url, host in (("http://attic.lab", "attic.lab"), ("http://10.0.0.7:8080", "10.0.0.7:8080")):
        assert settings(attic_server=url, plain_http_hosts=(host,)).policy.attic_server == url
    assert settings(attic_server="https://[2001:db8::1]:8443/sub").policy.attic_server
    refused("plain-http-hosts", attic_server="http://attic.lab:81", plain_http_hosts=("attic.lab",))


@pytest.mark.row("CFG-04")
@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1%lo", "::ffff:169.254.169.254", "::", "224.0.0.1"])
def test_a_name_that_leads_to_a_link_local_address_is_not_asked(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    request = resolver(monkeypatch, [address, "127.0.0.1"])
    with Http(["s3.example:9"], ["s3.example:9"], clock=SystemClock(), seconds=5) as http:
        answer, _ = http.ask("GET", "http://s3.example:9/", cap=100, keep_body=True)
    assert (answer.error, answer.status, request) == ("refused-address", None, ["s3.example"])


@pytest.mark.row("CFG-04")
def test_a_name_is_looked_up_once_and_what_was_checked_is_what_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A resolver that answers otherwise the second time is never asked a second time."""
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere"
    with raw_server(lambda connection, _head: connection.sendall(whole)) as server:
        request = resolver(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
        host = f"s3.example:{server.port}"
        with Http([host], [host], clock=SystemClock(), seconds=10) as http:
            answer, body = http.ask("GET", f"http://{host}/", cap=100, keep_body=True)
    assert (answer.status, body, request) == (200, b"here", ["s3.example"])


@pytest.mark.row("CFG-04")
@pytest.mark.parametrize(("address", "code"), [("169.254.169.254", 7), ("224.0.0.1", 7), ("127.0.0.1", 0)])
def test_no_body_is_read_from_a_link_local_address(address: str, code: int) -> None:
    """libcurl asks for a socket for the very address that it will connect to, after every look-up and redirect."""
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere"
    got = bytearray()
    with raw_server(lambda connection, _head: connection.sendall(whole)) as server:
        hop = CurlHop(b"", 10)
        hop.handle.setopt(pycurl.RESOLVE, [f"cache.example:{server.port}:{address}"])
        url = f"http://cache.example:{server.port}/"

        def sink(_status: int, piece: bytes) -> bool:
            got.extend(piece)
            return True

        hop.ask(url, headers=[], seconds=20, sink=sink)
        try:
            hop.handle.perform()
            ended = 0
        except pycurl.error as error:
            ended = error.args[0]
        hop.close()
    assert (ended, len(server.requests), bytes(got)) == ((code, 0, b"") if code else (0, 1, b"here"))


def resolver(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Names ending in .example lead where it is said, one answer after the other; the names that were asked."""
    request: list[str] = []
    real = socket.getaddrinfo

    def found(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if not str(host).endswith(".example"):
            return real(host, port, *rest, **more)
        request.append(str(host))
        addresses = answers[min(len(request), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    return request


@pytest.mark.row("CFG-05")
@pytest.mark.parametrize("name", ["a/b", "..", ".", "a\0b", "a\nb", "a b", "ä", "a" * 64, "-/..", "%2e%2e"])
def test_a_name_that_could_lead_elsewhere_is_refused(name: str) -> None:
    for key in ("attic_cache", "probe_cache", "state_bucket"):
        refused("", **{key: name})
    refused("", buckets=("attic", name))
    with pytest.raises(RefusedError):
        resolve(name, toml={}, environ={}, flags=GOOD, read_file=str)


NUMBERS = [row for row in SETTINGS if row.type in ("whole", "seconds")]


@pytest.mark.row("CFG-06")
@pytest.mark.parametrize("row", NUMBERS, ids=lambda row: row.name)
def test_a_limit_that_is_none_is_refused(row: Any) -> None:
    for inputs in ("-1", "inf", "-inf", "nan", "1e999", "", "x", "1_0", "0x10"):
        if inputs:
            with pytest.raises(RefusedError):
                settings(environ={row.env: inputs})
    for value in (float("inf"), float("nan"), -1, True, "1e999", 10**30):
        with pytest.raises(RefusedError):
            settings({row.table: {row.name.replace("_", "-"): value}})
    if row.least:
        with pytest.raises(RefusedError):
            settings(environ={row.env: "0"})


@pytest.mark.row("CFG-06")
@pytest.mark.parametrize("key", ["min-paths", "max-paths", "max-bytes", "min-fresh"])
@pytest.mark.parametrize("value", [-1, 0, True, 1.5, float("inf"), "5", 10**30])
def test_a_profile_without_bounds_is_refused(key: str, value: object) -> None:
    if (key, value) == ("min-fresh", 0):
        return
    refused("", {"profiles": {"synthetic": {key: value}}})


@pytest.mark.row("CFG-07")
def test_a_gate_that_expects_nothing_is_refused() -> None:
    refused("buckets is empty", buckets=())
    refused("buckets is empty", {"store": {"buckets": []}}, buckets=())
    refused("min-paths", {"profiles": {"synthetic": {"min-paths": 0}}})
    nothing = runs.healthy().change(records.PushSetKnown, lambda row: replace(row, paths=()))
    assert nothing.word() != "pass"
    assert runs.healthy().with_policy(buckets=()).word() == "inconclusive"


@pytest.mark.row("CFG-08")
@pytest.mark.parametrize(
    "text",
    [
        "[cache]\nattic-cache='a'\nattic-cache='b'\n",
        "[cache]\nattic-cache='a'\n[cache]\nattic-cache='b'\n",
        "!!python/object/apply:os.system ['touch pwned']\n",
        "a: &a [x,x]\nb: &b [*a,*a]\n",
        '{"cache":{"attic-cache":"a","attic-cache":"b"}}',
        "x = " + "[" * 5000,
        "[cache]\nattic-cache='" + "a" * 2_000_000 + "'\n",
        "\ufeff[cache]\n",
        "[cache]\nattic-cache='\0'\n",
    ],
    ids=["key twice", "table twice", "yaml tag", "yaml anchors", "json", "deep", "long", "bom", "nul"],
)
def test_what_is_no_plain_toml_is_refused(text: str, tmp_path: Path) -> None:
    config = tmp_path / "gate.toml"
    config.write_text(text, encoding="utf-8")
    with pytest.raises(RefusedError):
        settings(read_config(config))
    assert [path.name for path in tmp_path.iterdir()] == ["gate.toml"]


@pytest.mark.row("CFG-09")
def test_a_config_that_somebody_else_may_have_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "gate.toml"
    config.write_text("[cache]\n")
    config.chmod(0o644)
    assert read_config(config) == {"cache": {}}
    link = tmp_path / "link.toml"
    link.symlink_to(config)
    with pytest.raises(RefusedError, match="can't be read"):
        read_config(link)
    config.chmod(0o646)
    with pytest.raises(RefusedError, match="0646"):
        read_config(config)
    config.chmod(0o644)
    if os.getuid() == 0:
        os.chown(config, 4711, -1)
        assert read_config(config) == {"cache": {}}  # root takes the runner's
    owner = config.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(RefusedError, match=f"owner {owner}"):
        read_config(config)
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(RefusedError, match="no regular file"):
        read_config(tmp_path / "pipe.toml")


SKIPS = re.compile(r"skip|dry|offline|ignore|force|no-verify|insecure|allow|trust|assume|yes")


@pytest.mark.row("CFG-10")
def test_no_flag_and_no_variable_drops_a_claim() -> None:
    """Only what gate.toml states may; each such source stays in the document as granted, never as proved."""
    flags = {name for command in commands() for name in command}
    assert "--samples" in flags
    assert {flag for flag in flags if SKIPS.search(flag)} == {"--dry-run"}
    assert [name for name in app if "--dry-run" in flags_of(name)] == ["init", "probe"], "of a probe it is never a 0"
    assert main(["probe", "--dry-run", "--profile", "synthetic", "--confirm", "probe-attic-publication-synthetic"]) != 0
    statement = {row.name for row in SETTINGS if row.file_only}
    assert {"absent", "cache_public"} <= statement
    assert all(not row.flag and not row.env and not row.action_input for row in SETTINGS if row.file_only)


@pytest.mark.row("CFG-10")
def test_every_combination_of_the_flags_that_loosen_a_run_is_no_pass_where_a_claim_is_missing() -> None:
    """publish-anyway and finish-push are for reproductions: they change what is done, not what a pass needs."""
    broken = runs.healthy().change(records.ControlTried, lambda _row: None)
    for absent in itertools.chain.from_iterable(itertools.combinations(("state", "server-log"), n) for n in range(3)):
        for anyway, finish in itertools.product((False, True), repeat=2):
            run = broken.with_policy(absent=absent, publish_anyway=anyway, finish_push=finish)
            assert run.word() == "inconclusive", (absent, anyway, finish)


def commands() -> Iterator[set[str]]:
    yield from map(flags_of, app)


def flags_of(name: str) -> set[str]:
    if name.startswith("-") or app[name].default_command is None:
        return set()
    return {flag for argument in app[name].assemble_argument_collection() for flag in argument.names}


@pytest.mark.row("CFG-12")
@pytest.mark.parametrize("host", ["*", "*.example", "s3.*", "[*]", "s3.example:*", "s3.example:", ":443", "a,b", "."])
def test_a_host_with_a_wildcard_is_refused(host: str) -> None:
    for name in ("hosts", "plain_http_hosts"):
        refused("host", **{name: (host,)})
    with pytest.raises(RefusedError):
        Http([host], clock=SystemClock())


@pytest.mark.row("CFG-13")
@pytest.mark.slow
def test_one_combination_of_all_states_of_twelve_claims_passes() -> None:
    """3^12 = 531,441: proved, unknown, failed."""
    run = runs.healthy()
    facts = run.facts()
    rows = [row for row in run.judged()[0] if row.code.split("-")[0] in ("bucket", "state", "epoch", "log", "control")]
    chosen = rows[:12]
    assert len(chosen) == 12
    words = {
        status: fold_verdict(facts, [replace(chosen[0], status=status)]).word
        for status in (Status.INCONCLUSIVE, Status.FAIL)
    }
    assert words == {Status.INCONCLUSIVE: VerdictWord.INCONCLUSIVE, Status.FAIL: VerdictWord.QUARANTINE}
    passes = 0
    rest = {row for row in run.judged()[0] if row not in chosen}
    by_worst: dict[tuple[bool, bool], VerdictWord] = {}
    for statuses in itertools.product((Status.PASS, Status.INCONCLUSIVE, Status.FAIL), repeat=12):
        kind = (Status.FAIL in statuses, Status.INCONCLUSIVE in statuses)
        if kind not in by_worst or not any(kind):
            changed = [replace(row, status=status) for row, status in zip(chosen, statuses, strict=True)]
            by_worst[kind] = fold_verdict(facts, [*rest, *changed]).word
            passes += by_worst[kind] is VerdictWord.PASS
    assert passes == 1
    assert by_worst == {
        (False, False): VerdictWord.PASS,
        (False, True): VerdictWord.INCONCLUSIVE,
        (True, False): VerdictWord.QUARANTINE,
        (True, True): VerdictWord.QUARANTINE,
    }


@pytest.mark.row("CFG-14")
def test_a_claim_that_was_never_made_is_no_pass() -> None:
    """No row for a claim, and no record for anything: neither is taken for good."""
    facts = runs.healthy().facts()
    findings, verdict = judge(facts)
    assert verdict.word is VerdictWord.PASS
    for claim in required_claims(facts):
        remaining = [row for row in findings if (row.code.split("-")[0], row.subject, row.phase) != claim]
        assert list(missing_claims(facts, remaining)), claim
        assert claim in unproved_claims(facts, remaining)
        assert fold_verdict(facts, remaining).word is VerdictWord.INCONCLUSIVE, claim
    assert runs.healthy().cut_after(1).word() == "inconclusive"
