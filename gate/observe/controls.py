"""Controls: each gives a detector something that it must catch, and records whether it did.

Attic ignores a token that it can't verify and goes on without one (attic b7c9056 server/src/access/http.rs:120), so on
a public cache a dead token seems to work; only a denial that is seen shows that access is looked at.
"""

import secrets
from typing import Final

from gate import limits
from gate.clock import Clock
from gate.model.basics import Secret, Truth
from gate.model.records import ControlTried, HttpAnswer
from gate.observe.attic import AtticApi
from gate.observe.nar_bodies import Access, NarTarget, read_bodies
from gate.parse.attic_json import parse_attic_error
from gate.parse.http_cache import from_a_cache
from gate.parse.nar import NarMeter
from gate.parse.store_path import ALPHABET, HASH_CHARS
from gate.process import CancelToken

NO_TOKEN: Final = "no-token-denied"  # noqa: S105  # a control's name
READ_ONLY: Final = "read-only-push-denied"
ABSENT: Final = "absent-path-404"
BIT_FLIP: Final = "bit-flip-caught"

_OK: Final = 200
_NOT_FOUND: Final = 404
_DENIED: Final = (401, 403)


def no_token_read(attic: AtticApi, cache: str) -> ControlTried:
    """A private cache must not be read without a token."""
    answer = attic.get(f"{cache}/nix-cache-info", None)
    return _tried(NO_TOKEN, "401 or 403 of Attic's", answer, _denied(answer))


def read_only_push_denied(attic: AtticApi, cache: str, read_token: Secret | None) -> ControlTried:
    """The token that reads must not be able to push; the question asked is harmless."""
    expected = "401 or 403 of Attic's"
    if read_token is None:
        return ControlTried(name=READ_ONLY, expected=expected, got="there is no read token", fired=Truth.UNKNOWN)
    answer = attic.may_push(cache, read_token)
    return _tried(READ_ONLY, expected, answer, _denied(answer))


def absent_path_is_404(attic: AtticApi, cache: str, read_token: Secret | None) -> ControlTried:
    """A well-formed hash that nobody has must not be found."""
    part = "".join(secrets.choice(ALPHABET) for _ in range(HASH_CHARS))
    answer = attic.get(f"{cache}/{part}.narinfo", read_token)
    fired = Truth.UNKNOWN
    if answer.status == _NOT_FOUND and _error_name(answer) == "NoSuchObject":
        fired = Truth.PRESENT
    elif answer.status == _OK:
        fired = Truth.ABSENT
    return _tried(ABSENT, "404 NoSuchObject", answer, fired)


def bit_flip_caught(
    target: NarTarget,
    *,
    sha256: str,
    access: Access,
    deadline_seconds: float,
    cancel: CancelToken,
    clock: Clock,
) -> ControlTried:
    """A served body of a small path, read again whole, must not measure as itself once one bit of it is flipped.

    ``sha256`` is the expected hash of its NAR in Nix's base 32, without ``sha256:``.
    """
    wire = bytearray()

    def keep(piece: bytes) -> None:
        wire.extend(piece[: limits.CONTROL_BODY_BYTES + 1 - len(wire)])

    reads = list(
        read_bodies(
            [target], access=access, jobs=1, tap=keep, deadline_seconds=deadline_seconds, cancel=cancel, clock=clock
        )
    )
    nar = reads[0].nar if reads else None
    if nar is None or nar.curl != 0 or nar.sha256 != sha256 or not 0 < len(wire) <= limits.CONTROL_BODY_BYTES:
        got = f"{target.store_path} can't be read back whole"
        return ControlTried(name=BIT_FLIP, expected="another hash", got=got, fired=Truth.UNKNOWN)
    at = 8 * (len(wire) // 2)
    fired = flip_is_caught(bytes(wire), at, codec=nar.codec, nar_size=target.nar_size, sha256=sha256)
    got = "another hash or no NAR at all" if fired is Truth.PRESENT else "the same hash"
    return ControlTried(name=BIT_FLIP, expected="another hash", got=f"{got} with bit {at} flipped", fired=fired)


def flip_is_caught(wire: bytes, at: int, *, codec: str, nar_size: int, sha256: str) -> Truth:
    """Whether a body with bit ``at`` flipped measures as anything but the NAR of that size and hash."""
    flipped = bytearray(wire)
    flipped[at // 8] ^= 1 << at % 8
    meter = NarMeter(codec, nar_size)
    meter.feed(bytes(flipped))
    measure = meter.finish()
    as_before = (measure.nar_bytes, measure.sha256, measure.clean_end, measure.error) == (nar_size, sha256, True, None)
    return Truth.ABSENT if as_before else Truth.PRESENT


def _denied(answer: HttpAnswer) -> Truth:
    """Present when Attic itself denied, absent when it granted; another's page says nothing of Attic."""
    if answer.status in _DENIED and _error_name(answer) is not None:
        return Truth.PRESENT
    granted = answer.status == _OK or _error_name(answer) == "NoSuchObject"
    return Truth.ABSENT if granted else Truth.UNKNOWN


def _error_name(answer: HttpAnswer) -> str | None:
    text = parse_attic_error(answer.body.encode())
    return None if text is None else text[1]


def _tried(name: str, expected: str, answer: HttpAnswer, fired: Truth) -> ControlTried:
    got = f"{answer.status} {_error_name(answer) or ''}".rstrip() if answer.status else f"no answer ({answer.error})"
    if (line := from_a_cache(answer.headers)) is not None:
        got, fired = f"{got}, and an HTTP cache may have answered ({line})", Truth.UNKNOWN
    return ControlTried(name=name, expected=expected, got=got, fired=fired)
