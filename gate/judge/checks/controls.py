"""Controls: each detector was given something that it must catch."""

from collections.abc import Iterator
from typing import Final

from gate.judge.finding import finding
from gate.model.basics import Truth
from gate.model.document import Control, Facts, Finding

NO_TOKEN: Final = "no-token-denied"
READ_ONLY: Final = "read-only-push-denied"
ABSENT: Final = "absent-path-404"
BIT_FLIP: Final = "bit-flip-caught"
CONTROLS: Final = (NO_TOKEN, READ_ONLY, ABSENT, BIT_FLIP)


def check_controls(facts: Facts) -> Iterator[Finding]:
    """One row a control."""
    tried = {control.name: (number, control) for number, control in sorted(enumerate(facts.controls), key=_rank)}
    for name in CONTROLS:
        if name == NO_TOKEN and facts.policy.cache_public:
            yield finding("control-not-here", name, "the cache is declared public in the policy")
        elif name not in tried:
            yield finding("control-missing", name, f"the control {name} was not tried")
        else:
            yield _row(*tried[name])


def _rank(tried: tuple[int, Control]) -> int:
    """The worst trial of a control comes last: it is the one that counts."""
    return (Truth.PRESENT, Truth.UNKNOWN, Truth.ABSENT).index(tried[1].fired)


def _row(number: int, control: Control) -> Finding:
    summary = f"{control.name}: expected {control.expected}, got {control.got}"
    code = "control-fired" if control.fired is Truth.PRESENT else "control-not-fired"
    if control.name == READ_ONLY and control.fired is Truth.ABSENT:
        code = "control-token-overprivileged"
    return finding(code, control.name, summary, evidence=(f"/controls/{number}",))
