"""Where programs are looked for: absolute folders of PATH, outside of the checkout and of every folder that is shut.

Whoever can write to the checkout, such as the author of a pull request, must not choose what the gate runs: not by
``./nix`` with an empty PATH entry, not by a folder of the checkout on PATH, not by a link that leads there. So folders
are compared by identity (device and inode) as well as by name. Children look for programs of their own, by any name, so
their PATH also lacks each folder that has a link into the checkout.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from hashlib import file_digest
from pathlib import Path
from typing import Final

from gate.errors import RefusedError
from gate.parse.text import excerpt

_TEMPORARY: Final = "/tmp"  # noqa: S108  # `tempfile.gettempdir` writes a file to find it, and raises where a disk is full
_LINKS: Final = 40  # as many as Linux follows (path_resolution(7))


class SearchPath:
    """The PATH of an environment without what the checkout decides.

    ``text`` is what children get; ``passed_over`` has a sentence for each entry that was left out.
    """

    def __init__(self, environ: Mapping[str, str], *, shut: Iterable[Path] = ()) -> None:
        self._shut = frozenset(_names((*checkouts(environ), *shut)))
        self._resolutions: dict[str, tuple[str, bool]] = {}
        self._has_looped = False  # the walk met more links than Linux follows
        self._folders: list[str] = []
        self._left_out: list[str] = []
        children: list[str] = []
        notes: list[str] = []
        for entry in environ.get("PATH", os.defpath).split(os.pathsep):
            why = self._why_not(entry)
            if why:
                notes.append(f"PATH: {why}")
                self._left_out.append(entry)
                continue
            self._folders.append(entry)
            link = next(self._links_inside(Path(entry)), None)
            if link is None:
                children.append(entry)
            else:
                notes.append(f"PATH: {excerpt(str(link))} is a link into the checkout, so no child gets its folder")
        self.passed_over = tuple(dict.fromkeys(notes))
        self.text = os.pathsep.join(children) or os.defpath  # an empty PATH would mean the working directory

    def find(self, name: str) -> str | None:
        """The absolute path of a program on PATH, or of one that is named by its absolute path; None: there is none.

        Raises `RefusedError` for a relative path, and for what is in the checkout and nowhere else.
        """
        if os.sep in name and not Path(name).is_absolute():
            message = (
                f"the program {excerpt(name)} is named by a relative path: expected a name on PATH or an absolute path"
            )
            raise RefusedError(f"{message}; nothing was done")
        places = [Path(name)] if os.sep in name else [Path(folder) / name for folder in self._folders]
        programs = [place for place in places if _is_program(place)]
        for program in programs:
            if not self.leads_inside(program):
                return str(real_path(program))
        others = [] if os.sep in name else [Path(folder or os.curdir) / name for folder in self._left_out]
        inside = [*programs, *(place for place in others if _is_program(place))]
        if inside:
            message = (
                f"{excerpt(name)} was found only at {excerpt(str(inside[0]))}, where the "
                "checkout, an evidence folder or a "
                "relative PATH entry decides what it is: install it elsewhere, in an absolute folder of PATH"
            )
            raise RefusedError(f"{message}; nothing was done")
        return None

    def leads_inside(self, path: Path) -> bool:
        """Whether a folder on the way to an absolute path, through every link, is shut or is in one that is shut."""
        return self._resolution(str(path))[1]

    def _resolution(self, path: str, links: int = 0) -> tuple[str, bool]:
        """The real path that the kernel gets to after ``links``, and whether it looks into a shut folder on the way.

        Each prefix is walked once: a folder such as /usr/bin has hundreds of links to places that share theirs.
        """
        here, inside, prefix = os.sep, self._is_shut(os.sep), ""
        self._has_looped = self._has_looped and links > 0
        for part in path.split(os.sep):
            if part in ("", os.curdir):
                continue
            prefix = f"{prefix}{os.sep}{part}"
            resolution = self._resolutions.get(prefix)
            if resolution is None:
                resolution = self._step(here, part, links, inside=inside)
                if self._has_looped:  # no program is there; half a walk says nothing of another path
                    return resolution
                self._resolutions[prefix] = resolution
            here, inside = resolution
        return here, inside

    def _step(self, folder: str, part: str, links: int, *, inside: bool) -> tuple[str, bool]:
        """`_resolution` from a real folder on by one part of a path."""
        step = os.path.dirname(folder) if part == os.pardir else os.path.join(folder, part)
        try:
            target = os.readlink(step)
        except OSError:
            return step, inside or self._is_shut(step)
        if links == _LINKS:
            self._has_looped = True
            return folder, inside
        end, target_inside = self._resolution(os.path.join(folder, target), links + 1)
        return end, inside or target_inside

    def _is_shut(self, real: str) -> bool:
        if real in self._shut:
            return True
        try:
            status = os.stat(real)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) in self._shut

    def _links_inside(self, folder: Path) -> Iterator[Path]:
        """The links of a folder that lead to a program inside; none of a folder that can't be listed."""
        try:
            entries = list(os.scandir(folder))
        except OSError:
            return
        for entry in entries:
            if entry.is_symlink() and self._resolution(entry.path)[1] and _is_program(folder / entry.name):
                yield folder / entry.name

    def _why_not(self, entry: str) -> str:
        """Why an entry is passed over; empty where it is not."""
        if not entry:
            return "an empty entry means the working directory"
        if not Path(entry).is_absolute():
            return f"{excerpt(entry)} is relative"
        return (
            f"{excerpt(entry)} leads into the checkout or an evidence folder" if self.leads_inside(Path(entry)) else ""
        )


