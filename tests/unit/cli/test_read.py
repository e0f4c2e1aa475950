"""``read``: what it shows is what the parsers of a run say, escaped."""

import gzip
import io
import itertools
import json
import lzma
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import pytest

from gate import limits
from gate.cli.main import main
from gate.cli.read import Kind, read
from gate.parse.nix_log import parse_nix_log
from gate.parse.push_log import ResultNames, parse_push_log
from gate.parse.server_log import parse_server_log
from tests.helpers.nars import COMPRESS, file_nar, nix32_of
from tests.helpers.systemd_journal import Journal
from tests.unit.observe.nar_reading import narinfo
from tests.unit.parse.test_push_recordings import PUSHES, recorded

ROOT = Path(__file__).parents[3]
WRAPPED = Path(__file__).parents[3] / "fixtures/recordings/wrapped"
ATTIC = ROOT / "fixtures/recordings/attic"
NIX = ROOT / "fixtures/recordings/nix"


def shown(capsys: pytest.CaptureFixture[str], *argv: str, code: int = 0) -> str:
    assert main(["read", *argv]) == code
    return capsys.readouterr().out


def seen(
    capsys: pytest.CaptureFixture[str], kind: Kind, file: object, *, code: int | None = 0, **choices: Any
) -> dict[str, object]:
    assert read(kind, str(file), format="json", **choices) in ((0, 3) if code is None else (code,))
    said: dict[str, object] = json.loads(capsys.readouterr().out)
    return said


