"""What a capture looks at besides: disk use, events, logs of ended containers. For the minutes before a restart."""

from concurrent.futures import ThreadPoolExecutor

from gate import limits
from gate.evidence.capture import PREVIOUS_LOG
from gate.model.records import Trouble
from gate.observe.disk_use import look_at_disk
from gate.observe.kube_incident import look_at_past
from gate.probe.site import Site
from gate.process import Capture


def look_deeper(site: Site) -> None:
    """Record all of it; nothing here can make the capture's verdict better."""
    policy = site.policy
    with ThreadPoolExecutor(limits.READ_JOBS) as threads:
        disks = threads.map(lambda place: look_at_disk(place, kubectl=site.kubectl), policy.markers)
        for rows in disks:
            for disk in rows:
                site.write(disk)
    if site.kubectl is None:
        return
    capture = Capture(site.directory, PREVIOUS_LOG, secrets=site.secrets)
    for role, place in (("store", policy.store_workload), ("cache", policy.cache_workload)):
        past = look_at_past("store" if role == "store" else "cache", place, kubectl=site.kubectl, capture=capture)
        if past is not None:
            site.write(past.events)
            for log in past.logs:
                site.write(log)
    site.write(capture.close())
    if capture.trouble:
        site.write(Trouble(stage="incident", message=capture.trouble))
