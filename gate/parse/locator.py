"""Locators: where the files or the processes of a server are.

``file:///absolute/path`` is a place on this machine. ``kubectl://NAMESPACE/KIND/NAME?container=C&path=/data`` is a
workload of a cluster, KIND being ``deployment``, ``statefulset`` or ``pod``; ``container`` and ``path`` may be left
out. ``by=log`` reads what a marker sidecar says of the path from its log, where ``by=exec`` asks in the container.
``port=8080`` says where a container serves HTTP, where it does not declare that itself.
A secret is ``file:///absolute/path``, or one key of a Kubernetes secret: ``kubectl://NAMESPACE/secret/NAME?key=KEY``.
Nothing is ever escaped or guessed: names are those that Kubernetes allows (RFC 1123 labels), paths are plain.
"""

import re
from typing import Final, Literal

from gate.errors import ForeignTextError
from gate.model.parsed import FileLocator, KubectlLocator, SecretLocator
from gate.parse.text import shown

_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PATH: Final = re.compile(r"/|(?:/(?!\.\.?(?:/|\Z))[0-9A-Za-z._+=@~,:-]+)+")
_NAME_CHARS: Final = 253
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}")
_PORT_MOST: Final = 65535
_KEY: Final = re.compile(r"[0-9A-Za-z._-]{1,253}")  # of a secret's data: Kubernetes core/v1 Secret
_OPTIONS: Final = frozenset({"container", "path", "by", "port"})
_WORKLOADS: Final[dict[str, Literal["deployment", "statefulset", "pod"]]] = {
    "deployment": "deployment",
    "statefulset": "statefulset",
    "pod": "pod",
}


def parse_locator(text: str) -> FileLocator | KubectlLocator:
    """Read a locator; `ForeignTextError` when it has neither form."""
    if text.startswith("file://"):
        return FileLocator(path=_path(text, text.removeprefix("file://")))
    if text.startswith("kubectl://"):
        return _kubectl(text, text.removeprefix("kubectl://"))
    raise ForeignTextError(f"{shown(text)} is not a locator: expected file:///path or kubectl://NAMESPACE/KIND/NAME.")


def parse_secret_locator(text: str) -> FileLocator | SecretLocator:
    """Read the locator of a secret; `ForeignTextError` when it has neither form."""
    if text.startswith("file://"):
        return FileLocator(path=_path(text, text.removeprefix("file://")))
    place, question, query = text.removeprefix("kubectl://").partition("?")
    parts = place.split("/")
    name, equals, key = query.partition("=")
    if not text.startswith("kubectl://") or len(parts) != 3 or parts[1] != "secret" or not question:
        raise ForeignTextError(
            f"{shown(text)} is not a secret's place: expected file:///path or kubectl://NAMESPACE/secret/NAME?key=KEY."
        )
    if name != "key" or not equals or not _KEY.fullmatch(key):
        raise ForeignTextError(f"{shown(text)} has the option {shown(query)}: expected key= and nothing else.")
    return SecretLocator(namespace=_label(text, parts[0]), name=_subdomain(text, parts[2]), key=key)


def _kubectl(text: str, rest: str) -> KubectlLocator:
    place, question, query = rest.partition("?")
    parts = place.split("/")
    if len(parts) != 3 or parts[1] not in _WORKLOADS:
        raise ForeignTextError(
            f"{shown(text)} is not a workload: expected kubectl://NAMESPACE/{'|'.join(_WORKLOADS)}/NAME."
        )
    options = _options(text, query) if question else {}
    container, path, by = options.get("container"), options.get("path"), options.get("by", "exec")
    if by not in ("exec", "log") or (by == "log" and path is None):
        raise ForeignTextError(f"{shown(text)} has by={shown(by)}: expected by=exec, or by=log with a path.")
    return KubectlLocator(
        namespace=_label(text, parts[0]),
        workload=_WORKLOADS[parts[1]],
        name=_subdomain(text, parts[2]),
        container=None if container is None else _label(text, container),
        path=None if path is None else _path(text, path),
        by="log" if by == "log" else "exec",
        port=None if "port" not in options else _port(text, options["port"]),
    )


def _options(text: str, query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for option in query.split("&"):
        name, equals, given = option.partition("=")
        if not equals or name not in _OPTIONS or name in options:
            raise ForeignTextError(
                f"{shown(text)} has the option {shown(option)}: expected container=, path=, by= and port=."
            )
        options[name] = given
    return options


def _port(text: str, port: str) -> int:
    if not _PORT.fullmatch(port) or int(port) > _PORT_MOST:
        raise ForeignTextError(f"{shown(text)} has port={shown(port)}: expected a number from 1 to {_PORT_MOST}.")
    return int(port)


def _label(text: str, label: str) -> str:
    if not _LABEL.fullmatch(label):
        raise ForeignTextError(f"{shown(text)} has the name {shown(label)}: expected an RFC 1123 label.")
    return label


def _subdomain(text: str, name: str) -> str:
    if len(name) > _NAME_CHARS:
        raise ForeignTextError(f"{shown(text)} has a name of {len(name)} characters: expected at most {_NAME_CHARS}.")
    for label in name.split("."):
        _label(text, label)
    return name


def _path(text: str, path: str) -> str:
    if not _PATH.fullmatch(path):
        raise ForeignTextError(f"{shown(text)} has the path {shown(path)}: expected a plain absolute path.")
    return path
