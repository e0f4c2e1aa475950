"""The routes of the server (attic b7c9056 ``server/src/api``): a request in, an answer or ServerError out."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from gate.lab.attic import replies
from gate.lab.attic.access import Permission, is_cache_name, is_store_path_hash
from gate.lab.attic.chunks import ChunkError, ChunkStore
from gate.lab.attic.config import ServerConfig
from gate.lab.attic.errors import RejectedError, ServerError, StorageError
from gate.lab.attic.replies import ApiRequest, Reply, json_reply, text_reply
from gate.lab.attic.store import CacheRow, Database, Located
from gate.lab.attic.tracelog import TraceLog
from gate.lab.attic.uploads import NarReceiver, parse_nar_info

INFO_HEADER: Final = "x-attic-nar-info"
PREAMBLE_HEADER: Final = "x-attic-nar-info-preamble-size"
VISIBILITY: Final = ("x-attic-cache-visibility", "public")
PLACEHOLDER: Final = "<!doctype html><title>Attic Binary Cache</title><p>This is an Attic binary cache (stand-in).\n"
CACHE_COLUMNS: Final = ("is_public", "store_dir", "priority")
"""Settings of a cache whose JSON name is the column's name."""
CACHE_FIELDS: Final = ("keypair", *CACHE_COLUMNS, "upstream_cache_key_names")
"""What the JSON that makes a cache must hold (attic b7c9056 ``attic/src/api/v1/cache_config.rs``)."""
JSON_BYTES: Final = 2 * 1024 * 1024  # axum's own limit; a NAR is taken in as a stream, which has none
JSON_TYPE: Final = re.compile(r"application/([^;]+\+)?json\s*(;.*)?", re.IGNORECASE)


