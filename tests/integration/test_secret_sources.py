"""A signing secret out of a Kubernetes secret, by a real kubectl, for an Attic that takes RS256 tokens.

The kubectl that the gate runs is a wrapper that notes its arguments and its environment, then becomes the real one.
"""

import base64
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.helpers.kube_api import KubeApi, kube_api
from tests.helpers.kubectl_tool import real_kubectl
from tests.integration.attic_rig import Lab
from tests.integration.store_paths import hash_of, nix_environment, to_file

pytestmark = [pytest.mark.lab, pytest.mark.nix, pytest.mark.xdist_group("secret-sources")]

PEM = rsa.generate_private_key(65537, 2048).private_bytes(
    Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
)
SIGNING = base64.b64encode(PEM).decode()  # what atticd's variable has
OTHER = "canary-of-another-key-of-the-secret"
KEY = "ATTIC_SERVER_TOKEN_RS256_SECRET_BASE64"
PLACE = f"kubectl://nix-cache/secret/attic?key={KEY}"
WRAPPER = """#!{python}
import json, os, sys
with open({told!r}, "a") as told:
    told.write(json.dumps([sys.argv, dict(os.environ)]) + "\\n")
os.execv({real!r}, [{real!r}, *sys.argv[1:]])
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    rig = Lab(tmp_path_factory.mktemp("attic"), rsa_key=PEM)
    try:
        rig.start()
        yield rig
    finally:
        rig.stop_all()


@pytest.fixture(scope="module")
def path(lab: Lab) -> str:
    result = to_file("one", secrets.token_hex(20))
    assert lab.push("main", result).exit == 0, "the server takes an RS256 token"
    return result


@pytest.fixture
def api() -> Iterator[KubeApi]:
    with kube_api() as result:
        result.secrets["attic"] = {name: base64.b64encode(text.encode()).decode() for name, text in DATA.items()}
        yield result


DATA = {KEY: SIGNING, "other": OTHER, "empty": "", "words": "!!canary-of-words!!"}


class Checked:
    """One run of the command, and everything that it left anywhere."""

    def __init__(self, lab: Lab, api: KubeApi, path: str, *, folder: Path, place: str = PLACE, **env: str) -> None:
        self.told = folder / "kubectl.told"
        wrapper = folder / "kubectl"
        wrapper.write_text(WRAPPER.format(python=sys.executable, told=str(self.told), real=str(real_kubectl())))
        wrapper.chmod(0o700)
        into = folder / "result.json"
        hosts = ("--hosts", f"127.0.0.1:{lab.s3_port}")
        done = subprocess.run(
            [
                *(sys.executable, "-m", "gate", "attic-nar-integrity-check", "--store-hash", hash_of(path), *hosts),
                *("--server", lab.url, "--cache", "main", "--signing-secret-from", place, "--json-into", str(into)),
            ],
            env={
                **nix_environment(),
                "KUBECONFIG": str(api.kubeconfig(folder)),
                "GATE_KUBECTL_BIN": str(wrapper),
                "GATE_KUBE_CONTEXT": "lab",
                "GATE_KUBE_SERVER": api.url,
                **env,
            },
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        self.code, self.err = done.returncode, done.stderr
        self.said = json.loads(into.read_text())
        answer = self.told.read_text() if self.told.exists() else ""
        self.kubectl = [json.loads(line) for line in answer.split("\n")[:-1]]
        written = [file.read_text() for file in folder.rglob("*") if file.is_file() and file.name != "kubeconfig"]
        self.everything = "\n".join([done.stdout, done.stderr, *written])

    def leaks(self) -> list[str]:
        """Which secrets stand anywhere, in the forms in which they come."""
        plain = (SIGNING, PEM.decode().split("\n")[1], OTHER, "canary-of-words", "eyJhbGciOi", "kube-token-canary")
        coded = [base64.b64encode(text.encode()).decode().rstrip("=")[:-1] for text in DATA.values() if text]
        return [text[:12] for text in (*plain, *coded) if text in self.everything]


@pytest.mark.row("JWT-01")
def test_the_secret_of_the_cluster_reads_a_private_cache_and_stands_nowhere(
    lab: Lab, api: KubeApi, path: str, tmp_path: Path
) -> None:
    observation = Checked(lab, api, path, folder=tmp_path)
    assert observation.code == 0, observation.err
    assert (observation.said["token"], observation.said["paths"][0]["code"]) == ("minted", "body-whole")
    assert observation.leaks() == []
    request = [argv[1:] for argv, _ in observation.kubectl]
    assert ["--context=lab", "get", "--raw=/api/v1/namespaces/nix-cache/secrets/attic"] in request
    assert [line for line in api.requests if "secret" in line] == ["GET /api/v1/namespaces/nix-cache/secrets/attic"]
    assert not [name for _, env in observation.kubectl for name in env if name.startswith("GATE_")]
    assert b"Unauthorized" in lab.fetch("_api/v1/cache-config/main").body, "without a token it is denied"


def test_the_canaries_are_found_where_they_are(lab: Lab, api: KubeApi, path: str, tmp_path: Path) -> None:
    (tmp_path / "planted").write_text(SIGNING + OTHER + base64.b64encode(OTHER.encode()).decode())
    assert len(Checked(lab, api, path, folder=tmp_path).leaks()) == 3


@pytest.mark.row("JWT-02", "JWT-03")
@pytest.mark.parametrize(
    ("place", "code", "message"),
    [
        (PLACE.replace("attic?", "atticd?"), 3, 'secrets \\"atticd\\" not found'),
        (PLACE.replace("nix-cache", "elsewhere"), 3, "not found"),
        (PLACE.replace(KEY, "HS256"), 3, "it has no key 'HS256'"),
        (PLACE.replace(KEY, "empty"), 3, "its key 'empty' is empty"),
        (PLACE.replace(KEY, "words"), 2, "The token secret (base64) can't be read"),
        (PLACE.replace(KEY, "other"), 2, "The token secret (base64) can't be read"),
    ],
    ids=["no secret", "namespace", "no key", "empty", "no base64", "words"],
)
def test_a_secret_that_is_not_there_or_is_none(
    place: str, code: int, message: str, *, lab: Lab, api: KubeApi, path: str, tmp_path: Path
) -> None:
    observation = Checked(lab, api, path, folder=tmp_path, place=place)
    assert (observation.code, observation.leaks()) == (code, [])
    assert message.replace('\\"', '"') in observation.said["error"]
    assert [line for line in api.requests if "/secrets/" in line], "it was asked for"


def test_what_the_api_gives_is_no_base64(lab: Lab, api: KubeApi, path: str, tmp_path: Path) -> None:
    api.secrets["attic"][KEY] = SIGNING + "!"
    observation = Checked(lab, api, path, folder=tmp_path)
    assert (observation.code, observation.leaks()) == (3, [])
    assert f"its key '{KEY}' holds no text in base64" in observation.said["error"]


def test_rbac_refuses(lab: Lab, api: KubeApi, path: str, tmp_path: Path) -> None:
    api.forbidden.add("get secrets")
    observation = Checked(lab, api, path, folder=tmp_path)
    assert (observation.code, observation.leaks()) == (3, [])
    assert (
        "the signing secret was not given: the secret nix-cache/attic: Error from server (Forbidden)"
        in (observation.said["error"])
    )


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"GATE_KUBE_CONTEXT": ""}, "expected kube-context and kube-server"),
        ({"GATE_KUBE_SERVER": "https://elsewhere.example"}, "expected kube-server"),
    ],
)
def test_another_cluster_is_not_asked(
    env: dict[str, str], message: str, *, lab: Lab, api: KubeApi, path: str, tmp_path: Path
) -> None:
    observation = Checked(lab, api, path, folder=tmp_path, **env)
    assert (observation.code, observation.leaks(), api.requests) == (2, [], [])
    assert message in observation.said["error"]


def test_a_kubectl_that_is_not_there(lab: Lab, api: KubeApi, path: str, tmp_path: Path) -> None:
    observation = Checked(lab, api, path, folder=tmp_path, GATE_KUBECTL_BIN="/nowhere/kubectl")
    assert (observation.code, observation.kubectl) == (2, [])
    assert "is not on PATH, or can't be run" in observation.said["error"]


@pytest.mark.row("JWT-15")
def test_a_key_that_is_not_the_servers_is_denied_and_that_is_the_end(
    lab: Lab, api: KubeApi, path: str, tmp_path: Path
) -> None:
    """As after a rotation: the server's key is another one, and says 401."""
    rotated = rsa.generate_private_key(65537, 2048).private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    api.secrets["attic"][KEY] = base64.b64encode(base64.b64encode(rotated)).decode()
    with lab.logging() as log:
        observation = Checked(lab, api, path, folder=tmp_path)
    assert (observation.code, observation.leaks()) == (3, [])
    (row,) = observation.said["paths"]
    assert (row["status"], row["code"], row["http_status"]) == ("inconclusive", "body-unread", 401)
    assert "Unauthorized" in observation.said["cache"]["note"]
    assert "error" not in log.text().lower()
