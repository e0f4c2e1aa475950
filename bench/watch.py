"""``watch`` against losses: ``python -m bench.watch [--losses 10] [--seconds 3]``: how many it caught, and its cost.

A real S3 server loses a bucket for some seconds, again and again, at times that nothing in the watch knows; between two
losses it is healthy for twice as long or more. Printed are the losses, the incidents, the longest time from a loss to
its first lost sample, and what the watch itself took of memory and of one core.
"""

import argparse
import os
import random
import resource
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path

from gate.clock import SystemClock
from gate.evidence.codec import adapter
from gate.lab.place import enter
from gate.lab.stack import Stack
from gate.model.watch import WatchIncident
from gate.probe import Quiet, World
from gate.probe.watch import INCIDENT, WatchPlan, watch
from gate.process import CancelToken
from tests.helpers.changed import changed


def main() -> int:
    """Run the losses and print the table; 1 where a loss was missed or one was invented."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--losses", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--interval", type=float, default=1.0)
    options = parser.parse_args()
    enter(os.environ)  # while this process has one thread
    clock, cancel, moments = SystemClock(), CancelToken(), list[float]()
    with tempfile.TemporaryDirectory() as scratch, Stack(os.environ, cancel=CancelToken(), clock=clock) as stack:

        def lose() -> None:
            chance = random.Random(1)  # the same times in each run
            for _ in range(options.losses):
                time.sleep(chance.uniform(10.0, 14.0))
                moments.append(time.time())
                stack.store.lose("attic")
                time.sleep(options.seconds)
                stack.store.restore("attic")
            time.sleep(12.0)
            cancel.cancel("the bench is over")

        settings = changed(stack.settings_for("synthetic"), samples=2, sample_spacing=0.2)
        world = World(environ=stack.environ(), cancel=cancel, progress=Quiet(), clock=clock)
        thread = threading.Thread(target=lose)
        began, cpu = time.monotonic(), time.process_time()
        thread.start()
        result = watch(settings, Path(scratch) / "watch", world, WatchPlan(interval=options.interval))
        thread.join()
        seconds, share = time.monotonic() - began, time.process_time() - cpu
        onsets = [
            event.at
            for folder in result.incidents
            for event in adapter(WatchIncident).validate_json((folder / INCIDENT).read_bytes()).events
            if event.kind == "lost"
        ]
    times = [datetime.fromisoformat(text).timestamp() for text in onsets]
    delays = [min((at - moment for at in times if at >= moment), default=float("inf")) for moment in moments]
    caught = sum(delay <= options.seconds + 1 for delay in delays)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"losses of {options.seconds:g} s: {len(moments)}; caught: {caught}; incidents: {len(onsets)}")
    print(f"longest time to the first lost sample: {max(delays, default=0):.2f} s")
    print(f"samples: {result.samples}; unknown: {result.unknown}; {seconds:.0f} s, {share / seconds:.1%} of a core")
    print(f"peak memory, with the captures and the lab's own code: {peak:.0f} MiB")
    return int(caught != len(moments) or len(onsets) != len(moments))


if __name__ == "__main__":
    sys.exit(main())
