"""Brings the lab up in its own /nix, does to it what drills do, and prints what was seen as one JSON object.

A process of its own, because a private /nix is for a whole process. With ``hang`` it prints its servers and sleeps.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gate.clock import SystemClock
from gate.errors import InconclusiveError
from gate.lab.attic_stack import BUCKET, MAIN
from gate.lab.place import enter
from gate.lab.s3 import RcloneStore, marker, stored_paths
from gate.lab.stack import STATE_BUCKET, STATE_KEY, Stack
from gate.process import CancelToken


def outcome(call: Callable[[], object]) -> str:
    try:
        call()
    except InconclusiveError as error:
        return str(error)
    return "ok"


def pids(stack: Stack) -> dict[str, int | None]:
    assert isinstance(stack.store, RcloneStore)
    return {"store": stack.store.pid, "attic": stack.attic.server.pid}


def healthy(stack: Stack) -> dict[str, Any]:
    objects = stack.store.objects
    state = json.loads(objects.get(STATE_BUCKET, STATE_KEY))
    rules = stack.settings_for("medium-check", finish_push=True).policy
    return {
        "buckets": sorted(objects.buckets()),
        "state_version": state["version"],
        "markers": [marker(stack.store.data, bucket).is_dir() for bucket in (BUCKET, STATE_BUCKET)],
        "known_nars": [path.nar_size for path in stored_paths(stack.attic.database, MAIN)],
        "settings": {"finish_push": rules.finish_push, "kind": rules.kind.value, "samples": rules.samples},
        "client_runs": os.access(stack.client, os.X_OK),
        "substituter": f"substituters = {rules.attic_server}{MAIN}" in stack.environ()["NIX_CONFIG"].split("\n"),
        "public_key": stack.attic.public_key(MAIN).split(":")[0],
    }


def lost_under_writes(stack: Stack) -> dict[str, Any]:
    """Lose a bucket while eight writers write to it."""
    objects = stack.store.objects
    objects.put(BUCKET, "kept", b"kept")
    over = threading.Event()
    words: list[str] = []

    def write(number: int) -> None:
        count = 0
        while not over.is_set():
            count += 1
            words.append(outcome(lambda: objects.put(BUCKET, f"w/{number}/{count}", b"x" * 100_000)))  # noqa: B023  called at once

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    time.sleep(0.3)
    stack.store.lose(BUCKET)
    time.sleep(0.5)
    facts = {
        "listed": sorted(objects.buckets()),
        "head": objects.has_bucket(BUCKET),
        "head_other": objects.has_bucket(STATE_BUCKET),
        "get": outcome(lambda: objects.get(BUCKET, "kept")),
        "put": outcome(lambda: objects.put(BUCKET, "late", b"late")),
        "on_disk": (stack.store.data / BUCKET / "kept").read_text(encoding="ascii"),
        "marker": marker(stack.store.data, BUCKET).is_dir(),
    }
    over.set()
    for writer in writers:
        writer.join()
    stack.store.restore(BUCKET)
    return {
        **facts,
        "writes_that_worked": words.count("ok") > 0,
        "writes_that_failed": len(words) - words.count("ok") > 0,
        "back": objects.get(BUCKET, "kept").decode("ascii"),
        "late_is_nowhere": "late" not in objects.keys(BUCKET),
    }


def restarted(stack: Stack) -> dict[str, Any]:
    before, endpoint = pids(stack)["store"], stack.store.objects.endpoint
    stack.store.restart()
    after = pids(stack)["store"]
    assert stack.store.pid_file is not None
    return {
        "another_process": after is not None and before != after,
        "same_endpoint": stack.store.objects.endpoint == endpoint,
        "pid_file": stack.store.pid_file.read_text(encoding="ascii").strip() == str(after),
        "buckets": sorted(stack.store.objects.buckets()),
    }


def pushed(stack: Stack) -> dict[str, Any]:
    """Build a check, push its push set, and look at what the server made of it."""
    facts: dict[str, Any] = {}
    for check in ("statix", "deadnix"):
        installable = stack.installable(check)
        output = stack.nix.build(installable)
        paths = stack.nix.push_set(installable)
        facts[check] = {
            "names": sorted(Path(path).name[33:] for path in paths),
            "output_bytes": Path(output).stat().st_size,
        }
    stack.push(*stack.nix.push_set(stack.installable("statix")))
    stored = {path.store_path: path for path in stored_paths(stack.attic.database, MAIN)}
    chunked = [path for path in stored.values() if len(path.chunks) > 2]
    sizes = [path.nar_size for path in stored.values() if len(path.chunks) == 1]
    whole = max(chunked, key=lambda path: path.nar_size)
    read = stack.attic.fetch(f"/{MAIN}/nar/{whole.hash}.nar")
    return {
        **facts,
        "stored": len(stored),
        "chunked": len(chunked),
        "one_chunk_twins": len(sizes) - len(set(sizes)),
        "largest": whole.nar_size,
        "read": [read.status, read.bytes > 0, read.cut],
        "broken": outcome(lambda: stack.nix.build(stack.installable("broken"))),
        "keys": len(stack.store.objects.keys(BUCKET)),
    }


def main() -> None:
    place = enter(os.environ)
    with Stack(os.environ, cancel=CancelToken(), clock=SystemClock()) as stack:
        running = pids(stack)
        if "hang" in sys.argv:
            print(json.dumps({"pids": running, "work": str(stack.work)}), flush=True)
            time.sleep(60)
        facts = {
            "place": place.store,
            "healthy": healthy(stack),
            "lost": lost_under_writes(stack),
            "restarted": restarted(stack),
            "pushed": pushed(stack),
            "pids": [running, pids(stack)],
            "work": str(stack.work),
        }
    print(json.dumps(facts))


main()
