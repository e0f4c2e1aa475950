"""From flags, environment, ``gate.toml`` and defaults to one `Settings`, each value checked against the table."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from gate.errors import ForeignTextError, RefusedError
from gate.model.basics import Kind, Secret
from gate.parse.address import odd_host
from gate.parse.locator import parse_locator
from gate.settings.checked import QUARANTINE_KEYS, REQUIRE_KEYS, Table
from gate.settings.installable import refuse_credentials
from gate.settings.profiles import find_profile
from gate.settings.table import BY_NAME, PREFIX, SETTINGS, Setting, Settings

_OTHER_TABLES = {"profiles": None, "quarantine": QUARANTINE_KEYS, "require": REQUIRE_KEYS}
_PLACES = frozenset({"markers", "store_workload", "store_log", "cache_workload", "server_log"})
_LEAST_SAMPLES = 2
_HOST = r"(?P<host>[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?"
_HOST_ENTRY = re.compile(_HOST)
_ENDPOINT = re.compile(rf"(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?)://{_HOST}(?:/[!\"$->@-\[\]-~]*)?")
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_NAME_CHARS = 63  # of an S3 bucket; Attic's cache names have at most 50


def resolve(
    profile: str,
    *,
    toml: Mapping[str, Any],
    environ: Mapping[str, str],
    flags: Mapping[str, Any],
    read_file: Callable[[str], str],
    kind: Kind = Kind.PRODUCTION,
) -> Settings:
    """Settings of a run from flags, environment, ``gate.toml`` and defaults, in that precedence.

    ``toml`` is the parsed ``gate.toml`` ({} where there is none), ``flags`` holds only those given, ``read_file`` reads
    a secret's file. Raises `RefusedError` for an unknown key or profile, a wrong type, or a value out of its bounds.
    """
    _refuse_unknown_keys(toml)
    values = {row.name: _one(row, toml=toml, environ=environ, flags=flags, read_file=read_file) for row in SETTINGS}
    settings = Settings(profile=find_profile(profile, toml), kind=kind, **values)
    _refuse_contradictions(settings)
    return settings


def resolve_named(
    names: Iterable[str],
    *,
    needed: Iterable[str],
    toml: Mapping[str, Any],
    environ: Mapping[str, str],
    flags: Mapping[str, Any],
    read_file: Callable[[str], str],
) -> dict[str, Any]:
    """Some settings by their names, for a command that is no run; arguments and precedence as for `resolve`.

    ``needed`` must be set. Raises `RefusedError` as `resolve` does, for these settings and for unknown keys alike.
    """
    _refuse_unknown_keys(toml)
    values = {name: _one(BY_NAME[name], toml=toml, environ=environ, flags=flags, read_file=read_file) for name in names}
    _refuse_unset(values, needed)
    if "buckets" in values:
        _refuse_no_buckets(values["buckets"])
    _refuse_odd_names((*values.get("buckets", ()), values.get("state_bucket", "")))
    if "samples" in values:
        _refuse_few_samples(values["samples"])
    return values


def _refuse_unknown_keys(toml: Mapping[str, Any]) -> None:
    allowed: dict[str, set[str]] = {}
    for row in SETTINGS:
        if row.type != "secret":
            allowed.setdefault(row.table, set()).add(row.name.replace("_", "-"))
    for table, content in toml.items():
        if table in _OTHER_TABLES:
            keys = _OTHER_TABLES[table]
            if keys is not None:
                Table(table, content, keys)
            continue
        if table not in allowed or not isinstance(content, Mapping):
            known = ", ".join(sorted({*allowed, *_OTHER_TABLES}))
            message = f"gate.toml has the unknown table [{ascii(table)[1:-1][:80]}]: expected {known}"
            raise RefusedError(message)
        unknown = sorted(set(content) - allowed[table])
        if unknown:
            message = (
                f"gate.toml [{table}] has the unknown key {unknown[0]!r}: expected {', '.join(sorted(allowed[table]))}"
            )
            raise RefusedError(message)


def _one(
    row: Setting,
    *,
    toml: Mapping[str, Any],
    environ: Mapping[str, str],
    flags: Mapping[str, Any],
    read_file: Callable[[str], str],
) -> Any:  # noqa: ANN401  # one value of any of the table's types
    if row.type == "secret":
        return _secret(row, environ, read_file)
    if row.stated:
        _refuse_unstated(row, environ)
    elif flags.get(row.name) is not None:
        return _typed(row, flags[row.name], row.flag)
    elif environ.get(row.env, "") != "":
        return _typed(row, environ[row.env], row.env)
    table = toml.get(row.table, {})
    key = row.name.replace("_", "-")
    return _typed(row, table[key], f"gate.toml {row.key}") if key in table else row.default


def _refuse_unstated(row: Setting, environ: Mapping[str, str]) -> None:
    variable = PREFIX + row.name.upper()
    if environ.get(variable, "") != "":
        message = (
            f"{variable} is set, and {row.name.replace('_', '-')} counts only where it is reviewed: gate.toml {row.key}"
        )
        raise RefusedError(message)


def _secret(row: Setting, environ: Mapping[str, str], read_file: Callable[[str], str]) -> Secret | None:
    text = environ.get(row.env, "")
    path = environ.get(row.env + "_FILE", "")
    if not text and path:
        text = read_file(path)
    text = text.strip()
    return Secret(text) if text else None


def _typed(row: Setting, given: Any, source: str) -> Any:  # noqa: ANN401  # one value of any of the table's types
    made = _CONVERT[row.type](given)
    if made is None:
        message = f"{source} is {_shown(given)}: expected {_WANTED[row.type]}"
        raise RefusedError(message)
    _check_choices(row, made, source)
    if row.name in _PLACES:
        _refuse_odd_places(made if isinstance(made, tuple) else (made,), source)
    if row.name == "installable":
        refuse_credentials(made, source)
    if isinstance(made, (int, float)) and not isinstance(made, bool):
        low, high = row.least, row.most
        if (low is not None and made < low) or (high is not None and made > high):
            message = f"{source} is {made}: expected a number from {low} to {high}"
            raise RefusedError(message)
    return made


def _check_choices(row: Setting, made: Any, source: str) -> None:  # noqa: ANN401  # one value of any of the table's types
    if not row.choices:
        return
    for item in made if isinstance(made, tuple) else (made,):
        if item not in row.choices:
            message = f"{source} has {_shown(item)}: expected one of {', '.join(row.choices)}"
            raise RefusedError(message)


def _refuse_odd_places(places: Iterable[str], source: str) -> None:
    """Refuse what no observer could look at; an empty place is one that is not set."""
    for place in filter(None, places):
        try:
            parse_locator(place)
        except ForeignTextError as error:
            raise RefusedError(f"{source}: {str(error).removesuffix('.')}") from None


def _shown(given: object) -> str:
    return ascii(given)[:80]


def _text(given: object) -> str | None:
    return given.strip() if isinstance(given, str) and "\x00" not in given and "\n" not in given.strip() else None


def _list(given: object) -> tuple[str, ...] | None:
    if isinstance(given, str):
        return tuple(given.replace(",", " ").split())
    if isinstance(given, Sequence) and all(isinstance(item, str) and item for item in given):
        return tuple(given)
    return None


def _whole(given: object) -> int | None:
    if isinstance(given, bool):
        return None
    if isinstance(given, int):
        return given
    return int(given) if isinstance(given, str) and given.isascii() and given.isdigit() else None


def _seconds(given: object) -> float | None:
    if isinstance(given, bool) or not isinstance(given, (int, float, str)):
        return None
    if isinstance(given, str) and not _SECONDS.fullmatch(given):
        return None
    try:
        made = float(given)
    except OverflowError:  # a whole number of TOML without bounds
        return None
    return made if 0 <= made < float("inf") else None


def _flag(given: object) -> bool | None:
    if isinstance(given, bool):
        return given
    return {"true": True, "false": False}.get(given) if isinstance(given, str) else None


_CONVERT: dict[str, Callable[[object], Any]] = {
    "text": _text,
    "choice": _text,
    "list": _list,
    "whole": _whole,
    "seconds": _seconds,
    "flag": _flag,
}
_WANTED = {
    "text": "one line of text",
    "choice": "one line of text",
    "list": "a list of texts, in the environment parted by blanks or commas",
    "whole": "a whole number",
    "seconds": "a number of seconds, not below 0",
    "flag": "true or false",
}


def _refuse_contradictions(settings: Settings) -> None:
    needed = ("attic_server", "attic_cache", "s3_endpoint")
    _refuse_unset({name: getattr(settings, name) for name in needed}, needed)
    _refuse_odd_hosts((*settings.hosts, *settings.plain_http_hosts))
    for name in ("attic_server", "s3_endpoint"):
        _refuse_odd_endpoint(BY_NAME[name], getattr(settings, name), settings.plain_http_hosts)
    _refuse_no_buckets(settings.buckets)
    _refuse_odd_names((*settings.buckets, settings.state_bucket, settings.attic_cache, settings.probe_cache))
    _refuse_few_samples(settings.samples)


def _refuse_unset(values: Mapping[str, Any], needed: Iterable[str]) -> None:
    for row in (BY_NAME[name] for name in needed if not values[name]):
        how = f"give {row.flag} or gate.toml {row.key}" if row.flag else f"give it, or its file by {row.env}_FILE"
        message = f"{row.env} is not set: {how} ({row.meaning.removesuffix('.')})"
        raise RefusedError(message)


def _refuse_odd_hosts(entries: Iterable[str]) -> None:
    for entry in entries:
        match = _HOST_ENTRY.fullmatch(entry)
        why = "is no host or host:port" if match is None else odd_host(match["host"])
        if why:
            message = f"the host {_shown(entry)} {why}: expected a name or address of one server, without wildcards"
            raise RefusedError(message)


def _refuse_odd_endpoint(row: Setting, url: str, plain: Sequence[str]) -> None:
    """Refuse what not every program reads as the same server. A user part may hold a password, so no URL is shown."""
    match = _ENDPOINT.fullmatch(url)
    if match is None:
        message = f"{row.env} is no plain URL: expected https://host[:port] without user, query or fragment"
        raise RefusedError(message)
    host, port = match["host"].lower(), match["port"]
    if why := odd_host(host):
        message = f"the host of {row.env}, {_shown(host)}, {why}: expected a name, or the plain address of one server"
        raise RefusedError(message)
    names = {f"{host}:{port or 80}", *([host] if port in (None, "80") else [])}
    if match["scheme"].lower() == "http" and names.isdisjoint(entry.lower() for entry in plain):
        message = (
            f"{row.env} is asked by plain http, and {_shown(host)} is not among plain-http-hosts: "
            "expected https://, or the host there"
        )
        raise RefusedError(message)


def _refuse_no_buckets(buckets: Sequence[str]) -> None:
    if not buckets:
        message = "buckets is empty: a gate that watches no bucket could only pass; name at least one"
        raise RefusedError(message)


def _refuse_odd_names(names: Iterable[str]) -> None:
    for name in names:
        if name and not _plain_name(name):
            message = f"{name[:80]!r} is no bucket or cache name: expected letters, digits, '-', '_' and '.'"
            raise RefusedError(message)


def _refuse_few_samples(samples: int) -> None:
    if samples < _LEAST_SAMPLES:
        message = f"samples is {samples}: at least 2 are needed to tell a flapping index from a steady one"
        raise RefusedError(message)


def _plain_name(name: str) -> bool:
    allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
    return len(name) <= _NAME_CHARS and name not in (".", "..") and all(char in allowed for char in name)
