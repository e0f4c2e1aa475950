"""The controls: each detector is given something that it must catch."""

from gate.observe.controls import absent_path_is_404, bit_flip_caught, no_token_read, read_only_push_denied
from gate.observe.nar_bodies import Target
from gate.probe.context import Publication, Site
from gate.probe.world import World


def try_access_controls(site: Site) -> None:
    """A read without a token, a push question with the read token, and a path that can't be there."""
    cache = site.policy.attic_cache
    if not site.policy.cache_public:
        site.write(no_token_read(site.attic, cache))
    site.write(read_only_push_denied(site.attic, cache, site.read_token))
    site.write(absent_path_is_404(site.attic, cache, site.read_token))


def try_bit_flip(site: Site, world: World, what: Publication) -> None:
    """One flipped bit in the smallest canary's body, which must not pass for it."""
    facts = min(what.facts.values(), key=lambda path: path.nar_size)
    site.write(
        bit_flip_caught(
            Target(label=what.label, cache=what.cache, store_path=facts.store_path, nar_size=facts.nar_size),
            sha256=facts.nar_hash.removeprefix("sha256:"),
            access=site.access(what.cache),
            deadline_seconds=site.seconds_left(),
            cancel=world.cancel,
            clock=world.clock,
        )
    )
