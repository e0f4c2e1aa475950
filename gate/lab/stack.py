"""The whole lab on this machine: S3, Attic, Nix, a flake and a state, brought up together and taken down together."""

import json
import os
import platform
import secrets
import shutil
import tempfile
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

from gate.clock import Clock
from gate.errors import InconclusiveError
from gate.lab.attic_stack import BUCKET, MAIN, PROBE, UPSTREAM_KEY, Attic
from gate.lab.nix import DECLARED_SETTINGS, Nix, nix_config, require_nix
from gate.lab.place import write_flake
from gate.lab.s3 import REGION, make_store
from gate.model.basics import Kind, Secret
from gate.process import CancelToken, scrubbed_environment
from gate.settings import SETTINGS, Settings, resolve

STATE_BUCKET: Final = "tofu-state"
STATE_KEY: Final = "runners/terraform.tfstate"
SENSITIVE: Final = "lab-sensitive-output-"  # how the value of the state's sensitive output begins
BUCKETS: Final = (BUCKET, STATE_BUCKET)
SAMPLING: Final = {"samples": 3, "sample_spacing": 0.5, "read_attempts": 3, "read_spacing": 0.2}
CHECKS: Final = {"small-check": "statix", "medium-check": "deadnix"}
NO_PROXY: Final = "127.0.0.0/8,127.0.0.1,127.0.0.2,localhost"


