"""Answers of the Kubernetes API as kubectl prints them: pods, services, events, rights and errors."""

import re
from base64 import b64decode
from ipaddress import ip_address
from typing import Final

from gate import limits
from gate.errors import ForeignNameError, ForeignTextError
from gate.model.basics import Secret
from gate.model.captures import KubeEvent
from gate.model.kube import ContainerSeen, KubeContext, PodSeen, Selected
from gate.parse.strict_json import as_count, as_flag, as_object, as_text, loads
from gate.parse.text import decode, excerpt, strip_escapes

COMPLAINT_CHARS: Final = 400
_KUBECTL_ERROR: Final = re.compile(
    r"(?i)^(?:error|Error from server|Unable to connect|The connection|command terminated)\b"
)
_TRACE: Final = re.compile(r"^[IWEF][0-9]{4} ")  # klog: its level, month and day
_CREDENTIALS: Final = re.compile(
    r"(?i)\bauthorization\b[\"']?\s*[:=].*"  # whatever its scheme: to the end of the line
    r"|\b(?:bearer|basic)\s+\S+"
    r"|\b[\w-]*(?:token|secret|password|api-?key|cookie)[\w-]*[\"']?\s*[:=]\s*\S+"
    r"|\beyJ[\w-]+(?:\.[\w-]+)*"
)


# client-go's words for a 500 whose body is no Status of Kubernetes: rest/request.go, newUnstructuredResponseError, and
# api/errors NewGenericServerResponse. The API server's own errors are Statuses, and kubectl tells their own message.
_FOREIGN_500: Final = b'Error from server (InternalError): an error on the server ("'


def is_foreign_500(stderr: bytes) -> bool:
    """Whether kubectl says that what it was led to through the API server answered with HTTP 500."""
    return any(line.startswith(_FOREIGN_500) for line in stderr.split(b"\n"))


def complaint(stderr: bytes) -> str:
    """The line by which kubectl says why it failed, else its last one; ``it said nothing`` when there is none."""
    lines = [decode(strip_escapes(line)).strip() for line in stderr.split(b"\n")]
    lines = [line for line in lines if line and not _TRACE.match(line)]
    line = next((line for line in lines if _KUBECTL_ERROR.match(line)), lines[-1] if lines else "it said nothing")
    return foreign_excerpt(line, COMPLAINT_CHARS)


def foreign_excerpt(text: str, cap: int) -> str:
    """Foreign text for a record: ASCII with escapes, at most ``cap`` characters, credentials replaced."""
    return ascii(_CREDENTIALS.sub("***", text))[1:-1][:cap]


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
    document = _object(loads(data, cap=limits.KUBE_JSON_BYTES), "the workload")
    selector = _object(_object(document.get("spec"), "its spec").get("selector"), "its selector")
    labels = _object(selector.get("matchLabels", {}), "matchLabels")
    terms = [f"{_text(key, _KEY)}={_text(value, _VALUE)}" for key, value in labels.items()]
    for term in _list(selector.get("matchExpressions", []), "matchExpressions"):
        text = _object(term, "a matchExpression")
        form = _OPERATORS.get(str(text.get("operator")))
        if form is None:
            raise ForeignTextError(
                f"a selector has the operator {excerpt(text.get('operator'))}: expected In, NotIn, …"
            )
        values = ",".join(_text(value, _VALUE) for value in _list(text.get("values", []), "values"))
        terms.append(form.format(_text(text.get("key"), _KEY), values))
    if not terms:
        raise ForeignTextError("the workload's selector is empty: expected labels")
    return Selected(uid=_text(_metadata(document).get("uid"), _PLAIN), selector=",".join(terms))


def parse_pod(data: bytes) -> PodSeen:
    """One pod; `ForeignTextError` for another kind, or a name that Kubernetes does not allow."""
    document = _object(loads(data, cap=limits.KUBE_JSON_BYTES), "the pod")
    if document.get("kind") != "Pod":
        raise ForeignTextError(f"the answer is of kind {excerpt(document.get('kind'))}: expected Pod")
    return _pod(document)


def parse_pods(data: bytes) -> tuple[PodSeen, ...]:
    """The pods of a list, by name; `ForeignTextError` when it is no list of pods, or not a whole one."""
    document = _object(loads(data, cap=limits.KUBE_JSON_BYTES), "the list of pods")
    if document.get("kind") != "PodList":
        raise ForeignTextError(f"the answer is of kind {excerpt(document.get('kind'))}: expected PodList")
    if _metadata(document).get("continue"):
        raise ForeignTextError("the list of pods is one page of several: expected all of it")
    pods = [_pod(_object(item, "a pod")) for item in _list(document.get("items") or [], "items")]
    if len(pods) > limits.REPLICAS:
        raise ForeignTextError(f"the list has {len(pods)} pods: expected at most {limits.REPLICAS}")
    if len({pod.name for pod in pods}) != len(pods):
        raise ForeignTextError("two pods of the list have one name")
    return tuple(sorted(pods, key=lambda pod: pod.name))


