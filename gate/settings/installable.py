"""An installable stands in the evidence as it was given, and evidence is read by many: it may hold no credential."""

import re
from typing import Final

from gate.errors import RefusedError

_USER: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")  # of ssh, which proves it by a key: git+ssh://git@host/path
# What a flake reference of Nix may have in its query (Nix manual, "nix flake"; src/libfetchers/git.cc).
_OPTIONS: Final = frozenset(
    {
        *("allRefs", "dir", "exportIgnore", "host", "keytype", "lastModified", "lfs", "name", "narHash"),
        *("publicKey", "publicKeys", "ref", "rev", "revCount", "shallow", "submodules", "treeHash", "verifyCommit"),
    }
)
_INSTEAD: Final = "evidence keeps it as it stands; give Nix the credential by its netrc-file or access-tokens"


def refuse_credentials(installable: str, source: str) -> None:
    """Raise `RefusedError` for an installable with user info or an unknown query option; neither is ever shown."""
    scheme, found, rest = installable.partition("://")
    user, at, _ = rest.partition("/")[0].rpartition("@")
    if found and at and not (scheme.lower().endswith("ssh") and _USER.fullmatch(user)):
        raise RefusedError(f"{source} holds a user or a password before its host: {_INSTEAD}")
    _, question, query = installable.partition("#")[0].partition("?")
    if question and any(option.partition("=")[0] not in _OPTIONS for option in query.split("&")):
        message = f"{source} has a query option other than {', '.join(sorted(_OPTIONS))}: {_INSTEAD}"
        raise RefusedError(message)
