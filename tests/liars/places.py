"""Lies about who is asked: a name that leads elsewhere, and a cluster that says what is not so."""

from collections.abc import Callable, Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gate.lab.s3 import RcloneStore
from gate.lab.stack import BUCKETS, STATE_BUCKET, STATE_KEY
from gate.model.basics import VerdictWord
from tests.helpers.kube_api import NAMESPACE, Exec, KubeApi, running
from tests.helpers.kubectl_tool import real_kubectl
from tests.liars.attic import AtticLiar
from tests.liars.lie import Liar, Lie, Party
from tests.liars.proxy import Answer, Forward, Request
from tests.liars.s3 import NOT_MINE, S3Liar

if TYPE_CHECKING:
    from gate.lab.stack import Stack


# --- names and addresses


class OtherStore(S3Liar):
    """The store's name leads to another store with buckets of the same names, from the moment that `moment` names."""

    moment = ""  # a stage; from the beginning when empty
    lose = False  # the first store loses the state's bucket at that moment

    def arrange(self, stack: "Stack", folder: Path) -> None:
        super().arrange(stack, folder)
        first = stack.store
        assert isinstance(first, RcloneStore)
        self.other = RcloneStore(folder / "other", stack.nix.environ)
        self.other.objects = type(first.objects)(
            "", first.objects.region, first.objects.access_key_id, first.objects.secret_access_key
        )
        self.other._key = first.objects.access_key_id.reveal()
        self.other._secret = first.objects.secret_access_key.reveal()
        self.other.start()
        for bucket in BUCKETS:
            self.other.add_bucket(bucket)
        self.other.objects.put(STATE_BUCKET, STATE_KEY, first.objects.get(STATE_BUCKET, STATE_KEY))
        if not self.moment:
            self._turn()

    def _turn(self) -> None:
        host, port = self.other.objects.address.split(":")
        self.front.target = (host, int(port))
        self.turned = True

    def stage(self, name: str) -> None:
        super().stage(name)
        if self.moment and name == self.moment:
            if self.lose:
                self.stack.store.lose(STATE_BUCKET)
            self._turn()

    def lie(self, request: Request, forward: Forward) -> Answer | None:
        self.count += hasattr(self, "turned")
        return NOT_MINE

    def end(self) -> None:
        super().end()
        if hasattr(self, "other"):
            self.other.stop()


class OtherStoreAfter(OtherStore):
    moment = "post"
    lose = True


class OtherStoreDenies(OtherStoreAfter):
    """The other store denies HeadObject, as one does whose key lacks s3:GetObject."""

    def lie(self, request: Request, forward: Forward) -> Answer | None:
        if hasattr(self, "turned") and request.method == "HEAD" and request.place.endswith(".chunk"):
            return Answer(403)
        return super().lie(request, forward)


class WrongServer(AtticLiar):
    """The cache's name leads to a server of another kind when bodies are read."""

    def lie(self, request: Request, forward: Forward) -> Answer | None:
        if not self.stage_name.startswith("read:") or request.method != "GET":
            return NOT_MINE
        return Answer(404, (("Content-Type", "text/html"),), b"<h1>Not Found</h1>")


class LeadsToStoreItself(S3Liar):
    """The store's name leads to a captive portal while the profile is pushed."""

    def lie(self, request: Request, forward: Forward) -> Answer | None:
        if self.stage_name != "push:profile":
            return NOT_MINE
        return Answer(200, (("Content-Type", "text/html"),), b"<html>Sign in</html>")


# --- the cluster


def serves(endpoint: str) -> Callable[[int, str], tuple[int, str, bytes]]:
    """What a replica answers to what comes through the API server: the lab's own server does, without any token."""

    def answer(port: int, path: str) -> tuple[int, str, bytes]:
        connection = HTTPConnection(urlsplit(endpoint).netloc, timeout=60)
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.headers["Content-Type"], response.read()

    return answer


