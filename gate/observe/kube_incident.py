"""What a cluster still knows of a workload's past: events of its objects, and logs of containers that have ended.

Both go soon: the cluster keeps events for an hour, and of each container the log of one run before this one. A restart
that somebody makes to fix the store overwrites that log.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from gate import limits
from gate.errors import ForeignTextError, InconclusiveError
from gate.model.captures import EventsSeen, KubeEvent, PreviousLogSeen, Role
from gate.model.kube import ContainerSeen, PodSeen
from gate.model.parsed import KubectlLocator
from gate.observe.kubectl import Kubectl
from gate.parse.locator import parse_locator
from gate.process import Capture

_KINDS: Final = {"deployment": "Deployment", "statefulset": "StatefulSet", "pod": "Pod"}


@dataclass(frozen=True, kw_only=True)
class WorkloadPast:
    """What could be had of a workload's past: its events, and how large the logs of ended containers are."""

    events: EventsSeen
    logs: tuple[PreviousLogSeen, ...]


def look_at_past(role: Role, place: str, *, kubectl: Kubectl | None, capture: Capture) -> WorkloadPast | None:
    """Events of a workload and the logs of its ended containers, which are written to the capture.

    None for a place that is no workload of a cluster: it has neither. Nothing is raised: what can't be determined is
    said.
    """
    try:
        locator = parse_locator(place)
    except ForeignTextError:
        return None
    if not isinstance(locator, KubectlLocator):
        return None
    if kubectl is None:
        why = "this place is in a cluster, and kubectl is not used here"
        return WorkloadPast(events=EventsSeen(role=role, place=place, error=why), logs=())
    pods: Sequence[PodSeen] = ()
    troubles: list[str] = []
    try:
        pods = kubectl.pods(locator)
    except InconclusiveError as error:
        troubles.append(str(error))
    event_list = _events(kubectl, locator.namespace, _objects(locator, pods))
    errors = "; ".join(dict.fromkeys((*troubles, *event_list.errors)))[: limits.ERROR_TEXT_CHARS]
    events = EventsSeen(role=role, place=place, events=event_list.events, cut=event_list.cut, error=errors or None)
    logs = [
        _previous(role, kubectl, locator.namespace, (pod, each), capture)
        for pod in pods
        for each in pod.containers
        if each.restarts > 0
    ]
    return WorkloadPast(events=events, logs=tuple(logs))


def _objects(locator: KubectlLocator, pods: Iterable[PodSeen]) -> tuple[tuple[str, str], ...]:
    """Kind and name of the workload, of its pods, and of the replica sets that own those."""
    objects = {(_KINDS[locator.workload], locator.name): None}
    for pod in pods:
        objects[("Pod", pod.name)] = None
        if pod.owner is not None and pod.owner[0] == "ReplicaSet":
            objects[(pod.owner[0], pod.owner[1])] = None
    return tuple(objects)


@dataclass(frozen=True, kw_only=True)
class _EventPages:
    """The events of some objects, and why others could not be read."""

    events: tuple[KubeEvent, ...]
    cut: bool
    errors: tuple[str, ...]


def _events(kubectl: Kubectl, namespace: str, objects: Sequence[tuple[str, str]]) -> _EventPages:
    def ask(kind: str, name: str) -> tuple[tuple[KubeEvent, ...], bool, str]:
        try:
            return (*kubectl.events(namespace, kind, name), "")
        except InconclusiveError as error:
            return (), False, str(error)

    with ThreadPoolExecutor(limits.READ_JOBS) as threads:
        answers = list(threads.map(lambda of: ask(*of), objects))
    occurrences = sorted((event for events, _, _ in answers for event in events), key=lambda event: event.last or "")
    return _EventPages(
        events=tuple(occurrences[-limits.KUBE_EVENTS :]),
        cut=len(occurrences) > limits.KUBE_EVENTS or any(more for _, more, _ in answers),
        errors=tuple(error for _, _, error in answers if error),
    )


def _previous(
    role: Role, kubectl: Kubectl, namespace: str, of: tuple[PodSeen, ContainerSeen], capture: Capture
) -> PreviousLogSeen:
    pod, container = of
    lines = limits.PREVIOUS_LOG_LINES
    options = ("--previous", "--timestamps", "--prefix", f"--tail={lines}")
    text, trouble = kubectl.logs(
        namespace,
        pod.name,
        container.name,
        options,
        cap=limits.POD_LOG_BYTES,
        seconds=limits.POD_LOG_SECONDS,
    )
    if text and not text.endswith(b"\n"):
        text += b"\n"
    capture.write(text)
    return PreviousLogSeen(
        role=role,
        place=f"kubectl://{namespace}/pod/{pod.name}?container={container.name}",
        restarts=container.restarts,
        ended=container.ended,
        bytes=len(text),
        cut=text.count(b"\n") >= lines,
        error=trouble or None,
    )
