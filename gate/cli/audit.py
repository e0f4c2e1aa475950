"""``audit``: which paths of a whole cache still come back, on one machine or on many."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from gate import limits
from gate.cli.exit_codes import footer
from gate.cli.flags import COMMON, AsFormat, Config, JsonInto
from gate.cli.outcome import RESULT_SCHEMA, Outcome, report
from gate.errors import InconclusiveError, RefusedError

if TYPE_CHECKING:
    from gate.audit.shard import ShardWork
    from gate.audit.status import ShardStatus
    from gate.clock import Clock
    from gate.model.audit import AuditDocument, AuditPlan, ServicePath, ServiceRow, ShardDocument
    from gate.observe.chunk_objects import ChunkReader
    from gate.process import CancelToken

audit = App(
    name="audit",
    help="Audit a whole cache: which of its paths still come back? plan, run, status, merge, recheck.",
    default_parameter=COMMON,
)

Plan = Annotated[Path, Parameter(help="The folder that audit plan wrote.")]
Database = Annotated[
    str,
    Parameter(
        help="Attic's database, read-only: postgresql://USER@HOST/NAME (password by PGPASSFILE), or sqlite:///PATH "
        "[env: GATE_AUDIT_DATABASE].",
        env_var="GATE_AUDIT_DATABASE",
    ),
]
Shards = Annotated[Path, Parameter(help="Shard folders, or folders of them.")]
_STORE = (
    *("s3_endpoint", "s3_region", "addressing", "s3_access_key_id", "s3_secret_access_key", "s3_session_token"),
    *("hosts", "plain_http_hosts", "markers", "attic_server"),
)
_KEYS = ("s3_endpoint", "s3_access_key_id", "s3_secret_access_key")
_LOCAL_ATTEMPTS = 3  # of a process of the local pool that did not complete its shards
_PROGRESS_SECONDS = 10.0


@audit.command(help_epilogue=footer("audit plan"))
def plan(
    *,
    database: Database,
    output: Annotated[Path, Parameter(help="A new folder for the plan.")],
    cache: Annotated[tuple[str, ...], Parameter(help="A cache to audit; may be repeated (default: all).")] = (),
    level: Annotated[Literal[0, 2], Parameter(help="0: claims only; 2: each chunk's bytes.", show_default=True)] = 2,
    looks: Annotated[
        str, Parameter(help="Sizes at which a bound is stated, in paths: `3000,all`, `3000`.", show_default=True)
    ] = "all",
    confidence: Annotated[float, Parameter(help="Of all samples' bounds together.", show_default=True)] = 0.95,
    shards: Annotated[int | None, Parameter(help="Shards of each look (default: of 250,000 chunks).")] = None,
    rate: Annotated[float, Parameter(help="Requests a second, over all shards.", show_default=True)] = 2000.0,
    bandwidth: Annotated[float, Parameter(help="Bytes a second, over all shards; 0: no limit.", show_default=True)] = 0,
    workers: Annotated[
        int | None, Parameter(help="Shards that run at the same time, of all machines (default: this machine's cores).")
    ] = None,
    service_paths: Annotated[
        int, Parameter(help="Paths to read through Attic as Nix does; this sets last_accessed_at.", show_default=True)
    ] = limits.AUDIT_SERVICE_PATHS,
    endpoint: Annotated[str | None, Parameter(help="URL of the S3 server [gate.toml: [store] s3-endpoint].")] = None,
    server: Annotated[str | None, Parameter(help="The Attic server [env: GATE_ATTIC_SERVER].")] = None,
    config: Config = None,
    format: AsFormat = "text",
    json_into: JsonInto = None,
) -> int:
    """Read the database's claims, seal a seed, and cut the work into shards; the store is not asked."""

    def make() -> Outcome:
        from gate.audit.plan import PlanRequest, write_plan
        from gate.audit.shard import shard_count
        from gate.clock import SystemClock
        from gate.observe.attic_db import open_database
        from gate.render.audit import plan_text

        settings = _settings(config, {"s3_endpoint": endpoint, "attic_server": server}, needed=("s3_endpoint",))
        if not 0 < confidence < 1 or rate <= 0 or bandwidth < 0 or (shards or 1) < 1 or service_paths < 0:
            raise RefusedError("--confidence is to be between 0 and 1, and --rate, --shards over 0")
        request = PlanRequest(
            s3_endpoint=settings["s3_endpoint"].rstrip("/"),
            attic_server=settings["attic_server"].rstrip("/"),
            caches=cache,
            level=level,
            looks=_looks(looks),
            confidence=confidence,
            shards=shards,
            rate=rate,
            bandwidth=bandwidth,
            workers=workers or os.cpu_count() or 1,
            service_paths=service_paths if settings["attic_server"] and level else 0,
        )
        with open_database(database) as source:
            sealed, plan_id = write_plan(output, source, request, SystemClock())
        text = plan_text(sealed, plan_id, str(output), shard_count(sealed))
        return Outcome(
            exit_code=0,
            text=text,
            data={
                "schema": RESULT_SCHEMA,
                "plan": str(output),
                "plan_id": plan_id,
                "shards": shard_count(sealed),
                "error": None,
            },
        )

    return report(make, format=format, json_into=json_into)


