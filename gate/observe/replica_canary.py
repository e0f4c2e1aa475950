"""A log canary for each replica of the Attic server: one of them answering proves nothing of the others' logs.

Two ways lead to a replica, and are tried in this order. By the pod's own address, where the gate itself is a pod of
that cluster: it takes no right beyond those that find the pods. Through the API server (``pods/proxy``, verb get): it
works from anywhere. A port-forward is never made: it would take the right to open any connection into any pod.

No token goes to a pod, and none is needed: Attic refuses a malformed hash before it looks at rights (attic b7c9056
``server/src/api/binary_cache.rs:113``).
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

from gate import limits
from gate.errors import ForeignTextError, InconclusiveError
from gate.model.basics import Phase
from gate.model.captures import ReplicaCanaries, ReplicaCanary, Route
from gate.model.kube import ContainerSeen, PodSeen
from gate.model.parsed import KubectlLocator
from gate.model.time import rfc3339
from gate.net import Http
from gate.observe.kubectl import Kubectl, container_of
from gate.parse.addresses import odd_host
from gate.parse.attic_json import parse_attic_error
from gate.parse.locator import parse_locator
from gate.process import CancelToken

_SERVER_ERROR = 500
_HTTP_PORT = "http"  # the name of the one that is meant where a container declares several


@dataclass(frozen=True, kw_only=True)
class Asking:
    """What is asked of every replica, and by which ways. ``inside``: the gate runs in the pods' own cluster.

    ``endpoint`` is the Attic server's URL: its host is what a server that looks at the Host header expects. ``since``:
    as `Kubectl.pods` has it.
    """

    endpoint: str
    cache: str
    nonce: str
    inside: bool
    cancel: CancelToken
    since: float | None = None


def send_to_replicas(place: str, asking: Asking, *, phase: Phase, kubectl: Kubectl | None) -> ReplicaCanaries | None:
    """A canary to every replica at a place; None for a place that is no workload of a cluster.

    A workload's only replica is sent none: the endpoint's canary must be in its log. Nothing is raised: a replica that
    can't be reached has the reason in its row.
    """
    try:
        locator = parse_locator(place)
    except ForeignTextError:  # the window on the log says so
        return None
    if not isinstance(locator, KubectlLocator) or kubectl is None:
        return None
    try:
        pods = kubectl.pods(locator, since=asking.since)
    except InconclusiveError as error:
        return ReplicaCanaries(phase=phase, place=place, error=str(error))
    if len(pods) == 1:
        rows: tuple[ReplicaCanary, ...] = (ReplicaCanary(pod=pods[0].name, uid=pods[0].uid),)
    else:
        rows = _all(kubectl, locator, pods, asking, phase)
    return ReplicaCanaries(phase=phase, place=place, replicas=rows)


def _all(
    kubectl: Kubectl, locator: KubectlLocator, pods: Sequence[PodSeen], asking: Asking, phase: Phase
) -> tuple[ReplicaCanary, ...]:
    targets = [_target(locator, pod, number, asking, phase) for number, pod in enumerate(pods, 1)]
    hosts = [target.host for target in targets if target.host]
    with (
        Http(hosts, hosts, clock=kubectl.clock, cancel=asking.cancel, seconds=limits.REPLICA_SECONDS) as http,
        ThreadPoolExecutor(limits.REPLICA_JOBS) as threads,
    ):
        return tuple(threads.map(lambda target: _send(kubectl, http, locator.namespace, target, asking), targets))


@dataclass(frozen=True, kw_only=True)
class _CanaryTarget:
    """A replica: its port, the ``address:port`` by which it may be asked, empty for none; or why it can't be asked."""

    pod: PodSeen
    nonce: str
    port: int = 0
    host: str = ""
    error: str = ""


def _target(locator: KubectlLocator, pod: PodSeen, number: int, asking: Asking, phase: Phase) -> _CanaryTarget:
    # No nonce is a part of another: they are looked for as text.
    nonce = f"gate-canary-{phase.value}-r{number}z{asking.nonce}"
    try:
        port = _port(container_of(pod, locator.container), locator.port)
    except InconclusiveError as error:
        return _CanaryTarget(pod=pod, nonce=nonce, error=str(error))
    address = f"[{pod.address}]" if ":" in pod.address else pod.address
    reachable = asking.inside and address and odd_host(address) is None
    return _CanaryTarget(pod=pod, nonce=nonce, port=port, host=f"{address}:{port}" if reachable else "")


def _port(container: ContainerSeen, port: int | None) -> int:
    """Where a running container serves HTTP: as the locator has it, else as the container declares."""
    if container.started is None:
        raise InconclusiveError(f"{container.name} {container.trouble}")
    if port is not None:
        return port
    http_ports = [number for name, number in container.ports if name == _HTTP_PORT]
    ports = http_ports or [number for _, number in container.ports]
    if len(ports) != 1:
        raise InconclusiveError(
            f"{container.name} declares {len(ports)} TCP ports: expected one, one named {_HTTP_PORT}, or port= in the "
            "place of the log"
        )
    return ports[0]


def _send(kubectl: Kubectl, http: Http, namespace: str, target: _CanaryTarget, asking: Asking) -> ReplicaCanary:
    """The first way by which the replica answers as Attic does, or why none did."""
    errors = [target.error] if target.error else []
    path = f"{asking.cache}/{target.nonce}.narinfo"
    began = kubectl.clock.monotonic()
    route: Route | None = None
    if target.host:
        why = _by_address(http, f"http://{target.host}/{path}", asking.endpoint)
        route, errors = ("address", errors) if why is None else (None, [*errors, f"by its address: {why}"])
    if target.port and route is None:
        try:
            kubectl.ask_pod(namespace, target.pod.name, target.port, path)
            route = "proxy"
        except InconclusiveError as error:
            errors.append(f"through the API server: {error}")
    return ReplicaCanary(
        pod=target.pod.name,
        uid=target.pod.uid,
        nonce=target.nonce,
        route=route,
        answered=route is not None,
        answered_at=rfc3339(kubectl.clock.now()) if route else None,
        millis=round((kubectl.clock.monotonic() - began) * 1000),
        error="" if route else "; ".join(errors)[: limits.ERROR_TEXT_CHARS],
    )


def _by_address(http: Http, url: str, endpoint: str) -> str | None:
    """Why the pod at this address did not answer as Attic does; None: it did."""
    host = {"Host": urlsplit(endpoint).netloc.rpartition("@")[2]}
    answer, body = http.ask("GET", url, headers=host, cap=limits.ANSWER_BODY_BYTES, keep_body=True)
    if answer.status is None:
        return f"no whole answer ({answer.error})"
    text = parse_attic_error(body)
    if answer.status != _SERVER_ERROR or text is None:
        return f"HTTP {answer.status}, and not Attic's word for a malformed hash"
    return None
