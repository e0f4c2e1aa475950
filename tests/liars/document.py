"""``docs/trust.md``: for each claim of a pass who vouches for it, what was tried against it, and what is left."""

from collections.abc import Iterator

from gate.judge.scope import SPOT_BY_NAME
from tests.liars.claims import CLAIMS, Claim
from tests.liars.lie import Lie, Party
from tests.liars.table import LIES

HEAD = """\
# Trust

A pass is a set of claims. This page says, for each: who vouches for it, which two of those do not depend on each other,
which lies were told against it, and what a single lying party could still do without anybody noticing.

`make liars` tells every lie below to a healthy run, and fails when one of them passes that must not. A lie counts only
when somebody heard it. `tests/liars` has the table, and this page is made from it: a new lie or claim appears here.
"""


def trust_document() -> str:
    """The whole page."""
    lines = [HEAD, *_overview()]
    for claim in CLAIMS:
        lines += ["", *_section(claim)]
    lines += ["", *_spots()]
    return "\n".join(lines) + "\n"


def _overview() -> Iterator[str]:
    unseen = [lie for lie in LIES if lie.unseen]
    harmless = [lie for lie in LIES if lie.harmless]
    yield f"{len(LIES)} lies by {len(Party)} parties. {len(harmless)} of them change nothing that a pass means, and"
    yield f"{len(unseen)} cannot be noticed from the place of the gate."
    yield ""
    yield "| party | lies | cannot be seen |"
    yield "|---|---|---|"
    for party in Party:
        own = [lie for lie in LIES if lie.party is party]
        hidden = ", ".join(f"`{lie.name}`" for lie in own if lie.unseen) or "none"
        yield f"| {party.value} | {len(own)} | {hidden} |"


def _section(claim: Claim) -> Iterator[str]:
    lies = [lie for lie in LIES if claim.name in lie.claims]
    families = ", ".join(f"`{name}-…`" for name in claim.families) or "no finding: the decision's own codes"
    yield f"## {claim.name}"
    yield ""
    yield claim.says
    yield ""
    yield f"- **Findings:** {families}"
    yield f"- **Who vouches:** {'; '.join(claim.vouchers)}."
    yield f"- **Two that are independent:** {claim.pair}"
    yield f"- **What a single liar could still do:** {_open_lies(lies)}"
    yield ""
    yield "| party | lie | what comes of it |"
    yield "|---|---|---|"
    for lie in lies:
        yield f"| {lie.party.value} | {lie.text} (`{lie.name}`) | {_outcome(lie)} |"


def _open_lies(lies: list[Lie]) -> str:
    names = dict.fromkeys(lie.unseen for lie in lies if lie.unseen)
    return " ".join(SPOT_BY_NAME[name].sentence for name in names) or "nothing that was thought of and tried."


def _outcome(lie: Lie) -> str:
    if lie.harmless:
        return f"harmless: {lie.harmless}"
    if lie.unseen:
        return f"not seen (`{lie.unseen}`)"
    return " or ".join(sorted(word.value for word in lie.words))


def _spots() -> Iterator[str]:
    yield "## What a run cannot notice"
    yield ""
    yield "The evidence of a run names those that hold for it, in its `boundary`."
    yield ""
    for spot in SPOT_BY_NAME.values():
        yield f"- `{spot.name}`: {spot.sentence}"
