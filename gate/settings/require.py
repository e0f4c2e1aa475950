"""``[require]`` and ``[quarantine]`` of ``gate.toml``."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from gate import limits
from gate.errors import RefusedError
from gate.model.gating import BreakGlass, Demand, Guard, QuarantinePolicy, RequirePolicy
from gate.model.policy import POLICY_SETTINGS
from gate.settings.checked import QUARANTINE_KEYS, REQUIRE_KEYS, Table
from gate.settings.profiles import find_profile
from gate.settings.resolve import resolve_named
from gate.settings.table import BY_NAME, SETTINGS

QUARANTINE_TABLE: Final = "quarantine"
_UNNAMED: Final = "none named in gate.toml"


def read_quarantine(toml: Mapping[str, Any], now: datetime) -> QuarantinePolicy:
    """The policy; without the table it is held, with the default conditions.

    Raises `RefusedError` for an unknown key, a wrong value, or a break-glass entry that reaches further than
    `limits.BREAK_GLASS_DAYS` from ``now``.
    """
    table = Table(QUARANTINE_TABLE, toml.get(QUARANTINE_TABLE, {}), QUARANTINE_KEYS)
    is_held = table.flag("held", default=True)
    has_details = table.has("incident") or (
        is_held and QUARANTINE_TABLE in toml
    )  # a hold that is written down names its incident
    days = table.whole("days", 7, least=1, most=90)
    return QuarantinePolicy(
        configured=QUARANTINE_TABLE in toml,
        held=is_held,
        incident=table.text("incident") if has_details else _UNNAMED,
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


REQUIRE_TABLE: Final = "require"
SCHEMA_VERSION: Final = "0.1.0"  # the first that reads gate.toml as it is now: no older one's evidence is taken
_EVENTS: Final = ("workflow_dispatch", "schedule")  # both run the default branch's own workflow file
_WORKFLOW: Final = re.compile(r"\.github/workflows/[A-Za-z0-9._-]{1,200}\.ya?ml")
_SIGNER: Final = re.compile(r"[A-Za-z0-9-]{1,100}/[A-Za-z0-9._-]{1,100}/" + _WORKFLOW.pattern)
_VERSION: Final = re.compile(r"\d{1,6}(\.\d{1,6}){0,3}", re.ASCII)
_MOST_ID: Final = 2**53 - 1
_MOST_HOURS: Final = 24 * 90  # artifacts are kept 90 days unless the repository says otherwise


def read_require(toml: Mapping[str, Any]) -> RequirePolicy:
    """The policy; raises `RefusedError` where the table is missing, has an unknown key or a wrong value."""
    if REQUIRE_TABLE not in toml:
        raise RefusedError(
            "gate.toml of the base branch has no table [require]: write which paths rely on trusted publication, "
            "such as guarded = [{path = '.github/workflows/*.yml', pattern = 'require-cache-push'}]"
        )
    table = Table(REQUIRE_TABLE, toml[REQUIRE_TABLE], REQUIRE_KEYS)
    workflow = table.text("workflow", ".github/workflows/trusted-publication-probe.yml")
    if not _WORKFLOW.fullmatch(workflow):
        raise table.wrong("workflow", workflow, "a path such as .github/workflows/trusted-publication-probe.yml")
    events = table.texts("events", ("workflow_dispatch",))
    if not events or not set(events) <= set(_EVENTS):
        raise table.wrong("events", events, f"some of {', '.join(_EVENTS)}")
    profiles = table.texts("profiles", ("medium-check",))
    if not profiles:
        raise table.wrong("profiles", profiles, "at least one profile")
    for profile in profiles:
        find_profile(profile, toml)
    version = table.text("min-gate-version", SCHEMA_VERSION)
    if not _VERSION.fullmatch(version):
        raise table.wrong("min-gate-version", version, "a version such as 0.1.0")
    return RequirePolicy(
        guarded=_guards(table),
        workflow=workflow,
        workflow_id=_number(table, "workflow-id"),
        repository_id=_number(table, "repository-id"),
        events=tuple(sorted(set(events))),
        profiles=tuple(dict.fromkeys(profiles)),
        max_age_hours=table.whole("max-age-hours", 24, least=1, most=_MOST_HOURS),
        min_gate_version=version,
        attested=table.flag("attested", default=False),
        signer_workflow=_signer(table),
        owners=table.texts("owners", ()),
    )


def demand_of(profile: str, policy: RequirePolicy, toml: Mapping[str, Any], environ: Mapping[str, str]) -> Demand:
    """What evidence for a profile must say. The cache is named by ``gate.toml``, else by the environment.

    Raises `RefusedError` when neither names it: evidence of some cache would then do.
    """
    cache, endpoint = subject_of(toml, environ)
    return Demand(
        profile=profile,
        required_settings=_demanded(profile, toml),
        cache=cache,
        endpoint=endpoint,
        max_age_seconds=policy.max_age_hours * 3600,
        min_gate_version=policy.min_gate_version,
    )


def subject_of(toml: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[str, str]:
    """Cache and endpoint that a decision is about; raises as `demand_of` does."""
    return _named_setting("attic_cache", toml, environ), _named_setting("attic_server", toml, environ)


def _resolved(names: tuple[str, ...], toml: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as ``gate.toml`` alone has them: the environment of the job that asks must not change a demand."""
    return resolve_named(names, needed=(), toml=toml, environ={}, flags={}, read_file=str)


def _demanded(profile: str, toml: Mapping[str, Any]) -> dict[str, Any]:
    """The compared settings that ``gate.toml`` states, and those of which its silence states the default."""
    bounds = find_profile(profile, toml)
    rows = [row for row in POLICY_SETTINGS if row.compared]
    resolved = _resolved(tuple(row.name for row in rows if row in SETTINGS), toml)
    values = {row.name: resolved.get(row.name) or getattr(bounds, row.name, row.default) for row in rows}
    return {
        row.name: values[row.name]
        for row in rows
        if row.default_counts or (values[row.name] and row.toml_key in toml.get(row.table, {}))
    }


def _guards(table: Table) -> tuple[Guard, ...]:
    rows = table.raw("guarded")
    if not isinstance(rows, list) or not rows:
        raise table.wrong("guarded", rows, "a list of at least one {path = '…', pattern = '…'}")
    return tuple(_guard(Table("require.guarded", row, ("path", "pattern"))) for row in rows)


def _guard(table: Table) -> Guard:
    path = table.text("path")
    if path.startswith("/") or "\\" in path or ".." in path.split("/"):
        raise table.wrong("path", path, "a path pattern relative to the repository's root")
    pattern = table.text("pattern") if table.has("pattern") else None
    if pattern is not None:
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError):
            raise table.wrong("pattern", pattern, "a regular expression of Python's re") from None
    return Guard(path=path, pattern=pattern)


def _signer(table: Table) -> str | None:
    if not table.has("signer-workflow"):
        return None
    signer = table.text("signer-workflow")
    if not _SIGNER.fullmatch(signer):
        raise table.wrong("signer-workflow", signer, "OWNER/NAME/.github/workflows/FILE.yml")
    return signer


def _number(table: Table, key: str) -> int | None:
    return table.whole(key, 1, least=1, most=_MOST_ID) if table.has(key) else None


def _named_setting(name: str, toml: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    row = BY_NAME[name]
    name_value = str(_resolved((name,), toml)[name]) or environ.get(row.env, "").strip()
    if not name_value:
        raise RefusedError(
            f"neither gate.toml {row.key} nor {row.env} is set: evidence of any other cache would do; set one"
        )
    return name_value
