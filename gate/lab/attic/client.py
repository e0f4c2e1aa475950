"""The stand-in ``attic`` client: its configuration, its requests and its commands."""

import argparse
import base64
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from itertools import chain
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from gate.lab.attic.access import is_store_path_hash

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
            raise ClientError(f"Failed to read token from {self.token_file}", cause) from error


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
                raise ClientError(f'Server "{server}" does not exist')
            return server, self.servers[server], cache
        name = self.default_server or next(iter(self.servers), None)
        if name is None:
            raise ClientError("No servers are available.")
        if name not in self.servers:
            raise ClientError(f'Configured default server "{name}" does not exist')
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


PREAMBLE_THRESHOLD: Final = 4096  # a description of this many bytes goes ahead of the NAR, not into a header
TIMEOUT_SECONDS: Final = 600
USER_AGENT: Final = "Attic/attic-client (stand-in)"


class ApiError(ClientError):
    """The server, or something before it, answered with an error."""


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """A whole answer."""

    status: int
    reason: str
    body: bytes

    def is_success(self) -> bool:
        """Tell whether the status is 2xx."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


@dataclass(frozen=True, slots=True)
class _ApiRequest:
    """A request as it will be sent; the headers hold the token."""

    method: str
    url: str
    headers: dict[str, str] = field(repr=False)
    payload: Iterable[bytes] | bytes | None = field(repr=False)


class ApiClient:
    """Speaks to one server with one token; a connection for each request, from any thread."""

    def __init__(self, endpoint: str, token: str | None) -> None:
        """Keep where the server is; ``token`` goes into the Authorization header only."""
        self.endpoint = endpoint
        self._token = token

    def cache_config(self, cache: str) -> dict[str, Any]:
        """Return a cache's settings."""
        return self._json(self._request("GET", f"_api/v1/cache-config/{cache}"))

    def create_cache(self, cache: str, settings: dict[str, Any]) -> None:
        """Make a cache."""
        self._checked(self._request("POST", f"_api/v1/cache-config/{cache}", json_body=settings))

    def missing_paths(self, cache: str, hashes: Sequence[str]) -> set[str]:
        """Return those store path hashes that the server wants uploaded."""
        question = {"cache": cache, "store_path_hashes": list(hashes)}
        answer = self._json(self._request("POST", "_api/v1/get-missing-paths", json_body=question))
        return set(answer["missing_paths"])

    def upload(self, info: dict[str, Any], nar: Iterable[bytes]) -> dict[str, Any] | None:
        """Upload a NAR; ``None`` for a success whose body is no JSON, which the real client counts as uploaded."""
        text = json.dumps(info, separators=(",", ":")).encode()
        if len(text) < PREAMBLE_THRESHOLD:
            headers, body = {"X-Attic-Nar-Info": text.decode()}, nar
        else:
            headers, body = {"X-Attic-Nar-Info-Preamble-Size": str(len(text))}, chain((text,), nar)
        answer = self._checked(self._request("PUT", "_api/v1/upload-path", headers=headers, body=body))
        try:
            result = json.loads(answer.body)
        except ValueError:
            return None
        return result if isinstance(result, dict) and "kind" in result else None

    def _request(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        body: Iterable[bytes] | None = None,
        json_body: dict[str, Any] | None = None,
    ) -> ApiAnswer:
        """Send one request and read the whole answer."""
        sent = {"User-Agent": USER_AGENT, **(headers or {})}
        if self._token is not None:
            sent["Authorization"] = f"bearer {self._token}"
        payload: Iterable[bytes] | bytes | None = body
        if json_body is not None:
            sent["Content-Type"] = "application/json"
            payload = json.dumps(json_body, separators=(",", ":")).encode()
        if body is not None:
            sent["Transfer-Encoding"] = "chunked"
        question = _ApiRequest(method, urljoin(self.endpoint, path), sent, payload)
        parts = urlsplit(question.url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
        try:
            _connect(connection, question.url)
            return _exchange(connection, question)
        finally:
            connection.close()

    @staticmethod
    def _checked(answer: ApiAnswer) -> ApiAnswer:
        """Return an answer that is a success, or raise what it says."""
        if answer.is_success():
            return answer
        text = answer.body.decode(errors="replace")
        try:
            error = json.loads(text)
            message = f"{error['error']}: {error['message']}"
        except (ValueError, KeyError, TypeError):
            message = f"HTTP {answer.status} {answer.reason}: {text}"
        raise ApiError(message)

    def _json(self, answer: ApiAnswer) -> dict[str, Any]:
        """Return the JSON object of a success."""
        try:
            value = json.loads(self._checked(answer).body)
        except ValueError as error:
            raise ClientError("error decoding response body", str(error)) from error
        if not isinstance(value, dict):
            raise ClientError("error decoding response body", "expected a JSON object")
        return value


def _connect(connection: HTTPConnection, url: str) -> None:
    """Open a connection, or raise in reqwest's words (recording ``server-down``)."""
    message = f"error sending request for url ({url})"
    try:
        connection.connect()
    except socket.gaierror as error:
        raise ClientError(message, "client error (Connect)", "dns error", str(error.strerror)) from error
    except OSError as error:
        cause = f"{error.strerror} (os error {error.errno})"
        raise ClientError(message, "client error (Connect)", "tcp connect error", cause) from error


def _exchange(connection: HTTPConnection, question: _ApiRequest) -> ApiAnswer:
    """Send a request on an open connection; an answer that comes before the body is out still counts."""
    try:
        _send(connection, question)
        response = connection.getresponse()
        return ApiAnswer(response.status, response.reason, response.read())
    except (HTTPException, OSError) as error:
        message = f"error sending request for url ({question.url})"
        cause = "connection closed before message completed"
        raise ClientError(message, "client error (SendRequest)", cause) from error


def _send(connection: HTTPConnection, question: _ApiRequest) -> None:
    """Send a request; a peer that stops reading may have answered already, so that is no failure yet."""
    path = urlsplit(question.url).path
    try:
        connection.request(question.method, path, body=question.payload, headers=question.headers, encode_chunked=True)
    except (BrokenPipeError, ConnectionResetError):
        return


HASH_CHARS: Final = 32
READ_BYTES: Final = 64 * 1024
ARGUMENTS: Final = 500  # paths given to one nix command


@dataclass(frozen=True, slots=True)
class PathInfo:
    """A valid path; ``name`` is its base name, ``references`` are base names too."""

    path: str
    name: str
    nar_hash: str
    """``sha256:`` and 64 hexadecimal digits."""
    nar_size: int
    """Bytes."""
    references: tuple[str, ...]
    sigs: tuple[str, ...]
    ca: str | None

    def store_path_hash(self) -> str:
        """Return the hash in the path's name."""
        return self.name[:HASH_CHARS]


def store_dir() -> Path:
    """Return the store's folder."""
    return Path(os.environ.get("NIX_STORE_DIR") or "/nix/store")


def follow(text: str) -> str:
    """Return the store path that a file, or a link to it, lies in (attic b7c9056 ``follow_store_path``)."""
    root = store_dir()
    path = Path(text).absolute() if Path(text).is_relative_to(root) else Path(os.path.realpath(text))
    if not path.is_relative_to(root) or path == root:
        raise ClientError(f'Invalid store path "{text}": Path is not in store directory')
    name = path.relative_to(root).parts[0]
    if not is_store_path_hash(name[:HASH_CHARS]):
        raise ClientError(f'Invalid store path base name "{name}": Name is of invalid format')
    return str(root / name)


def closure(roots: Sequence[str]) -> list[str]:
    """Return the roots and all that they refer to."""
    return _run(["nix-store", "--query", "--requisites", *roots]).split()


def query(paths: Sequence[str]) -> list[PathInfo]:
    """Return what the store knows about paths."""
    infos = []
    for at in range(0, len(paths), ARGUMENTS):
        command = ["nix", "--extra-experimental-features", "nix-command", "path-info", "--json"]
        answer = json.loads(_run([*command, *paths[at : at + ARGUMENTS]]))
        rows = answer if isinstance(answer, list) else [{"path": path, **row} for path, row in answer.items()]
        infos += [_path_info(row) for row in rows]
    return infos


def dump(path: str) -> Iterator[bytes]:
    """Yield a path's NAR."""
    command = ["nix-store", "--dump", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        if process.stdout is not None:
            while piece := process.stdout.read(READ_BYTES):
                yield piece


def _path_info(row: dict[str, Any]) -> PathInfo:
    """Read one entry of ``nix path-info --json``."""
    algorithm, _, digest = row["narHash"].partition("-")
    return PathInfo(
        path=row["path"],
        name=Path(row["path"]).name,
        nar_hash=f"{algorithm}:{base64.b64decode(digest).hex()}",
        nar_size=row["narSize"],
        references=tuple(Path(path).name for path in row.get("references", ())),
        sigs=tuple(row.get("signatures", ())),
        ca=row.get("ca"),
    )


def _run(command: Sequence[str]) -> str:
    """Run a Nix command; its complaint is worded as the recorded client words it (recording ``no-such-path``)."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        complaint = done.stderr.strip().removesuffix(".")
        raise ClientError(f"Unknown C++ exception: {complaint}.")
    return done.stdout


UNITS: Final = ("KiB", "MiB", "GiB", "TiB", "PiB")
KIBI: Final = 1024
SHOWN_FRACTION: Final = 0.01  # less deduplication than this is not mentioned
_output = threading.Lock()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be uploaded, and why the rest is not."""

    missing: tuple[PathInfo, ...]
    all_paths: int
    already_cached: int
    upstream: int


@dataclass(frozen=True, slots=True)
class PushTarget:
    """Where to push to."""

    api: ApiClient
    server: str
    cache: str
    upstream_keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Options:
    """How to push."""

    jobs: int = 5
    whole_closure: bool = True
    skip_upstream: bool = True


def records(line: str) -> None:
    """Write one line to standard error, where all of the client's output goes."""
    with _output:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def push(target: PushTarget, paths: Sequence[str], options: Options) -> None:
    """Push paths named on the command line."""
    if not paths:
        records("🤷 Nothing specified.")
        if not sys.stdin.isatty():
            records("Hint: Pass --stdin to read the list of store paths from standard input.")
        return
    planned = plan(target, [follow(path) for path in paths], options)
    counts = f"({planned.already_cached} already cached, {planned.upstream} in upstream)"
    if not planned.missing:
        records(f"✅ All done! {counts}" if planned.all_paths else "🤷 Nothing selected.")
        return
    records(f'⚙️ Pushing {len(planned.missing)} paths to "{target.cache}" on "{target.server}" {counts}...')
    _upload_all(target, planned.missing, options.jobs)


def push_stdin(target: PushTarget, options: Options) -> None:
    """Push paths read from standard input, without a header (recording ``stdin-uploaded``)."""
    roots = [follow(line) for line in sys.stdin.read().splitlines() if line]
    if roots:
        _upload_all(target, plan(target, roots, options).missing, options.jobs)


def plan(target: PushTarget, roots: Sequence[str], options: Options) -> Plan:
    """Find out what to upload: the closure, without upstream paths, without what the server has."""
    paths = closure(roots) if options.whole_closure else list(dict.fromkeys(roots))
    infos = query(paths)
    candidates = [info for info in infos if not (options.skip_upstream and _is_upstream(info, target.upstream_keys))]
    missing: set[str] = set()
    if candidates:
        missing = target.api.missing_paths(target.cache, [info.store_path_hash() for info in candidates])
    chosen = tuple(info for info in candidates if info.store_path_hash() in missing)
    return Plan(chosen, len(infos), len(candidates) - len(chosen), len(infos) - len(candidates))


def human_bytes(count: int) -> str:
    """Write a number of bytes as indicatif's ``HumanBytes`` does: ``255 B``, ``8.31 KiB``."""
    if count < KIBI:
        return f"{count} B"
    value = float(count)
    for unit in UNITS:
        value /= KIBI
        if value < KIBI or unit == UNITS[-1]:
            return f"{value:.2f} {unit}"
    raise AssertionError


def _is_upstream(info: PathInfo, keys: frozenset[str]) -> bool:
    """Tell whether a local signature names an upstream cache's key; the signature itself is not checked."""
    return any(name in keys for name, colon, _ in (sig.partition(":") for sig in info.sigs) if colon)


def _upload_all(target: PushTarget, infos: Sequence[PathInfo], jobs: int) -> None:
    """Upload in parallel, to the end, then raise the first failure in the plan's order."""
    with ThreadPoolExecutor(jobs) as pool:
        failures = [failure for failure in pool.map(lambda info: _upload(target, info), infos) if failure is not None]
    if failures:
        raise failures[0]


def _upload(target: PushTarget, info: PathInfo) -> ClientError | None:
    """Upload one path and say how it went."""
    started = time.monotonic()
    try:
        result = target.api.upload(_nar_info(target.cache, info), dump(info.path))
    except ClientError as error:
        records(f"❌ {info.name}: {error}")
        return error
    records(f"✅ {info.name} ({_outcome(result or {}, info.nar_size, time.monotonic() - started)})")
    return None


def _outcome(result: dict[str, Any], nar_size: int, seconds: float) -> str:
    """Say how a successful upload went; an answer without a known kind counts as uploaded."""
    if result.get("kind") == "Deduplicated":
        return "deduplicated"
    speed = f"{human_bytes(int(nar_size / seconds))}/s"
    fraction = result.get("frac_deduplicated")
    if isinstance(fraction, (int, float)) and fraction > SHOWN_FRACTION:
        return f"{speed}, {fraction * 100:.1f}% deduplicated"
    return speed


def _nar_info(cache: str, info: PathInfo) -> dict[str, Any]:
    """Describe a path for ``upload-path``."""
    return {
        "cache": cache,
        "store_path_hash": info.store_path_hash(),
        "store_path": info.path,
        "references": info.references,
        "system": None,
        "deriver": None,
        "sigs": info.sigs,
        "ca": info.ca,
        "nar_hash": info.nar_hash,
        "nar_size": info.nar_size,
    }


def main() -> int:
    """Run one command; return the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the real client dies of it without a word
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")
    arguments = _parser().parse_args()
    try:
        arguments.run(arguments)
    except ClientError as error:
        records(_report(error))
        return 1
    return 0


def run_push(arguments: argparse.Namespace) -> None:
    """Push paths; the cache's settings may send the client, token and all, to another API endpoint."""
    if arguments.jobs == 0:
        raise ClientError("The number of jobs cannot be 0")
    name, server, cache = load(config_path()).resolve(arguments.cache)
    api = ApiClient(server.endpoint, server.read_token())
    settings = api.cache_config(cache)
    api.endpoint = settings.get("api_endpoint") or api.endpoint
    target = PushTarget(api, name, cache, frozenset(settings.get("upstream_cache_key_names") or ()))
    options = Options(arguments.jobs, not arguments.no_closure, not arguments.ignore_upstream_cache_filter)
    if arguments.stdin:
        push_stdin(target, options)
    else:
        push(target, arguments.paths, options)


def run_cache_create(arguments: argparse.Namespace) -> None:
    """Make a cache."""
    name, server, cache = load(config_path()).resolve(arguments.cache)
    settings = {
        "keypair": "Generate",
        "is_public": arguments.public,
        "store_dir": arguments.store_dir,
        "priority": arguments.priority,
        "upstream_cache_key_names": arguments.upstream_cache_key_names or ["cache.nixos.org-1"],
    }
    ApiClient(server.endpoint, server.read_token()).create_cache(cache, settings)
    records(f'✨ Created cache "{cache}" on "{name}"')


def run_login(arguments: argparse.Namespace) -> None:
    """Write a server into the client's file; the token may also come as ``ATTIC_LOGIN_TOKEN``, out of argv."""
    path = config_path()
    config = load(path)
    former = config.servers.get(arguments.name)
    records(f'✍️ {"Configuring" if former is None else "Overwriting"} server "{arguments.name}"')
    token = arguments.token or os.environ.get("ATTIC_LOGIN_TOKEN")
    if token is None and former is not None:
        entry = ServerEntry(arguments.endpoint, former.token, former.token_file)
    else:
        entry = ServerEntry(arguments.endpoint, token)
    servers = {**config.servers, arguments.name: entry}
    default = arguments.name if arguments.set_default or len(servers) == 1 else config.default_server
    save(ClientConfig(default, servers), path)


def _report(error: ClientError) -> str:
    """Word an error as anyhow's debug output: the message, then its causes, numbered if there are several."""
    if not error.causes:
        return f"Error: {error}"
    if len(error.causes) == 1:
        return f"Error: {error}\n\nCaused by:\n    {error.causes[0]}"
    causes = "\n".join(f"    {number}: {cause}" for number, cause in enumerate(error.causes))
    return f"Error: {error}\n\nCaused by:\n{causes}"


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the commands that the lab uses."""
    parser = argparse.ArgumentParser(prog="attic", description="Stand-in for attic of Attic b7c9056.")
    parser.add_argument("--version", action="version", version="attic-client 0.1.0 (stand-in)")
    commands = parser.add_subparsers(required=True)
    pushing = commands.add_parser("push")
    pushing.add_argument("cache")
    pushing.add_argument("paths", nargs="*")
    pushing.add_argument("--stdin", action="store_true")
    pushing.add_argument("--no-closure", action="store_true")
    pushing.add_argument("--ignore-upstream-cache-filter", action="store_true")
    pushing.add_argument("-j", "--jobs", type=int, default=5)
    pushing.set_defaults(run=run_push)
    creating = commands.add_parser("cache").add_subparsers(required=True).add_parser("create")
    creating.add_argument("cache")
    creating.add_argument("--public", action="store_true")
    creating.add_argument("--store-dir", default="/nix/store")
    creating.add_argument("--priority", type=int, default=41)
    creating.add_argument("--upstream-cache-key-name", action="append", dest="upstream_cache_key_names")
    creating.set_defaults(run=run_cache_create)
    login = commands.add_parser("login")
    login.add_argument("name")
    login.add_argument("endpoint")
    login.add_argument("token", nargs="?")
    login.add_argument("--set-default", action="store_true")
    login.set_defaults(run=run_login)
    return parser


if __name__ == "__main__":
    sys.exit(main())
