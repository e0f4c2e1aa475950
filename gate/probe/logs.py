"""Step 8: the logs of the window: the Attic server's from the first canary to the last, and the store's."""

from collections.abc import Sequence

from gate.evidence.fold import SERVER_LOG
from gate.evidence.replicas import nonces_of
from gate.evidence.store_log import STORE_LOG
from gate.model.captures import StoreLogRead
from gate.model.records import Entry, LogCanarySent, Trouble
from gate.probe.site import Site
from gate.probe.world import World
from gate.process import Capture


def capture_logs(site: Site, world: World, before: Sequence[Entry] = ()) -> None:
    """Capture what both servers wrote since pre; what is missing of it is recorded.

    ``before`` are the entries of an earlier job of the same run: its canaries must be in the server's log too.
    """
    _capture_server_log(site, world, (*before, *site.entries))
    _capture_store_log(site, world)


def _capture_server_log(site: Site, world: World, entries: Sequence[Entry]) -> None:
    if site.log_window is None:
        return
    nonces = [entry.record.nonce for entry in entries if isinstance(entry.record, LogCanarySent)]
    capture = Capture(site.directory, SERVER_LOG, secrets=site.secrets)
    lacking = site.log_window.capture(capture, (*nonces, *nonces_of(entries)), clock=world.clock)
    site.write(capture.close())
    for note in lacking:
        site.write(Trouble(stage="logs", message=note))


def _capture_store_log(site: Site, world: World) -> None:
    """The store has no canary, so nothing is waited for."""
    if site.store_log_window is None:
        return
    capture = Capture(site.directory, STORE_LOG, secrets=site.secrets)
    lacking = site.store_log_window.capture(capture, (), clock=world.clock)
    site.write(capture.close())
    site.write(StoreLogRead(place=site.policy.store_log, notes=lacking))
