"""From flags, environment, ``gate.toml`` and defaults to one `Settings`, each value checked against the table."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from gate.errors import ForeignTextError, RefusedError
from gate.model.basics import Kind, Secret
from gate.model.policy import Policy, Secrets, Tools
from gate.model.setting import PROFILES, Setting
from gate.parse.addresses import odd_host
from gate.parse.locator import parse_locator, parse_server_locator
from gate.parse.narinfo import key_name, public_key
from gate.parse.text import BUCKET_RULE, CACHE_RULE, is_bucket_name, is_cache_name
from gate.settings.checked import QUARANTINE_KEYS, REQUIRE_KEYS, Table
from gate.settings.profiles import PROFILE_KEYS, find_profile, refuse_odd_profiles
from gate.settings.table import BY_NAME, SETTINGS, Act, Settings, refuse_credentials, refuse_incomplete, refuse_unset

_OTHER_TABLES = {"quarantine": QUARANTINE_KEYS, "require": REQUIRE_KEYS}
_HOST = r"(?P<host>[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?"
_HOST_ENTRY = re.compile(_HOST)
_ENDPOINT = re.compile(rf"(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?)://{_HOST}(?:/[!\"$->@-\[\]-~]*)?")
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


def resolve(
    profile: str,
    *,
    toml: Mapping[str, Any],
    environ: Mapping[str, str],
    flags: Mapping[str, Any],
    read_file: Callable[[str], str],
    kind: Kind = Kind.PRODUCTION,
    act: Act | None = "any",
) -> Settings:
    """Settings of a run from flags, environment, ``gate.toml`` and defaults, in that precedence.

    ``toml`` is the parsed ``gate.toml`` ({} where there is none), ``flags`` holds only those given, ``read_file`` reads
    a secret's file. ``act`` is what they are for, which says what must be set; None where `refuse_incomplete` is asked
    later. Raises one `RefusedError` for all wrong types, values out of bounds and the like, and one for all that is
    missing.
    """
    bounds = find_profile(profile, toml)
    values = _values(BY_NAME, toml=toml, environ=environ, flags=flags, read_file=read_file)
    from_profile = {row.name: getattr(bounds, row.name) for row in PROFILE_KEYS}
    from_profile["installable"] = bounds.installable.replace("{system}", system())
    parts: dict[str, dict[str, Any]] = {"policy": {"profile": bounds.name, "kind": kind}, "secrets": {}, "tools": {}}
    for name, value in values.items():
        parts[BY_NAME[name].part][name] = value
    parts["policy"].update({name: entry for name, entry in from_profile.items() if not parts["policy"].get(name)})
    settings = Settings(
        policy=Policy(**parts["policy"]), secrets=Secrets(**parts["secrets"]), tools=Tools(**parts["tools"])
    )
    if act is not None:
        refuse_incomplete(settings, act)
    for row in SETTINGS:
        if row.form == "url" and values[row.name]:
            _refuse_odd_endpoint(row, values[row.name], settings.policy.plain_http_hosts)
    _refuse_no_buckets(settings.policy.buckets)
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

    ``needed`` must be set. Raises `RefusedError` as `resolve` does: for these settings, and for all of ``gate.toml``.
    """
    values = _values(names, toml=toml, environ=environ, flags=flags, read_file=read_file)
    refuse_unset(name for name in needed if not values[name])
    if "buckets" in values:
        _refuse_no_buckets(values["buckets"])
    return values


def check_config(toml: Mapping[str, Any]) -> None:
    """Raise one `RefusedError` for all that is wrong with the settings of a ``gate.toml``, whatever it is read for."""
    _values((), toml=toml, environ={}, flags={}, read_file=str)


