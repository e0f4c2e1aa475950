"""The settings as flags of a command line: apart from `flags`, since only commands that take settings pay for them."""

from dataclasses import field, make_dataclass
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from gate.settings import SETTINGS, Setting


def _type(row: Setting) -> Any:  # noqa: ANN401  # a type of any of the table's kinds
    if row.type == "choice":
        return Literal[row.choices] | None
    return {"whole": int, "seconds": float, "flag": bool, "list": list[str]}.get(row.type, str) | None


def _meaning(row: Setting) -> str:
    return f"{row.meaning} [{_default(row)}env: {row.env}, gate.toml: {row.key}]"


def _default(row: Setting) -> str:
    if row.default in ("", (), False):
        return ""
    text = " ".join(row.default) if isinstance(row.default, tuple) else row.default
    return f"default: {text:g}, " if isinstance(text, float) else f"default: {text}, "


Flags: Any = make_dataclass(
    "Flags",
    [
        (row.name, Annotated[_type(row), Parameter(name=row.flag, help=_meaning(row))], field(default=None))
        for row in SETTINGS
        if row.flag
    ],
    frozen=True,
    kw_only=True,
    namespace={"__doc__": "Settings given on the command line; None where not given.", "__module__": __name__},
)


def set_flags(flags: object) -> dict[str, Any]:
    """The flags that were given, by the names of their settings."""
    values = {row.name: getattr(flags, row.name, None) for row in SETTINGS if row.flag}
    return {name: value for name, value in values.items() if value is not None}
