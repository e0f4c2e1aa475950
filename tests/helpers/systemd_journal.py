"""Journal files as the real systemd-journal-remote writes them, and a systemctl that prints in systemctl's form."""

import itertools
import subprocess
from collections.abc import Mapping
from pathlib import Path

UNIT = "atticd.service"
INVOCATION = "0639ff4e3ad04a2b9b7bdb5e54d4a2ad"
_REMOTE = Path("/lib/systemd/systemd-journal-remote")
_BOOT = "4a1b2c3d4e5f60718293a4b5c6d7e8f9"


class Journal:
    """A folder of journal files; the export format is the one of https://systemd.io/JOURNAL_EXPORT_FORMATS."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count(1)

    def write(self, *messages: str, unit: str = UNIT, **fields: str) -> None:
        """Append entries, one second apart."""
        entries = b"".join(self._entry(message, unit, fields) for message in messages)
        argv = [str(_REMOTE), f"--output={self.folder}/remote.journal", "-"]
        subprocess.run(argv, input=entries, check=True, capture_output=True)

    def _entry(self, message: str, unit: str, fields: Mapping[str, str]) -> bytes:
        number = next(self._numbers)
        rows = {
            "__REALTIME_TIMESTAMP": str(1764570000000000 + number * 1_000_000),
            "__MONOTONIC_TIMESTAMP": str(number * 1000),
            "_BOOT_ID": _BOOT,
            "_SYSTEMD_UNIT": unit,
            "_PID": "77",
            **fields,
        }
        text = message.encode()
        head = "".join(f"{name}={value}\n" for name, value in rows.items()).encode()
        return head + b"MESSAGE\n" + len(text).to_bytes(8, "little") + text + b"\n\n"


def systemctl(folder: Path, *, exit_code: int = 0, main_pid: object = 0, **properties: object) -> Path:
    """A program ``bin/systemctl`` in the folder that prints a unit as ``systemctl show`` of systemd 252 does."""
    values = {
        "MainPID": main_pid,
        "NRestarts": 0,
        "ExecStart": "{ path=/usr/bin/atticd ; argv[]=/usr/bin/atticd --token secret ; ignore_errors=no ; pid=7 }",
        "LoadState": "loaded",
        "ActiveState": "active",
        "SubState": "running",
        "InvocationID": INVOCATION,
        **properties,
    }
    lines = "".join(f"{name}={text}\n" for name, text in values.items() if text is not None)
    program = folder / "bin" / "systemctl"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{lines}END\nexit {exit_code}\n", encoding="utf-8")
    program.chmod(0o755)
    return program
