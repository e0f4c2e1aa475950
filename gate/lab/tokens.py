"""Attic tokens of the lab's own server: HS256 with a secret that is new in each run.

Claims and rights: attic b7c9056 ``token/src/lib.rs``; r read, w write, d delete, cc create, cr configure, cq configure
retention, cd destroy. `gate.token` mints for one cache and for reading; the lab's push token is for two.
"""

import base64
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gate.limits import TOKEN_BACKDATE_SECONDS
from gate.model.basics import Secret

CLAIM: Final = "https://jwt.attic.rs/v1"
SECRET_BYTES: Final = 64
HOURS: Final = 3600
ALL_RIGHTS: Final = ("r", "w", "d", "cc", "cr", "cq", "cd")


@dataclass(frozen=True)
class Mint:
    """Signs tokens; ``key`` is base64, as atticd's configuration takes it."""

    key: Secret = field(
        default_factory=lambda: Secret(base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii"))
    )

    def admin(self) -> Secret:
        """May do everything to every cache."""
        return self._sign("lab-admin", {"*": dict.fromkeys(ALL_RIGHTS, 1)})

    def push(self, caches: Sequence[str], *, seconds: int = HOURS) -> Secret:
        """May read and write the caches; one of negative ``seconds`` is over already."""
        return self._sign("lab-push", {name: {"r": 1, "w": 1} for name in caches}, seconds)

    def read(self, caches: Sequence[str]) -> Secret:
        """May read the caches, and nothing else."""
        return self._sign("lab-read", {name: {"r": 1} for name in caches})

    def _sign(self, subject: str, caches: Mapping[str, Mapping[str, int]], seconds: int = HOURS) -> Secret:
        import jwt  # noqa: PLC0415  loads cryptography: only where it is used

        now = int(time.time())
        claims: dict[str, Any] = {
            "sub": subject,
            "nbf": min(now, now + seconds) - TOKEN_BACKDATE_SECONDS,
            "exp": now + seconds,
            CLAIM: {"caches": caches},
        }
        return Secret(jwt.encode(claims, base64.b64decode(self.key.reveal()), algorithm="HS256"))
