"""Whether what was published can be fetched with all that it needs: references that lead out of the push set."""

from collections import Counter
from collections.abc import Iterator

from gate.judge.finding import finding
from gate.model.bodies import References
from gate.model.document import Facts, Finding

_WORDS = {"lost": "are nowhere", "elsewhere": "only another source may have", "unread": "could not be told"}


def check_closure(facts: Facts) -> Iterator[Finding]:
    """One row for each publication that was begun, and one for each reference that nobody else can have."""
    for number, seen in enumerate(facts.references):
        for place, gap in enumerate(seen.gaps):
            if gap.state == "lost":
                told = f"{seen.cache} does not have it, and {gap.referrer} needs it: {gap.note}"
                yield finding("closure-gap", gap.store_path, told, evidence=(f"/references/{number}/gaps/{place}",))
        code = "closure-incomplete" if seen.gaps else "closure-complete"
        yield finding(code, seen.label.value, _summary(seen), evidence=(f"/references/{number}",))


def _summary(seen: References) -> str:
    if not seen.outside:
        return "every reference is a path of the push set itself"
    counts = Counter[str](gap.state for gap in seen.gaps)
    told = [f"{counts[state]} {words}" for state, words in _WORDS.items() if counts[state]]
    first = next((gap for gap in seen.gaps if gap.state != "lost"), None)
    more = f"; {first.store_path}: {first.note}" if first else ""
    return (
        f"of {seen.outside} references out of the push set {seen.served} are in {seen.cache}, {seen.upstream} are left "
        f"to an upstream{''.join(f', {part}' for part in told)}{more}"
    )
