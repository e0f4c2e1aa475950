"""The client's file, ``$XDG_CONFIG_HOME/attic/config.toml`` (attic b7c9056 ``client/src/config.rs``)."""

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

FILE_MODE: Final = 0o600


class ClientError(Exception):
    """The run ends; ``causes`` are printed below the message as anyhow prints them."""

    def __init__(self, message: str, *causes: str) -> None:
        """Keep the message and its causes, outermost first."""
        super().__init__(message)
        self.causes = causes


@dataclass(frozen=True, slots=True)
class ServerEntry:
    """One ``[servers.NAME]``."""

    endpoint: str
    token: str | None = field(default=None, repr=False)
    token_file: str | None = None

    def read_token(self) -> str | None:
        """Return the token itself, read from its file if need be."""
        if self.token is not None or self.token_file is None:
            return self.token
        try:
            return Path(self.token_file).read_text(encoding="utf-8").strip()
        except OSError as error:
            cause = f"{error.strerror} (os error {error.errno})"
            message = f"Failed to read token from {self.token_file}"
            raise ClientError(message, cause) from error


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """All servers known to the client."""

    default_server: str | None
    servers: Mapping[str, ServerEntry]

    def resolve(self, reference: str) -> tuple[str, ServerEntry, str]:
        """Return server name, server and cache of ``CACHE`` or ``SERVER:CACHE``."""
        server, colon, cache = reference.rpartition(":")
        if colon:
            if server not in self.servers:
                message = f'Server "{server}" does not exist'
                raise ClientError(message)
            return server, self.servers[server], cache
        name = self.default_server or next(iter(self.servers), None)
        if name is None:
            message = "No servers are available."
            raise ClientError(message)
        if name not in self.servers:
            message = f'Configured default server "{name}" does not exist'
            raise ClientError(message)
        return name, self.servers[name], cache


def config_path() -> Path:
    """Return where the file is, whether or not it exists."""
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "attic" / "config.toml"


def load(path: Path) -> ClientConfig:
    """Read the file; a missing one knows no servers."""
    if not path.exists():
        return ClientConfig(None, {})
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    servers = {
        name: ServerEntry(entry["endpoint"], entry.get("token"), entry.get("token-file"))
        for name, entry in table.get("servers", {}).items()
    }
    return ClientConfig(table.get("default-server"), servers)


def save(config: ClientConfig, path: Path) -> None:
    """Write the file, readable by its owner only."""
    lines = [] if config.default_server is None else [f"default-server = {json.dumps(config.default_server)}"]
    for name, entry in config.servers.items():
        lines += ["", f"[servers.{name}]", f"endpoint = {json.dumps(entry.endpoint)}"]
        if entry.token is not None:
            lines.append(f"token = {json.dumps(entry.token)}")
        if entry.token_file is not None:
            lines.append(f"token-file = {json.dumps(entry.token_file)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    path.chmod(FILE_MODE)
