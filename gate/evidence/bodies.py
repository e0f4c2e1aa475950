"""Classes each read of a NAR body by what the server sent: whole, empty, short, missing, foreign and so on.

A class is a code of the registry. It says what came, not what that means for the run: `gate.judge.body_class` turns the
classes of a path's reads into the class and the status of the path.

Only the local Nix database says what a body must be. HTTP 200 proves nothing: Attic commits it before it fetches the
first chunk (attic b7c9056 server/src/api/binary_cache.rs ``get_nar``), and signs narinfos from its database at read
time.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from gate.errors import ForeignTextError
from gate.model.basics import Claim, Label, Truth
from gate.model.bodies import Body, NarRead, Read
from gate.model.parsed import NarInfo
from gate.model.records import BodyRead, HttpAnswer, PathFacts
from gate.parse.attic_json import parse_attic_error
from gate.parse.http_cache import from_a_cache
from gate.parse.narinfo import check_url, fingerprint, leads_elsewhere, parse_narinfo, verify
from gate.parse.s3 import parse_fault
from gate.parse.store_path import STORE_DIR

WHOLE: Final = "body-whole"
NON_REPRODUCIBLE: Final = "body-non-reproducible"
MISFRAMED: Final = "body-misframed"
REFUSED: Final = ("refused-redirect", "refused-host", "too-many-redirects")  # redirects that were not followed
_SERVED: Final = frozenset({Claim.UPLOADED, Claim.DEDUPLICATED, Claim.ALREADY_CACHED})
_OK = 200
_NOT_FOUND = 404
_SERVER_ERRORS = (500, 503)
# libcurl's result codes (https://curl.se/libcurl/c/libcurl-errors.html)
_CURL_PARTIAL_FILE = 18
_CURL_TIMED_OUT = 28
_CURL_CUT = (_CURL_PARTIAL_FILE, 56, 92)  # partial file, receive error, HTTP/2 stream error


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a path must be: its local facts, the cache, and the claim of the push (see `PushPath`).

    ``attic`` False: the cache is another Nix HTTP binary cache, so a narinfo may name any place below it, and a 404
    means that something is absent (Nix's ``src/libstore/http-binary-cache-store.cc`` reads it so). ``trust`` False: the
    signature does not matter. ``origin_known`` False: the server at ``origin-server`` gave no narinfo of this run, so
    it may belong to another cache, and a path that it lacks is not a loss.
    """

    label: Label
    cache: str
    facts: PathFacts
    claim: Claim
    doubted: bool = False
    public_key: str | None
    attic: bool = True
    trust: bool = True
    origin_known: bool = True


@dataclass(frozen=True, kw_only=True)
class Wait:
    """A wait during a read of a path; the read ended at ``at``."""

    millis: int
    what: str
    store_path: str
    at: str

    @property
    def text(self) -> str:
        """The wait in words."""
        return f"{self.what} took {self.millis} ms (the read was over at {self.at})"


def fold_body(expected: Expected, reads: Iterable[tuple[str, BodyRead]]) -> Body:
    """A path with all its reads, each classed; ``reads`` are records with their times."""
    return Body(
        label=expected.label,
        cache=expected.cache,
        store_path=expected.facts.store_path,
        nar_hash=expected.facts.nar_hash,
        nar_size=expected.facts.nar_size,
        claim=expected.claim,
        reads=tuple(_read(expected, at, read) for at, read in reads),
    )


def is_whole(body: Body) -> bool:
    """Whether every read was whole, one of them where builders read and before the last bucket sample."""
    ordinary = any(not read.at_origin and not read.after_post for read in body.reads)
    return ordinary and all(read.code == WHOLE for read in body.reads)


def longest_wait(bodies: Iterable[Body]) -> Wait | None:
    """The longest wait for a narinfo, or for a byte of a body, among all reads; None where nothing was read."""
    return max((wait for body in bodies for wait in waits(body)), key=lambda wait: wait.millis, default=None)


def waits(body: Body) -> Iterator[Wait]:
    """How long each read of a path waited for its narinfo, and at the longest for a byte of its body."""
    for read in body.reads:
        yield Wait(what="the narinfo", millis=read.narinfo_millis, store_path=body.store_path, at=read.at)
        if read.nar is not None:
            pause, first = read.nar.pause_millis, read.nar.first_byte_millis
            what = "a further byte of the body" if first is not None and first < pause else "the body's first byte"
            yield Wait(what=what, millis=pause, store_path=body.store_path, at=read.at)


