"""The lab's Attic: a server with two private caches, their tokens, and the client to push with.

A real ``atticd`` and ``attic`` are taken when ``GATE_LAB_ATTICD`` and ``GATE_LAB_ATTIC`` name them, or when they are
on PATH; the stand-ins of `gate.lab.attic` otherwise. Both read the same files and take the same arguments.
"""

import http.client
import json
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from gate.errors import InconclusiveError, RefusedError
from gate.lab.children import Server, start_anywhere
from gate.lab.objects import Objects
from gate.lab.place import Mint
from gate.lab.proxy import Proxy
from gate.model.basics import Secret

HOST: Final = "127.0.0.1"
MAIN: Final = "main"
PROBE: Final = "probe"
BUCKET: Final = "attic"
UPSTREAM_KEY: Final = "lab-upstream-1"
PRIORITY: Final = 41  # Attic's default for a cache (attic b7c9056 client/src/command/cache.rs)
ANSWER_SECONDS: Final = 10.0
CHUNKING: Final = {  # attic b7c9056 server/src/config-template.toml
    "nar-size-threshold": 65536,
    "min-size": 16384,
    "avg-size": 65536,
    "max-size": 262144,
}


@dataclass(frozen=True)
class Program:
    """A program of Attic's: how to start it, and whether it is the real one."""

    argv: tuple[str, ...]
    real: bool


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What the lab's own reader, not the gate's, got of a body. ``cut``: it ended before its framing said so."""

    status: int
    bytes: int
    cut: bool
    location: str | None


def find_program(name: Literal["attic", "atticd"], environ: Mapping[str, str]) -> Program:
    """The real program where there is one, else its stand-in; raises `RefusedError` when a named one is not there."""
    variable = f"GATE_LAB_{name.upper()}"
    setting = environ.get(variable)
    if setting:
        program = shutil.which(setting, path=environ.get("PATH", os.defpath))
        if not program:
            raise RefusedError(f"{variable} is {setting!r}: expected a program that can be run")
        return Program((os.path.abspath(program),), real=True)  # noqa: PTH100  must not follow links: wrappers go by name
    program = shutil.which(name, path=environ.get("PATH", os.defpath))
    if program:
        return Program((os.path.abspath(program),), real=True)  # noqa: PTH100  the same
    module = "gate.lab.attic.client" if name == "attic" else "gate.lab.attic.server"
    return Program((sys.executable, "-P", "-m", module), real=False)


class Attic:
    """One server with the caches ``main`` and ``probe``. ``proxied`` puts a reverse proxy before it."""

    def __init__(
        self, work: Path, environ: Mapping[str, str], child_environ: Mapping[str, str], *, proxied: bool
    ) -> None:
        self.mint = Mint()
        self.database = work / "attic.db"
        self.log = work / "atticd.log"
        self.pid_file = work / "atticd.pid"
        self.proxy = Proxy() if proxied else None
        self.client_program = find_program("attic", environ)
        self.server_program = find_program("atticd", environ)
        self._work = work
        self._environ = {**child_environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        self._server: Server | None = None

    @property
    def server(self) -> Server:
        """The server's process."""
        if self._server is None:
            raise InconclusiveError("the lab's Attic server was not started: start the stack first")
        return self._server

    @property
    def address(self) -> str:
        """``host:port`` that clients use: the proxy's where there is one."""
        return self.proxy.address if self.proxy else self.server.address

    @property
    def endpoint(self) -> str:
        """URL that clients use, with its slash at the end, as Attic demands."""
        return f"http://{self.address}/"

    @property
    def versions(self) -> str:
        """Which programs these are, for a person."""
        kinds = {True: "real", False: "stand-in"}
        return f"atticd {kinds[self.server_program.real]}, attic {kinds[self.client_program.real]}"

    def start(self, storage: Objects) -> None:
        """Start the server, and make both caches; raises `InconclusiveError` when that can't be."""
        if self.proxy:
            self.proxy.start()

        def make(port: int) -> Server:
            config = self._work / "server.toml"
            _write_private(config, self._config(port, storage))
            return Server(
                name="Attic server",
                argv=(*self.server_program.argv, "-f", str(config)),
                environ=self._environ,
                log=self.log,
                pid_file=self.pid_file,
                host=HOST,
                port=port,
            )

        self.log.touch()
        self._server = start_anywhere(make, HOST)
        if self.proxy:
            self.proxy.target = (HOST, self._server.port)
        for cache in (MAIN, PROBE):
            self._make_cache(cache)

    def stop(self) -> None:
        """End the server and the proxy."""
        if self._server:
            self._server.stop()
        if self.proxy:
            self.proxy.stop()

    def public_key(self, cache: str) -> str:
        """A cache's public key, ``name:base64``, by its own account."""
        status, body = self._call("GET", f"/_api/v1/cache-config/{cache}")
        if status != 200:  # noqa: PLR2004  HTTP's OK
            raise InconclusiveError(
                f"the lab's Attic answered {status} for the settings of cache {cache}, expected 200: {body[:200]!r}"
            )
        return str(json.loads(body)["public_key"])

    def write_client(self, folder: Path) -> Path:
        """The attic command as one file: the real one, or a script in ``folder`` that starts the stand-in."""
        if self.client_program.real:
            return Path(self.client_program.argv[0])
        script = folder / "attic"
        root = shlex.quote(str(Path(__file__).parents[2]))
        script.write_text(
            f'#!/bin/sh\nPYTHONPATH={root}\nexport PYTHONPATH\nexec {shlex.join(self.client_program.argv)} "$@"\n',
            encoding="utf-8",
        )
        script.chmod(0o755)
        return script

    def write_login(self, config_home: Path, token: Secret) -> None:
        """The client's own file below ``config_home``, for the lab's pushes before the run."""
        (config_home / "attic").mkdir(parents=True, exist_ok=True)
        text = f'default-server = "lab"\n[servers.lab]\nendpoint = "{self.endpoint}"\ntoken = "{token.reveal()}"\n'
        _write_private(config_home / "attic" / "config.toml", text)

    def fetch(self, path: str) -> Fetched:
        """GET a path with the right to read; the body is counted and thrown away."""
        connection = http.client.HTTPConnection(HOST, self.server.port, timeout=ANSWER_SECONDS)
        headers = {"Authorization": f"bearer {self.mint.read((MAIN, PROBE)).reveal()}"}
        size, cut = 0, False
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            try:
                size = len(answer.read())
            except http.client.IncompleteRead as error:
                size, cut = len(error.partial), True
            return Fetched(status=answer.status, bytes=size, cut=cut, location=answer.getheader("location"))
        except (OSError, http.client.HTTPException) as error:
            raise InconclusiveError(f"the lab could not GET {path} at {self.server.address}: {error}") from None
        finally:
            connection.close()

    def _make_cache(self, cache: str) -> None:
        config = {
            "keypair": "Generate",
            "is_public": False,
            "store_dir": "/nix/store",
            "priority": PRIORITY,
            "upstream_cache_key_names": [UPSTREAM_KEY],
        }
        status, body = self._call("POST", f"/_api/v1/cache-config/{cache}", json.dumps(config))
        if status != 200:  # noqa: PLR2004  HTTP's OK
            raise InconclusiveError(
                f"the lab's Attic answered {status} to making cache {cache}, expected 200: {body[:200]!r}"
            )

    def _call(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(HOST, self.server.port, timeout=ANSWER_SECONDS)
        headers = {"Authorization": f"bearer {self.mint.admin().reveal()}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise InconclusiveError(f"the lab could not {method} {path} at {self.server.address}: {error}") from None
        finally:
            connection.close()

    def _config(self, port: int, storage: Objects) -> str:
        """server.toml, as ``atticd -f`` reads it (attic b7c9056 server/src/config-template.toml)."""
        endpoint = f"http://{self.proxy.address if self.proxy else f'{HOST}:{port}'}/"
        chunking = "\n".join(f"{name} = {size}" for name, size in CHUNKING.items())
        return f"""\
listen = "{HOST}:{port}"
allowed-hosts = []
api-endpoint = "{endpoint}"
[database]
url = "sqlite://{self.database}?mode=rwc"
[storage]
type = "s3"
region = "{storage.region}"
bucket = "{BUCKET}"
endpoint = "{storage.endpoint}"
[storage.credentials]
access_key_id = "{storage.access_key_id.reveal()}"
secret_access_key = "{storage.secret_access_key.reveal()}"
[chunking]
{chunking}
[compression]
type = "zstd"
[garbage-collection]
interval = "12 hours"
[jwt.signing]
token-hs256-secret-base64 = "{self.mint.key.reveal()}"
"""


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
