"""ListMultipartUploads, as S3 documents it and as other stores write it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.errors import ForeignTextError
from gate.model.parsed import OpenUpload, UploadListing
from gate.parse.s3 import parse_uploads

# The example of https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html, shortened.
EXAMPLE = b"""<?xml version="1.0" encoding="UTF-8"?>
<ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Bucket>bucket</Bucket><KeyMarker></KeyMarker><UploadIdMarker></UploadIdMarker>
  <NextKeyMarker>my-movie.m2ts</NextKeyMarker><NextUploadIdMarker>YW55IGlkZWE</NextUploadIdMarker>
  <EncodingType>url</EncodingType><MaxUploads>3</MaxUploads><IsTruncated>true</IsTruncated>
  <Upload>
    <Key>my+divisor%2Fa</Key><UploadId>XMgbGlrZSBlbHZpbmcncyBub3QgaGF2aW5nIG11Y2ggbHVjaw</UploadId>
    <Initiator><ID>arn:aws:iam::111122223333:user/user1</ID></Initiator><Owner><ID>75</ID></Owner>
    <StorageClass>STANDARD</StorageClass><Initiated>2010-11-10T20:48:33.000Z</Initiated>
  </Upload>
  <CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes>
</ListMultipartUploadsResult>"""


def test_a_page_of_uploads() -> None:
    assert parse_uploads(EXAMPLE) == UploadListing(
        uploads=(
            OpenUpload(
                key="my divisor/a",
                upload_id="XMgbGlrZSBlbHZpbmcncyBub3QgaGF2aW5nIG11Y2ggbHVjaw",
                initiated="2010-11-10T20:48:33.000Z",
            ),
        ),
        truncated=True,
    )


def test_an_unquoted_key_stays_as_it_is_and_no_upload_is_none() -> None:
    plain = EXAMPLE.replace(b"<EncodingType>url</EncodingType>", b"")
    assert parse_uploads(plain).uploads[0].key == "my+divisor%2Fa"
    empty = b"<ListMultipartUploadsResult></ListMultipartUploadsResult>"
    assert parse_uploads(empty) == UploadListing(uploads=(), truncated=False)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "is not whole XML"),
        (b"<html></html>", "The list of uploads is a <'html'>"),
        (b"<Error><Code>NotImplemented</Code></Error>", "expected <ListMultipartUploadsResult>"),
        (EXAMPLE.replace(b"UploadId>", b"Other>"), "without an UploadId"),
        (EXAMPLE.replace(b"XMgbGlr", b"XMgb Glr"), "without an UploadId"),
        (EXAMPLE.replace(b"Initiated>", b"Other>"), "has the time none"),
        (EXAMPLE.replace(b"2010-11-10T", b"2010-11-10 "), "has the time '2010-11-10 20:48:33.000Z'"),
        (EXAMPLE.replace(b"2010-11-10T", b"2010-13-10T"), "has the time '2010-13-10T20:48:33.000Z'"),
        (EXAMPLE.replace(b"20:48:33.000Z", b"20:48:33"), "expected one as 2026-05-06T00:00:00.000Z"),
        (EXAMPLE.replace(b"<Key>my+divisor%2Fa</Key>", b""), "has the key ''"),
        (EXAMPLE.replace(b"<Bucket>", b"<IsTruncated>no</IsTruncated><Bucket>"), "has 2 <IsTruncated>"),
    ],
)
def test_what_is_no_page_of_uploads(body: bytes, message: str) -> None:
    with pytest.raises(ForeignTextError, match=message):
        parse_uploads(body)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, len(EXAMPLE)), st.binary(max_size=30))
def test_any_bytes_are_a_page_or_foreign(at: int, more: bytes) -> None:
    for body in (more, EXAMPLE[:at] + more + EXAMPLE[at:]):
        try:
            listing = parse_uploads(body)
        except ForeignTextError:
            continue
        assert all(upload.key and upload.upload_id and upload.initiated for upload in listing.uploads)
