"""A canary to each replica: which way it takes, what counts as Attic's answer, and what is said where none came."""

from dataclasses import replace
from typing import cast

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from gate.clock import SystemClock
from gate.errors import InconclusiveError
from gate.model.basics import Phase
from gate.model.captures import ReplicaCanaries, ReplicaCanary
from gate.model.kube import ContainerSeen, PodSeen
from gate.model.parsed import KubectlLocator
from gate.observe.kubectl import Kubectl
from gate.observe.replica_canary import Asking, send_to_replicas
from gate.process import CancelToken

PLACE = "kubectl://nix-cache/deployment/attic?container=attic"
ATTIC = b'{"code":500,"error":"InvalidStorePathHash","message":"Error from the common components."}'


class Cluster:
    """A kubectl that knows these pods, and what each of them answers through the API server."""

    clock = SystemClock()

    def __init__(self, *pods: PodSeen, trouble: str = "", **answers: str) -> None:
        self._pods, self._trouble, self._answers = pods, trouble, answers
        self.asked: list[tuple[str, int, str]] = []
        self.since: list[float | None] = []

    def pods(self, place: KubectlLocator, *, since: float | None) -> tuple[PodSeen, ...]:
        self.since.append(since)
        if self._trouble:
            raise InconclusiveError(self._trouble)
        return self._pods

    def ask_pod(self, namespace: str, pod: str, port: int, path: str) -> None:
        self.asked.append((pod, port, path))
        why = self._answers.get(pod.replace("-", "_"), "")
        if why:
            raise InconclusiveError(why)


def pod(
    name: str, *, address: str = "", ports: tuple[tuple[str, int], ...] = (("", 8080),), runs: bool = True
) -> PodSeen:
    container = ContainerSeen(
        name="attic",
        restarts=0,
        image_id="i",
        started="2026-11-24T00:00:00Z" if runs else None,
        trouble="" if runs else "is waiting (CrashLoopBackOff)",
        ports=ports,
    )
    return PodSeen(
        name=name,
        uid=f"uid-{name}",
        node="n",
        ended=False,
        owner=None,
        default_container=None,
        containers=(container,),
        address=address,
    )


def asking(*, inside: bool = False, endpoint: str = "https://cache.example.org") -> Asking:
    return Asking(endpoint=endpoint, cache="main", nonce="ab12", inside=inside, cancel=CancelToken(), since=7.0)


def send(cluster: Cluster, place: str = PLACE, how: Asking | None = None) -> ReplicaCanaries:
    sent = send_to_replicas(place, how or asking(), phase=Phase.PRE, kubectl=cast("Kubectl", cluster))
    assert sent is not None
    assert (sent.phase, sent.place) == (Phase.PRE, place)
    return sent


def at(server: HTTPServer) -> tuple[tuple[str, int], ...]:
    return (("", server.port),)


def test_through_the_api_server_each_replica_gets_a_nonce_of_its_own() -> None:
    cluster = Cluster(pod("a-1"), pod("a-2"))
    rows = send(cluster).replicas
    assert [(row.pod, row.uid, row.nonce, row.route, row.answered, row.error) for row in rows] == [
        ("a-1", "uid-a-1", "gate-canary-pre-r1zab12", "proxy", True, ""),
        ("a-2", "uid-a-2", "gate-canary-pre-r2zab12", "proxy", True, ""),
    ]
    assert all(row.answered_at for row in rows)
    assert sorted(cluster.asked) == [
        ("a-1", 8080, "main/gate-canary-pre-r1zab12.narinfo"),
        ("a-2", 8080, "main/gate-canary-pre-r2zab12.narinfo"),
    ]
    assert cluster.since == [7.0]


def test_no_nonce_is_a_part_of_another() -> None:
    nonces = [row.nonce for row in send(Cluster(*(pod(f"a-{number}") for number in range(1, 13)))).replicas]
    nonces.append("gate-canary-pre-ab12")  # the endpoint's
    assert not [(one, two) for one in nonces for two in nonces if one != two and one in two]


def test_the_only_replica_is_sent_none() -> None:
    cluster = Cluster(pod("a-1"))
    assert send(cluster).replicas == (ReplicaCanary(pod="a-1", uid="uid-a-1"),)
    assert cluster.asked == []


