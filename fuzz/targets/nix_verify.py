"""`gate.parse.nix_commands`: no words of Nix, and none of a cache within them, say that a path came whole."""

from fuzz.target import Target
from gate.parse.nix_commands import read_verify

_OUTCOMES = {"wrong", "cut", "untrusted", "absent", "denied", "tls", "connect", "other"}


def check(data: bytes) -> None:
    """Any bytes on stderr of a reading that did not end well."""
    outcome, words = read_verify(data)
    assert outcome in _OUTCOMES
    assert words.isprintable()
    more, _ = read_verify(b"path '/nix/store/x' was modified! expected hash 'a', got 'b'\n" + data)
    assert more == "wrong", "no further line makes a wrong body better"


def seeds() -> list[bytes]:
    """What Nix 2.8 says of each kind."""
    url = b"error: unable to download 'http://127.0.0.1:1/main/nix-cache-info': "
    return [
        b"path '/nix/store/1iydv2xa0p16l3ssmvxljk1m2xdn8a1l-source' was modified! expected hash 'a', got 'b'\n",
        b"path '/nix/store/1iydv2xa0p16l3ssmvxljk1m2xdn8a1l-source' is untrusted\n",
        b"error: path '/nix/store/00000000000000000000000000000000-absent' is not valid\n",
        b"error: 'http://127.0.0.1:59897/main' does not appear to be a binary cache\n",
        url + b"Couldn't connect to server (7)\n",
        url + b"SSL connect error (35)\n",
        url + b"HTTP error 401\n",
        b"error: unable to download 'http://c/nar/x.nar': Transferred a partial file (18)\n",
    ]


TARGET = Target(
    check,
    seeds,
    parsers=("nix_commands",),
    words=(b"error: ", b"unable to download '", b"HTTP error ", b" was modified! expected hash", b"warning: "),
)
