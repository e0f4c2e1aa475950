"""The log of `nix build`: internal-json (Nix 2.8 to 2.34) and, less surely, plain text (from 2.3).

An internal-json line is ``@nix `` and a JSON object, the same object alone in a file of ``json-log-path`` (2.34.8).
Activity types that matter here (nix 2.34.8 src/libutil/include/nix/util/logging.hh, `ActivityType`): 101 FileTransfer
[url], 103 CopyPaths, 105 Build [drv, …], 108 Substitute [path, cache], 109 QueryPathInfo [path, cache]; result type 105
is Progress [done, expected, running, failed]. The plain text says ``copying path`` for 108 and ``building`` for 105.

A builder can print lines that look like Nix's, so a ledger may only lower a verdict. An ANSI escape can stand anywhere
in a text, even in the middle of a phrase.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from gate import limits
from gate.model.parsed import BuildLedger
from gate.parse.nix_ledger import Ledger, LineCounts, Substitution
from gate.parse.nix_messages import ends_retry, is_harmless, is_retry, read_trouble, severity, without_severity
from gate.parse.text import LineSplitter, decode, strip_escapes

_TRANSFER, _COPIES, _BUILD, _SUBSTITUTE, _QUERY = 101, 103, 105, 108, 109
_PROGRESS = 105
_OF_A_PATH = (_SUBSTITUTE, _BUILD, _QUERY)  # their first field is a store path

# Nine lines of ten are progress; the form that all recorded versions write is read without JSON.
_RESULT = re.compile(
    rb'(?:@nix )?\{"action":"result","fields":\[([0-9]{1,18})(?:,[0-9]{1,18})*\],'
    rb'"id":([0-9]{1,18}),"type":([0-9]{1,9})\}'
)
_CUT_RESULT = re.compile(rb'(?:@nix )?\{"action":"result",')  # a builder's line that is too long: no message of Nix's
_PATH = r"(/[^'\s]{1,400}/[0-9a-z]{32}-[0-9A-Za-z+\-._?=]{1,211})"
_WHOLE_PATH = re.compile(_PATH)
_COPYING = re.compile(rf"copying path '{_PATH}' from '([^']{{1,2000}})'")
_BUILDING = re.compile(rf"building '{_PATH}'")
_PLANNED = re.compile(rf"  {_PATH}$")
_FETCHES = re.compile(r"(?:these (?:[0-9]+ )?paths|this path) will be fetched ")
_BUILDS = re.compile(r"(?:these (?:[0-9]+ )?derivations|this derivation) will be built:")
_ABORT = "terminate called after throwing an instance of "
# Of a line that is no event any of these words is doubt: nobody knows how every program words its trouble.
_SUSPICIOUS = re.compile(
    r"\b(?:errors?|warnings?|fatal|fail(?:ed|ure|s)?|exception|panic(?:ked)?|denied|refused)\b", re.IGNORECASE
)
_ACTIONS = frozenset({"start", "stop", "result", "msg", "setPhase"})
_WARN = 1  # nix src/libutil/error.hh, Verbosity: 0 is an error, 1 a warning
# Lines of Nix's own that tell nothing here.
_CHATTER = re.compile(r"(?:downloading|querying info about|evaluating|don't know how to build) ?'?")
# How a line begins that ends the unindented body of an answer.
_OWN = re.compile(
    r"(?:error|warning)(?: \([^()]{1,60}\))?: |disabling binary cache '|copying path '|building '"
    r"|(?:these|this) [^:]{0,40} will be (?:built|fetched)"
    rf"|{_ABORT}|{_CHATTER.pattern}"
)


class NixLogParser:
    """Reads a build log as it comes, in chunks of any size; the same ledger whatever the chunks.

    ``exit_code`` is how the build ended. Only a build that ended well can mask anything: with another code ``masked``
    is empty, with None (not known) it is filled as with 0. ``built_outputs`` are the output paths of
    derivations where the caller knows them; without, outputs are told by name and a build is listed by its derivation.
    """

    def __init__(self, *, exit_code: int | None, built_outputs: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self._exit_code = exit_code
        self._outputs = built_outputs or {}
        self._split = LineSplitter(limits.NIX_EVENT_BYTES)
        self._ledger = Ledger()
        self._lines = LineCounts()
        self._errors: dict[str, None] = {}
        self._plan: dict[str, None] | None = None  # the list whose lines are being read
        self._active: dict[int, Substitution] = {}  # activities under a substitution, and the substitution's own
        self._message: list[str] | None = None  # a plain message whose lines are being read
        self._body = False

    def feed(self, data: bytes) -> None:
        """Read on."""
        for line in self._split.feed(data):
            self._line(line)

    def finish(self) -> BuildLedger:
        """The ledger. Call it once, at the end of the log."""
        if rest := self._split.rest():
            self._line(rest)
        self._end_message()
        return self._ledger.settle(self._exit_code, self._outputs, tuple(self._errors), self._lines)

    def _line(self, raw: bytes) -> None:
        if match := _RESULT.fullmatch(raw):
            self._lines.events += 1
            self._progress(int(match[2]), int(match[3]), int(match[1]))
        elif raw.startswith((b"@nix {", b'{"action":')):
            event = _read_event(raw)
            if event is None or event.get("action") not in _ACTIONS:
                self._lines.unread += 1
                if not _CUT_RESULT.match(raw):
                    self._ledger.doubt(decode(raw[: limits.NIX_DOUBT_CHARS]))
            else:
                self._lines.events += 1
                self._event(event)
        else:
            self._plain(decode(strip_escapes(raw[: limits.LINE_BYTES])).rstrip("\r"))

    # --- internal-json ----------------------------------------------------------------------------------------------
    def _event(self, event: dict[str, Any]) -> None:
        action, number = event.get("action"), event.get("id")
        if action == "msg":
            self._message_event(event)
        elif action == "start" and isinstance(number, int):
            self._start(number, event.get("type"), event.get("parent"), _texts(event.get("fields")))
        elif action == "result":
            fields = event.get("fields")
            self._progress(number, event.get("type"), fields[0] if isinstance(fields, list) and fields else None)

    def _progress(self, number: object, kind: object, done: object) -> None:
        """How many paths an activity has copied so far."""
        copied = self._ledger.copied
        if kind == _PROGRESS and isinstance(number, int) and number in copied and isinstance(done, int):
            copied[number] = done

    def _start(self, number: int, kind: object, parent: object, fields: list[str]) -> None:
        ledger = self._ledger
        if kind == _COPIES:
            ledger.copied[number] = 0
            ledger.counted = True
        elif kind in _OF_A_PATH and fields and not _WHOLE_PATH.fullmatch(fields[0]):
            self._lines.events -= 1  # Nix writes none such; a builder may
            self._lines.unread += 1
        elif kind == _SUBSTITUTE and len(fields) > 1:
            self._active[number] = ledger.begin(fields[0], fields[1])
        elif kind == _BUILD and fields:
            ledger.builds[fields[0]] = None
        elif kind == _QUERY and len(fields) > 1:
            ledger.ask(fields[0], fields[1])
        elif isinstance(parent, int) and parent in self._active:  # `parent` exists from 2.26 on
            owner = self._active[number] = self._active[parent]
            if kind == _TRANSFER and fields:
                ledger.bodies[fields[0]] = owner
        elif kind == _TRANSFER and fields and "/nar/" in fields[0] and ledger.last is not None:
            ledger.bodies[fields[0]] = ledger.last

    def _message_event(self, event: dict[str, Any]) -> None:
        """A message; ``raw_msg`` is the same without severity and trace, where Nix gives it."""
        level = event.get("level")
        serious = not isinstance(level, int) or level <= _WARN
        text, raw = (_plain_text(event.get(name)) for name in ("msg", "raw_msg"))
        if text is None and raw is None:
            self._ledger.doubt("a message without text")
        elif text is None or not self._take_work_line(text, events=True):
            self._message_ends(text or "", raw or "", serious=serious)

    # --- plain text -------------------------------------------------------------------------------------------------
    def _plain(self, line: str) -> None:
        if self._message is not None and self._continues(line):
            if len(self._message) < limits.NIX_MESSAGES:
                self._message.append(line)
            if ends_retry(line):
                self._end_message()
            return
        self._end_message()
        if self._take_work_line(line):
            return
        if severity(line) or read_trouble(line):
            self._message, self._body = [line], False
            if ends_retry(line):
                self._end_message()
        elif line.strip() and not _CHATTER.match(line):
            self._lines.unread += 1
            if _SUSPICIOUS.search(line) and not is_harmless(line):
                self._ledger.doubt(line)

    def _continues(self, line: str) -> bool:
        """Whether the line belongs to the message before it: blank, indented, or of the body of an answer.

        2.34.8 does not indent a body, so in one every line belongs to it that is not known to be Nix's.
        """
        if line.strip() == "response body:":
            self._body = True
            return True
        if not line or line.startswith("   "):
            return True
        return self._body and not _OWN.match(line)

    def _end_message(self) -> None:
        if self._message is not None:
            text, self._message = "\n".join(self._message), None
            self._message_ends(text)

    # --- both -------------------------------------------------------------------------------------------------------
    def _take_work_line(self, text: str, *, events: bool = False) -> bool:
        """Whether the text is one of Nix's lines about its work; what it tells is taken down.

        In events a substitution is told by an activity, which no builder can begin, and never by a message.
        """
        ledger = self._ledger
        if self._plan is not None and (match := _PLANNED.match(text)):
            self._plan[match[1]] = None
            return True
        self._plan = None
        if match := _COPYING.match(text):
            if not events:
                ledger.begin(match[1], match[2])
        elif match := _BUILDING.match(text):
            ledger.builds[match[1]] = None
        elif _FETCHES.match(text):
            self._plan = ledger.planned_fetches
        elif _BUILDS.match(text):
            self._plan = ledger.planned_builds
        elif text.startswith(_ABORT):
            self._lines.aborted = True
        else:
            return False
        return True

    def _message_ends(self, text: str, raw: str = "", *, serious: bool = False) -> None:
        """A whole message. ``serious``: Nix itself gives it as an error or a warning, whatever its wording is."""
        trouble = read_trouble(raw) or read_trouble(text)
        if is_retry(text) or (is_harmless(text or raw) and trouble is None):
            return
        kind = severity(text)
        if kind == "error" and len(self._errors) < limits.NIX_MESSAGES:
            self._errors[without_severity(text)[: limits.ERROR_TEXT_CHARS]] = None
        if trouble is not None:
            self._ledger.trouble(trouble, text or raw)
        elif kind or serious:
            self._ledger.doubt(text or raw)


def _read_event(raw: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(raw[5:] if raw.startswith(b"@nix ") else raw)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _plain_text(text: object) -> str | None:
    """A text of an event without terminal escapes, None for what is not text."""
    return decode(strip_escapes(text.encode("utf-8", "backslashreplace"))) if isinstance(text, str) else None


def _texts(fields: object) -> list[str]:
    """The leading texts of an activity's fields."""
    texts: list[str] = []
    for field in fields if isinstance(fields, list) else ():
        if not isinstance(field, str):
            break
        texts.append(field)
    return texts


def parse_nix_log(
    data: bytes, *, exit_code: int | None, built_outputs: Mapping[str, tuple[str, ...]] | None = None
) -> BuildLedger:
    """The ledger of a whole build log; see `NixLogParser`."""
    parser = NixLogParser(exit_code=exit_code, built_outputs=built_outputs)
    parser.feed(data)
    return parser.finish()
