"""What this machine knows of a cache: the attic client's configuration, Nix's substituters, units and containers."""

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from gate.model.setting import Guess

Ask = Callable[[Sequence[str]], str | None]  # a program's output; None where it is not there or failed
_CACHE: Final = re.compile("/[A-Za-z0-9_+.-]+/?")  # a substituter of Attic is SERVER/CACHE
_NIXOS: Final = "cache.nixos.org"
_UNITS: Final = ("systemctl", "list-units", "--type=service", "--all", "--plain", "--no-legend")
_CONTAINERS: Final = ("docker", "ps", "--format", "{{.Names}}")
_SETTINGS: Final = ("nix", "--extra-experimental-features", "nix-command", "show-config", "--json")


def guess_site(ask: Ask, attic_config: str | None) -> Mapping[str, Guess]:
    """Values for settings, by name, each with its origin; only what one source says without a doubt.

    ``attic_config`` is the text of the attic client's own configuration, None where there is none.
    """
    guesses: dict[str, Guess] = {}
    server = _attic_server(attic_config)
    if server:
        guesses["attic_server"] = Guess(text=server, origin="the attic client's configuration")
    substituters = _substituters(ask(_SETTINGS))
    caches = [url for url in substituters if url.netloc != _NIXOS and _CACHE.fullmatch(url.path)]
    if server:
        caches = [url for url in caches if url.netloc == urlsplit(server).netloc]
    if len(caches) == 1:
        (url,) = caches
        origin = "Nix's substituters"
        guesses.setdefault("attic_server", Guess(text=f"{url.scheme}://{url.netloc}", origin=origin))
        guesses["attic_cache"] = Guess(text=url.path.strip("/"), origin=origin)
    guesses.update(_processes(ask))
    return guesses


def _attic_server(config: str | None) -> str:
    """The endpoint of the default server, or of the only one (attic client/src/config.rs)."""
    try:
        toml: dict[str, Any] = tomllib.loads(config or "")
    except tomllib.TOMLDecodeError:
        return ""
    servers = toml.get("servers")
    if not isinstance(servers, dict):
        return ""
    name = toml.get("default-server", next(iter(servers)) if len(servers) == 1 else None)
    row = servers.get(name) if isinstance(name, str) else None
    endpoint = row.get("endpoint") if isinstance(row, dict) else None
    return endpoint.rstrip("/") if isinstance(endpoint, str) and "@" not in endpoint else ""  # user info is a secret


def _substituters(text: str | None) -> list[Any]:
    try:
        listed = json.loads(text or "{}")["substituters"]["value"]
    except (ValueError, KeyError, TypeError):
        return []
    rows = listed if isinstance(listed, list) else []
    urls = [url for url in rows if isinstance(url, str) and url.startswith(("http://", "https://"))]
    return [urlsplit(url) for url in urls if "@" not in url]  # user info is a secret


def _processes(ask: Ask) -> Iterator[tuple[str, Guess]]:
    """The units, or else the containers, of which one alone has the server's name in its own."""
    units = [line.split()[0] for line in (ask(_UNITS) or "").splitlines() if line.split()]
    containers = (ask(_CONTAINERS) or "").split()
    for word, settings in (("attic", ("cache_workload", "server_log")), ("rustfs", ("store_workload", "store_log"))):
        for names, form, origin in ((units, "systemd://{}", "systemd's units"), (containers, "docker://{}", "docker")):
            matching = [name for name in names if word in name]
            if len(matching) == 1:
                yield from ((setting, Guess(text=form.format(matching[0]), origin=origin)) for setting in settings)
                break
