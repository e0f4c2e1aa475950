"""S3 answers: pages of ListBuckets, ListObjectsV2 and ListMultipartUploads, GetBucketVersioning, and error bodies.

Formats: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html, and beside it API_ListObjectsV2.html,
API_ListMultipartUploads.html, API_GetBucketVersioning.html and ErrorResponses.html. An answer that is not exactly such
XML says nothing: an HTML page with status 200, a cut body or an error in place of the list is never an empty list.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal, NoReturn
from urllib.parse import unquote_plus
from xml.parsers import expat

from gate.errors import ForeignTextError
from gate.limits import ERROR_TEXT_CHARS, S3_BODY_BYTES, XML_DEPTH
from gate.model.parsed import BucketListing, ObjectListing, OpenUpload, S3Fault, UploadListing
from gate.parse.text import excerpt

_BUCKET_NAME: Final = re.compile(
    r"[!-.0-~]{1,255}"
)  # printable ASCII but the slash: old stores allow more than AWS does
_VERSIONING: Final[dict[str, Literal["enabled", "suspended"]]] = {"Enabled": "enabled", "Suspended": "suspended"}
_KEY_CHARS: Final = 1024
_UPLOAD_ID: Final = re.compile(r"[!-~]{1,1024}")
# As much of RFC 3339 as Python 3.11 reads; each store has its own number of digits.
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})")
_REGION: Final = re.compile(r"[A-Za-z0-9-]{1,64}")  # us-gov-west-1; of other servers any word, as Garage's "garage"
_CODE: Final = re.compile(r"[A-Za-z0-9.]{1,100}")


def parse_listing(body: bytes) -> BucketListing:
    """One page of ListBuckets; `ForeignTextError` when the body is anything else, an ``<Error>`` included.

    ``next_token`` is None when this is the last page.
    """
    root = _read(body)
    if root.name != "ListAllMyBucketsResult":
        raise ForeignTextError(f"The list of buckets is a <{excerpt(root.name)}>: expected <ListAllMyBucketsResult>.")
    buckets = root.only("Buckets")
    if buckets is None:
        raise ForeignTextError("The list of buckets has no <Buckets>: expected it, even when there are none.")
    names = tuple(_bucket_name(bucket) for bucket in buckets.children)
    if len(set(names)) != len(names):
        raise ForeignTextError("The list of buckets names a bucket twice: expected each once.")
    token = root.only("ContinuationToken")
    return BucketListing(names=names, next_token=token.text or None if token else None)


def parse_owner(body: bytes) -> tuple[str | None, Mapping[str, str]]:
    """Who owns the buckets of a page of ListBuckets, and when each was made; `ForeignTextError` as `parse_listing`."""
    parse_listing(body)
    root = _read(body)
    owner, buckets = root.only("Owner"), root.only("Buckets")
    number = owner.only("ID") if owner is not None else None
    dates = {
        _bucket_name(bucket): created.text
        for bucket in (buckets.children if buckets is not None else ())
        if (created := bucket.only("CreationDate")) is not None
        and _MOMENT.fullmatch(created.text)
        and _is_a_moment(created.text)
    }
    return (number.text[:ERROR_TEXT_CHARS] or None if number is not None else None), dates


def parse_objects(body: bytes) -> ObjectListing:
    """One page of ListObjectsV2, asked for with ``encoding-type=url``; `ForeignTextError` for anything else.

    A server that does not quote the keys says so by leaving out ``EncodingType``.
    """
    root = _read(body)
    if root.name != "ListBucketResult":
        raise ForeignTextError(f"The list of objects is a <{excerpt(root.name)}>: expected <ListBucketResult>.")
    encoding = root.only("EncodingType")
    quoted = encoding is not None and encoding.text == "url"
    keys = tuple(_key(child, quoted=quoted) for child in root.children if child.name == "Contents")
    if len(set(keys)) != len(keys):
        raise ForeignTextError("The list of objects names a key twice: expected each once.")
    truncated, token = root.only("IsTruncated"), root.only("NextContinuationToken")
    more = truncated is not None and truncated.text == "true"
    if more != bool(token and token.text):
        raise ForeignTextError("The list of objects is cut off without a token, or has one at its end: expected both.")
    return ObjectListing(keys=keys, next_token=token.text if token and more else None)


def parse_uploads(body: bytes) -> UploadListing:
    """A page of ListMultipartUploads, asked for with ``encoding-type=url``; `ForeignTextError` for anything else."""
    root = _read(body)
    if root.name != "ListMultipartUploadsResult":
        raise ForeignTextError(
            f"The list of uploads is a <{excerpt(root.name)}>: expected <ListMultipartUploadsResult>."
        )
    encoding, truncated = root.only("EncodingType"), root.only("IsTruncated")
    quoted = encoding is not None and encoding.text == "url"
    uploads = tuple(_upload(child, quoted=quoted) for child in root.children if child.name == "Upload")
    return UploadListing(uploads=uploads, truncated=truncated is not None and truncated.text == "true")


def _upload(upload: "_Element", *, quoted: bool) -> OpenUpload:
    number, initiated = upload.only("UploadId"), upload.only("Initiated")
    if number is None or not _UPLOAD_ID.fullmatch(number.text):
        raise ForeignTextError("The list of uploads has one without an UploadId: expected one in each.")
    if initiated is None or not _MOMENT.fullmatch(initiated.text) or not _is_a_moment(initiated.text):
        got = excerpt(initiated.text) if initiated else "none"
        raise ForeignTextError(f"The list of uploads has the time {got}: expected one as 2026-05-06T00:00:00.000Z.")
    return OpenUpload(key=_key(upload, quoted=quoted), upload_id=number.text, initiated=initiated.text)


def _is_a_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def parse_versioning(body: bytes) -> Literal["enabled", "suspended", "off"]:
    """What GetBucketVersioning says; ``off`` is a bucket that never had it. `ForeignTextError` for anything else."""
    root = _read(body)
    if root.name != "VersioningConfiguration":
        raise ForeignTextError(f"The versioning is a <{excerpt(root.name)}>: expected <VersioningConfiguration>.")
    status = root.only("Status")
    if status is None or not status.text:
        return "off"
    if status.text not in _VERSIONING:
        raise ForeignTextError(f"The versioning is {excerpt(status.text)}: expected Enabled or Suspended.")
    return _VERSIONING[status.text]


def parse_fault(body: bytes) -> S3Fault | None:
    """The code and message of an S3 error body, or None when the body is no such thing (empty, HTML, cut, …)."""
    try:
        root = _read(body)
        code, message, region = root.only("Code"), root.only("Message"), root.only("Region")
    except ForeignTextError:
        return None
    if root.name != "Error" or code is None or not _CODE.fullmatch(code.text):
        return None
    return S3Fault(
        code=code.text,
        message=message.text[:ERROR_TEXT_CHARS] if message else "",
        region=(region_name(region.text) if region else None) or "",
    )


def region_name(text: str) -> str | None:
    """The name of a region that a server gave; None for what can't be one."""
    return text if _REGION.fullmatch(text) else None


