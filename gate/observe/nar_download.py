"""The download of one NAR, redirect by redirect, measured by a thread while the next bytes arrive."""

from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Final

from gate import limits
from gate.errors import ForeignTextError
from gate.model.basics import Label, value
from gate.model.bodies import NarRead
from gate.model.parsed import NarInfo
from gate.model.records import HttpAnswer
from gate.net import plain_url
from gate.observe.curl_transfer import CurlHop, curl_word
from gate.observe.url_policy import UrlPolicy, without_queries
from gate.parse.http_cache import from_a_cache
from gate.parse.nar import NarMeter
from gate.parse.narinfo import check_url, parse_narinfo
from gate.parse.store_path import HASH_CHARS, STORE_DIR, hash_part, store_hash
from gate.process import Redactor

_BUFFERS: Final = 3  # one is filled, one measured, and one waits, so that the thread need not


class BackgroundMeter:
    """A meter that is some parts of `limits.AHEAD_BYTES` behind, in a separate thread.

    What it measures does not depend on the threads: no part is measured after one that was not good, and a result is
    looked at when its buffer is to be filled again, no sooner. Buffers are used in turn, for libcurl gives 16 KiB at a
    time: kept as they come, its pieces cost more than the hash.
    """

    def __init__(self, meter: NarMeter) -> None:
        self._meter = meter
        self._thread: Thread | None = None
        self._parts: SimpleQueue[memoryview | None] = SimpleQueue()  # None: there is none left
        self._results: SimpleQueue[bool] = SimpleQueue()  # of each part, whether all is good so far
        self._waiting_for = 0  # results that were not looked at
        self._trouble: BaseException | None = None
        self._buffers = _no_buffers()
        self._filling = self._buffers[0]
        self._filled = 0
        self._good = True

    def feed(self, piece: bytes) -> bool:
        """Take a piece; False when the measure ended before it, and what came since is then not looked at."""
        size = len(piece)
        if self._filled + size > len(self._filling) and not self._hand_over(size):
            return False
        self._filling[self._filled : self._filled + size] = piece
        self._filled += size
        return True

    def settle(self) -> bool:
        """Measure all that was taken; False when the measure is over."""
        while self._waiting_for:
            self._look()
        if self._good and self._filled:
            part, self._filled = self._filling[: self._filled], 0
            self._good = self._meter.feed(part)
        return self._good

    def close(self) -> None:
        """Wait, and let the thread and the buffers go."""
        if self._thread is not None:
            self._parts.put(None)
            self._thread.join()
            self._thread = None
        self._buffers = _no_buffers()
        self._filling = self._buffers[0]

    def _hand_over(self, size: int) -> bool:
        """Give what was taken to the thread, and make room for a piece of ``size`` bytes."""
        if self._good and self._filled:
            if self._thread is None:
                self._thread = Thread(target=self._measure, name="nar", daemon=True)
                self._thread.start()
            self._parts.put(self._filling[: self._filled])
            self._waiting_for += 1
            self._buffers.rotate()
            self._filled = 0
        if self._waiting_for == _BUFFERS:
            self._look()
        if self._good and len(self._buffers[0]) < size:
            self._buffers[0] = memoryview(bytearray(max(size, limits.AHEAD_BYTES)))
        self._filling = self._buffers[0] if self._good else memoryview(b"")
        return self._good

    def _look(self) -> None:
        """Wait for the next result."""
        self._good = self._results.get() and self._good
        self._waiting_for -= 1
        if self._trouble is not None:
            raise self._trouble

    def _measure(self) -> None:
        """The thread."""
        good = True
        while (part := self._parts.get()) is not None:
            try:
                good = good and self._meter.feed(part)
            except BaseException as error:  # noqa: BLE001  # a defect: raised again by `_look`
                self._trouble, good = error, False
            self._results.put(good)


def _no_buffers() -> deque[memoryview]:
    """They are made when they are filled for the first time: most bodies need one or none."""
    return deque([memoryview(b"")] * _BUFFERS)


_OK: Final = 200
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_PAGE_STARTS: Final = (b"<", b"{")  # a proxy's or an API's page in the place of a body
_AT_ONCE_BYTES: Final = 1024 * 1024  # so much of a body is measured as it comes, so that a wrong one ends at once
_OF_BYTES: Final = ("decompress", "memory", "codec")  # errors that the meter has a sentence for
_HASH_AT: Final = len(STORE_DIR) + 1
_LARGER_BYTES: Final = 1024 * 1024  # so much, and as much again, a NAR may be larger than the local one
_WIRE_SLACK_BYTES: Final = 1024 * 1024  # frames and headers of a NAR that does not compress


