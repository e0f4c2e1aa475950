"""The forms of names in Attic and in the Nix store."""

import re
from typing import Final

# attic b7c9056 attic/src/nix_store/mod.rs
STORE_PATH_HASH: Final = re.compile(r"[0123456789abcdfghijklmnpqrsvwxyz]{32}")
# attic b7c9056 attic/src/cache.rs; a pattern stands in tokens only, and "*" is its one wildcard
CACHE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-+_]{0,49}")
CACHE_PATTERN: Final = re.compile(r"[A-Za-z0-9*][A-Za-z0-9\-+_*]{0,49}")


def is_store_path_hash(text: object) -> bool:
    """Tell whether ``text`` has the form of the hash in a store path."""
    return isinstance(text, str) and STORE_PATH_HASH.fullmatch(text) is not None


def is_cache_name(text: object) -> bool:
    """Tell whether ``text`` may name a cache."""
    return isinstance(text, str) and CACHE_NAME.fullmatch(text) is not None


def is_cache_pattern(text: object) -> bool:
    """Tell whether ``text`` may name caches in a token: a name, in which ``*`` stands for any characters."""
    return isinstance(text, str) and CACHE_PATTERN.fullmatch(text) is not None
