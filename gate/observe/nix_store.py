"""The local Nix store: what is in it, what Nix's database says of a path, and what Nix is set to.

Works with every Nix from 2.8.0 on: ``nix path-info --stdin`` and ``nix build --print-out-paths`` came later and are
not used; settings are asked by their new name first (``nix config show`` since 2.20).
"""

import os
import re
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from gate import limits
from gate.clock import Clock
from gate.errors import CancelledError, ForeignTextError, InconclusiveError
from gate.model.machine import NixConfigSeen
from gate.model.parsed import NixSettings
from gate.model.records import ChildEnded, PathFacts
from gate.parse.nix_commands import parse_nix_config, parse_path_info, parse_settings
from gate.parse.store_path import store_path
from gate.parse.strict_json import as_texts, loads
from gate.parse.text import decode, excerpt, strip_escapes
from gate.process import CancelToken, SearchPath, output, scrubbed_environment

if TYPE_CHECKING:
    from gate.model.facts import TwinFile

FEATURES: Final = ("--extra-experimental-features", "nix-command flakes")
DERIVATION: Final = ".drv"
_URLS: Final = ("substituters", "trusted-substituters")

_Text = TypeVar("_Text")
_Read = TypeVar("_Read")
_VERSION: Final = re.compile(r"nix \([^()\n]{1,60}\) ([0-9]+\.[0-9]+[0-9A-Za-z.+_-]*)\n")
_VARIABLES: Final = (
    *("NIX_CONFIG", "NIX_PATH", "NIX_CONF_DIR", "NIX_USER_CONF_FILES", "NIX_REMOTE", "NIX_DAEMON_SOCKET_PATH"),
    *("NIX_SSHOPTS", "NETRC", "USER", "LOGNAME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_CACHE_HOME"),
    *(name for proxy in ("http_proxy", "https_proxy", "all_proxy", "no_proxy") for name in (proxy, proxy.upper())),
)


def nix_environment(source: Mapping[str, str]) -> dict[str, str]:
    """What Nix may see of an environment: its own settings and the proxies, beside what every child gets."""
    return scrubbed_environment(source, keep=_VARIABLES)


