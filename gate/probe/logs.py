"""Step 8: the server's log of the window, from the first canary to the last."""

from collections.abc import Sequence

from gate.evidence.fold import SERVER_LOG
from gate.model.records import Entry, LogCanarySent, Trouble
from gate.probe.site import Site
from gate.probe.world import World
from gate.process import Capture


def capture_server_log(site: Site, world: World, before: Sequence[Entry] = ()) -> None:
    """Capture what the server wrote since pre; what is missing of it is recorded as trouble.

    ``before`` are the entries of an earlier job of the same run: its canary must be in the log too.
    """
    if site.log_window is None:
        return
    records = [entry.record for entry in (*before, *site.entries)]
    nonces = [record.nonce for record in records if isinstance(record, LogCanarySent)]
    capture = Capture(site.directory, SERVER_LOG, secrets=site.secrets)
    lacking = site.log_window.capture(capture, nonces, clock=world.clock)
    site.write(capture.close())
    for note in lacking:
        site.write(Trouble(stage="logs", message=note))
