"""The part of a doctor's visit that goes to the cluster: whether it is the right one, and what it lets us do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from gate.clock import rfc3339
from gate.errors import ForeignTextError, InconclusiveError
from gate.model.doctor import ClockSeen, ClusterSeen, RightSeen
from gate.model.parsed import KubectlLocator
from gate.model.policy import Policy
from gate.observe.kube_workload import client_version, distrust, may, server_version
from gate.observe.kubectl import Kubectl
from gate.parse.locator import parse_locator
from gate.probe.site import Site
from gate.probe.world import World

_Right = tuple[str, str, str, str]  # namespace, verb, resource, name of the one object or empty


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What the cluster showed, None where no place is in one, and its clock."""

    seen: ClusterSeen | None
    clock: ClockSeen


def visit_cluster(site: Site, world: World) -> Visit:
    """Ask the cluster. One that is not to be trusted is not asked, and the site's kubectl is not used from then on."""
    kubectl = site.kubectl
    if kubectl is None:
        now = rfc3339(world.clock.now())
        return Visit(seen=None, clock=ClockSeen(of="cluster", before=now, after=now, date=None))
    client, client_error = _client(kubectl)
    trouble = distrust(
        kubectl,
        server=site.policy.kube_server,
        authority=site.policy.kube_authority,
        plugins=site.settings.tools.kube_plugins,
    )
    server, date, error = None, None, trouble or ""
    before = rfc3339(world.clock.now())
    if trouble is None:
        try:
            server, date = server_version(kubectl)
        except InconclusiveError as told:
            error = str(told)
    else:
        site.kubectl = None
        site.sources = replace(site.sources, kubectl=None)
    clock = ClockSeen(of="cluster", before=before, after=rfc3339(world.clock.now()), date=date)
    rights = tuple(_right(kubectl, right, sources, error) for right, sources in rights_needed(site.policy).items())
    seen = ClusterSeen(
        client=client, client_error=client_error, distrust=trouble, server=server, error=error, rights=rights
    )
    return Visit(seen=seen, clock=clock)


def rights_needed(policy: Policy) -> Mapping[_Right, tuple[str, ...]]:
    """Every right that the places of a policy need, with the sources that need it."""
    needed: dict[_Right, tuple[str, ...]] = {}
    for source, place in _in_cluster(policy):
        for verb, resource, name in _verbs(source, place):
            right = (place.namespace, verb, resource, name)
            needed[right] = tuple(dict.fromkeys((*needed.get(right, ()), source)))
    return needed


def _in_cluster(policy: Policy) -> Iterator[tuple[str, KubectlLocator]]:
    places = [("markers", place) for place in policy.markers]
    places += [("store-workload", policy.store_workload), ("cache-workload", policy.cache_workload)]
    places += [("server-log", policy.server_log), ("store-log", policy.store_log)]
    for source, place in places:
        if source in policy.absent:
            continue
        try:
            locator = parse_locator(place)
        except ForeignTextError:  # its own check says so
            continue
        if isinstance(locator, KubectlLocator):
            yield source, locator


def _verbs(source: str, place: KubectlLocator) -> Iterator[tuple[str, str, str]]:
    """What the observers ask for (docs/kubernetes/README.md): logs and exec look their pod up first."""
    pod = place.name if place.workload == "pod" else ""
    if pod:
        yield "get", "pods", pod
    else:
        yield "get", f"{place.workload}s", place.name
        yield "list", "pods", ""
    if source in ("server-log", "store-log", "markers"):
        by_log = source != "markers" or place.by == "log"
        yield "get", "pods", pod
        yield "get", "pods/log" if by_log else "pods/exec", pod
        if not by_log:
            yield "create", "pods/exec", pod


def _client(kubectl: Kubectl) -> tuple[str | None, str]:
    try:
        return client_version(kubectl), ""
    except InconclusiveError as error:
        return None, str(error)


def _right(kubectl: Kubectl, right: _Right, sources: tuple[str, ...], unasked: str) -> RightSeen:
    """One right; ``unasked`` says why the cluster is not asked, empty: it is."""
    namespace, verb, resource, name = right
    granted, error = None, unasked
    if not unasked:
        try:
            granted = may(kubectl, namespace, verb, resource, name)
        except InconclusiveError as told:
            error = str(told)
    return RightSeen(
        namespace=namespace,
        verb=verb,
        resource=resource,
        object=name,
        sources=sources,
        granted=granted,
        error=error,
    )
