"""Which servers get the token: those of the forge's own interface, whatever the environment says of a way to them."""

import ipaddress
import re
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import stamina
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from gate.errors import ForgedError, InconclusiveError, RefusedError
from gate.github.api import GitHub, api_url_of
from gate.github.artifacts import file_at, repository_facts
from gate.model.basics import Secret
from tests.helpers import github_world as gh
from tests.helpers.raw_server import raw_server

PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
AUTHORITIES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NIX_SSL_CERT_FILE")


@pytest.fixture(autouse=True)
def _no_wait() -> Iterator[None]:
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


def interface(url: str) -> GitHub:
    return GitHub(gh.REPOSITORY, Secret(gh.TOKEN), api_url=url, clock=gh.Clock())


@pytest.fixture
def world(httpserver: HTTPServer) -> gh.World:
    result = gh.World(url=httpserver.url_for("").rstrip("/"))
    httpserver.expect_request(re.compile(".*")).respond_with_handler(result.answer)
    return result


@pytest.fixture
def other(tmp_path: Path) -> Iterator[HTTPServer]:
    """A server beside the forge, with a certificate for localhost that an authority of its own signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(tz=UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "key.pem").write_bytes(private)
    (tmp_path / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
    with HTTPServer(ssl_context=context) as server:
        yield server


@pytest.mark.row("TRU-12")
@pytest.mark.parametrize("name", PROXIES)
def test_no_proxy_of_the_environment_is_asked(world: gh.World, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the proxy is the one that would answer: without it nothing listens at the forge's address."""
    monkeypatch.setenv(name, world.url)
    with interface("http://127.0.0.1:9") as github, pytest.raises(InconclusiveError, match="could not be asked"):
        repository_facts(github)
    assert world.asked == []
    with interface(world.url) as github:
        assert repository_facts(github)[0] == gh.NUMBER


