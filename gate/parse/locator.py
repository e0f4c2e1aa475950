"""Locators: where the files or the processes of a server are.

``file:///absolute/path`` is a place on this machine. ``kubectl://NAMESPACE/KIND/NAME?container=C&path=/data`` is a
workload of a cluster, KIND being ``deployment``, ``statefulset`` or ``pod``; ``container`` and ``path`` may be left
out. ``by=log`` reads what a marker sidecar says of the path from its log, where ``by=exec`` asks in the container.
``port=8080`` says where a container serves HTTP, where it does not declare that itself.
``systemd://UNIT`` and ``journald://UNIT`` are one thing, a unit of this machine: its main process where a workload is
named, its entries in the journal where a log is. ``docker://NAME`` is a container of docker or podman in the same way.
``dir:///absolute/path`` is a folder of log files that a server starts anew by itself, as RustFS does.
A secret is ``file:///absolute/path``, or one key of a Kubernetes secret: ``kubectl://NAMESPACE/secret/NAME?key=KEY``.
Nothing is ever escaped or guessed: names are those that Kubernetes allows (RFC 1123 labels), paths are plain.
"""

import re
from typing import Final, Literal

from gate.errors import ForeignTextError
from gate.model.parsed import (
    DockerLocator,
    FileLocator,
    FolderLocator,
    KubectlLocator,
    SecretLocator,
    UnitLocator,
)
from gate.parse.text import excerpt

_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PATH: Final = re.compile(r"/|(?:/(?!\.\.?(?:/|\Z))[0-9A-Za-z._+=@~,:-]+)+")
_NAME_CHARS: Final = 253
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}")
_PORT_MOST: Final = 65535
# systemd.unit(5): 255 characters; a backslash begins an escape. Only services have a main process and a log.
_UNIT: Final = re.compile(r"[0-9A-Za-z:_.\\@-]{1,247}\.service")
_CONTAINER: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,127}")  # moby daemon/names/names.go, RestrictedNameChars
_KEY: Final = re.compile(r"[0-9A-Za-z._-]{1,253}")  # of a secret's data: Kubernetes core/v1 Secret
_OPTIONS: Final = frozenset({"container", "path", "by", "port"})
_WORKLOADS: Final[dict[str, Literal["deployment", "statefulset", "pod"]]] = {
    "deployment": "deployment",
    "statefulset": "statefulset",
    "pod": "pod",
}


def parse_locator(text: str) -> FileLocator | KubectlLocator:
    """Read the locator of a disk or a file; `ForeignTextError` when it has neither form."""
    if text.startswith("file://"):
        return FileLocator(path=_path(text, text.removeprefix("file://")))
    if text.startswith("kubectl://"):
        return _kubectl(text, text.removeprefix("kubectl://"))
    raise ForeignTextError(f"{excerpt(text)} is not a locator: expected file:///path or kubectl://NAMESPACE/KIND/NAME.")


ServerLocator = FileLocator | FolderLocator | KubectlLocator | UnitLocator | DockerLocator


def parse_server_locator(text: str) -> ServerLocator:
    """Read the locator of a server's process or log; `ForeignTextError` when it has no form of one."""
    scheme, separator, rest = text.partition("://")
    if separator and scheme == "dir":
        return FolderLocator(path=_path(text, rest))
    if separator and scheme in ("systemd", "journald"):
        return _unit(text, rest)
    if separator and scheme == "docker":
        return _docker(text, rest)
    if separator and scheme in ("file", "kubectl"):
        return parse_locator(text)
    raise ForeignTextError(
        f"{excerpt(text)} is not the place of a server: expected file:///path, dir:///path, systemd://UNIT, "
        "journald://UNIT, docker://NAME or kubectl://NAMESPACE/KIND/NAME."
    )