def _read(expected: Expected, at: str, read: BodyRead) -> Read:
    """One read with its class: the narinfo decides first, then the transfer and the bytes of the NAR."""
    info, code = _narinfo(expected, read.narinfo)
    signed = _signed(expected, info)
    if code == "body-foreign" and info is not None and _is_another_build(expected, info, read.nar):
        code = NON_REPRODUCIBLE
    if code is None:
        code = _nar(expected, read.nar)
    if code == WHOLE and info is not None and read.nar is not None and read.nar.codec != info.compression:
        code = "body-codec-mismatch"  # whole, but by another codec than the one in the narinfo
    if code in (WHOLE, MISFRAMED) and info is not None and read.nar is not None:
        code = _whole_nar(expected, info, signed, read, read.nar, misframed=code == MISFRAMED)
    if read.at_origin and not expected.origin_known and code in ("body-missing", "body-foreign"):
        code = "body-unread"
    return Read(
        attempt=read.attempt,
        at=at,
        after_post=read.again_after_post,
        at_origin=read.at_origin,
        narinfo=info,
        narinfo_status=read.narinfo.status,
        narinfo_error=read.narinfo.error,
        signed=signed,
        nar=read.nar,
        code=code,
        narinfo_millis=read.narinfo.millis,
    )


def _narinfo(expected: Expected, answer: HttpAnswer) -> tuple[NarInfo | None, str | None]:
    """The narinfo, and the class of the read where the narinfo already decides it."""
    if answer.error or answer.status is None:
        return None, "body-timed-out" if answer.error == "timeout" else "body-unread"
    if answer.status == _NOT_FOUND and from_a_cache(answer.headers):
        return None, "body-from-a-cache"  # caches keep a 404 too: one from before the publication says nothing of it
    if answer.status == _NOT_FOUND and (not expected.attic or _is_attic_error(answer.body, "NoSuchObject")):
        served = expected.claim in _SERVED or expected.doubted
        return None, "body-missing" if served else "body-not-published"
    if answer.status != _OK or answer.body_cut:
        return None, "body-unread"
    try:
        info = parse_narinfo(answer.body.encode())
    except ForeignTextError:
        return None, "body-narinfo-unreadable"
    return info, _narinfo_code(expected, info)


def _narinfo_code(expected: Expected, info: NarInfo) -> str | None:
    """The class of a narinfo that is not of this path and its content; None where it is."""
    facts = expected.facts
    if (info.store_path, info.nar_hash, info.nar_size) != (facts.store_path, facts.nar_hash, facts.nar_size):
        return "body-foreign"
    # Nix scans the content of a path for references, so the same content has the same ones. A signature covers them,
    # and a reader who lacks one gets a closure that does not run.
    if {f"{STORE_DIR}/{name}" for name in info.references} != set(facts.references):
        return "body-foreign"
    try:
        check_url(info, store_path=facts.store_path, attic=expected.attic)
    except ForeignTextError:
        return "body-url-denied" if leads_elsewhere(info.url) else "body-narinfo-unreadable"
    return None


def _is_another_build(expected: Expected, info: NarInfo, nar: NarRead | None) -> bool:
    """Whether the cache has another NAR of a path that this run did not write: whole, and signed by the cache's key.

    Only two builds may give different contents to one name: a source, a fixed output, and a path that was copied to
    this machine may not. A deduplicated path was published with our own NarHash (attic b7c9056
    server/src/api/v1/upload_path.rs), so only a path that the client left out as cached can be of another build.
    """
    facts = expected.facts
    cached = expected.claim is Claim.ALREADY_CACHED and expected.label is Label.PROFILE and not expected.doubted
    if not cached or not facts.ultimate or facts.content_addressed or nar is None:
        return False
    references = tuple(f"{STORE_DIR}/{name}" for name in info.references)
    cached_facts = replace(facts, nar_hash=info.nar_hash, nar_size=info.nar_size, references=references)
    other = replace(expected, facts=cached_facts)
    is_whole_nar = _nar(other, nar) == WHOLE and nar.well_formed and not nar.skipped_bytes
    return is_whole_nar and _narinfo_code(other, info) is None and _signed(other, info) is Truth.PRESENT


