"""The paths of a push for the page: groups by claim and class, worst first, and a map with a cell for each path."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, Literal

from gate.evidence.bodies import WHOLE
from gate.judge.body_class import body_class, body_status
from gate.model.basics import Claim, Status, value
from gate.model.bodies import Body
from gate.model.document import Evidence
from gate.model.facts import PushPath
from gate.render import logged
from gate.render.overview import BODY_WORDS
from gate.render.view import body_read, label

Lot = Literal["lost", "failed", "unknown", "whole", "left"]
LOTS: Final[dict[Lot, str]] = {
    "lost": "claimed and not served whole",
    "failed": "failed to publish",
    "unknown": "unknown",
    "whole": "whole",
    "left": "left to an upstream",
}
_LOT_OF: Final[dict[Status, Lot]] = {
    Status.PASS: "whole",
    Status.FAIL: "lost",
    Status.INCONCLUSIVE: "unknown",
    Status.NOT_APPLICABLE: "unknown",
}
_CHUNK: Final = 100  # rows that a browser lays out at a time (`content-visibility` of report.css)
_COLUMNS: Final = 100  # cells in a row of the map
_PITCH: Final = 10  # units from one cell to the next


@value
class PathRow:
    """One path: the two parts of its base name, its size, and what the reads gave where that differs in the group."""

    name: str
    hash: str
    nar_size: int
    reads: int


@value
class PathGroup:
    """Paths of one publication with the same claim, class and error. ``detail`` is what one of them shows of it."""

    lot: Lot
    publication: str
    claim: str
    outcome: str
    code: str
    detail: str
    doubted: bool
    nar_size: int
    chunks: tuple[tuple[PathRow, ...], ...]

    @property
    def count(self) -> int:
        """How many paths it has."""
        return sum(map(len, self.chunks))


@value
class MapLine:
    """A stretch of cells of one lot in one row of the map, in units of its drawing."""

    lot: Lot
    x: int
    y: int
    width: int


@value
class PathMap:
    """A cell for each path, in the order of the groups."""

    width: int
    height: int
    lines: tuple[MapLine, ...]
    counts: tuple[tuple[Lot, str, int], ...]


def path_groups(evidence: Evidence) -> tuple[PathGroup, ...]:
    """The groups, worst first, then the largest first."""
    bodies = {(body.label, body.cache, body.store_path): body for body in evidence.bodies}
    members: dict[tuple[object, ...], list[tuple[PushPath, Body | None]]] = {}
    for path in evidence.push.paths:
        body = bodies.get((path.label, path.cache, path.store_path))
        error = path.error.code if path.error else ""
        key = (_lot(path, body), path.label, path.claim, body_class(body) if body else "", error, path.doubted)
        members.setdefault(key, []).append((path, body))
    order = list(LOTS)
    groups = [_group(evidence, rows) for rows in members.values()]
    return tuple(
        sorted(groups, key=lambda group: (order.index(group.lot), -group.count, group.publication, group.code))
    )


def path_map(groups: Sequence[PathGroup]) -> PathMap:
    """The map of the groups."""
    cells: list[Lot] = [group.lot for group in groups for _ in range(group.count)]
    counts = Counter(cells)
    lines = tuple(_lines(cells))
    columns = min(len(cells), _COLUMNS)
    rows = -(-len(cells) // _COLUMNS)
    return PathMap(
        width=columns * _PITCH,
        height=rows * _PITCH,
        lines=lines,
        counts=tuple((lot, words, counts[lot]) for lot, words in LOTS.items() if counts[lot]),
    )


def _lines(cells: Sequence[Lot]) -> Iterator[MapLine]:
    begin = 0
    for number in range(1, len(cells) + 1):
        ends = number == len(cells) or cells[number] != cells[begin] or number % _COLUMNS == 0
        if ends:
            row, column = divmod(begin, _COLUMNS)
            width = (number - begin) * _PITCH
            yield MapLine(lot=cells[begin], x=column * _PITCH, y=row * _PITCH + _PITCH // 2, width=width)
            begin = number


def _lot(path: PushPath, body: Body | None) -> Lot:
    if path.claim is Claim.FAILED:
        return "failed"
    if body is None:
        return "left" if path.claim is Claim.IN_UPSTREAM else "unknown"
    return _LOT_OF[body_status(body)]


def _group(evidence: Evidence, rows: Sequence[tuple[PushPath, Body | None]]) -> PathGroup:
    path, body = rows[0]
    code = body_class(body) if body else ""
    listed = [_row(each, read) for each, read in rows]
    error = f" ({path.error.code})" if path.error else ""
    outcome = BODY_WORDS.get(code, code) if body else "not to be served by this cache, or never reached"
    neighbors = logged.near(evidence, path.store_path)
    details = [path.error.message if path.error else "", body_read(body) if body and code != WHOLE else "", neighbors]
    return PathGroup(
        lot=_lot(path, body),
        publication=label(path.label),
        claim=f"{path.claim.value.replace('-', ' ')}{error}",
        outcome=outcome,
        code=code,
        detail="; ".join(filter(None, details)),
        doubted=path.doubted,
        nar_size=sum(each.nar_size for each, _ in rows),
        chunks=tuple(tuple(listed[start : start + _CHUNK]) for start in range(0, len(listed), _CHUNK)),
    )


def _row(path: PushPath, body: Body | None) -> PathRow:
    base, _, name = path.store_path.rpartition("/")[2].partition("-")
    return PathRow(name=name, hash=base, nar_size=path.nar_size, reads=len(body.reads) if body else 0)
