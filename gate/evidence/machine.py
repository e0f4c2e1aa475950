"""What the run used of its machine: the programs, by the records of every job of the run. Pure."""

from collections.abc import Sequence

from gate.model.machine import Machine, NixConfigSeen, NixRead, ToolsFound


def fold_machine(found: Sequence[ToolsFound], reads: Sequence[NixRead], configs: Sequence[NixConfigSeen]) -> Machine:
    """The programs that were found, each once however many jobs used it."""
    tools = dict.fromkeys(tool for record in found for tool in record.tools if tool.path is not None)
    notes = dict.fromkeys(note for record in found for note in record.passed_over)
    authorities = dict.fromkeys(each for record in found for each in record.authorities)
    return Machine(
        tools=tuple(tools),
        passed_over=tuple(notes),
        nix_config=configs[-1] if configs else None,
        nix_reads=tuple(reads),
        authorities=tuple(authorities),
    )