def test_inside_the_cluster_a_pod_is_asked_by_its_address_and_without_any_token(httpserver: HTTPServer) -> None:
    observation: list[Request] = []

    def answer(request: Request) -> Response:
        observation.append(request)
        return Response(ATTIC, 500, content_type="application/json")

    httpserver.expect_request("/main/gate-canary-pre-r1zab12.narinfo").respond_with_handler(answer)
    cluster = Cluster(pod("a-1", address="127.0.0.1", ports=at(httpserver)), pod("a-2", runs=False))
    one, two = send(cluster, how=asking(inside=True, endpoint="http://cache.example.org:8080/")).replicas
    assert (one.route, one.answered, one.error) == ("address", True, "")
    assert (two.route, two.answered, two.error) == (None, False, "attic is waiting (CrashLoopBackOff)")
    (request,) = observation
    assert request.headers["Host"] == "cache.example.org:8080"
    assert "Authorization" not in request.headers
    assert "Cookie" not in request.headers
    assert cluster.asked == []


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, b"StorePath: x", "HTTP 200, and not Attic's word"),
        (500, b"<html>oops</html>", "HTTP 500, and not Attic's word"),
        (503, ATTIC, "HTTP 503, and not Attic's word"),
        (400, b'{"code":400,"error":"RequestError","message":"Bad Host"}', "HTTP 400, and not Attic's word"),
    ],
)
def test_what_is_not_attics_answer_is_none(httpserver: HTTPServer, status: int, body: bytes, told: str) -> None:
    httpserver.expect_request("/main/gate-canary-pre-r1zab12.narinfo").respond_with_data(body, status)
    cluster = Cluster(
        pod("a-1", address="127.0.0.1", ports=at(httpserver)), pod("a-2"), a_1="a GET of port 1: forbidden"
    )
    row = send(cluster, how=asking(inside=True)).replicas[0]
    assert (row.route, row.answered, row.answered_at) == (None, False, None)
    assert row.error.startswith(f"by its address: {told}")
    assert row.error.endswith("; through the API server: a GET of port 1: forbidden")


def test_a_dead_address_leads_through_the_api_server(httpserver: HTTPServer) -> None:
    free = pod("a-1", address="127.0.0.1", ports=(("", 1),))
    row = send(Cluster(free, pod("a-2")), how=asking(inside=True)).replicas[0]
    assert (row.route, row.answered, row.error) == ("proxy", True, "")


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "::ffff:127.0.0.1", "0.0.0.0", ""])  # noqa: S104  # no bind
def test_an_address_that_no_pod_has_is_not_asked(address: str) -> None:
    cluster = Cluster(pod("a-1", address=address), pod("a-2", address=address))
    assert [row.route for row in send(cluster, how=asking(inside=True)).replicas] == ["proxy", "proxy"]


def test_outside_the_cluster_no_address_is_asked(httpserver: HTTPServer) -> None:
    cluster = Cluster(pod("a-1", address="127.0.0.1", ports=at(httpserver)), pod("a-2"))
    assert send(cluster).replicas[0].route == "proxy"
    assert httpserver.log == []


@pytest.mark.parametrize(
    ("ports", "place", "asked", "told"),
    [
        ((("", 8080),), PLACE, 8080, ""),
        ((("metrics", 9090), ("http", 8080)), PLACE, 8080, ""),
        ((("metrics", 9090), ("web", 8080)), PLACE, None, "attic declares 2 TCP ports: expected one, one named http"),
        ((), PLACE, None, "attic declares 0 TCP ports"),
        ((), f"{PLACE}&port=8081", 8081, ""),
    ],
)
def test_the_port(ports: tuple[tuple[str, int], ...], place: str, asked: int | None, told: str) -> None:
    cluster = Cluster(pod("a-1", ports=ports), pod("a-2", ports=ports))
    rows = send(cluster, place).replicas
    assert all(row.error.startswith(told) for row in rows)
    assert [row.answered for row in rows] == [asked is not None] * 2
    assert [port for _, port, _ in cluster.asked] == ([] if asked is None else [asked] * 2)


def test_pods_that_could_not_be_told_are_said() -> None:
    sent = send(Cluster(trouble="the pods of nix-cache/attic: forbidden"))
    assert (sent.replicas, sent.error) == ((), "the pods of nix-cache/attic: forbidden")
    assert send(Cluster()).replicas == ()


@pytest.mark.parametrize("place", ["", "file:///var/log/atticd.log", "nonsense"])
def test_a_place_in_no_cluster_has_no_replicas(place: str) -> None:
    for kubectl in (cast("Kubectl", Cluster()), None):
        assert send_to_replicas(place, asking(), phase=Phase.POST, kubectl=kubectl) is None
    assert send_to_replicas(PLACE, replace(asking(), inside=True), phase=Phase.POST, kubectl=None) is None
