"""The controls: each detector is given something that it must catch."""

from gate.observe.controls import absent_path_is_404, bit_flip_caught, no_token_read, read_only_push_denied
from gate.observe.nar_bodies import NarTarget
from gate.probe.context import Publication, RunContext
from gate.probe.world import World


def try_access_controls(context: RunContext) -> None:
    """A read without a token, a push question with the read token, and a path that can't be there."""
    cache = context.policy.attic_cache
    if not context.policy.cache_public:
        context.write(no_token_read(context.attic, cache))
    context.write(read_only_push_denied(context.attic, cache, context.read_token))
    context.write(absent_path_is_404(context.attic, cache, context.read_token))


def try_bit_flip(context: RunContext, world: World, what: Publication) -> None:
    """One flipped bit in the smallest canary's body, which must not pass for it."""
    facts = min(what.facts.values(), key=lambda path: path.nar_size)
    context.write(
        bit_flip_caught(
            NarTarget(label=what.label, cache=what.cache, store_path=facts.store_path, nar_size=facts.nar_size),
            sha256=facts.nar_hash.removeprefix("sha256:"),
            access=context.access(what.cache),
            deadline_seconds=context.seconds_left(),
            cancel=world.cancel,
            clock=world.clock,
        )
    )