@value
class NarTarget:
    """A path to read back: in full, or ``/nix/store/<hash>`` where only its hash is known.

    ``nar_size`` is the local store's, in bytes: more than that is never decompressed, unless the narinfo itself says
    that there is more; then up to `_LARGER_BYTES` over twice of it. Where it is not known it is `limits.NAR_BYTES`, and
    then the narinfo's counts if it is less. ``attic`` False: the narinfo may name any place
    below its cache (see `check_url`).
    """

    label: Label
    cache: str
    store_path: str
    nar_size: int
    attic: bool = True

    @property
    def store_hash(self) -> str:
        """The hash by which a cache knows the path; `ForeignTextError` when there is none."""
        prefix, _, name = self.store_path.rpartition("/")
        return store_hash(name) if prefix == STORE_DIR and "-" not in name else hash_part(self.store_path)


class NarinfoHop:
    """The answer to ``GET <cache>/<hash>.narinfo``. Redirects of a narinfo are recorded and not followed."""

    own = True  # the cache's own origin is asked

    def __init__(self, target: NarTarget, policy: UrlPolicy) -> None:
        self._hash = target.store_hash
        self.here = policy.below(f"{self._hash}.narinfo")
        self._target = target
        self._way = policy
        self._raw = b""
        self._cut = False
        self._error: str | None = None
        self._status: int | None = None
        self._headers: dict[str, str] = {}
        self._lines: tuple[str, ...] = ()
        self._peer: str | None = None
        self._millis = 0

    def take(self, status: int, piece: bytes) -> bool:
        """Keep a piece; False when there is more than can be a narinfo."""
        room = (limits.NARINFO_BYTES if status == _OK else limits.ANSWER_BODY_BYTES) - len(self._raw)
        self._raw += piece[:room]
        self._cut = len(piece) > room
        return not self._cut

    def end(self, hop: CurlHop, code: int) -> None:
        """The answer is over; ``code`` is libcurl's."""
        self._error = "too-large" if self._cut else curl_word(code)
        self._status, self._headers, self._millis = hop.status, hop.headers, hop.millis()
        self._lines, self._peer = hop.kept_lines, hop.peer

    def answer(self, redactor: Redactor | None) -> HttpAnswer:
        """The record of the answer, once it is over."""
        got, error, status = self._headers, self._error, self._status
        if redactor is not None:
            got = {name: _cleaned(redactor, text.encode()) for name, text in got.items()}
        length, location = got.get("content-length", ""), got.get("location")
        return HttpAnswer(
            url=plain_url(self.here),
            status=None if error else status,
            error=error,
            content_type=got.get("content-type"),
            location=None if location is None else plain_url(location),
            etag=got.get("etag"),
            content_length=int(length) if length.isascii() and length.isdigit() else None,
            last_modified=got.get("last-modified"),
            version_id=got.get("x-amz-version-id"),
            date=got.get("date"),
            headers=tuple(_cleaned(redactor, line.encode()) for line in self._lines),
            peer=self._peer,
            body=_cleaned(redactor, self._raw),
            body_cut=error is not None and status is not None,
            millis=self._millis,
        )

    def nar(self, tap: Callable[[bytes], None] | None, *, in_background: bool) -> "NarHops | None":
        """What to read next, or None when the narinfo does not allow it."""
        if self._status != _OK or self._error is not None:
            return None
        try:
            info = parse_narinfo(self._raw)
            url = check_url(info, store_path=info.store_path, attic=self._target.attic)
        except ForeignTextError:
            return None
        if info.store_path[_HASH_AT : _HASH_AT + HASH_CHARS] != self._hash:
            return None
        size = self._target.nar_size
        cap = min(size, info.nar_size) if size == limits.NAR_BYTES else size
        if info.nar_size > cap:  # another build of it may be larger; a mad narinfo costs no more than that all the same
            cap = min(info.nar_size, 2 * cap + _LARGER_BYTES)
        return NarHops(info, self._way, self._way.below(url), cap, tap, in_background=in_background)


