"""Who the replicas of a workload are and since when: every pod, by the cluster's own record of it."""

from typing import Literal

from gate.errors import ForeignTextError, InconclusiveError
from gate.model.basics import Phase, Truth
from gate.model.kube import PodSeen
from gate.model.parsed import KubectlLocator
from gate.model.records import WorkloadSeen
from gate.observe.kube_markers import pod_place
from gate.observe.kubectl import Kubectl, container_of
from gate.observe.workload import look
from gate.parse.locator import parse_locator

Role = Literal["store", "cache"]


def look_at_replicas(
    role: Role, place: str, *, phase: Phase, kubectl: Kubectl | None, endpoint: str = ""
) -> tuple[WorkloadSeen, ...]:
    """The workload at a place: one row for a ``file://``, one a replica for a ``kubectl://``.

    A replica's place is the locator of its pod; its identity is the pod's uid, the container's start and restarts, the
    image by digest, and the node. One whose container does not run is ``absent``, with ``error`` saying what it does.
    Everything that can't be told is one row, unknown. ``endpoint`` is the URL that a process of this machine should
    answer at.
    """
    try:
        locator = parse_locator(place) if place else None
    except ForeignTextError:
        locator = None
    if not isinstance(locator, KubectlLocator):
        return (look(role, place, phase=phase, endpoint=endpoint),)
    why = f"{locator.workload} {locator.namespace}/{locator.name} has no pod"
    rows: tuple[WorkloadSeen, ...] = ()
    if kubectl is None:
        why = "this place is in a cluster, and kubectl is not used here"
    else:
        try:
            rows = tuple(_replica(role, phase, locator, pod) for pod in kubectl.pods(locator))
        except InconclusiveError as error:
            why = str(error)
    return rows or (WorkloadSeen(phase=phase, role=role, place=place, truth=Truth.UNKNOWN, error=why),)


def _replica(role: Role, phase: Phase, locator: KubectlLocator, pod: PodSeen) -> WorkloadSeen:
    container = container_of(pod, locator.container)
    place = pod_place(locator, pod, locator.container)
    owner = "/".join(pod.owner[:2]) if pod.owner else None
    if container.started is None:
        why = f"{container.name} {container.trouble}, {container.restarts} restarts"
        return WorkloadSeen(phase=phase, role=role, place=place, truth=Truth.ABSENT, error=why, owner=owner)
    if not container.image_id:
        why = f"{container.name} runs, and the cluster does not say which image"
        return WorkloadSeen(phase=phase, role=role, place=place, truth=Truth.UNKNOWN, error=why, owner=owner)
    told = f"uid {pod.uid}, started {container.started}, restarts {container.restarts}, image {container.image_id}"
    return WorkloadSeen(
        phase=phase,
        role=role,
        place=place,
        truth=Truth.PRESENT,
        identity=f"{told}, node {pod.node}",
        started=container.started,
        image=container.image_id,
        owner=owner,
    )
