"""``[quarantine]`` of ``gate.toml``: held by default, with the incident's name and the conditions of a release."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from gate import limits
from gate.model.gating import BreakGlass, QuarantinePolicy
from gate.settings.checked import QUARANTINE_KEYS, Table

TABLE: Final = "quarantine"
_UNNAMED: Final = "none named in gate.toml"


def read_quarantine(toml: Mapping[str, Any], now: datetime) -> QuarantinePolicy:
    """The policy; without the table it is held, with the default conditions.

    Raises `RefusedError` for an unknown key, a wrong value, or a break-glass entry that reaches further than
    `limits.BREAK_GLASS_DAYS` from ``now``.
    """
    table = Table(TABLE, toml.get(TABLE, {}), QUARANTINE_KEYS)
    held = table.flag("held", default=True)
    named = table.has("incident") or (held and TABLE in toml)  # a hold that is written down names its incident
    days = table.whole("days", 7, least=1, most=90)
    return QuarantinePolicy(
        stated=TABLE in toml,
        held=held,
        incident=table.text("incident") if named else _UNNAMED,
        since=table.moment("since") if table.has("since") else None,
        passes=table.whole("passes", 5, least=1, most=100),
        days=days,
        history_days=table.whole("history-days", max(30, 2 * days), least=days, most=400),
        statements=table.texts("statements", ()),
        break_glass=_break_glass(table, now) if table.has("break-glass") else None,
    )


def _break_glass(table: Table, now: datetime) -> BreakGlass:
    entry = Table("quarantine.break-glass", table.raw("break-glass"), ("who", "why", "until"))
    until = entry.moment("until")
    if datetime.fromisoformat(until) - now > timedelta(days=limits.BREAK_GLASS_DAYS):
        raise entry.wrong("until", until, f"a time within {limits.BREAK_GLASS_DAYS} days from now")
    return BreakGlass(who=entry.text("who"), why=entry.text("why"), until=until)
