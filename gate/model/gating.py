"""What decides whether a change may rely on trusted publication.

Runs and artifacts of GitHub, the two policies of ``gate.toml``, statements of persons, and the answers. Numbers of
GitHub are integers here, times RFC 3339 UTC as they came.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from gate.model.basics import EXIT_CODES, Kind, VerdictWord, value
from gate.model.document import Evidence

STATEMENT_SCHEMA = "publication-gate/statement/v1"


@value
class Change:
    """What a workflow run was started for. ``base`` is a branch, ``base_commit`` where the event says it stood."""

    event: str
    repository: str
    repository_id: int
    default_branch: str
    base: str
    base_commit: str | None
    head: str
    number: int | None = None


@value
class Run:
    """One attempt of a workflow run (``GET /repos/…/actions/runs/{id}`` and ``…/attempts/{n}``)."""

    id: int
    attempt: int
    workflow_id: int
    path: str
    event: str
    status: str
    conclusion: str | None
    head_branch: str | None
    head_sha: str
    repository_id: int
    head_repository_id: int | None
    started_at: str
    updated_at: str

    @property
    def label(self) -> str:
        """The run and its attempt as people and the evidence's ``run_id`` write it."""
        return f"{self.id}.{self.attempt}"


@value
class Artifact:
    """One artifact of a run. ``digest`` is ``sha256:<hex>`` of the zip, None on servers that don't say it."""

    id: int
    name: str
    bytes: int
    expired: bool
    digest: str | None
    run_id: int | None


@value
class Looked:
    """What was found of one attempt. ``began``: a step of it ran. ``refused``: it says itself that it asked no server.

    ``reasons`` are what is wrong with its artifacts; ``evidences`` were verified and judged again.
    """

    run: Run
    began: bool
    refused: bool
    reasons: tuple["Reason", ...]
    evidences: tuple[Evidence, ...]


@value
class TreeEntry:
    """A path of a commit, with git's mode (``120000`` is a link, ``160000`` a submodule) and the id of its blob."""

    path: str
    mode: str
    blob: str


@value
class Guard:
    """A guarded place: a path pattern (``*`` within a segment, ``**`` across), and what its text must match."""

    path: str
    pattern: str | None


@value
class RequirePolicy:
    """``[require]`` of ``gate.toml``. ``signer_workflow`` None: evidence is attested by the trusted workflow itself.

    ``owners`` are the people or teams that a blocked author is sent to.
    """

    guarded: tuple[Guard, ...]
    workflow: str
    workflow_id: int | None
    repository_id: int | None
    events: tuple[str, ...]
    profiles: tuple[str, ...]
    max_age_hours: int
    min_gate_version: str
    attested: bool
    signer_workflow: str | None
    owners: tuple[str, ...] = ()


@value
class BreakGlass:
    """An emergency entry: who, why, and until when the hold is set aside. It is never a pass."""

    who: str
    why: str
    until: str


@value
class QuarantinePolicy:
    """``[quarantine]`` of ``gate.toml``. ``configured`` is false when the file has no such table: then it is held."""

    configured: bool
    held: bool
    incident: str
    since: str | None
    passes: int
    days: int
    history_days: int
    statements: tuple[str, ...]
    break_glass: BreakGlass | None


class StatementKind(StrEnum):
    """What a person may state; no evidence can say it for them."""

    BACKEND_REPLACED = "backend-replaced"
    REPAIR_PROVED = "repair-proved"


@value
class Statement:
    """A signed-off statement of a person: what they answer for, why, and when they said it."""

    schema: str
    kind: StatementKind
    who: str
    why: str
    at: str
    incident: str
    cache: str
    endpoint: str


@value
class TrustedPlace:
    """What a run must be to be trusted: numbers decide, names are for people."""

    repository: str
    repository_id: int
    default_branch: str
    workflow: str
    workflow_id: int
    events: tuple[str, ...]


@value
class Demand:
    """What evidence must say to be taken for one profile: by the base branch's own ``gate.toml``.

    ``required_settings`` holds, by their names, the compared settings that ``gate.toml`` states, or of which its
    silence states the default; one that it leaves to the environment is not there. In its ``installable``, ``{system}``
    is the double of whichever machine ran.
    """

    profile: str
    required_settings: Mapping[str, Any]
    cache: str
    endpoint: str
    max_age_seconds: int
    min_gate_version: str


@value
class Reason:
    """One reason of a decision: a code of `judge.codes.decisions`, and a sentence with what was got and expected.

    ``title`` is the same in a few words, for a headline.
    """

    code: str
    title: str
    detail: str


@value
class Reliance:
    """Why a change relies on trusted publication: a guarded file, and its first line that matches the guard.

    ``path`` is None where no file decides, ``line`` where the file counts as a whole or its text was not read.
    """

    path: str | None
    line: int | None
    detail: str


@value
class ProbeRun:
    """An attempt of the trusted workflow, as people look it up: how it ended, and its page."""

    label: str
    state: str
    url: str


@value
class Condition:
    """One written condition of a release: met or not, its progress in a few words, and the runs that it rests on."""

    name: str
    met: bool
    progress: str
    detail: str
    rests_on: tuple[str, ...]


@value
class Answer:
    """The end of ``require``. ``word`` is pass only when evidence was accepted or none was needed.

    ``reasons`` begin with the one that decides. ``commands`` make the missing runs, and are there only where a run
    helps. ``conditions`` are those of a release, while the quarantine is held. ``under_break_glass``: the quarantine is
    held and a person set it aside; whoever shows this must shout it.
    """

    word: VerdictWord
    headline: str
    reasons: tuple[Reason, ...] = ()
    commands: tuple[str, ...] = ()
    under_break_glass: bool = False
    reliance: Reliance | None = None
    conditions: tuple[Condition, ...] = ()
    owners: tuple[str, ...] = ()
    newest_run: ProbeRun | None = None

    @property
    def exit_code(self) -> int:
        """What the command ends with."""
        return EXIT_CODES[self.word]


@value
class Past:
    """What the standing decision needs to know of one run: from its evidence, judged again, or from its absence.

    ``label`` is what people call it. ``against`` says that it counts against a release, ``toward`` for one. ``stores``
    are the identities of the store's processes, ``epochs`` of all. ``lost`` and ``indexed``: whether a bucket was seen
    out of the index, and whether all were in it after the publication. ``attempt``: it was to publish.
    """

    label: str
    digest: str | None
    profile: str | None
    kind: Kind
    word: VerdictWord
    codes: tuple[str, ...]
    started_at: str
    ended_at: str
    cache: str | None
    endpoint: str | None
    epochs: tuple[str, ...]
    stores: tuple[str, ...]
    against: bool
    toward: bool
    lost: bool
    indexed: bool
    attempt: bool = True


@value
class Standing:
    """The standing decision over a history. ``title`` says it in a few words, ``headline`` with the incident."""

    held: bool
    title: str
    headline: str
    conditions: tuple[Condition, ...]
    left_out: tuple[str, ...]
    break_glass: BreakGlass | None