class ClusterLiar(Liar):
    """The lab's servers seen through a cluster of one store and two caches; subclasses change what the cluster says."""

    def before_start(self, stack: "Stack") -> None:
        self.api = KubeApi()
        self.stage_name = ""

    def arrange(self, stack: "Stack", folder: Path) -> None:
        self.stack, self.folder = stack, folder
        self.api.add("statefulset", "rustfs", 1, "rustfs")
        self.api.log("rustfs-0", '{"level":"INFO","fields":{"message":"started"}}', "rustfs", ago=60)
        changes = {"ports": [{"containerPort": 8080}], "serves": serves(stack.attic.endpoint)}
        for pod in self.api.add("deployment", "attic", 2, "attic", **changes):
            self.api.followed[pod.name, "attic"] = stack.attic.log
        self.lie_before()

    def settings(self) -> Mapping[str, Any]:
        return {
            "markers": (f"kubectl://{NAMESPACE}/statefulset/rustfs?container=rustfs&path={self.stack.store.data}",),
            "store_workload": f"kubectl://{NAMESPACE}/statefulset/rustfs?container=rustfs",
            "cache_workload": f"kubectl://{NAMESPACE}/deployment/attic?container=attic",
            "server_log": f"kubectl://{NAMESPACE}/deployment/attic?container=attic",
            "kubectl_bin": str(real_kubectl()),
            "kube_context": "lab",
            "kube_server": self.api.url,
        }

    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        return {**environ, "KUBECONFIG": str(self.api.kubeconfig(self.folder))}

    def stage(self, name: str) -> None:
        self.stage_name = name
        if name == "post":
            self.lie_after()

    def lie_before(self) -> None:
        """What the cluster says wrongly from the beginning."""

    def lie_after(self) -> None:
        """What it says wrongly after the publication."""

    def end(self) -> None:
        self.api.close()


class ClusterTruth(ClusterLiar):
    """No lie: the same cluster, to show that a healthy run of it passes."""

    def lie_before(self) -> None:
        self.count += 1


class SentenceForLog(ClusterLiar):
    """The kubelet answers 200 with one sentence in the place of the log (kubernetes#142258)."""

    def lie_before(self) -> None:
        sentence = self.folder / "sentence"
        sentence.write_text('unable to retrieve container logs for containerd://7f3a"\n', encoding="ascii")
        for key in list(self.api.followed):
            self.api.followed[key] = sentence
        self.count += 1


class LogOfAnother(ClusterLiar):
    """The log of one replica is that of something else."""

    def lie_before(self) -> None:
        other = self.folder / "other.log"
        other.write_text("2026-12-01T00:00:00Z INFO nothing happened\n", encoding="ascii")
        self.api.followed["attic-7d9f8c-p0", "attic"] = other
        self.api.followed["attic-7d9f8c-p1", "attic"] = other
        self.count += 1


class StoreReplaced(ClusterLiar):
    def lie_after(self) -> None:
        self.api.pods["rustfs-0"].uid = "uid-replaced"
        self.count += 1


class StoreRestarted(ClusterLiar):
    def lie_after(self) -> None:
        self.api.pods["rustfs-0"].containers["rustfs"] = running(restarts=1)
        self.count += 1


class ReplicaEvicted(ClusterLiar):
    """One of two replicas of the cache is gone, and another is there with the same image."""

    def lie_after(self) -> None:
        old = self.api.pods.pop("attic-7d9f8c-p1")
        new = self.api.add_pod("deployment", "attic", 2, "attic", ports=old.ports, serves=old.serves)
        self.api.followed[new.name, "attic"] = self.stack.attic.log
        self.count += 1


class ImageChanged(ClusterLiar):
    def lie_after(self) -> None:
        self.api.pods["attic-7d9f8c-p1"].containers["attic"] = running(image="app@sha256:" + "b" * 64)
        self.count += 1


class ExecCut(ClusterLiar):
    """What a command in the pod writes ends early, and its end says Success."""

    def lie_before(self) -> None:
        self.api.exec = Exec(cut_stdout=40)
        self.count += 1


