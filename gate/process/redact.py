"""Secrets out of a stream of bytes, whatever pieces it comes in."""

import re
from base64 import b64encode
from collections.abc import Iterable
from functools import cached_property
from json import dumps
from typing import Final
from urllib.parse import quote, quote_plus

from gate import limits
from gate.model.basics import Secret

REPLACEMENT: Final = b"***"


def _parts(secret: Secret) -> set[bytes]:
    """What to look for: the secret without space around it, and each line of one with several, such as a key file."""
    text = secret.reveal().encode("utf-8", "surrogateescape").strip()
    parts = {text, *(line.strip() for line in text.split(b"\n"))}
    return {part for part in parts if len(part) >= limits.SECRET_CHARS}


def _forms(secret: bytes) -> set[bytes]:
    """A secret as programs print it: plain, URL-quoted, in a JSON string, in hex, and inside of base64."""
    quoted = {quote(secret, safe="").encode(), quote(secret).encode(), quote_plus(secret).encode()}
    quoted |= {re.sub(rb"%[0-9A-F]{2}", lambda code: code[0].lower(), form) for form in quoted}
    jsons = {dumps(secret.decode("utf-8", "replace"), ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    plain = {secret, *quoted, *(form.encode() for form in jsons), secret.hex().encode(), secret.hex().upper().encode()}
    # Inside of a longer text (``user:secret``) base64 depends on the offset modulo 3; what touches neighbours is left.
    for offset in range(3):
        bare = b64encode(b"\0" * offset + secret).rstrip(b"=")
        begin = (0, 2, 3)[offset]
        inner = bare[begin : len(bare) - (1 if (offset + len(secret)) % 3 else 0)]
        plain |= {inner, inner.translate(bytes.maketrans(b"+/", b"-_"))}
    whole = b64encode(secret)
    return plain | {whole, whole.translate(bytes.maketrans(b"+/", b"-_"))}


class Redactor:
    """Replaces secrets by ``***`` in a stream, across the borders of its pieces; ``replacements`` counts them.

    Secrets under `gate.limits.SECRET_CHARS` are ignored. Only a tail that could be the beginning of a secret is held
    back, so live output stays live.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        forms = {form for secret in secrets for part in _parts(secret) for form in _forms(part)}
        self._forms = ordered = sorted(forms, key=lambda form: (-len(form), form))  # at one place the longest wins
        self._starts = re.compile(
            b"[" + b"".join(re.escape(form[:1]) for form in ordered) + b"]" if ordered else rb"(?!)"
        )
        self._by_start: dict[bytes, list[bytes]] = {}
        for form in ordered:
            self._by_start.setdefault(form[:1], []).append(form)
        self._longest = len(ordered[0]) if ordered else 0
        self._tail = b""
        self._covered = 0  # leading bytes of the tail that a replacement already covers
        self.replacements = 0

    @cached_property
    def _pattern(self) -> re.Pattern[bytes]:
        """Any form. Compiling it takes about 5 ms, and most redactors, one for each request, never find a secret."""
        return re.compile(b"|".join(map(re.escape, self._forms)))

    def feed(self, piece: bytes) -> bytes:
        """The next bytes that can be let out."""
        text = self._tail + piece
        return self._replace(text, self._undecided_from(text))

    def finish(self) -> bytes:
        """What was held back; the stream is over."""
        return self._replace(self._tail, len(self._tail))

    def _undecided_from(self, text: bytes) -> int:
        for match in self._starts.finditer(text, max(0, len(text) - self._longest + 1)):
            rest = text[match.start() :]
            if any(len(form) > len(rest) and form.startswith(rest) for form in self._by_start[match[0]]):
                return match.start()
        return len(text)

    def _replace(self, text: bytes, until: int) -> bytes:
        out: list[bytes] = []
        done, at = self._covered, 0
        if not any(form in text for form in self._forms):  # memmem is quicker than the pattern, and than compiling it
            self._tail, self._covered = text[until:], max(done - until, 0)
            return text[done:until]
        while (match := self._pattern.search(text, at)) and match.start() < until:
            if match.start() >= done:
                out += [text[done : match.start()], REPLACEMENT]
                self.replacements += 1
            done = max(done, match.end())
            at = match.start() + 1  # secrets may overlap
        out.append(text[done:until])
        self._tail, self._covered = text[until:], max(done - until, 0)
        return b"".join(out)
