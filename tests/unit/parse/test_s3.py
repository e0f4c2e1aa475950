from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.errors import ForeignTextError
from gate.limits import S3_BODY_BYTES, XML_DEPTH
from gate.model.parsed import BucketListing, S3Fault
from gate.parse.s3 import parse_fault, parse_listing, region_name

RUSTFS = Path("fixtures/recordings/rustfs")
NS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def body_of(recording: str) -> bytes:
    """The body of a recorded exchange: request line, empty line, answer's head, empty line, body, line end."""
    return (RUSTFS / recording).read_bytes().split(b"\n\n", 2)[2].removesuffix(b"\n")


def listing(inner: str) -> bytes:
    return f"<ListAllMyBucketsResult {NS}>{inner}</ListAllMyBucketsResult>".encode()


def bucket(name: str) -> str:
    return f"<Bucket><CreationDate>2026-11-23T23:16:13.304Z</CreationDate><Name>{name}</Name></Bucket>"


@pytest.mark.parametrize(
    ("state", "names"),
    [
        ("healthy", ("attic", "tofu-state")),
        ("drive-stalled", ("attic", "tofu-state")),
        ("drive-stalled-after-push", ()),
        ("recovered", ("attic", "tofu-state")),
    ],
)
def test_the_recorded_lists(state: str, names: tuple[str, ...]) -> None:
    assert parse_listing(body_of(f"{state}/list-buckets.http")) == BucketListing(names=names)


def test_a_page_of_a_longer_list() -> None:
    page = f"<Owner><ID>x</ID></Owner><Buckets>{bucket('a')}\n {bucket('b.c-d_E')}</Buckets>"
    assert parse_listing(listing(f"{page}<ContinuationToken>t/+=</ContinuationToken><Prefix/>")) == BucketListing(
        names=("a", "b.c-d_E"), next_token="t/+="
    )
    assert parse_listing(listing(f"{page}<ContinuationToken/>")).next_token is None
    bare = b"<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>"
    assert parse_listing(b'<?xml version="1.0"?>\n<!-- c -->' + bare + b"\n") == BucketListing(names=())


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "is not whole XML"),
        (b" ", "is not whole XML"),
        (b"{}", "is not whole XML"),
        (listing("<Buckets/>")[:-1], "is not whole XML"),
        (listing("<Buckets/>") + b"x", "is not whole XML"),
        (listing("<Buckets>&x;</Buckets>"), "is not whole XML"),
        (listing("<Buckets>\xff</Buckets>").replace(b"\xc3\xbf", b"\xff"), "is not UTF-8 text"),
        (listing("<Buckets/>").decode().encode("utf-16"), "is not UTF-8 text"),
        (listing("<Buckets/>").decode().encode("utf-16-le"), "is not UTF-8 text"),
        (listing("<Buckets>\0</Buckets>"), "is not UTF-8 text"),
        (b"<!DOCTYPE html><html></html>", "has a DOCTYPE"),
        (b'<!DocType x [<!ENTITY a "b">]>' + listing("<Buckets/>"), "has a DOCTYPE"),
        (b"<html><body>Sign in</body></html>", "is a <'html'>: expected <ListAllMyBucketsResult>"),
        (b"<Error><Code>AccessDenied</Code></Error>", "is a <'Error'>"),
        (listing("<Buckets/>").replace(b"MyBuckets", b"MyDirectoryBuckets"), "is a <'ListAllMyDirectoryBuckets"),
        (listing(""), "has no <Buckets>"),
        (listing("<Buckets/><Buckets/>"), "has 2 <Buckets>: expected one"),
        (listing("<Buckets/><ContinuationToken>a</ContinuationToken><ContinuationToken/>"), "has 2 <Continuation"),
        (listing(f"<Buckets>{bucket('a')}{bucket('a')}</Buckets>"), "names a bucket twice"),
        (listing("<Buckets><Bucket/></Buckets>"), "has <'Bucket'>: expected <Bucket> with a <Name>"),
        (listing("<Buckets><Thing><Name>a</Name></Thing></Buckets>"), "has 'a': expected <Bucket>"),
        (listing("<Buckets><Bucket><Name>a</Name><Name>b</Name></Bucket></Buckets>"), "has 2 <Name>"),
        (listing(f"<Buckets>{bucket('')}</Buckets>"), "has '': expected"),
        (listing(f"<Buckets>{bucket('a/b')}</Buckets>"), "has 'a/b': expected"),
        (listing(f"<Buckets>{bucket('a b')}</Buckets>"), "has 'a b': expected"),
        (listing(f"<Buckets>{bucket('é')}</Buckets>"), "expected <Bucket>"),
        (listing(f"<Buckets>{bucket('a' * 256)}</Buckets>"), "expected <Bucket>"),
        (listing("<a>" * XML_DEPTH + "</a>" * XML_DEPTH), "is nested too deep: expected at most 16 levels"),
        (b" " * (S3_BODY_BYTES + 1), "has 1048577 bytes: expected at most 1048576"),
    ],
)
def test_no_list_at_all(body: bytes, message: str) -> None:
    with pytest.raises(ForeignTextError, match=message):
        parse_listing(body)