class ExecBanner(ClusterLiar):
    """A banner comes before what a command in the pod writes."""

    def lie_before(self) -> None:
        self.api.exec = Exec(banner=b"Welcome to rustfs-0\n")
        self.count += 1


class ExecSilent(ClusterLiar):
    """A command in the pod writes nothing and ends well."""

    def lie_before(self) -> None:
        self.api.exec = Exec(stdout=b"")
        self.count += 1


class ApiBroken(ClusterLiar):
    """The API server answers 500 after the publication."""

    def lie_after(self) -> None:
        self.api.broken = (500, "etcdserver: request timed out")
        self.count += 1


class ApiForbids(ClusterLiar):
    """The right to look at pods is taken away after the publication."""

    def lie_after(self) -> None:
        self.api.forbidden.add("list pods")
        self.count += 1


class NoPods(ClusterLiar):
    """The API server lists no pod of the cache after the publication."""

    def lie_after(self) -> None:
        for name in [name for name in self.api.pods if name.startswith("attic")]:
            del self.api.pods[name]
        self.count += 1


def _dns(name: str, text: str, liar: type[Liar], claims: tuple[str, ...], **more: Any) -> Lie:
    return Lie(party=Party.DNS, name=f"dns-{name}", text=text, liar=liar, claims=claims, **more)


def _cluster(name: str, text: str, liar: type[Liar], claims: tuple[str, ...], **more: Any) -> Lie:
    more = {"profile": "synthetic", **more}
    return Lie(party=Party.CLUSTER, name=f"cluster-{name}", text=text, liar=liar, claims=claims, **more)


LIES: tuple[Lie, ...] = (
    _dns(
        "other-store", "the store's name leads to another store with the same buckets", OtherStore, ("index", "stored")
    ),
    _dns(
        "other-store-after",
        "after the publication the store's name leads to another store, and the first lost a bucket",
        OtherStoreAfter,
        ("index",),
    ),
    _dns(
        "other-store-denies",
        "the same, and the other store denies HeadObject",
        OtherStoreDenies,
        ("index",),
    ),
    _dns(
        "wrong-server",
        "the cache's name leads to a server of another kind when bodies are read",
        WrongServer,
        ("bodies",),
    ),
    _dns(
        "portal", "the store's name leads to a sign-in page while the profile is pushed", LeadsToStoreItself, ("index",)
    ),
    _cluster(
        "truth",
        "nothing is false: the same cluster without a lie",
        ClusterTruth,
        ("epoch",),
        words=frozenset({VerdictWord.PASS}),
        harmless="it shows that a healthy cluster passes, so that the other lies are what blocks",
    ),
    _cluster(
        "sentence-for-log", "the kubelet gives a sentence with 200 in the place of the log", SentenceForLog, ("log",)
    ),
    _cluster("log-of-another", "the replicas' logs are of something else", LogOfAnother, ("log",)),
    _cluster("store-replaced", "the store's pod is another one after the publication", StoreReplaced, ("epoch",)),
    _cluster("store-restarted", "the store's container restarted in its pod", StoreRestarted, ("epoch",)),
    _cluster(
        "replica-evicted", "one replica was evicted and replaced by one of the same image", ReplicaEvicted, ("epoch",)
    ),
    _cluster("image-changed", "one replica runs another image after the publication", ImageChanged, ("epoch",)),
    _cluster("exec-cut", "the markers' listing ends early, and its end says Success", ExecCut, ("index",)),
    _cluster(
        "exec-banner",
        "a banner comes before the markers' listing",
        ExecBanner,
        ("index",),
        words=frozenset(VerdictWord),
        harmless="a frame marks where the listing begins and ends",
    ),
    _cluster("exec-silent", "the markers' listing is empty, and its end says Success", ExecSilent, ("index",)),
    _cluster("api-broken", "the API server fails after the publication", ApiBroken, ("epoch", "index")),
    _cluster("api-forbids", "the right to list pods is gone after the publication", ApiForbids, ("epoch",)),
    _cluster("no-pods", "no pod of the cache is listed after the publication", NoPods, ("epoch",)),
)
