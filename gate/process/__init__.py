"""The one door for children: they run bounded, in a group of their own, and every byte they print is redacted."""

from gate.process.capture import Capture
from gate.process.children import CancelToken, EndedBy, output, run
from gate.process.environment import keep_memory_private, scrubbed_environment, user_folder
from gate.process.redact import Redactor
from gate.process.tools import SearchPath

__all__ = [
    "CancelToken",
    "Capture",
    "EndedBy",
    "Redactor",
    "SearchPath",
    "keep_memory_private",
    "output",
    "run",
    "scrubbed_environment",
    "user_folder",
]
