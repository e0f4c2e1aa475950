"""Rights, versions and time by a kubectl of the tests: one question each, and unknown for whatever is no answer."""

import json
from pathlib import Path
from typing import Any

import pytest

from gate.clock import SystemClock
from gate.errors import InconclusiveError
from gate.observe.kube_workload import client_version, may, server_version
from gate.observe.kubectl import Kubectl
from gate.process import CancelToken

FAKE = r"""#!/bin/sh
printf '%s\n' "$*" >>"$HOME/calls"
cat >"$HOME/stdin"
cat "$HOME/err" >&2
cat "$HOME/out"
exit "$(cat "$HOME/code")"
"""
TOKEN = "eyJ-token-canary"


class Fake:
    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "kubectl").write_text(FAKE)
        (home / "kubectl").chmod(0o755)
        self.kubectl = Kubectl(
            environ={"PATH": f"{home}:/usr/bin:/bin", "HOME": str(home)},
            cancel=CancelToken(),
            clock=SystemClock(),
            context="lab",
        )

    def says(self, out: object, err: str = "", code: int = 0) -> Kubectl:
        text = out if isinstance(out, str) else json.dumps(out)
        for name, content in {"out": text, "err": err, "code": str(code)}.items():
            (self.home / name).write_text(content)
        return self.kubectl

    @property
    def call(self) -> str:
        return (self.home / "calls").read_text().splitlines()[-1]

    @property
    def asked(self) -> Any:
        return json.loads((self.home / "stdin").read_text())["spec"]


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path)


@pytest.mark.parametrize("allowed", [True, False])
def test_one_review_is_asked_for_one_right(fake: Fake, allowed: bool) -> None:
    kubectl = fake.says({"kind": "SelfSubjectAccessReview", "status": {"allowed": allowed}})
    assert may(kubectl, "nix-cache", "get", "pods/log") is allowed
    raw = "--raw=/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert fake.call == f"--context=lab create {raw} --filename=-"
    right = {"namespace": "nix-cache", "verb": "get", "group": "", "resource": "pods"}
    assert fake.asked == {"resourceAttributes": {**right, "subresource": "log"}}
    assert may(kubectl, "nix-cache", "get", "deployments", "attic") is allowed
    names = {**right, "group": "apps", "resource": "deployments", "name": "attic"}
    assert fake.asked == {"resourceAttributes": names}


@pytest.mark.parametrize(
    ("out", "err", "code", "words"),
    [
        ("", "Error from server (Forbidden): reviews is forbidden\n", 1, "Error from server .Forbidden."),
        ({"kind": "SelfSubjectAccessReview", "status": {}}, "", 0, "allowed is"),
        ({"kind": "Status"}, "", 0, "is of kind 'Status'"),
    ],
)
def test_a_right_that_was_not_told_is_unknown(fake: Fake, out: object, err: str, code: int, words: str) -> None:
    with pytest.raises(InconclusiveError, match=f"^the access review of get pods/log in nix-cache: .*{words}"):
        may(fake.says(out, err, code), "nix-cache", "get", "pods/log")


def test_its_own_version_needs_no_context(fake: Fake) -> None:
    assert client_version(fake.says({"clientVersion": {"gitVersion": "v1.35.2"}})) == "v1.35.2"
    assert fake.call == "version --client --output=json"
    with pytest.raises(InconclusiveError, match=r"^kubectl version: "):
        client_version(fake.says("Client Version: v1.20"))


def test_the_servers_version_and_date(fake: Fake) -> None:
    headers = f"\tAuthorization: Bearer {TOKEN}\n\tDate: Tue, 24 Nov 2026 07:40:16 GMT\n"
    kubectl = fake.says({"gitVersion": "v1.35.0"}, headers)
    assert server_version(kubectl) == ("v1.35.0", "Tue, 24 Nov 2026 07:40:16 GMT")
    assert fake.call == "--context=lab get --raw=/version -v=8"
    assert server_version(fake.says({"gitVersion": "v1.35.0"})) == ("v1.35.0", None)


def test_headers_that_kubectl_prints_on_a_failure_do_not_come_to_stand_in_the_reason(fake: Fake) -> None:
    headers = f"I1124 07:40:16.825085 1 round_trippers.go:527] Request\n\tAuthorization: Bearer {TOKEN}\n"
    with pytest.raises(InconclusiveError) as answer:
        server_version(fake.says("", headers, 1))
    assert TOKEN not in str(answer.value)
    assert str(answer.value).startswith("the API server's /version: ")
