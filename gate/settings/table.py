"""All settings, as the fields of `Policy`, `Secrets` and `Tools` declare them; what a run requires; a first file."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import Any, Final, Literal

from gate.errors import RefusedError
from gate.model.policy import POLICY_SETTINGS, SECRET_SETTINGS, TOOL_SETTINGS, Policy, Secrets, Tools
from gate.model.setting import PROFILES, Guess, Setting

SETTINGS: Final[tuple[Setting, ...]] = tuple(
    row for row in (*POLICY_SETTINGS, *SECRET_SETTINGS, *TOOL_SETTINGS) if row.table not in ("", PROFILES)
)
BY_NAME: Final = {row.name: row for row in SETTINGS}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that a run is given: its rules, which the evidence holds whole, what it works with, and what it may show."""

    policy: Policy
    secrets: Secrets
    tools: Tools

    def value_of(self, row: Setting) -> Any:  # noqa: ANN401  # one value of any setting's type
        """The value of one setting."""
        return getattr(getattr(self, row.part), row.name)


Act = Literal["any", "run", "capture", "pre", "during", "publish", "post"]
_SUBJECT = ("attic_server", "attic_cache", "s3_endpoint")
_STORE_KEYS = ("s3_access_key_id", "s3_secret_access_key")
_SOURCES = ("store-workload", "cache-workload", "server-log")
# What a run of any site needs in its gate.toml, but for the sources that [sources] absent lists; in the order asked.
NEEDED: Final = (*_SUBJECT, "markers", *(source.replace("-", "_") for source in _SOURCES), "state_key")


def refuse_incomplete(settings: Settings, act: Act) -> None:
    """Raise one `RefusedError` that names every setting which this act needs and does not have.

    A capture needs its subject and the store's keys alone: in an incident, to see less is better than to see nothing.
    """
    policy, secrets = settings.policy, settings.secrets
    names = [name for name in _SUBJECT if not getattr(policy, name)]
    if act not in ("any", "capture"):
        names += _unset_places(settings)
    if act in ("run", "publish") and secrets.push_token is None:
        names.append("push_token")
    reads = act in ("run", "pre", "post") and not policy.cache_public
    if reads and secrets.read_token is None and secrets.signing_secret is None:
        names.append("read_token")
    if act not in ("any", "publish"):
        names += [name for name in _STORE_KEYS if getattr(secrets, name) is None]
    refuse_unset(names)


def refuse_unset(names: Iterable[str]) -> None:
    """Raise one `RefusedError` that names all these settings, and says how each is given; none of them is no error."""
    rows = [BY_NAME[name] for name in names]
    how = [
        f"give {row.flag} or gate.toml {row.key}" if row.flag else f"give it, or its file by {row.env}_FILE"
        for row in rows
    ]
    if len(rows) == 1:
        raise RefusedError(f"{rows[0].env} is not set: {how[0]} ({rows[0].meaning.removesuffix('.')})")
    if rows:
        missing = "; ".join(f"{row.env} ({each})" for row, each in zip(rows, how, strict=True))
        raise RefusedError(f"{len(rows)} settings are not set, and nothing was done: {missing}")


def _unset_places(settings: Settings) -> Iterator[str]:
    """Places and keys that are not set, and of which ``absent`` does not say that this site has none."""
    policy = settings.policy
    if not policy.state_key and "state" not in policy.absent:
        yield "state_key"
    if not policy.markers:
        yield "markers"
    for source in _SOURCES:
        name = source.replace("-", "_")
        if not getattr(policy, name) and source not in policy.absent:
            yield name


_USER: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")  # of ssh, which proves it by a key: git+ssh://git@host/path
# What a flake reference of Nix may have in its query (Nix manual, "nix flake"; src/libfetchers/git.cc).
_OPTIONS: Final = frozenset(
    {
        *("allRefs", "dir", "exportIgnore", "host", "keytype", "lastModified", "lfs", "name", "narHash"),
        *("publicKey", "publicKeys", "ref", "rev", "revCount", "shallow", "submodules", "treeHash", "verifyCommit"),
    }
)
_INSTEAD: Final = "evidence keeps it in plain text; give Nix the credential by its netrc-file or access-tokens"


def refuse_credentials(installable: str, source: str) -> None:
    """Raise `RefusedError` for an installable with user info or an unknown query option; neither is ever shown."""
    scheme, separator, rest = installable.partition("://")
    user, at, _ = rest.partition("/")[0].rpartition("@")
    if separator and at and not (scheme.lower().endswith("ssh") and _USER.fullmatch(user)):
        raise RefusedError(f"{source} holds a user or a password before its host: {_INSTEAD}")
    _, question, query = installable.partition("#")[0].partition("?")
    if question and any(option.partition("=")[0] not in _OPTIONS for option in query.split("&")):
        raise RefusedError(f"{source} has a query option other than {', '.join(sorted(_OPTIONS))}: {_INSTEAD}")


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
