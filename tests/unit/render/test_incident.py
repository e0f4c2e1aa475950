"""What a capture looked at besides, in the three renderings."""

from dataclasses import replace

from gate.model.captures import Incident
from gate.render import html, markdown, text
from tests.unit.render import samples
from tests.unit.render.captures import EVENTS, INCIDENT, STORE, captured

BLOCK = f"""
disk use:
  file:///data: 60 % of 10.0 GiB taken, 4.0 GiB free; 99 % of 1,000,000 inodes
  file:///data1: 60 % of 10.0 GiB taken, 4.0 GiB free; no limit of inodes
  file:///data2: unknown: the disk did not answer within 10 s

previous logs:
  {STORE}: 2 restarts; ended by OOMKilled, exit 137; 1,234 B in previous.log, the last lines of more
  {STORE}: 1 restart; 0 B in previous.log; unknown: not found
  storage errors before the restart: 3 × NoSuchBucket, 1 × dispatch

events of the store {STORE}, the newest last: 12, and older ones that were left out
  2026-05-13T10:02:00Z Normal Pulled Pod/rustfs-0 (2 times since 2026-05-13T09:02:00Z): message 2
  2026-05-13T10:03:00Z Warning BackOff Pod/rustfs-0 (3 times since 2026-05-13T09:03:00Z): message 3
"""
LAST = """
  2026-05-13T10:11:00Z Warning BackOff Pod/rustfs-0 (11 times since 2026-05-13T09:11:00Z): message 11

events of the cache kubectl://nix-cache/deployment/attic, the newest last: 0; unknown: forbidden
"""


def test_text_shows_all_but_old_events() -> None:
    output = text.summary(captured(), "e")
    assert BLOCK in output
    assert LAST in output
    assert "message 1:" not in output


def test_an_event_without_times() -> None:
    one = replace(INCIDENT, events=(replace(INCIDENT.events[0], events=EVENTS[:1], cut=False),), previous_codes={})
    output = text.summary(replace(captured(), incident=one), "e")
    assert ", the newest last: 1\n  no time Normal Pulled Pod/rustfs-0: message 0\n" in output
    assert "storage errors before" not in output


def test_markdown_and_html_show_every_event() -> None:
    whole = captured()
    answer, page = markdown.summary(whole), html.report(whole)
    for number in range(12):
        assert f"message {number}" in answer
        assert f"<td>message {number}</td>" in page
    for words in ("OOMKilled, exit 137", "3 × NoSuchBucket, 1 × dispatch", "99 % of 1,000,000 inodes"):
        assert words in answer
        assert words in page


def test_a_run_that_is_no_capture_shows_none_of_it() -> None:
    for evidence in (samples.quarantined(), samples.passed()):
        for output in (text.summary(evidence, "e"), markdown.summary(evidence), html.report(evidence)):
            assert "disk use" not in output.lower()
            assert "Events of the" not in output
            assert "events of the store" not in output


def test_a_capture_without_a_cluster_shows_its_disks_alone() -> None:
    bare = Incident(disks=INCIDENT.disks, events=(), previous_logs=(), previous_codes={})
    evidence = replace(captured(), incident=bare)
    page = html.report(evidence)
    assert "the disk did not answer within 10 s" in page
    assert "Events of the" not in page
    assert "previous logs" not in text.summary(evidence, "e")
