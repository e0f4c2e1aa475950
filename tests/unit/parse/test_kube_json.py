import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate import limits
from gate.errors import ForeignTextError
from gate.model.kube import ContainerSeen, KubeContext, PodSeen, Selected
from gate.parse.kubernetes import parse_kubeconfig, parse_pod, parse_pods, parse_workload

IMAGE = "docker.io/rustfs/rustfs@sha256:" + "a" * 64


def pod(**changes: Any) -> Any:
    result: Any = {
        "kind": "Pod",
        "metadata": {
            "name": "rustfs-0",
            "uid": "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
            "ownerReferences": [
                {"kind": "Node", "name": "n", "uid": "u"},
                {"kind": "StatefulSet", "name": "rustfs", "uid": "set-uid", "controller": True},
            ],
        },
        "spec": {"nodeName": "node-1.lab", "containers": [{"name": "rustfs"}, {"name": "sidecar"}]},
        "status": {
            "phase": "Running",
            "containerStatuses": [
                {
                    "name": "rustfs",
                    "restartCount": 2,
                    "imageID": IMAGE,
                    "state": {"running": {"startedAt": "2026-11-24T00:00:00Z"}},
                },
                {
                    "name": "sidecar",
                    "restartCount": 9,
                    "imageID": "",
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                },
            ],
        },
    }
    for path, value in changes.items():
        *parents, last = path.split("__")
        at: Any = result
        for part in parents:
            at = at[int(part) if isinstance(at, list) else part]
        at[int(last) if isinstance(at, list) else last] = value
    return result


def pods(*items: dict[str, Any], **metadata: Any) -> bytes:
    return json.dumps({"kind": "PodList", "metadata": metadata, "items": list(items)}).encode()


def read(made: dict[str, Any]) -> PodSeen:
    return parse_pod(json.dumps(made).encode())


def test_a_pod() -> None:
    assert read(pod()) == PodSeen(
        name="rustfs-0",
        uid="1b4e28ba-2fa1-11d2-883f-0016d3cca427",
        node="node-1.lab",
        ended=False,
        owner=("StatefulSet", "rustfs", "set-uid"),
        default_container=None,
        containers=(
            ContainerSeen(name="rustfs", restarts=2, image_id=IMAGE, started="2026-11-24T00:00:00Z"),
            ContainerSeen(
                name="sidecar", restarts=9, image_id="", started=None, trouble="is waiting (CrashLoopBackOff)"
            ),
        ),
    )


@pytest.mark.parametrize(
    ("state", "trouble"),
    [
        ({"waiting": {}}, "is waiting"),
        ({"waiting": None}, "is waiting"),
        ({"terminated": {"reason": "OOM\nKilled"}}, r"is terminated (OOM\nKilled)"),
        ({}, "has no state"),
        (None, "has no state"),
    ],
)
def test_a_container_that_does_not_run(state: Any, trouble: str) -> None:
    observation = read(pod(status__containerStatuses__0__state=state))
    assert (observation.containers[0].started, observation.containers[0].trouble) == (None, trouble)


def test_a_pod_that_was_not_placed_yet() -> None:
    result = pod(spec__nodeName=None, metadata__ownerReferences=None, status={"phase": "Pending"})
    observation = read(result)
    assert (observation.node, observation.owner, observation.ended) == ("", None, False)
    assert [each.trouble for each in observation.containers] == ["has no status yet"] * 2


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_ended(phase: str) -> None:
    assert read(pod(status__phase=phase)).ended


@pytest.mark.parametrize(("said", "expected"), [("sidecar", "sidecar"), ("other", None), (7, None)])
def test_the_default_container(said: object, expected: str | None) -> None:
    result = pod(metadata__annotations={"kubectl.kubernetes.io/default-container": said})
    assert read(result).default_container == expected


