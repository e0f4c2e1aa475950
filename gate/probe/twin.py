"""The twin: the profile's push set written once more, fresh, where the cache knows the profile already."""

from gate.errors import InconclusiveError
from gate.evidence.pushes import PushSeen, capture_name, child_name, fold_push
from gate.evidence.twin_plan import differences, modelled, plan_twin, twin_due_after, why_no_twin
from gate.model.basics import Label
from gate.model.records import ChildEnded, MissingAsked, PushSetKnown
from gate.probe.publishing import expect
from gate.probe.site import Publication, Site
from gate.probe.world import World

NAME = "publication-gate-twin"


def why_not(site: Site) -> str | None:
    """Why the run publishes no twin, by what the journal says of the profile's push set; None when one is due."""
    if site.split and site.policy.representative and site.policy.twin != "never":
        return None  # nobody but this job says what the cache lacked, so only new names show that something was written
    asked = [entry.record for entry in site.entries if isinstance(entry.record, MissingAsked)]
    profile = [record for record in asked if record.label is Label.PROFILE]
    return why_no_twin(site.policy, _push_set(site), profile[-1] if profile else None)


def due_after(site: Site) -> bool:
    """Whether a twin is due though none was before the profile's push: that push wrote too little.

    Attic lacked the paths' NARs and had their chunks, which only the client's own account shows.
    """
    sets = [entry.record for entry in site.entries if isinstance(entry.record, PushSetKnown)]
    ended = [entry.record for entry in site.entries if isinstance(entry.record, ChildEnded)]
    pushed = next((record for record in ended if record.name == child_name(Label.PROFILE)), None)
    if pushed is None or any(record.label is Label.TWIN for record in sets):
        return False
    try:
        log = (site.directory / capture_name(Label.PROFILE)).read_bytes()
    except OSError:
        return False  # then the run is not representative, and says so
    seen = PushSeen(push_set=_push_set(site), asked=None, ended=pushed, log=(log,), cut=False)
    return twin_due_after(site.policy, fold_push((seen,)).paths)


def twin(site: Site, world: World) -> Publication:
    """Make the twin of the profile's push set, under the profile's caps, and say what is expected of it.

    Raises `InconclusiveError` when Nix makes something else than was planned.
    """
    policy = site.policy
    plan = plan_twin(
        modelled(_push_set(site), policy.min_fresh), max_paths=policy.max_paths, max_bytes=policy.max_bytes
    )
    if not plan:
        raise InconclusiveError(f"The caps of {policy.profile} leave no room for a twin: raise max-bytes in gate.toml.")
    paths = site.nix.add_twin(f"{NAME}-{world.nonce}", plan)
    made = expect(site, Label.TWIN, paths, paths)
    wrong = differences(plan, paths, made.facts)
    if wrong:
        raise InconclusiveError(f"The twin is not as planned: {wrong[0]}, and {len(wrong) - 1} more such.")
    return made


def _push_set(site: Site) -> PushSetKnown:
    sets = [entry.record for entry in site.entries if isinstance(entry.record, PushSetKnown)]
    return next(record for record in reversed(sets) if record.label is Label.PROFILE)