def system() -> str:
    """This machine's Nix system double, such as ``x86_64-linux``."""
    import platform  # noqa: PLC0415  # only here

    machine = {"arm64": "aarch64", "amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    return f"{machine}-{platform.system().lower()}"


def _values(
    names: Iterable[str],
    *,
    toml: Mapping[str, Any],
    environ: Mapping[str, str],
    flags: Mapping[str, Any],
    read_file: Callable[[str], str],
) -> dict[str, Any]:
    """The values of these settings; one error has all that is wrong with them, or with any setting of ``gate.toml``."""
    _refuse_unknown_keys(toml)
    selected = frozenset(names)
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for row in SETTINGS:
        try:
            from_toml = _toml_value(row, toml)
            if row.name in selected:
                values[row.name] = _override(row, from_toml, environ=environ, flags=flags, read_file=read_file)
        except RefusedError as error:
            wrong.append(str(error))
    if wrong:
        raise RefusedError("; ".join(wrong))
    return values


def _refuse_unknown_keys(toml: Mapping[str, Any]) -> None:
    allowed: dict[str, set[str]] = {}
    for row in SETTINGS:
        if row.type != "secret":
            allowed.setdefault(row.table, set()).add(row.toml_key)
    for table, content in toml.items():
        if table == PROFILES:
            refuse_odd_profiles(content)
            continue
        if table in _OTHER_TABLES:
            Table(table, content, _OTHER_TABLES[table])
            continue
        if table not in allowed or not isinstance(content, Mapping):
            expected = ", ".join(sorted({*allowed, *_OTHER_TABLES, PROFILES}))
            raise RefusedError(f"gate.toml has the unknown table [{ascii(table)[1:-1][:80]}]: expected {expected}")
        unknown = sorted(set(content) - allowed[table])
        if unknown:
            raise RefusedError(
                f"gate.toml [{table}] has the unknown key {unknown[0]!r}: expected {', '.join(sorted(allowed[table]))}"
            )


def _toml_value(row: Setting, toml: Mapping[str, Any]) -> Any:  # noqa: ANN401  # one value of any setting's type
    """What ``gate.toml`` says of a setting, or its default."""
    table = toml.get(row.table, {})
    return _typed(row, table[row.toml_key], f"gate.toml {row.key}") if row.toml_key in table else row.default


def _override(
    row: Setting,
    default: Any,  # noqa: ANN401  # one value of any setting's type
    *,
    environ: Mapping[str, str],
    flags: Mapping[str, Any],
    read_file: Callable[[str], str],
) -> Any:  # noqa: ANN401  # the same
    if row.type == "secret":
        return _secret(row, environ, read_file)
    if row.file_only:
        _refuse_unstated(row, environ)
    elif flags.get(row.name) is not None:
        return _typed(row, flags[row.name], row.flag)
    elif environ.get(row.env, "") != "":
        return _typed(row, environ[row.env], row.env)
    return default


def _refuse_unstated(row: Setting, environ: Mapping[str, str]) -> None:
    if environ.get(row.variable, "") != "":
        raise RefusedError(
            f"{row.variable} is set, and {row.toml_key} counts only where it is reviewed: gate.toml {row.key}"
        )


def _secret(row: Setting, environ: Mapping[str, str], read_file: Callable[[str], str]) -> Secret | None:
    text = environ.get(row.env, "")
    path = environ.get(row.env + "_FILE", "")
    if not text and path:
        text = read_file(path)
    text = text.strip()
    return Secret(text) if text else None


def _typed(row: Setting, raw: Any, source: str) -> Any:  # noqa: ANN401  # one value of any setting's type
    converted = _CONVERT[row.type](raw)
    if converted is None:
        raise RefusedError(f"{source} is {_excerpt(raw)}: expected {_EXPECTED[row.type]}")
    texts = converted if isinstance(converted, tuple) else (converted,)
    if row.choices:
        _refuse_other_choices(row.choices, texts, source)
    if row.form in _FORMS:
        _FORMS[row.form]([text for text in texts if text], source)
    if isinstance(converted, (int, float)) and not isinstance(converted, bool):
        low, high = row.least, row.most
        if (low is not None and converted < low) or (high is not None and converted > high):
            raise RefusedError(f"{source} is {converted}: expected a number from {low} to {high}")
    return converted


def _refuse_other_choices(choices: Sequence[str], texts: Iterable[str], source: str) -> None:
    for text in texts:
        if text not in choices:
            raise RefusedError(f"{source} has {_excerpt(text)}: expected one of {', '.join(choices)}")


def _excerpt(raw: object) -> str:
    return ascii(raw)[:80]


def _text(raw: object) -> str | None:
    return raw.strip() if isinstance(raw, str) and "\x00" not in raw and "\n" not in raw.strip() else None


def _list(raw: object) -> tuple[str, ...] | None:
    if isinstance(raw, str):
        return tuple(raw.replace(",", " ").split())
    if isinstance(raw, Sequence) and all(isinstance(item, str) and item for item in raw):
        return tuple(raw)
    return None


def _whole(raw: object) -> int | None:
    if isinstance(raw, bool):
        return None
    if isinstance(raw, int):
        return raw
    return int(raw) if isinstance(raw, str) and raw.isascii() and raw.isdigit() else None


def _seconds(raw: object) -> float | None:
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
        return None
    if isinstance(raw, str) and not _SECONDS.fullmatch(raw):
        return None
    try:
        seconds = float(raw)
    except OverflowError:  # a whole number of TOML without bounds
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _flag(raw: object) -> bool | None:
    if isinstance(raw, bool):
        return raw
    return {"true": True, "false": False}.get(raw) if isinstance(raw, str) else None


_CONVERT: dict[str, Callable[[object], Any]] = {
    "text": _text,
    "choice": _text,
    "list": _list,
    "whole": _whole,
    "seconds": _seconds,
    "flag": _flag,
}
_EXPECTED = {
    "text": "one line of text",
    "choice": "one line of text",
    "list": "a list of texts, in the environment separated by spaces or commas",
    "whole": "a whole number",
    "seconds": "a number of seconds, not below 0",
    "flag": "true or false",
}


# --- the forms that a text may have to have; an empty text is one that is not set -------------------------------------


def _refuse_odd_places(places: Iterable[str], source: str) -> None:
    """Refuse what no observer could look at."""
    for place in places:
        try:
            parse_locator(place)
        except ForeignTextError as error:
            raise RefusedError(f"{source}: {str(error).removesuffix('.')}") from None


def _refuse_odd_server_places(places: Iterable[str], source: str) -> None:
    for place in places:
        try:
            parse_server_locator(place)
        except ForeignTextError as error:
            raise RefusedError(f"{source}: {str(error).removesuffix('.')}") from None


def _refuse_installables(installables: Iterable[str], source: str) -> None:
    for installable in installables:
        refuse_credentials(installable, source)


def _refuse_odd_keys(keys: Iterable[str], source: str) -> None:
    """Refuse what is no public key, and a name that two keys have: which of them counts would be left to chance."""
    by_name: dict[str, bytes] = {}
    for key in keys:
        try:
            name, raw = public_key(key)
        except ForeignTextError as error:
            key_label = key_name(key)
            which = f" has the key {_excerpt(key_label)}, and" if key_label else ":"
            raise RefusedError(f"{source}{which} {str(error).removesuffix('.')}") from None
        if by_name.setdefault(name, raw) != raw:
            raise RefusedError(
                f"{source} has two different keys named {_excerpt(name)}: expected one key of a name; remove one"
            )


def _refuse_odd_hosts(entries: Iterable[str], source: str) -> None:
    for entry in entries:
        match = _HOST_ENTRY.fullmatch(entry)
        why = "is no host or host:port" if match is None else odd_host(match["host"])
        if why:
            raise RefusedError(
                f"{source}: the host {_excerpt(entry)} {why}: expected one server's name or address, no wildcards"
            )


def _refuse_odd_caches(names: Iterable[str], source: str) -> None:
    for name in names:
        if not is_cache_name(name):
            raise RefusedError(f"{source}: {_excerpt(name)} is no cache name: expected {CACHE_RULE}")


def _refuse_odd_buckets(names: Iterable[str], source: str) -> None:
    for name in names:
        if not is_bucket_name(name):
            raise RefusedError(f"{source}: {_excerpt(name)} is no bucket name: expected {BUCKET_RULE}")


# An endpoint's own form, "url", is checked with the hosts that plain http is allowed for.
_FORMS: dict[str, Callable[[Sequence[str], str], None]] = {
    "locator": _refuse_odd_places,
    "server-place": _refuse_odd_server_places,
    "installable": _refuse_installables,
    "public-key": _refuse_odd_keys,
    "host": _refuse_odd_hosts,
    "cache": _refuse_odd_caches,
    "bucket": _refuse_odd_buckets,
}


# --- what holds for several settings together -------------------------------------------------------------------------


def _refuse_odd_endpoint(row: Setting, url: str, plain: Sequence[str]) -> None:
    """Refuse what not every program reads as the same server. A user part may hold a password, so no URL is shown."""
    match = _ENDPOINT.fullmatch(url)
    if match is None:
        raise RefusedError(f"{row.env} is no plain URL: expected https://host[:port] without user, query or fragment")
    host, port = match["host"].lower(), match["port"]
    path = "/" + url.partition("://")[2].partition("/")[2]
    if row.name in ("s3_endpoint", "origin_endpoint") and path != "/":
        raise RefusedError(
            f"{row.env} has the path {_excerpt(path)}: S3 endpoints have none, and "
            "buckets are asked for below the host; "
            "expected https://host[:port], such as the host of a Ceph or Swift gateway alone"
        )
    if why := odd_host(host):
        raise RefusedError(
            f"the host of {row.env}, {_excerpt(host)}, {why}: expected a name, or the plain address of one server"
        )
    names = {f"{host}:{port or 80}", *([host] if port in (None, "80") else [])}
    if match["scheme"].lower() == "http" and names.isdisjoint(entry.lower() for entry in plain):
        raise RefusedError(
            f"{row.env} is asked by plain http, and {_excerpt(host)} is not among plain-http-hosts: "
            "expected https://, or the host there"
        )


def _refuse_no_buckets(buckets: Sequence[str]) -> None:
    if not buckets:
        raise RefusedError("buckets is empty: a gate that watches no bucket could only pass; name at least one")
