"""The parameters that several commands take, each with its one help text; settings are in `setting_flags`."""

from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

Format = Literal["text", "json", "markdown", "github"]

Exchange = Literal["junit", "sarif"]

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
FromArtifacts = Annotated[
    bool, Parameter(help="Take the history from the repository's own artifacts (GITHUB_TOKEN, GITHUB_REPOSITORY).")
]
OutputFolder = Annotated[Path, Parameter(help="A new folder for the evidence; one that exists is refused, untouched.")]
Digests = Annotated[
    tuple[str, ...],
    Parameter(name="--digest", help="PART=SHA256, as the part's own job handed it on; once for each part."),
]

Quiet = Annotated[bool, Parameter(name=("--quiet", "-q"), help="Only the result: no progress on stderr.")]
Verbose = Annotated[bool, Parameter(name=("--verbose", "-v"), help="A progress line for each record and sample too.")]

Verbosity = Literal["quiet", "normal", "verbose"]
VERBOSITY: ContextVar[Verbosity] = ContextVar("VERBOSITY", default="normal")  # of the command that runs

COMMON = Parameter(negative=(), show_default=False)  # of every command: a default that says "not given" is no news
