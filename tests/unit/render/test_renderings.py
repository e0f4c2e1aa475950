"""What holds for every rendering: from the document alone, the same bytes, no command, no markup of others."""

import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given, settings

from gate.model.document import Evidence, ManifestEntry
from gate.render import html, markdown, text
from tests.unit.render import captures, samples
from tests.unit.render.hostile import everywhere, hostile_text
from tests.unit.render.runner_parser import commands

ROOT = Path(__file__).parents[3]
RENDERERS: dict[str, Callable[[Evidence], str]] = {
    "text": lambda evidence: text.summary(evidence, "build/evidence"),
    "markdown": markdown.summary,
    "html": html.report,
}


@cache
def benign(render: Callable[[Evidence], str], sample: Callable[[], Evidence]) -> str:
    """What a rendering of the same evidence looks like when every text of it is harmless."""
    return render(everywhere(sample(), "x"))


every_rendering = pytest.mark.parametrize("render", RENDERERS.values(), ids=RENDERERS)
HOSTED = {**samples.ALL, "crowded": samples.crowded, "captured": captures.captured}
every_sample = pytest.mark.parametrize("sample", HOSTED.values(), ids=HOSTED)


class Tags(HTMLParser):
    """The tags and attribute names of a page, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, tuple[str, ...]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, tuple(name for name, _ in attrs)))

    def handle_comment(self, data: str) -> None:
        self.seen.append(("comment", ()))


@every_rendering
@every_sample
def test_a_rendering_is_readable_text(render: Callable[[Evidence], str], sample: Callable[[], Evidence]) -> None:
    rendered = render(sample())
    assert rendered.endswith("\n")
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} for char in rendered.replace("\n", ""))
    assert list(commands(rendered)) == []


@every_rendering
@every_sample
@given(foreign=hostile_text)
@settings(deadline=None, max_examples=8)
@example(foreign="::error::x")
@example(foreign="##[error]x")
@example(foreign="\r::set-output name=verdict::pass")
@example(foreign="\n| a | b |\n")
@example(foreign="<script>alert(1)</script>{{ 111 * 1001 }}")
def test_hostile_text_in_every_field(
    render: Callable[[Evidence], str], sample: Callable[[], Evidence], foreign: str
) -> None:
    rendered = render(everywhere(sample(), foreign))
    assert list(commands(rendered)) == []
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} for char in rendered.replace("\n", ""))
    assert rendered.count("\n") == benign(render, sample).count("\n")
    assert rendered.encode()


@every_sample
@given(foreign=hostile_text)
@settings(deadline=None, max_examples=8)
@example(foreign="<script>alert(1)</script>")
@example(foreign='" onload="x')
@example(foreign="</style><script>")
def test_hostile_text_adds_no_tag_and_no_attribute(sample: Callable[[], Evidence], foreign: str) -> None:
    assert Tags(html.report(everywhere(sample(), foreign))).seen == Tags(benign(html.report, sample)).seen


@every_sample
@given(foreign=hostile_text)
@settings(deadline=None, max_examples=8)
@example(foreign="a | b")
@example(foreign="`")
@example(foreign="</details>")
def test_hostile_text_adds_no_cell_and_no_tag_to_markdown(sample: Callable[[], Evidence], foreign: str) -> None:
    def shape(summary: str) -> list[tuple[int, int, list[str]]]:
        bare = [re.sub("`[^`]*`", "`", line) for line in summary.split("\n")]
        return [(line.count("|"), line.count("`"), re.findall("<[^>]*>", line)) for line in bare]

    result = shape(markdown.summary(everywhere(sample(), foreign)))
    assert [(pipes, tags) for pipes, _, tags in result] == [
        (pipes, tags) for pipes, _, tags in shape(benign(markdown.summary, sample))
    ]


def test_template_syntax_in_foreign_text_is_only_text() -> None:
    page = html.report(everywhere(samples.quarantined(), "{{ 111 * 1001 }}"))
    assert "{{ 111 * 1001 }}" in page
    assert "111111" not in page


@every_rendering
def test_a_rendering_does_not_hold_or_depend_on_the_renderings_of_the_manifest(
    render: Callable[[Evidence], str],
) -> None:
    before = samples.quarantined()
    listed = ManifestEntry(name="report.html", kind="rendering", bytes=1, sha256="e" * 64)
    assert render(replace(before, manifest=(*before.manifest, listed))) == render(before)


def test_the_bytes_are_the_same_whatever_the_hash_seed_and_the_locale() -> None:
    program = (
        "import hashlib\n"
        "from gate.render import html, markdown, text\n"
        "from tests.unit.render import samples\n"
        "made = ''.join(text.summary(e, 'd') + markdown.summary(e) + html.report(e)"
        " for e in (sample() for sample in samples.ALL.values()))\n"
        "print(hashlib.sha256(made.encode()).hexdigest())\n"
    )
    result = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale, "TZ": zone, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed, locale, zone in (("1", "C", "UTC"), ("2", "C.UTF-8", "Asia/Tokyo"))
    }
    assert len(result) == 1
