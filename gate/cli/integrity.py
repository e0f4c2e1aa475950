"""``attic-nar-integrity-check``: whether every published byte of a path is there."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TextIO
from urllib.parse import urlsplit

from cyclopts import Parameter

from gate import limits
from gate.cli.flags import AsFormat, Config, JsonInto
from gate.cli.outcome import Outcome, report
from gate.cli.progress import ProgressLines
from gate.clock import Clock
from gate.errors import ForeignTextError, RefusedError
from gate.judge.integrity import PathReading
from gate.model.basics import Status
from gate.parse.addresses import is_loopback
from gate.parse.text import is_cache_name
from gate.settings import BY_NAME

if TYPE_CHECKING:
    from rich.progress import Progress

    from gate.model.basics import Secret
    from gate.model.parsed import FileLocator, SecretLocator
    from gate.probe.integrity import Cache
    from gate.process import CancelToken


_LINE_SECONDS = 10.0  # between two lines that only count
_WRONG = (Status.FAIL, Status.INCONCLUSIVE)


class Reads:
    """Tells of each read as it ends; what is wrong gets a line at once. ``total`` may grow while it runs."""

    def __init__(self, stream: TextIO, clock: Clock, total: int) -> None:
        self._clock = clock
        self._stream = stream
        self._total = total
        self._done = 0
        self._bytes = 0
        self._wrong = 0
        self._told = clock.monotonic()
        self._lines = None if stream.isatty() else ProgressLines(stream, clock)
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        if self._lines is not None:
            self._lines.__enter__()
            self._lines.stage(f"paths to read: {self._total}")
        else:
            from rich.console import Console  # only on a terminal
            from rich.progress import BarColumn, Progress, TimeElapsedColumn  # the same

            console = Console(file=self._stream, highlight=False)
            self._bar = Progress(BarColumn(), "{task.description}", TimeElapsedColumn(), console=console)
            self._bar.add_task(self._sum(), total=self._total)
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._lines is not None:
            self._lines.note(self._sum())
            self._lines.__exit__(kind, error, at)

    def read(self, row: PathReading) -> None:
        """A read ended."""
        self._done += 1
        self._total = max(self._total, self._done)
        self._bytes += row.wire_bytes
        if row.status in _WRONG:
            self._wrong += 1
            self._say(f"{row.status.value} {row.code} {row.store_path}")
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._done, total=self._total, description=self._sum())
        elif self._lines is not None and self._clock.monotonic() - self._told >= _LINE_SECONDS:
            self._told = self._clock.monotonic()
            self._lines.note(self._sum())

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(text, markup=False, soft_wrap=True)
        elif self._lines is not None:
            self._lines.note(text)

    def _sum(self) -> str:
        return f"{self._done} of {self._total} paths, {self._bytes} bytes, {self._wrong} not whole"


_LINE_BYTES = 256  # of a store path with its line end
_SETTINGS = (
    *("attic_server", "attic_cache", "hosts", "plain_http_hosts", "s3_endpoint", "upstream_keys"),
    *("read_token", "signing_secret", "signing_secret_from", "jobs", "deadline"),
    *("kubectl_bin", "kube_context", "kube_server", "kube_authority", "kube_plugins"),
)


def attic_nar_integrity_check(
    *,
    store_hash: Annotated[list[str] | None, Parameter(help="Hash of a store path, or the path; repeatable.")] = None,
    closure: Annotated[list[str] | None, Parameter(help="Store path whose whole closure is checked.")] = None,
    stdin: Annotated[bool, Parameter(help="Further hashes or store paths, one a line, on stdin.")] = False,
    server: Annotated[str | None, Parameter(help="The Attic server [env: GATE_ATTIC_SERVER].")] = None,
    cache: Annotated[str | None, Parameter(help="The cache's name there [env: GATE_ATTIC_CACHE].")] = None,
    cache_url: Annotated[str | None, Parameter(help="Instead: any Nix HTTP binary cache.")] = None,
    token_file: Annotated[
        Path | None, Parameter(help="File with a read token [Attic also: GATE_READ_TOKEN, GATE_SIGNING_SECRET].")
    ] = None,
    signing_secret_from: Annotated[
        str | None,
        Parameter(help="Instead of a token: Attic's signing secret at file:///path or kubectl://NS/secret/NAME?key=K."),
    ] = None,
    public_key: Annotated[str | None, Parameter(help="The cache's key, name:base64 (default: as Attic says).")] = None,
    yardstick: Annotated[
        Literal["auto", "signed-narinfo"],
        Parameter(help="auto: the local Nix store where it has the path, else the signed narinfo.", show_default=True),
    ] = "auto",
    hosts: Annotated[list[str] | None, Parameter(help="Further hosts that bodies may redirect to.")] = None,
    plain_http_hosts: Annotated[list[str] | None, Parameter(help="Hosts that may be read by plain http.")] = None,
    jobs: Annotated[int | None, Parameter(help=f"Bodies read at a time (default: {BY_NAME['jobs'].default}).")] = None,
    deadline: Annotated[
        float | None,
        Parameter(help=f"Seconds after which nothing more is read (default: {BY_NAME['deadline'].default:g})."),
    ] = None,
    config: Config = None,
    format: AsFormat = "text",
    json_into: JsonInto = None,
) -> int:
    """Read published paths to the last byte: is every byte there? 0 whole, 3 could not be determined, 4 not whole."""
    flags = {
        "attic_server": server,
        "attic_cache": cache,
        "signing_secret_from": signing_secret_from,
        "hosts": hosts,
        "plain_http_hosts": plain_http_hosts,
        "jobs": jobs,
        "deadline": deadline,
    }

    def make() -> Outcome:
        if cache_url is not None and (server is not None or cache is not None):
            raise RefusedError("--cache-url and --server, --cache are given: name one cache, by either")
        if signing_secret_from is not None and (cache_url is not None or token_file is not None):
            raise RefusedError(
                "--signing-secret-from mints a token of Attic's: give it without --cache-url and --token-file"
            )
        names = read_names(store_hash or (), sys.stdin.buffer.read if stdin else None)
        roots = read_names(closure or (), None)
        if any("-" not in root for root in roots):
            raise RefusedError("--closure has a hash: give a whole store path, for a closure begins with one")
        if not names and not roots:
            raise RefusedError("no path is named: give --store-hash, --closure or --stdin")
        settings = _settings(config, flags)
        return _run(
            names,
            roots,
            _Where(
                settings,
                cache_url=cache_url,
                token_file=token_file,
                public_key=public_key,
                minting=signing_secret_from is not None,
            ),
            local=yardstick == "auto",
        )

    return report(make, format=format, json_into=json_into)


def read_names(arguments: Sequence[str], read_more: Callable[[int], bytes] | None) -> tuple[str, ...]:
    """Store paths, or ``/nix/store/<hash>``, each once, in order. Raises `RefusedError` for anything else."""
    from gate.judge.integrity import named_path

    cap = limits.NAMED_PATHS * _LINE_BYTES
    more = read_more(cap + 1) if read_more else b""
    lines = [line.strip() for line in more.decode("utf-8", "backslashreplace").split("\n")]
    texts = [*arguments, *(line for line in lines if line)]
    if len(more) > cap or len(texts) > limits.NAMED_PATHS:
        raise RefusedError(f"more than {limits.NAMED_PATHS} paths are named: check them in parts")
    try:
        return tuple(dict.fromkeys(map(named_path, texts)))
    except ForeignTextError as error:
        raise RefusedError(str(error)) from None


def _settings(config: Path | None, flags: Mapping[str, Any]) -> dict[str, Any]:
    from gate.cli.probe import read_config, read_secret_file
    from gate.settings import resolve_named

    return resolve_named(
        _SETTINGS, needed=(), toml=read_config(config), environ=os.environ, flags=flags, read_file=read_secret_file
    )


class _Where:
    """Which cache, and with what: the settings and flags made ready, before anything is asked."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        *,
        cache_url: str | None,
        token_file: Path | None,
        public_key: str | None,
        minting: bool = False,
    ) -> None:
        from gate.cli.secrets import checked_place
        from gate.parse.narinfo import public_key as checked_key

        self.attic = cache_url is None
        self.given_key = public_key
        self.jobs: int = settings["jobs"]
        self.deadline: float = settings["deadline"]
        self.upstream_keys: tuple[str, ...] = settings["upstream_keys"]
        self.server: str = settings["attic_server"].rstrip("/")
        self.name: str = settings["attic_cache"] if self.attic else "cache"
        self.url = f"{self.server}/{self.name}" if cache_url is None else cache_url.rstrip("/")
        self._settings = settings
        self._secret: Secret | None = settings["signing_secret"] if self.attic and not minting else None
        self._token = _token(token_file, settings["read_token"] if self.attic and not minting else None)
        signing_place = settings["signing_secret_from"]
        needed = self.attic and self._token is None and self._secret is None and signing_place
        self._place: FileLocator | SecretLocator | None = checked_place(signing_place) if needed else None
        if self.attic and not (self.server and is_cache_name(self.name)):
            raise RefusedError("no cache is named: give --server and --cache, [cache] in gate.toml, or --cache-url")
        try:
            for key in (*self.upstream_keys, *([public_key] if public_key else ())):
                checked_key(key)
        except ForeignTextError as error:
            raise RefusedError(str(error)) from None
        self.hosts, self.plain_http_hosts = self._places(settings)

    @property
    def credential(self) -> str:
        """Where the token comes from, in a word."""
        if self._token is not None:
            return "given"
        return "none" if self._secret is None and self._place is None else "minted"

    def fetch_secret(self, clock: "Clock", cancel: "CancelToken") -> None:
        """Read the signing secret from its place, where one is named and no other credential was given."""
        if self._place is not None:
            from gate.cli.secrets import fetch

            self._secret = fetch(self._place, self._settings, clock=clock, cancel=cancel)

    def token(self, clock: "Clock") -> "Secret | None":
        """A token that may read this cache and nothing else, or the one that was given."""
        if self._token is not None or self._secret is None:
            return self._token
        from gate.token import mint

        return mint(self._secret, cache=self.name, seconds=limits.READ_TOKEN_SECONDS, now=clock.now())

    def _places(self, settings: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """All hosts, and those of them that may be read by plain http.

        These are the named ones and this machine. Where no credential is sent, the cache that was named on the command
        line is one of them: what comes from it is believed only under the yardstick.
        """
        own = _host(self.url)
        hosts = tuple(
            dict.fromkeys(place for place in (own, _host(settings["s3_endpoint"]), *settings["hosts"]) if place)
        )
        plain = [*settings["plain_http_hosts"], *(place for place in hosts if is_loopback(f"http://{place}"))]
        if self.credential == "none" and not self.attic:
            plain.append(own)
        return hosts, tuple(dict.fromkeys(plain))


def _token(file: Path | None, secret: "Secret | None") -> "Secret | None":
    if file is None:
        return secret
    from gate.cli.probe import read_secret_file
    from gate.model.basics import Secret

    return Secret(read_secret_file(str(file)).strip())


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _run(names: Sequence[str], roots: Sequence[str], where: _Where, *, local: bool) -> Outcome:
    from concurrent.futures import ThreadPoolExecutor

    from gate.cli.terminal import cancelling
    from gate.clock import SystemClock
    from gate.observe.nix_store import NixStore, nix_environment
    from gate.probe.integrity import Local, look_locally
    from gate.process import CancelToken, keep_memory_private

    keep_memory_private()
    clock = SystemClock()
    cancel = CancelToken()
    with cancelling(cancel, announce=True), ThreadPoolExecutor(max_workers=1) as executor:
        where.fetch_secret(clock, cancel)
        local_store = Local(facts={}, unknown=tuple(roots), note="the local store was not to be asked")
        nix = NixStore(env=nix_environment(os.environ), cancel=cancel, clock=clock)
        looking = executor.submit(look_locally, nix, names, roots) if local else None
        from gate.cli.integrity_report import outcome
        from gate.observe.curl_transfer import load
        from gate.probe.integrity import check_paths, plan_reads  # these take as long to load as Nix to answer

        load()
        cache, upstreams, note = _cache(where, clock, cancel)
        local_store = looking.result() if looking else local_store
        reads = plan_reads(names, local_store, upstreams, where.upstream_keys)
        with Reads(sys.stderr, clock, len({*(one.store_path for one in reads), *local_store.unknown})) as progress:
            rows = []
            for row in check_paths(
                reads,
                walk=local_store.unknown,
                cache=cache,
                jobs=where.jobs,
                deadline_seconds=where.deadline,
                cancel=cancel,
                clock=clock,
            ):
                rows.append(row)
                progress.read(row)
    return outcome(rows, cache=cache, token=where.credential, key_note=note, local_note=local_store.note)


def _cache(where: _Where, clock: "Clock", cancel: "CancelToken") -> "tuple[Cache, tuple[str, ...], str]":
    """The cache, the names of its upstreams' keys, and why its key is not known."""
    from gate.net import HostList, Http
    from gate.probe.integrity import Cache, ask_cache_config

    key, note = where.given_key, ""
    upstreams: tuple[str, ...] = ()
    if where.attic:
        with Http(where.hosts, where.plain_http_hosts, clock=clock, cancel=cancel) as http:
            config, note = ask_cache_config(http, where.server, where.name, where.token(clock))
        if config is not None:
            key, upstreams = key or config.public_key, config.upstream_cache_key_names
    elif key is None:
        note = "no --public-key was given"
    cache = Cache(
        url=where.url,
        name=where.name,
        attic=where.attic,
        hosts=HostList(where.hosts, where.plain_http_hosts),
        public_key=key,
        token=lambda: where.token(clock),
        batch=limits.READ_BATCH if where.credential == "minted" else limits.NAMED_PATHS,
    )
    return cache, upstreams, "" if key else note


def open_cache(
    server: str, name: str, config: Path | None, clock: "Clock", cancel: "CancelToken"
) -> "tuple[Cache, int, float]":
    """A cache of Attic's by the settings, with the jobs and the seconds of its reads; errors as the command's."""
    settings = _settings(config, {"attic_server": server, "attic_cache": name})
    where = _Where(settings, cache_url=None, token_file=None, public_key=None)
    where.fetch_secret(clock, cancel)
    return _cache(where, clock, cancel)[0], where.jobs, where.deadline