@pytest.mark.parametrize("case", PUSHES)
def test_recorded_pushes_are_shown_as_the_parser_reads_them(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    data, plan = recorded(case)
    names = ResultNames()
    names.feed(data)
    assert names.finish() == tuple(plan)
    told = parse_push_log(data, plan)
    nothing: dict[str, object] = {"understood": "nothing"} if case == "cache-create" else {}  # another command's
    assert seen(capsys, "push-log", ATTIC / case / "stderr", code=3 if nothing else 0) == {
        **nothing,
        "announced": asdict(told.announced) if told.announced else None,
        "paths": [
            {
                "store_path": line.store_path,
                "claim": line.claim.value,
                "error": asdict(line.error) if line.error else None,
            }
            for line in told.lines
        ],
        "fatal": asdict(told.fatal) if told.fatal else None,
        "unread_lines": told.unread_lines,
    }


@pytest.mark.parametrize(
    ("case", "exit_code", "codes"),
    [
        ("small-uploaded", 0, []),
        ("nothing", 0, ["push-wrote-nothing"]),
        ("auth-no-token", 1, ["push-unattributed"]),
        ("bucket-lost-mid-push", 1, ["push-failed"]),
        ("bucket-lost-mid-push", 0, ["push-counts-differ"]),
        ("server-down", 0, ["push-counts-differ"]),
    ],
)
def test_an_exit_code_adds_what_follows_from_it(
    case: str, exit_code: int, codes: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said = seen(capsys, "push-log", ATTIC / case / "stderr", exit_code=exit_code)
    assert (said["exit_code"], said["codes"]) == (exit_code, codes)


def test_a_cut_push_log_leaves_paths_unaccounted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = (ATTIC / "small-uploaded/stderr").read_bytes()
    (tmp_path / "log").write_bytes(data[: data.rindex("✅".encode())])
    said = seen(capsys, "push-log", tmp_path / "log", exit_code=0)
    assert said["codes"] == ["push-unaccounted"]


def test_a_forged_success_is_no_claim(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, forged = (letter * 32 + "-x" for letter in "ab")
    text = f"❌ {name}: HTTP 500 x: <html>\n✅ {forged} (1 B/s)\n\x1b[2K::error::\u202e gone\n"
    (tmp_path / "log").write_text(text)
    said = seen(capsys, "push-log", tmp_path / "log")
    assert said["paths"] == [
        {
            "store_path": f"/nix/store/{name}",
            "claim": "failed",
            "error": {"code": "HTTP 500", "message": "x: <html>\n::error::\u202e gone"},
        },
        {"store_path": f"/nix/store/{forged}", "claim": "unaccounted", "error": None},
    ]
    out = shown(capsys, "push-log", str(tmp_path / "log"))
    assert "\\x0a::error::\\u{202e} gone" in out
    assert not any(line.startswith("::") for line in out.split("\n"))


def test_what_comes_by_a_pipe_is_read_twice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    class Piped:
        buffer = Pipe((ATTIC / "small-uploaded/stderr").read_bytes())

    monkeypatch.setattr("sys.stdin", Piped())
    said = seen(capsys, "push-log", "-")
    assert isinstance(said["paths"], list)
    assert len(said["paths"]) == 5


@pytest.fixture(scope="module")
def nix_logs() -> list[bytes]:
    """The first logs of the archive."""
    with lzma.open(NIX / "recordings.tar.xz") as packed, tarfile.open(fileobj=packed) as archive:
        logs = (archive.extractfile(member) for member in archive if member.name.endswith(".stderr"))
        return [log.read() for log in itertools.islice(logs, 90) if log is not None]


def test_recorded_builds_are_shown_as_the_parser_reads_them(
    nix_logs: list[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masked = rows = 0
    for number, data in enumerate(nix_logs):
        exit_code = (None, 0, 1)[number % 3]
        (tmp_path / "log").write_bytes(data)
        ledger = parse_nix_log(data, exit_code=exit_code)
        found = seen(
            capsys, "nix-log", tmp_path / "log", code=0 if ledger.unread_lines == 0 else None, exit_code=exit_code
        )
        found.pop("understood", None)
        assert found == {
            "paths": [{"store_path": row.store_path, "how": row.how, "cause": row.cause} for row in ledger.paths],
            "masked": [{"name": row.name, "cause": row.cause, "certainty": row.certainty} for row in ledger.masked],
            "doubts": [asdict(doubt) for doubt in ledger.doubts],
            "doubt_count": ledger.doubt_count,
            "unread_lines": ledger.unread_lines,
        }
        rows += len(ledger.paths)
        masked += len(ledger.masked)
    assert (len(nix_logs), rows > 50, masked > 10) == (90, True, True), (rows, masked)


def test_a_push_log_out_of_a_job_of_github(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same paths as without its heads and its byte order mark; GitHub's own lines are counted."""
    file = WRAPPED / "github-push.stderr"
    said = seen(capsys, "push-log", file, exit_code=1)
    assert said["lines_behind_heads"] == len(file.read_bytes().splitlines())
    bare = tmp_path / "bare"
    bare.write_bytes(b"".join(line.split(b"Z ", 1)[1] for line in file.read_bytes().splitlines(keepends=True)))
    without = seen(capsys, "push-log", bare, exit_code=1)
    assert {**without, "lines_behind_heads": said["lines_behind_heads"]} == said
    claims = [path["claim"] for path in cast("list[dict[str, Any]]", said["paths"])]
    assert (len(claims), claims.count("uploaded"), said["codes"]) == (5, 2, ["push-failed"])
    assert shown(capsys, "push-log", str(file)).startswith("unread_lines: ")


INCIDENT = (ATTIC / "bucket-lost-mid-push/stderr").read_bytes()
JOB_TIME = b"2026-09-07T12:06:00.1234567Z "
GITLAB_START = b"\x1b[0KRunning with gitlab-runner 17.5.0 (abc)\x1b[0;m\nsection_start:17:step_script\r\x1b[0K"


def each_behind(head: bytes) -> bytes:
    return b"".join(head + line for line in INCIDENT.splitlines(keepends=True))


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def journal_of_the_incident(folder: Path, form: str) -> bytes:
    """What the real journalctl prints of a journal that the real systemd-journal-remote wrote."""
    folder.mkdir()
    Journal(folder).write(*INCIDENT.decode().splitlines(), _HOSTNAME="mini", SYSLOG_IDENTIFIER="push")
    argv = ["journalctl", f"--directory={folder}", f"--output={form}", "--no-pager"]
    return subprocess.run(argv, check=True, capture_output=True).stdout


PASTED: dict[str, tuple[bytes, int]] = {
    "GitHub": (b"\xef\xbb\xbf" + JOB_TIME + b"##[group]Run attic push\n" + each_behind(JOB_TIME), 1),
    "gh run view": (each_behind(b"push / cache\tRun it\t\xef\xbb\xbf" + JOB_TIME), 0),
    "GitLab": (GITLAB_START + b"\n" + each_behind(b""), 1),
    "GitLab with times": (each_behind(b"2026-09-07T12:06:00.123456Z 01E "), 0),
    "gzip": (gzip.compress(INCIDENT), 0),
    "gzip of GitHub": (gzip.compress(each_behind(JOB_TIME)), 0),
    "zip of GitHub": (
        zipped(**{"0_push (x).txt": each_behind(JOB_TIME), "push (x)/2_Run it.txt": each_behind(JOB_TIME)}),
        0,
    ),
    "syslog": (each_behind(b"Feb 03 19:30:32 mini push[7]: "), 0),
    "journalctl -o export": (b"", 0),
    "journalctl -o json": (b"", 0),
    "journalctl -o short-iso": (b"", 0),
}


@pytest.mark.parametrize("form", PASTED)
def test_the_incident_is_the_same_however_its_log_is_pasted(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, foreign = PASTED[form]
    if form.startswith("journalctl"):
        data = journal_of_the_incident(tmp_path / "journal", form.rpartition(" ")[2])
    (tmp_path / "log").write_bytes(data)
    said = seen(capsys, "push-log", tmp_path / "log", exit_code=1)
    bare = seen(capsys, "push-log", ATTIC / "bucket-lost-mid-push/stderr", exit_code=1)
    assert len(cast("list[object]", said["paths"])) == 22
    assert cast("int", said["unread_lines"]) - cast("int", bare["unread_lines"]) == foreign
    assert ("packing" in said) == ("zip" in form)
    assert [said[name] for name in ("announced", "paths", "fatal", "codes")] == [
        bare[name] for name in ("announced", "paths", "fatal", "codes")
    ]
    assert shown(capsys, "push-log", str(tmp_path / "log")).startswith("unread_lines: ")


def test_a_journal_of_a_server_is_read_as_its_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Colors make journald write a message as bytes."""
    (tmp_path / "journal").mkdir()
    Journal(tmp_path / "journal").write(
        "\x1b[31m2026-11-23T23:00:42Z ERROR a::b: x\x1b[0m", "2026-11-23T23:00:42Z  INFO a: y"
    )
    argv = ["journalctl", f"--directory={tmp_path / 'journal'}", "--output=export"]
    export = subprocess.run(argv, check=True, capture_output=True).stdout
    (tmp_path / "log").write_bytes(gzip.compress(export))
    said = seen(capsys, "server-log", tmp_path / "log")
    assert (said["event_count"], said["unread_lines"], said["packing"]) == (2, 0, "gzip")


@pytest.mark.parametrize("kept", [30, 400, -1])
def test_a_gzip_that_is_cut_shows_what_it_has_and_is_no_success(
    kept: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log").write_bytes(gzip.compress(INCIDENT)[:kept])
    said = seen(capsys, "push-log", tmp_path / "log", code=3)
    assert "the gzip is damaged or cut" in str(said["incomplete"])
    assert len(cast("list[object]", said["paths"])) == 22 or kept > 0


def test_bytes_behind_a_gzip_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log").write_bytes(gzip.compress(INCIDENT) + b"more")
    assert "Not a gzipped file" in str(seen(capsys, "push-log", tmp_path / "log", code=3)["incomplete"])


def test_a_zip_of_several_logs_needs_a_choice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log").write_bytes(zipped(**{"0_a.txt": b"x\n", "1_\x1b[31mb.txt": INCIDENT}))
    assert main(["read", "push-log", str(tmp_path / "log")]) == 2
    error = capsys.readouterr().err
    assert "the zip has 2 logs, and one is expected: give --member with one of '0_a.txt', '1_\\x1b[31mb.txt'" in error
    assert (
        len(cast("list[object]", seen(capsys, "push-log", tmp_path / "log", member="1_\x1b[31mb.txt")["paths"])) == 22
    )
    assert main(["read", "push-log", str(tmp_path / "log"), "--member", "none"]) == 2
    assert "0 members of that name" in capsys.readouterr().err


def test_zips_and_choices_that_can_not_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = zipped(**{"0_a.txt": INCIDENT})
    log = str(tmp_path / "log")

    def refusal(data: bytes, *more: str, kind: str = "push-log") -> str:
        (tmp_path / "log").write_bytes(data)
        assert main(["read", kind, log, *more]) == 2
        return capsys.readouterr().err

    assert "the zip can't be read" in refusal(packed[:-9])
    assert "the zip can't be read" in refusal(packed.replace(b"\x08\x00", b"\x63\x00"))
    assert "nothing: it is empty" in refusal(b"PK\x03\x04" + zipped())
    assert "the file is no zip" in refusal(b"x", "--member", "a")
    assert "--member is for logs" in refusal(b"x", "--member", "a", kind="narinfo")
    (tmp_path / "log").write_bytes(
        packed.replace(INCIDENT[:9], b"?") if INCIDENT[:9] in packed else packed[:60] + b"\xff" + packed[61:]
    )
    assert "is damaged or cut" in str(seen(capsys, "push-log", log, code=3)["incomplete"])
    monkeypatch.setattr(limits, "LOG_ZIP_DIRECTORY_BYTES", 9)
    assert "the zip has too many members" in refusal(packed)
    monkeypatch.setattr(limits, "LOG_UNPACKED_BYTES", 99)
    assert "unpacks to more than 99 bytes" in refusal(gzip.compress(INCIDENT))


@pytest.mark.parametrize("kind", ["push-log", "nix-log"])
@pytest.mark.parametrize("data", [gzip.compress(INCIDENT), zipped(a=INCIDENT), b"ab", INCIDENT])
def test_packed_logs_come_by_a_pipe(kind: Kind, data: bytes, tmp_path: Path) -> None:
    """The same answer as from the file."""
    (tmp_path / "log").write_bytes(data)
    answers = []
    for file, stdin in ((str(tmp_path / "log"), b""), ("-", data)):
        argv = [sys.executable, "-m", "gate", "read", kind, file, "--format", "json"]
        answers.append(subprocess.run(argv, input=stdin, cwd=ROOT, capture_output=True, check=False).stdout)
    assert answers[0] == answers[1] != b""


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("push-log", b"12:06:04 \xe2\x9c\x85 5x9nmn51cszisf3gr829z2yq8y4hrnaa-beta-1.0 (1.20 MiB/s)\n"),
        ("server-log", b"severity=error ERROR a::b: x\n"),
        ("server-log", "2026-11-23T23:00:42Z ERROR a::b: x\n".encode("utf-16")),
        ("nix-log", b"12:06:04 | copying path\n"),
    ],
)
def test_a_log_of_which_nothing_is_understood_is_no_success(
    kind: Kind, text: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log").write_bytes(text)
    out = shown(capsys, kind, str(tmp_path / "log"), code=3)
    assert out.startswith("unread_lines: ")
    assert "understood: nothing" in out
    (tmp_path / "log").write_bytes(b"")
    assert "understood" not in shown(capsys, kind, str(tmp_path / "log"))


def test_a_line_of_a_server_log_that_is_not_understood_is_shown_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log").write_bytes(b"2026-11-23T23:00:42Z ERROR a::b: x\n\x1b[31m::error::what\n")
    assert shown(capsys, "server-log", str(tmp_path / "log")).startswith(
        "unread_lines: 1\nfirst_unread: '::error::what'\nevents: 1\n"
    )


def test_server_logs(capsys: pytest.CaptureFixture[str]) -> None:
    file = ATTIC / "s3-down/atticd.log"
    events = parse_server_log(file.read_bytes())
    said = seen(capsys, "server-log", file)
    assert said["events"] == [asdict(event) for event in events]
    assert (said["event_count"], said["unread_lines"]) == (2, 0)
    assert "ERROR" in shown(capsys, "server-log", str(file))


def test_narinfos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "good").write_bytes(narinfo().replace(b"References: ", b"References: " + b"0" * 32 + b"-x"))
    said = seen(capsys, "narinfo", tmp_path / "good")
    assert (said["compression"], said["references"]) == ("zstd", [f"/nix/store/{'0' * 32}-x"])
    (tmp_path / "cut").write_bytes(narinfo()[:-1])
    assert shown(capsys, "narinfo", str(tmp_path / "cut"), code=3) == ""
    (tmp_path / "long").write_bytes(b"x" * (limits.NARINFO_BYTES + 9))
    assert main(["read", "narinfo", str(tmp_path / "long")]) == 3
    assert f"has {limits.NARINFO_BYTES + 1} bytes" in capsys.readouterr().err


NAR = file_nar(b"content" * 1000)


@pytest.mark.parametrize("codec", sorted(COMPRESS))
def test_nars_of_every_codec(codec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = COMPRESS[codec](NAR)
    (tmp_path / "nar").write_bytes(data)
    declared = "br" if codec == "br" else None
    said = seen(capsys, "nar", tmp_path / "nar", codec=declared)
    assert said == {
        "codec": codec,
        "sniffed": None if codec == "br" else codec,
        "bytes": len(data),
        "nar_size": len(NAR),
        "nar_hash": f"sha256:{nix32_of(NAR)}",
        "whole": True,
        "clean_end": True,
        "well_formed": True,
        "overrun": False,
        "error": None,
    }
    (tmp_path / "nar").write_bytes(data[:-1])
    assert seen(capsys, "nar", tmp_path / "nar", codec=declared)["whole"] is False


def test_a_nar_is_read_no_further_than_its_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nar").write_bytes(NAR + bytes(limits.READ_CHUNK_BYTES * 3))
    said = seen(capsys, "nar", tmp_path / "nar", nar_size=len(NAR))
    assert (said["whole"], said["overrun"], said["nar_size"]) == (False, True, len(NAR) + 1)
    assert said["bytes"] == limits.READ_CHUNK_BYTES


def test_too_much_and_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LOG_FILE_BYTES", 3)
    (tmp_path / "log").write_bytes(b"four")
    assert main(["read", "nix-log", str(tmp_path / "log")]) == 2
    assert "more than 3 bytes" in capsys.readouterr().err
    assert main(["read", "nix-log", str(tmp_path / "none")]) == 2
    assert "can't be read (No such file or directory)" in capsys.readouterr().err
    assert main(["read", "poem", str(tmp_path / "log")]) == 2


def test_many_rows_are_cut_in_the_text_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log").write_text("".join(f"✅ {number:032d}-x (1 B/s)\n" for number in range(1001)))
    assert "  and 1 more; --format json has them all" in shown(capsys, "push-log", str(tmp_path / "log"))
    paths = seen(capsys, "push-log", tmp_path / "log")["paths"]
    assert isinstance(paths, list)
    assert len(paths) == 1001


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!DOCTYPE html><html>sign in</html>", "it is a page"),
        (b'\n {"code":404,"error":"NoSuchObject"}', "it is a page"),
        (b"<?xml version='1.0'?><Error/>", "it is a page"),
        (b"\x0b\x02\x80", "give --codec"),
        (b"", "give --codec"),
    ],
)
def test_a_page_in_the_place_of_a_nar_is_called_one(
    body: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nar").write_bytes(body)
    assert main(["read", "nar", str(tmp_path / "nar")]) != 0
    assert words in capsys.readouterr().err
