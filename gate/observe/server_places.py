"""Where a server runs and logs, by its locator: the one place that chooses between the kinds of places.

==========================  =================================  ==================================================
locator                     as a workload                      as a log
==========================  =================================  ==================================================
``file:///path``            a pid file                         a file, also when it is renamed
``dir:///path``             (unknown)                          every file of a folder, as it rotates by itself
``systemd://UNIT``          the unit's main process            its entries in the journal (``journald://`` as well)
``docker://NAME``           a container of docker or podman    what it logs
``kubectl://NS/KIND/NAME``  every replica of a workload        what every replica logs
==========================  =================================  ==================================================
"""

from dataclasses import dataclass
from pathlib import Path

from gate.errors import ForeignTextError
from gate.model.basics import Phase, Truth
from gate.model.parsed import DockerLocator, FolderLocator, UnitLocator
from gate.model.records import WorkloadSeen
from gate.model.split import LogPosition
from gate.observe.docker import Docker, DockerLogWindow, look_at_container
from gate.observe.folder_log import FolderLogWindow
from gate.observe.kube_workload import Role, look_at_replicas
from gate.observe.kubectl import Kubectl
from gate.observe.server_log import Window, open_window
from gate.observe.systemd import JournalWindow, Systemd, look_at_unit
from gate.parse.locator import ServerLocator, parse_server_locator


@dataclass(frozen=True, kw_only=True)
class ServerPlaces:
    """The ways to the servers of a run; ``kubectl`` is None where no place is in a cluster."""

    kubectl: Kubectl | None
    systemd: Systemd
    docker: Docker

    def open_log(self, place: str, start: LogPosition | None = None, *, since: float | None = None) -> Window:
        """A window on a log, from now on, or from ``start``, where it was when another process opened it.

        The replicas of a workload may be those that kubectl reported ``since`` that moment of its clock. Nothing is
        raised: the window's `capture` says why a place can't be read.
        """
        locator = _locator(place)
        if isinstance(locator, UnitLocator):
            return JournalWindow(locator, self.systemd, start)
        if isinstance(locator, DockerLocator):
            return DockerLogWindow(locator, self.docker, start)
        if isinstance(locator, FolderLocator):
            return FolderLogWindow(Path(locator.path), start)
        return open_window(place, self.kubectl, start, since=since)

    def look(self, role: Role, place: str, *, phase: Phase, endpoint: str) -> tuple[WorkloadSeen, ...]:
        """The workload at a place, one row for each replica; ``endpoint`` is the URL that it should answer at."""
        locator = _locator(place)
        if isinstance(locator, UnitLocator):
            return (look_at_unit(role, place, locator, phase=phase, systemd=self.systemd, endpoint=endpoint),)
        if isinstance(locator, DockerLocator):
            return (look_at_container(role, place, locator, phase=phase, docker=self.docker),)
        if isinstance(locator, FolderLocator):
            why = "a folder of logs is no process: expected file:///path/to/pidfile, systemd://UNIT or docker://NAME"
            return (WorkloadSeen(phase=phase, role=role, place=place, truth=Truth.UNKNOWN, error=why),)
        return look_at_replicas(role, place, phase=phase, kubectl=self.kubectl, endpoint=endpoint)

    def close(self) -> None:
        """End all connections."""
        self.docker.close()


def _locator(place: str) -> ServerLocator | None:
    try:
        return parse_server_locator(place)
    except ForeignTextError:  # the look and the window say so
        return None
