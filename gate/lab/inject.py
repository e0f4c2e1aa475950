"""Faults of the index, the servers and the run, done to the lab at a named moment of a probe's run.

Each acts from the probe's own progress hooks, so at the same step every time, and through the outside alone: links,
processes, tokens, files. So the same faults work on a real atticd. Each proves that it was there: a drill whose fault
did not act says nothing, and is void.
"""

import os
import signal
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from gate.errors import GateError, InconclusiveError
from gate.lab.attic_stack import BUCKET, MAIN, PROBE
from gate.lab.proxy import Proxy
from gate.lab.s3 import RcloneStore, marker
from gate.lab.stack import BUCKETS, CHECKS, Stack
from gate.model.basics import BucketState, Claim, Label, Phase, Truth
from gate.model.document import Evidence
from gate.probe import Progress, Quiet

SAMPLES_WHILE_STALLED: Final = 6  # after so many samples a push that nobody ended is let go on
SIGNED_BY_UPSTREAM: Final = 4
STALLED_SAMPLE: Final = 2
SHORT_STALL_SECONDS: Final = 4.0  # longer than a source of a sample has to answer
LIST_STALL_SECONDS: Final = 11.0  # as ListBuckets hung in recordings/rustfs-live
LONG_STALL_SECONDS: Final = 12.0  # longer than whole samples around it may bridge
TOKEN_SECONDS: Final = 10  # enough for the first step of a run on a busy machine


class VoidDrillError(InconclusiveError):
    """The fault of a drill was not seen to act, so its verdict says nothing."""


class Fault(Quiet):
    """No fault: the healthy run. Subclasses act in `prepare` or in a hook, and say in `proof` what they saw of it."""

    def __init__(self, stack: Stack, profile: str) -> None:
        self.stack = stack
        self.profile = profile
        self.acted = ""

    def prepare(self) -> None:
        """What is done before the run begins."""

    def settings(self) -> Mapping[str, Any]:
        """Further settings of the run: arguments of `Stack.settings_for`."""
        return {}

    def publish_before(self) -> None:
        """Build and push the profile, so that the cache knows all of it before the run."""
        installable = self.stack.installable(CHECKS[self.profile])
        self.stack.nix.build(installable)
        self.stack.push(*self.stack.nix.push_set(installable))

    def proof(self, evidence: Evidence) -> str:  # noqa: ARG002  subclasses look at it
        """What was seen of the fault, in a sentence; raises `VoidDrillError` when it did not act."""
        if not self.acted:
            raise VoidDrillError(f"the fault never acted: its moment in the run did not come ({type(self).__name__})")
        return self.acted


class Relay(Quiet):
    """Tells the fault, then the person; keeps what went wrong in the fault from looking like trouble of the probe."""

    def __init__(self, fault: Fault, outer: Progress) -> None:
        self._fault = fault
        self._outer = outer
        self.failure: str | None = None

    def stage(self, name: str) -> None:
        """A stage begins."""
        self._act(lambda: self._fault.stage(name))
        self._outer.stage(name)

    def sample(self, phase: Phase, number: int) -> None:
        """A bucket sample is about to be taken."""
        self._act(lambda: self._fault.sample(phase, number))
        self._outer.sample(phase, number)

    def push_running(self, label: Label) -> None:
        """The client of this publication was started."""
        self._act(lambda: self._fault.push_running(label))
        self._outer.push_running(label)

    def paths_done(self, done: int, total: int, wire_bytes: int) -> None:
        """So many of the paths of this stage are done."""
        self._outer.paths_done(done, total, wire_bytes)

    def buckets(self, states: Mapping[str, BucketState]) -> None:
        """A bucket sample ended."""
        self._outer.buckets(states)

    def record(self, number: int, kind: str) -> None:
        """The journal has one record more."""
        self._outer.record(number, kind)

    def note(self, text: str) -> None:
        """Something worth a line."""
        self._outer.note(text)

    def _act(self, hook: Callable[[], None]) -> None:
        try:
            hook()
        except (GateError, OSError) as error:
            self.failure = self.failure or f"the fault could not be brought about: {error}"


class Healthy(Fault):
    """Nothing is done to the stack."""

    def proof(self, evidence: Evidence) -> str:  # noqa: ARG002  nothing to look for
        """There is nothing to prove."""
        return "no fault"


# --- the index ------------------------------------------------------------------------------------------------------


