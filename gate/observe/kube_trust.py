"""Whether kubectl leads to the cluster that the settings name, and runs nothing that they don't, before it is used.

A wrong current context gives true answers about another cluster; a kubeconfig may name any command to get a token.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Sequence
from hashlib import sha256
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from gate.errors import InconclusiveError
from gate.model.kube import KubeContext
from gate.observe.kubectl import Kubectl
from gate.parse.text import shown


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
            f"kubectl would use context {shown(context.name)} at {shown(context.server)}: expected kube-context and "
            "kube-server in gate.toml, so that it can't be another cluster"
        )
    if context.server.rstrip("/") != server.rstrip("/"):
        return f"context {shown(context.name)} leads to {shown(context.server)}: expected kube-server {shown(server)}"
    if context.insecure or (urlsplit(context.server).scheme != "https" and not _loopback(context.server)):
        return f"context {shown(context.name)} does not verify its server: expected https and a certificate authority"
    if context.plugin is not None and not (PurePosixPath(context.plugin).is_absolute() and context.plugin in plugins):
        return (
            f"context {shown(context.name)} would run {shown(context.plugin)} for its token: expected one of "
            f"kube-plugins, by absolute path ({', '.join(plugins) or 'none is named'})"
        )
    return None


def _other_authority(kubectl: Kubectl, context: KubeContext, wanted: str) -> str | None:
    try:
        found = sha256(b64decode(kubectl.authority(), validate=True)).hexdigest()
    except Base64Error:
        found = "unreadable"
    if found == wanted.lower():
        return None
    return f"context {shown(context.name)} trusts the certificate authority {found}: expected kube-authority {wanted}"


def _loopback(server: str) -> bool:
    return urlsplit(server).hostname in ("127.0.0.1", "::1", "localhost")
