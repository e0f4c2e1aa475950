"""What the Kubernetes API says of workloads and pods, and what a kubeconfig says of the cluster that it leads to.

Formats: API ``apps/v1`` and ``v1`` of Kubernetes (https://kubernetes.io/docs/reference/kubernetes-api/), ``v1 Config``
of client-go as ``kubectl config view --output json`` prints it. Every name that could come to stand in a command is
checked against the form that Kubernetes itself allows.
"""

import re
from base64 import b64decode
from ipaddress import ip_address
from typing import Final

from gate import limits
from gate.errors import ForeignNameError, ForeignTextError
from gate.model.basics import Secret
from gate.model.kube import ContainerSeen, KubeContext, PodSeen, Selected
from gate.parse.quoting import shown
from gate.parse.strict_json import as_count, loads

_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NAME_CHARS: Final = 253
_PORT_MOST: Final = 65535
_PLAIN: Final = re.compile(r"[!-~]{1,400}")
_KEY: Final = re.compile(r"(?:[0-9A-Za-z.-]{1,253}/)?[0-9A-Za-z](?:[0-9A-Za-z_.-]{0,61}[0-9A-Za-z])?")
_VALUE: Final = re.compile(r"(?:[0-9A-Za-z](?:[0-9A-Za-z_.-]{0,61}[0-9A-Za-z])?)?")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]{1,9})?Z")
_OPERATORS: Final = {"In": "{} in ({})", "NotIn": "{} notin ({})", "Exists": "{}", "DoesNotExist": "!{}"}
_DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"


def parse_workload(data: bytes) -> Selected:
    """The uid and label selector of a Deployment or StatefulSet; `ForeignTextError` for anything else.

    An empty selector is refused: it would select every pod of the namespace.
    """
    made = _object(loads(data, cap=limits.KUBE_JSON_BYTES), "the workload")
    selector = _object(_object(made.get("spec"), "its spec").get("selector"), "its selector")
    labels = _object(selector.get("matchLabels", {}), "matchLabels")
    terms = [f"{_text(key, _KEY)}={_text(value, _VALUE)}" for key, value in labels.items()]
    for term in _list(selector.get("matchExpressions", []), "matchExpressions"):
        said = _object(term, "a matchExpression")
        form = _OPERATORS.get(str(said.get("operator")))
        if form is None:
            raise ForeignTextError(f"a selector has the operator {shown(said.get('operator'))}: expected In, NotIn, …")
        values = ",".join(_text(value, _VALUE) for value in _list(said.get("values", []), "values"))
        terms.append(form.format(_text(said.get("key"), _KEY), values))
    if not terms:
        raise ForeignTextError("the workload's selector is empty: expected labels")
    return Selected(uid=_text(_metadata(made).get("uid"), _PLAIN), selector=",".join(terms))


def parse_pod(data: bytes) -> PodSeen:
    """One pod; `ForeignTextError` when it is none, or has a name that Kubernetes does not allow."""
    made = _object(loads(data, cap=limits.KUBE_JSON_BYTES), "the pod")
    if made.get("kind") != "Pod":
        raise ForeignTextError(f"the answer is of kind {shown(made.get('kind'))}: expected Pod")
    return _pod(made)


def parse_pods(data: bytes) -> tuple[PodSeen, ...]:
    """The pods of a list, by name; `ForeignTextError` when it is no list of pods, or not a whole one."""
    made = _object(loads(data, cap=limits.KUBE_JSON_BYTES), "the list of pods")
    if made.get("kind") != "PodList":
        raise ForeignTextError(f"the answer is of kind {shown(made.get('kind'))}: expected PodList")
    if _metadata(made).get("continue"):
        raise ForeignTextError("the list of pods is one page of several: expected all of it")
    pods = [_pod(_object(item, "a pod")) for item in _list(made.get("items") or [], "items")]
    if len(pods) > limits.REPLICAS:
        raise ForeignTextError(f"the list has {len(pods)} pods: expected at most {limits.REPLICAS}")
    if len({pod.name for pod in pods}) != len(pods):
        raise ForeignTextError("two pods of the list have one name")
    return tuple(sorted(pods, key=lambda pod: pod.name))


