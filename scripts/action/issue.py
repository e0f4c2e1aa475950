"""Keep one issue about the scheduled probe: open it when the probe fails, comment on each change, never open a second.

    python3 -I issue.py

Standard library only, for a job that may write issues and nothing else. The issue holds words of the lists below and
the run's own address, so nothing of what the probe saw gets into it. It is known by a label, which a stranger can't
give, and a line in its text. A person closes it: a passing synthetic probe says little of real closures.
"""

import json
import os
import re
import ssl
import sys
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

LABEL = "publication-gate"
MARK = "<!-- publication-gate: scheduled probe -->"
TITLE = "The scheduled publication probe does not pass"
VERDICTS = ("pass", "refused", "inconclusive", "quarantine")
RESULTS = ("success", "failure", "cancelled", "skipped")
ADVICE = {
    "pass": "It passes again. That lifts no quarantine: publish and look at a representative profile, then close this.",
    "refused": "Nothing was built or published: the settings, a tool or the confirm phrase must be put right.",
    "inconclusive": "Nothing is known about the cache: look at the run, and start it again when the cause is fixed.",
    "quarantine": "Do not publish, and restart nothing before `publication-gate capture`: the evidence would be lost.",
}
LAST = re.compile(r"(?m)^Last verdict: \*\*([a-z]+)\*\*$")
PAGES, PAGE = 10, 100
SECONDS = 30
MOVED = (301, 302, 307, 308)
BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
CAP = 32 * 1024 * 1024
NAME = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
NUMBER = re.compile(r"[0-9]{1,20}")
ADDRESS = re.compile(r"https?://[A-Za-z0-9.:-]+(?:/[A-Za-z0-9._-]+)*")


class TroubleError(Exception):
    """What is wrong, in one sentence; the step ends with 3."""


def main(environ: Mapping[str, str]) -> int:
    """Say how the probe ended, in the one issue."""
    verdict = verdict_of(environ.get("GATE_ISSUE_VERDICT", ""), environ.get("GATE_ISSUE_RESULT", ""))
    run = run_address(environ)
    api = Api(environ)
    number, body = next(ours(api), (None, ""))
    text = f"{MARK}\nLast verdict: **{verdict}**\n\n{ADVICE[verdict]}\n\nRun: {run}\n"
    if number is None:
        if verdict == "pass":
            records("the probe passes and no issue is open: nothing to do")
            return 0
        issue = api.ask("POST", "", {"title": TITLE, "body": text, "labels": [LABEL]})
        records(f"issue {int(issue['number'])} opened: {verdict}")
        return 0
    last = LAST.search(body)
    if verdict == "pass" and last is not None and last[1] == "pass":
        records(f"issue {number} knows already that the probe passes: nothing to do")
        return 0
    api.ask("PATCH", f"/{number}", {"body": text})
    api.ask("POST", f"/{number}/comments", {"body": f"**{verdict}**: {ADVICE[verdict]}\n\nRun: {run}\n"})
    records(f"issue {number} updated: {verdict}")
    return 0


def verdict_of(verdict: str, result: str) -> str:
    """One of `VERDICTS`: pass only where the job itself succeeded, and inconclusive for whatever is no answer."""
    if result not in RESULTS or verdict not in VERDICTS:
        return "inconclusive"
    return "inconclusive" if verdict == "pass" and result != "success" else verdict


def run_address(environ: Mapping[str, str]) -> str:
    """The address of this run, of parts that need no escape in Markdown."""
    server, repository = environ.get("GITHUB_SERVER_URL", ""), environ.get("GITHUB_REPOSITORY", "")
    run, attempt = environ.get("GITHUB_RUN_ID", ""), environ.get("GITHUB_RUN_ATTEMPT", "")
    whole = ADDRESS.fullmatch(server) and NAME.fullmatch(repository)
    if not (whole and NUMBER.fullmatch(run) and NUMBER.fullmatch(attempt)):
        message = "GITHUB_SERVER_URL, _REPOSITORY, _RUN_ID or _RUN_ATTEMPT is not as the runner sets it"
        raise TroubleError(message)
    return f"{server}/{repository}/actions/runs/{run}/attempts/{attempt}"


