"""Whether a cache has a narinfo for each of some paths: asked once each, some at a time, and no body."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from gate import limits
from gate.model.basics import Label
from gate.model.records import HttpAnswer, ReferenceLooked


def look_at_references(
    paths: Sequence[str],
    narinfo: Callable[[str], HttpAnswer],
    *,
    label: Label,
    cache: str,
    attempt: int,
    stop: Callable[[], bool],
) -> Iterator[ReferenceLooked]:
    """A record for each path, in order; once ``stop`` says so, the rest goes unasked and has none.

    ``narinfo`` asks for one path's. What it answers is only written down here.
    """

    def look(path: str) -> ReferenceLooked | None:
        if stop():
            return None
        return ReferenceLooked(label=label, cache=cache, store_path=path, attempt=attempt, narinfo=narinfo(path))

    with ThreadPoolExecutor(limits.READ_JOBS) as threads:
        yield from (row for row in threads.map(look, paths) if row is not None)
