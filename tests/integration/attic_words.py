"""What a run showed, recorded or live, and the one form in which two runs are compared."""

import re
from dataclasses import dataclass
from pathlib import Path

RECORDINGS = Path(__file__).parents[2] / "fixtures" / "recordings" / "attic"


@dataclass(frozen=True)
class DirectoryLook:
    """What one run of a program, or one fetch, showed; a fetch has ``head`` and ``body``."""

    exit: int
    log: str = ""
    stdout: str = ""
    stderr: str = ""
    head: str = ""
    body: bytes = b""


def recorded(name: str) -> DirectoryLook:
    """Read one folder of recordings; ``log`` is empty where no log was kept."""
    folder = RECORDINGS / name

    def text(file: str) -> str:
        path = folder / file
        return path.read_bytes().decode() if path.exists() else ""

    return DirectoryLook(
        exit=int(text("exit") or 0),
        log=text("atticd.log"),
        stdout=text("stdout"),
        stderr=text("stderr"),
        head=text("headers"),
        body=(folder / "body").read_bytes() if (folder / "body").exists() else b"",
    )


def output_form(text: str) -> list[str]:
    """Return the client's lines without hashes, speeds and ports; runs of uploads are put in order."""
    text = re.sub(r"\b[0-9a-z]{32}-", "HASH-", text)
    text = re.sub(r"\(\d+(\.\d+)? ([KMG]i)?B/s", "(SPEED", text)
    text = re.sub(r"\d+\.\d% deduplicated", "SHARE deduplicated", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "HOST", text)
    lines = text.partition("\n\nStack backtrace:")[0].rstrip("\n").split("\n")
    ticks = [line for line in lines if line[0:1] in {"✅", "❌"}]
    return [line for line in lines if line not in ticks] + sorted(re.sub("HASH-[^ :]*", "NAME", line) for line in ticks)


def log_form(text: str) -> list[str]:
    """Return the log's records without times and numbers."""
    text = re.sub(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z ", "TIME ", text, flags=re.MULTILINE)
    text = re.sub(r"task\.id=\d+", "task.id=N", text)
    text = re.sub(r"latency=\d+ ms", "latency=N ms", text)
    text = re.sub(r'((aws|s3_extended)_request_id: "\w+=*"(, )?){2}', "REQUEST IDS", text)
    return [record for record in re.split(r"^(?=TIME )", text, flags=re.MULTILINE) if record]


def head_form(text: str) -> list[str]:
    """Return the server's own heads without times, ports and secrets; what S3 says after a redirect is S3's."""
    first, *rest = re.split(r"\r?\n\r?\n", text.strip())
    first = re.sub(r"(?m)^date: .*", "date: TIME", first.replace("\r", ""))
    first = re.sub(r"127\.0\.0\.1:\d+", "HOST", first)
    first = re.sub(r"[0-9a-f-]{36}\.chunk", "UUID.chunk", first)
    first = re.sub(r"(X-Amz-(Credential|Date|Signature))=[^&%\n]*(%2F\d{8})?", r"\1=VALUE", first)
    first = re.sub(r"content-length: \d+", "content-length: N", first)
    return [first, *(head.partition("\n")[0].strip() for head in rest)]


def body_form(body: bytes) -> str:
    """Return a text body without what differs between any two runs."""
    text = body.decode()
    text = re.sub(r"127\.0\.0\.1:\d+", "HOST", text)
    text = re.sub(r"[0-9a-z]{32}(?=[.-])", "HASH", text)
    text = re.sub(r"(HASH-)\S+", r"\1NAME", text)
    text = re.sub(r"main:[\w+/]+=*", "main:KEY", text)
    text = re.sub(r"(sha256|fixed:r:sha256):\w+", r"\1:DIGEST", text)
    return re.sub(r"(NarSize:) \d+", r"\1 N", text)
