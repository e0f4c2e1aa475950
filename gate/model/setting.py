"""What one setting is: its declaration is next to the field that holds its value, and nowhere else.

A field of `Policy`, `Secrets` or `Tools` is a setting when its type is ``Annotated[..., Setting(...)]``. Name, type and
default are the field's own. Parser, documents, action, comparison by ``require``, weight in ``diff``: all read this.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal, get_args, get_origin

from gate.model.basics import Secret

PREFIX: Final = "GATE_"
PROFILES: Final = "profiles"  # the table whose tables hold what a profile brings
Type = Literal["text", "list", "whole", "seconds", "flag", "secret", "choice"]
Part = Literal["policy", "secrets", "tools"]
Form = Literal["", "locator", "server-place", "installable", "public-key", "host", "url", "cache", "bucket"]
Compared = Literal["", "same", "template", "at-least", "all-of", "none-beyond", "never"]
_TYPES: Final[dict[Any, Type]] = {
    str: "text",
    tuple[str, ...]: "list",
    int: "whole",
    float: "seconds",
    bool: "flag",
    Secret | None: "secret",
}


@dataclass(frozen=True, kw_only=True)
class Guess:
    """A value for a setting, and where it comes from, such as a flag or the attic client's configuration."""

    text: str | tuple[str, ...]
    origin: str


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting.

    ``table`` is its table of ``gate.toml``: `PROFILES` for what only a profile brings, empty for what no file sets.
    ``file_only`` settings drop a claim or rest on a person's word: they come from ``gate.toml`` alone, which is
    reviewed, and have neither variable nor flag nor input. ``form`` says what each of its texts must be.

    ``compared`` is how `require` holds a run's value to the one of the base branch's ``gate.toml``: ``same`` (for a
    list: in any order), the same ``template``, ``at-least`` (a number, or true), ``all-of`` a list, ``none-beyond`` a
    list or true, ``never`` true. With ``default_counts`` a ``gate.toml`` without it demands the default; otherwise such
    a ``gate.toml`` demands nothing.
    ``subject``: runs that differ in it speak of different things, so `diff` is unsure of them.

    ``name``, ``type``, ``default``, ``choices`` and ``part`` are read from the field by `settings_of`; ``part`` is the
    part of `gate.settings.Settings` that has it.
    """

    meaning: str = ""
    table: str = "probe"
    form: Form = ""
    least: float | None = None
    most: float | None = None
    action: bool = True
    file_only: bool = False
    compared: Compared = ""
    default_counts: bool = False
    subject: bool = False
    choices: tuple[str, ...] = ()
    name: str = ""
    type: Type = "text"
    default: Any = None
    part: Part = "policy"

    @property
    def toml_key(self) -> str:
        """Its key in its table, which is its name everywhere but in Python."""
        return self.name.replace("_", "-")

    @property
    def unit(self) -> str:
        """The unit of its value; empty where it has none."""
        return "s" if self.type == "seconds" else ""

    @property
    def env(self) -> str:
        """The environment variable that sets it; stated settings have none."""
        return "" if self.file_only else self.variable

    @property
    def variable(self) -> str:
        """The environment variable that its name gives, whether it is read or refused."""
        return PREFIX + self.name.upper()

    @property
    def key(self) -> str:
        """Its place in ``gate.toml``; secrets have none."""
        return "" if self.type == "secret" else f"[{self.table}] {self.toml_key}"

    @property
    def flag(self) -> str:
        """Its flag on the command line; secrets have none, since argv is public, and stated settings have none."""
        return "" if self.type == "secret" or self.file_only else "--" + self.toml_key

    @property
    def action_input(self) -> str:
        """Its input of the action, in the action's own spelling."""
        return self.toml_key if self.action and not self.file_only else ""


def settings_of(of: Any, part: Part) -> tuple[Setting, ...]:  # noqa: ANN401  # Policy, Secrets or Tools
    """The settings that the fields of a class declare, in their order. TypeError for a field that declares none."""
    rows = []
    for field in fields(of):
        kind, *marks = get_args(field.type) or (field.type,)
        mark = next((mark for mark in marks if isinstance(mark, Setting)), None)
        if mark is None:
            raise TypeError(
                f"the field {field.name} of {of.__name__} declares no setting: expected Annotated[..., Setting(...)]"
            )
        literal = get_origin(kind) is Literal
        rows.append(
            replace(
                mark,
                name=field.name,
                type="choice" if literal else _TYPES.get(kind, "text"),
                default=field.default,
                choices=get_args(kind) if literal else mark.choices,
                part=part,
            )
        )
    return tuple(rows)