class Endpoints:
    """All routes over one database and one bucket."""

    def __init__(self, config: ServerConfig, log: TraceLog) -> None:
        """Open the database; S3 is first asked by the first upload."""
        self._config = config
        self._log = log
        self._store = Database(config.database, create=config.create_database)
        self._chunks = ChunkStore(config.bucket)
        self._uploads = NarReceiver(self._store, self._chunks, config)
        self._routes: tuple[tuple[str, re.Pattern[str], Callable[..., Reply]], ...] = (
            ("GET", re.compile(r"/"), lambda _: text_reply(HTTPStatus.OK, PLACEHOLDER, "text/html; charset=utf-8")),
            ("GET", re.compile(r"/_api/v1/cache-config/([^/]+)"), self.get_cache_config),
            ("POST", re.compile(r"/_api/v1/cache-config/([^/]+)"), self.create_cache),
            ("PATCH", re.compile(r"/_api/v1/cache-config/([^/]+)"), self.configure_cache),
            ("POST", re.compile(r"/_api/v1/get-missing-paths"), self.get_missing_paths),
            ("PUT", re.compile(r"/_api/v1/upload-path"), self.upload_path),
            ("GET", re.compile(r"/([^/]+)/nix-cache-info"), self.get_nix_cache_info),
            ("GET", re.compile(r"/([^/]+)/attic-cache-info"), self.get_cache_config),
            ("GET", re.compile(r"/([^/]+)/nar/([^/]+)"), self.get_nar),
            ("GET", re.compile(r"/([^/]+)/([^/]+)"), self.get_store_path_info),
        )

    def answer(self, request: ApiRequest, path: str) -> Reply:
        """Find the route of ``path`` (decoded, without the query) and run it."""
        allowed = self._config.allowed_hosts
        if allowed and request.headers.get("host") not in allowed:
            raise ServerError("RequestError", "Bad Host")
        method = "GET" if request.method == "HEAD" else request.method
        matched = [(verb, route.fullmatch(path), handler) for verb, route, handler in self._routes]
        fitting = [(verb, match, handler) for verb, match, handler in matched if match is not None]
        for verb, match, handler in fitting:
            if verb == method:
                return handler(request, *match.groups())
        if fitting:
            return _not_allowed([verb for verb, _, _ in fitting])
        raise ServerError("NotFound")

    # --- caches -------------------------------------------------------------------------------------------------

    def get_cache_config(self, request: ApiRequest, name: str) -> Reply:
        """Tell a cache's settings and where its server is (recording ``cache-config``)."""
        cache, _ = self._allowed(request, name, "pull")
        scheme = "https" if request.headers.get("x-forwarded-proto") == "https" else "http"
        api = self._config.api_endpoint or f"{scheme}://{request.headers.get('host', '')}/"
        return json_reply(
            {
                "substituter_endpoint": f"{self._config.substituter_endpoint or api}{name}",
                "api_endpoint": api,
                "public_key": replies.public_key(cache.keypair),
                "is_public": cache.is_public,
                "store_dir": cache.store_dir,
                "priority": cache.priority,
                "upstream_cache_key_names": cache.upstream_cache_key_names,
                "retention_period": "Global" if cache.retention_period is None else {"Period": cache.retention_period},
            }
        )

    def create_cache(self, request: ApiRequest, name: str) -> Reply:
        """Make a cache with a fresh signing key, or the one given."""
        checked = _cache_name(name)
        fields = _json_object(request, CACHE_FIELDS)
        request.caller.permission(checked).require("create_cache")
        cache = CacheRow(
            id=0,
            name=name,
            keypair=_keypair(fields["keypair"], name),
            is_public=bool(fields["is_public"]),
            store_dir=fields["store_dir"],
            priority=fields["priority"],
            upstream_cache_key_names=tuple(fields["upstream_cache_key_names"]),
            retention_period=None,
        )
        if not self._store.create_cache(cache):
            raise ServerError("CacheAlreadyExists")
        return Reply(HTTPStatus.OK)

    def configure_cache(self, request: ApiRequest, name: str) -> Reply:
        """Change the settings that are given and not null."""
        checked = _cache_name(name)
        fields = {key: value for key, value in _json_object(request).items() if value is not None}
        cache, permission = self._allowed(request, checked, "configure_cache")
        changes: dict[str, Any] = {key: fields[key] for key in CACHE_COLUMNS if key in fields}
        if "keypair" in fields:
            changes["keypair"] = _keypair(fields["keypair"], name)
        if "upstream_cache_key_names" in fields:
            changes["upstream_cache_key_names"] = json.dumps(fields["upstream_cache_key_names"])
        if "retention_period" in fields:
            permission.require("configure_cache_retention")
            period = fields["retention_period"]
            changes["retention_period"] = None if period == "Global" else period["Period"]
        if not changes:
            raise ServerError("RequestError", "No modifiable fields were set.")
        self._store.configure_cache(cache.id, changes)
        return Reply(HTTPStatus.OK)

    def get_nix_cache_info(self, request: ApiRequest, name: str) -> Reply:
        """Answer what Nix asks first."""
        cache, _ = self._allowed(request, name, "pull")
        text = f"WantMassQuery: 1\nStoreDir: {cache.store_dir}\nPriority: {cache.priority}\n"
        return _visible(text_reply(HTTPStatus.OK, text, "text/x-nix-cache-info"), cache)

    # --- pushing ------------------------------------------------------------------------------------------------

    def get_missing_paths(self, request: ApiRequest) -> Reply:
        """Tell which hashes have no row in the cache; this looks at rows only and needs the push right."""
        question = _json_object(request, ("cache", "store_path_hashes"))
        hashes = question["store_path_hashes"]
        if not is_cache_name(question["cache"]) or not all(is_store_path_hash(text) for text in hashes):
            raise _unfit("invalid store path hash or cache name")
        cache, _ = self._allowed(request, question["cache"], "push")
        present = self._store.known_hashes(cache.name, set(hashes))
        return json_reply({"missing_paths": [text for text in dict.fromkeys(hashes) if text not in present]})

    def upload_path(self, request: ApiRequest) -> Reply:
        """Take in one path; its description comes in a header, or ahead of the NAR."""
        text, nar = _split_upload(request, self._config.nar_info_bytes)
        name, new = parse_nar_info(text)
        cache, _ = self._allowed(request, name, "push")
        try:
            return json_reply(self._uploads.upload(cache, new, nar, request.caller.subject))
        except StorageError as error:
            trace = self._log.chunk_trace() if error.spawned else self._trace("upload_path", request)
            self._log.upload_failed(error.cause, trace)
            raise

    # --- fetching -----------------------------------------------------------------------------------------------

    def get_store_path_info(self, request: ApiRequest, name: str, file: str) -> Reply:
        """Answer a narinfo from the database only."""
        located = self._find(request, name, file, "narinfo", "get_store_path_info")
        return _visible(text_reply(HTTPStatus.OK, replies.render(located), "text/x-nix-narinfo"), located.cache)

    def get_nar(self, request: ApiRequest, name: str, file: str) -> Reply:
        """Send a client to S3 for a NAR of one chunk; join the chunks of any other into the answer."""
        located = self._find(request, name, file, "nar", "get_nar")
        files = self._store.remote_files(located.nar_id)
        whole = [file for file in files if file is not None]
        if len(whole) < len(files) or len(files) != located.num_chunks:
            raise ServerError("IncompleteNar")
        self._store.touch_object(located.id)
        if len(whole) == 1:
            place = (("location", self._chunks.presigned(whole[0])),)
            return _visible(Reply(HTTPStatus.TEMPORARY_REDIRECT, place), located.cache)
        head = (("content-type", "application/x-nix-nar"),)
        return _visible(Reply(HTTPStatus.OK, head, stream=self._joined(whole)), located.cache)

    def _joined(self, remote_files: list[str]) -> Iterator[bytes]:
        """Yield the chunks' bytes in order; the status is long out when S3 fails, so that is logged and raised."""
        try:
            for remote_file in remote_files:
                yield from self._chunks.read(remote_file)
        except ChunkError as error:
            self._log.stream_failed(str(error))
            raise

    # --- shared steps -------------------------------------------------------------------------------------------

    def _allowed(self, request: ApiRequest, name: str, right: str) -> tuple[CacheRow, Permission]:
        """Return the cache and the caller's rights on it, or raise what a caller without them may learn."""
        cache = self._store.cache(_cache_name(name))
        permission = request.caller.permission(name).with_public(public=cache is not None and cache.is_public)
        if cache is None:
            raise ServerError("NoSuchCache" if permission.can_discover() else "Unauthorized")
        permission.require(right)
        return cache, permission

    def _find(self, request: ApiRequest, name: str, file: str, suffix: str, handler: str) -> Located:
        """Return the path that ``HASH.suffix`` names; the row is sought before the right is checked, as in Attic."""
        checked = _cache_name(name)
        store_path_hash, dot, rest = file.partition(".")
        if not dot or rest != suffix:
            raise ServerError("NotFound")
        if not is_store_path_hash(store_path_hash):
            self._log.common_error(self._trace(handler, request))
            raise ServerError("InvalidStorePathHash")
        located = self._store.find_object(checked, store_path_hash)
        if located is None:
            raise ServerError("NoSuchObject")
        request.caller.permission(name).with_public(public=located.cache.is_public).require("pull")
        return located

    def _trace(self, handler: str, request: ApiRequest) -> str:
        """Return the span trace of an error met while this request was handled."""
        return self._log.request_trace(handler, request.method, request.target, request.task)


