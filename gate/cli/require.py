"""``require``: whether this change may rely on trusted publication."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from gate.cli.flags import AsFormat, JsonInto
from gate.cli.outcome import RESULT_SCHEMA, Outcome, report
from gate.errors import RefusedError
from gate.model.basics import Secret, VerdictWord
from gate.model.gating import Answer

if TYPE_CHECKING:
    from gate.github.api import GitHub


def require(
    *,
    push_follows: Annotated[
        bool, Parameter(help="A trusted push follows right away: ask for evidence whatever the change says.")
    ] = False,
    config: Annotated[str, Parameter(help="Where gate.toml lies in the repository.", show_default=True)] = "gate.toml",
    format: AsFormat = "text",
    json_into: JsonInto = None,
) -> int:
    """Say whether this change may rely on trusted publication now: exit 0 only on a fresh trusted pass, or no need."""
    return report(lambda: run_require(push_follows=push_follows, config=config), format=format, json_into=json_into)


def run_require(*, push_follows: bool, config: str) -> Outcome:
    """The answer as an outcome."""
    from gate import limits
    from gate.clock import SystemClock
    from gate.github.evidence import attester
    from gate.journal_log import read_whole
    from gate.process import CancelToken
    from gate.require import Ask, require

    clock = SystemClock()
    token = read_token()
    event = os.environ.get("GITHUB_EVENT_NAME", "")
    path = os.environ.get("GITHUB_EVENT_PATH", "")
    if not push_follows and not path:
        raise RefusedError("GITHUB_EVENT_PATH is not set: run this in a workflow, or give --push-follows")
    payload = b"" if push_follows else read_whole(Path(path), limits.EVENT_BYTES)
    with TemporaryDirectory(prefix="publication-gate-") as scratch, github_of(token) as github:
        ask = Ask(
            event=event,
            payload=payload,
            push_follows=push_follows,
            config=config,
            environ=os.environ,
            scratch=Path(scratch),
            attester=lambda place, policy: attester(
                place, policy, token=token, environ=os.environ, clock=clock, cancel=CancelToken()
            ),
        )
        return outcome_of(require(ask, github))


def read_token() -> Secret:
    """The token for GitHub's interface; raises `RefusedError` where there is none."""
    from gate.github.context import FORGE_TOKENS

    for name in FORGE_TOKENS:
        if os.environ.get(name, "").strip():
            return Secret(os.environ[name].strip())
    raise RefusedError("GITHUB_TOKEN is not set: give it as `env: GITHUB_TOKEN: ${{ github.token }}` (actions: read)")


def github_of(token: Secret) -> "GitHub":
    """The repository's interface, by the runner's own variables."""
    from gate.clock import SystemClock
    from gate.github.api import GitHub, api_url_of

    repository = os.environ.get("GITHUB_REPOSITORY", "")
    return GitHub(repository, token, api_url=api_url_of(os.environ), clock=SystemClock())


def outcome_of(answer: Answer) -> Outcome:
    """An answer with its reasons, for people and as JSON."""
    from gate.evidence.codec import adapter
    from gate.render.answer import answer_markdown, answer_text, remedy_of

    fields = adapter(Answer).dump_python(answer, mode="json")
    fields["break_glass"] = fields.pop("under_break_glass")
    verdict = {
        "word": fields.pop("word"),
        "outcome": "pass" if answer.word is VerdictWord.PASS and not answer.under_break_glass else "fail",
        "exit_code": answer.exit_code,
        "blocks": answer.exit_code != 0,
    }
    remedies = [{"remedy": remedy_of(answer, row)} for row in answer.reasons]
    return Outcome(
        exit_code=answer.exit_code,
        text=answer_text(answer),
        markdown=answer_markdown(answer),
        data={
            "schema": RESULT_SCHEMA,
            "verdict": verdict,
            **fields,
            "cause": answer.reasons[0].code if answer.reasons else None,
            "reasons": [row | remedy for row, remedy in zip(fields["reasons"], remedies, strict=True)],
            "error": None,
        },
    )