class NixStore:
    """The store that ``nix`` on this machine uses.

    ``programs``: the absolute paths of ``nix`` and ``nix-store``. What is not among them is in ``folder`` or, without
    it, on the PATH of ``env``, which is the children's whole environment (see `nix_environment`). Every method raises
    `InconclusiveError` when Nix can't be asked or says something else than documented, and `CancelledError` when the
    run was cancelled.
    """

    def __init__(
        self,
        *,
        folder: Path | None = None,
        programs: Mapping[str, str] | None = None,
        env: Mapping[str, str],
        cancel: CancelToken,
        clock: Clock,
    ) -> None:
        self.env = env
        self.cancel = cancel
        self.clock = clock
        self._folder = folder
        self._programs = dict(programs or {})

    def program(self, name: str) -> str:
        """``nix`` or ``nix-store`` as argv has it."""
        if name not in self._programs:
            program = SearchPath(self.env).find(name) if self._folder is None else str(self._folder / name)
            self._programs[name] = program or name
        return self._programs[name]

    def version(self) -> str:
        """The version alone, such as ``2.8.0``."""
        text = self.ask((self.program("nix"), "--version"), name="nix-version", cap=limits.ANSWER_BODY_BYTES)
        match = _VERSION.fullmatch(decode(text))
        if match is None:
            raise InconclusiveError(f"nix --version said {excerpt(decode(text))}: expected nix (Nix) <version>.")
        return match[1]

    def settings(self) -> NixSettings:
        """Substituters, trusted keys and fallback, as they are for this user on this machine."""
        return _parsed(parse_settings, self._settings_json())

    def _settings_json(self) -> bytes:
        nix = (self.program("nix"), *FEATURES)
        try:
            return self.ask((*nix, "config", "show", "--json"), name="nix-config", cap=limits.NIX_JSON_BYTES)
        except CancelledError:
            raise
        except InconclusiveError:
            return self.ask((*nix, "show-config", "--json"), name="nix-config", cap=limits.NIX_JSON_BYTES)

    def config(self) -> NixConfigSeen:
        """What Nix says of its effective settings; nothing is raised but `CancelledError`."""
        try:
            rows = _parsed(parse_nix_config, self._settings_json())
        except CancelledError:
            raise
        except InconclusiveError as error:
            return NixConfigSeen(settings=(), error=str(error))
        values = {row.name: row.value for row in rows}
        clean = tuple(
            replace(row, value=_without_secrets(row.value), default=_without_secrets(row.default))
            if row.name in _URLS
            else row
            for row in rows
        )
        return NixConfigSeen(settings=clean, machines_file=_names_machines(values.get("builders", "")))

    def path_facts(self, paths: Iterable[str]) -> tuple[PathFacts, ...]:
        """What the database says of each path, sorted by path; all of them must be valid."""
        names = sorted({_parsed(store_path, path) for path in paths})
        facts: list[PathFacts] = []
        for batch in _batches(names):
            argv = (self.program("nix"), *FEATURES, "path-info", "--offline", "--json", *batch)
            text = self.ask(argv, name="nix-path-info", cap=limits.NIX_JSON_BYTES)
            batch_facts = _parsed(parse_path_info, text)
            if [fact.store_path for fact in batch_facts] != batch:
                raise InconclusiveError(
                    f"nix path-info told of {len(batch_facts)} paths, expected exactly the "
                    f"{len(batch)} that were asked for."
                )
            facts += batch_facts
        return tuple(facts)

    def build_closure(self, derivation: str) -> tuple[str, ...]:
        """All valid outputs and sources that building a derivation takes, without derivations, sorted."""
        return self._requisites(("--include-outputs",), (derivation,))

    def closure(self, outputs: Sequence[str]) -> tuple[str, ...]:
        """The run-time closure of some paths, sorted."""
        return self._requisites((), outputs)

    def closure_facts(self, roots: Sequence[str]) -> tuple[PathFacts, ...]:
        """What the database says of the run-time closure of some valid paths, without derivations, sorted by path.

        `InconclusiveError` too where one is not valid, or where it would be more than `limits.CLOSURE_JSON_BYTES`.
        """
        names = sorted({_parsed(store_path, root) for root in roots})
        argv = (self.program("nix"), *FEATURES, "path-info", "--offline", "--json", "--recursive", *names)
        words = self.ask(argv, name="nix-path-info-closure", cap=limits.CLOSURE_JSON_BYTES)
        facts = tuple(fact for fact in _parsed(parse_path_info, words) if not fact.store_path.endswith(DERIVATION))
        text = {fact.store_path for fact in facts}
        if missing := [path for path in names if path not in text]:
            raise InconclusiveError(
                f"nix path-info did not tell of {excerpt(missing[0])}: expected all that was asked."
            )
        return facts

    def outputs(self, derivation: str) -> tuple[str, ...]:
        """The output paths of a derivation, valid or not, sorted."""
        argv = (self.program("nix-store"), "--query", "--outputs", _parsed(store_path, derivation))
        return self._paths(argv, name="nix-store-outputs")

    def valid_paths_now(self) -> frozenset[str]:
        """Every path in the store, without derivations; the difference of two such sets is what a build added."""
        argv = (self.program("nix"), *FEATURES, "path-info", "--offline", "--all")
        return frozenset(_without_derivations(self._paths(argv, name="nix-path-info-all")))

    def add_fixed(self, name: str, size: int, random_bytes: Callable[[int], bytes] = os.urandom) -> str:
        """Put a new file of ``size`` random bytes into the store; its path."""
        try:
            with tempfile.TemporaryDirectory(prefix="publication-gate-", dir=self.env.get("TMPDIR")) as folder:
                file = Path(folder) / name
                file.write_bytes(random_bytes(size))
                return self.add(file)
        except OSError as error:
            raise InconclusiveError(
                f"The canary {name} can't be written ({error.strerror}): expected room in TMPDIR."
            ) from None

    def add(self, source: Path) -> str:
        """Copy a file or a folder into the store under its own name; its path."""
        argv = (self.program("nix-store"), "--add", str(source))
        paths = self._paths(argv, name="nix-store-add")
        if len(paths) != 1:
            raise InconclusiveError(f"nix-store --add gave {len(paths)} paths for {source.name}: expected one.")
        return paths[0]

    def add_twin(
        self, name: str, files: "Sequence[TwinFile]", random_bytes: Callable[[int], bytes] = os.urandom
    ) -> tuple[str, ...]:
        """Make the files of a twin, ``<name>-1`` and so on, of random base 64 text; their paths, in the same order.

        By `builtins.toFile`, the one way to a path with references that takes neither a build nor a trusted user. Its
        references are its text's context, and an empty substring has the context of the whole
        (https://nix.dev/manual/nix/2.34/language/string-context), so none of the size goes into naming them.
        """
        result: list[str] = []
        try:
            for numbers in _twin_batches(files):
                with tempfile.TemporaryDirectory(prefix="publication-gate-", dir=self.env.get("TMPDIR")) as folder:
                    for number in numbers:
                        text = _random_text(files[number].content_size, random_bytes)
                        (Path(folder) / str(number)).write_bytes(text)
                    expression = Path(folder) / "twin.nix"
                    expression.write_text(_twin_expression(name, files, numbers, result), encoding="ascii")
                    result += self._evaluate_twin(expression, len(numbers))
        except OSError as error:
            raise InconclusiveError(
                f"The twin {name} can't be written ({error.strerror}): expected room in TMPDIR."
            ) from None
        return tuple(result)

    def _evaluate_twin(self, expression: Path, count: int) -> tuple[str, ...]:
        argv = (self.program("nix"), *FEATURES, "eval", "--offline", "--json", "--file", str(expression))
        words = self.ask(argv, name="nix-eval-twin", cap=limits.NIX_JSON_BYTES, seconds=limits.EVALUATE_SECONDS)
        text = _parsed(_texts, words)
        if len(text) != count:
            raise InconclusiveError(f"nix eval gave {len(text)} paths of the twin: expected {count}.")
        return tuple(_parsed(store_path, path) for path in text)

    def ask(
        self,
        argv: Sequence[str],
        *,
        name: str,
        cap: int,
        seconds: float = limits.STORE_QUERY_SECONDS,
        cwd: Path | None = None,
    ) -> bytes:
        """Run a query to a good end and give its stdout, at most ``cap`` bytes."""
        ended, out, err = output(
            argv,
            name=name,
            env=self.env,
            cwd=cwd,
            cap=cap,
            deadline_seconds=seconds,
            cancel=self.cancel,
            clock=self.clock,
        )
        if ended.ended_by == "cancelled":
            raise CancelledError(f"{name} was ended: {self.cancel.reason}.")
        if ended.exit != 0 or ended.ended_by is not None:
            raise InconclusiveError(f"{name} {how_it_ended(ended)}{_last_words(err)}: expected exit code 0.")
        return out

    def _requisites(self, options: Sequence[str], roots: Sequence[str]) -> tuple[str, ...]:
        requisites: set[str] = set()
        for batch in _batches(sorted({_parsed(store_path, root) for root in roots})):
            argv = (self.program("nix-store"), "--query", "--requisites", *options, *batch)
            requisites |= set(self._paths(argv, name="nix-store-requisites"))
        return tuple(sorted(_without_derivations(requisites)))

    def _paths(self, argv: Sequence[str], *, name: str) -> tuple[str, ...]:
        """A query's answer as store paths, one a line, each once, sorted."""
        text = self.ask(argv, name=name, cap=limits.NIX_JSON_BYTES)
        return tuple(sorted({_parsed(store_path, decode(line)) for line in text.split(b"\n") if line}))


