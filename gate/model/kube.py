"""What is read of a cluster: pods and their containers, the kubeconfig in use, and the answer of the marker script."""

from typing import Literal

from gate.model.basics import value


@value
class ContainerSeen:
    """One container of a pod. ``started`` is RFC 3339, None unless it runs; then ``trouble`` says what it does instead.

    ``image_id`` is the image as it was pulled, with its digest; ``restarts`` counts since the pod was made. ``ended``
    is what the cluster says of the end before the last start (reason, exit code, time), empty where it says nothing.
    ``ports`` are the TCP ports that it declares, each with its name, which may be empty.
    """

    name: str
    restarts: int
    image_id: str
    started: str | None
    trouble: str = ""
    ended: str = ""
    ports: tuple[tuple[str, int], ...] = ()


@value
class PodSeen:
    """One pod. ``owner`` is kind, name and uid of its controller, ``address`` its IP address or empty.

    ``ended``: it succeeded or failed, and will not run again. ``default_container`` is the one that the pod itself
    names for kubectl. Init and ephemeral containers are left out.
    """

    name: str
    uid: str
    node: str
    ended: bool
    owner: tuple[str, str, str] | None
    default_container: str | None
    containers: tuple[ContainerSeen, ...]
    address: str = ""


@value
class Selected:
    """What a deployment or stateful set says of its pods: its own uid, and the label selector in kubectl's form."""

    uid: str
    selector: str


@value
class KubeContext:
    """A context of a kubeconfig, without its credentials. ``plugin`` is the command that it would run for a token."""

    name: str
    server: str
    insecure: bool
    plugin: str | None


@value
class MarkerEntry:
    """What the marker script saw at one path; ``text`` is the error where ``kind`` is ``error``.

    ``device`` is the number of a directory's file system (``st_dev``), empty where the container has no ``stat``.
    """

    path: str
    kind: Literal["directory", "link", "file", "fifo", "socket", "device", "absent", "error"]
    text: str = ""
    device: str = ""


@value
class MarkerFrame:
    """One whole answer of the marker script, in its own order. ``format`` is the drive's format.json, raw."""

    looks: tuple[MarkerEntry, ...]
    format: bytes | None
