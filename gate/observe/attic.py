"""What Attic says of itself: a cache's configuration, and which paths its database lacks.

Interfaces: attic b7c9056 client/src/api/mod.rs, attic/src/api/v1/cache_config.rs and get_missing_paths.rs.
"""

import json
from collections.abc import Iterable
from typing import Final

from gate import limits
from gate.model.basics import Label, Secret
from gate.model.records import CacheConfigSeen, HttpAnswer, MissingAsked
from gate.net import Http
from gate.parse.store_path import hash_part

MISSING_PATHS: Final = "_api/v1/get-missing-paths"


class AtticApi:
    """Attic at ``endpoint`` (``http(s)://<host>[:<port>]``), asked through ``http``, which knows the allowed hosts.

    Nothing is raised for what the server does: the answers are records that say what came, or why nothing did.
    """

    def __init__(self, http: Http, endpoint: str) -> None:
        self._http = http
        self._endpoint = endpoint.rstrip("/")

    def cache_url(self, cache: str) -> str:
        """The substituter URL of a cache."""
        return f"{self._endpoint}/{cache}"

    def cache_config(self, cache: str, token: Secret | None) -> CacheConfigSeen:
        """How a cache is set: key, visibility, endpoints, upstream keys."""
        return CacheConfigSeen(cache=cache, answer=self.get(f"_api/v1/cache-config/{cache}", token))

    def missing_paths(self, cache: str, token: Secret | None, paths: Iterable[str], label: Label) -> MissingAsked:
        """Which of these store paths the cache's database lacks; it needs the right to push."""
        question: dict[str, object] = {"cache": cache, "store_path_hashes": [hash_part(path) for path in paths]}
        return MissingAsked(label=label, cache=cache, answer=self._post(question, token))

    def narinfo(self, cache: str, token: Secret | None, path: str) -> HttpAnswer:
        """The narinfo of a store path, whole."""
        url = f"{self.cache_url(cache)}/{hash_part(path)}.narinfo"
        return self._http.ask("GET", url, headers=_credential(token), cap=limits.NARINFO_BYTES, keep_body=True)[0]

    def may_push(self, cache: str, token: Secret | None) -> HttpAnswer:
        """The answer to the emptiest question that needs the right to push: it changes nothing on the server."""
        return self._post({"cache": cache, "store_path_hashes": []}, token)

    def get(self, path: str, token: Secret | None) -> HttpAnswer:
        """The answer to a GET below the endpoint, with its body up to `limits.ANSWER_BODY_BYTES`."""
        url = f"{self._endpoint}/{path}"
        answer, _ = self._http.ask("GET", url, headers=_credential(token), cap=limits.ANSWER_BODY_BYTES, keep_body=True)
        return answer

    def _post(self, question: dict[str, object], token: Secret | None) -> HttpAnswer:
        answer, _ = self._http.ask(
            "POST",
            f"{self._endpoint}/{MISSING_PATHS}",
            headers={"Content-Type": "application/json", **_credential(token)},
            content=json.dumps(question).encode(),
            cap=limits.MISSING_PATHS_BYTES,
            keep_body=True,
        )
        return answer


def _credential(token: Secret | None) -> dict[str, str | Secret]:
    return {} if token is None else {"Authorization": Secret(f"Bearer {token.reveal()}")}
