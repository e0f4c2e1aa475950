"""References that lead out of a push set, and what the cache said of them → which of them are gaps.

The client is given the paths of the push set alone (``attic push --no-closure``), so whoever fetches a published path
needs the rest of its closure from what this cache had before, or from an upstream that it names. A narinfo is looked
for, no body: the run answers for what it publishes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal

from gate.errors import ForeignTextError
from gate.model.bodies import Gap, References
from gate.model.records import HttpAnswer, PathFacts, PushSetKnown, ReferenceLooked, ReferencesKnown
from gate.parse.attic_json import parse_attic_error
from gate.parse.narinfo import key_name, parse_narinfo

_OK: Final = 200
_NOT_FOUND: Final = 404
_SERVED: Final = "served"
_ABSENT: Final = "HTTP 404 NoSuchObject"


def outside(paths: Iterable[PathFacts], upstream: Iterable[str]) -> Mapping[str, str]:
    """Each reference that is none of the paths themselves, sorted, with the first path that has it.

    Those of paths that are left to an ``upstream`` are the upstream's.
    """
    own = {path.store_path: path for path in paths}
    found: dict[str, str] = {}
    for name in sorted(own.keys() - set(upstream)):
        for reference in own[name].references:
            if reference not in own:
                found.setdefault(reference, name)
    return dict(sorted(found.items()))


def is_served(path: str, answer: HttpAnswer) -> bool:
    """Whether an answer is the narinfo of this path."""
    return _note(path, answer) == _SERVED


def fold_references(
    plan: PushSetKnown, known: ReferencesKnown | None, looks: Iterable[ReferenceLooked], *, own_key: str | None
) -> References:
    """The references of one publication, of records that `gate.evidence.machine` has verified.

    ``own_key`` is the name of the cache's key: what that signed was its own.
    """
    wanted = outside(plan.paths, plan.upstream)
    facts = {path.store_path: path for path in known.paths} if known is not None else {}
    answers: dict[str, list[HttpAnswer]] = {}
    for look in looks:
        answers.setdefault(look.store_path, []).append(look.narinfo)
    upstream = set(known.upstream) if known is not None else set()
    told = {path: _told(path, answers.get(path, ())) for path in wanted if path not in upstream}
    return References(
        label=plan.label,
        cache=plan.cache,
        outside=len(wanted),
        upstream=len(upstream & wanted.keys()),
        served=sum(note == _SERVED for note in told.values()),
        gaps=tuple(_gaps(wanted, told, facts, own_key)),
    )


def _gaps(
    wanted: Mapping[str, str], told: Mapping[str, str], facts: Mapping[str, PathFacts], own_key: str | None
) -> Iterator[Gap]:
    for path, note in told.items():
        if note == _ABSENT and path in facts:
            state, why = _origin(facts[path], own_key)
            yield Gap(store_path=path, referrer=wanted[path], state=state, note=f"{note}; {why}")
        elif note != _SERVED:
            yield Gap(store_path=path, referrer=wanted[path], state="unread", note=note)


def _origin(facts: PathFacts, own_key: str | None) -> tuple[Literal["lost", "elsewhere"], str]:
    """Whether anybody but this cache can be expected to have a path, and why."""
    signers = sorted({name for signature in facts.signatures if (name := key_name(signature))})
    if own_key is not None and own_key in signers:
        return "lost", f"the cache itself signed it once, by {own_key}"
    if signers:
        return "elsewhere", f"it came from where {', '.join(signers)} signs, which is no upstream of this cache"
    if facts.ultimate or facts.content_addressed:
        return "lost", f"it was {'built' if facts.ultimate else 'made'} on this machine, and nobody else signed it"
    return "elsewhere", "it came from another store, without a signature"


def _told(path: str, answers: Sequence[HttpAnswer]) -> str:
    """What the looks come to: all must say the same, for a reference that comes and goes is not served."""
    notes = list(dict.fromkeys(_note(path, answer) for answer in answers)) or ["not looked at"]
    return notes[0] if len(notes) == 1 else ", then ".join(notes)


def _note(path: str, answer: HttpAnswer) -> str:
    if answer.error or answer.status is None:
        return answer.error or "no answer"
    said = parse_attic_error(answer.body.encode())
    if answer.status != _OK or answer.body_cut:
        return f"HTTP {answer.status}" + (f" {said[1]}" if said else "")
    try:
        info = parse_narinfo(answer.body.encode())
    except ForeignTextError as error:
        return str(error)
    return _SERVED if info.store_path == path else f"the narinfo is of {info.store_path}"
