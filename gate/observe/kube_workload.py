"""A workload in a cluster: which pods serve it, what kubectl may do there, and whether it is the right cluster."""

import json
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Final, Literal, TypeVar
from urllib.parse import urlsplit

from gate import limits
from gate.errors import ForeignTextError, InconclusiveError
from gate.model.basics import Phase, Truth
from gate.model.kube import KubeContext, PodSeen
from gate.model.parsed import KubectlLocator
from gate.model.records import WorkloadSeen
from gate.observe.kube_markers import pod_place
from gate.observe.kubectl import Kubectl, container_of
from gate.observe.workload import look
from gate.parse.addresses import is_loopback
from gate.parse.kubernetes import parse_client_version, parse_review, parse_server_version, response_date
from gate.parse.locator import parse_locator
from gate.parse.text import excerpt

Role = Literal["store", "cache"]


def look_at_replicas(
    role: Role, place: str, *, phase: Phase, kubectl: Kubectl | None, endpoint: str = ""
) -> tuple[WorkloadSeen, ...]:
    """The workload at a place: one row for a ``file://``, one a replica for a ``kubectl://``.

    A replica's place is the locator of its pod; its identity is the pod's uid, the container's start and restarts, the
    image by digest, and the node. One whose container does not run is ``absent``, with ``error`` saying what it does.
    Everything that can't be determined is one row, unknown. ``endpoint`` is the URL that a process of this machine
    should answer at.
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
    text = f"uid {pod.uid}, started {container.started}, restarts {container.restarts}, image {container.image_id}"
    return WorkloadSeen(
        phase=phase,
        role=role,
        place=place,
        truth=Truth.PRESENT,
        identity=f"{text}, node {pod.node}",
        started=container.started,
        image=container.image_id,
        owner=owner,
    )


_T = TypeVar("_T")
_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_GROUPS: Final = {"deployments": "apps", "statefulsets": "apps"}  # all else that is asked is of the core group


def may(kubectl: Kubectl, namespace: str, verb: str, resource: str, name: str = "") -> bool:
    """Whether we have a right, such as ``get`` of ``pods/log``; `InconclusiveError` when the cluster did not say.

    ``name`` is that of the one object: RBAC can grant a right for named objects alone, and then not for any.
    """
    kind, _, part = resource.partition("/")
    attributes = {"namespace": namespace, "verb": verb, "group": _GROUPS.get(kind, ""), "resource": kind}
    rest = {"subresource": part, "name": name}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes | {key: text for key, text in rest.items() if text}},
    }
    what = f"the access review of {verb} {resource} in {namespace}"
    out, _err = kubectl.call(
        ("create", f"--raw={_REVIEWS}", "--filename=-"),
        what=what,
        cap=limits.ANSWER_BODY_BYTES,
        stdin=json.dumps(review).encode(),
    )
    return _read(what, parse_review, out)


def client_version(kubectl: Kubectl) -> str:
    """The version of kubectl itself; no cluster is asked. `InconclusiveError` when it can't be determined."""
    what = "kubectl version"
    argv = ("version", "--client", "--output=json")
    out, _err = kubectl.call(argv, what=what, cap=limits.ANSWER_BODY_BYTES, pinned=False)
    return _read(what, parse_client_version, out)


def server_version(kubectl: Kubectl) -> tuple[str, str | None]:
    """The API server's version and its ``Date`` header, if kubectl tells it; `InconclusiveError` without an answer."""
    what = "the API server's /version"
    out, err = kubectl.call(("get", "--raw=/version", "-v=8"), what=what, cap=limits.ANSWER_BODY_BYTES)
    return _read(what, parse_server_version, out), response_date(err)


def _read(what: str, parse: Callable[[bytes], _T], data: bytes) -> _T:
    try:
        return parse(data)
    except ForeignTextError as error:
        raise InconclusiveError(f"{what}: {error}") from None


def distrust(kubectl: Kubectl, *, server: str, authority: str, plugins: Sequence[str]) -> str | None:
    """Why kubectl must not be used with these settings, in one sentence; None when it may.

    ``server`` is the API server's URL and ``authority`` the sha256, in hex, of its certificate authority (empty: not
    compared); ``plugins`` are the absolute paths of credential plugins that may run. A pod's own service account,
    without any kubeconfig, leads to its own cluster and needs no pins.
    """
    try:
        context = kubectl.kubeconfig()
        if context is None:
            return None
        return _distrust(context, kubectl.context, server, plugins) or (
            _other_authority(kubectl, context, authority) if authority else None
        )
    except InconclusiveError as error:
        return str(error)


def _distrust(context: KubeContext, pinned: str, server: str, plugins: Sequence[str]) -> str | None:
    if not pinned or not server:
        return (
            f"kubectl would use context {excerpt(context.name)} at {excerpt(context.server)}: expected kube-context "
            "and kube-server in gate.toml, so that it can't be another cluster"
        )
    if context.server.rstrip("/") != server.rstrip("/"):
        place = excerpt(context.server)
        return f"context {excerpt(context.name)} leads to {place}: expected kube-server {excerpt(server)}"
    if context.insecure or (urlsplit(context.server).scheme != "https" and not is_loopback(context.server)):
        return f"context {excerpt(context.name)} does not verify its server: expected https and a certificate authority"
    if context.plugin is not None and not (PurePosixPath(context.plugin).is_absolute() and context.plugin in plugins):
        return (
            f"context {excerpt(context.name)} would run {excerpt(context.plugin)} for its token: expected one of "
            f"kube-plugins, by absolute path ({', '.join(plugins) or 'none is named'})"
        )
    return None


def _other_authority(kubectl: Kubectl, context: KubeContext, expected: str) -> str | None:
    try:
        fingerprint = sha256(b64decode(kubectl.authority(), validate=True)).hexdigest()
    except Base64Error:
        fingerprint = "unreadable"
    if fingerprint == expected.lower():
        return None
    name = excerpt(context.name)
    return f"context {name} trusts the certificate authority {fingerprint}: expected kube-authority {expected}"