def test_every_cut_of_the_recorded_list_is_foreign() -> None:
    whole = body_of("healthy/list-buckets.http")
    for cut in range(len(whole)):
        with pytest.raises(ForeignTextError):
            parse_listing(whole[:cut])


@pytest.mark.parametrize(
    ("recording", "code"),
    [
        ("healthy/get-no-such-key.http", "NoSuchKey"),
        ("healthy/get-no-such-bucket.http", "NoSuchBucket"),
        ("healthy/minio-health-live.http", "AccessDenied"),
        ("drive-stalled/get-state.http", "NoSuchBucket"),
        ("drive-stalled-after-push/put-scratch.http", "NoSuchBucket"),
    ],
)
def test_the_recorded_faults(recording: str, code: str) -> None:
    fault = parse_fault(body_of(recording))
    assert fault is not None
    assert fault.code == code


def test_faults_of_other_stores() -> None:
    rclone = Path("fixtures/recordings/attic/nar-single-chunk-bucket-lost/body").read_bytes()
    assert parse_fault(rclone) == S3Fault(code="NoSuchBucket", message="The specified bucket does not exist")
    assert parse_fault(b"<Error><Code>Slow.Down</Code></Error>") == S3Fault(code="Slow.Down", message="")
    assert parse_fault(f"<Error {NS}><Code>X</Code><Message/></Error>".encode()) == S3Fault(code="X", message="")
    long = parse_fault(b"<Error><Code>X</Code><Message>" + b"y" * 3000 + b"</Message></Error>")
    assert long == S3Fault(code="X", message="y" * 2048)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b'{"code":404,"error":"NoSuchObject"}',
        b"<Error><Code>NoSuchKey</Code>",
        b"<Error></Error>",
        b"<Error><Code></Code></Error>",
        b"<Error><Code>No Such Key</Code></Error>",
        b"<Error><Code>" + b"X" * 101 + b"</Code></Error>",
        b"<Error><Code>NoSuchKey</Code><Code>AccessDenied</Code></Error>",
        b"<Error><Code>X</Code><Message/><Message/></Error>",
        b"<Errors><Error><Code>NoSuchKey</Code></Error></Errors>",
        b"<NotError><Code>NoSuchKey</Code></NotError>",
        b"<!DOCTYPE x><Error><Code>NoSuchKey</Code></Error>",
    ],
)
def test_no_fault(body: bytes) -> None:
    assert parse_fault(body) is None


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.from_regex(r"[a-z0-9.-]{3,63}", fullmatch=True), unique=True, max_size=5),
    st.none() | st.from_regex(r"[A-Za-z0-9+/=]{1,40}", fullmatch=True),
)
def test_lists_there_and_back(names: list[str], token: str | None) -> None:
    more = "" if token is None else f"<ContinuationToken>{token}</ContinuationToken>"
    body = listing(f"<Buckets>{''.join(map(bucket, names))}</Buckets>{more}")
    assert parse_listing(body) == BucketListing(names=tuple(names), next_token=token)


@settings(deadline=None, max_examples=200)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.lists(
            st.sampled_from(
                [
                    *("<ListAllMyBucketsResult>", "</ListAllMyBucketsResult>", "<Buckets>", "</Buckets>"),
                    *("<Bucket>", "</Bucket>", "<Name>", "</Name>", "a", "<Error>", "</Error>", "<Code>", "</Code>"),
                    *("<!--", "-->", "<![CDATA[", "]]>", "&amp;", "<?pi", "?>", "<!DOCTYPE", "\0"),
                ]
            ),
            max_size=12,
        ).map(lambda parts: "".join(parts).encode()),
    )
)
def test_any_bytes_are_a_list_or_foreign(body: bytes) -> None:
    parse_fault(body)
    try:
        parse_listing(body)
    except ForeignTextError:
        return
    assert body.count(b"ListAllMyBucketsResult>") >= 2


def test_a_namespace_of_another_spelling_is_the_same_list() -> None:
    """Google's store, s3rver and local-s3-server write http://doc.s3.amazonaws.com/2006-03-01."""
    body = Path("fixtures/cases/s3/list-doc-namespace.xml").read_bytes()
    assert parse_listing(body).names == ("attic", "tofu-state")
    prefixed = b"<x:ListAllMyBucketsResult xmlns:x='urn:other'><x:Buckets/></x:ListAllMyBucketsResult>"
    assert parse_listing(prefixed).names == ()


@pytest.mark.parametrize(
    ("text", "name"), [("eu-west-1", "eu-west-1"), ("garage", "garage"), ("a b", None), ("", None)]
)
def test_a_region_that_a_server_names_is_a_name(text: str, name: str | None) -> None:
    assert region_name(text) == name