def _unit(text: str, rest: str) -> UnitLocator:
    unit, question, query = rest.partition("?")
    if not _UNIT.fullmatch(unit):
        raise ForeignTextError(
            f"{excerpt(text)} has the unit {excerpt(unit)}: expected a service, such as atticd.service."
        )
    directory = _only_option(text, query, "directory") if question else None
    return UnitLocator(unit=unit, directory=directory)


def _docker(text: str, rest: str) -> DockerLocator:
    name, question, query = rest.partition("?")
    if not _CONTAINER.fullmatch(name):
        raise ForeignTextError(f"{excerpt(text)} has the container {excerpt(name)}: expected its name or its id.")
    socket = _only_option(text, query, "socket") if question else None
    return DockerLocator(name=name, socket=socket)


def _only_option(text: str, query: str, name: str) -> str:
    """The path of the one option that a locator may have."""
    option, equals, path = query.partition("=")
    if option != name or not equals:
        raise ForeignTextError(
            f"{excerpt(text)} has the option {excerpt(query)}: expected {name}=/path and nothing else."
        )
    return _path(text, path)


def parse_secret_locator(text: str) -> FileLocator | SecretLocator:
    """Read the locator of a secret; `ForeignTextError` when it has neither form."""
    if text.startswith("file://"):
        return FileLocator(path=_path(text, text.removeprefix("file://")))
    place, question, query = text.removeprefix("kubectl://").partition("?")
    parts = place.split("/")
    name, equals, key = query.partition("=")
    if not text.startswith("kubectl://") or len(parts) != 3 or parts[1] != "secret" or not question:
        raise ForeignTextError(
            f"{excerpt(text)} is not a secret's place: expected file:///path or kubectl://NAMESPACE/secret/NAME?key=KEY."
        )
    if name != "key" or not equals or not _KEY.fullmatch(key):
        raise ForeignTextError(f"{excerpt(text)} has the option {excerpt(query)}: expected key= and nothing else.")
    return SecretLocator(namespace=_label(text, parts[0]), name=_subdomain(text, parts[2]), key=key)


def _kubectl(text: str, rest: str) -> KubectlLocator:
    place, question, query = rest.partition("?")
    parts = place.split("/")
    if len(parts) != 3 or parts[1] not in _WORKLOADS:
        raise ForeignTextError(
            f"{excerpt(text)} is not a workload: expected kubectl://NAMESPACE/{'|'.join(_WORKLOADS)}/NAME."
        )
    options = _options(text, query) if question else {}
    container, path, by = options.get("container"), options.get("path"), options.get("by", "exec")
    if by not in ("exec", "log") or (by == "log" and path is None):
        raise ForeignTextError(f"{excerpt(text)} has by={excerpt(by)}: expected by=exec, or by=log with a path.")
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
        name, equals, setting = option.partition("=")
        if not equals or name not in _OPTIONS or name in options:
            raise ForeignTextError(
                f"{excerpt(text)} has the option {excerpt(option)}: expected container=, path=, by= and port=."
            )
        options[name] = setting
    return options


def _port(text: str, port: str) -> int:
    if not _PORT.fullmatch(port) or int(port) > _PORT_MOST:
        raise ForeignTextError(f"{excerpt(text)} has port={excerpt(port)}: expected a number from 1 to {_PORT_MOST}.")
    return int(port)


def _label(text: str, label: str) -> str:
    if not _LABEL.fullmatch(label):
        raise ForeignTextError(f"{excerpt(text)} has the name {excerpt(label)}: expected an RFC 1123 label.")
    return label


def _subdomain(text: str, name: str) -> str:
    if len(name) > _NAME_CHARS:
        raise ForeignTextError(f"{excerpt(text)} has a name of {len(name)} characters: expected at most {_NAME_CHARS}.")
    for label in name.split("."):
        _label(text, label)
    return name


def _path(text: str, path: str) -> str:
    if not _PATH.fullmatch(path):
        raise ForeignTextError(f"{excerpt(text)} has the path {excerpt(path)}: expected a plain absolute path.")
    return path