@audit.command(help_epilogue=footer("audit run"))
def run(
    *,
    plan: Plan,
    output: Annotated[Path, Parameter(help="Folder of the shard folders; earlier attempts there are taken over.")],
    shard: Annotated[
        str,
        Parameter(
            help="N, A-B, K/OF, all, or auto: of GATE_AUDIT_SHARD, JOB_COMPLETION_INDEX, SLURM_ARRAY_TASK_ID, "
            "NOMAD_ALLOC_INDEX or AWS_BATCH_JOB_ARRAY_INDEX, else all.",
            show_default=True,
        ),
    ] = "auto",
    processes: Annotated[int | None, Parameter(help="Processes on this machine (default: all cores).")] = None,
    workers: Annotated[
        int | None, Parameter(help="Shards that run at the same time, of all machines (default: the plan's).")
    ] = None,
    config: Config = None,
    format: AsFormat = "text",
    json_into: JsonInto = None,
) -> int:
    """Read shards of a plan: one process and one sealed folder each; without --shard, all of them on all cores.

    0 when the shards are complete, whatever was found; the verdict is merge's.
    """

    def make() -> Outcome:
        from socket import gethostname

        from gate.audit.folder import load_plan
        from gate.audit.shard import ShardWork, chosen_shards, shard_count

        sealed, plan_id = load_plan(plan)
        numbers = chosen_shards(shard, os.environ, shard_count(sealed))
        count = min(processes or os.cpu_count() or 1, len(numbers))
        is_alone = len(numbers) == shard_count(sealed)  # then the whole rate is this machine's
        if count > 1 and is_alone:
            return _run_pool(plan, output, count, config)
        work = ShardWork(plan=sealed, plan_id=plan_id, directory=plan, output=output, host=gethostname())
        return _run_shards(work, numbers, workers=workers or (1 if is_alone else sealed.workers), config=config)

    return report(make, format=format, json_into=json_into)


@audit.command(help_epilogue=footer("audit status"))
def status(
    *folders: Shards,
    plan: Plan,
    format: AsFormat = "text",
    json_into: JsonInto = None,
) -> int:
    """Say how far the shards are, also while they run; it asks nobody."""

    def make() -> Outcome:
        from gate.audit.folder import load_plan
        from gate.audit.status import plan_status, status_text

        sealed, plan_id = load_plan(plan)
        rows = plan_status(sealed, plan_id, _needed(folders))
        return Outcome(
            exit_code=0,
            text=status_text(rows, str(plan)),
            data={"schema": RESULT_SCHEMA, "plan_id": plan_id, "shards": [row.__dict__ for row in rows], "error": None},
        )

    return report(make, format=format, json_into=json_into)


@audit.command(help_epilogue=footer("audit merge"))
def merge(
    *folders: Shards,
    plan: Plan,
    output: Annotated[Path, Parameter(help="A new folder for the audit.")],
    format: AsFormat = "text",
    json_into: JsonInto = None,
) -> int:
    """Join the shards, in any order, into one audit with a verdict; it asks nobody."""

    def make() -> Outcome:
        from gate.audit.folder import load_plan
        from gate.audit.merge import merge
        from gate.audit.shard import shard_count
        from gate.clock import SystemClock

        sealed, plan_id = load_plan(plan)
        return _write_audit(
            merge(plan, sealed, plan_id, _needed(folders) if shard_count(sealed) else (), SystemClock()), output
        )

    return report(make, format=format, json_into=json_into)