def checkouts(environ: Mapping[str, str]) -> Iterator[Path]:
    """Folders whose content the change under test decides: the runner's workspace, this folder, its work tree of git.

    A person's home is not one, for it has the person's own programs; nor is a folder like ``/tmp`` by itself.
    """
    workspace = environ.get("GITHUB_WORKSPACE")
    if workspace and Path(workspace).is_absolute():
        yield Path(workspace)
    here = Path.cwd()
    home = _with_parents(environ.get("HOME") or os.sep)
    shared = _with_parents(environ.get("TMPDIR") or _TEMPORARY)
    for folder in (here, *here.parents):
        if folder not in home and ((folder == here and folder not in shared) or (folder / ".git").exists()):
            yield folder


def absolute_entries(path: str) -> str:
    """A PATH without its empty and relative entries, which mean the working directory; never empty itself."""
    return os.pathsep.join(entry for entry in path.split(os.pathsep) if Path(entry).is_absolute()) or os.defpath


def real_path(program: Path) -> Path:
    """A program's path without links, as far as its name stays: ``nix-store`` is a link to ``nix``, and acts by it."""
    real = _real(program.parent) / program.name
    for _ in range(_LINKS):
        try:
            target = real.parent / real.readlink()
        except OSError:
            break
        if target.name != program.name:
            break
        real = _real(target.parent) / target.name
    return real


def digest_of(path: str) -> str | None:
    """sha256, in hex, of the file that a path leads to; None where it can't be read."""
    try:
        with Path(path).open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _names(folders: Iterable[Path]) -> Iterator[str | tuple[int, int]]:
    """What a folder is known by: its name without links and, where it is there, its identity."""
    for folder in folders:
        yield str(_real(folder))
        try:
            status = folder.stat()
        except OSError:
            continue
        yield status.st_dev, status.st_ino


def _with_parents(text: str) -> tuple[Path, ...]:
    folder = _real(Path(text))
    return (folder, *folder.parents)


def _real(path: Path) -> Path:
    """The path without links; unlike `Path.resolve` it raises nothing for links that lead in circles."""
    return Path(os.path.realpath(path))