def _without_secrets(text: str) -> str:
    """Substituters without user info, and of their parameters the one that decides whether signatures count."""
    return " ".join(_bare(url) for url in text.split())


def _bare(url: str) -> str:
    bare, _, query = url.partition("?")
    scheme, separator, rest = bare.partition("://")
    host, slash, path = rest.partition("/")
    options = "&".join(pair for pair in query.split("&") if pair.partition("=")[0] == "trusted")
    plain = f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}" if separator else bare
    return f"{plain}?{options}" if options else plain


def _names_machines(builders: str) -> bool:
    """Whether a file that `builders` names by ``@`` names a machine; one that can't be read might."""
    if not builders.startswith("@"):
        return False
    try:
        with Path(builders[1:].strip()).open("rb") as file:
            lines = file.read(limits.ANSWER_BODY_BYTES).split(b"\n")
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return any(line.strip() and not line.strip().startswith(b"#") for line in lines)


def how_it_ended(ended: ChildEnded) -> str:
    """How a child ended, as a part of a sentence."""
    if ended.ended_by == "missing":
        return f"can't be started, for there is no {excerpt(ended.argv[0])}"
    if ended.ended_by is not None:
        return f"was ended early ({ended.ended_by})"
    return f"ended by signal {ended.signal}" if ended.exit is None else f"ended with exit code {ended.exit}"