@audit.command(help_epilogue=footer("audit recheck"))
def recheck(
    *,
    audit: Annotated[Path, Parameter(help="The folder that audit merge wrote.")],
    plan: Plan,
    database: Database,
    output: Annotated[Path, Parameter(help="A new folder for the settled audit.")],
    markers: Annotated[
        list[str] | None,
        Parameter(help="file:///DRIVE, one for each drive of the store [gate.toml: [store] markers]."),
    ] = None,
    config: Config = None,
    format: AsFormat = "text",
    json_into: JsonInto = None,
) -> int:
    """Ask store, database and drives about what failed: lost, corrupt, hidden by the index or collected."""

    def make() -> Outcome:
        from gate.audit.folder import load_audit, load_plan
        from gate.audit.merge import refined
        from gate.audit.merge import sealed as seal
        from gate.audit.recheck import recheck
        from gate.clock import SystemClock
        from gate.observe.attic_db import open_database

        document = load_audit(audit)
        sealed, plan_id = load_plan(plan)
        if document.result.plan_id != plan_id:
            raise RefusedError(f"{audit} is an audit of another plan: give the plan that it was made of")
        settings = _settings(config, {"markers": markers}, needed=_KEYS)
        clock = SystemClock()
        with open_database(database) as source, _reader(sealed, settings, 1, clock) as reader:
            if source.kind != sealed.source.kind:
                raise RefusedError(
                    f"the plan was made of {sealed.source.kind}, and this is {source.kind}: give the same"
                )
            rows = recheck(
                plan, sealed, document.result, reader=reader, database=source, drives=settings["markers"] or ()
            )
        return _write_audit(seal(refined(document.result, sealed, rows), document.shards, clock), output)

    return report(make, format=format, json_into=json_into)


def _needed(folders: Sequence[Path]) -> Sequence[Path]:
    if not folders:
        raise RefusedError("no shard folder is given: give those that audit run wrote")
    return folders


def _looks(text: str) -> tuple[int | None, ...]:
    """The sizes of samples, rising, and None for ``all``, which can only be the last."""
    words = [word.strip() for word in text.split(",")]
    sizes = [int(word) for word in words if word.isdecimal() and int(word) > 0]
    has_census = words[-1] == "all"
    if len(sizes) + has_census != len(words) or sizes != sorted(set(sizes)):
        raise RefusedError(f"--looks is {ascii(text)[:80]}: expected rising numbers of paths, and `all` at the end")
    return (*sizes, *([None] if has_census else []))


def _settings(config: Path | None, flags: Mapping[str, Any], needed: Sequence[str]) -> dict[str, Any]:
    from gate.cli.probe import read_config, read_secret_file
    from gate.settings import resolve_named

    flags = {name: flag for name, flag in flags.items() if flag is not None}
    return resolve_named(
        _STORE, needed=needed, toml=read_config(config), environ=os.environ, flags=flags, read_file=read_secret_file
    )


@contextmanager
def _reader(
    sealed: "AuditPlan", settings: Mapping[str, Any], workers: int, clock: "Clock", cancel: "CancelToken | None" = None
) -> "Iterator[ChunkReader]":
    """What reads chunks from the plan's own store; `RefusedError` when the settings name another."""
    from urllib.parse import urlsplit

    from gate.net import HostList
    from gate.observe.chunk_objects import ChunkReader, ChunkSource
    from gate.observe.request_rate import RateLimit
    from gate.parse.addresses import is_loopback
    from gate.process import CancelToken, keep_memory_private

    endpoint = settings["s3_endpoint"].rstrip("/")
    if endpoint != sealed.s3_endpoint:
        raise RefusedError(
            f"the plan is of the store {sealed.s3_endpoint}, and the settings name another: give that one"
        )
    keep_memory_private()
    host = urlsplit(endpoint).netloc
    virtual_host = settings["addressing"] == "virtual-host"
    plain = (host, *settings["plain_http_hosts"]) if is_loopback(endpoint) else settings["plain_http_hosts"]
    store = ChunkSource(
        endpoint=endpoint,
        access_key_id=settings["s3_access_key_id"],
        secret_access_key=settings["s3_secret_access_key"],
        session_token=settings["s3_session_token"],
        hosts=HostList((host, *settings["hosts"]), plain, below=host if virtual_host else ""),
        places=sealed.places,
        is_virtual_host=virtual_host,
    )
    rate = RateLimit(sealed.rate / workers, sealed.bandwidth / workers, clock)
    with ChunkReader(store, rate, clock=clock, cancel=cancel or CancelToken()) as reader:
        yield reader


