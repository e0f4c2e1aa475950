"""Step 0: the programs of a run, each found once; who they are is in the evidence."""

import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from gate import limits
from gate.errors import RefusedError
from gate.model.machine import ToolIdentity, ToolsFound
from gate.model.policy import Policy
from gate.parse.text import decode, excerpt
from gate.probe.world import World
from gate.process import SearchPath, output, scrubbed_environment
from gate.process.environment import authorities_of
from gate.process.tools import digest_of
from gate.settings import Settings

NIX_PROGRAMS: Final = ("nix", "nix-store")
_VERSION_CHARS: Final = 80
_VERSION_ARGUMENTS: Final[Mapping[str, tuple[str, ...]]] = {"kubectl": ("version", "--client")}
_FLAKE: Final = re.compile(r"(?:path:|git\+file:(?://)?)?(?P<path>/[^#?]*)")


@dataclass(frozen=True, kw_only=True)
class Programs:
    """The absolute path of each program that was found, and the PATH that children get."""

    paths: Mapping[str, str]
    path: str
    passed_over: tuple[str, ...] = field(default=())

    def environ(self, source: Mapping[str, str]) -> dict[str, str]:
        """The environment with that PATH."""
        return {**source, "PATH": self.path}


def find_programs(settings: Settings, world: World, *, shut: Iterable[Path] = ()) -> Programs:
    """Every program that a run with these settings may start, as far as it is there.

    ``shut`` are folders beside the checkout, such as the evidence, whose programs are not run either. Raises
    `RefusedError` for a relative path, for a program that is in such a folder alone, and for a credential plugin there.
    """
    search = SearchPath(world.environ, shut=(*shut, *_flakes(settings)))
    expected = {name: name for name in NIX_PROGRAMS} | {"attic": settings.tools.attic_bin}
    if uses_cluster(settings.policy):
        expected["kubectl"] = settings.tools.kubectl_bin
    expected |= {name: name for name in systemd_programs(settings.policy)}
    paths = {name: search.find(program) for name, program in expected.items()}
    inside = [plugin for plugin in settings.tools.kube_plugins if search.leads_inside(Path(plugin))]
    if inside:
        message = f"the credential plugin {excerpt(inside[0])} is in the checkout or the evidence: install it outside"
        raise RefusedError(f"{message}; nothing was done")
    return Programs(
        paths={name: path for name, path in paths.items() if path is not None},
        path=search.text,
        passed_over=search.passed_over,
    )


def uses_cluster(policy: Policy) -> bool:
    """Whether a place of the policy is in a cluster."""
    return any(place.startswith("kubectl://") for place in places_of(policy))


def systemd_programs(policy: Policy) -> tuple[str, ...]:
    """The programs of systemd that the places of the policy need."""
    units = any(place.startswith(("systemd://", "journald://")) for place in places_of(policy))
    return ("systemctl", "journalctl") if units else ()


def places_of(policy: Policy) -> tuple[str, ...]:
    """The locators of all that is looked at beside the servers' answers; an empty one is not set."""
    logs = (policy.server_log, policy.store_log)
    return (*policy.markers, policy.store_workload, policy.cache_workload, *logs)


def identify_programs(programs: Programs, settings: Settings, world: World) -> ToolsFound:
    """Version and digest of each program, side by side."""
    names = (*NIX_PROGRAMS, "attic", *(["kubectl"] if uses_cluster(settings.policy) else []))
    names += systemd_programs(settings.policy)
    with ThreadPoolExecutor(2 * len(names)) as threads:
        versions = {name: threads.submit(_version, name, programs, world) for name in names if name in programs.paths}
        digests = {name: threads.submit(digest_of, path) for name, path in programs.paths.items()}
        tools = tuple(
            ToolIdentity(
                name=name,
                path=programs.paths.get(name),
                version=versions[name].result() if name in versions else None,
                sha256=digests[name].result() if name in digests else None,
            )
            for name in names
        )
    return ToolsFound(tools=tools, passed_over=programs.passed_over, authorities=authorities_of(world.environ))


def _version(name: str, programs: Programs, world: World) -> str | None:
    """The first line that a program says of its version; None where it says nothing good."""
    ended, out, _ = output(
        (programs.paths[name], *_VERSION_ARGUMENTS.get(name, ("--version",))),
        name=f"{name}-version",
        env=scrubbed_environment(programs.environ(world.environ)),
        cap=limits.ANSWER_BODY_BYTES,
        deadline_seconds=limits.STORE_QUERY_SECONDS,
        cancel=world.cancel,
        clock=world.clock,
    )
    if ended.exit != 0 or ended.ended_by is not None:
        return None
    return decode(out).strip().partition("\n")[0][:_VERSION_CHARS] or None


def _flakes(settings: Settings) -> Iterable[Path]:
    """The folder of the flake, where that is another one of this machine: a checkout as well."""
    flake = _FLAKE.match(settings.policy.installable)
    return [Path(unquote(flake["path"]))] if flake else []