def test_an_owner_that_is_no_controller() -> None:
    assert read(pod(metadata__ownerReferences=[{"kind": "Node", "name": "n", "uid": "u"}])).owner is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "Status"}, "of kind 'Status': expected Pod"),
        ({"metadata": []}, "its metadata is no object"),
        ({"metadata__name": "--help"}, "says '--help': expected a DNS-1123 name"),
        ({"metadata__name": "a;touch pwned"}, "says 'a;touch pwned'"),
        ({"metadata__name": "a b"}, "expected a DNS-1123 name"),
        ({"metadata__name": "a\n"}, "expected a DNS-1123 name"),
        ({"metadata__name": "A"}, "expected a DNS-1123 name"),
        ({"metadata__name": ""}, "expected a DNS-1123 name"),
        ({"metadata__name": "a" * 254}, "expected a DNS-1123 name"),
        ({"metadata__name": None}, "expected a DNS-1123 name"),
        ({"metadata__uid": ""}, "says '': expected a name in the form"),
        ({"metadata__uid": "a b"}, "says 'a b'"),
        ({"metadata__ownerReferences__1__uid": 7}, "says '7'"),
        ({"spec": None}, "its spec is no object"),
        ({"spec__nodeName": "-n"}, "says '-n'"),
        ({"spec__containers": None}, "containers is no list"),
        ({"spec__containers__0": 7}, "a container is no object"),
        ({"spec__containers__0__name": "--kubeconfig=x"}, "says '--kubeconfig=x'"),
        ({"status__containerStatuses__0__restartCount": "2"}, "restartCount is a string"),
        ({"status__containerStatuses__0__imageID": "a b"}, "says 'a b'"),
        ({"status__containerStatuses__0__state": {"running": {"startedAt": "yesterday"}}}, "says 'yesterday'"),
    ],
)
def test_what_is_no_pod(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ForeignTextError, match=message):
        read(pod(**changes))


def test_pods_come_by_name() -> None:
    assert [each.name for each in parse_pods(pods(pod(metadata__name="b"), pod(metadata__name="a")))] == ["a", "b"]
    assert parse_pods(pods()) == ()
    assert parse_pods(b'{"kind":"PodList","metadata":{},"items":null}') == ()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not JSON"),
        (b"[]", "the list of pods is no object"),
        (b'{"kind":"List","metadata":{}}', "of kind 'List': expected PodList"),
        (pods(pod(), **{"continue": "token"}), "is one page of several"),
        (pods(pod(), pod()), "two pods of the list have one name"),
        (b'{"kind":"PodList","metadata":{},"items":{"a":1}}', "items is no list"),
        (
            pods(*(pod(metadata__name=f"p{n}") for n in range(limits.REPLICAS + 1))),
            "has 101 pods: expected at most 100",
        ),
    ],
)
def test_what_is_no_list(data: bytes, message: str) -> None:
    with pytest.raises(ForeignTextError, match=message):
        parse_pods(data)


# ------------------------------------------------------------------------------------------------------------ workloads


def workload(selector: object) -> bytes:
    return json.dumps({"kind": "Deployment", "metadata": {"uid": "u1"}, "spec": {"selector": selector}}).encode()


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({"matchLabels": {"app.kubernetes.io/name": "attic", "tier": ""}}, "app.kubernetes.io/name=attic,tier="),
        (
            {
                "matchLabels": {"app": "attic"},
                "matchExpressions": [
                    {"key": "tier", "operator": "In", "values": ["a", "b"]},
                    {"key": "tier", "operator": "NotIn", "values": ["c"]},
                    {"key": "x", "operator": "Exists"},
                    {"key": "y", "operator": "DoesNotExist"},
                ],
            },
            "app=attic,tier in (a,b),tier notin (c),x,!y",
        ),
    ],
)
def test_a_selector(selector: object, expected: str) -> None:
    assert parse_workload(workload(selector)) == Selected(uid="u1", selector=expected)


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ({}, "selector is empty"),
        (None, "its selector is no object"),
        ({"matchLabels": {"a": "b,c"}}, "says 'b,c'"),
        ({"matchLabels": {"a": 7}}, "says '7'"),
        ({"matchLabels": {"-a": "b"}}, "says '-a'"),
        ({"matchLabels": []}, "matchLabels is no object"),
        ({"matchExpressions": {}}, "matchExpressions is no list"),
        ({"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]}, "operator 'Gt'"),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["(x)"]}]}, r"says '\(x\)'"),
    ],
)
def test_what_is_no_selector(selector: object, message: str) -> None:
    with pytest.raises(ForeignTextError, match=message):
        parse_workload(workload(selector))


# ----------------------------------------------------------------------------------------------------------- kubeconfig


def config(**changes: Any) -> dict[str, Any]:
    result = {
        "current-context": "other",
        "contexts": [
            {"name": "lab", "context": {"cluster": "c", "user": "u"}},
            {"name": "other", "context": {"cluster": "c2"}},
        ],
        "clusters": [
            {"name": "c", "cluster": {"server": "https://kube.lab:6443"}},
            {"name": "c2", "cluster": {"server": "https://other:6443", "insecure-skip-tls-verify": True}},
        ],
        "users": [{"name": "u", "user": {"token": "REDACTED"}}],
    }
    return {**result, **changes}


