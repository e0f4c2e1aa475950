"""The programs of this machine that a run starts, and what Nix itself says of its settings."""

from typing import Literal

from gate.model.basics import Label, value


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
class AuthorityFile:
    """Certificate authorities that the run trusts: the variable that names them, or ``openssl`` for its own default.

    ``sha256``, in hex, is of the file, or of the names and digests of a folder's files; None where it can't be read.
    """

    variable: str
    path: str
    sha256: str | None


@value
class ToolsFound:
    """The programs that the run starts, and each PATH entry that was passed over, in one sentence each.

    ``authorities`` are those beside certifi's, which is a locked dependency.
    """

    kind: Literal["tools"] = "tools"
    tools: tuple[ToolIdentity, ...]
    passed_over: tuple[str, ...] = ()
    authorities: tuple[AuthorityFile, ...] = ()


@value
class NixSetting:
    """One effective setting of Nix and Nix's own default, as nix.conf has them; without credentials of URLs."""

    name: str
    value: str
    default: str


@value
class NixConfigSeen:
    """What Nix reports as its effective settings, for the user and in the environment of this run.

    ``machines_file``: ``builders`` names a file of machines, and it names one at least. ``error`` says why Nix could
    not be asked.
    """

    kind: Literal["nix-config"] = "nix-config"
    settings: tuple[NixSetting, ...]
    machines_file: bool = False
    error: str | None = None


@value
class NixRead:
    """One reading of a published path by the machine's own Nix, with its settings, netrc and certificate authorities.

    ``outcome``: ``whole`` (bytes and signature are good), ``wrong`` (another hash than its narinfo says), ``cut``,
    ``untrusted``, ``absent``, ``denied``, ``tls``, ``connect``, ``deadline`` or ``other``; ``words`` is Nix's own line.
    ``nar_hash`` is what the narinfo said to Nix, where that could be asked.
    """

    kind: Literal["nix-read"] = "nix-read"
    label: Label
    cache: str
    store_path: str
    attempt: int
    outcome: Literal["whole", "wrong", "cut", "untrusted", "absent", "denied", "tls", "connect", "deadline", "other"]
    words: str = ""
    nar_hash: str | None = None
    millis: int


@value
class Machine:
    """What the run used of the machine that it ran on; of a split run, of all its machines.

    ``tools`` are the programs that were found, each once; ``passed_over`` are the entries of PATH that were not used.
    ``nix_config`` is what Nix says of its settings, ``nix_reads`` are the readings by the machine's own Nix.
    ``authorities`` are the certificate authorities that its programs trusted.
    """

    tools: tuple[ToolIdentity, ...] = ()
    passed_over: tuple[str, ...] = ()
    nix_config: NixConfigSeen | None = None
    nix_reads: tuple[NixRead, ...] = ()
    authorities: tuple[AuthorityFile, ...] = ()
