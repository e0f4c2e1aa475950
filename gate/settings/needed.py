"""What must be set before anything is begun: without it the run could only end without a verdict on the cache."""

from collections.abc import Iterable, Iterator
from typing import Literal

from gate.errors import RefusedError
from gate.settings.table import BY_NAME, Settings

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
        message = f"{rows[0].env} is not set: {how[0]} ({rows[0].meaning.removesuffix('.')})"
        raise RefusedError(message)
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