class IndexLost(Fault):
    """Both buckets leave the index, their data left on disk, as on 2026-05-13. Subclasses say when."""

    def lose(self) -> None:
        """Do it, and look: list and head lack the buckets, and the data is there."""
        for bucket in BUCKETS:
            self.stack.store.lose(bucket)
        self.acted = self._look()

    def _look(self) -> str:
        store = self.stack.store
        listed = store.objects.buckets() & set(BUCKETS)
        served = [bucket for bucket in BUCKETS if store.objects.has_bucket(bucket)]
        bare = [
            bucket
            for bucket in BUCKETS
            if not (store.data / bucket).is_dir() or not marker(store.data, bucket).is_dir()
        ]
        if listed or served or bare:
            raise VoidDrillError(
                f"the index still lists {sorted(listed)} and serves {served}, and {bare} lack their markers"
            )
        return f"ListBuckets and HeadBucket lacked {' and '.join(BUCKETS)} while their data and markers lay on disk"


class IndexLostBefore(IndexLost):
    """Lost before the run begins."""

    def prepare(self) -> None:
        """Lose both."""
        self.lose()

    def proof(self, evidence: Evidence) -> str:
        """Nothing was pushed either."""
        started = [attempt.label.value for attempt in evidence.push.attempts if attempt.started]
        if started:
            raise VoidDrillError(f"the index was lost before the run, and yet {started} were published")
        return super().proof(evidence)


class IndexLostDuringPush(IndexLost):
    """The incident: lost when the client of the profile's push was just started."""

    def push_running(self, label: Label) -> None:
        """Lose both, at the profile's push."""
        if label is Label.PROFILE:
            self.lose()

    def proof(self, evidence: Evidence) -> str:
        """The output deduplicated and dependencies failed, as in the incident."""
        proof = super().proof(evidence)
        claims = [path.claim for path in evidence.push.paths if path.label is Label.PROFILE]
        failed, deduplicated = claims.count(Claim.FAILED), claims.count(Claim.DEDUPLICATED)
        if not failed or not deduplicated:
            raise VoidDrillError(
                f"of {len(claims)} paths {failed} failed and {deduplicated} deduplicated: the incident has some of both"
            )
        return f"{proof}; {failed} of {len(claims)} paths failed and {deduplicated} deduplicated"


class PushEndedAtLoss(IndexLost):
    """Lost while the server hangs on its disk, so that the push is still running when the loss is seen."""

    def __init__(self, stack: Stack, profile: str) -> None:
        super().__init__(stack, profile)
        self._left = 0
        self._lock = threading.Lock()

    def push_running(self, label: Label) -> None:
        """Freeze the server, then lose both."""
        if label is Label.PROFILE:
            self.stack.attic.server.pause()
            self._left = SAMPLES_WHILE_STALLED
            self.lose()

    def sample(self, phase: Phase, number: int) -> None:  # noqa: ARG002  the hook's own signature
        """Count down; a gate that does not end the push must not wait for its deadline."""
        with self._lock:
            if self._left and phase is Phase.DURING:
                self._left -= 1
                if not self._left:
                    self.stack.attic.server.resume()

    def stage(self, name: str) -> None:
        """The push is over: the server goes on."""
        if self._left and name != "push:profile":
            self._left = 0
            self.stack.attic.server.resume()


class IndexLostAfter(IndexLost):
    """Lost when everything was read back, at the first sample after."""

    def sample(self, phase: Phase, number: int) -> None:  # noqa: ARG002  the hook's own signature
        """Lose both once."""
        if phase is Phase.POST and not self.acted:
            self.lose()


class IndexFlapping(IndexLost):
    """Lost at every second sample after, and back at the others: the last of an odd number is healthy."""

    def __init__(self, stack: Stack, profile: str) -> None:
        super().__init__(stack, profile)
        self._samples = 0

    def sample(self, phase: Phase, number: int) -> None:  # noqa: ARG002  the hook's own signature
        """Toggle."""
        if phase is not Phase.POST:
            return
        self._samples += 1
        if self._samples % 2 == 0:
            self.lose()
        else:
            for bucket in BUCKETS:
                self.stack.store.restore(bucket)


class AlreadyCachedBucketLost(IndexLost):
    """The same paths were pushed before; then the buckets went. Attic's client will say that all is done."""

    def prepare(self) -> None:
        """Build and push the profile, then lose both buckets."""
        self.publish_before()
        self.lose()


