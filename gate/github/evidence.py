"""What one attempt of the trusted workflow left: its artifacts, downloaded, attested, verified and judged again."""

import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlsplit

from gate import limits
from gate.clock import Clock
from gate.errors import ForeignTextError, ForgedError, GateError, RefusedError, UnsealedError
from gate.github.api import GitHub
from gate.github.artifact_zip import unpack
from gate.github.artifacts import artifacts_of, download, ever_began
from gate.github.step_state import REFUSAL_FILE as RESULT
from gate.github.step_state import is_refusal
from gate.journal_log import EVIDENCE, names, stream
from gate.judge.admission import reason
from gate.model.basics import Secret
from gate.model.document import Evidence
from gate.model.gating import Artifact, Looked, Reason, RequirePolicy, Run, TrustedPlace
from gate.parse.text import leak_in
from gate.process import CancelToken, SearchPath, output, scrubbed_environment
from gate.seal import verify

_GITHUB: Final = "github.com"
_TOLD_CHARS: Final = 200
_AUTHORITIES: Final = ("SSL_CERT_", "NIX_SSL_CERT_")


Attest = Callable[[Path], str | None]


def attester(
    place: TrustedPlace,
    policy: RequirePolicy,
    *,
    token: Secret,
    environ: Mapping[str, str],
    clock: Clock,
    cancel: CancelToken,
) -> Attest:
    """Says for an ``evidence.json`` why it is not attested, or None.

    The signer is the trusted workflow, or the reusable one that ``signer-workflow`` names; the source is the default
    branch.
    """
    host = urlsplit(environ.get("GITHUB_SERVER_URL", "")).hostname or _GITHUB
    # No proxy and no authorities of the environment: gh would send the token there.
    env = {
        **{name: value for name, value in scrubbed_environment(environ).items() if not name.startswith(_AUTHORITIES)},
        "GH_HOST": host,
        "GH_TOKEN" if host == _GITHUB else "GH_ENTERPRISE_TOKEN": token.reveal(),
        "GH_PROMPT_DISABLED": "1",
    }
    signer = policy.signer_workflow or f"{place.repository}/{place.workflow}"

    def attest(evidence: Path) -> str | None:
        argv = [
            *(
                SearchPath(environ).find("gh") or "gh",
                "attestation",
                "verify",
                str(evidence),
                "--repo",
                place.repository,
            ),
            *("--signer-workflow", signer, "--source-ref", f"refs/heads/{place.default_branch}"),
        ]
        with TemporaryDirectory(prefix="publication-gate-gh-") as empty:  # its own settings can name a socket to ask
            ended, _, err = output(
                argv,
                name="gh-attestation",
                env={**env, "GH_CONFIG_DIR": empty},
                cap=limits.ANSWER_BODY_BYTES,
                deadline_seconds=limits.API_TOTAL_SECONDS,
                cancel=cancel,
                clock=clock,
            )
        if ended.exit == 0 and ended.ended_by is None:
            return None
        if ended.ended_by == "missing":
            return "gh is not on PATH: it is what verifies attestations"
        message = ascii(err[-_TOLD_CHARS:].decode("utf-8", "backslashreplace"))[1:-1]
        return f"`gh attestation verify` says no for {signer}: {message or ended.ended_by or ended.exit}"

    return attest


PREFIX: Final = "publication-evidence-"  # gate.github.context.artifact_name
_NOT_IN_NAMES: Final = re.compile("[^A-Za-z0-9._-]+")
_NAME_PART: Final = 80
_NEVER_RAN: Final = ("cancelled", "skipped", "startup_failure", "action_required", "stale")


class Finder:
    """Looks at attempts. ``scratch`` is an empty folder of ours.

    ``attest`` says why an ``evidence.json`` is not attested, or None; without it nobody asks.
    """

    def __init__(self, github: GitHub, scratch: Path, attest: Attest | None = None) -> None:
        self._github = github
        self._scratch = scratch
        self._attest = attest
        self._artifacts: dict[int, tuple[Artifact, ...]] = {}

    def look(self, run: Run) -> Looked:
        """What an attempt left. Raises `InconclusiveError` or `ForeignTextError` when GitHub can't be asked or read."""
        if run.status != "completed":
            return Looked(run=run, began=True, refused=False, reasons=(), evidences=())
        reasons: list[Reason] = []
        evidences: list[Evidence] = []
        refused = False
        for artifact in self._of(run):
            result = self._one(run, artifact)
            if isinstance(result, Reason):
                reasons.append(result)
            elif result is None:
                refused = True
            else:
                evidences.append(result)
        has_artifacts = bool(reasons or evidences or refused)
        began = has_artifacts or run.conclusion not in _NEVER_RAN or ever_began(self._github, run)
        return Looked(run=run, began=began, refused=refused, reasons=tuple(reasons), evidences=tuple(evidences))

    def _of(self, run: Run) -> Iterable[Artifact]:
        """The artifacts that may be of this attempt: those that do not name another one of the same run."""
        if run.id not in self._artifacts:
            self._artifacts[run.id] = artifacts_of(self._github, run.id, PREFIX)
        for artifact in self._artifacts[run.id]:
            suffix = re.search(rf"-{run.id}-(\d{{1,6}})(?:-|$)", artifact.name)
            if suffix is None or int(suffix[1]) == run.attempt:
                yield artifact

    def _one(self, run: Run, artifact: Artifact) -> Evidence | Reason | None:
        """The evidence of an artifact, why it can't be taken, or None for a run that says that it was refused."""
        label = f"artifact {artifact.id} of run {run.label}"
        if artifact.run_id not in (None, run.id):
            return reason("require-other-run", f"{label} is listed for run {artifact.run_id}")
        if artifact.expired:
            return reason("require-evidence-expired", f"{label} has expired")
        try:
            data = download(self._github, artifact)
        except ForgedError as error:
            return reason("require-digest-differs", str(error))
        folder = self._scratch / str(artifact.id)
        try:
            if is_refusal(data):
                return self._refused(data, folder, label)
            unpack(data, folder)
            return self._verified(artifact, folder, label)
        except (ForeignTextError, RefusedError) as error:
            return reason("require-bundle-malformed", f"{label}: {error}".replace(str(folder), "its folder"))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _refused(self, data: bytes, folder: Path, label: str) -> Reason | None:
        """None where a refusal may be believed: a job of the run could put one in the place of what it found."""
        if self._attest is None:
            return None
        unpack(data, folder)
        why = self._attest(folder / RESULT)
        return None if why is None else reason("require-not-attested", f"{label}: {why}")

    def _verified(self, artifact: Artifact, folder: Path, label: str) -> Evidence | Reason:
        try:
            evidence, _ = verify(folder)
        except UnsealedError as error:
            return reason("require-unsealed", f"{label}: {error}".replace(str(folder), "it"))
        except GateError as error:
            return reason("require-not-genuine", f"{label}: {error}".replace(str(folder), "it"))
        for name in names(folder):
            leak = leak_in(stream(folder / name))
            if leak:
                return reason("require-secret-found", f"{label} holds {leak} in {name}")
        profile = evidence.policy.profile
        if not artifact.name.startswith(f"{PREFIX}{_NOT_IN_NAMES.sub('-', profile)[:_NAME_PART]}-"):
            suffix = artifact.name.removeprefix(PREFIX)[:100]
            return reason("require-other-profile", f"{label} is named {suffix!a}, its evidence is of {profile}")
        why = self._attest(folder / EVIDENCE) if self._attest else None
        if why is not None:
            return reason("require-not-attested", f"{label}: {why}")
        return evidence
