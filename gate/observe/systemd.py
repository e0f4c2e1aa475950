"""systemd on this machine: a unit's main process, and its entries in the journal.

``systemctl show`` and ``journalctl`` are asked, and nothing is changed. A window on the journal begins at a remembered
entry and must find that entry again: where files were vacuumed or rotated away, journalctl begins at the next one that
is left, without a word. What journald dropped of the unit (``RateLimitBurst=``, 10,000 lines in 30 s by default) it
says in separate entries, which are read too.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from gate import limits
from gate.clock import Clock
from gate.errors import ForeignTextError, InconclusiveError
from gate.model.basics import Phase, Truth
from gate.model.parsed import JournalEntry, UnitLocator, UnitState
from gate.model.records import WorkloadSeen
from gate.model.split import LogPosition
from gate.model.time import rfc3339
from gate.observe.workload import look_at_listener, process_identity
from gate.parse.service_manager import DROPPED_ID, JOURNAL_FIELDS, UNIT_PROPERTIES, parse_journal, parse_unit
from gate.parse.text import decode, excerpt
from gate.process import CancelToken, Capture, output, scrubbed_environment

_VARIABLES: Final = ("DBUS_SYSTEM_BUS_ADDRESS", "SYSTEMD_BUS_TIMEOUT")
_FIXED: Final = {"SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0", "LC_ALL": "C"}
_GRANT: Final = "add this user to the group systemd-journal"


class Systemd:
    """Questions to the service manager and the journal of this machine.

    ``programs`` are the absolute paths of systemctl and journalctl, as far as they were found. The methods raise
    `InconclusiveError`, one sentence, for whatever kept them from an answer.
    """

    def __init__(
        self, *, environ: Mapping[str, str], programs: Mapping[str, str], cancel: CancelToken, clock: Clock
    ) -> None:
        self._environ = scrubbed_environment(environ, keep=_VARIABLES) | _FIXED
        self._programs = programs
        self._cancel = cancel
        self._clock = clock

    def unit(self, place: UnitLocator) -> UnitState:
        """The unit as its service manager has it."""
        argv = ("show", "--no-pager", f"--property={','.join(UNIT_PROPERTIES)}", "--", place.unit)
        data, _ = self._ask("systemctl", argv, cap=limits.ANSWER_BODY_BYTES, seconds=limits.SYSTEMD_SECONDS)
        try:
            return parse_unit(data)
        except ForeignTextError as error:
            raise InconclusiveError(str(error)) from None

    def last_entry(self, place: UnitLocator) -> str:
        """The cursor of the unit's newest entry; empty where it has none yet."""
        entries, _ = self.entries(place, ("--lines=1",))
        return entries[-1].cursor if entries else ""

    def entries(self, place: UnitLocator, options: Sequence[str]) -> tuple[tuple[JournalEntry, ...], str]:
        """The entries of the unit's processes and of journald about them; and why there may be others."""
        where = (f"--directory={place.directory}",) if place.directory is not None else ()
        argv = (
            "--no-pager",
            "--all",
            "--output=json",
            f"--output-fields={','.join(JOURNAL_FIELDS)}",
            *where,
            *options,
            f"_SYSTEMD_UNIT={place.unit}",
            "+",
            f"MESSAGE_ID={DROPPED_ID}",
        )
        data, hint = self._ask("journalctl", argv, cap=limits.POD_LOG_BYTES, seconds=limits.POD_LOG_SECONDS)
        try:
            return tuple(parse_journal(data, place.unit)), f"journalctl: {hint}; {_GRANT}" if hint else ""
        except ForeignTextError as error:
            raise InconclusiveError(str(error)) from None

    def _ask(self, name: str, argv: Sequence[str], *, cap: int, seconds: float) -> tuple[bytes, str]:
        if name not in self._programs:
            raise InconclusiveError(f"{name} was not found on PATH: install systemd's tools where the gate runs")
        ended, out, err = output(
            (self._programs[name], *argv),
            name=name,
            env=self._environ,
            cap=cap,
            deadline_seconds=seconds,
            cancel=self._cancel,
            clock=self._clock,
        )
        words = excerpt(decode(err).strip().split("\n")[0][: limits.ERROR_MESSAGE_CHARS]) if err.strip() else ""
        if ended.ended_by is not None:
            raise InconclusiveError(
                f"{name} gave no whole answer within {seconds:g} s and {cap} bytes: {ended.ended_by}"
            )
        if ended.exit != 0:
            raise InconclusiveError(f"{name} ended with exit code {ended.exit}: {words or 'it said nothing'}")
        return out, words