def _cache_name(name: str) -> str:
    """Return ``name``, a part of the address, if it may name a cache."""
    if not is_cache_name(name):
        raise RejectedError(HTTPStatus.BAD_REQUEST, f'Invalid URL: Invalid cache name "{name}"')
    return name


def _not_allowed(verbs: list[str]) -> Reply:
    """Answer a request whose address is known for other verbs only."""
    methods = ["GET,HEAD" if verb == "GET" else verb for verb in dict.fromkeys(verbs)]
    return Reply(HTTPStatus.METHOD_NOT_ALLOWED, (("allow", ",".join(methods)),))


def _keypair(choice: object, cache: str) -> str:
    """Return a fresh key for ``"Generate"``, or the one given as ``{"Keypair": "NAME:BASE64"}``."""
    if isinstance(choice, Mapping):
        return str(choice["Keypair"])
    return replies.new_keypair(cache)


def _json_object(request: ApiRequest, needed: tuple[str, ...] = ()) -> dict[str, Any]:
    """Read a body that is a JSON object and says that it is one (axum 0.8 ``src/json.rs``)."""
    if not JSON_TYPE.fullmatch(request.headers.get("content-type", "")):
        text = "Expected request with `Content-Type: application/json`"
        raise RejectedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, text)
    if len(request.body) > JSON_BYTES:
        text = "Failed to buffer the request body: length limit exceeded"
        raise RejectedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)
    try:
        value = json.loads(request.body)
    except ValueError as error:
        text = f"Failed to parse the request body as JSON: {error}"
        raise RejectedError(HTTPStatus.BAD_REQUEST, text) from error
    if not isinstance(value, dict):
        raise _unfit("expected an object")
    for name in needed:
        if name not in value:
            raise _unfit(f"missing field `{name}`")
    return value


def _unfit(why: str) -> RejectedError:
    """Return the answer to JSON of another shape; ``why`` is worded as serde does only in part."""
    text = f"Failed to deserialize the JSON body into the target type: {why}"
    return RejectedError(HTTPStatus.UNPROCESSABLE_ENTITY, text)


def _split_upload(request: ApiRequest, limit: int) -> tuple[bytes, bytes]:
    """Return the description of the path and the NAR; ``limit`` is in bytes."""
    size = request.headers.get(PREAMBLE_HEADER)
    if size is None:
        header = request.headers.get(INFO_HEADER)
        if header is None:
            raise ServerError("RequestError", "X-Attic-Nar-Info must be set")
        return header.encode("latin-1"), request.body
    if not size.isdecimal():
        raise ServerError("RequestError", "X-Attic-Nar-Info-Preamble-Size must be a valid unsigned integer")
    if int(size) > limit:
        raise ServerError("RequestError", "Upload info is too large")
    if int(size) > len(request.body):
        raise ServerError("RequestError", "Upload info doesn't match specified size")
    return request.body[: int(size)], request.body[int(size) :]


def _visible(reply: Reply, cache: CacheRow) -> Reply:
    """Add the header that marks answers from a public cache."""
    if not cache.is_public:
        return reply
    return Reply(reply.status, (*reply.headers, VISIBILITY), reply.body, reply.stream)