# --- the servers ----------------------------------------------------------------------------------------------------


class StoreDown(Fault):
    """The S3 server is not there; its data is."""

    def prepare(self) -> None:
        """Stop it."""
        self.stack.store.stop()
        try:
            self.stack.store.objects.buckets()
        except InconclusiveError:
            self.acted = f"nothing answered at {self.stack.store.objects.endpoint}"


class StoreStalled(Fault):
    """The S3 server takes connections and answers nothing for a while, as over a stalled disk. Subclasses say when."""

    def stall(self, seconds: float) -> None:
        """Freeze it, and let it go on after so many seconds."""
        store = self.stack.store
        pid = store.pid if isinstance(store, RcloneStore) else None
        if self.acted or pid is None:
            return
        os.kill(pid, signal.SIGSTOP)
        threading.Timer(seconds, os.kill, (pid, signal.SIGCONT)).start()
        self.acted = f"the S3 server was frozen for {seconds:g} s"


class StoreStalledBefore(StoreStalled):
    """A short stall at the second sample before the publication."""

    def sample(self, phase: Phase, number: int) -> None:
        """Freeze it once."""
        if phase is Phase.PRE and number == STALLED_SAMPLE:
            self.stall(SHORT_STALL_SECONDS)


class StoreStalledDuringPush(StoreStalled):
    """A long stall from the moment when the profile's client runs."""

    def push_running(self, label: Label) -> None:
        """Freeze it once."""
        if label is Label.PROFILE:
            self.stall(LONG_STALL_SECONDS)


class ListStalledBefore(Fault):
    """Before the publication ListBuckets gets no answer for a while; everything else is answered at once."""

    def prepare(self) -> None:
        """Put a proxy in front of the S3 server, for the gate only."""
        self._hold_next = False
        self._proxy = Proxy(hold=self._hold, keeps_host=True)
        host, port = self.stack.store.objects.address.split(":")
        self._proxy.target = (host, int(port))
        self._proxy.start()

    def settings(self) -> Mapping[str, Any]:
        """The gate asks the proxy."""
        hosts = (self.stack.attic.address, self.stack.store.objects.address, self._proxy.address)
        return {"s3_endpoint": f"http://{self._proxy.address}", "hosts": hosts, "plain_http_hosts": hosts}

    def sample(self, phase: Phase, number: int) -> None:
        """Hold the list of one sample back."""
        self._hold_next = phase is Phase.PRE and number == STALLED_SAMPLE

    def _hold(self, method: str, path: str) -> float:
        if not self._hold_next or method != "GET" or path.partition("?")[0] != "/":
            return 0.0
        self._hold_next = False
        self.acted = f"one ListBuckets was held back for {LIST_STALL_SECONDS:g} s, and nothing else"
        return LIST_STALL_SECONDS

    def proof(self, evidence: Evidence) -> str:
        """That the list was held back, and that all other sources of that sample were well."""
        self._proxy.stop()
        proof = super().proof(evidence)
        rows = [row for bucket in evidence.pre.buckets.values() for row in bucket.samples]
        delayed = [row for row in rows if row.number == STALLED_SAMPLE]
        if not delayed or any({row.head, row.get} != {Truth.PRESENT} for row in delayed):
            raise VoidDrillError(
                f"another source of sample {STALLED_SAMPLE} was not healthy either: expected only the list to hang"
            )
        return proof


class RestartInWindow(Fault):
    """The S3 server is started anew, on its port, between the push and the reading back."""

    def stage(self, name: str) -> None:
        """Restart it."""
        store = self.stack.store
        if name == "read:profile" and isinstance(store, RcloneStore):
            before = store.pid
            store.restart()
            if store.pid and store.pid != before:
                self.acted = f"the S3 server was process {before}, then {store.pid}, both at {store.objects.endpoint}"


class PreNotClean(Fault):
    """Attic's bucket lacks its metadata marker before the run, so nothing may be published."""

    def prepare(self) -> None:
        """Move the marker away, and count what is in the bucket."""
        place = marker(self.stack.store.data, BUCKET)
        place.rename(place.with_name(".moved-by-the-lab"))
        self._keys = self.stack.store.objects.keys(BUCKET)
        self.acted = f"{place.name} of bucket {BUCKET} was gone"

    def proof(self, evidence: Evidence) -> str:
        """Nothing was added to the bucket."""
        added = self.stack.store.objects.keys(BUCKET) - self._keys
        if added:
            raise VoidDrillError(
                f"the evidence before was not clean, and yet {len(added)} objects were added to bucket {BUCKET}"
            )
        return f"{super().proof(evidence)}, and no object was added to its {len(self._keys)}"