class Stack:
    """Everything that a probe needs, on loopback, in a temporary folder.

    ``environ`` is the process's own environment (PATH, ``GATE_LAB_*``); ``proxied`` puts a reverse proxy before Attic.
    Use it as a context manager: entering raises `RefusedError` when Nix or rclone is missing and `InconclusiveError`
    when a server does not come up; leaving ends every process, whatever happened.
    """

    def __init__(self, environ: Mapping[str, str], *, cancel: CancelToken, clock: Clock, proxied: bool = False) -> None:
        require_nix(environ)
        self.work = Path(tempfile.mkdtemp(prefix="gate-lab-"))
        self.salt = secrets.token_hex(8)
        self.system = f"{platform.machine()}-linux"
        self.upstream_key = ""
        self.client = Path()
        self._empty = ""
        self._home = self.work / "home"
        self._bin = self.work / "bin"
        self._seed_home = self.work / "seed-home"
        for folder in (self._home, self._bin, self._seed_home):
            folder.mkdir()
        self._base = {
            **scrubbed_environment(environ),
            "HOME": str(self._home),
            "NO_PROXY": NO_PROXY,
            "no_proxy": NO_PROXY,
        }
        try:
            self.store = make_store(self.work, environ, self._base)
            self.attic = Attic(self.work, environ, self._base, proxied=proxied)
        except BaseException:
            shutil.rmtree(self.work, ignore_errors=True)
            raise
        self.nix = Nix(
            {**self._base, "HOME": str(self._seed_home), "NIX_CONFIG": nix_config("substituters =")}, cancel, clock
        )

    def __enter__(self) -> Self:
        try:
            with ThreadPoolExecutor(max_workers=2) as pool:
                seeds = (pool.submit(self._start_servers), pool.submit(self._make_paths))
                for seed in seeds:
                    seed.result()
            self._push_empty_file()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End all servers and remove the folder."""
        self.attic.stop()
        self.store.stop()
        shutil.rmtree(self.work, ignore_errors=True)

    # --- what the probe is given ----------------------------------------------------------------------------------

    def installable(self, check: str) -> str:
        """One of the flake's checks: statix, deadnix or broken; ``deadnix.tool`` is what the check runs."""
        return f"path:{self.work}/flake#checks.{self.system}.{check}"

    def settings_for(self, profile: str, *, push_token: Secret | None = None, **overrides: Any) -> Settings:  # noqa: ANN401  any setting's type
        """Settings of a run of this profile against the lab; ``overrides`` by the names of `gate.settings.SETTINGS`."""
        flags = {
            "attic_server": self.attic.endpoint,
            "attic_cache": MAIN,
            "probe_cache": PROBE,
            "hosts": self._hosts(),
            "plain_http_hosts": self._hosts(),
            "upstream_keys": (self.upstream_key,),
            "s3_endpoint": self.store.objects.endpoint,
            "s3_region": REGION,
            "buckets": BUCKETS,
            "state_bucket": STATE_BUCKET,
            "state_key": STATE_KEY,
            "markers": (_locator(self.store.data),),
            "store_workload": _locator(self.store.pid_file) if self.store.pid_file else "",
            "cache_workload": _locator(self.attic.pid_file),
            "server_log": _locator(self.attic.log),
            "installable": self.installable(CHECKS[profile]) if profile in CHECKS else "",
            "attic_bin": str(self.client),
            **SAMPLING,
            **overrides,
        }
        toml: dict[str, dict[str, Any]] = {"nix": {"nix-settings": list(DECLARED_SETTINGS)}}
        if not self.store.pid_file:
            toml["sources"] = {"absent": ["store-workload"]}
        for row in [row for row in SETTINGS if row.file_only and row.name in overrides]:
            toml.setdefault(row.table, {})[row.name.replace("_", "-")] = overrides.pop(row.name)
        push = push_token or self.attic.mint.push((MAIN, PROBE))
        secret_environ = {
            "GATE_PUSH_TOKEN": push.reveal(),
            "GATE_READ_TOKEN": self.attic.mint.read((MAIN, PROBE)).reveal(),
            "GATE_S3_ACCESS_KEY_ID": self.store.objects.access_key_id.reveal(),
            "GATE_S3_SECRET_ACCESS_KEY": self.store.objects.secret_access_key.reveal(),
        }
        return resolve(profile, toml=toml, environ=secret_environ, flags=flags, read_file=_no_file, kind=Kind.LAB)

    def environ(self) -> dict[str, str]:
        """The environment of a run: its own home, and Nix with the cache under test as its one substituter."""
        keys = (self.attic.public_key(MAIN), self.upstream_key)
        config = nix_config(
            f"substituters = {self.attic.endpoint}{MAIN}",
            f"trusted-public-keys = {' '.join(keys)}",
            f"netrc-file = {self.work / 'netrc'}",
        )
        return {**self._base, "NIX_CONFIG": config}

    # --- what drills do beforehand --------------------------------------------------------------------------------

    def push(self, *paths: str) -> None:
        """Push paths to the cache under test with the lab's own login; raises `InconclusiveError` when it fails."""
        home = self._seed_home / ".config"
        self.attic.write_login(home, self.attic.mint.push((MAIN, PROBE)))
        environ = {**self.nix.environ, "XDG_CONFIG_HOME": str(home)}
        code, words = self.nix.run(str(self.client), "push", f"lab:{MAIN}", *paths, environ=environ)
        if code != 0:
            raise InconclusiveError(f"the lab's own push ended with {code}, expected 0: {words[-800:]!r}")

    # --- bringing it up -------------------------------------------------------------------------------------------

    def _start_servers(self) -> None:
        self.store.start()
        for bucket in BUCKETS:
            self.store.add_bucket(bucket)
        self.store.objects.put(STATE_BUCKET, STATE_KEY, _state())
        self.attic.start(self.store.objects)
        self.client = self.attic.write_client(self._bin)
        netrc = self.work / "netrc"
        netrc.touch(mode=0o600)
        token = self.attic.mint.read((MAIN, PROBE)).reveal()
        netrc.write_text(f"machine {self.attic.address.split(':')[0]}\nlogin lab\npassword {token}\n", encoding="ascii")

    def _make_paths(self) -> None:
        write_flake(self.work / "flake", self.salt)
        seed = self.work / "seed"
        seed.mkdir()
        self.upstream_key = self.nix.make_key(UPSTREAM_KEY, self.upstream_secret, seed / "upstream.public")
        (seed / "lab-empty-file").touch()
        self._empty = self.nix.add(seed / "lab-empty-file")

    @property
    def upstream_secret(self) -> Path:
        """The file of the lab's upstream signing key."""
        return self.work / "seed" / "upstream.secret"

    def _push_empty_file(self) -> None:
        """The NAR of every check's output is the one of an empty file: the server knows it, so outputs deduplicate."""
        self.push(self._empty)

    def _hosts(self) -> tuple[str, ...]:
        return (self.attic.address, self.store.objects.address)


def _locator(path: Path) -> str:
    return f"file://{quote(str(path))}"


def _no_file(name: str) -> str:
    message = f"the lab's settings name the file {os.path.basename(name)!r}: expected none"  # noqa: PTH119  text, not a path
    raise InconclusiveError(message)


def _state() -> bytes:
    """An OpenTofu state, format version 4, as a first apply writes it."""
    resource = {
        "mode": "managed",
        "type": "terraform_data",
        "name": "runner",
        "provider": 'provider["terraform.io/builtin/terraform"]',
        "instances": [{"schema_version": 0, "attributes": {"id": str(uuid.uuid4()), "input": "lab"}}],
    }
    state = {
        "version": 4,
        "terraform_version": "1.10.0",
        "serial": 7,
        "lineage": str(uuid.uuid4()),
        "outputs": {"secret": {"value": f"{SENSITIVE}{uuid.uuid4()}", "type": "string", "sensitive": True}},
        "resources": [resource],
        "check_results": None,
    }
    return json.dumps(state, indent=2).encode("utf-8")
