"""The answer of ``require`` for a person: as plain text, as Markdown, and as annotations of a change."""

from collections.abc import Iterator
from typing import Final

from gate.judge.codes.decisions import BY_DECISION
from gate.model.basics import VerdictWord
from gate.model.gating import Answer, Reason
from gate.render.escape import is_linkable, markdown_cell, markdown_code, plain, runner_safe
from gate.render.view import NAME_CHARS, SENTENCE_CHARS

_LOUD: Final = "!" * 100
_WHY: Final = "why this change is asked"


def answer_text(answer: Answer) -> str:
    """The headline, the reasons, why the change is asked, what clears it and who can do that."""
    headline = plain(answer.headline, SENTENCE_CHARS)
    lines = [_LOUD, headline, _LOUD] if answer.under_break_glass else [headline]
    lines += [f"  {row.code}: {plain(row.detail, SENTENCE_CHARS)}" for row in answer.reasons]
    reliance = _reliance(answer)
    lines += [f"  {_WHY}: {plain(reliance, SENTENCE_CHARS)}"] if reliance else []
    if answer.conditions:
        checks = [f"{'✓' if row.met else '✗'} {plain(row.progress, NAME_CHARS)}" for row in answer.conditions]
        lines.append(f"  what clears it: {' · '.join(checks)}")
    lines += [f"  what to do: {plain(remedy, SENTENCE_CHARS)}" for remedy in remedies(answer)]
    lines += [f"    {plain(command, SENTENCE_CHARS)}" for command in answer.commands]
    run = answer.newest_run
    if run is not None:
        lines.append(f"  newest probe: {plain(f'run {run.label} ({run.state}) {run.url}', SENTENCE_CHARS).rstrip()}")
    return runner_safe("\n".join(lines)) + "\n"


def answer_markdown(answer: Answer) -> str:
    """The same for the page of a run, with links and a checklist."""
    alert = "WARNING"
    if answer.word is VerdictWord.QUARANTINE or answer.under_break_glass:
        alert = "CAUTION"
    elif answer.word is VerdictWord.PASS:
        alert = "NOTE"
    lines = [f"> [!{alert}]", f"> **{markdown_cell(answer.headline, SENTENCE_CHARS)}**", ""]
    lines += [f"- **what to do**: {markdown_cell(remedy, SENTENCE_CHARS)}" for remedy in remedies(answer)]
    lines += [f"  - {markdown_code(command, SENTENCE_CHARS)}" for command in answer.commands]
    reliance = _reliance(answer)
    lines += [f"- **{_WHY}**: {markdown_cell(reliance, SENTENCE_CHARS)}"] if reliance else []
    run = answer.newest_run
    if run is not None:
        label = markdown_cell(f"run {run.label}", NAME_CHARS)
        state = markdown_cell(run.state, NAME_CHARS)
        lines.append(f"- **newest probe**: {f'[{label}]({run.url})' if is_linkable(run.url) else label} ({state})")
    lines += [
        f"- {markdown_code(row.code, NAME_CHARS)}: {markdown_cell(row.detail, SENTENCE_CHARS)}"
        for row in answer.reasons
    ]
    if answer.conditions:
        lines += ["", "What clears it:", ""]
        for row in answer.conditions:
            detail = "" if row.met or row.progress.startswith(row.detail) else f": {row.detail}"
            text = markdown_cell(f"{row.progress}{detail}", SENTENCE_CHARS)
            lines.append(f"- [{'x' if row.met else ' '}] {text}")
    return runner_safe("\n".join(lines)) + "\n"


def reason_annotations(answer: Answer) -> Iterator[tuple[str, str]]:
    """Title and text of an annotation for each reason: what was got, and the next step."""
    for row in answer.reasons:
        yield row.code, f"{row.detail}; {remedy_of(answer, row)}" if _blocks(answer) else row.detail


def remedies(answer: Answer) -> list[str]:
    """The next steps, each once; none where the change is let through."""
    return list(dict.fromkeys(remedy_of(answer, row) for row in answer.reasons)) if _blocks(answer) else []


def remedy_of(answer: Answer, row: Reason) -> str:
    """The next step for one reason, by the people whom the answer names."""
    return BY_DECISION[row.code].remedy_of(answer.owners)


def _blocks(answer: Answer) -> bool:
    return answer.word is not VerdictWord.PASS or answer.under_break_glass


def _reliance(answer: Answer) -> str:
    reliance = answer.reliance
    if reliance is None:
        return ""
    if reliance.path is None:
        return reliance.detail
    place = f"{reliance.path}:{reliance.line}" if reliance.line else reliance.path
    return f"{place}: {reliance.detail}; a change that matches no guard passes"
