"""``python -m gate.lab.attic.client``: a stand-in for ``attic`` with ``push``, ``cache create`` and ``login``.

All output is on standard error, as recorded; the exit code is 0, or 1 after an ``Error:`` line.
"""

import argparse
import io
import os
import signal
import sys

from gate.lab.attic.client_api import ApiClient
from gate.lab.attic.client_config import ClientConfig, ClientError, ServerEntry, config_path, load, save
from gate.lab.attic.client_push import Options, Target, push, push_stdin, say


def main() -> int:
    """Run one command; return the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the real client dies of it without a word
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")
    arguments = _parser().parse_args()
    try:
        arguments.run(arguments)
    except ClientError as error:
        say(_report(error))
        return 1
    return 0


def run_push(arguments: argparse.Namespace) -> None:
    """Push paths; the cache's settings may send the client, token and all, to another API endpoint."""
    if arguments.jobs == 0:
        message = "The number of jobs cannot be 0"
        raise ClientError(message)
    name, server, cache = load(config_path()).resolve(arguments.cache)
    api = ApiClient(server.endpoint, server.read_token())
    settings = api.cache_config(cache)
    api.endpoint = settings.get("api_endpoint") or api.endpoint
    target = Target(api, name, cache, frozenset(settings.get("upstream_cache_key_names") or ()))
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
    say(f'✨ Created cache "{cache}" on "{name}"')


def run_login(arguments: argparse.Namespace) -> None:
    """Write a server into the client's file; the token may also come as ``ATTIC_LOGIN_TOKEN``, out of argv."""
    path = config_path()
    config = load(path)
    known = config.servers.get(arguments.name)
    say(f'✍️ {"Configuring" if known is None else "Overwriting"} server "{arguments.name}"')
    token = arguments.token or os.environ.get("ATTIC_LOGIN_TOKEN")
    if token is None and known is not None:
        entry = ServerEntry(arguments.endpoint, known.token, known.token_file)
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
