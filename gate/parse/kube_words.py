"""What kubectl complains of, fit for a record: one line, capped, and without anything that looks like a credential.

With ``-v=9``, which a wrapper may set, kubectl prints the headers of its requests, the bearer token among them.
"""

import re
from typing import Final

from gate.parse.lines import decode, strip_escapes

COMPLAINT_CHARS: Final = 400
_SAID: Final = re.compile(r"(?i)^(?:error|Error from server|Unable to connect|The connection|command terminated)\b")
_TRACE: Final = re.compile(r"^[IWEF][0-9]{4} ")  # klog: its level, month and day
_CREDENTIALS: Final = re.compile(
    r"(?i)\bauthorization\b[\"']?\s*[:=].*"  # whatever its scheme: to the end of the line
    r"|\b(?:bearer|basic)\s+\S+"
    r"|\b[\w-]*(?:token|secret|password|api-?key|cookie)[\w-]*[\"']?\s*[:=]\s*\S+"
    r"|\beyJ[\w-]+(?:\.[\w-]+)*"
)


# client-go's words for a 500 whose body is no Status of Kubernetes: rest/request.go, newUnstructuredResponseError, and
# api/errors NewGenericServerResponse. The API server's own errors are Statuses, and kubectl tells their own message.
_FOREIGN_500: Final = b'Error from server (InternalError): an error on the server ("'


def is_foreign_500(stderr: bytes) -> bool:
    """Whether kubectl says that what it was led to through the API server answered with HTTP 500."""
    return any(line.startswith(_FOREIGN_500) for line in stderr.split(b"\n"))


def complaint(stderr: bytes) -> str:
    """The line by which kubectl says why it failed, else its last one; ``it said nothing`` when there is none."""
    lines = [decode(strip_escapes(line)).strip() for line in stderr.split(b"\n")]
    lines = [line for line in lines if line and not _TRACE.match(line)]
    line = next((line for line in lines if _SAID.match(line)), lines[-1] if lines else "it said nothing")
    return said(line, COMPLAINT_CHARS)


def said(text: str, cap: int) -> str:
    """Foreign text for a record: ASCII with escapes, at most ``cap`` characters, credentials replaced."""
    return ascii(_CREDENTIALS.sub("***", text))[1:-1][:cap]