class ProxyPage(Fault):
    """A proxy answers every upload of the profile with an HTML page and status 200."""

    def stage(self, name: str) -> None:
        """Begin with the profile's push, end with it."""
        if self.stack.attic.proxy:
            self.stack.attic.proxy.answers_pages = name == "push:profile"

    def proof(self, evidence: Evidence) -> str:
        """The proxy counts its pages, and the client takes them for success."""
        pages = self.stack.attic.proxy.pages if self.stack.attic.proxy else 0
        paths = [path for path in evidence.push.paths if path.label is Label.PROFILE]
        uploaded = sum(path.claim is Claim.UPLOADED for path in paths)
        if not pages or not uploaded:
            raise VoidDrillError(
                f"the proxy gave {pages} pages, and the client called {uploaded} paths uploaded: expected some of both"
            )
        return f"the proxy answered {pages} uploads with a page, and the client called {uploaded} paths uploaded"


# --- the run --------------------------------------------------------------------------------------------------------


class PushAuthExpired(Fault):
    """The push token's time is over when the first client starts; it was good when the cache was identified."""

    def settings(self) -> Mapping[str, Any]:
        """A token for a few seconds."""
        self._ends = self.stack.nix.clock.now().timestamp() + TOKEN_SECONDS
        return {"push_token": self.stack.attic.mint.push((MAIN, PROBE), seconds=TOKEN_SECONDS)}

    def stage(self, name: str) -> None:
        """Wait for its end."""
        if name == "push:canary":
            clock = self.stack.nix.clock
            clock.sleep(
                max(0.0, self._ends + 1 - clock.now().timestamp())
            )  # Attic tolerates no skew, and no second less

    def proof(self, evidence: Evidence) -> str:
        """The server refused it."""
        errors = [attempt.fatal.code for attempt in evidence.push.attempts if attempt.fatal]
        if "Unauthorized" not in errors:
            raise VoidDrillError("no push was refused as Unauthorized, though the push token is expired")
        return f"the server refused {errors.count('Unauthorized')} push with a token that had ended before"


class CancelledRun(Fault):
    """The run gets SIGTERM while it reads the profile back."""

    def stage(self, name: str) -> None:
        """Send it, to this process; only where somebody handles it."""
        if name != "read:profile":
            return
        if not callable(signal.getsignal(signal.SIGTERM)):
            raise VoidDrillError("nobody handles SIGTERM in this process: the signal would end it")
        signal.raise_signal(signal.SIGTERM)
        self.acted = "SIGTERM was sent when the profile was about to be read back"


class BrokenCheck(Fault):
    """The check itself fails to build: somebody else's work, no word on the cache."""

    def settings(self) -> Mapping[str, Any]:
        """The flake's broken check."""
        return {"installable": self.stack.installable("broken")}

    def proof(self, evidence: Evidence) -> str:
        """Nix said so."""
        if evidence.build is None or not evidence.build.exit:
            raise VoidDrillError("the broken check was not built, or did not fail")
        return f"nix build of the broken check ended with {evidence.build.exit}"


class UpstreamPaths(Fault):
    """Some of the paths carry an upstream cache's signature, so the client leaves them out: that is no fault."""

    def prepare(self) -> None:
        """Build, and sign some of the paths with the upstream key."""
        installable = self.stack.installable(CHECKS[self.profile])
        self.stack.nix.build(installable)
        signed = [path for path in self.stack.nix.push_set(installable) if path.endswith("-source")][
            :SIGNED_BY_UPSTREAM
        ]
        self.stack.nix.sign(self.stack.upstream_secret, signed)

    def proof(self, evidence: Evidence) -> str:
        """They were counted as upstream's."""
        upstream = sum(path.claim is Claim.IN_UPSTREAM for path in evidence.push.paths)
        if upstream != SIGNED_BY_UPSTREAM:
            raise VoidDrillError(
                f"{upstream} paths are in upstream, expected the {SIGNED_BY_UPSTREAM} that were signed"
            )
        return f"{upstream} paths had the upstream's signature and were left to it"
