"""What df says of a file system, in the framed answer of the disk script (`gate/observe/disk.sh`).

Records are ``blocks <text>`` and ``inodes <text>``, the outputs of ``df -P -k`` and ``df -P -i`` for one path
(https://pubs.opengroup.org/onlinepubs/9699919799/utilities/df.html; ``-i`` is of GNU and busybox), or ``error
blocks|inodes <text>`` where df failed. A device and a mount point may have blanks in their names, so a line is read by
its figures, which stand before the mount point's slash.
"""

import re
from typing import Final

from gate import limits
from gate.model.captures import DiskRoom, DiskSeen
from gate.parse.exec_frame import framed_records
from gate.parse.kube_words import said
from gate.parse.lines import decode

# Zero wide, so that figures within a name are found beside the real ones: then the line can't be read.
_FIGURES: Final = re.compile(r"(?<= )(?=([0-9]{1,20}) +([0-9]{1,20}) +(-?[0-9]{1,20}) +(?:[0-9]{1,3}%|-) +/)")
_WHOLE_MAX: Final = 2**53 - 1  # what RFC 8785 can say exactly; some network file systems call themselves larger


def parse_disk_frame(data: bytes, nonce: str, place: str) -> DiskSeen:
    """The disk use that the one answer with this nonce tells; `ForeignTextError` when there is no such answer."""
    sides = dict(_side(decode(record)) for record in framed_records(data, nonce, word="gate-disk"))
    return disk_seen(place, *(sides.get(name, "the disk script says nothing of them") for name in ("blocks", "inodes")))


def disk_seen(place: str, space: DiskRoom | str, inodes: DiskRoom | str) -> DiskSeen:
    """Disk use at a place from its two sides, each a room or the reason why it is not told.

    No blocks at all are no file system that could fill (proc); no inodes at all mean that there is no limit of them.
    """
    troubles: list[str] = []
    rooms: list[DiskRoom | None] = []
    for what, side in (("space", space), ("inodes", inodes)):
        room, trouble = _told(side)
        if room is not None and room.total == 0:
            room, trouble = None, None if what == "inodes" else "this file system tells no size"
        rooms.append(room)
        if trouble:
            troubles.append(f"{what}: {trouble}")
    return DiskSeen(place=place, space=rooms[0], inodes=rooms[1], error="; ".join(troubles) or None)


def _told(side: DiskRoom | str) -> tuple[DiskRoom | None, str | None]:
    if isinstance(side, str):
        return None, side
    if max(side.total, side.used, side.free) > _WHOLE_MAX:
        return None, f"more than {_WHOLE_MAX} of them are told: no real size"
    return side, None


def _side(record: str) -> tuple[str, DiskRoom | str]:
    kind, _, text = record.partition(" ")
    if kind == "error":
        kind, _, text = text.partition(" ")
        return kind, said(text, limits.ERROR_TEXT_CHARS) or "df said nothing"
    return kind, _room(text, 1024 if kind == "blocks" else 1)


def _room(text: str, unit: int) -> DiskRoom | str:
    rows = list(_FIGURES.finditer(text))
    if len(rows) != 1:
        return f"df gave {len(rows)} rows of figures: expected one"
    total, used, free = (int(number) for number in rows[0].groups())
    return DiskRoom(total=total * unit, used=used * unit, free=max(free, 0) * unit)