def _run_shards(work: "ShardWork", numbers: Sequence[int], *, workers: int, config: Path | None) -> Outcome:
    """Read these shards one after the other, in this process."""
    from gate.audit.shard import run_chunk_shard, run_service_shard, service_shard
    from gate.cli.progress import command_console

    sealed = work.plan
    documents: list[ShardDocument] = []
    with command_console() as console:
        clock, cancel, lines = console.clock, console.cancel, console.progress
        chunk_numbers = [number for number in numbers if number != service_shard(sealed)]
        if chunk_numbers:
            settings = _settings(config, {}, needed=_KEYS)
            with _reader(sealed, settings, workers, clock, cancel) as reader:
                for number in chunk_numbers:
                    lines.stage(f"shard {number}: {sealed.shards[number].rows} chunks")
                    progress = _progress(lines.note, clock, sealed.shards[number].rows)
                    documents.append(run_chunk_shard(work, number, reader, clock, progress))
                    if not documents[-1].is_complete:
                        break
        is_stopped = bool(documents) and not documents[-1].is_complete
        if service_shard(sealed) in numbers and not is_stopped:
            lines.stage(f"shard {service_shard(sealed)}: {len(sealed.service)} paths as Nix reads them")
            documents.append(
                run_service_shard(
                    work, lambda paths: _read_service(paths, sealed.attic_server, config, clock, cancel), clock
                )
            )
    return _shards_outcome(documents, len(numbers), work.output)


def _progress(note: Callable[[str], None], clock: "Clock", total: int) -> Callable[[int], None]:
    """A line at most every ten seconds."""
    state = {"done": 0, "at": clock.monotonic()}

    def tell(count: int) -> None:
        state["done"] += count
        if clock.monotonic() - state["at"] >= _PROGRESS_SECONDS:
            state["at"] = clock.monotonic()
            note(f"{state['done']} of {total} chunks")

    return tell


def _shards_outcome(
    rows: "Sequence[ShardDocument | ShardStatus]", total: int, output: Path, text: str | None = None
) -> Outcome:
    """Where each of ``total`` shards is; ``text`` instead of a sentence for each that stopped."""
    stopped = {str(row.shard): row.stopped for row in rows if not row.is_complete}
    if text is None:
        text = "".join(f"shard {shard} is not complete: {reason}\n" for shard, reason in stopped.items())
        text += f"{len(rows) - len(stopped)} of {total} shards are complete in {output}\n"
    return Outcome(
        exit_code=0 if len(rows) == total and not stopped else InconclusiveError.exit_code,
        text=text,
        data={
            "schema": RESULT_SCHEMA,
            "output": str(output),
            "complete": [row.shard for row in rows if row.is_complete],
            "stopped": stopped,
            "error": None,
        },
    )


def _read_service(
    paths: "Sequence[ServicePath]", server: str, config: Path | None, clock: "Clock", cancel: "CancelToken"
) -> "list[ServiceRow]":
    """Read the sampled paths as Nix reads them, cache by cache."""
    from gate.cli.integrity import open_cache
    from gate.model.audit import ServiceRow
    from gate.probe.integrity import Local, check_paths, plan_reads

    rows: list[ServiceRow] = []
    for name in dict.fromkeys(path.cache for path in paths):
        cache, jobs, deadline = open_cache(server, name, config, clock, cancel)
        requests = plan_reads([path.store_path for path in paths if path.cache == name], Local(facts={}), (), ())
        reads = check_paths(requests, cache=cache, jobs=jobs, deadline_seconds=deadline, cancel=cancel, clock=clock)
        rows.extend(
            ServiceRow(cache=name, store_path=row.store_path, status=row.status.value, code=row.code) for row in reads
        )
    return sorted(rows, key=lambda row: (row.cache, row.store_path))


