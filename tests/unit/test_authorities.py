"""Which certificate authorities a run trusted, by path and digest."""

import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from gate import limits
from gate.model.machine import AuthorityFile, ToolsFound
from gate.process.environment import authorities_of
from tests.helpers import runs


def named(environ: dict[str, str]) -> dict[str, str | None]:
    return {row.variable: row.sha256 for row in authorities_of(environ) if row.variable != "openssl"}


def test_a_file_and_a_folder_are_known_by_their_digests(tmp_path: Path) -> None:
    bundle, folder = tmp_path / "ca.pem", tmp_path / "certs"
    bundle.write_bytes(b"one")
    folder.mkdir()
    environ = {"SSL_CERT_FILE": str(bundle), "SSL_CERT_DIR": str(folder), "NIX_SSL_CERT_FILE": str(tmp_path / "none")}
    first = named(environ)
    assert first == {"SSL_CERT_FILE": sha256(b"one").hexdigest(), "SSL_CERT_DIR": sha256().hexdigest()} | {
        "NIX_SSL_CERT_FILE": None
    }
    (folder / "a.0").symlink_to(bundle)
    second = named(environ)
    assert second["SSL_CERT_DIR"] != first["SSL_CERT_DIR"]
    (folder / "below").mkdir()
    assert named(environ)["SSL_CERT_DIR"] not in (None, second["SSL_CERT_DIR"])
    (folder / "below").rmdir()
    bundle.write_bytes(b"two")
    third = named(environ)
    assert (third["SSL_CERT_FILE"], third["SSL_CERT_DIR"]) != (second["SSL_CERT_FILE"], second["SSL_CERT_DIR"])


def test_nothing_is_waited_for_and_nothing_endless_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "long").write_bytes(b"x" * (limits.AUTHORITY_BYTES + 1))
    many = tmp_path / "many"
    many.mkdir()
    for number in range(limits.AUTHORITY_FILES + 1):
        (many / str(number)).touch()
    for name in ("pipe", "long", "many", "a\0b"):
        assert named({"SSL_CERT_FILE": f"{tmp_path}/{name}"}) == {"SSL_CERT_FILE": None}


def test_openssls_own_file_is_named_where_no_variable_takes_its_place(tmp_path: Path) -> None:
    assert {row.variable for row in authorities_of({})} <= {"openssl"}
    assert [row.variable for row in authorities_of({"SSL_CERT_FILE": str(tmp_path)})] == ["SSL_CERT_FILE"]


def test_the_evidence_names_them() -> None:
    site = AuthorityFile(variable="SSL_CERT_FILE", path="/etc/site.pem", sha256="0" * 64)
    own = AuthorityFile(variable="openssl", path="/etc/ssl/cert.pem", sha256="1" * 64)
    run = runs.healthy().change(ToolsFound, lambda row: replace(row, authorities=(own, site)))
    assert run.facts().machine.authorities == (own, site)
    (answer,) = [row.summary for row in run.judged()[0] if row.code == "tool-identified"]
    assert answer.endswith("; certificate authorities of /etc/site.pem by SSL_CERT_FILE")
    assert run.word() == "pass"
