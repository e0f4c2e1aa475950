"""Step 3: the profile's build, and which of its paths are the push set."""

from dataclasses import dataclass

from gate import limits
from gate.errors import ForeignTextError, StoppedError
from gate.evidence.fold import BUILD_CHILD, BUILD_LOG
from gate.observe.nix_build import build, evaluate
from gate.observe.nix_store import FEATURES
from gate.observe.nix_tree import tree_of
from gate.parse.quoting import shown
from gate.parse.store_path import store_path
from gate.probe.site import Site
from gate.probe.world import World
from gate.process import Capture

SYNTHETIC = "publication-gate-synthetic"


@dataclass(frozen=True, kw_only=True)
class Built:
    """What was built: the paths of the push set and the outputs."""

    paths: tuple[str, ...]
    outputs: tuple[str, ...]


def build_profile(site: Site, world: World) -> Built | None:
    """Build the profile with the machine's own settings and `--fallback`; its push set, or None when it failed.

    Raises `StoppedError` when the flake is not what the run's commit has, or when Nix names as built what is no store
    path, or more than one thing.
    """
    _check_tree(site, world)
    before = site.nix.valid_paths_now() if site.policy.push_set == "delta" else frozenset()
    installable = _installable(site, world)
    capture = Capture(site.directory, BUILD_LOG, secrets=site.secrets)
    ended, facts = build(
        site.nix,
        installable,
        name=BUILD_CHILD,
        capture=capture,
        cache_urls=site.cache_urls(site.policy.attic_cache),
        deadline_seconds=min(limits.BUILD_SECONDS, site.seconds_left()),
    )
    site.write(ended)
    site.write(facts)
    site.write(capture.close())
    if facts.problem is not None:
        message = f"what was built could not be determined: {facts.problem.rstrip('.')}; nothing was published"
        raise StoppedError("build-unclear", message)
    if ended.exit != 0 or not facts.outputs:
        return None
    return Built(paths=_push_set(site, installable, facts.outputs, before), outputs=facts.outputs)


def _check_tree(site: Site, world: World) -> None:
    tree = tree_of(site.nix, site.policy.installable) if site.policy.installable else None
    if tree is None:
        return
    commit = world.environ.get("GITHUB_SHA")
    if tree.revision is None:
        message = (
            f"the flake of {shown(site.policy.installable)} has changes that no commit has: commit them, or undo them"
        )
        raise StoppedError("build-other-tree", f"{message}; nothing was published")
    if commit and tree.revision != commit:
        message = (
            f"the flake of {shown(site.policy.installable)} is at commit {tree.revision}, expected {shown(commit)}"
        )
        raise StoppedError("build-other-tree", f"{message}, the commit of this run; nothing was published")


def _installable(site: Site, world: World) -> tuple[str, ...]:
    """The profile's flake attribute; for ``synthetic``, a fresh `builtins.toFile` path named by the run's nonce."""
    if site.policy.installable:
        return (site.policy.installable,)
    text = f"{SYNTHETIC} {world.nonce}"
    name = f"{SYNTHETIC}-{world.nonce}"
    argv = (site.nix.program("nix"), *FEATURES, "eval", "--raw", "--expr", f'builtins.toFile "{name}" "{text}"')
    said = site.nix.ask(argv, name="nix-eval", cap=limits.ANSWER_BODY_BYTES, seconds=limits.EVALUATE_SECONDS)
    try:
        return (store_path(said.decode("ascii", "replace").strip()),)
    except ForeignTextError as error:
        message = f"nix eval of a builtins.toFile gave no store path: {str(error).rstrip('.')}; nothing was published"
        raise StoppedError("build-unclear", message) from None


def _push_set(
    site: Site, installable: tuple[str, ...], outputs: tuple[str, ...], before: frozenset[str]
) -> tuple[str, ...]:
    if site.policy.push_set == "delta":
        return tuple(sorted(site.nix.valid_paths_now() - before))
    if site.policy.push_set == "closure":
        return site.nix.closure(outputs)
    return site.nix.build_closure(evaluate(site.nix, installable))
