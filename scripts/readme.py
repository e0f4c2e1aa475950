"""Put the summary of a real run of the incident into README.md, between its marks.

``python scripts/readme.py`` runs the lab; ``tests/unit/render/test_readme_summary.py`` says when it is time to.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INCIDENT = ("--profile", "medium-check", "--fault", "index-lost-during-push", "--finish-push")
MARKS = re.compile(r"(<!-- summary:begin -->\n).*?(<!-- summary:end -->)", re.DOTALL)
SHOWN_FOLDER = "build/readme/incident"


def main() -> None:
    """Run the incident and write its summary."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "incident"
        argv = [sys.executable, "-m", "gate", "lab", *INCIDENT, "--output", str(out)]
        said = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False).stdout  # noqa: S603  # our own command
    summary, evidence, _ = said.partition(f"evidence: {out}\n")
    if not evidence:
        sys.exit("the run gave no summary: see what `make demo` says")
    block = f"```text\n{summary}evidence: {SHOWN_FOLDER}\n```\n"
    readme = ROOT / "README.md"
    readme.write_text(
        MARKS.sub(lambda match: match[1] + block + match[2], readme.read_text(encoding="utf-8")), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
