"""The files of an audit's plan: what is written is read back, and anything else is refused."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.errors import ForeignTextError
from gate.model.audit import BrokenClaim, ChunkPlace
from gate.parse.audit_files import (
    ChunkClaim,
    ClaimedNar,
    ClaimedPath,
    claim_line,
    hash_in_path,
    nar_line,
    parse_claim,
    parse_nar,
    parse_path,
    parse_remote_file,
    path_line,
)

HASH = "sha256:" + "0f" * 32
NUMBERS = st.integers(0, 2**53)
TEXTS = st.text(st.characters(min_codepoint=33, max_codepoint=0x17F).filter(str.isprintable), min_size=1).filter(
    "-".__ne__
)


HASHES = st.none() | st.just(HASH)


@given(st.builds(ChunkClaim, NUMBERS, NUMBERS, st.just("a/b.chunk"), st.just(HASH), HASHES, st.none() | NUMBERS))
def test_a_claim_is_read_back(claim: ChunkClaim) -> None:
    assert parse_claim(claim_line(claim)) == claim


@given(st.builds(ClaimedNar, NUMBERS, st.none() | st.sampled_from(BrokenClaim), st.lists(NUMBERS).map(tuple)))
def test_a_nar_is_read_back(row: ClaimedNar) -> None:
    assert parse_nar(nar_line(row)) == row


@given(st.builds(ClaimedPath, NUMBERS, NUMBERS, NUMBERS, TEXTS, TEXTS, st.none() | TEXTS))
def test_a_path_is_read_back(row: ClaimedPath) -> None:
    assert parse_path(path_line(row)) == row


def test_a_path_that_holds_a_tab_or_a_line_end_can_not_be_written() -> None:
    for text in ("a\tb", "a\nb"):
        with pytest.raises(ForeignTextError, match="no plain text"):
            path_line(ClaimedPath(1, 1, 0, text, "now", None))


@pytest.mark.parametrize("parse", [parse_claim, parse_nar, parse_path])
@pytest.mark.parametrize(
    "line", [b"", b"\xff\n", b"1\t2\n", b"-1\t0\tk\t\t\t\n", b"x\t-\t1\n", "1\t\u0661\tk\tk\tk\tk\n".encode()]
)
def test_a_line_of_another_form_is_refused(parse: Callable[[bytes], object], line: bytes) -> None:
    with pytest.raises(ForeignTextError, match="line is"):
        parse(line)


@pytest.mark.parametrize(
    "line",
    [f"1\t0\tk y\t{HASH}\t-\t-\n", "1\t0\tkey\tsha256:0\t-\t-\n", f"1\t0\tkey\t{HASH}\tsha256:0\t-\n"],
)
def test_a_claim_with_another_key_or_hash_is_refused(line: str) -> None:
    with pytest.raises(ForeignTextError, match="chunk's line"):
        parse_claim(line.encode())


def test_the_recorded_remote_file_gives_its_bucket_and_key() -> None:
    text = '{"S3":{"region":"us-east-1","bucket":"attic","key":"0e1b.chunk"}}'
    assert parse_remote_file(text) == (ChunkPlace(region="us-east-1", bucket="attic"), "0e1b.chunk")


@pytest.mark.parametrize("key", ["../x", "/x", "a/./b", "a//b", "a?b", ""])
def test_a_key_that_would_be_another_in_a_url_is_refused(key: str) -> None:
    with pytest.raises(ForeignTextError, match="key is"):
        parse_remote_file(json.dumps({"S3": {"region": "r", "bucket": "b", "key": key}}))


@pytest.mark.parametrize(
    "text", ['{"Local":{"name":"x"}}', "{}", '{"S3":{},"Local":{}}', "[]", "x", '{"S3":{"key":1}}']
)
def test_other_storages_are_refused(text: str) -> None:
    with pytest.raises(ForeignTextError):
        parse_remote_file(text)


def test_the_hash_in_a_path() -> None:
    assert hash_in_path(f"/other/store/{'a' * 32}-name") == "a" * 32