def parse_secret(data: bytes, key: str) -> Secret:
    """The text under one key of a v1 Secret, at most `limits.SIGNING_SECRET_BYTES` long, without blanks at its ends.

    `ForeignTextError` when it is not there, is empty or is no text; no message holds anything of the answer.
    """
    made = loads(data, cap=limits.KUBE_JSON_BYTES, what="the secret")
    if not isinstance(made, dict) or made.get("kind") != "Secret":
        raise ForeignTextError("the answer is no secret: expected an object of kind Secret")
    held = made.get("data")
    coded = held.get(key) if isinstance(held, dict) else None
    if not isinstance(coded, str):
        raise ForeignTextError(f"it has no key {shown(key)}: expected one that `kubectl describe secret` lists")
    if len(coded) > limits.SIGNING_SECRET_BYTES * 4 // 3 + 4:
        raise ForeignTextError(
            f"its key {shown(key)} is too long: expected at most {limits.SIGNING_SECRET_BYTES} bytes"
        )
    text = _decoded(coded)
    if text is None:
        raise ForeignTextError(f"its key {shown(key)} holds no text in base64: expected UTF-8 in base64")
    if not text.strip():
        raise ForeignTextError(f"its key {shown(key)} is empty: expected a secret")
    return Secret(text.strip())


def _decoded(coded: str) -> str | None:
    """Base64 of UTF-8 as text, or None: the decoders' errors are not passed on, since they quote what they got."""
    try:
        return b64decode(coded, validate=True).decode("utf-8")
    except ValueError:
        return None


def parse_kubeconfig(data: bytes, context: str) -> KubeContext | None:
    """The context of that name (empty: the current one) of a kubeconfig; None for an empty kubeconfig.

    kubectl then takes the pod's own service account. `ForeignTextError` where the context, its cluster or its user
    is not there.
    """
    made = _object(loads(data, cap=limits.KUBE_JSON_BYTES), "the kubeconfig")
    if not (made.get("contexts") or made.get("clusters") or made.get("current-context") or context):
        return None
    name = context or str(made.get("current-context") or "")
    chosen = _named(made, "contexts", name, "context")
    cluster = _named(made, "clusters", str(chosen.get("cluster")), "cluster")
    user = _named(made, "users", str(chosen.get("user")), "user") if chosen.get("user") else {}
    plugin = _object(user.get("exec") or {}, "exec").get("command")
    return KubeContext(
        name=name,
        server=str(cluster.get("server") or ""),
        insecure=cluster.get("insecure-skip-tls-verify") is True,
        plugin="auth-provider" if user.get("auth-provider") else None if plugin is None else str(plugin),
    )


def _named(config: dict[str, object], table: str, name: str, field: str) -> dict[str, object]:
    rows = [_object(row, table) for row in _list(config.get(table) or [], table)]
    found = [row for row in rows if row.get("name") == name]
    if len(found) != 1:
        raise ForeignTextError(f"the kubeconfig has {len(found)} {table} of the name {shown(name)}: expected one")
    return _object(found[0].get(field) or {}, field)


def _pod(made: dict[str, object]) -> PodSeen:
    metadata, spec = _metadata(made), _object(made.get("spec"), "its spec")
    status = _object(made.get("status"), "its status")
    name = _subdomain(metadata.get("name"))
    statuses = [_object(row, "a status") for row in _list(status.get("containerStatuses") or [], "statuses")]
    states = {_text(state.get("name"), _LABEL): state for state in statuses}
    containers = [_object(row, "a container") for row in _list(spec.get("containers"), "containers")]
    names = [_text(container.get("name"), _LABEL) for container in containers]
    ports = [_ports(container) for container in containers]
    default = _object(metadata.get("annotations") or {}, "annotations").get(_DEFAULT_CONTAINER)
    return PodSeen(
        name=name,
        uid=_text(metadata.get("uid"), _PLAIN),
        node=_subdomain(spec["nodeName"]) if spec.get("nodeName") else "",
        ended=status.get("phase") in ("Succeeded", "Failed"),
        owner=_owner(metadata),
        default_container=default if default in names and isinstance(default, str) else None,
        containers=tuple(_container(each, states.get(each), at) for each, at in zip(names, ports, strict=True)),
        address=_address(status.get("podIP")),
    )


