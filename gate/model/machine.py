"""The programs of this machine that a run starts, and what Nix itself says of its settings."""

from typing import Literal

from gate.model.basics import value


@value
class ToolIdentity:
    """A program that the run starts: the absolute path that it is started by, its version, and the file's digest.

    ``path`` has no symbolic link in its folders; ``sha256`` is of the file that its own links lead to, in hex. Both
    are None for a program that is not there, ``version`` for one that does not say it.
    """

    name: str
    path: str | None
    version: str | None
    sha256: str | None


@value
class ToolsFound:
    """The programs that the run starts, and each PATH entry that was passed over, in one sentence each."""

    kind: Literal["tools"] = "tools"
    tools: tuple[ToolIdentity, ...]
    passed_over: tuple[str, ...] = ()


@value
class Machine:
    """What the run used of the machine that it ran on; of a split run, of all its machines.

    ``tools`` are the programs that were found, each once; ``passed_over`` are the entries of PATH that were not used.
    """

    tools: tuple[ToolIdentity, ...] = ()
    passed_over: tuple[str, ...] = ()
