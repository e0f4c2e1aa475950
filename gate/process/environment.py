"""What a child may see of the gate's environment."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from gate.process.tools import SearchPath

_KEPT: Final = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "NIX_SSL_CERT_FILE"),
)
_NEVER: Final = re.compile(r"LD_.*|DYLD_.*|PYTHON.*|BASH_.*|ENV|IFS|GITHUB_.*|ACTIONS_.*|RUNNER_.*|GATE_.*")


def scrubbed_environment(source: Mapping[str, str], *, keep: Iterable[str] = ()) -> dict[str, str]:
    """The part of an environment that a child may see: a fixed allow-list and the names in ``keep``.

    What changes how a program loads, or holds the runner's or the gate's own secrets (``LD_*``, ``PYTHON*``,
    ``BASH_*``, ``GITHUB_*``, ``ACTIONS_*``, ``GATE_*``, …), is left out even when ``keep`` names it. PATH is what
    `SearchPath` leaves of it.
    """
    kept = {name: source[name] for name in (*_KEPT, *keep) if name in source and not _NEVER.fullmatch(name)}
    return kept | ({"PATH": SearchPath(source).text} if "PATH" in kept else {})
