"""What Nix says of a path that it could not read whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.parse.nix_commands import read_verify

URL = "unable to download 'http://127.0.0.1:1/main/nix-cache-info': "
NAR = "unable to download 'http://127.0.0.1:1/main/nar/1iydv2xa0p16l3ssmvxljk1m2xdn8a1l.nar': "


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        ("path '/nix/store/x-y' was modified! expected hash 'sha256:a', got 'sha256:b'", "wrong"),
        ("path '/nix/store/x-y' is untrusted", "untrusted"),
        ("error: path '/nix/store/x-y' is not valid", "absent"),
        ("error: file 'nar/x.nar' does not exist in binary cache 'http://c'", "absent"),
        (f"error: {NAR}HTTP error 404", "absent"),
        ("error: 'http://127.0.0.1:1/main' does not appear to be a binary cache", "denied"),
        (f"error: {URL}HTTP error 401", "denied"),
        (f"error: {URL}HTTP error 403", "denied"),
        (f"error: {NAR}HTTP error 503", "other"),
        (f"error: {URL}Couldn't connect to server (7)", "connect"),
        (f"error: {URL}Could not resolve hostname (6)", "connect"),
        (f"error: {URL}SSL connect error (35)", "tls"),
        (f"error: {NAR}Transferred a partial file (18)", "cut"),
        ("error: failed to decompress", "wrong"),
        ("error: something that no table has", "other"),
        ("checking '/nix/store/x-y'...", "other"),
        ("", "other"),
    ],
)
def test_each_wording(words: str, outcome: str) -> None:
    assert read_verify(f"\n{words}\n".encode())[0] == outcome


def test_the_worst_line_counts_and_a_retry_does_not() -> None:
    retry = f"warning: error: {URL}SSL connect error (35); retrying in 261 ms\n"
    assert read_verify(f"{retry}error: {URL}Couldn't connect to server (7)\n".encode())[0] == "connect"
    assert (
        read_verify(b"error: strange\npath '/nix/store/x-y' was modified! expected hash 'a', got 'b'\n")[0] == "wrong"
    )
    assert read_verify(retry.encode()) == ("other", "nothing that is known")


@given(st.binary(max_size=400))
def test_no_bytes_are_good(data: bytes) -> None:
    outcome, words = read_verify(data)
    assert outcome != "whole"
    assert words.isprintable()
