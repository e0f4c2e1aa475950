"""What a cluster lets us do, without doing it: access reviews of our own rights, the server's version and its time.

Each question is one request. A ``SelfSubjectAccessReview`` is a POST that makes nothing: the API server answers and
keeps no object (https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access).
"""

import json
from collections.abc import Callable
from typing import Final, TypeVar

from gate import limits
from gate.errors import ForeignTextError, InconclusiveError
from gate.observe.kubectl import Kubectl
from gate.parse.kubernetes import parse_client_version, parse_review, parse_server_version, response_date

_T = TypeVar("_T")
_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_GROUPS: Final = {"deployments": "apps", "statefulsets": "apps"}  # all else that is asked is of the core group


def may(kubectl: Kubectl, namespace: str, verb: str, resource: str, name: str = "") -> bool:
    """Whether we have a right, such as ``get`` of ``pods/log``; `InconclusiveError` when the cluster did not say.

    ``name`` is that of the one object: RBAC can grant a right for named objects alone, and then not for any.
    """
    kind, _, part = resource.partition("/")
    asked = {"namespace": namespace, "verb": verb, "group": _GROUPS.get(kind, ""), "resource": kind}
    rest = {"subresource": part, "name": name}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": asked | {key: text for key, text in rest.items() if text}},
    }
    what = f"the access review of {verb} {resource} in {namespace}"
    out, _err = kubectl.call(
        ("create", f"--raw={_REVIEWS}", "--filename=-"),
        what=what,
        cap=limits.ANSWER_BODY_BYTES,
        stdin=json.dumps(review).encode(),
    )
    return _read(what, parse_review, out)


def client_version(kubectl: Kubectl) -> str:
    """The version of kubectl itself; no cluster is asked. `InconclusiveError` when it can't be told."""
    what = "kubectl version"
    argv = ("version", "--client", "--output=json")
    out, _err = kubectl.call(argv, what=what, cap=limits.ANSWER_BODY_BYTES, pinned=False)
    return _read(what, parse_client_version, out)


def server_version(kubectl: Kubectl) -> tuple[str, str | None]:
    """The API server's version and its ``Date`` header, if kubectl tells it; `InconclusiveError` without an answer."""
    what = "the API server's /version"
    out, err = kubectl.call(("get", "--raw=/version", "-v=8"), what=what, cap=limits.ANSWER_BODY_BYTES)
    return _read(what, parse_server_version, out), response_date(err)


def _read(what: str, parse: Callable[[bytes], _T], data: bytes) -> _T:
    try:
        return parse(data)
    except ForeignTextError as error:
        raise InconclusiveError(f"{what}: {error}") from None
