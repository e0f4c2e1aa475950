"""`gate.parse.kubernetes`: every name that may come to stand in a command has the form of one; no secret is quoted."""

import json
import re
from base64 import b64encode

from fuzz.contract import tried
from fuzz.target import Target
from gate import limits
from gate.errors import ForeignTextError
from gate.model.kube import PodSeen
from gate.parse.kubernetes import (
    COMPLAINT_CHARS,
    complaint,
    parse_client_version,
    parse_events,
    parse_kubeconfig,
    parse_pod,
    parse_pods,
    parse_review,
    parse_secret,
    parse_server_version,
    parse_workload,
    response_date,
)

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_CANARY = b64encode(b"canary-of-a-secret").decode()


def check(data: bytes) -> None:
    """Any answer."""
    workload = tried(parse_workload, data)
    if workload is not None:
        assert workload.selector
        assert workload.selector.isascii(), workload.selector
        assert workload.uid.isprintable()
    one, many = tried(parse_pod, data), tried(parse_pods, data)
    for pod in (*([one] if one else []), *(many or ())):
        _check_pod(pod)
    assert many is None or len({pod.name for pod in many}) == len(many) <= limits.REPLICAS
    for context in ("", "lab"):
        tried(parse_kubeconfig, data, context)
    _check_secret(data)
    events = tried(parse_events, data)
    assert events is None or len(events[0]) <= limits.KUBE_EVENTS
    assert tried(parse_review, data) in (None, True, False)
    for version in (tried(parse_client_version, data), tried(parse_server_version, data), response_date(data)):
        assert version is None or (version.isascii() and version.isprintable())
    sentence = complaint(data)
    assert sentence.isascii()
    assert sentence.isprintable()
    assert len(sentence) <= COMPLAINT_CHARS


def _check_pod(pod: PodSeen) -> None:
    assert _NAME.fullmatch(pod.name), pod.name
    for container in pod.containers:
        assert _NAME.fullmatch(container.name), container.name
        assert container.restarts >= 0
    assert pod.default_container in (None, *(container.name for container in pod.containers))


def _check_secret(data: bytes) -> None:
    try:
        secret = parse_secret(data, "K")
    except ForeignTextError as error:
        assert error.__context__ is None, "an error that quotes the answer comes along"
        assert _CANARY[:8] not in str(error)
        assert "canary" not in str(error)
        return
    assert secret.reveal().strip() == secret.reveal() != ""
    assert len(secret.reveal().encode()) <= limits.SIGNING_SECRET_BYTES
    assert secret.reveal() not in repr(secret) or len(secret.reveal()) < 4


def seeds() -> list[bytes]:
    """An answer of each kind."""
    metadata = {"name": "attic-0", "namespace": "nix-cache", "uid": "u-1"}
    status = {
        "phase": "Running",
        "containerStatuses": [
            {
                "name": "attic",
                "restartCount": 1,
                "imageID": "app@sha256:0",
                "state": {"running": {"startedAt": "2026-11-24T00:00:00Z"}},
            }
        ],
    }
    owner = {"kind": "StatefulSet", "name": "attic", "uid": "u", "controller": True}
    pod = {
        "kind": "Pod",
        "metadata": {**metadata, "ownerReferences": [owner]},
        "spec": {"nodeName": "n", "containers": [{"name": "attic"}]},
        "status": status,
    }
    selector = {"matchLabels": {"app": "x"}, "matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}
    config = {
        "current-context": "lab",
        "contexts": [{"name": "lab", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://k.example"}}],
        "users": [{"name": "u", "user": {"exec": {"command": "/bin/login"}}}],
    }
    event = {
        "involvedObject": {"kind": "Pod", "name": "attic-0"},
        "type": "Warning",
        "reason": "BackOff",
        "message": "m",
        "count": 2,
        "lastTimestamp": "2026-11-24T00:00:00Z",
    }
    documents = [
        pod,
        {"kind": "PodList", "metadata": {}, "items": [pod]},
        {"kind": "StatefulSet", "metadata": metadata, "spec": {"selector": selector}},
        config,
        {"kind": "Secret", "metadata": metadata, "data": {"K": _CANARY}},
        {"kind": "Secret", "data": {"K": _CANARY + "!"}},
        {"kind": "EventList", "metadata": {}, "items": [event]},
        {"kind": "SelfSubjectAccessReview", "status": {"allowed": True}},
        {"clientVersion": {"gitVersion": "v1.35.2"}, "gitVersion": "v1.34.1+k3s1"},
    ]
    trouble = b'E1124 klog\nError from server (Forbidden): pods "x" is forbidden\nAuthorization: Bearer eyJhbGciOi.x\n'
    headers = b"I1124 round_trippers.go] Response Headers:\nI1124     Date: Tue, 24 Nov 2026 00:00:00 GMT\n"
    return [*(json.dumps(each).encode() for each in documents), trouble, headers]


TARGET = Target(
    check,
    seeds,
    parsers=("kubernetes",),
    words=(b'"kind":"Pod"', b'"metadata":{', b'"name":"', b'"data":{"K":"', b'"items":[', b'"running":{"startedAt":"'),
)
