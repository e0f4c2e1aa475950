"""Asking GitHub's own ``gh`` whether evidence was attested by the trusted workflow: it checks Sigstore's proofs.

Any job of a run can replace the run's artifacts (they are not bound to the permissions of a job's token), so where that
matters ``[require] attested`` makes the attested digest decide, not the artifact's name.
"""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlsplit

from gate import limits
from gate.clock import Clock
from gate.github.evidence import Attest
from gate.model.basics import Secret
from gate.model.gating import RequirePolicy, TrustedPlace
from gate.process import CancelToken, SearchPath, output, scrubbed_environment

_GITHUB: Final = "github.com"
_TOLD_CHARS: Final = 200
_AUTHORITIES: Final = ("SSL_CERT_", "NIX_SSL_CERT_")


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
        said = ascii(err[-_TOLD_CHARS:].decode("utf-8", "backslashreplace"))[1:-1]
        return f"`gh attestation verify` says no for {signer}: {said or ended.ended_by or ended.exit}"

    return attest
