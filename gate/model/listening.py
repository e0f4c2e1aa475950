"""Whether a workload's process is the one that answers at its endpoint."""

from gate.model.basics import Truth, value


@value
class Listening:
    """Who listens at the endpoint of a workload on this machine.

    ``truth``: present where the workload's own process listens there (or its child or its parent), absent where
    another process does and nothing joins the two, unknown with ``note`` where that could not be determined.
    ``listener`` is the identity ``<pid>:<start in kernel ticks>`` of another process that listens there.
    """

    truth: Truth
    listener: str | None = None
    note: str = ""
