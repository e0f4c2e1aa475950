import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.errors import ForeignTextError
from gate.model.parsed import (
    DockerLocator,
    FileLocator,
    FolderLocator,
    KubectlLocator,
    SecretLocator,
    UnitLocator,
)
from gate.parse.locator import parse_locator, parse_secret_locator, parse_server_locator


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file:///", FileLocator(path="/")),
        ("file:///data", FileLocator(path="/data")),
        ("file:///srv/rust_fs/a-b.c,d=e:f@g+~/.h", FileLocator(path="/srv/rust_fs/a-b.c,d=e:f@g+~/.h")),
        ("kubectl://nix/deployment/attic", KubectlLocator(namespace="nix", workload="deployment", name="attic")),
        (
            "kubectl://nix/statefulset/rustfs?container=rustfs&path=/data",
            KubectlLocator(namespace="nix", workload="statefulset", name="rustfs", container="rustfs", path="/data"),
        ),
        (
            "kubectl://n/pod/a.b-0?path=/data/rustfs0",
            KubectlLocator(namespace="n", workload="pod", name="a.b-0", path="/data/rustfs0"),
        ),
        (
            "kubectl://n/deployment/d?container=marker-sidecar&path=/data&by=log",
            KubectlLocator(
                namespace="n", workload="deployment", name="d", container="marker-sidecar", path="/data", by="log"
            ),
        ),
        (
            "kubectl://n/deployment/d?port=65535",
            KubectlLocator(namespace="n", workload="deployment", name="d", port=65535),
        ),
        ("kubectl://n/pod/p?by=exec", KubectlLocator(namespace="n", workload="pod", name="p")),
        (
            f"kubectl://{'n' * 63}/pod/{'.'.join(['a' * 62] * 4)}?container=c",
            KubectlLocator(namespace="n" * 63, workload="pod", name=".".join(["a" * 62] * 4), container="c"),
        ),
    ],
)
def test_what_is_read(text: str, expected: object) -> None:
    assert parse_locator(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a locator"),
        ("/data", "is not a locator"),
        ("file:/data", "is not a locator"),
        ("FILE:///data", "is not a locator"),
        ("http://x/y", "is not a locator"),
        ("file://", "expected a plain absolute path"),
        ("file://host/data", "expected a plain absolute path"),
        ("file:///data/", "expected a plain absolute path"),
        ("file:////data", "expected a plain absolute path"),
        ("file:///a/../b", "expected a plain absolute path"),
        ("file:///a/.", "expected a plain absolute path"),
        ("file:///a%2fb", "expected a plain absolute path"),
        ("file:///a?b", "expected a plain absolute path"),
        ("file:///a#b", "expected a plain absolute path"),
        ("file:///a b", "expected a plain absolute path"),
        ("file:///a\n", "expected a plain absolute path"),
        ("file:///a\0", "expected a plain absolute path"),
        ("file:///é", "expected a plain absolute path"),
        ("kubectl://", "is not a workload"),
        ("kubectl://nix", "is not a workload"),
        ("kubectl://nix/deployment", "is not a workload"),
        ("kubectl://nix/secret/x", r"expected kubectl://NAMESPACE/deployment\|statefulset\|pod/NAME"),
        ("kubectl://nix/Pod/x", "is not a workload"),
        ("kubectl://nix/pod/x/y", "is not a workload"),
        ("kubectl:///pod/x", "has the name ''"),
        ("kubectl://nix/pod/", "has the name ''"),
        ("kubectl://nix/pod/-x", "has the name '-x'"),
        ("kubectl://nix/pod/x-", "has the name 'x-'"),
        ("kubectl://nix/pod/--kubeconfig=x", "has the name"),
        ("kubectl://nix/pod/X", "has the name 'X'"),
        ("kubectl://nix/pod/a..b", "has the name ''"),
        ("kubectl://nix/pod/x\n", "has the name"),
        (f"kubectl://{'n' * 64}/pod/x", "expected an RFC 1123 label"),
        (f"kubectl://n/pod/{'.'.join(['a' * 63] * 4)}", "has a name of 255 characters: expected at most 253"),
        ("kubectl://n.s/pod/x", "has the name 'n.s'"),
        ("kubectl://n/pod/x?", "has the option ''"),
        ("kubectl://n/pod/x?container", "has the option 'container'"),
        ("kubectl://n/pod/x?container=", "has the name ''"),
        ("kubectl://n/pod/x?container=a.b", "has the name 'a.b'"),
        ("kubectl://n/pod/x?container=a&container=b", "has the option 'container=b'"),
        ("kubectl://n/pod/x?context=a", "has the option 'context=a'"),
        ("kubectl://n/pod/x?by=ssh&path=/a", "has by='ssh': expected by=exec, or by=log with a path"),
        ("kubectl://n/pod/x?by=log", "has by='log': expected by=exec, or by=log with a path"),
        ("kubectl://n/pod/x?port=0", "has port='0': expected a number from 1 to 65535"),
        ("kubectl://n/pod/x?port=65536", "has port='65536'"),
        ("kubectl://n/pod/x?port=http", "has port='http'"),
        ("kubectl://n/pod/x?port=", "has port=''"),
        ("kubectl://n/pod/x?path=data", "expected a plain absolute path"),
        ("kubectl://n/pod/x?path=", "expected a plain absolute path"),
        ("kubectl://n/pod/x?path=/a&", "has the option ''"),
        ("kubectl://n/pod/x?path=/a;rm", "expected a plain absolute path"),
        ("kubectl://n/pod/x?path=/$(x)", "expected a plain absolute path"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ForeignTextError, match=message):
        parse_locator(text)


@settings(deadline=None, max_examples=200)
@given(
    st.one_of(
        st.text(),
        st.text("abc-/.?&=:@%\n").map(lambda tail: f"file:///{tail}"),
        st.text("abc-/.?&=:@%\n").map(lambda tail: f"kubectl://n/pod/{tail}"),
    )
)
def test_any_text_is_a_locator_or_foreign(text: str) -> None:
    try:
        place = parse_locator(text)
    except ForeignTextError:
        return
    assert "\n" not in text
    assert place.path is None or (place.path.startswith("/") and "/../" not in f"{place.path}/")


def test_a_secret_is_one_key_of_a_kubernetes_secret_or_a_file() -> None:
    assert parse_secret_locator("kubectl://nix-cache/secret/attic.token?key=RS256_SECRET") == SecretLocator(
        namespace="nix-cache", name="attic.token", key="RS256_SECRET"
    )
    assert parse_secret_locator("file:///run/secrets/attic") == FileLocator(path="/run/secrets/attic")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "attic",
        "/run/secrets/attic",
        "file://attic",
        "http://nix-cache/secret/attic?key=K",
        "nix-cache/secret/attic?key=K",
        "kubectl://nix-cache/secret/attic",
        "kubectl://nix-cache/secret/attic?",
        "kubectl://nix-cache/secret/attic?key",
        "kubectl://nix-cache/secret/attic?key=",
        "kubectl://nix-cache/secret/attic?key=a b",
        "kubectl://nix-cache/secret/attic?key=a&key=b",
        "kubectl://nix-cache/secret/attic?key=a/b",
        "kubectl://nix-cache/secret/attic?name=a",
        "kubectl://nix-cache/secrets/attic?key=K",
        "kubectl://nix-cache/pod/attic?key=K",
        "kubectl://nix-cache/secret?key=K",
        "kubectl://nix-cache/secret/../attic?key=K",
        "kubectl://../secret/attic?key=K",
        "kubectl://nix-cache/secret/Attic?key=K",
        "kubectl://nix-cache/secret/attic\n?key=K",
        "kubectl://nix-cache/secret/" + "a" * 254 + "?key=K",
    ],
)
def test_what_is_no_place_of_a_secret(text: str) -> None:
    with pytest.raises(ForeignTextError, match="expected"):
        parse_secret_locator(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file:///a", FileLocator(path="/a")),
        ("kubectl://n/pod/p", KubectlLocator(namespace="n", workload="pod", name="p")),
        ("dir:///var/log/rustfs", FolderLocator(path="/var/log/rustfs")),
        ("systemd://atticd.service", UnitLocator(unit="atticd.service")),
        ("journald://attic@a\\x2db:c_1.service", UnitLocator(unit="attic@a\\x2db:c_1.service")),
        ("journald://a.service?directory=/j", UnitLocator(unit="a.service", directory="/j")),
        ("docker://attic_1.x-y", DockerLocator(name="attic_1.x-y")),
        ("docker://a?socket=/run/podman/podman.sock", DockerLocator(name="a", socket="/run/podman/podman.sock")),
    ],
)
def test_the_place_of_a_server(text: str, expected: object) -> None:
    assert parse_server_locator(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not the place of a server"),
        ("systemd:atticd.service", "is not the place of a server"),
        ("podman://a", "is not the place of a server"),
        ("systemd://atticd", "expected a service, such as atticd.service"),
        ("systemd://-H.socket", "expected a service"),
        ("systemd://a b.service", "expected a service"),
        ("systemd://a.service\n", "expected a service"),
        ("journald://a.service?", "expected directory=/path and nothing else"),
        ("journald://a.service?directory=j", "expected a plain absolute path"),
        ("journald://a.service?socket=/j", "expected directory=/path and nothing else"),
        ("docker://", "expected its name or its id"),
        ("docker://-a", "expected its name or its id"),
        ("docker://a/../b", "expected its name or its id"),
        ("docker://a?socket=/a/../b", "expected a plain absolute path"),
        ("dir://logs", "expected a plain absolute path"),
    ],
)
def test_what_is_no_place_of_a_server(text: str, message: str) -> None:
    with pytest.raises(ForeignTextError, match=message):
        parse_server_locator(text)
