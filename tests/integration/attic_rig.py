"""A small Attic of stand-ins on a real S3 server."""

import base64
import json
import os
import pty
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import jwt
import pycurl

from tests.integration.attic_words import DirectoryLook
from tests.integration.store_paths import hash_of, nix_environment

SECRET = b"a secret of the lab, 32 bytes or more"
ACCESS_KEY, SECRET_KEY = "labaccesskey", "labsecretkey"
CLAIM = "https://jwt.attic.rs/v1"
ALL_RIGHTS = {"r": 1, "w": 1, "cc": 1, "cr": 1, "cq": 1}
START_SECONDS = 60
STOP_SECONDS = 20
CACHE_TIME = "100ms"  # with none, rclone lists the whole bucket for each request: 1 s of CPU for 22 paths
SETTLE_SECONDS = 0.2  # after which S3 has seen what was changed under it
PAUSE_SECONDS = 0.02
CHUNKS_OF_PATH = """
SELECT chunk.remote_file FROM object JOIN chunkref ON chunkref.nar_id = object.nar_id
JOIN chunk ON chunk.id = chunkref.chunk_id WHERE object.store_path_hash = ? ORDER BY chunkref.seq
"""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Lab:
    """The running lab; scenarios may lose and restore its bucket."""

    root: Path
    s3_port: int = field(default_factory=free_port)
    port: int = field(default_factory=free_port)
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    rsa_key: bytes | None = None
    """PEM of the key by which the server checks tokens (RS256), in place of `SECRET` (HS256)."""
    created: DirectoryLook | None = None
    stored: dict[str, str] = field(default_factory=dict)
    """Paths in the cache that every scenario may read and none may harm."""

    # --- starting and stopping -----------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where the server listens."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def objects(self) -> Path:
        """The folder that holds the bucket's objects."""
        return self.root / "data" / "attic"

    def start(self) -> None:
        """Start S3 and the server, and make the cache ``main``."""
        self.objects.mkdir(parents=True)
        (self.root / "export").mkdir()
        self.restore_bucket()
        self.start_s3()
        self._start_server()
        with self.logging() as log:
            done = self.attic("cache", "create", "main")
        self.created = DirectoryLook(done.exit, log.text(), done.stdout, done.stderr)

    def start_s3(self) -> None:
        """Start rclone's S3 server; its keys come by the environment."""
        rclone = Path(sys.executable).with_name("rclone")
        pair = f'"{ACCESS_KEY},{SECRET_KEY}"'
        environment = {**os.environ, "RCLONE_CONFIG": os.devnull, "RCLONE_AUTH_KEY": pair}
        command = [
            str(rclone),
            "serve",
            "s3",
            "--copy-links",
            "--dir-cache-time",
            CACHE_TIME,
            "--vfs-cache-mode",
            "off",
        ]
        self._spawn(
            "s3",
            [*command, "--addr", f"127.0.0.1:{self.s3_port}", str(self.root / "export")],
            environment,
            self.s3_port,
        )

    def stop(self, name: str) -> None:
        """End a child; it has to go by SIGTERM alone."""
        child = self.children.pop(name)
        child.send_signal(signal.SIGTERM)
        child.wait(timeout=STOP_SECONDS)

    def stop_all(self) -> None:
        """End all children."""
        for name in list(self.children):
            self.stop(name)

    def _start_server(self) -> None:
        (self.root / "server.toml").write_text(self._settings(), encoding="utf-8")
        command = [sys.executable, "-m", "gate.lab.attic.server", "-f", str(self.root / "server.toml")]
        # the recordings that its log is held against were made without colours
        self._spawn("atticd", command, {**os.environ, "NO_COLOR": "1"}, self.port)

    def _spawn(self, name: str, command: Sequence[str], environment: dict[str, str], port: int) -> None:
        with (self.root / f"{name}.log").open("ab") as log, (self.root / f"{name}.err").open("ab") as err:
            self.children[name] = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=err
            )
        deadline = time.monotonic() + START_SECONDS
        while not answers(port):
            assert self.children[name].poll() is None, (self.root / f"{name}.err").read_text()
            assert time.monotonic() < deadline
            time.sleep(PAUSE_SECONDS)

    def _settings(self) -> str:
        return f"""
listen = "127.0.0.1:{self.port}"
allowed-hosts = []
[database]
url = "sqlite://{self.root}/server.db?mode=rwc"
[storage]
type = "s3"
region = "us-east-1"
bucket = "attic"
endpoint = "http://127.0.0.1:{self.s3_port}"
[storage.credentials]
access_key_id = "{ACCESS_KEY}"
secret_access_key = "{SECRET_KEY}"
[chunking]
nar-size-threshold = 65536
min-size = 16384
avg-size = 65536
max-size = 262144
[compression]
type = "zstd"
[garbage-collection]
interval = "12 hours"
[jwt.signing]
token-{"rs" if self.rsa_key else "hs"}256-secret-base64 = "{base64.b64encode(self.rsa_key or SECRET).decode()}"
"""

    # --- the bucket ----------------------------------------------------------------------------------------------

    def point_bucket(self, target: Path) -> None:
        """Make the bucket's link point somewhere else, in one step."""
        link = self.root / "export" / "attic"
        spare = self.root / "spare"
        spare.unlink(missing_ok=True)
        spare.symlink_to(target)
        spare.rename(link)
        time.sleep(SETTLE_SECONDS)

    def restore_bucket(self) -> None:
        """Bring the bucket back."""
        self.point_bucket(self.objects)

    @contextmanager
    def bucket_lost(self) -> Iterator[None]:
        """Without the bucket: S3 answers NoSuchBucket."""
        self.point_bucket(self.root / "nowhere")
        try:
            yield
        finally:
            self.restore_bucket()

    def break_bucket(self) -> None:
        """Let the bucket's name stay while writes fail: S3 answers InternalError."""
        (self.root / "a-file").touch()
        self.point_bucket(self.root / "a-file")

    @contextmanager
    def s3_down(self) -> Iterator[None]:
        """Without S3: connections are refused."""
        self.stop("s3")
        try:
            yield
        finally:
            self.start_s3()

    def chunk_files(self, path: str) -> list[Path]:
        """Return the objects of a store path, in order, by the query that also fits a real server's database."""
        with sqlite3.connect(f"file:{self.root}/server.db?mode=ro", uri=True) as connection:
            rows = connection.execute(CHUNKS_OF_PATH, (hash_of(path),)).fetchall()
        connection.close()
        return [self.objects / json.loads(row[0])["S3"]["key"] for row in rows]

    # --- the client ----------------------------------------------------------------------------------------------

    def environment(self, *, token: str | None = None, endpoint: str | None = None) -> dict[str, str]:
        """Return an environment whose client file names the server ``lab``; an empty token is left out."""
        home = self.root / f"config-{secrets.token_hex(4)}"
        (home / "attic").mkdir(parents=True)
        token = new_token(ALL_RIGHTS, rsa_key=self.rsa_key) if token is None else token
        lines = ['default-server = "lab"', "[servers.lab]", f'endpoint = "{endpoint or self.url}"']
        if token:
            (home / "token").write_text(token + "\n")
            lines.append(f'token-file = "{home}/token"')
        (home / "attic" / "config.toml").write_text("\n".join(lines))
        return {**nix_environment(), "XDG_CONFIG_HOME": str(home)}

    def attic(self, *arguments: str, env: dict[str, str] | None = None, stdin: str = "") -> DirectoryLook:
        """Run the client to its end."""
        done = subprocess.run(
            client(*arguments), env=env or self.environment(), input=stdin.encode(), capture_output=True, check=False
        )
        return DirectoryLook(done.returncode, stdout=done.stdout.decode(), stderr=done.stderr.decode())

    def push(self, *arguments: str, env: dict[str, str] | None = None, stdin: str = "") -> DirectoryLook:
        """Push, and keep what the server logged meanwhile."""
        with self.logging() as log:
            done = self.attic("push", *arguments, env=env, stdin=stdin)
        return DirectoryLook(done.exit, log.text(), done.stdout, done.stderr)

    def push_on_terminal(self, *arguments: str) -> DirectoryLook:
        """Push with standard error on a terminal."""
        master, slave = pty.openpty()
        with subprocess.Popen(client("push", *arguments), env=self.environment(), stderr=slave) as process:
            os.close(slave)
            output = b""
            while piece := _read_terminal(master):
                output += piece
        os.close(master)
        return DirectoryLook(process.returncode, stderr=output.decode())

    @contextmanager
    def pushing(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a push while the block runs."""
        command = client("push", *arguments)
        with subprocess.Popen(command, env=self.environment(), stderr=subprocess.PIPE) as process:
            yield process

    # --- reading -------------------------------------------------------------------------------------------------

    def fetch(
        self, path: str, *, token: str | None = None, body: object = None, follow: bool = False, head: bool = False
    ) -> DirectoryLook:
        """Fetch an address of the server with libcurl; ``exit`` is curl's code, heads of redirects are joined."""
        handle, content, heads = pycurl.Curl(), BytesIO(), BytesIO()
        handle.setopt(pycurl.URL, self.url + path)
        handle.setopt(pycurl.FOLLOWLOCATION, follow)
        handle.setopt(pycurl.NOBODY, head)
        handle.setopt(pycurl.WRITEDATA, content)
        handle.setopt(pycurl.HEADERFUNCTION, heads.write)
        headers = [f"Authorization: bearer {token}"] if token else []
        if body is not None:
            headers.append("Content-Type: application/json")
            handle.setopt(pycurl.POSTFIELDS, json.dumps(body))
        handle.setopt(pycurl.HTTPHEADER, headers)
        code = 0
        with self.logging() as log:
            try:
                handle.perform()
            except pycurl.error as error:
                code = error.args[0]
        handle.close()
        return DirectoryLook(code, log.text(), head=heads.getvalue().decode(), body=content.getvalue())

    @contextmanager
    def logging(self) -> Iterator["LogSlice"]:
        """Keep what the server logs while the block runs."""
        part = LogSlice(self.root / "atticd.log")
        yield part
        part.close()


class LogSlice:
    """The part of a log that was written between two moments."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start = path.stat().st_size
        self._end: int | None = None

    def close(self) -> None:
        self._end = self._path.stat().st_size

    def text(self) -> str:
        return self._path.read_bytes()[self._start : self._end].decode()


class Proxy(BaseHTTPRequestHandler):
    """A reverse proxy that answers uploads by itself and passes everything else on."""

    status, page, upstream = 502, "", 0

    def relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = HTTPConnection("127.0.0.1", self.upstream)
        connection.request(self.command, self.path, body=body, headers=dict(self.headers))
        answer = connection.getresponse()
        self._reply(answer.status, answer.read())
        connection.close()

    do_GET = do_POST = relay  # noqa: N815  # http.server's own names

    def do_PUT(self) -> None:
        self._reply(self.status, self.page.encode())
        self.close_connection = True
        # read on, or closing would reset the connection under the client's feet
        while self.rfile.readline().strip() != b"0":
            pass

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status, REASONS.get(status))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


REASONS = {413: "Payload Too Large"}  # Python 3.13 has another name for it


@contextmanager
def proxy(lab: Lab, status: int, page: str) -> Iterator[str]:
    """Put a proxy before the server; give its address."""
    kind = type("LabProxy", (Proxy,), {"status": status, "page": page, "upstream": lab.port})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(target=server.serve_forever, args=(PAUSE_SECONDS,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def client(*arguments: str) -> list[str]:
    """Return the command that runs the client."""
    return [sys.executable, "-m", "gate.lab.attic.client", *arguments]


def new_token(rights: dict[str, int], *, cache: str = "*", lifetime: int = 600, rsa_key: bytes | None = None) -> str:
    """Return a token; ``lifetime`` is in seconds and may be over already."""
    now = int(time.time())
    claims = {"sub": "lab", "nbf": now - 3600, "exp": now + lifetime, CLAIM: {"caches": {cache: rights}}}
    return jwt.encode(claims, rsa_key or SECRET, "RS256" if rsa_key else "HS256")


def answers(port: int) -> bool:
    """Tell whether something listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _read_terminal(master: int) -> bytes:
    """Read from a terminal; its end shows as an input/output error."""
    try:
        return os.read(master, 4096)
    except OSError:
        return b""
