"""kubectl as the one way to a cluster: argument lists, a scrubbed environment, a deadline and a cap for each call.

The API is asked with ``get --raw``: exactly one request, no discovery, and the server's own answer.
``kubectl cp`` is never used: it trusts a tar made in the container (CVE-2019-1002101, -11249, -11251).
Arguments of ``exec`` come to stand in the API server's audit log (kubernetes#97795), so no secret is ever among them.
"""

import os
import shutil
import weakref
from collections.abc import Callable, Mapping, Sequence
from tempfile import mkdtemp
from typing import Final, TypeVar
from urllib.parse import quote

from gate import limits
from gate.clock import Clock
from gate.errors import ForeignNameError, ForeignTextError, InconclusiveError, NoNameError
from gate.model.basics import Secret
from gate.model.captures import KubeEvent
from gate.model.kube import ContainerSeen, KubeContext, PodSeen, Selected
from gate.model.parsed import KubectlLocator, SecretLocator
from gate.model.records import ChildEnded
from gate.parse.host_files import NO_ANSWER
from gate.parse.kubernetes import (
    complaint,
    is_foreign_500,
    parse_events,
    parse_kubeconfig,
    parse_pod,
    parse_pods,
    parse_secret,
    parse_workload,
)
from gate.parse.server_log import line_without_time
from gate.parse.text import excerpt
from gate.process import CancelToken, SearchPath, output, scrubbed_environment

_T = TypeVar("_T")
_VARIABLES: Final = ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT")
_FIXED: Final = {"KUBERC": "off"}  # kubectl 1.33 and later: a person's own defaults and aliases
_NO_CACHE: Final = os.devnull + "/none"
_API: Final = {
    "deployment": "/apis/apps/v1/namespaces/{}/deployments/{}",
    "statefulset": "/apis/apps/v1/namespaces/{}/statefulsets/{}",
}
_NOT_RUNNABLE: Final = (126, 127)  # of a shell: found and not runnable, not found (POSIX, Shell Command Language 2.8.2)
_NO_SHELL: Final = (b"executable file not found", b"no such file or directory", b"not found")


def kubectl_environment(source: Mapping[str, str]) -> dict[str, str]:
    """What kubectl may see of an environment: where its cluster is, beside what every child gets."""
    return scrubbed_environment(source, keep=_VARIABLES)


