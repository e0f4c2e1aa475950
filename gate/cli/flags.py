"""The parameters that several commands take, each with its one help text."""

from dataclasses import field, make_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from gate.settings import SETTINGS, Setting

Format = Literal["text", "json", "markdown", "github"]

AsFormat = Annotated[Format, Parameter(help="Form of the result on stdout.", show_default=True)]
JsonInto = Annotated[Path | None, Parameter(help="Write the result as JSON into this file too, on failure as well.")]
Config = Annotated[Path | None, Parameter(help="gate.toml (default: the one here, where there is one).")]
Confirm = Annotated[
    str,
    Parameter(help="The phrase probe-attic-publication-PROFILE, whole; without it nothing is built or published."),
]
Folder = Annotated[Path, Parameter(help="The evidence folder.")]
Folders = Annotated[Path, Parameter(help="Evidence folders.")]
FolderOrZip = Annotated[Path, Parameter(help="The evidence folder, or the artifact's zip as it was downloaded.")]
FoldersOrZips = Annotated[Path, Parameter(help="Evidence folders, or artifacts' zips as they were downloaded.")]
OutputFolder = Annotated[Path, Parameter(help="A new folder for the evidence; one that exists is refused, untouched.")]
Digests = Annotated[
    tuple[str, ...],
    Parameter(name="--digest", help="PART=SHA256, as the part's own job handed it on; once for each part."),
]

COMMON = Parameter(negative=(), show_default=False)  # of every command: a default that says "not given" is no news


def _type(row: Setting) -> Any:  # noqa: ANN401  # a type of any of the table's kinds
    if row.type == "choice":
        return Literal[row.choices] | None
    return {"whole": int, "seconds": float, "flag": bool, "list": list[str]}.get(row.type, str) | None


def _meaning(row: Setting) -> str:
    meaning = row.meaning.replace("<", r"\<")  # help texts are Markdown, which would take <system> for a tag
    return f"{meaning} [{_default(row)}env: {row.env}, gate.toml: {row.key}]"


def _default(row: Setting) -> str:
    if row.default in ("", (), False):
        return ""
    shown = " ".join(row.default) if isinstance(row.default, tuple) else row.default
    return f"default: {shown:g}, " if isinstance(shown, float) else f"default: {shown}, "


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


def given(flags: object) -> dict[str, Any]:
    """The flags that were given, by the names of their settings."""
    found = {row.name: getattr(flags, row.name, None) for row in SETTINGS if row.flag}
    return {name: value for name, value in found.items() if value is not None}
