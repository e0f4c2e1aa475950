"""A drill from end to end: the stack up, the fault in its place, the probe run, its evidence held against the table."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gate.clock import Clock
from gate.errors import GateError, RefusedError
from gate.lab.drills import DRILLS, Drill, find_drill
from gate.lab.inject import Healthy, Relay
from gate.lab.place import Place
from gate.lab.s3 import EXTERNAL
from gate.lab.stack import CHECKS, Stack
from gate.model.basics import EXIT_CODES, VerdictWord
from gate.model.document import Evidence
from gate.probe import Progress, World, run
from gate.process import CancelToken


@dataclass(frozen=True, kw_only=True)
class LabResult:
    """The result of one drill.

    ``differences`` has a sentence for each way in which the result is not that of the table. ``proof`` says how the
    fault was observed; it is None when the drill is void: then ``void`` says why, and the verdict proves nothing.
    """

    drill: Drill
    profile: str
    directory: Path
    evidence: Evidence
    place: Place
    programs: str
    proof: str | None
    void: str | None
    differences: tuple[str, ...]
    seconds: float

    @property
    def as_expected(self) -> bool:
        """Whether the fault acted, and the verdict and the codes are those of the table."""
        return self.void is None and not self.differences

    @property
    def exit_code(self) -> int:
        """The probe's own code; 3 for a void drill, whose verdict proves nothing."""
        return EXIT_CODES[VerdictWord.INCONCLUSIVE] if self.void is not None else self.evidence.verdict.exit_code

    def summary(self) -> dict[str, Any]:
        """The result as JSON values, without the evidence: that lies in ``directory``."""
        return {
            "drill": self.drill.name,
            "title": self.drill.title,
            "profile": self.profile,
            "expected": {
                "word": self.drill.word.value,
                "codes": [[code, status.value] for code, status in self.drill.codes],
            },
            "verdict": {"word": self.evidence.verdict.word.value, "codes": list(self.evidence.verdict.codes)},
            "as_expected": self.as_expected,
            "differences": list(self.differences),
            "proof": self.proof,
            "void": self.void,
            "store": {"kind": self.place.store, "why": self.place.why},
            "programs": self.programs,
            "seconds": round(self.seconds, 1),
            "directory": str(self.directory),
            "exit_code": self.exit_code,
        }


@dataclass(frozen=True, kw_only=True)
class LabRow:
    """One line of `run_all`'s table: ``result`` is None when the drill could not be run, and ``error`` says why."""

    drill: Drill
    result: LabResult | None
    error: str | None

    @property
    def as_expected(self) -> bool:
        """Whether the drill ran, its fault acted, and the result is that of the table."""
        return self.result is not None and self.result.as_expected


@dataclass(frozen=True, kw_only=True)
class Outside:
    """What a lab takes from outside, besides its arguments; ``place`` comes from `gate.lab.place.enter`."""

    environ: Mapping[str, str]
    place: Place
    cancel: CancelToken
    clock: Clock
    progress: Progress


def run_lab(
    *,
    fault: str | None,
    profile: str | None,
    output: Path,
    outside: Outside,
    overrides: Mapping[str, Any] | None = None,
) -> LabResult:
    """Run one drill, the healthy one without ``fault``, into the new evidence folder ``output``.

    ``overrides`` are settings by name, above the drill's own. Raises `RefusedError` for an unknown fault, for one that
    an external S3 server can't be brought to, for a missing program, and for an ``output`` that exists;
    `InconclusiveError` when the stack does not come up.
    """
    drill = find_drill(fault)
    chosen = profile or drill.profile
    _refuse(drill, chosen, output, outside.environ)
    began = outside.clock.monotonic()
    with Stack(outside.environ, cancel=outside.cancel, clock=outside.clock, proxied=drill.proxied) as stack:
        acting = drill.fault(stack, chosen)
        relay = Relay(acting, outside.progress)
        acting.prepare()
        settings = stack.settings_for(chosen, **{**drill.overrides, **acting.settings(), **(overrides or {})})
        world = World(environ=stack.environ(), cancel=outside.cancel, progress=relay, clock=outside.clock)
        evidence = run(settings, output, world)
        proof, void = None, relay.failure
        if void is None:
            try:
                proof = acting.proof(evidence)
            except GateError as error:
                void = str(error)
        programs = stack.attic.versions
    return LabResult(
        drill=drill,
        profile=chosen,
        directory=output,
        evidence=evidence,
        place=outside.place,
        programs=programs,
        proof=proof,
        void=void,
        differences=tuple(differences(drill, evidence)),
        seconds=outside.clock.monotonic() - began,
    )


def run_all(
    *, profile: str | None, output: Path, outside: Outside, drills: Sequence[Drill] = DRILLS
) -> Iterator[LabRow]:
    """Run every drill on its own stack, write it to ``output/<name>``, and yield its row when it is done.

    A drill that is refused or can't be started gives a row that does not meet its expectation. After a cancellation no
    further drill starts, so the drill that cancels its own run is the last of the table.
    """
    for drill in drills:
        if outside.cancel.cancelled:
            yield LabRow(drill=drill, result=None, error=f"not begun: the lab was cancelled ({outside.cancel.reason})")
            continue
        try:
            result = run_lab(fault=drill.name, profile=profile, output=output / drill.name, outside=outside)
        except GateError as error:
            yield LabRow(drill=drill, result=None, error=str(error))
        else:
            yield LabRow(drill=drill, result=result, error=None)


def differences(drill: Drill, evidence: Evidence) -> Iterator[str]:
    """A sentence for each way in which the verdict and the findings are not those of the table."""
    word = evidence.verdict.word
    if word is not drill.word:
        yield f"the verdict is {word.value}, expected {drill.word.value}"
    rows = Counter((row.code, row.status) for row in evidence.findings)
    for code, status in drill.codes:
        if not rows[code, status]:
            family = code.split("-")[0]
            others = sorted(
                f"{other} ({other_status.value})" for other, other_status in rows if other.split("-")[0] == family
            )
            listed = ", ".join(others) or "none"
            yield f"expected a finding {code} with status {status.value}; findings of its family: {listed}"


def _refuse(drill: Drill, profile: str, output: Path, environ: Mapping[str, str]) -> None:
    """Before anything is started: what can't work."""
    if drill.commanded and environ.get(EXTERNAL[0]):
        raise RefusedError(
            f"drill {drill.name} needs an S3 server whose index, disk and process the lab commands, "
            f"and {EXTERNAL[0]} names another's: unset it for this drill"
        )
    if profile not in CHECKS and drill.profile in CHECKS and drill.fault is not Healthy:
        closures = ", ".join(CHECKS)
        raise RefusedError(
            f"drill {drill.name} needs a profile with a closure: expected one of {closures}, got {profile!r}"
        )
    if output.exists():
        raise RefusedError(f"the evidence folder {output} exists and is left untouched: give --output a new one")
