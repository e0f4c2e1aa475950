"""A run while act runs it: its pushes, held, and the processes of its steps."""

from pathlib import Path
from typing import Self


class Held:
    """While inside, every push of the Attic client waits at its start, unless it is let go before."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __enter__(self) -> Self:
        self._mark.touch()
        return self

    def __exit__(self, *_error: object) -> None:
        self.let_go()

    def let_go(self) -> None:
        self._mark.unlink(missing_ok=True)


def probes(*marks: str) -> list[tuple[int, Path]]:
    """Number and evidence folder of each run step whose environment has these lines."""
    result = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            argv = (entry / "cmdline").read_bytes().split(b"\0")
            environ = (entry / "environ").read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        places = [line.partition("=")[2] for line in environ if line.startswith("GATE_ACTION_EVIDENCE=")]
        if argv[1:5] == [b"-I", b"-m", b"gate", b"action-run"] and set(marks) <= set(environ) and places:
            result.append((int(entry.name), Path(places[0])))
    return result