class _Element:
    """An XML element: its local name, its own text, its children.

    Stores name S3's namespace in several ways (``http://doc.s3.amazonaws.com/2006-03-01``: GCS, s3rver), or not at all.
    """

    def __init__(self, name: str) -> None:
        self.name = name.rpartition(" ")[2]
        self.texts: list[str] = []
        self.children: list[_Element] = []

    @property
    def text(self) -> str:
        return "".join(self.texts).strip()

    def only(self, name: str) -> "_Element | None":
        """The child of this name, or None; `ForeignTextError` when there are several."""
        matches = [child for child in self.children if child.name == name]
        if len(matches) > 1:
            raise ForeignTextError(f"The S3 answer has {len(matches)} <{name}>: expected one.")
        return matches[0] if matches else None


def _bucket_name(bucket: _Element) -> str:
    name = bucket.only("Name")
    if bucket.name != "Bucket" or name is None or not _BUCKET_NAME.fullmatch(name.text):
        got = excerpt(name.text) if name else f"<{excerpt(bucket.name)}>"
        raise ForeignTextError(f"The list of buckets has {got}: expected <Bucket> with a <Name>.")
    return name.text


def _key(contents: _Element, *, quoted: bool) -> str:
    """A key as it is; S3 writes a blank in a quoted one as ``+`` (botocore handlers.py decodes it so)."""
    key = contents.only("Key")
    raw = "" if key is None else "".join(key.texts)  # blanks at its ends are part of a key
    try:
        name = unquote_plus(raw, errors="strict") if quoted else raw
    except UnicodeDecodeError:
        name = ""
    if not name or len(name) > _KEY_CHARS:
        raise ForeignTextError(f"The list has the key {excerpt(raw)}: expected 1 to {_KEY_CHARS} characters.")
    return name


def _read(body: bytes) -> _Element:
    """The root element of a whole XML text of at most `S3_BODY_BYTES`; `ForeignTextError` for anything else."""
    if len(body) > S3_BODY_BYTES:
        raise ForeignTextError(f"The S3 answer has {len(body)} bytes: expected at most {S3_BODY_BYTES}.")
    if b"\0" in body or not _is_utf8(body):
        # expat would take UTF-16 whatever it is told, and a DOCTYPE could hide in it.
        raise ForeignTextError("The S3 answer is not UTF-8 text: expected XML.")
    if b"<!doctype" in body.lower():
        _refuse_doctype()
    parser = expat.ParserCreate("utf-8", " ")
    parser.StartDoctypeDeclHandler = _refuse_doctype
    holder = _Element("")
    path = [holder]

    def start(name: str, _attributes: dict[str, str]) -> None:
        if len(path) > XML_DEPTH:
            raise ForeignTextError(f"The S3 answer is nested too deep: expected at most {XML_DEPTH} levels.")
        element = _Element(name)
        path[-1].children.append(element)
        path.append(element)

    def text(piece: str) -> None:
        path[-1].texts.append(piece)

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _name: path.pop()
    parser.CharacterDataHandler = text
    try:
        parser.Parse(body, True)  # noqa: FBT003  # expat takes its arguments by position only
    except expat.ExpatError as error:
        message = expat.ErrorString(error.code)
        raise ForeignTextError(f"The S3 answer is not whole XML ({message}): expected an answer of S3.") from None
    return holder.children[0]


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _refuse_doctype(*_declaration: object) -> NoReturn:
    raise ForeignTextError("The S3 answer has a DOCTYPE: expected plain XML, not an HTML page.")
