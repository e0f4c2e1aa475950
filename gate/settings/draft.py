"""The first ``gate.toml`` of a site: every setting of a file with its meaning, and the known values filled in."""

import json
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any, Final

from gate.model.setting import PROFILES, Guess, Setting
from gate.settings.table import SETTINGS

# What a run can't do without, unless [sources] absent says that the site has none; in the order of questions.
NEEDED: Final = (
    "attic_server",
    "attic_cache",
    "probe_cache",
    "s3_endpoint",
    "markers",
    "store_workload",
    "cache_workload",
    "server_log",
    "state_key",
)
_WIDTH: Final = 110
_HEAD: Final = """\
# Settings of publication-gate for this site. Every key is listed with its meaning; one that is commented out has the
# default that is shown. Secrets never stand here: they come from the environment (docs/settings.md).
# Next: fill in what says NEEDED, then run `publication-gate doctor` until nothing is unknown.
"""


def draft(guesses: Mapping[str, Guess]) -> str:
    """The file, with the guesses filled in. A needed setting without one is commented out and says NEEDED."""
    tables: dict[str, list[Setting]] = {}
    for row in SETTINGS:
        if row.table and row.table != PROFILES and row.type != "secret":
            tables.setdefault(row.table, []).append(row)
    blocks = ["\n".join(_table(name, rows, guesses)) for name, rows in tables.items()]
    return "\n\n".join((_HEAD.rstrip(), *blocks)) + "\n"


def _table(name: str, rows: list[Setting], guesses: Mapping[str, Guess]) -> Iterator[str]:
    yield f"[{name}]"
    for row in rows:
        yield from (f"# {line}" for line in wrap(row.meaning, _WIDTH))
        guess = guesses.get(row.name)
        if guess is not None:
            yield f"{row.toml_key} = {_literal(guess.text)}  # from {guess.origin}"
        elif row.name in NEEDED:
            yield f"# {row.toml_key} = {_literal([] if row.type == 'list' else '')}  # NEEDED"
        else:
            yield f"# {row.toml_key} = {_literal(row.default)}"


def _literal(content: Any) -> str:  # noqa: ANN401  # one value of any setting's type
    """A value as TOML: its strings are JSON's, but for DEL (https://toml.io/en/v1.0.0#string)."""
    if isinstance(content, tuple | list):
        return f"[{', '.join(map(_literal, content))}]"
    return json.dumps(content, ensure_ascii=False).replace("\x7f", "\\u007f")