def kubeconfig(made: dict[str, Any], context: str = "lab") -> KubeContext | None:
    return parse_kubeconfig(json.dumps(made).encode(), context)


def test_the_context_in_use() -> None:
    assert kubeconfig(config()) == KubeContext(name="lab", server="https://kube.lab:6443", insecure=False, plugin=None)
    assert kubeconfig(config(), "") == KubeContext(
        name="other", server="https://other:6443", insecure=True, plugin=None
    )


@pytest.mark.parametrize(
    ("user", "plugin"),
    [({"exec": {"command": "aws"}}, "aws"), ({"auth-provider": {"name": "gcp"}}, "auth-provider"), ({}, None)],
)
def test_a_credential_plugin(user: dict[str, Any], plugin: str | None) -> None:
    result = kubeconfig(config(users=[{"name": "u", "user": user}]))
    assert result is not None
    assert result.plugin == plugin


def test_an_empty_kubeconfig_is_the_service_account() -> None:
    empty = {"contexts": None, "clusters": None, "users": None, "current-context": ""}
    assert kubeconfig(empty, "") is None
    with pytest.raises(ForeignTextError, match="has 0 contexts of the name 'lab'"):
        kubeconfig(empty)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"contexts": config()["contexts"][:1] * 2}, "has 2 contexts of the name 'lab'"),
        ({"contexts": config()["contexts"][1:]}, "has 0 contexts of the name 'lab'"),
        ({"clusters": []}, "has 0 clusters of the name 'c'"),
        ({"users": None}, "has 0 users of the name 'u'"),
        ({"contexts": 7}, "contexts is no list"),
        ({"clusters": [7]}, "clusters is no object"),
        ({"users": [{"name": "u", "user": {"exec": 7}}]}, "exec is no object"),
    ],
)
def test_what_is_no_kubeconfig(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ForeignTextError, match=message):
        kubeconfig(config(**changes))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["kind", "metadata", "spec", "status", "items", "name", "uid"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=150)
@given(JSON)
def test_any_json_is_read_or_foreign(made: object) -> None:
    data = json.dumps(made).encode()
    for parse in (parse_pod, parse_pods, parse_workload, lambda text: parse_kubeconfig(text, "x")):
        try:
            parse(data)
        except ForeignTextError:
            continue
        assert isinstance(made, dict)


@pytest.mark.parametrize(
    ("last", "ended"),
    [
        (None, ""),
        ({}, ""),
        ({"waiting": {}}, ""),
        (
            {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-11-24T00:00:00Z"}},
            "OOMKilled, exit 137 at 2026-11-24T00:00:00Z",
        ),
        ({"terminated": {"reason": "a\nb", "exitCode": None, "finishedAt": "now"}}, r"a\nb, exit unknown"),
        ({"terminated": {}}, "exit unknown"),
    ],
)
def test_how_the_run_before_ended(last: Any, ended: str) -> None:
    assert read(pod(status__containerStatuses__0__lastState=last)).containers[0].ended == ended


def test_the_address_of_a_pod_and_the_tcp_ports_that_its_containers_declare() -> None:
    result = pod(
        status__podIP="10.42.0.7",
        spec__containers__0__ports=[
            {"containerPort": 8080, "name": "http"},
            {"containerPort": 9090, "protocol": "TCP"},
            {"containerPort": 53, "protocol": "UDP"},
            {"containerPort": 0},
            {"containerPort": 65536},
            {"containerPort": "8081"},
            {"containerPort": 8082, "name": "Not A Name"},
            "nonsense",
        ],
    )
    observation = read(result)
    assert observation.address == "10.42.0.7"
    assert observation.containers[0].ports == (("http", 8080), ("", 9090), ("", 8082))
    assert observation.containers[1].ports == ()
    result["status"]["containerStatuses"] = []
    assert read(result).containers[0].ports == observation.containers[0].ports


@pytest.mark.parametrize(
    ("told", "address"),
    [("fd00::7", "fd00::7"), ("", ""), (None, ""), ("10.0.0.1:80", ""), ("evil.example", ""), (7, "")],
)
def test_what_is_no_address_is_none(told: Any, address: str) -> None:
    assert read(pod(status__podIP=told)).address == address