def _signed(expected: Expected, info: NarInfo | None) -> Truth:
    """Whether the cache's key signed the local facts of the path."""
    if info is None or expected.public_key is None:
        return Truth.UNKNOWN
    facts = expected.facts
    try:
        signed_text = fingerprint(facts.store_path, facts.nar_hash, facts.nar_size, facts.references)
        good = any(verify(signed_text, signature, (expected.public_key,)) for signature in info.signatures)
    except ForeignTextError:
        return Truth.UNKNOWN
    return Truth.PRESENT if good else Truth.ABSENT


def _nar(expected: Expected, nar: NarRead | None) -> str:
    """The class of a body by its transfer and its bytes; None is a body that was not asked for."""
    if nar is None:
        return "body-unread"
    if nar.error in REFUSED:
        return "body-redirect-denied"
    if nar.curl == _CURL_TIMED_OUT or nar.error == "timeout":
        return "body-timed-out"
    if nar.error == "codec":
        return "body-codec-unread"
    if nar.status != _OK:
        return _refusal(nar, attic=expected.attic)
    if nar.curl not in (0, *_CURL_CUT) and nar.error not in (None, "overrun", "decompress"):
        return "body-unread"
    return _measured(expected.facts, nar)


def _refusal(nar: NarRead, *, attic: bool) -> str:
    """The class of a body whose HTTP status is not 200: a documented 404 of Attic or S3 means that it is missing."""
    fault = parse_fault(nar.body.encode())
    if nar.status == _NOT_FOUND and (
        not attic
        or (fault is not None and fault.code in ("NoSuchBucket", "NoSuchKey"))
        or _is_attic_error(nar.body, "NoSuchObject")
    ):
        return "body-missing"
    if nar.status in _SERVER_ERRORS and parse_attic_error(nar.body.encode()) is not None:
        return "body-server-error"
    return "body-unread"


def _measured(facts: PathFacts, nar: NarRead) -> str:
    """The class of a body that came with HTTP 200, by its bytes against the size and hash of the local store."""
    if nar.wire_bytes == 0:
        return "body-empty"
    if nar.sniffed is not None and nar.sniffed != nar.codec:
        return "body-codec-mismatch"
    is_same = nar.nar_bytes == facts.nar_size and f"sha256:{nar.sha256}" == facts.nar_hash
    if nar.curl in _CURL_CUT:
        return MISFRAMED if is_same and nar.clean_end else "body-short"
    if nar.nar_bytes > facts.nar_size:
        return "body-foreign" if nar.well_formed else "body-long"
    if nar.error is not None:
        return "body-corrupt"
    if is_same:
        return WHOLE if nar.curl == 0 and nar.clean_end else "body-short"
    if nar.nar_bytes == facts.nar_size:
        return "body-corrupt"
    return "body-foreign" if nar.clean_end and nar.well_formed else "body-short"


def _whole_nar(
    expected: Expected, info: NarInfo, signed: Truth, read: BodyRead, nar: NarRead, *, misframed: bool
) -> str:
    """The class of a read that brought every byte of the NAR: what makes it wrong, then what makes it no proof.

    Attic compresses what it stores itself (attic b7c9056 server/src/compression.rs) and writes plain frames only, so
    skippable frames are somebody else's. An answer that a cache on the way kept proves nothing of the server.
    """
    if expected.trust and signed is Truth.ABSENT:
        return "body-untrusted" if info.signatures else "body-unsigned"
    if expected.attic and nar.skipped_bytes:
        return "body-hidden-bytes"
    if misframed:
        return MISFRAMED
    if expected.trust and signed is Truth.UNKNOWN:
        return "body-signature-unknown"
    if expected.attic and (nar.encoding or "identity").lower() != "identity":
        return "body-encoded"
    if expected.attic and (from_a_cache(read.narinfo.headers) or nar.cached):
        return "body-from-a-cache"
    return WHOLE


def _is_attic_error(body: str, name: str) -> bool:
    """Whether a body is Attic's own error document of this name."""
    error = parse_attic_error(body.encode())
    return error is not None and error[1] == name