class _Stay(HTTPRedirectHandler):
    """Follows no redirect by itself: the token would go along."""

    def redirect_request(self, *_arguments: object) -> None:
        return None


class Api:
    """The issues of this repository. A request is never repeated: one that was lost may have been done."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        root, self._token = environ.get("GITHUB_API_URL", ""), environ.get("GATE_ISSUE_TOKEN", "")
        parts, forge = urlsplit(root), urlsplit(environ.get("GITHUB_SERVER_URL", "")).hostname
        here = parts.hostname in ("127.0.0.1", "localhost", "::1")
        if not (parts.scheme == "https" or (parts.scheme == "http" and here)):
            message = f"GITHUB_API_URL is {root[:200]!a}: expected an https:// address"
            raise TroubleError(message)
        if not here and parts.hostname not in (forge, f"api.{forge}"):
            message = f"GITHUB_API_URL is {root[:200]!a}: expected the interface of {forge}; the token was not sent"
            raise TroubleError(message)
        if not self._token.strip() or re.search(r"\s", self._token):
            message = "the token is empty or no token: give github-token, with issues: write"
            raise TroubleError(message)
        self._root = f"{root.rstrip('/')}/repos/{environ.get('GITHUB_REPOSITORY', '')}/issues"

    def ask(self, method: str, path: str, fields: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401  # JSON
        """The answer to one request."""
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": "publication-gate",
        }
        request = f"{method} issues{path.partition('?')[0]}"
        data = None if fields is None else json.dumps(fields).encode()
        url = self._root + path
        try:
            try:
                return _answer(url, data, headers, method)
            except HTTPError as error:  # a repository that was renamed is led to by its number, on the same host
                there = urljoin(url, error.headers.get("Location", ""))
                if error.code not in MOVED or urlsplit(there)[:2] != urlsplit(url)[:2]:
                    raise
                return _answer(there, data, headers, method)
        except HTTPError as error:
            with error:
                message = f"GitHub answers {error.code} to {request}: has the job issues: write?"
        except (OSError, HTTPException, ValueError) as error:
            message = f"GitHub could not be asked for {request} ({type(error).__name__}): see the run itself"
        raise TroubleError(message)


def _answer(url: str, data: bytes | None, headers: Mapping[str, str], method: str) -> Any:  # noqa: ANN401  # JSON
    """One answer as JSON. The environment names no proxy and no authorities: the token would go there."""
    authorities = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    own = ssl.get_default_verify_paths()
    for bundle in (own.openssl_cafile, *BUNDLES):
        if Path(bundle).is_file():
            authorities.load_verify_locations(cafile=bundle)
    if Path(own.openssl_capath).is_dir():
        authorities.load_verify_locations(capath=own.openssl_capath)
    opener = build_opener(_Stay, ProxyHandler({}), HTTPSHandler(context=authorities))
    request = Request(url, data, dict(headers), method=method)  # noqa: S310  # https or loopback, see Api
    with opener.open(request, timeout=SECONDS) as answer:
        return json.loads(answer.read(CAP))


def ours(api: Api) -> Iterator[tuple[int, str]]:
    """Number and text of each open issue of ours, the oldest first."""
    issues = []
    for page in range(1, PAGES + 1):
        query = {"state": "open", "labels": LABEL, "per_page": PAGE, "page": page}
        rows = api.ask("GET", f"?{urlencode(query)}")
        if not isinstance(rows, list):
            message = "GitHub's list of issues is no list"
            raise TroubleError(message)
        for row in rows:
            body = row.get("body") or ""
            if "pull_request" not in row and MARK in body.splitlines():
                issues.append((int(row["number"]), body))
        if len(rows) < PAGE:
            break
    yield from sorted(issues)


def records(text: str) -> None:
    """One line of ours."""
    sys.stdout.write(f"issue: {text}\n")


if __name__ == "__main__":
    try:
        raise SystemExit(main(os.environ))
    except TroubleError as error:
        sys.stderr.write(f"issue: {error}\n")
        raise SystemExit(3) from None
