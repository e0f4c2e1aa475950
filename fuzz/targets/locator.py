"""`gate.parse.locator`: what is taken for a place says the same when it is written again, and is plain in a command."""

from fuzz.contract import text, tried
from fuzz.target import Target
from gate.model.parsed import DockerLocator, FileLocator, KubectlLocator, SecretLocator, UnitLocator
from gate.parse.locator import parse_locator, parse_secret_locator, parse_server_locator

_PLAIN = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._+=@~,:/")


def check(data: bytes) -> None:
    """Any text."""
    locator = text(data)
    place = tried(parse_locator, locator)
    if place is not None:
        assert set(place.path or "") <= _PLAIN, place.path
        assert not {".", ".."} & set((place.path or "").split("/")), place.path
        assert place.path is None or place.path.startswith("/")
        assert parse_locator(written(place)) == place
    if isinstance(place, KubectlLocator):
        assert not place.name.startswith("-"), place.name
        assert set(place.namespace + place.name + (place.container or "")) <= _PLAIN - set("/:@=")
    server = tried(parse_server_locator, locator)
    if isinstance(server, FileLocator | KubectlLocator):
        assert server == place
    elif isinstance(server, UnitLocator):
        assert server.unit.endswith(".service")
        assert not set(server.unit) & set("/ \n=")
    elif isinstance(server, DockerLocator):
        assert set(server.name) <= _PLAIN - set("/:@=+~,")
    secret = tried(parse_secret_locator, locator)
    if secret is not None:
        assert parse_secret_locator(written(secret)) == secret
        assert written(secret) == locator, "a secret's place has two forms"
    if isinstance(secret, SecretLocator):
        assert place is None, "a secret is taken for a workload"
        assert set(secret.key) <= _PLAIN - set("/:@=+~,"), secret.key


def written(place: FileLocator | KubectlLocator | SecretLocator) -> str:
    """The place in its plainest form."""
    if isinstance(place, FileLocator):
        return f"file://{place.path}"
    if isinstance(place, SecretLocator):
        return f"kubectl://{place.namespace}/secret/{place.name}?key={place.key}"
    options = {"container": place.container, "path": place.path, "by": place.by if place.by == "log" else None}
    query = "&".join(f"{name}={option}" for name, option in options.items() if option is not None)
    return f"kubectl://{place.namespace}/{place.workload}/{place.name}" + (f"?{query}" if query else "")


def seeds() -> list[bytes]:
    """Places of each kind, and what is nearly one."""
    return [
        b"file:///data",
        b"file:///",
        b"file:///a/../b",
        b"kubectl://nix-cache/statefulset/rustfs?container=rustfs&path=/data",
        b"kubectl://nix-cache/deployment/rustfs.x?path=/data&by=log",
        b"kubectl://nix-cache/pod/rustfs-0?by=exec",
        b"kubectl://nix-cache/secret/attic?key=ATTIC_SERVER_TOKEN_RS256_SECRET_BASE64",
        b"kubectl://a/secret/b?key=c&key=d",
        b"kubectl://-a/pod/b",
        b"systemd://atticd.service",
        b"journald://atticd@1.service?directory=/var/log/journal/remote",
        b"docker://attic-1?socket=/run/podman/podman.sock",
        b"dir:///var/log/rustfs",
    ]


TARGET = Target(
    check,
    seeds,
    parsers=("locator",),
    words=(b"kubectl://", b"file://", b"/secret/", b"/pod/", b"?key=", b"?container=", b"&path=/", b"&by=log", b"/../"),
)