class Kubectl:
    """Questions to one cluster. ``program`` is a name on PATH or an absolute path, ``context`` that of the kubeconfig.

    Raises `RefusedError` for a program that the checkout decides (see `SearchPath`).
    Every method raises `InconclusiveError`, one sentence, for whatever kept it from an answer.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        cancel: CancelToken,
        clock: Clock,
        program: str = "kubectl",
        context: str = "",
    ) -> None:
        self.environ = kubectl_environment(environ) | _FIXED | {"KUBECACHEDIR": self._cache()}
        self.program = SearchPath(environ).find(program) or program
        self.clock = clock
        self.context = context
        self._cancel = cancel
        self._known: dict[tuple[str, str, str], Selected] = {}
        self._told: dict[tuple[str, str, str], tuple[float | None, tuple[PodSeen, ...]]] = {}

    def _cache(self) -> str:
        """A private folder for discovery, gone with this object: which resources the API has, and no answer about one.

        ``exec`` and ``logs`` ask for it each time (four requests of six). A person's own cache is not written to.
        """
        try:
            folder = mkdtemp(prefix="publication-gate-kubectl-")
        except OSError:
            return _NO_CACHE
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder

    def pods(
        self, place: KubectlLocator, *, seconds: float = limits.KUBE_SECONDS, since: float | None = None
    ) -> tuple[PodSeen, ...]:
        """Every pod of the workload that has not ended for good, by name; there may be none.

        Those of a deployment or stateful set are found by its selector, and must all be its own. The answer to an
        earlier question will do where that was asked ``since`` this moment of the clock.
        """
        key = (place.namespace, place.workload, place.name)
        asked_at, text = self._told.get(key, (None, ()))
        if since is not None and asked_at is not None and asked_at >= since:
            return text
        now = self.clock.monotonic()
        matches = (self._pod(place, seconds),) if place.workload == "pod" else self._selected_pods(place, seconds)
        self._told[key] = (now, matches)
        return matches

    def known_pods(self, place: KubectlLocator) -> tuple[PodSeen, ...]:
        """The pods of a workload as the last answer had them; none where there was no answer yet."""
        return self._told.get((place.namespace, place.workload, place.name), (None, ()))[1]

    def _selected_pods(self, place: KubectlLocator, seconds: float) -> tuple[PodSeen, ...]:
        selected = self._selected(place, seconds)
        query = f"/api/v1/namespaces/{place.namespace}/pods?labelSelector={quote(selected.selector, safe='')}"
        what = f"the pods of {place.namespace}/{place.name}"
        pods = [pod for pod in _read(what, parse_pods, self._get(query, what, seconds)) if not pod.ended]
        for pod in pods:
            if not _owns(place, selected, pod):
                owner = "/".join(pod.owner[:2]) if pod.owner else "nobody"
                raise InconclusiveError(
                    f"{what}: its selector also finds pod {pod.name}, which belongs to {owner}: expected its own alone"
                )
        return tuple(pods)

    def exec(
        self, namespace: str, pod: str, container: str, command: Sequence[str], *, cap: int, seconds: float
    ) -> bytes:
        """Run a command in a container, and give its stdout; no stdin, no terminal."""
        what = f"exec in {container} of pod {namespace}/{pod}"
        argv = ("exec", f"--namespace={namespace}", f"--container={container}", f"pod/{pod}", "--", *command)
        ended, out, err = self._run(argv, cap=cap, seconds=seconds)
        if ended.exit in _NOT_RUNNABLE or (ended.exit not in (0, None) and b"exec failed" in err and _no_program(err)):
            raise InconclusiveError(
                f"{what}: there is no {command[0]} in this container (exit {ended.exit}: {complaint(err)}); "
                "read the markers from a sidecar instead, by=log"
            )
        return self._whole(what, cap, seconds, ended=ended, out=out, err=err)

    def logs(
        self, namespace: str, pod: str, container: str, options: Sequence[str], *, cap: int, seconds: float
    ) -> tuple[bytes, str]:
        """A container's log, and why it is not all of what was asked for (empty when it is).

        A kubelet whose runtime lost the container answers 200 with a sentence in place of the log (kubernetes#142258).
        With ``--timestamps`` each line of a log has a time, and that sentence has none.
        """
        what = f"the log of {container} of pod {namespace}/{pod}"
        argv = ("logs", f"--namespace={namespace}", f"--container={container}", *options, f"pod/{pod}")
        ended, out, err = self._run(argv, cap=cap, seconds=seconds)
        try:
            whole = self._whole(what, cap, seconds, ended=ended, out=out, err=err)
        except InconclusiveError as error:
            return out, str(error)
        line = line_without_time(whole) if "--timestamps" in options else None
        if line is not None:
            return whole, f"{what}: the answer has a line without a time, so it is not the log: {excerpt(line)}"
        return whole, ""

    def ask_pod(self, namespace: str, pod: str, port: int, path: str) -> None:
        """Ask a pod for a path through the API server (``pods/proxy``), and see it answer with HTTP 500.

        kubectl tells no status and no JSON body of a refused request, but a word for the status only.
        """
        what = f"a GET of port {port} of pod {namespace}/{pod}"
        query = f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy/{path}"
        cap, seconds = limits.ANSWER_BODY_BYTES, limits.REPLICA_PROXY_SECONDS
        ended, out, err = self._run(("get", f"--raw={query}"), cap=cap, seconds=seconds)
        if ended.ended_by is None and ended.exit not in (0, None) and is_foreign_500(err):
            return
        self._whole(what, cap, seconds, ended=ended, out=out, err=err)
        raise InconclusiveError(f"{what}: it answered with success, expected Attic's 500 for a malformed hash")

    def secret(self, place: SecretLocator) -> Secret:
        """One key of a Kubernetes secret. kubectl's answer holds them all; the others are dropped, and none is told."""
        what = f"the secret {place.namespace}/{place.name}"
        path = f"/api/v1/namespaces/{place.namespace}/secrets/{place.name}"
        return _read(what, lambda text: parse_secret(text, place.key), self._get(path, what, limits.KUBE_SECONDS))

    def events(
        self, namespace: str, kind: str, name: str, *, seconds: float = limits.KUBE_SECONDS
    ) -> tuple[tuple[KubeEvent, ...], bool]:
        """The events of one object, oldest first, and whether there are more."""
        chosen = quote(f"involvedObject.kind={kind},involvedObject.name={name}", safe="")
        query = f"/api/v1/namespaces/{namespace}/events?fieldSelector={chosen}&limit={limits.KUBE_EVENTS}"
        what = f"the events of {kind} {namespace}/{name}"
        return _read(what, parse_events, self._get(query, what, seconds))

    def call(
        self, arguments: Sequence[str], *, what: str, cap: int, stdin: bytes | None = None, pinned: bool = True
    ) -> tuple[bytes, bytes]:
        """Run kubectl with these arguments to its good end: its stdout, and its stderr, which may hold anything.

        ``what`` begins the sentence of the error; without ``pinned`` no context is chosen, and none is needed.
        """
        seconds = limits.KUBE_SECONDS
        ended, out, err = self._run(arguments, cap=cap, seconds=seconds, pinned=pinned, stdin=stdin)
        return self._whole(what, cap, seconds, ended=ended, out=out, err=err), err

    def kubeconfig(self) -> KubeContext | None:
        """The context in use, without credentials; None where kubectl will use the pod's own service account."""
        what = "the kubeconfig"
        ended, out, err = self._run(
            ("config", "view", "--output=json"), cap=limits.KUBE_JSON_BYTES, seconds=limits.KUBE_SECONDS, pinned=False
        )
        data = self._whole(what, limits.KUBE_JSON_BYTES, limits.KUBE_SECONDS, ended=ended, out=out, err=err)
        return _read(what, lambda text: parse_kubeconfig(text, self.context), data)

    def authority(self) -> bytes:
        """The certificate authority of the context in use, in base64 as the kubeconfig has it; empty for none."""
        what = "the certificate authority of the kubeconfig"
        form = "--output=jsonpath={.clusters[0].cluster.certificate-authority-data}"
        argv = ("config", "view", "--minify", "--flatten", "--raw", form)
        ended, out, err = self._run(argv, cap=limits.KUBE_JSON_BYTES, seconds=limits.KUBE_SECONDS)
        return self._whole(what, limits.KUBE_JSON_BYTES, limits.KUBE_SECONDS, ended=ended, out=out, err=err).strip()

    def _selected(self, place: KubectlLocator, seconds: float) -> Selected:
        """The selector of a workload, asked for once: it can't be changed in apps/v1."""
        key = (place.namespace, place.workload, place.name)
        if key not in self._known:
            path = _API[place.workload].format(place.namespace, place.name)
            what = f"the {place.workload} {place.namespace}/{place.name}"
            self._known[key] = _read(what, parse_workload, self._get(path, what, seconds))
        return self._known[key]

    def _pod(self, place: KubectlLocator, seconds: float) -> PodSeen:
        what = f"the pod {place.namespace}/{place.name}"
        path = f"/api/v1/namespaces/{place.namespace}/pods/{place.name}"
        pod = _read(what, parse_pod, self._get(path, what, seconds))
        if pod.name != place.name:
            raise InconclusiveError(f"{what}: the cluster answers with pod {pod.name}")
        return pod

    def _get(self, path: str, what: str, seconds: float) -> bytes:
        ended, out, err = self._run(("get", f"--raw={path}"), cap=limits.KUBE_JSON_BYTES, seconds=seconds)
        return self._whole(what, limits.KUBE_JSON_BYTES, seconds, ended=ended, out=out, err=err)

    def _run(
        self, arguments: Sequence[str], *, cap: int, seconds: float, pinned: bool = True, stdin: bytes | None = None
    ) -> tuple[ChildEnded, bytes, bytes]:
        chosen = (f"--context={self.context}",) if self.context and pinned else ()
        return output(
            (self.program, *chosen, *arguments),
            name="kubectl",
            env=self.environ,
            stdin=stdin,
            cap=cap,
            deadline_seconds=seconds,
            cancel=self._cancel,
            clock=self.clock,
        )

    def _whole(self, what: str, cap: int, seconds: float, *, ended: ChildEnded, out: bytes, err: bytes) -> bytes:
        """What it printed, when it came to its own good end."""
        early = {
            "missing": f"{self.program} is not on PATH, or can't be run",
            "deadline": f"kubectl {NO_ANSWER} {seconds:g} s",
            "limit": f"kubectl printed more than {cap} bytes",
            "cancelled": "the run was cancelled",
        }
        if ended.ended_by is not None:
            raise InconclusiveError(f"{what}: {early.get(ended.ended_by, ended.ended_by)}")
        if ended.exit != 0:
            how = f"signal {ended.signal}" if ended.exit is None else f"exit {ended.exit}"
            raise InconclusiveError(f"{what}: {complaint(err)} ({how})")
        return out


def container_of(pod: PodSeen, expected: str | None) -> ContainerSeen:
    """The container meant by a locator: the one it names, else the pod's only or default one; `InconclusiveError`."""
    name = expected or pod.default_container
    matches = [each for each in pod.containers if name in (None, each.name)]
    if len(matches) != 1:
        names = ", ".join(each.name for each in pod.containers)
        raise InconclusiveError(f"pod {pod.name} has the containers {names}: expected container= with one of them")
    return matches[0]


def _owns(place: KubectlLocator, selected: Selected, pod: PodSeen) -> bool:
    """Whether a pod is controlled by the workload: a deployment's pods by its replica sets, which carry its name."""
    if pod.owner is None:
        return False
    kind, name, uid = pod.owner
    if place.workload == "statefulset":
        return uid == selected.uid
    return kind == "ReplicaSet" and name.rpartition("-")[0] == place.name


def _read(what: str, parse: Callable[[bytes], _T], data: bytes) -> _T:
    try:
        return parse(data)
    except ForeignNameError as error:
        raise NoNameError(f"{what}: {error}") from None
    except ForeignTextError as error:
        raise InconclusiveError(f"{what}: {error}") from None


def _no_program(err: bytes) -> bool:
    return any(words in err for words in _NO_SHELL)
