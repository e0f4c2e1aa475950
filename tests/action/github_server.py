"""GitHub for the workflows that act runs: the artifact service that the artifact client speaks, the REST interface that
serves what was uploaded, and the issues of the repository.

Artifact service: Twirp's JSON form, github.actions.results.api.v1.ArtifactService; blobs as Azure's Put Block and Put
Block List, and one GET (npm's @actions/artifact 6.2.1, lib/internal/upload and lib/internal/download). It believes
nothing: the token, the signature in the blob's address, the size and the digest must be right, and a job sees the
artifacts of its own run alone.
"""

import base64
import json
import re
import secrets
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from werkzeug import Request, Response
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.helpers import github_world as gh

SERVICE = "/twirp/github.actions.results.api.v1.ArtifactService/"
ISSUES = f"/repos/{gh.REPOSITORY}/issues"


@dataclass
class Upload:
    """One artifact on its way."""

    run: int
    name: str
    number: int
    signature: str = field(default_factory=lambda: secrets.token_hex(16))
    blocks: dict[str, bytes] = field(default_factory=dict)
    data: bytes | None = None


@dataclass
class Issues:
    """The issues of a repository, as much of them as is asked for."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    comments: dict[int, list[str]] = field(default_factory=dict)

    def answer(self, request: Request) -> Response:
        if "Bearer " not in request.headers.get("Authorization", ""):
            return _json({"message": "Requires authentication"}, 401)
        path = request.path.removeprefix(ISSUES)
        if request.method == "GET" and not path:
            return self._list(request)
        value = json.loads(request.get_data())
        if request.method == "POST" and not path:
            labels = [{"name": name} for name in value.pop("labels")]
            row = {"number": len(self.rows) + 1, "state": "open", **value, "labels": labels}
            self.rows.append(row)
            return _json(row, 201)
        result = re.fullmatch(r"/(\d+)(/comments)?", path)
        if result is None:
            return _json({"message": "Not Found"}, 404)
        if result[2]:
            self.comments.setdefault(int(result[1]), []).append(value["body"])
            return _json({"id": 1}, 201)
        self.rows[int(result[1]) - 1].update(value)
        return _json(self.rows[int(result[1]) - 1])

    def _list(self, request: Request) -> Response:
        expected = request.args["labels"]
        rows = [
            row
            for row in self.rows
            if row["state"] == request.args["state"] and expected in {label["name"] for label in row["labels"]}
        ]
        page, size = int(request.args.get("page", 1)), int(request.args.get("per_page", 30))
        return _json(rows[(page - 1) * size : page * size])


class _Silent(WSGIRequestHandler):
    """Says nothing: what was asked is in `World.asked`."""

    def log_request(self, *_given: object) -> None:
        pass


class GitHubServer:
    """The server; ``folder`` gets each artifact as ``RUN/NAME.zip``."""

    def __init__(self, folder: Path, commit: str) -> None:
        self.world = gh.World(branches={"main": commit}, on_default={commit})
        self.issues = Issues()
        self.commit = commit
        self.folder = folder
        self._uploads: dict[int, Upload] = {}
        self._runs: dict[int, dict[str, Any]] = {}
        self._server = make_server("127.0.0.1", 0, self._app, threaded=True, request_handler=_Silent)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.world.url = self.url

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()

    def token(self, run: int) -> str:
        """What the runner gives the upload client (a JSON Web Token, whose signature the client can't check)."""
        return f"e30.{_part({'scp': f'Actions.Example Actions.Results:{run}:job'})}.x"

    def begin(self, number: int, event: str, workflow: str) -> dict[str, Any]:
        """A run begins."""
        row = self.world.add_run(number, _now(), event=event, head_sha=self.commit, path=workflow, status="in_progress")
        self._runs[number] = row
        if workflow != gh.WORKFLOW:  # a workflow's list has its own runs alone
            self.world.runs.remove(row)
        return row

    def end(self, row: dict[str, Any], *, good: bool) -> None:
        """It ends."""
        row.update(status="completed", conclusion="success" if good else "failure", updated_at=gh.github_time(_now()))

    def _app(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        return self._answer(Request(environ))(environ, start)

    def _answer(self, request: Request) -> Response:
        if request.path.startswith(SERVICE):
            return self._twirp(request)
        if request.path.startswith("/blob/"):
            return self._blob(request)
        if request.path.startswith(ISSUES):
            return self.issues.answer(request)
        self.world.now = _now()  # the forge's own time, by which evidence is young enough
        return self.world.answer(request)

    def _twirp(self, request: Request) -> Response:
        requests: Mapping[str, Any] = json.loads(request.get_data())
        run = int(requests["workflow_run_backend_id"])
        if request.headers.get("Authorization") != f"Bearer {self.token(run)}":
            return _json({"code": "unauthenticated", "msg": "another token"}, 401)
        method = request.path.removeprefix(SERVICE)
        if method == "CreateArtifact":
            return self._create(run, requests["name"])
        if method == "FinalizeArtifact":
            return self._finalize(run, requests)
        if method == "ListArtifacts":
            return self._list(run, requests)
        if method == "GetSignedArtifactURL":
            (upload,) = [each for each in self._whole(run) if each.name == requests["name"]]
            return _json({"name": upload.name, "signed_url": f"{self.url}/blob/{upload.number}?sig={upload.signature}"})
        return _json({"code": "bad_route", "msg": f"no method {method}"}, 404)

    def hand_on(self, name: str, *, run: int, to: int) -> None:
        """Let an artifact of one run be one of another too: what a job does that downloads it and uploads it again."""
        (upload,) = [each for each in self._whole(run) if each.name == name]
        number = 1 + len(self._uploads)
        self._uploads[number] = Upload(run=to, name=name, number=number, data=upload.data)

    def _whole(self, run: int) -> list[Upload]:
        return [each for each in self._uploads.values() if each.run == run and each.data is not None]

    def _list(self, run: int, asked: Mapping[str, Any]) -> Response:
        result = [
            {
                "workflow_run_backend_id": str(run),
                "workflow_job_run_backend_id": asked["workflow_job_run_backend_id"],
                "database_id": str(upload.number),
                "name": upload.name,
                "size": str(len(upload.data or b"")),
                "digest": f"sha256:{sha256(upload.data or b'').hexdigest()}",
            }
            for upload in self._whole(run)
            if asked.get("name_filter", upload.name) == upload.name
            and asked.get("id_filter", str(upload.number)) == str(upload.number)
        ]
        return _json({"artifacts": result})

    def _create(self, run: int, name: str) -> Response:
        if any((each.run, each.name) == (run, name) for each in self._uploads.values()):
            return _json({"code": "already_exists", "msg": "an artifact with this name already exists"}, 409)
        number = 1 + len(self._uploads)
        upload = self._uploads[number] = Upload(run=run, name=name, number=number)
        return _json({"ok": True, "signed_upload_url": f"{self.url}/blob/{number}?sig={upload.signature}"})

    def _blob(self, request: Request) -> Response:
        upload = self._uploads[int(request.path.rpartition("/")[2])]
        if request.args.get("sig") != upload.signature or "Authorization" in request.headers:
            return Response("<Error><Code>AuthenticationFailed</Code></Error>", 403)
        if request.method == "GET":
            return Response(upload.data, content_type="application/zip")
        if request.args.get("comp") == "block":
            upload.blocks[request.args["blockid"]] = request.get_data()
        else:
            names = re.findall(r"<Latest>([^<]+)</Latest>", request.get_data().decode())
            upload.data = b"".join(upload.blocks[name] for name in names)
        return Response(status=201)

    def _finalize(self, run: int, asked: Mapping[str, Any]) -> Response:
        upload = next(each for each in self._uploads.values() if (each.run, each.name) == (run, asked["name"]))
        data = upload.data
        if data is None or asked["size"] != str(len(data)) or asked["hash"] != f"sha256:{sha256(data).hexdigest()}":
            return _json({"code": "invalid_argument", "msg": "the blob has another size or digest"}, 400)
        self.world.add_artifact(self._runs[run], data, name=upload.name)
        place = self.folder / str(run)
        place.mkdir(exist_ok=True)
        (place / f"{upload.name}.zip").write_bytes(data)
        return _json({"ok": True, "artifact_id": str(upload.number)})


def _part(claims: Mapping[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")


def _now() -> datetime:
    return datetime.now(UTC)


def _json(document: object, status: int = 200) -> Response:
    return Response(json.dumps(document), status, content_type="application/json")
