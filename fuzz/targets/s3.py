"""`gate.parse.s3`: an error, a page or a cut answer is never a list; each name and each key comes once."""

from fuzz.contract import tried
from fuzz.target import Target, bodies
from gate.limits import ERROR_TEXT_CHARS
from gate.parse.s3 import parse_fault, parse_listing, parse_objects, parse_uploads, parse_versioning


def check(data: bytes) -> None:
    """Any body."""
    buckets, objects = tried(parse_listing, data), tried(parse_objects, data)
    versioning, fault = tried(parse_versioning, data), tried(parse_fault, data)
    uploads = tried(parse_uploads, data)
    kinds = [parsed is not None for parsed in (buckets, objects, versioning, fault, uploads)]
    assert sum(kinds) <= 1, "one answer is two things"
    if buckets is not None:
        assert len(set(buckets.names)) == len(buckets.names)
        assert not [name for name in buckets.names if "/" in name or not name.isascii() or not name.isprintable()]
        assert buckets.next_token != ""
    if objects is not None:
        assert len(set(objects.keys)) == len(objects.keys)
        assert objects.next_token != ""
    if uploads is not None:
        assert all(each.key and each.upload_id.isascii() and each.initiated[4] == "-" for each in uploads.uploads)
    if fault is not None:
        assert fault.code.isascii(), fault.code
        assert len(fault.message) <= ERROR_TEXT_CHARS
    if any(kinds):
        end = data.rstrip().rfind(b">")
        for cut in (data[:end], data[: len(data) // 2], data[:end] + b"x" + data[end:]):
            assert tried(parse_listing, cut) is None, "a cut answer is a list"
            assert tried(parse_objects, cut) is None, "a cut answer is a list"
            assert tried(parse_uploads, cut) is None, "a cut answer is a list"


_LIST = b"""<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>tofu-state</Name><IsTruncated>true</IsTruncated>
<EncodingType>url</EncodingType><NextContinuationToken>t</NextContinuationToken>
<Contents><Key>a%2Fb+c</Key></Contents><Contents><Key>d</Key></Contents></ListBucketResult>"""


_UPLOADS = b"""<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>
<Upload><Key>a.chunk</Key><UploadId>u</UploadId><Initiated>2026-05-06T00:00:00.000Z</Initiated></Upload></ListMultipartUploadsResult>"""


def seeds() -> list[bytes]:
    """Every recorded answer of RustFS, and what it was not asked for."""
    page = b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>"
    versioning = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    bomb = b'<!DOCTYPE a [<!ENTITY b "cccc">]><ListAllMyBucketsResult><Buckets>&b;</Buckets></ListAllMyBucketsResult>'
    return [*bodies("rustfs/*/*.http"), _LIST, _LIST.replace(b"true", b"false"), _UPLOADS, page, versioning, bomb]


TARGET = Target(
    check,
    seeds,
    parsers=("s3",),
    words=(b"<ListAllMyBucketsResult>", b"<Buckets>", b"<Bucket><Name>", b"<Error><Code>", b"<!DOCTYPE", b"<![CDATA["),
)
