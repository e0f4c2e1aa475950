"""``python -m bench.page``: the bytes of report.html, and its loading and filtering in Chromium, against budgets."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from gate.render import html
from tests.page import browser
from tests.unit.render.test_paths import large

BUDGETS = {24: 60_000, 10_000: 2_000_000}  # bytes by paths
LOAD_MILLIS = FILTER_MILLIS = 1_000


def pages() -> Iterator[str]:
    """The lines of the measurement: a table with a row for each number of paths."""
    yield "| paths | report.html, bytes | rendered, s | loaded, ms | filtered, ms |"
    yield "|---:|---:|---:|---:|---:|"
    for count, most in BUDGETS.items():
        evidence = large(count)
        html.report(evidence)  # the template is compiled once
        began = time.perf_counter()
        page = html.report(evidence)
        seconds = time.perf_counter() - began
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "report.html"
            file.write_text(page, encoding="utf-8")
            times = browser.measure(file)
        size = len(page.encode())
        yield (
            f"| {count:,} | {size:,} of {most:,} | {seconds:.2f} | {times['load']:.0f} of {LOAD_MILLIS:,} "
            f"| {times['filter']:.0f} of {FILTER_MILLIS:,} |"
        )


if __name__ == "__main__":
    for line in pages():
        print(line)
