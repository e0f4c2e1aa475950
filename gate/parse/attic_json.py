"""Attic's JSON answers: the configuration of a cache, ``get-missing-paths``, errors.

Formats: attic b7c9056 attic/src/api/v1/cache_config.rs, get_missing_paths.rs and server/src/error.rs.
"""

import re
from typing import Final

from gate.errors import ForeignTextError
from gate.limits import ANSWER_BODY_BYTES, ERROR_TEXT_CHARS, MISSING_PATHS_BYTES
from gate.model.parsed import CacheConfig
from gate.parse.narinfo import public_key
from gate.parse.store_path import store_hash
from gate.parse.strict_json import as_count, as_flag, as_object, as_text, as_texts, loads

_ERROR_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*")


def parse_cache_config(body: bytes) -> CacheConfig:
    """The body of ``GET /_api/v1/cache-config/<cache>``; `ForeignTextError` when it is not one that can be relied on.

    Attic may leave any field out. The endpoints may be missing; the key, the visibility and the upstream key names
    may not, for without them nothing can be told about what the cache serves.
    """
    what = "The cache configuration"
    config = as_object(loads(body, cap=ANSWER_BODY_BYTES, what=what), what)
    key = as_text(config.get("public_key"), f"{what}'s public_key")
    public_key(key)
    return CacheConfig(
        public_key=key,
        is_public=as_flag(config.get("is_public"), f"{what}'s is_public"),
        upstream_cache_key_names=as_texts(config.get("upstream_cache_key_names"), f"{what}'s upstream_cache_key_names"),
        api_endpoint=_endpoint(config, "api_endpoint"),
        substituter_endpoint=_endpoint(config, "substituter_endpoint"),
    )


def parse_missing_paths(body: bytes) -> frozenset[str]:
    """The hash parts in a ``get-missing-paths`` answer; `ForeignTextError` for any other text."""
    what = "The list of missing paths"
    answer = as_object(loads(body, cap=MISSING_PATHS_BYTES, what=what), what)
    return frozenset(store_hash(text) for text in as_texts(answer.get("missing_paths"), f"{what}'s missing_paths"))


def parse_attic_error(body: bytes) -> tuple[int | None, str] | None:
    """HTTP status and name of an error of Attic's, such as ``(403, "AccessError")``, or None for any other text.

    The status is None when the body says none; Attic's own writer always does.
    """
    what = "The error"
    try:
        answer = as_object(loads(body, cap=ANSWER_BODY_BYTES, what=what), what)
        name = as_text(answer.get("error"), what)
        code = None if answer.get("code") is None else as_count(answer["code"], what)
    except ForeignTextError:
        return None
    return (code, name) if len(name) <= ERROR_TEXT_CHARS and _ERROR_NAME.fullmatch(name) else None


def _endpoint(config: dict[str, object], name: str) -> str | None:
    endpoint = config.get(name)
    return None if endpoint is None else as_text(endpoint, f"The cache configuration's {name}")
