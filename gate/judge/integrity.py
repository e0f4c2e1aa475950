"""``attic-nar-integrity-check``: the reading of each named path, classed by the rules of a run."""

from typing import Literal

from gate.errors import ForeignTextError
from gate.evidence.bodies import REFUSED, Expected, fold_body
from gate.judge.body_class import body_class, class_status
from gate.model.basics import Claim, Status, Truth, value
from gate.model.bodies import NarRead
from gate.model.records import BodyRead, PathFacts
from gate.parse.narinfo import parse_narinfo
from gate.parse.store_path import STORE_DIR, hash_part, store_hash, store_path

Yardstick = Literal["local-nix", "signed-narinfo", "none"]

IN_UPSTREAM = "in-upstream"
NOT_PUBLISHED = "body-not-published"
_OK = 200
_NO_PATH_HAS = -1  # bytes


@value
class ReadRequest:
    """One path to check. ``store_path`` is in full, or ``/nix/store/<hash>`` where the hash alone was named.

    ``local`` are the facts of the local Nix database, None where the path is not valid there. ``upstream``: the local
    store has a verified signature of an upstream of this cache, so the cache need not have the path.
    """

    store_path: str
    local: PathFacts | None = None
    upstream: bool = False


@value
class PathReading:
    """What became of one path. ``wire_bytes`` came of the NAR's body, ``nar_bytes`` out of its decompressor.

    ``curl`` is libcurl's result code for the body (18: partial file), None when no body was asked for; ``error`` is
    the record's word for what went wrong, ``curl_message`` libcurl's own text. ``signed`` is None when no key was asked
    for. ``references`` are known by the yardstick alone.
    """

    store_path: str
    status: Status
    code: str
    yardstick: Yardstick
    signed: Truth | None
    http_status: int | None
    curl: int | None
    error: str | None
    curl_message: str
    wire_bytes: int
    nar_bytes: int
    millis: int
    references: tuple[str, ...] = ()


def judge_read(request: ReadRequest, read: BodyRead, *, public_key: str | None, attic: bool) -> PathReading:
    """The class of a read.

    Without a key a cache that is not Attic's is held against the local store alone. A path that the cache says it does
    not have was never claimed to be published, so it is inconclusive; an upstream's path is then not applicable.
    """
    claimed = None if request.local else _claimed(request.store_path, read)
    trust = attic or public_key is not None or request.local is None
    expected = Expected(
        label=read.label,
        cache=read.cache,
        facts=request.local or claimed or _unknown(request.store_path),
        claim=Claim.UNACCOUNTED,
        public_key=public_key,
        attic=attic,
        trust=trust,
    )
    body = fold_body(expected, [("", read)])
    code, signed = body_class(body), body.reads[0].signed
    status = class_status(code)
    if code == NOT_PUBLISHED and request.upstream:
        code, status = IN_UPSTREAM, Status.NOT_APPLICABLE
    nar = read.nar
    return PathReading(
        store_path=claimed.store_path if claimed else request.store_path,
        status=status,
        code=code,
        yardstick=_yardstick(request, claimed, signed),
        signed=signed if trust else None,
        http_status=nar.status if nar else read.narinfo.status,
        curl=nar.curl if nar else None,
        error=_error(nar) if nar else read.narinfo.error,
        curl_message=nar.curl_text if nar else "",
        wire_bytes=nar.wire_bytes if nar else 0,
        nar_bytes=nar.nar_bytes if nar else 0,
        millis=read.narinfo.millis + (nar.millis if nar else 0),
        references=expected.facts.references if request.local or signed is Truth.PRESENT else (),
    )


def not_read(request: ReadRequest) -> PathReading:
    """A path that was to be read and was not, because the check was ended."""
    return PathReading(
        store_path=request.store_path,
        status=Status.INCONCLUSIVE,
        code="body-unread",
        yardstick="local-nix" if request.local else "none",
        signed=Truth.UNKNOWN,
        http_status=None,
        curl=None,
        error="cancelled",
        curl_message="",
        wire_bytes=0,
        nar_bytes=0,
        millis=0,
    )


def _yardstick(request: ReadRequest, claimed: PathFacts | None, signed: Truth) -> Yardstick:
    if request.local is not None:
        return "local-nix"
    return "signed-narinfo" if claimed and signed is Truth.PRESENT else "none"


def _claimed(path: str, read: BodyRead) -> PathFacts | None:
    """What the narinfo says of the path that was asked for; None when there is no such narinfo."""
    if read.narinfo.status != _OK or read.narinfo.error or read.narinfo.body_cut:
        return None
    try:
        info = parse_narinfo(read.narinfo.body.encode())
    except ForeignTextError:
        return None
    if path not in (info.store_path, f"{STORE_DIR}/{hash_part(info.store_path)}"):
        return None
    return PathFacts(
        store_path=info.store_path,
        nar_hash=info.nar_hash,
        nar_size=info.nar_size,
        references=tuple(f"{STORE_DIR}/{name}" for name in info.references),
        signatures=(),
        ultimate=False,
    )


def _unknown(path: str) -> PathFacts:
    """Facts that no narinfo has: whatever comes for the path is not it."""
    return PathFacts(store_path=path, nar_hash="", nar_size=_NO_PATH_HAS, references=(), signatures=(), ultimate=False)


def named_path(text: str) -> str:
    """``/nix/store/<hash>-<name>`` as it is, the hash alone as ``/nix/store/<hash>``; `ForeignTextError` otherwise."""
    return store_path(text) if text.startswith(STORE_DIR) else f"{STORE_DIR}/{store_hash(text)}"


def _error(nar: NarRead) -> str | None:
    """The read's error code; for a redirect that was not followed with the place where it leads."""
    if nar.error not in REFUSED or not nar.hops:
        return nar.error
    return f"{nar.error}: {nar.hops[-1]} is not among the hosts that may be asked (`hosts` in gate.toml)"
