from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.errors import ForeignTextError
from gate.model.captures import DiskRoom, DiskSeen
from gate.parse.host_files import disk_seen, parse_disk_frame

HEAD = "Filesystem     1024-blocks     Used Available Capacity Mounted on\n"
BLOCKS = HEAD + "/dev/vda         264212084 16436760  78849128      18% /\n"
INODES = "Filesystem    Inodes   Used Available Capacity Mounted on\n/dev/vda  16777216 505178 16272038   4% /\n"
SPACE = DiskRoom(total=264212084 * 1024, used=16436760 * 1024, free=78849128 * 1024)
FILES = DiskRoom(total=16777216, used=505178, free=16272038)


def framed(*records: str, nonce: str = "n-1") -> bytes:
    content = b"".join(record.encode() + b"\0" for record in records)
    end = f"COUNT {len(records)} SHA256 {sha256(content).hexdigest()} END {nonce}\n"
    return b"a banner\n\ngate-disk START n-1\n" + content + end.encode()


def read(*records: str) -> DiskSeen:
    return parse_disk_frame(framed(*records), "n-1", "p")


def test_both_sides() -> None:
    assert read(f"blocks {BLOCKS}", f"inodes {INODES}") == DiskSeen(place="p", space=SPACE, inodes=FILES)


@pytest.mark.parametrize(
    ("row", "known"),
    [
        ("/dev/my disk 7   264212084 16436760  78849128  18% /a mount point", True),
        ("overlay 264212084 16436760  78849128  - /data", True),
        ("nas:/export/with 1 2 3 4% /odd   264212084 16436760  78849128  18% /data", False),
        ("/dev/sda 264212084 16436760  78849128  18% /data 9 9 9 9% /", False),
        ("264212084 16436760  78849128  18% /data", False),
    ],
)
def test_blanks_in_names_and_odd_capacities(row: str, known: bool) -> None:
    observation = read(f"blocks {HEAD}{row}", f"inodes {INODES}")
    assert (observation.space == SPACE, observation.space is None, "rows of figures" in str(observation.error)) == (
        known,
        not known,
        not known,
    )


def test_more_used_than_there_is() -> None:
    observation = read(f"blocks {HEAD}/dev/sda 100 101 -1 101% /data", f"inodes {INODES}")
    assert observation.space == DiskRoom(total=102400, used=103424, free=0)


@pytest.mark.parametrize(
    ("records", "error"),
    [
        ((f"blocks {BLOCKS}",), "inodes: the disk script says nothing of them"),
        ((f"blocks {BLOCKS}", "error inodes df: invalid option -- 'i'"), "inodes: df: invalid option -- 'i'"),
        ((f"blocks {BLOCKS}", "error inodes "), "inodes: df said nothing"),
        ((f"inodes {INODES}", "error blocks sh: df: not found"), "space: sh: df: not found"),
        (("blocks ", f"inodes {INODES}"), "space: df gave 0 rows of figures: expected one"),
        ((f"blocks {BLOCKS}{BLOCKS}", f"inodes {INODES}"), "space: df gave 2 rows of figures: expected one"),
    ],
)
def test_what_is_not_told_is_said(records: tuple[str, ...], error: str) -> None:
    observation = read(*records)
    assert observation.error is not None
    assert observation.error.replace("\\'", "'") == error
    assert (observation.space, observation.inodes).count(None) == 1


def test_errors_are_escaped_and_hold_no_credential() -> None:
    observation = read(f"blocks {BLOCKS}", "error inodes df: \x1b[31m token=abcdef \n")
    assert observation.error == r"inodes: df: \x1b[31m ***" + r" \n"


def test_a_frame_that_is_cut_or_of_another_script_is_unknown() -> None:
    whole = framed(f"blocks {BLOCKS}", f"inodes {INODES}")
    for cut in range(len(whole)):
        with pytest.raises(ForeignTextError, match="disk script"):
            parse_disk_frame(whole[:cut], "n-1", "p")
    with pytest.raises(ForeignTextError, match="begins 0 times"):
        parse_disk_frame(whole.replace(b"gate-disk", b"gate-markers"), "n-1", "p")


@pytest.mark.parametrize(
    ("space", "inodes", "expected"),
    [
        (SPACE, FILES, (SPACE, FILES, None)),
        (DiskRoom(total=0, used=0, free=0), FILES, (None, FILES, "space: this file system tells no size")),
        (SPACE, DiskRoom(total=0, used=0, free=0), (SPACE, None, None)),
        (
            DiskRoom(total=2**63, used=0, free=2**63),
            FILES,
            (None, FILES, "space: more than 9007199254740991 of them are told: no real size"),
        ),
        ("a", "b", (None, None, "space: a; inodes: b")),
    ],
)
def test_sides(space: DiskRoom | str, inodes: DiskRoom | str, expected: object) -> None:
    observation = disk_seen("p", space, inodes)
    assert (observation.space, observation.inodes, observation.error) == expected


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_of_df_is_a_figure_or_a_reason(blocks: str, inodes: str) -> None:
    texts = [text.replace("\0", "").encode("utf-8", "replace").decode() for text in (blocks, inodes)]
    observation = read(f"blocks {texts[0]}", f"inodes {texts[1]}")
    assert (observation.error is None) == (observation.space is not None and observation.inodes is not None)
