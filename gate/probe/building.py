"""Step 3: the profile's build, and which of its paths are the push set."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gate import limits
from gate.errors import ForeignTextError, InconclusiveError, RefusedError, StoppedError
from gate.evidence.fold import BUILD_CHILD, BUILD_LOG, fold
from gate.evidence.journal_reader import JournalLog
from gate.judge.checks.buckets import check_buckets
from gate.judge.checks.incident import disk_words, full_disks
from gate.judge.checks.run import check_caches
from gate.model.basics import Phase, Status, Truth
from gate.model.document import Facts
from gate.model.records import Entry
from gate.observe.nix_build import build, evaluate, tree_of
from gate.observe.nix_store import FEATURES, NixStore, nix_environment
from gate.parse.store_path import store_path
from gate.parse.text import excerpt
from gate.probe.context import RunContext
from gate.probe.tools import find_programs
from gate.probe.world import World
from gate.process import Capture
from gate.settings import Settings

SYNTHETIC = "publication-gate-synthetic"


@dataclass(frozen=True, kw_only=True)
class Built:
    """What was built: the paths of the push set and the outputs."""

    paths: tuple[str, ...]
    outputs: tuple[str, ...]


def build_profile(context: RunContext, world: World) -> Built | None:
    """Build the profile with the machine's own settings and `--fallback`; its push set, or None when it failed.

    Raises `StoppedError` when the flake is not what the run's commit has, or when Nix names as built what is no store
    path, or more than one thing.
    """
    trouble = tree_trouble(context.nix, context.policy.installable, world)  # it may have changed since the run began
    if trouble is not None:
        raise StoppedError("build-other-tree", f"{trouble}; nothing was published")
    before = context.nix.valid_paths_now() if context.policy.push_set == "delta" else frozenset()
    installable = _installable(context, world)
    capture = Capture(context.directory, BUILD_LOG, secrets=context.secrets)
    ended, facts = build(
        context.nix,
        installable,
        name=BUILD_CHILD,
        capture=capture,
        cache_urls=context.cache_urls(context.policy.attic_cache),
        deadline_seconds=min(limits.BUILD_SECONDS, context.seconds_left()),
    )
    context.write(ended)
    context.write(facts)
    context.write(capture.close())
    if facts.problem is not None:
        message = f"what was built could not be determined: {facts.problem.rstrip('.')}; nothing was published"
        raise StoppedError("build-unclear", message)
    if ended.exit != 0 or not facts.outputs:
        return None
    return Built(paths=_push_set(context, installable, facts.outputs, before), outputs=facts.outputs)


def refuse_other_tree(settings: Settings, world: World, *, shut: Iterable[Path] = ()) -> None:
    """Raise `RefusedError` when the flake is not what the run's commit has: nothing was done, and no server was asked.

    Where Nix gives no answer about the flake, the run itself says so.
    """
    programs = find_programs(settings, world, shut=shut)
    env = nix_environment(programs.environ(world.environ))
    store = NixStore(programs=programs.paths, env=env, cancel=world.cancel, clock=world.clock)
    with suppress(InconclusiveError):
        trouble = tree_trouble(store, settings.policy.installable, world)
        if trouble is not None:
            raise RefusedError(f"{trouble}; nothing was done")


def tree_trouble(store: NixStore, installable: str, world: World) -> str | None:
    """Why a profile's flake is not what the run's commit has; None where it is, or is in no git tree of this machine.

    Raises `InconclusiveError` when Nix gives no answer about it.
    """
    tree = tree_of(store, installable) if installable else None
    if tree is None:
        return None
    commit = world.environ.get("GITHUB_SHA")
    if tree.revision is None:
        return f"the flake of {excerpt(installable)} has changes that no commit has: commit them, or undo them"
    if commit and tree.revision != commit:
        return (
            f"the flake of {excerpt(installable)} is at commit {tree.revision}, expected "
            f"{excerpt(commit)}, the commit of "
            "this run"
        )
    return None


def _installable(context: RunContext, world: World) -> tuple[str, ...]:
    """The profile's flake attribute; for ``synthetic``, a fresh `builtins.toFile` path named by the run's nonce."""
    if context.policy.installable:
        return (context.policy.installable,)
    text = f"{SYNTHETIC} {world.nonce}"
    name = f"{SYNTHETIC}-{world.nonce}"
    argv = (context.nix.program("nix"), *FEATURES, "eval", "--raw", "--expr", f'builtins.toFile "{name}" "{text}"')
    words = context.nix.ask(argv, name="nix-eval", cap=limits.ANSWER_BODY_BYTES, seconds=limits.EVALUATE_SECONDS)
    try:
        return (store_path(words.decode("ascii", "replace").strip()),)
    except ForeignTextError as error:
        message = f"nix eval of a builtins.toFile gave no store path: {str(error).rstrip('.')}; nothing was published"
        raise StoppedError("build-unclear", message) from None


def _push_set(
    context: RunContext, installable: tuple[str, ...], outputs: tuple[str, ...], before: frozenset[str]
) -> tuple[str, ...]:
    if context.policy.push_set == "delta":
        return tuple(sorted(context.nix.valid_paths_now() - before))
    if context.policy.push_set == "closure":
        return context.nix.closure(outputs)
    return context.nix.build_closure(evaluate(context.nix, installable))


def facts_so_far(entries: Sequence[Entry], logs: Mapping[str, bytes] | None = None) -> Facts:
    """The facts of what is journalled so far, with these logs as captures, and without any other."""
    captures = {name: partial(_one, text) for name, text in (logs or {}).items()}
    return fold(JournalLog(entries=tuple(entries), torn=False), captures)


def _one(text: bytes) -> Iterable[bytes]:
    return (text,)


def unclean(facts: Facts) -> tuple[str, ...]:
    """What forbids publishing, one sentence each; empty when nothing does."""
    rows = [row for row in check_buckets(facts) if row.phase == Phase.PRE.value and row.status is not Status.PASS]
    rows += [row for row in check_caches(facts) if row.status is not Status.PASS]
    full = (f"the drive at {disk_words(disk)}: writes would fail" for disk in full_disks(facts))
    return (*(row.summary for row in rows), *_state(facts), *full)


def _state(facts: Facts) -> tuple[str, ...]:
    if "state" in facts.policy.absent:
        return ()
    state = facts.pre.state
    if state is None or state.truth is not Truth.PRESENT:
        return ("the OpenTofu state is not there, or could not be read",)
    if facts.policy.representative and state.locked is not Truth.ABSENT:
        return ("the OpenTofu state is locked, or its lock could not be read",)
    if facts.policy.state_contents and (state.contents is None or state.contents.content != "state"):
        return ("the content of the OpenTofu state could not be read as one",)
    return ()