@dataclass
class _PoolProcess:
    """One process of the local pool: which shards, how often it was started, and how it ended."""

    argv: tuple[str, ...]
    exit_code: int = InconclusiveError.exit_code
    last_line: str = ""


def _run_pool(directory: Path, output: Path, count: int, config: Path | None) -> Outcome:
    """All shards, each process with every count-th; one that dies or stops is started again, and goes on."""
    from concurrent.futures import ThreadPoolExecutor

    from gate.audit.folder import load_plan
    from gate.audit.status import plan_status, status_text
    from gate.cli.progress import command_console

    sealed, plan_id = load_plan(directory)
    output.mkdir(parents=True, exist_ok=True, mode=0o700)
    jobs = [
        _PoolProcess(
            argv=(
                *(sys.executable, "-m", "gate", "audit", "run", "--plan", str(directory), "--output", str(output)),
                *("--shard", f"{number}/{count}", "--processes", "1", "--workers", str(count)),
                *(("--config", str(config)) if config else ()),
            )
        )
        for number in range(count)
    ]
    with command_console() as console, ThreadPoolExecutor(max_workers=count) as pool:
        console.progress.stage(f"{count} processes")
        for future in [pool.submit(_run_process, job, console.clock, console.cancel) for job in jobs]:
            future.result()
    refused = [job.last_line for job in jobs if job.exit_code == RefusedError.exit_code]
    if refused:
        raise RefusedError(refused[0] or "a process was refused")
    rows = plan_status(sealed, plan_id, [output])
    text = "".join(f"{job.last_line}\n" for job in jobs if job.exit_code) + status_text(rows, str(directory))
    return _shards_outcome(rows, len(rows), output, text)


def _run_process(job: _PoolProcess, clock: "Clock", cancel: "CancelToken") -> None:
    """Run a process to its end, again while it is incomplete; a refusal is final."""
    from gate.parse.text import decode
    from gate.process import run as run_child

    for _ in range(_LOCAL_ATTEMPTS):
        tail = bytearray()

        def keep(piece: bytes, tail: bytearray = tail) -> None:
            tail.extend(piece)
            del tail[: -limits.LINE_BYTES]

        ended = run_child(
            job.argv,
            name="audit-run",
            env=dict(os.environ),
            tee=keep,
            deadline_seconds=float("inf"),
            cancel=cancel,
            clock=clock,
        )
        lines = [line for line in decode(bytes(tail)).splitlines() if line.strip()]
        stops = [line for line in lines if "is not complete:" in line or line.startswith("publication-gate: ")]
        job.last_line = (stops or lines or [f"the process ended by signal {ended.signal}"])[-1]
        job.exit_code = InconclusiveError.exit_code if ended.exit is None else ended.exit
        if job.exit_code in (0, RefusedError.exit_code) or cancel.cancelled:
            return


def _write_audit(document: "AuditDocument", output: Path) -> Outcome:
    """Write a new audit folder; the exit code is the verdict's."""
    from gate.audit.folder import AUDIT, audit_bytes
    from gate.journal import make_folder, write_file

    data = audit_bytes(document)
    if len(data) > limits.EVIDENCE_BYTES:
        raise InconclusiveError(
            f"the audit has {len(data)} bytes, more than {limits.EVIDENCE_BYTES}: so much damage is the store's as a "
            "whole; run rustfs-bucket-index-rca first"
        )
    make_folder(output)
    write_file(output / AUDIT, data)
    return audit_outcome(document, output)


def audit_outcome(document: "AuditDocument", directory: Path, *, full: bool = False) -> Outcome:
    """An audit as the end of a command."""
    from gate.model.basics import EXIT_CODES, VerdictWord
    from gate.render.audit import audit_text

    word = document.result.verdict
    code = EXIT_CODES[word]
    return Outcome(
        exit_code=code,
        text=audit_text(document, str(directory), full=full),
        data={
            "schema": RESULT_SCHEMA,
            "verdict": {
                "word": word.value,
                "outcome": "pass" if word is VerdictWord.PASS else "fail",
                "exit_code": code,
                "blocks": word is not VerdictWord.PASS,
            },
            "evidence": str(directory),
            "result_digest": document.result_digest,
            "chunks": dict(document.result.chunks),
            "paths": dict(document.result.paths),
            "error": None,
        },
    )
