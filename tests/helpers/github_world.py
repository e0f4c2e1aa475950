"""A GitHub that answers on loopback: a repository, its branches, runs, attempts, artifacts; shapes as its REST docs
have them (2022-11-28), with fields that nobody reads left in, so that a reader which trips over them is seen.
"""

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha1, sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from werkzeug import Request, Response

from gate.evidence.codec import entry_line
from gate.journal import make_folder
from gate.model import records
from gate.model.time import rfc3339
from gate.seal import seal
from tests.helpers import runs

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
REPOSITORY, NUMBER = "acme/widgets", 4711
FORK = 9999
WORKFLOW, WORKFLOW_ID = ".github/workflows/trusted-publication-probe.yml", 77
TOKEN = "ghs_" + "t" * 36
GATE_TOML = """
[cache]
attic-server = "http://127.0.0.1:8"
attic-cache = "main"
plain-http-hosts = ["127.0.0.1:8", "127.0.0.1:9"]
[sampling]
samples = 2
sample-spacing = 0.5
[profiles.medium-check]
require-cache-push = false
[require]
guarded = [{path = ".github/workflows/**", pattern = 'require-cache-push:\\s*"?true'}, {path = "pins.nix"}]
min-gate-version = "0"
[quarantine]
held = false
"""
TRUSTING = b'jobs:\n  build:\n    with:\n      require-cache-push: "true"\n'


class Clock:
    """A clock that stands at `NOW`, and whose monotonic side runs."""

    def __init__(self, now: datetime = NOW) -> None:
        self.moment = now

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        return None


def commit_id(name: str) -> str:
    return sha1(name.encode(), usedforsecurity=False).hexdigest()


HEAD = commit_id("main")


def evidence_folder(at: Path, run: runs.Run, start: datetime) -> Path:
    """A run as a sealed folder whose journal begins at ``start``, one record a second."""
    make_folder(at)
    if "server.log" in run.files:
        data = _TAPE_TIME.sub(lambda match: _moved(match[1], start), run.files["server.log"])
        run = run.with_file("server.log", data)
    lines, prev = [], "0" * 64
    for entry in runs.entries(run.records, chained=False):
        at_start = start + timedelta(seconds=entry.seq)
        moved = replace(entry, at=rfc3339(at_start), record=_sampled(entry, at_start), prev=prev)
        lines.append(entry_line(moved))
        prev = sha256(lines[-1]).hexdigest()
    (at / "journal.jsonl").write_bytes(b"".join(lines))
    for name, data in run.files.items():
        (at / name).write_bytes(data)
    seal(at)
    return at


def _sampled(entry: records.Entry, at: datetime) -> records.Record:
    """A record whose own times, if it is a sample, are as far from the entry's as they were."""
    record = entry.record
    if not isinstance(record, records.BucketSampled):
        return record
    by = at - datetime.fromisoformat(entry.at)
    began, ended = (rfc3339(datetime.fromisoformat(text) + by) for text in (record.began_at, record.ended_at))
    return replace(record, began_at=began, ended_at=ended)


_TAPE_TIME = re.compile(rb"2026-11-24T00:([0-9:.]+)Z")


def _moved(time: bytes, start: datetime) -> bytes:
    """A time of a run's server log, by as much as the journal is moved."""
    minutes, seconds = time.split(b":")
    return rfc3339(start + timedelta(minutes=int(minutes), seconds=float(seconds))).encode()


