"""Write docs/example-summary.md and docs/pictures from a real run of the incident, and first lines into README.md.

``python scripts/readme.py`` runs the lab; ``tests/unit/render/test_readme_summary.py`` says when it is time to.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INCIDENT = ("--profile", "medium-check", "--fault", "index-lost-during-push", "--finish-push")
MARKS = re.compile(r"(<!-- summary:begin -->\n).*?(<!-- summary:end -->)", re.DOTALL)
SHOWN_FOLDER = "build/readme/incident"
FIRST_LINES = 9
PICTURES = ROOT / "docs" / "pictures"
WINDOW = "1240,980"  # of the picture, in pixels: everything up to the timeline


def main() -> None:
    """Run the incident and write its summary."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "incident"
        _gate("lab", *INCIDENT, "--output", str(out))
        result = _gate("show", "--full", str(out))
        _photograph(out / "report.html")
    summary, evidence, _ = result.partition(f"evidence: {out}\n")
    if not evidence:
        sys.exit("the run gave no summary: see what `make demo` says")
    lines = [*summary.splitlines(), f"evidence: {SHOWN_FOLDER}"]
    for path, excerpt in (("docs/example-summary.md", lines), ("README.md", lines[:FIRST_LINES])):
        block = "\n".join(("```text", *excerpt, "```", ""))
        document = (ROOT / path).read_text(encoding="utf-8")
        place = MARKS.search(document)
        if place is None:
            sys.exit(f"{path} has no marks <!-- summary:begin --> and <!-- summary:end -->: put them back")
        changed = document[: place.start()] + place[1] + block + place[2] + document[place.end() :]
        (ROOT / path).write_text(changed, encoding="utf-8")


def _photograph(report: Path) -> None:
    """The begin of the report in both themes, by Debian's Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("the pictures need Chromium: install it (Debian: apt-get install chromium), then run this again")
    PICTURES.mkdir(exist_ok=True)
    for theme, flags in (("light", ()), ("dark", ("--force-dark-mode", "--blink-settings=preferredColorScheme=0"))):
        argv = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *flags]
        argv += [f"--window-size={WINDOW}", f"--screenshot={PICTURES / f'incident-{theme}.png'}", report.as_uri()]
        subprocess.run(argv, capture_output=True, check=True, timeout=120)  # noqa: S603  # our own page


def _gate(*arguments: str) -> str:
    argv = [sys.executable, "-m", "gate", *arguments]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False).stdout  # noqa: S603  # our own command


if __name__ == "__main__":
    main()