def parse_secret(data: bytes, key: str) -> Secret:
    """The text under one key of a v1 Secret, at most `limits.SIGNING_SECRET_BYTES` long, without blanks at its ends.

    `ForeignTextError` when it is not there, is empty or is no text; no message holds anything of the answer.
    """
    document = loads(data, cap=limits.KUBE_JSON_BYTES, what="the secret")
    if not isinstance(document, dict) or document.get("kind") != "Secret":
        raise ForeignTextError("the answer is no secret: expected an object of kind Secret")
    entries = document.get("data")
    coded = entries.get(key) if isinstance(entries, dict) else None
    if not isinstance(coded, str):
        raise ForeignTextError(f"it has no key {excerpt(key)}: expected one that `kubectl describe secret` lists")
    if len(coded) > limits.SIGNING_SECRET_BYTES * 4 // 3 + 4:
        raise ForeignTextError(
            f"its key {excerpt(key)} is too long: expected at most {limits.SIGNING_SECRET_BYTES} bytes"
        )
    text = _decoded(coded)
    if text is None:
        raise ForeignTextError(f"its key {excerpt(key)} holds no text in base64: expected UTF-8 in base64")
    if not text.strip():
        raise ForeignTextError(f"its key {excerpt(key)} is empty: expected a secret")
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
    document = _object(loads(data, cap=limits.KUBE_JSON_BYTES), "the kubeconfig")
    if not (document.get("contexts") or document.get("clusters") or document.get("current-context") or context):
        return None
    name = context or str(document.get("current-context") or "")
    chosen = _entry(document, "contexts", name, "context")
    cluster = _entry(document, "clusters", str(chosen.get("cluster")), "cluster")
    user = _entry(document, "users", str(chosen.get("user")), "user") if chosen.get("user") else {}
    plugin = _object(user.get("exec") or {}, "exec").get("command")
    return KubeContext(
        name=name,
        server=str(cluster.get("server") or ""),
        insecure=cluster.get("insecure-skip-tls-verify") is True,
        plugin="auth-provider" if user.get("auth-provider") else None if plugin is None else str(plugin),
    )


def _entry(config: dict[str, object], table: str, name: str, field: str) -> dict[str, object]:
    rows = [_object(row, table) for row in _list(config.get(table) or [], table)]
    matches = [row for row in rows if row.get("name") == name]
    if len(matches) != 1:
        raise ForeignTextError(f"the kubeconfig has {len(matches)} {table} of the name {excerpt(name)}: expected one")
    return _object(matches[0].get(field) or {}, field)


def _pod(document: dict[str, object]) -> PodSeen:
    metadata, spec = _metadata(document), _object(document.get("spec"), "its spec")
    status = _object(document.get("status"), "its status")
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


def _address(item: object) -> str:
    """A pod's address; empty when it has none yet, and for text that is not an address."""
    try:
        return str(ip_address(item)) if isinstance(item, str) else ""
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
    reason = f"{excerpt(end['reason'])[1:-1]}, " if end.get("reason") else ""
    at = end.get("finishedAt")
    when = f" at {at}" if isinstance(at, str) and _TIME.fullmatch(at) else ""
    code = end.get("exitCode")
    return f"{reason}exit {code if isinstance(code, int) else 'unknown'}{when}"


def _not_running(state: dict[str, object]) -> str:
    for word in ("waiting", "terminated"):
        if word in state:
            reason = _object(state[word] or {}, word).get("reason")
            return f"is {word}" + (f" ({excerpt(reason)[1:-1]})" if reason else "")
    return "has no state"


def _owner(metadata: dict[str, object]) -> tuple[str, str, str] | None:
    rows = [_object(row, "an owner") for row in _list(metadata.get("ownerReferences") or [], "owners")]
    controllers = [row for row in rows if row.get("controller") is True]
    if not controllers:
        return None
    kind, name, uid = (_text(controllers[0].get(field), _PLAIN) for field in ("kind", "name", "uid"))
    return kind, name, uid


def _metadata(document: dict[str, object]) -> dict[str, object]:
    return _object(document.get("metadata"), "its metadata")


def _object(item: object, what: str) -> dict[str, object]:
    if not isinstance(item, dict):
        raise ForeignTextError(f"{what} is no object: expected one of the Kubernetes API")
    return item


def _list(item: object, what: str) -> list[object]:
    if not isinstance(item, list):
        raise ForeignTextError(f"{what} is no list: expected one of the Kubernetes API")
    return item


def _text(item: object, form: re.Pattern[str]) -> str:
    if not isinstance(item, str) or not form.fullmatch(item):
        kind = ForeignNameError if form is _LABEL else ForeignTextError  # containers are named on a command line
        raise kind(f"the cluster says {excerpt(item)}: expected a name in the form that Kubernetes allows")
    return item


