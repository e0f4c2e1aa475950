"""What a cluster says of rights, versions and its time, and kubectl of its own version.

Formats: ``SelfSubjectAccessReview`` of API ``authorization.k8s.io/v1``, ``version.Info`` of ``/version``
(https://kubernetes.io/docs/reference/kubernetes-api/), ``kubectl version --client --output json``, and the response
headers that kubectl prints from ``-v=8`` on (client-go ``transport/round_trippers.go``).
"""

import re
from typing import Final

from gate import limits
from gate.errors import ForeignTextError
from gate.parse.quoting import shown
from gate.parse.strict_json import as_flag, as_object, as_text, loads

_VERSION: Final = re.compile(r"v[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}[0-9A-Za-z.+_-]{0,80}")
_DATE: Final = re.compile(
    rb"^[^\n]{0,200}?\bDate: ([A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT)\s*$", re.MULTILINE
)


def parse_review(data: bytes) -> bool:
    """Whether the asked right is granted; `ForeignTextError` when that was not decided.

    A refusal that comes with an ``evaluationError`` is no decision: an authorizer could not be asked.
    """
    what = "The access review"
    review = as_object(loads(data, cap=limits.ANSWER_BODY_BYTES, what=what), what)
    if review.get("kind") != "SelfSubjectAccessReview":
        raise ForeignTextError(f"{what} is of kind {shown(review.get('kind'))}: expected SelfSubjectAccessReview.")
    status = as_object(review.get("status"), f"{what}'s status")
    allowed = as_flag(status.get("allowed"), f"{what}'s allowed")
    if not allowed and status.get("evaluationError"):
        raise ForeignTextError(f"{what} was not decided: {shown(status['evaluationError'])}.")
    return allowed


def parse_client_version(data: bytes) -> str:
    """The version of kubectl itself, such as ``v1.35.2``; `ForeignTextError` for anything else."""
    what = "kubectl's version"
    said = as_object(loads(data, cap=limits.ANSWER_BODY_BYTES, what=what), what)
    return _version(as_object(said.get("clientVersion"), f"{what}'s clientVersion"), what)


def parse_server_version(data: bytes) -> str:
    """The API server's version; `ForeignTextError` for anything else."""
    what = "The API server's version"
    return _version(as_object(loads(data, cap=limits.ANSWER_BODY_BYTES, what=what), what), what)


def response_date(stderr: bytes) -> str | None:
    """The ``Date`` header of the last answer that kubectl printed at ``-v=8``; None when there is none.

    Nothing but a date is taken: at that level kubectl prints the headers of its requests too.
    """
    found = _DATE.findall(stderr)
    return found[-1].decode("ascii") if found else None


def _version(said: dict[str, object], what: str) -> str:
    version = as_text(said.get("gitVersion"), f"{what}'s gitVersion")
    if not _VERSION.fullmatch(version):
        raise ForeignTextError(f"{what} is {shown(version)}: expected v<major>.<minor>.<patch>.")
    return version