def zipped(folder: Path, **more: bytes) -> bytes:
    """A folder as the upload action zips it: flat, deflated."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.writestr(path.name, path.read_bytes())
        for name, data in more.items():
            archive.writestr(name, data)
    return out.getvalue()


def of_run(journal_log: runs.Run, run: Mapping[str, Any], **changes: object) -> runs.Run:
    """A run whose identity is that of a run of GitHub."""

    def edit(record: records.RunStarted) -> records.RunStarted:
        answers: dict[str, Any] = {
            "run_id": f"{run['id']}.{run['run_attempt']}-aa",
            "tool_version": "0.1.0",
            "repository": REPOSITORY,
            "repository_id": str(NUMBER),
            "commit": run["head_sha"],
            "ref": "refs/heads/main",
            "event": run["event"],
            "workflow_ref": f"{REPOSITORY}/{WORKFLOW}@refs/heads/main",
            "workflow_run": str(run["id"]),
            "workflow_attempt": str(run["run_attempt"]),
        }
        return replace(record, run=replace(record.run, **{**answers, **changes}))

    return journal_log.change(records.RunStarted, edit)


def run_row(number: int, started: datetime, **changes: Any) -> dict[str, Any]:
    """A workflow run as ``GET /actions/workflows/{id}/runs`` lists it."""
    owner = {"login": "acme", "id": 1, "type": "Organization", "site_admin": False}
    repository = {"id": NUMBER, "node_id": "R_x", "name": "widgets", "full_name": REPOSITORY, "owner": owner}
    row: dict[str, Any] = {
        "id": number,
        "name": "Trusted Publication Probe",
        "node_id": "WFR_x",
        "head_branch": "main",
        "head_sha": HEAD,
        "path": WORKFLOW,
        "display_title": "Trusted Publication Probe",
        "run_number": number,
        "event": "workflow_dispatch",
        "status": "completed",
        "conclusion": "success",
        "workflow_id": WORKFLOW_ID,
        "check_suite_id": 5,
        "pull_requests": [],
        "created_at": github_time(started),
        "updated_at": github_time(started + timedelta(minutes=10)),
        "actor": owner,
        "run_attempt": 1,
        "referenced_workflows": [],
        "run_started_at": github_time(started),
        "triggering_actor": owner,
        "previous_attempt_url": None,
        "head_commit": {"id": HEAD, "tree_id": commit_id("tree"), "message": "m", "timestamp": github_time(started)},
        "repository": repository,
        "head_repository": dict(repository),
    }
    return {**row, **changes}


def github_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class World:
    """What the server answers from; a test changes it. ``asked`` are the requests that came."""

    url: str = ""
    runs: list[dict[str, Any]] = field(default_factory=list)
    attempts: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    artifacts: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    zips: dict[int, bytes] = field(default_factory=dict)
    jobs: dict[tuple[int, int], list[dict[str, Any]]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=lambda: {"main": HEAD})
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    trees: dict[str, dict[str, bytes | str]] = field(default_factory=dict)
    on_default: set[str] = field(default_factory=lambda: {HEAD})
    merge_bases: dict[str, str] = field(default_factory=dict)
    changes: dict[str, str] = field(default_factory=dict)  # when a file was last changed
    now: datetime = NOW
    truncated: bool = False
    per_page: int = 100
    broken: Callable[[str], Response | None] = lambda _path: None
    asked: list[Request] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)

    def add_run(self, number: int, started: datetime, **changes: Any) -> dict[str, Any]:
        row = run_row(number, started, **changes)
        self.runs.append(row)
        return row

    def add_artifact(self, run: Mapping[str, Any], data: bytes, **changes: Any) -> dict[str, Any]:
        number = 1000 + len(self.zips)
        self.zips[number] = data
        row = {
            "id": number,
            "node_id": "A_x",
            "name": f"publication-evidence-medium-check-{run['id']}-{run['run_attempt']}",
            "size_in_bytes": len(data),
            "expired": False,
            "digest": f"sha256:{sha256(data).hexdigest()}",
            "created_at": run["updated_at"],
            "expires_at": "2027-02-24T00:00:00Z",
            "workflow_run": {
                "id": run["id"],
                "repository_id": NUMBER,
                "head_repository_id": NUMBER,
                "head_branch": run["head_branch"],
                "head_sha": run["head_sha"],
            },
        }
        row.update(changes)
        self.artifacts.setdefault(run["id"], []).append(row)
        return row

    def answer(self, request: Request) -> Response:
        """An answer with GitHub's own time in it."""
        answer = self._answer(request)
        answer.headers.setdefault("Date", format_datetime(self.now, usegmt=True))
        return answer

    def _answer(self, request: Request) -> Response:
        self.asked.append(request)
        self.tokens.append(request.headers.get("Authorization"))
        path = unquote(request.path)
        broken = self.broken(path)
        if broken is not None:
            return broken
        if path.startswith("/storage/"):
            assert "Authorization" not in request.headers
            return Response(self.zips[int(path.rpartition("/")[2])], content_type="application/zip")
        for pattern, reply in self._routes():
            match = re.fullmatch(f"/repos/{REPOSITORY}{pattern}", path)
            if match:
                return reply(request, *match.groups())
        return Response(json.dumps({"message": "Not Found", "status": "404"}), 404, content_type="application/json")

    def _routes(self) -> list[tuple[str, Callable[..., Response]]]:
        return [
            ("", lambda _r: _json({"id": NUMBER, "full_name": REPOSITORY, "default_branch": "main", "fork": False})),
            (r"/branches/(.+)", self._branch),
            (r"/contents/(.+)", self._contents),
            (r"/commits", self._commits),
            (r"/git/trees/([0-9a-f]{40})", self._tree),
            (r"/git/blobs/([0-9a-f]{40})", self._blob),
            (r"/compare/([0-9a-f]{40})\.\.\.([0-9a-f]{40})", self._compare),
            (r"/actions/workflows/([A-Za-z.-]+)", lambda _r, _n: _json({"id": WORKFLOW_ID, "path": WORKFLOW})),
            (r"/actions/workflows/(\d+)/runs", lambda r, _n: self._page(r, "workflow_runs", self.runs)),
            (r"/actions/runs/(\d+)/artifacts", self._artifacts),
            (r"/actions/runs/(\d+)/attempts/(\d+)", self._attempt),
            (r"/actions/runs/(\d+)/attempts/(\d+)/jobs", self._jobs),
            (r"/actions/artifacts/(\d+)/zip", self._zip),
        ]

    def _page(self, request: Request, key: str, rows: list[dict[str, Any]]) -> Response:
        page, size = int(request.args.get("page", 1)), min(int(request.args.get("per_page", 30)), self.per_page)
        return _json({"total_count": len(rows), key: rows[(page - 1) * size : page * size]})

    def _branch(self, _request: Request, name: str) -> Response:
        return _json({"name": name, "commit": {"sha": self.branches[name]}}) if name in self.branches else _none()

    def _contents(self, request: Request, path: str) -> Response:
        data = self.files.get((request.args["ref"], path))
        return _none() if data is None else Response(data, content_type="application/vnd.github.raw+json")

    def _commits(self, request: Request) -> Response:
        date = self.changes.get(request.args["path"], "2026-11-20T00:00:00Z")
        who = {"name": "GitHub", "email": "noreply@github.com", "date": date}
        return _json([{"sha": HEAD, "commit": {"author": who, "committer": who}}] if date else [])

    def _tree(self, _request: Request, commit: str) -> Response:
        rows = [
            {"path": path, "mode": "120000" if isinstance(data, str) else "100644", "type": "blob", "sha": _blob(data)}
            for path, data in self.trees[commit].items()
        ]
        rows.append({"path": ".github", "mode": "040000", "type": "tree", "sha": "1" * 40})
        return _json({"sha": commit, "tree": rows, "truncated": self.truncated})

    def _blob(self, _request: Request, number: str) -> Response:
        every = {_blob(data): data for tree in self.trees.values() for data in tree.values()}
        return Response(every[number], content_type="application/vnd.github.raw+json")

    def _compare(self, _request: Request, base: str, head: str) -> Response:
        status = "ahead" if base in self.on_default else "diverged"
        return _json({"status": status, "merge_base_commit": {"sha": self.merge_bases.get(head, HEAD)}, "files": []})

    def _artifacts(self, request: Request, run: str) -> Response:
        return self._page(request, "artifacts", self.artifacts.get(int(run), []))

    def _attempt(self, _request: Request, run: str, attempt: str) -> Response:
        row = self.attempts.get((int(run), int(attempt)))
        return _none() if row is None else _json(row)

    def _jobs(self, request: Request, run: str, attempt: str) -> Response:
        return self._page(request, "jobs", self.jobs.get((int(run), int(attempt)), []))

    def _zip(self, _request: Request, number: str) -> Response:
        return Response(status=302, headers={"Location": f"{self.storage}/storage/{number}"})

    @property
    def storage(self) -> str:
        """The same server by another name: GitHub's storage is another host, which must not see the token."""
        names = ("//localhost:", "//127.0.0.1:")
        return self.url.replace(*(names if names[0] in self.url else reversed(names)))


def _json(document: object) -> Response:
    return Response(json.dumps(document), content_type="application/json; charset=utf-8")


def _none() -> Response:
    return Response(json.dumps({"message": "Not Found"}), 404, content_type="application/json")


def _blob(data: bytes | str) -> str:
    raw = data.encode() if isinstance(data, str) else data
    return sha1(b"blob " + raw, usedforsecurity=False).hexdigest()


def pull_request(head: str = commit_id("head"), base: str = "main", **changes: Any) -> bytes:
    """The payload of ``pull_request``, as far as its documentation goes for what is read."""
    whole = {
        "action": "synchronize",
        "number": 12,
        "pull_request": {
            "number": 12,
            "head": {"ref": "topic", "sha": head, "repo": {"id": NUMBER}},
            "base": {"ref": base, "sha": commit_id("stale base"), "repo": {"id": NUMBER}},
        },
        "repository": {"id": NUMBER, "full_name": REPOSITORY, "default_branch": "main"},
    }
    return json.dumps({**whole, **changes}).encode()