def _subdomain(item: object) -> str:
    """A DNS-1123 subdomain: the form of names of pods and nodes, which can't begin with ``-``."""
    if not isinstance(item, str) or len(item) > _NAME_CHARS or not all(map(_LABEL.fullmatch, item.split("."))):
        raise ForeignNameError(f"the cluster says {excerpt(item)}: expected a DNS-1123 name")
    return item


_WORD_CHARS: Final = 128  # of a reason, Kubernetes' own cap
_EVENT_NAME_CHARS: Final = 320
_MESSAGE_CHARS: Final = 1024  # Kubernetes' own cap of a note


def parse_events(data: bytes) -> tuple[tuple[KubeEvent, ...], bool]:
    """The events of a list, oldest first, and whether there are more; `ForeignTextError` when it is no such list."""
    document = as_object(loads(data, cap=limits.KUBE_JSON_BYTES), "The list of events")
    if document.get("kind") != "EventList":
        raise ForeignTextError(f"the answer is of kind {excerpt(document.get('kind'))}: expected EventList")
    items = document.get("items") or []
    if not isinstance(items, list):
        raise ForeignTextError("the list of events has no items: expected a list of them")
    events = sorted((_event(as_object(item, "An event")) for item in items), key=_age)
    more = bool(_part(document, "metadata").get("continue"))
    return tuple(events[-limits.KUBE_EVENTS :]), more or len(events) > limits.KUBE_EVENTS


def _event(document: dict[str, object]) -> KubeEvent:
    series, of = _part(document, "series"), _part(document, "involvedObject")
    count = series.get("count") or document.get("count") or 1
    at = _time(document.get("eventTime"))
    return KubeEvent(
        involved=_event_text(f"{of.get('kind')}/{of.get('name')}", _EVENT_NAME_CHARS),
        type=_event_text(document.get("type"), _WORD_CHARS),
        reason=_event_text(document.get("reason"), _WORD_CHARS),
        count=count if isinstance(count, int) and not isinstance(count, bool) and 0 < count < 2**31 else 1,
        first=_time(document.get("firstTimestamp")) or at,
        last=_time(series.get("lastObservedTime")) or _time(document.get("lastTimestamp")) or at,
        message=_event_text(document.get("message"), _MESSAGE_CHARS),
    )


def _age(event: KubeEvent) -> tuple[str, str, str, str]:
    return event.last or "", event.involved, event.reason, event.message


def _part(document: dict[str, object], name: str) -> dict[str, object]:
    part = document.get(name)
    return part if isinstance(part, dict) else {}


def _time(item: object) -> str | None:
    return item if isinstance(item, str) and _TIME.fullmatch(item) else None


def _event_text(item: object, cap: int) -> str:
    return foreign_excerpt(item, cap) if isinstance(item, str) else ""


_VERSION: Final = re.compile(r"v[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}[0-9A-Za-z.+_-]{0,80}")
_DATE: Final = re.compile(
    rb"^[^\n]{0,200}?\bDate: ([A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT)\s*$", re.MULTILINE
)


def parse_review(data: bytes) -> bool:
    """Whether the asked right is granted; `ForeignTextError` when that was not decided.

    A refusal that comes with an ``evaluationError`` is no decision: an authorizer could not be asked.
    """
    what = "The access review"
    review = as_object(loads(data, cap=limits.ANSWER_BODY_BYTES, what=what), what)
    if review.get("kind") != "SelfSubjectAccessReview":
        raise ForeignTextError(f"{what} is of kind {excerpt(review.get('kind'))}: expected SelfSubjectAccessReview.")
    status = as_object(review.get("status"), f"{what}'s status")
    allowed = as_flag(status.get("allowed"), f"{what}'s allowed")
    if not allowed and status.get("evaluationError"):
        raise ForeignTextError(f"{what} was not decided: {excerpt(status['evaluationError'])}.")
    return allowed


def parse_client_version(data: bytes) -> str:
    """The version of kubectl itself, such as ``v1.35.2``; `ForeignTextError` for anything else."""
    what = "kubectl's version"
    text = as_object(loads(data, cap=limits.ANSWER_BODY_BYTES, what=what), what)
    return _version(as_object(text.get("clientVersion"), f"{what}'s clientVersion"), what)


def parse_server_version(data: bytes) -> str:
    """The API server's version; `ForeignTextError` for anything else."""
    what = "The API server's version"
    return _version(as_object(loads(data, cap=limits.ANSWER_BODY_BYTES, what=what), what), what)


def response_date(stderr: bytes) -> str | None:
    """The ``Date`` header of the last answer that kubectl printed at ``-v=8``; None when there is none.

    Nothing but a date is taken: at that level kubectl prints the headers of its requests too.
    """
    dates = _DATE.findall(stderr)
    return dates[-1].decode("ascii") if dates else None


def _version(text: dict[str, object], what: str) -> str:
    version = as_text(text.get("gitVersion"), f"{what}'s gitVersion")
    if not _VERSION.fullmatch(version):
        raise ForeignTextError(f"{what} is {excerpt(version)}: expected v<major>.<minor>.<patch>.")
    return version
