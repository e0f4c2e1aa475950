"""What a verdict proves and does not; it travels with every verdict."""

from typing import Final

BOUNDARY: Final = (
    "Attic on RustFS is a mutable, cache-forward Nix binary cache: this speaks of one run, on one server epoch.",
    "A pass is no proof of remote execution.",
    "OpenTofu state needs a dedicated HA authority; state beside the cache shares its failures.",
    "Builds need fallback, because cache acceleration must not become build authority.",
)