@pytest.mark.row("TRU-12")
@pytest.mark.parametrize("name", AUTHORITIES)
def test_no_authority_of_the_environment_is_believed(
    other: HTTPServer, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other.expect_request(re.compile(".*")).respond_with_json({"id": 1, "full_name": "a/b", "default_branch": "main"})
    monkeypatch.setenv(name, str(tmp_path / "ca.pem"))
    with interface(f"https://localhost:{other.port}") as github, pytest.raises(InconclusiveError, match="ConnectError"):
        repository_facts(github)
    assert other.log == []


@pytest.mark.row("TRU-12")
def test_a_netrc_gives_no_other_name(world: gh.World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine localhost login eve password x\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with interface(world.url) as github:
        repository_facts(github)
    assert world.tokens == [f"Bearer {gh.TOKEN}"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("relative", [False, True])
def test_a_renamed_private_repository_is_read_with_the_token(world: gh.World, status: int, *, relative: bool) -> None:
    """GitHub leads from the old name to the number; without the token a private repository is not there (404)."""
    world.files[(gh.HEAD, "gate.toml")] = b"x = 1"
    root = "" if relative else world.url

    def private(request: Request) -> Response:
        if request.headers.get("Authorization") != f"Bearer {gh.TOKEN}":
            return Response("{}", 404)
        if request.path.startswith("/repos/"):
            rest = request.full_path.removeprefix(f"/repos/{gh.REPOSITORY}").rstrip("?")
            return Response("", status, headers={"Location": f"{root}/repositories/{gh.NUMBER}{rest}"})
        request.path = request.path.replace(f"/repositories/{gh.NUMBER}", f"/repos/{gh.REPOSITORY}")
        return world.answer(request)

    with HTTPServer() as server:
        server.expect_request(re.compile(".*")).respond_with_handler(private)
        root = "" if relative else server.url_for("").rstrip("/")
        with interface(server.url_for("").rstrip("/")) as github:
            assert repository_facts(github)[0] == gh.NUMBER
            assert file_at(github, "gate.toml", gh.HEAD, 100) == b"x = 1"


@pytest.mark.parametrize("status", [301, 307, 308])
def test_a_redirect_to_another_place_is_not_followed(world: gh.World, httpserver: HTTPServer, status: int) -> None:
    """By the host's other name, by a path that is not the interface's, and by what is no address."""
    places = (
        f"http://127.0.0.1:{httpserver.port}/api/v3/repositories/1",
        f"http://localhost:{httpserver.port}/else/repositories/1",
        f"http://user@localhost:{httpserver.port}/api/v3/repositories/1",
        "ftp://localhost/api/v3/x",
        "//example.org/api/v3/x",
    )
    for place in places:
        world.asked.clear()
        world.broken = lambda path, place=place: (  # type: ignore[misc]  # a lambda
            Response("", status, headers={"Location": place}) if path.startswith("/api/v3/repos/") else None
        )
        with interface(f"{world.url}/api/v3") as github, pytest.raises(InconclusiveError, match="redirects to"):
            repository_facts(github)
        assert len(world.asked) == 1, place


@pytest.mark.parametrize("place", ["http://[", "http://localhost:port/", "https://localhost:99999/"])
def test_a_redirect_that_is_no_address_is_not_followed(place: str) -> None:
    answer = f"HTTP/1.1 301 Moved\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode()
    with raw_server(answer) as server:
        with interface(server.url) as github, pytest.raises(InconclusiveError):
            repository_facts(github)
        assert all(b"/repos/acme/widgets " in request for request in server.requests)


def test_an_artifact_comes_from_elsewhere_without_the_token(world: gh.World) -> None:
    run = world.add_run(1, gh.NOW)
    row = world.add_artifact(run, b"zip")
    path = f"/actions/artifacts/{row['id']}/zip"
    with interface(world.url) as github:
        assert github.download(path, cap=10, digest=row["digest"]) == b"zip"
        assert world.tokens == [f"Bearer {gh.TOKEN}", None]
        with pytest.raises(ForgedError):
            github.download(path, cap=10, digest="sha256:00")


def test_redirects_without_an_end_are_an_end(world: gh.World) -> None:
    world.broken = lambda path: Response("", 301, headers={"Location": path + "a"})
    with interface(world.url) as github, pytest.raises(InconclusiveError, match="answers 301"):
        repository_facts(github)
    assert len(world.asked) == 4


GHES = {"GITHUB_SERVER_URL": "https://git.example.org"}


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, "https://api.github.com"),
        ({"GITHUB_SERVER_URL": "https://github.com"}, "https://api.github.com"),
        ({**GHES, "GITHUB_API_URL": "https://git.example.org/api/v3"}, "https://git.example.org/api/v3"),
        ({**GHES, "GITHUB_API_URL": "https://git.example.org/api/v1"}, "https://git.example.org/api/v1"),
        (
            {"GITHUB_SERVER_URL": "https://acme.ghe.com", "GITHUB_API_URL": "https://api.acme.ghe.com"},
            "https://api.acme.ghe.com",
        ),
        ({"GITHUB_API_URL": "http://127.0.0.1:8"}, "http://127.0.0.1:8"),
    ],
)
def test_the_token_goes_to_the_forge_that_the_runner_names(environ: Mapping[str, str], url: str) -> None:
    assert api_url_of(environ) == url


@pytest.mark.row("TRU-12")
@pytest.mark.parametrize(
    "environ",
    [
        {"GITHUB_API_URL": "https://api.example.org"},
        {"GITHUB_API_URL": "https://github.com.example.org"},
        {"GITHUB_API_URL": "https://api.github.com@example.org"},
        {"GITHUB_API_URL": "https://example.org:port"},
        {"GITHUB_API_URL": "http://git.example.org", **GHES},
        {"GITHUB_API_URL": "https://git.example.com/api/v3", **GHES},
        {"GITHUB_API_URL": "https://api.github.com", **GHES},
        {"GITHUB_API_URL": "https://api.github.com", "GITHUB_SERVER_URL": "github.com"},
    ],
)
def test_no_other_server_gets_the_token(environ: Mapping[str, str]) -> None:
    with pytest.raises(RefusedError, match="GITHUB_API_URL"):
        api_url_of(environ)
