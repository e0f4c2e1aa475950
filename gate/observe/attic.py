"""What Attic says of itself: a cache's configuration, and which paths its database lacks.

Interfaces: attic b7c9056 client/src/api/mod.rs, attic/src/api/v1/cache_config.rs and get_missing_paths.rs.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gate import limits
from gate.clock import Clock
from gate.errors import InconclusiveError, RefusedError
from gate.model.basics import Label, Secret
from gate.model.records import CacheConfigSeen, ChildEnded, HttpAnswer, MissingAsked
from gate.net import Http
from gate.parse.store_path import hash_part, store_path
from gate.parse.text import excerpt
from gate.process import CancelToken, Capture, run

MISSING_PATHS: Final = "_api/v1/get-missing-paths"


class AtticApi:
    """Attic at ``endpoint`` (``http(s)://<host>[:<port>]``), asked through ``http``, which knows the allowed hosts.

    Nothing is raised for what the server does: the answers are records that say what came, or why nothing did.
    """

    def __init__(self, http: Http, endpoint: str) -> None:
        self._http = http
        self._endpoint = endpoint.rstrip("/")

    def cache_url(self, cache: str) -> str:
        """The substituter URL of a cache."""
        return f"{self._endpoint}/{cache}"

    def cache_config(self, cache: str, token: Secret | None) -> CacheConfigSeen:
        """How a cache is set: key, visibility, endpoints, upstream keys."""
        return CacheConfigSeen(cache=cache, answer=self.get(f"_api/v1/cache-config/{cache}", token))

    def missing_paths(self, cache: str, token: Secret | None, paths: Iterable[str], label: Label) -> MissingAsked:
        """Which of these store paths the cache's database lacks; it needs the right to push."""
        question: dict[str, object] = {"cache": cache, "store_path_hashes": [hash_part(path) for path in paths]}
        return MissingAsked(label=label, cache=cache, answer=self._post(question, token))

    def narinfo(self, cache: str, token: Secret | None, path: str) -> HttpAnswer:
        """The narinfo of a store path, whole."""
        url = f"{self.cache_url(cache)}/{hash_part(path)}.narinfo"
        return self._http.ask("GET", url, headers=_credential(token), cap=limits.NARINFO_BYTES, keep_body=True)[0]

    def may_push(self, cache: str, token: Secret | None) -> HttpAnswer:
        """The answer to the emptiest question that needs the right to push: it changes nothing on the server."""
        return self._post({"cache": cache, "store_path_hashes": []}, token)

    def get(self, path: str, token: Secret | None) -> HttpAnswer:
        """The answer to a GET below the endpoint, with its body up to `limits.ANSWER_BODY_BYTES`."""
        url = f"{self._endpoint}/{path}"
        answer, _ = self._http.ask("GET", url, headers=_credential(token), cap=limits.ANSWER_BODY_BYTES, keep_body=True)
        return answer

    def _post(self, question: dict[str, object], token: Secret | None) -> HttpAnswer:
        answer, _ = self._http.ask(
            "POST",
            f"{self._endpoint}/{MISSING_PATHS}",
            headers={"Content-Type": "application/json", **_credential(token)},
            content=json.dumps(question).encode(),
            cap=limits.MISSING_PATHS_BYTES,
            keep_body=True,
        )
        return answer


def _credential(token: Secret | None) -> dict[str, str | Secret]:
    return {} if token is None else {"Authorization": Secret(f"Bearer {token.reveal()}")}


SERVER: Final = "gate"

_PER_ARGUMENT_BYTES: Final = 9  # its pointer and its NUL (execve(2))


def push(
    paths: Sequence[str],
    *,
    name: str,
    attic: str,
    endpoint: str,
    cache: str,
    token: Secret,
    env: Mapping[str, str],
    capture: Capture,
    deadline_seconds: float,
    cancel: CancelToken,
    clock: Clock,
    stop: Callable[[], bool] | None = None,
    tee: Callable[[bytes], None] | None = None,
    jobs: int | None = None,
) -> ChildEnded:
    """Push these paths and no others to ``<endpoint>/<cache>``; how the client ended.

    ``attic`` is the client's program, ``env`` what Nix needs of the environment (see ``nix_store.nix_environment``),
    ``jobs`` the uploads at a time (None: the client's default). When the paths do not fit into an argument list they go
    by ``--stdin``, and then the client prints no header line (recordings/attic/stdin-uploaded). ``stop`` is asked
    often and ends the push; see `gate.process.run` for the other ends. `RefusedError` when there is nothing to push,
    `InconclusiveError` when the private configuration can't be written or removed.
    """
    if not paths:
        raise RefusedError("There are no paths to push: expected one at least, for the client calls nothing a success.")
    checked = [store_path(path) for path in paths]
    argv = [attic, "push", "--no-closure", *(("-j", str(jobs)) if jobs else ()), f"{SERVER}:{cache}"]
    by_stdin = not _fits(checked, env)
    with _private_config(endpoint, token, env) as (private_env, token_handle):
        return run(
            [*argv, "--stdin"] if by_stdin else [*argv, *checked],
            name=name,
            env=private_env,
            stdin="".join(f"{path}\n" for path in checked).encode() if by_stdin else None,
            capture=capture,
            tee=tee,
            deadline_seconds=deadline_seconds,
            cancel=cancel,
            stop=stop,
            clock=clock,
            handles=(token_handle,),
        )


def _fits(paths: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether the paths take at most half of what Linux lets argv and environment have together."""
    words = (*paths, *(f"{key}={text}" for key, text in env.items()))
    return sum(len(os.fsencode(word)) + _PER_ARGUMENT_BYTES for word in words) <= os.sysconf("SC_ARG_MAX") // 2


@contextmanager
def _private_config(endpoint: str, token: Secret, env: Mapping[str, str]) -> Iterator[tuple[dict[str, str], int]]:
    """A configuration folder (0700) that is there only meanwhile; the child's environment, and what it must inherit."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="publication-gate-", dir=env.get("TMPDIR")))
    except OSError as error:
        raise InconclusiveError(
            f"No private folder can be made for the push ({error.strerror}): check TMPDIR."
        ) from None
    try:
        with _in_memory(token) as handle:
            try:
                _write_config(folder, endpoint, f"/proc/self/fd/{handle}")
            except OSError as error:
                raise InconclusiveError(
                    f"The push's configuration can't be written in {folder} ({error.strerror}): expected room there."
                ) from None
            yield {**env, "XDG_CONFIG_HOME": str(folder), "NIX_USER_CONF_FILES": _nix_user_files(env)}, handle
    finally:
        _remove(folder)


@contextmanager
def _in_memory(token: Secret) -> Iterator[int]:
    """The handle of a file that has the token and no name, and goes when its last handle does."""
    try:
        handle = os.memfd_create("token", os.MFD_CLOEXEC)
    except OSError as error:
        raise InconclusiveError(f"The token can't be given to the client ({error.strerror}): expected memfd.") from None
    with os.fdopen(handle, "w") as file:
        os.fchmod(handle, 0o400)
        file.write(token.reveal())
        file.flush()
        yield handle


def _write_config(folder: Path, endpoint: str, token_file: str) -> None:
    (folder / "attic").mkdir(mode=0o700)
    # Its URL must end in a slash: the client joins relative references to it. A JSON string is a TOML one.
    config = (
        f'default-server = "{SERVER}"\n'
        f"[servers.{SERVER}]\n"
        f"endpoint = {json.dumps(endpoint.rstrip('/') + '/')}\n"
        f"token-file = {json.dumps(token_file)}\n"
    )
    _write(folder / "attic" / "config.toml", config)


def _write(file: Path, text: str) -> None:
    with os.fdopen(
        os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "w"
    ) as out:
        out.write(text)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        raise InconclusiveError(f"The folder {excerpt(str(folder))} of the push can't be removed: remove it by hand.")


def _nix_user_files(env: Mapping[str, str]) -> str:
    """Where Nix's own user settings are, which XDG_CONFIG_HOME would otherwise lead it away from (nix.conf(5))."""
    if "NIX_USER_CONF_FILES" in env:
        return env["NIX_USER_CONF_FILES"]
    home = env.get("XDG_CONFIG_HOME") or f"{env.get('HOME', '')}/.config"
    folders = [home, *(env.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")]
    return ":".join(f"{folder}/nix/nix.conf" for folder in folders)
