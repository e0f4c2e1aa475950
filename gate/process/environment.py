"""What this process and its children see: a scrubbed environment, certificate authorities, private memory."""

import ctypes
import os
import re
import resource
import ssl
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from gate import limits
from gate.model.machine import AuthorityFile
from gate.process.tools import SearchPath

_VARIABLES: Final = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "NIX_SSL_CERT_FILE"),
)
_NEVER: Final = re.compile(r"LD_.*|DYLD_.*|PYTHON.*|BASH_.*|ENV|IFS|GITHUB_.*|ACTIONS_.*|RUNNER_.*|GATE_.*")


def user_folder(environ: Mapping[str, str], variable: str, fallback: str) -> Path:
    """A folder of the user's own: https://specifications.freedesktop.org/basedir-spec/latest/, which lets no relative.

    ``fallback`` is its place below the home folder, where the variable does not name one.
    """
    base = environ.get(variable, "")
    return Path(base) if base.startswith("/") else Path.home() / fallback


def scrubbed_environment(source: Mapping[str, str], *, keep: Iterable[str] = ()) -> dict[str, str]:
    """The part of an environment that a child may see: a fixed allow-list and the names in ``keep``.

    What changes how a program loads, or holds the runner's or the gate's own secrets (``LD_*``, ``PYTHON*``,
    ``BASH_*``, ``GITHUB_*``, ``ACTIONS_*``, ``GATE_*``, …), is left out even when ``keep`` names it. PATH is what
    `SearchPath` leaves of it.
    """
    variables = {name: source[name] for name in (*_VARIABLES, *keep) if name in source and not _NEVER.fullmatch(name)}
    return variables | ({"PATH": SearchPath(source).text} if "PATH" in variables else {})


_PR_SET_DUMPABLE: Final = 4


def keep_memory_private() -> None:
    """Make no core file, and close ``/proc/<pid>/environ``, ``mem`` and ``fd`` to all but root (prctl(2), proc(5)).

    A build that runs as the same user could otherwise read the gate's secrets there. Children are ordinary again as
    soon as they run their program. Where the system has no such switch, only the core file is prevented.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


VARIABLES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "NIX_SSL_CERT_FILE")  # what OpenSSL and Nix read
_DEFAULT: Final = "openssl"


def authorities_of(environ: Mapping[str, str]) -> tuple[AuthorityFile, ...]:
    """Each file or folder of authorities that a variable names, and OpenSSL's own file where there is one."""
    places = {name: environ[name] for name in VARIABLES if environ.get(name)}
    own = ssl.get_default_verify_paths().openssl_cafile
    if "SSL_CERT_FILE" not in places and Path(own).exists():
        places[_DEFAULT] = own
    return tuple(
        AuthorityFile(variable=variable, path=path, sha256=_digest(Path(path))) for variable, path in places.items()
    )


def _digest(path: Path) -> str | None:
    """The digest of a file, or of the sorted names and digests of a folder's files."""
    if not path.is_dir():
        return _file_digest(path)
    try:
        names = sorted(each.name for each in path.iterdir())
    except OSError:
        return None
    if len(names) > limits.AUTHORITY_FILES:
        return None
    lines = (f"{name}\0{_file_digest(path / name)}\n".encode("utf-8", "surrogateescape") for name in names)
    return sha256(b"".join(lines)).hexdigest()


def _file_digest(path: Path) -> str | None:
    """sha256, in hex, of a regular file of at most `limits.AUTHORITY_BYTES`; nothing else is waited for."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        with open(handle, "rb", closefd=False) as file:  # a handle, which Path can't open
            data = file.read(limits.AUTHORITY_BYTES + 1)
    except OSError:
        return None
    finally:
        os.close(handle)
    return sha256(data).hexdigest() if len(data) <= limits.AUTHORITY_BYTES else None
