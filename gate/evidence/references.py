"""Finds the gaps among the references that lead out of a push set, by what the cache said of them.

The client gets only the paths of the push set (``attic push --no-closure``), so whoever fetches a published path needs
the rest of its closure from what this cache had before, or from an upstream that it names. Only narinfos are read, no
bodies: the run answers for what it publishes.
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
    """Each reference that is not one of the paths, sorted, with the first path that has it.

    References of paths that are left to an ``upstream`` are the upstream's.
    """
    push_set = {path.store_path: path for path in paths}
    referrers: dict[str, str] = {}
    for name in sorted(push_set.keys() - set(upstream)):
        for reference in push_set[name].references:
            if reference not in push_set:
                referrers.setdefault(reference, name)
    return dict(sorted(referrers.items()))


def is_served(path: str, answer: HttpAnswer) -> bool:
    """Whether an answer is the narinfo of this path."""
    return _note(path, answer) == _SERVED


def fold_references(
    plan: PushSetKnown, recorded: ReferencesKnown | None, looks: Iterable[ReferenceLooked], *, own_key: str | None
) -> References:
    """The references of one publication, from records that `gate.evidence.machine` has verified.

    ``own_key`` is the name of the cache's key: a path with its signature was the cache's own.
    """
    referrers = outside(plan.paths, plan.upstream)
    facts = {path.store_path: path for path in recorded.paths} if recorded is not None else {}
    answers: dict[str, list[HttpAnswer]] = {}
    for look in looks:
        answers.setdefault(look.store_path, []).append(look.narinfo)
    upstream = set(recorded.upstream) if recorded is not None else set()
    notes = {path: _combined_note(path, answers.get(path, ())) for path in referrers if path not in upstream}
    return References(
        label=plan.label,
        cache=plan.cache,
        outside=len(referrers),
        upstream=len(upstream & referrers.keys()),
        served=sum(note == _SERVED for note in notes.values()),
        gaps=tuple(_gaps(referrers, notes, facts, own_key)),
    )


def _gaps(
    referrers: Mapping[str, str], notes: Mapping[str, str], facts: Mapping[str, PathFacts], own_key: str | None
) -> Iterator[Gap]:
    for path, note in notes.items():
        if note == _ABSENT and path in facts:
            state, reason = _origin(facts[path], own_key)
            yield Gap(store_path=path, referrer=referrers[path], state=state, note=f"{note}; {reason}")
        elif note != _SERVED:
            yield Gap(store_path=path, referrer=referrers[path], state="unread", note=note)


def _origin(facts: PathFacts, own_key: str | None) -> tuple[Literal["lost", "elsewhere"], str]:
    """Whether another store is likely to have a path, and why."""
    signers = sorted({name for signature in facts.signatures if (name := key_name(signature))})
    if own_key is not None and own_key in signers:
        return "lost", f"the cache itself signed it once, by {own_key}"
    if signers:
        return "elsewhere", f"it came from where {', '.join(signers)} signs, which is no upstream of this cache"
    if facts.ultimate or facts.content_addressed:
        return "lost", f"it was {'built' if facts.ultimate else 'made'} on this machine, and no other key signed it"
    return "elsewhere", "it came from another store, without a signature"


def _combined_note(path: str, answers: Sequence[HttpAnswer]) -> str:
    """What all looks say together: they must agree, because a reference that comes and goes is not served."""
    notes = list(dict.fromkeys(_note(path, answer) for answer in answers)) or ["not looked at"]
    return notes[0] if len(notes) == 1 else ", then ".join(notes)


def _note(path: str, answer: HttpAnswer) -> str:
    if answer.error or answer.status is None:
        return answer.error or "no answer"
    attic_error = parse_attic_error(answer.body.encode())
    if answer.status != _OK or answer.body_cut:
        return f"HTTP {answer.status}" + (f" {attic_error[1]}" if attic_error else "")
    try:
        info = parse_narinfo(answer.body.encode())
    except ForeignTextError as error:
        return str(error)
    return _SERVED if info.store_path == path else f"the narinfo is of {info.store_path}"
