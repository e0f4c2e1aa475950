import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.errors import ForeignTextError
from gate.model.parsed import ObjectListing
from gate.parse.s3 import parse_objects, parse_versioning
from tests.helpers.scripted_s3 import NS, objects
from tests.unit.parse.test_s3 import body_of

URL = "<EncodingType>url</EncodingType>"


def test_the_recorded_list() -> None:
    assert parse_objects(body_of("healthy/list-objects-attic.http")) == ObjectListing(
        keys=("k/x", "k/y", "o/0"), next_token="by8w"
    )


def test_pages() -> None:
    assert parse_objects(objects([])) == ObjectListing(keys=())
    assert parse_objects(objects(["a", "b"], "t")) == ObjectListing(keys=("a", "b"), next_token="t")
    bare = f"<ListBucketResult {NS}><Contents><Key> a </Key></Contents></ListBucketResult>".encode()
    assert parse_objects(bare) == ObjectListing(keys=(" a ",))


def test_quoted_keys_are_read_only_where_the_server_says_that_they_are() -> None:
    assert parse_objects(objects(["a%2Bb+c%0A"], quoted=URL)).keys == ("a+b c\n",)
    assert parse_objects(objects(["a%2Bb+c%0A"])).keys == ("a%2Bb+c%0A",)
    assert parse_objects(objects(["a%2B"], quoted="<EncodingType>other</EncodingType>")).keys == ("a%2B",)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html></html>", "is a <'html'>: expected <ListBucketResult>"),
        (b"<Error><Code>NoSuchBucket</Code></Error>", "is a <'Error'>"),
        (objects(["a", "a"]), "names a key twice"),
        (objects(["a%41", "aA"], quoted=URL), "names a key twice"),
        (objects(["a"], truncated=True), "without a token"),
        (objects(["a"], "t", truncated=False), "has one at its end"),
        (objects([""]), "has the key ''"),
        (objects(["%FF"], quoted=URL), "has the key '%FF'"),
        (objects(["a" * 1025]), "expected 1 to 1024 characters"),
        (objects([]).replace(b"</ListB", b"<Contents/></ListB"), "has the key ''"),
        (objects(["a"])[:-1], "is not whole XML"),
    ],
)
def test_no_list_of_objects(body: bytes, message: str) -> None:
    with pytest.raises(ForeignTextError, match=message):
        parse_objects(body)


def versioning(inner: str) -> bytes:
    return f"<VersioningConfiguration {NS}>{inner}</VersioningConfiguration>".encode()


def test_versioning() -> None:
    assert parse_versioning(versioning("<Status>Enabled</Status>")) == "enabled"
    assert parse_versioning(versioning("<Status>Suspended</Status><MfaDelete>Disabled</MfaDelete>")) == "suspended"
    assert parse_versioning(versioning("")) == "off"
    assert parse_versioning(versioning("<Status/>")) == "off"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (versioning("<Status>On</Status>"), "is 'On': expected Enabled or Suspended"),
        (b"<Error><Code>NotImplemented</Code></Error>", "is a <'Error'>"),
        (b"", "is not whole XML"),
    ],
)
def test_no_versioning(body: bytes, message: str) -> None:
    with pytest.raises(ForeignTextError, match=message):
        parse_versioning(body)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8), unique=True, max_size=5))
def test_keys_of_any_text_there_and_back(keys: list[str]) -> None:
    from urllib.parse import quote_plus

    listed = parse_objects(objects([quote_plus(key) for key in keys], quoted=URL))
    assert listed == ObjectListing(keys=tuple(keys))


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=120))
def test_any_bytes_are_read_or_foreign(body: bytes) -> None:
    for parse in (parse_objects, parse_versioning):
        with pytest.raises(ForeignTextError):
            parse(body)
