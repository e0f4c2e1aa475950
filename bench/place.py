"""The place of a bench: a Nix store of its own, caches made of it by ``nix copy``, and nginx before them.

The store lies below ``build/bench`` and is made once; nothing is put into the machine's own store.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SMALL_PATHS = 2000  # and the one that refers to them
BIG_BYTES = 512 * 1024 * 1024
SLOW_SECONDS = 0.02  # added to each answer of the slow server
ECHO_MODULE = Path("/usr/lib/nginx/modules/ngx_http_echo_module.so")  # Debian: libnginx-mod-http-echo

_SMALL = """
let parts = builtins.genList (n: builtins.toFile "source" "part ${{toString n}} of the bench\\n") {count};
in builtins.toFile "root" (builtins.concatStringsSep "\\n" parts)
"""
_NGINX = """
{user}load_module {echo};
daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log; worker_processes 1;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; keepalive_requests 1000000;
  client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/tmp; fastcgi_temp_path {folder}/tmp;
  uwsgi_temp_path {folder}/tmp; scgi_temp_path {folder}/tmp;
  server {{ listen 127.0.0.1:{quick}; root {folder}/caches; }}
  server {{
    listen 127.0.0.1:{slow};
    location /real/ {{ internal; alias {folder}/caches/; }}
    location / {{ echo_sleep {seconds}; echo_exec /real$uri; }}
  }}
}}
"""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Folders and addresses. ``small`` is the root of 2,001 paths, ``big`` one path of 512 MiB."""

    folder: Path
    small: str
    big: str
    quick: str
    slow: str

    def nix_environment(self) -> dict[str, str]:
        """Nix with no narinfo remembered from an earlier run."""
        cache = self.folder / "nix-cache"
        shutil.rmtree(cache, ignore_errors=True)
        return nix_environment(self.folder) | {"XDG_CACHE_HOME": str(cache)}

    def gate_environment(self) -> dict[str, str]:
        """The gate, whose local Nix store is the bench's own."""
        return self.nix_environment() | {"NIX_REMOTE": str(self.folder / "store")}


def nix_environment(folder: Path) -> dict[str, str]:
    """No settings but these."""
    settings = "experimental-features = nix-command\nsubstitute = false\nsandbox = false\nbuild-users-group =\n"
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "NIX_CONFIG": settings, "NIX_CONF_DIR": str(folder)}


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """The place, with nginx running."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None or not ECHO_MODULE.exists():
        message = "nginx or its echo module is not here: apt-get install nginx libnginx-mod-http-echo"
        raise SystemExit(message)
    folder.mkdir(parents=True, exist_ok=True)
    small, big = _make_caches(folder)
    quick, slow = _free_port(), _free_port()
    config = folder / "nginx.conf"
    config.write_text(
        _NGINX.format(
            user="user root;\n" if os.geteuid() == 0 else "",
            echo=ECHO_MODULE,
            folder=folder,
            quick=quick,
            slow=slow,
            seconds=SLOW_SECONDS,
        )
    )
    with subprocess.Popen([nginx, "-e", str(folder / "nginx-error.log"), "-c", str(config)]) as server:
        try:
            for port in (quick, slow):
                _await(port)
            yield Place(
                folder=folder,
                small=small,
                big=big,
                quick=f"http://127.0.0.1:{quick}",
                slow=f"http://127.0.0.1:{slow}",
            )
        finally:
            server.terminate()


def _make_caches(folder: Path) -> tuple[str, str]:
    done = folder / "made"
    if done.exists():
        small, big = done.read_text().split()
        return small, big
    print("making the store and its caches …", flush=True)
    store = str(folder / "store")
    (folder / "small.nix").write_text(_SMALL.format(count=SMALL_PATHS))
    small = _nix(
        folder, "nix-instantiate", "--store", store, "--eval", "--strict", "--read-write-mode", "--json",
        str(folder / "small.nix"),
    ).strip('"')  # fmt: skip
    content = folder / "big"
    with content.open("wb") as stream:
        for _ in range(BIG_BYTES // 2**20):
            stream.write(os.urandom(2**20))
    big = _nix(folder, "nix-store", "--store", store, "--add", str(content))
    content.unlink()
    for name, path, codec in (("small", small, "none"), ("big", big, "none"), ("big-zstd", big, "zstd")):
        cache = f"file://{folder}/caches/{name}?compression={codec}"
        _nix(folder, "nix", "copy", "--from", store, "--to", cache, path)
    done.write_text(f"{small} {big}\n")
    return small, big


def _nix(folder: Path, *argv: str) -> str:
    done = subprocess.run(argv, env=nix_environment(folder), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        message = f"{' '.join(argv[:3])} failed: {done.stderr[-500:]}"
        raise SystemExit(message)
    return done.stdout.strip()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    message = f"nginx does not listen on port {port}"
    raise SystemExit(message)