def _last_words(stderr: bytes) -> str:
    lines = [text for line in stderr.split(b"\n") if (text := decode(strip_escapes(line)).strip())]
    return f" saying {excerpt(lines[-1])}" if lines else ""


def _without_derivations(paths: Iterable[str]) -> Iterator[str]:
    return (path for path in paths if not path.endswith(DERIVATION))


def _twin_batches(files: "Sequence[TwinFile]") -> Iterator[range]:
    """Parts that one evaluation holds in memory."""
    first, size = 0, 0
    for number, file in enumerate(files):
        if number > first and size + file.content_size > limits.TWIN_BATCH_BYTES:
            yield range(first, number)
            first, size = number, 0
        size += file.content_size
    if len(files) > first:
        yield range(first, len(files))


def _texts(text: bytes) -> tuple[str, ...]:
    what = "The twin's paths"
    return as_texts(loads(text, cap=limits.NIX_JSON_BYTES, what=what), what)


def _random_text(size: int, random_bytes: Callable[[int], bytes]) -> bytes:
    """Base 64 text of random bytes; Nix's strings can't hold a zero byte."""
    return b64encode(random_bytes(-(-size // 4) * 3))[:size]


def _twin_expression(name: str, files: "Sequence[TwinFile]", numbers: range, result: Sequence[str]) -> str:
    """A Nix expression that is the list of these files' paths; those before them are in ``made``."""
    earlier = {reference for number in numbers for reference in files[number].references} - set(numbers)
    lines = [
        "let",
        "  file = number: name: references: builtins.toFile name (context references + text number);",
        '  context = references: builtins.substring 0 0 (builtins.concatStringsSep "" references);',
        '  text = number: builtins.readFile (./. + "/${number}");',
        *(f'  p{number} = builtins.storePath "{result[number]}";' for number in sorted(earlier)),
    ]
    for number in numbers:
        references = " ".join(f"p{reference}" for reference in files[number].references)
        lines.append(f'  p{number} = file "{number}" "{name}-{number + 1}" [ {references} ];')
    return "\n".join((*lines, f"in [ {' '.join(f'p{number}' for number in numbers)} ]", ""))


def _batches(paths: Sequence[str]) -> Iterator[list[str]]:
    """Parts that fit into an argument list each."""
    batch: list[str] = []
    size = 0
    for path in paths:
        if batch and size + len(path) >= limits.ARGUMENTS_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(path)
        size += len(path) + 1
    if batch:
        yield batch


def _parsed(reader: Callable[[_Text], _Read], text: _Text) -> _Read:
    """Read Nix's words; what can't be read was not observed."""
    try:
        return reader(text)
    except ForeignTextError as error:
        raise InconclusiveError(str(error)) from None