def look_at_unit(
    role: Literal["store", "cache"],
    place: str,
    locator: UnitLocator,
    *,
    phase: Phase,
    systemd: Systemd,
    endpoint: str = "",
    proc: Path = Path("/proc"),
) -> WorkloadSeen:
    """The unit's main process as a workload: its pid and start as the kernel has them, its invocation and restarts.

    With ``endpoint``, the URL that it should answer at, also whether it is the one that listens there. Everything that
    can't be determined is unknown, with ``error``.
    """
    try:
        state = _running(systemd.unit(locator), locator.unit)
        identity, started = process_identity(str(state.main_pid), proc)
    except (InconclusiveError, ForeignTextError, OSError) as error:
        why = f"{locator.unit}: {error.strerror}" if isinstance(error, OSError) else str(error)
        return WorkloadSeen(phase=phase, role=role, place=place, truth=Truth.UNKNOWN, error=why)
    served = phase is Phase.POST  # a moment after bodies were read there
    return WorkloadSeen(
        phase=phase,
        role=role,
        place=place,
        truth=Truth.PRESENT,
        identity=f"{identity}, invocation {state.invocation}, restarts {state.restarts}",
        started=rfc3339(started),
        image=state.program,
        listening=look_at_listener(state.main_pid, endpoint, served=served, proc=proc) if endpoint else None,
    )


def _running(state: UnitState, unit: str) -> UnitState:
    if state.load != "loaded":
        raise InconclusiveError(f"{unit} is {state.load}: expected a unit that is loaded on this machine")
    if state.active != "active" or not state.main_pid:
        raise InconclusiveError(f"{unit} is {state.active} ({state.sub}): expected active (running)")
    return state


class JournalWindow:
    """The entries of a unit that are written from now on. Nothing is raised: `capture` says what is missing."""

    def __init__(self, place: UnitLocator, systemd: Systemd, start: LogPosition | None = None) -> None:
        self._place = place
        self._systemd = systemd
        self._trouble = ""
        self._cursor = ""
        if start is not None:
            self._cursor = start.before
            self._trouble = start.trouble
            return
        try:
            self._cursor = systemd.last_entry(place)
        except InconclusiveError as error:
            self._trouble = str(error)

    def position(self) -> LogPosition:
        """The cursor of the unit's last entry when the window was opened."""
        return LogPosition(offset=None, before=self._cursor, trouble=self._trouble)

    def close(self) -> None:
        """Nothing is held."""

    def capture(
        self,
        capture: Capture,
        until_nonces: Iterable[str],
        *,
        clock: Clock,
        seconds: float = limits.LOG_SETTLE_SECONDS,
    ) -> tuple[str, ...]:
        """Copy the entries as JSON lines until every nonce is in one, for at most ``seconds``.

        The answer says why the copy may lack lines; it is empty when it does not.
        """
        if self._trouble:
            return (self._trouble,)
        missing = set(until_nonces)
        notes: dict[str, None] = {}
        until = clock.monotonic() + seconds
        while True:
            try:
                entries, hint = self._next()
            except InconclusiveError as error:
                return (*notes, str(error))
            if hint:
                notes[hint] = None
            for entry in entries:
                capture.write(entry.line)
                missing -= {nonce for nonce in missing if nonce.encode() in entry.line}
                if entry.dropped is not None:
                    notes[f"journald dropped {entry.dropped} lines of {self._place.unit}: raise RateLimitBurst="] = None
            if not missing or capture.cut or clock.monotonic() >= until:
                break
            clock.sleep(limits.LOG_POLL_SECONDS)
        late = [f"{nonce} is not in the journal of {self._place.unit} after {seconds:g} s" for nonce in sorted(missing)]
        return (*notes, *late, *([capture.trouble] if capture.trouble else []))

    def _next(self) -> tuple[tuple[JournalEntry, ...], str]:
        """The entries behind the cursor, which must be there itself."""
        options = (f"--cursor={self._cursor}",) if self._cursor else ()
        entries, hint = self._systemd.entries(self._place, options)
        if self._cursor:
            if not entries or entries[0].cursor != self._cursor:
                lost = "the entry at which the window begins is not in the journal any more: lines may be lost"
                hint = "; ".join(filter(None, (lost, hint)))
            else:
                entries = entries[1:]
        if entries:
            self._cursor = entries[-1].cursor
        return entries, hint
