"""How many paths of a push set a push has to write."""

from dataclasses import replace

from gate.evidence.pushes import fresh_before
from gate.model import records
from gate.model.basics import Label
from tests.helpers import runs
from tests.helpers.runs import answer

PUSH_SET = records.PushSetKnown(
    label=Label.PROFILE,
    cache="main",
    paths=runs.SOURCES,
    outputs=(),
    upstream=(),
    upstream_key_names=("cache.nixos.org-1",),
)
HASHES = [path.store_path[11:43] for path in runs.SOURCES]


def question(hashes: list[str], status: int = 200) -> records.MissingAsked:
    body = '{"missing_paths":[' + ",".join(f'"{name}"' for name in hashes) + "]}"
    return records.MissingAsked(label=Label.PROFILE, cache="main", answer=answer(status, body))


def test_fresh_is_what_the_cache_lacks_and_the_client_will_push() -> None:
    signed = replace(runs.SOURCES[0], signatures=("cache.nixos.org-1:AAAA", "nonsense"))
    other = replace(runs.SOURCES[1], signatures=("other-1:AAAA",))
    push_set = replace(PUSH_SET, paths=(signed, other, *runs.SOURCES[2:]))
    assert fresh_before(PUSH_SET, question(HASHES)) == 11
    assert fresh_before(push_set, question(HASHES)) == 10
    assert fresh_before(push_set, question(HASHES[:5])) == 4
    assert fresh_before(push_set, question([])) == 0
    assert fresh_before(push_set, question(HASHES, status=403)) is None
    assert fresh_before(push_set, None) is None