def _address(made: object) -> str:
    """A pod's address, or nothing for one that has none yet, or that is none."""
    try:
        return str(ip_address(made)) if isinstance(made, str) else ""
    except ValueError:
        return ""


def _ports(container: dict[str, object]) -> tuple[tuple[str, int], ...]:
    """The TCP ports that a container declares; what it says of others, or in another form, is nothing to us."""
    rows = [row for row in _list(container.get("ports") or [], "ports") if isinstance(row, dict)]
    return tuple(
        (name if isinstance(name := row.get("name"), str) and _LABEL.fullmatch(name) else "", number)
        for row in rows
        if row.get("protocol", "TCP") == "TCP"
        and isinstance(number := row.get("containerPort"), int)
        and 0 < number <= _PORT_MOST
    )


def _container(name: str, status: dict[str, object] | None, ports: tuple[tuple[str, int], ...]) -> ContainerSeen:
    if status is None:
        trouble = "has no status yet"
        return ContainerSeen(name=name, restarts=0, image_id="", started=None, trouble=trouble, ports=ports)
    state = _object(status.get("state") or {}, "state")
    running = state.get("running")
    image = status.get("imageID") or ""
    return ContainerSeen(
        name=name,
        restarts=as_count(status.get("restartCount"), "restartCount"),
        image_id=_text(image, _PLAIN) if image else "",
        started=_text(_object(running, "running").get("startedAt"), _TIME) if running is not None else None,
        trouble="" if running is not None else _not_running(state),
        ended=_ended(_object(status.get("lastState") or {}, "lastState")),
        ports=ports,
    )


def _ended(last: dict[str, object]) -> str:
    """How a container's run before this one ended: ``OOMKilled, exit 137 at 2026-…``."""
    end = last.get("terminated")
    if not isinstance(end, dict):
        return ""
    reason = f"{shown(end['reason'])[1:-1]}, " if end.get("reason") else ""
    at = end.get("finishedAt")
    when = f" at {at}" if isinstance(at, str) and _TIME.fullmatch(at) else ""
    code = end.get("exitCode")
    return f"{reason}exit {code if isinstance(code, int) else 'unknown'}{when}"


def _not_running(state: dict[str, object]) -> str:
    for word in ("waiting", "terminated"):
        if word in state:
            reason = _object(state[word] or {}, word).get("reason")
            return f"is {word}" + (f" ({shown(reason)[1:-1]})" if reason else "")
    return "has no state"


def _owner(metadata: dict[str, object]) -> tuple[str, str, str] | None:
    rows = [_object(row, "an owner") for row in _list(metadata.get("ownerReferences") or [], "owners")]
    held = [row for row in rows if row.get("controller") is True]
    if not held:
        return None
    kind, name, uid = (_text(held[0].get(field), _PLAIN) for field in ("kind", "name", "uid"))
    return kind, name, uid


def _metadata(made: dict[str, object]) -> dict[str, object]:
    return _object(made.get("metadata"), "its metadata")


def _object(made: object, what: str) -> dict[str, object]:
    if not isinstance(made, dict):
        raise ForeignTextError(f"{what} is no object: expected one of the Kubernetes API")
    return made


def _list(made: object, what: str) -> list[object]:
    if not isinstance(made, list):
        raise ForeignTextError(f"{what} is no list: expected one of the Kubernetes API")
    return made


def _text(made: object, form: re.Pattern[str]) -> str:
    if not isinstance(made, str) or not form.fullmatch(made):
        kind = ForeignNameError if form is _LABEL else ForeignTextError  # containers are named on a command line
        raise kind(f"the cluster says {shown(made)}: expected a name in the form that Kubernetes allows")
    return made


def _subdomain(made: object) -> str:
    """A DNS-1123 subdomain: the form of names of pods and nodes, which can't begin with ``-``."""
    if not isinstance(made, str) or len(made) > _NAME_CHARS or not all(map(_LABEL.fullmatch, made.split("."))):
        raise ForeignNameError(f"the cluster says {shown(made)}: expected a DNS-1123 name")
    return made
