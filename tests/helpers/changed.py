"""Settings with other values, by the names of the settings, wherever they are held."""

from dataclasses import replace
from typing import Any

from gate.settings import BY_NAME, Settings


def changed(settings: Settings, **values: Any) -> Settings:
    parts: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        parts.setdefault(BY_NAME[name].part, {})[name] = value
    return replace(settings, **{part: replace(getattr(settings, part), **own) for part, own in parts.items()})