class NarHops:
    """One NAR body. ``here`` is the URL to ask next; ``over`` says that nothing more is to be asked.

    ``own``: ``here`` is of the cache's own origin, the only one that a credential may go to. ``ahead``: a large body is
    measured in a separate thread.
    """

    def __init__(
        self,
        info: NarInfo,
        policy: UrlPolicy,
        first: str,
        nar_size: int,
        tap: Callable[[bytes], None] | None,
        *,
        in_background: bool,
    ) -> None:
        self.here = first
        self.own = True
        self.over = False
        self._way = policy
        self._tap = tap
        self._codec = info.compression
        self._meter = NarMeter(info.compression, nar_size)
        self._wire_left = 2 * nar_size + _WIRE_SLACK_BYTES
        self._at_once_left = _AT_ONCE_BYTES
        self._ahead = BackgroundMeter(self._meter) if in_background and nar_size > _AT_ONCE_BYTES else None
        self._feed: Callable[[bytes], bool] = self._meter.feed  # where the next piece goes
        self._page = b""
        self._page_left = 0
        self._stopped: str | None = None
        self._wire_seen = False
        self._hops: list[str] = []
        self._refused: list[str] = []  # where a redirect that was not followed leads
        self._status: int | None = None
        self._code = 0
        self._code_text = ""
        self._error: str | None = None
        self._content_type: str | None = None
        self._encoding: str | None = None
        self._cached: str | None = None
        self._millis = self._pause_millis = 0
        self._first_byte_millis: int | None = None
        if not self._meter.readable:  # a codec that can't be read: there is nothing to measure
            self._end("codec")

    def begin_hop(self) -> None:
        """``here`` is about to be asked."""
        self._hops.append(self.here)
        self._page = b""
        self._page_left = limits.ANSWER_BODY_BYTES
        self._stopped = None

    def take(self, status: int, piece: bytes) -> bool:
        """Measure a piece of the body, or keep the beginning of what was answered instead; False ends the transfer."""
        if status != _OK:
            self._keep(piece)
            self._page_left -= len(piece)
            self._stopped = None if self._page_left >= 0 else "too-large"
            return self._stopped is None
        if not self._wire_seen and piece.startswith(_PAGE_STARTS):
            self._keep(piece)
        self._wire_seen = True
        if self._tap is not None:
            self._tap(piece)
        size = len(piece)
        self._wire_left -= size
        if self._ahead is not None and self._at_once_left <= 0:
            self._feed = self._ahead.feed
        self._at_once_left -= size
        if not self._feed(piece):
            self._stop()
        elif self._wire_left < 0:
            self._stopped = "too-large"
        return self._stopped is None

    def _stop(self) -> None:
        if self._meter.too_much:
            self._stopped = "memory"
        else:
            self._stopped = "overrun" if self._meter.overrun else "decompress"

    def end_hop(self, hop: CurlHop, code: int, text: str) -> None:
        """A hop is over: go on where it redirects to, or stop. ``code`` and ``text`` are libcurl's."""
        headers = hop.headers
        self._status, self._code, self._code_text = hop.status, code, text
        self._content_type = headers.get("content-type")
        self._encoding = headers.get("content-encoding")
        self._cached = self._cached or from_a_cache(hop.kept_lines)
        self._millis += hop.millis()
        self._first_byte_millis = hop.first_byte_millis
        self._pause_millis = max(self._pause_millis, hop.pause_millis)
        if self._ahead is not None:
            if not self._ahead.settle():
                self._stop()
            self.close()
        if code != 0 or self._stopped is not None:
            self._end(self._stopped or curl_word(code))
        elif self._status in _REDIRECTS:
            self._redirect(headers.get("location", ""))
        else:
            self._end(None)

    def give_up(self, error: str) -> None:
        """Stop where it is, for a reason of our own."""
        self._end(error)

    def close(self) -> None:
        """End the thread that measures, if there is one; nothing more is to come."""
        if self._ahead is not None:
            self._ahead.close()

    def record(self, redactor: Redactor | None) -> NarRead:
        """What came of it. Neither the redactor's secrets nor anything of a presigned query is in it."""
        measure = self._meter.finish()
        places = (*self._hops, *self._refused)

        def clean(raw: bytes) -> str:
            return without_queries(_cleaned(redactor, raw), places) if raw else ""

        text = measure.error if self._error in _OF_BYTES and measure.error else self._code_text
        return NarRead(
            hops=tuple(plain_url(place) for place in places),
            status=self._status,
            curl=self._code,
            curl_text=clean(text.encode()),
            error=self._error,
            wire_bytes=measure.wire_bytes,
            nar_bytes=measure.nar_bytes,
            sha256=measure.sha256 if measure.nar_bytes else None,
            codec=self._codec,
            sniffed=measure.sniffed,
            clean_end=measure.clean_end,
            well_formed=measure.well_formed,
            content_type=None if self._content_type is None else clean(self._content_type.encode()),
            encoding=None if self._encoding is None else clean(self._encoding.encode()),
            cached=None if self._cached is None else clean(self._cached.encode()),
            body=clean(self._page),
            skipped_bytes=measure.skipped_bytes,
            millis=self._millis,
            first_byte_millis=self._first_byte_millis,
            pause_millis=self._pause_millis,
        )

    def _keep(self, piece: bytes) -> None:
        self._page += piece[: limits.ERROR_TEXT_CHARS - len(self._page)]

    def _redirect(self, location: str) -> None:
        there, refusal = self._way.onward(self.here, location)
        if refusal is None and len(self._hops) > limits.REDIRECTS:
            refusal = "too-many-redirects"
        if refusal is None:
            self.here = there
            self.own = self._way.is_own(there)
        else:
            self._refused = [there] if there else []
            self._end(refusal)

    def _end(self, error: str | None) -> None:
        self._error = error
        self.over = True


def _cleaned(redactor: Redactor | None, raw: bytes) -> str:
    redacted = raw if redactor is None or not raw else redactor.feed(raw) + redactor.finish()
    return redacted.decode("utf-8", "backslashreplace")
