"""All settings, as the fields of `Policy`, `Secrets` and `Tools` declare them, and the values that a run requires."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from gate.errors import RefusedError
from gate.model.policy import POLICY_SETTINGS, SECRET_SETTINGS, TOOL_SETTINGS, Policy, Secrets, Tools
from gate.model.setting import PROFILES, Setting

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
_INSTEAD: Final = "evidence keeps it as it stands; give Nix the credential by its netrc-file or access-tokens"


def refuse_credentials(installable: str, source: str) -> None:
    """Raise `RefusedError` for an installable with user info or an unknown query option; neither is ever shown."""
    scheme, found, rest = installable.partition("://")
    user, at, _ = rest.partition("/")[0].rpartition("@")
    if found and at and not (scheme.lower().endswith("ssh") and _USER.fullmatch(user)):
        raise RefusedError(f"{source} holds a user or a password before its host: {_INSTEAD}")
    _, question, query = installable.partition("#")[0].partition("?")
    if question and any(option.partition("=")[0] not in _OPTIONS for option in query.split("&")):
        raise RefusedError(f"{source} has a query option other than {', '.join(sorted(_OPTIONS))}: {_INSTEAD}")
