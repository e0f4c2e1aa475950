"""Where a body may be read from, what goes there, and what of it is recorded."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gate import limits
from gate.errors import RefusedError
from gate.model.records import BodyRead
from gate.net import HostList
from tests.unit.observe.nar_reading import HASH, SIGNED, TOKEN, WHOLE, ZSTD, body, cache, measured, read
from tests.unit.observe.raw_http import RawServer, Request, serving


def redirecting(location: str, status: int = 307) -> Callable[[Request], None]:
    return cache(lambda request: request.answer(status, Location=location))


def test_redirect_to_an_allowed_host_is_followed_without_credentials() -> None:
    with (
        serving(lambda request: request.answer(200, ZSTD)) as store,
        serving(redirecting(f"{store.url}/attic/4e78.chunk?{SIGNED}")) as server,
    ):
        record = read(server, store.host)
    assert record.nar is not None
    assert measured(record.nar) == WHOLE
    assert record.nar.hops == (f"{server.url}/main/nar/{HASH}.nar", f"{store.url}/attic/4e78.chunk")
    (request,) = store.requests
    assert request.path == f"/attic/4e78.chunk?{SIGNED}"
    assert not {"authorization", "cookie", "proxy-authorization", "referer"} & set(request.headers)
    assert request.headers["accept-encoding"] == "identity"
    assert "5e5e5e" not in repr(record)
    assert "AKIAEXAMPLE" not in repr(record)


def test_redirect_within_the_cache_keeps_the_credential() -> None:
    def answer(request: Request) -> None:
        if request.path == "/elsewhere":
            request.answer(200, ZSTD)
        else:
            request.answer(302, Location="/elsewhere")

    with serving(cache(answer)) as server:
        nar = body(server)
    assert measured(nar) == WHOLE
    assert server.requests[-1].headers["authorization"] == f"Bearer {TOKEN.reveal()}"


def test_s3_error_after_a_redirect_is_kept_without_the_signature() -> None:
    fault = f"<Error><Code>NoSuchBucket</Code><Resource>attic</Resource><Q>{SIGNED}</Q><S>{'5e' * 32}</S></Error>"
    with (
        serving(lambda request: request.answer(404, fault.encode(), Content_Type="text/xml")) as store,
        serving(redirecting(f"{store.url}/attic/4e78.chunk?{SIGNED}")) as server,
    ):
        nar = body(server, store.host)
    assert (nar.status, nar.curl, nar.error, nar.content_type) == (404, 0, None, "text/xml")
    assert nar.body == "<Error><Code>NoSuchBucket</Code><Resource>attic</Resource><Q>***</Q><S>***</S></Error>"


def test_signature_is_not_kept_in_whatever_form_it_comes_back() -> None:
    forms = (SIGNED, SIGNED.replace("&", "&amp;"), SIGNED.replace("%2F", "/"), "AKIAEXAMPLE", "5e" * 32)

    def answer(request: Request) -> None:
        request.answer(403, " ".join(forms).encode(), Content_Type=f"text/{'5e' * 32}")

    with serving(answer) as store, serving(redirecting(f"{store.url}/x?x-id=GetObject&{SIGNED}")) as server:
        nar = body(server, store.host)
    assert nar.status == 403
    assert not re.search("5e5e|AKIA|us-east", repr(nar))
    assert nar.content_type == "text/***"


def test_redirect_to_another_host_is_refused_and_never_asked() -> None:
    with (
        serving(lambda request: request.answer(200, ZSTD)) as store,
        serving(redirecting(f"{store.url}/attic/4e78.chunk?{SIGNED}")) as server,
    ):
        nar = body(server)
    assert (nar.status, nar.curl, nar.error, nar.wire_bytes) == (307, 0, "refused-host", 0)
    assert nar.hops == (f"{server.url}/main/nar/{HASH}.nar", f"{store.url}/attic/4e78.chunk")
    assert store.connections == 0


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("", "refused-redirect"),
        ("other.nar", "refused-host"),
        ("file:///etc/passwd", "refused-host"),
        ("gopher://HOST/", "refused-host"),
        ("http://user:word@HOST/x", "refused-host"),
        ("http://HOST\\@127.0.0.1:1/x", "refused-host"),
        ("http://HOST@127.0.0.1:1/x", "refused-host"),
        ("http://127.0.0.1:1#@HOST/x", "refused-host"),
        ("http://169.254.169.254/latest/meta-data", "refused-host"),
        ("//127.0.0.1:1/x", "refused-host"),
        ("http://[::1]:1/x", "refused-host"),
        ("http://[::1/x?signature=0123456789ab", "refused-host"),
        ("https://127.0.0.1:1/x", "refused-host"),
        ("http://%31%32%37.0.0.1:1/x", "refused-host"),
    ],
)
def test_redirect_that_is_not_allowed(location: str, error: str) -> None:
    with serving(lambda request: None) as server:
        server.handler = redirecting(location.replace("HOST", server.host))
        nar = body(server)
        assert (nar.status, nar.curl, nar.error) == (307, 0, error)
        assert len(server.requests) == 2
        assert "word" not in repr(nar)


def test_host_allowed_for_tls_alone_is_not_asked_without() -> None:
    with serving(lambda request: request.answer(200, ZSTD)) as store, serving(redirecting(f"{store.url}/x")) as server:
        nar = body(server, hosts=HostList((server.host, store.host), (server.host,)))
    assert (nar.status, nar.error, store.connections) == (307, "refused-host", 0)


def test_redirect_loop_ends() -> None:
    with serving(redirecting("/again")) as server:
        nar = body(server)
    assert (nar.status, nar.curl, nar.error) == (307, 0, "too-many-redirects")
    assert len(server.requests) == 1 + 1 + limits.REDIRECTS
    assert nar.hops[0].endswith(f"/main/nar/{HASH}.nar")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-signed certificate of 127.0.0.1, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cache")])
    now = datetime.now(tz=UTC)
    result = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    file.write_bytes(private + result.public_bytes(pem))
    return file


def over_tls(server: RawServer, *more_hosts: str, ca_file: Path | None) -> BodyRead:
    return read(
        server,
        cache_url=f"https://{server.host}/main",
        hosts=HostList((server.host, *more_hosts), (server.host, *more_hosts)),
        ca_file=None if ca_file is None else str(ca_file),
    )


def test_tls_is_verified_against_the_given_authority(certificate: Path) -> None:
    with serving(cache(lambda request: request.answer(200, ZSTD)), tls=certificate) as server:
        good = over_tls(server, ca_file=certificate)
        bad = over_tls(server, ca_file=None)
    assert good.nar is not None
    assert measured(good.nar) == WHOLE
    assert (bad.narinfo.status, bad.narinfo.error, bad.nar) == (None, "tls", None)


def test_from_https_nothing_leads_to_http(certificate: Path) -> None:
    with (
        serving(lambda request: request.answer(200, ZSTD)) as store,
        serving(redirecting(f"{store.url}/x"), tls=certificate) as server,
    ):
        nar = over_tls(server, store.host, ca_file=certificate).nar
    assert nar is not None
    assert (nar.status, nar.error, store.connections) == (307, "refused-redirect", 0)


def test_authority_file_that_can_not_be_read_is_refused(tmp_path: Path) -> None:
    with serving(lambda request: None) as server:
        with pytest.raises(RefusedError, match="expected PEM"):
            over_tls(server, ca_file=tmp_path / "nowhere.pem")
        (tmp_path / "binary.pem").write_bytes(b"\xff\xfe")
        with pytest.raises(RefusedError, match="expected PEM"):
            over_tls(server, ca_file=tmp_path / "binary.pem")
