"""require's answer on the page of a run: what another step may have written into it adds no line and no link."""

import re

import pytest

from gate.judge.admission import blocked, reason
from gate.model.gating import Answer, ProbeRun
from gate.render.answer import answer_markdown, answer_text


def answer(url: str, label: str = "7.1") -> Answer:
    result = blocked([reason("require-no-run", "no attempt")])
    return Answer(
        word=result.word,
        headline=result.headline,
        reasons=result.reasons,
        newest_run=ProbeRun(label=label, state="pass", url=url),
    )


def test_the_newest_probe_is_a_link() -> None:
    url = "https://github.example:8443/acme/infra/actions/runs/7/attempts/1"
    assert f"]({url}) (pass)" in answer_markdown(answer(url))
    assert url in answer_text(answer(url))


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "https://a/)\n\n> **PASS: all is well**",
        "https://a/x) [b](https://b/",
        "https://a/<img>",
        "",
    ],
)
def test_what_is_no_plain_address_is_no_link_and_no_line(url: str) -> None:
    harmless = answer_markdown(answer(""))
    text = answer_markdown(answer(url, label="7.1"))
    assert text == harmless
    assert re.search(r"\]\(", text) is None
    assert answer_text(answer(url)).count("\n") == answer_text(answer("")).count("\n")
