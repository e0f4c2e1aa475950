"""Where the signing secret of a cache comes from, when it is neither in the environment nor in the file named there.

It is read when it is needed, kept in memory alone, and never told: not in argv, not in a result, not in an error.
"""

import os
import stat
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gate import limits
from gate.errors import ForeignTextError, InconclusiveError, RefusedError
from gate.model.basics import Secret
from gate.model.parsed import FileLocator, SecretLocator
from gate.parse.locator import parse_secret_locator
from gate.parse.text import excerpt

if TYPE_CHECKING:
    from gate.clock import Clock
    from gate.process import CancelToken


SETTINGS = ("kubectl_bin", "kube_context", "kube_server", "kube_authority", "kube_plugins")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def checked_place(text: str) -> FileLocator | SecretLocator:
    """The place of a secret; `RefusedError` for text that is not a place."""
    try:
        return parse_secret_locator(text)
    except ForeignTextError as error:
        raise RefusedError(str(error)) from None


def fetch(
    place: FileLocator | SecretLocator, values: Mapping[str, Any], *, clock: "Clock", cancel: "CancelToken"
) -> Secret:
    """The secret at a place. ``values`` are the settings named in `SETTINGS`.

    Raises `RefusedError` for a file that is not private or not there, and for a kubectl that leads to another cluster
    than the settings state; `InconclusiveError` when the cluster does not give the secret.
    """
    if isinstance(place, FileLocator):
        return private_file(place.path)
    from gate.observe.kube_workload import distrust
    from gate.observe.kubectl import Kubectl

    kubectl = Kubectl(
        environ=os.environ, cancel=cancel, clock=clock, program=values["kubectl_bin"], context=values["kube_context"]
    )
    trouble = distrust(
        kubectl, server=values["kube_server"], authority=values["kube_authority"], plugins=values["kube_plugins"]
    )
    if trouble is not None:
        raise RefusedError(f"{trouble}; nothing was read")
    try:
        return kubectl.secret(place)
    except InconclusiveError as error:
        raise InconclusiveError(f"the signing secret was not given: {error}") from None


def private_file(path: str) -> Secret:
    """A secret from a regular file that its owner alone, this user or root, may read. Raises `RefusedError`.

    A link is followed, since a secret that Kubernetes mounts is one; what it leads to is what must be private.
    """
    data, why = _read(path)
    text = data.decode("utf-8", "replace").strip()
    if not why and ("\ufffd" in text or not text):
        why = "is empty or no UTF-8 text"
    if why:
        raise RefusedError(f"the secret file {excerpt(path)} {why}: expected a regular file for its owner alone (0600)")
    return Secret(text)


def _read(path: str) -> tuple[bytes, str]:
    """The content of the file, and why it must not be used (empty: it may)."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return b"", f"can't be read ({error.strerror})"
    try:
        why = _not_private(os.fstat(handle))
        data = b"" if why else _whole(handle)
    except OSError as error:
        return b"", f"can't be read ({error.strerror})"
    finally:
        os.close(handle)
    if len(data) > limits.SIGNING_SECRET_BYTES:
        return b"", f"has more than {limits.SIGNING_SECRET_BYTES} bytes"
    return data, why


def _not_private(status: os.stat_result) -> str:
    if not stat.S_ISREG(status.st_mode):
        return "is no regular file"
    if status.st_mode & _OTHERS or status.st_uid not in (os.geteuid(), 0):
        return f"is open to others (mode {stat.S_IMODE(status.st_mode):04o}, owner {status.st_uid})"
    return ""


def _whole(handle: int) -> bytes:
    """All of it, or a byte more than it may have."""
    data = b""
    while piece := os.read(handle, limits.SIGNING_SECRET_BYTES + 1 - len(data)):
        data += piece
    return data
