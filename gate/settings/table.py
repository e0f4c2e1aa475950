"""All settings, as the fields of `Policy`, `Secrets` and `Tools` declare them, and the values of one run."""

from dataclasses import dataclass
from typing import Any, Final

from gate.model.policy import POLICY_SETTINGS, SECRET_SETTINGS, TOOL_SETTINGS, Policy, Secrets, Tools
from gate.model.setting import PROFILES, Setting

SETTINGS: Final[tuple[Setting, ...]] = tuple(
    row for row in (*POLICY_SETTINGS, *SECRET_SETTINGS, *TOOL_SETTINGS) if row.table not in ("", PROFILES)
)
BY_NAME: Final = {row.name: row for row in SETTINGS}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that a run is given: its rules, which the evidence holds whole, what it works with, and what it may show."""

    policy: Policy
    secrets: Secrets
    tools: Tools

    def value_of(self, row: Setting) -> Any:  # noqa: ANN401  # one value of any setting's type
        """The value of one setting."""
        return getattr(getattr(self, row.part), row.name)
