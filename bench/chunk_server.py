"""A store of chunks for measurements: GET of any key of 200 bodies in memory, without a check of signatures.

A process of its own, one thread, so that what is measured is the reader. A file may name chunks that are damaged.
"""

import json
import random
import selectors
import socket
import sys
from pathlib import Path

BODIES = 200
BODY_BYTES = 35_000
KINDS = ("absent", "cut", "emptied", "flipped", "exchanged")
_HEAD = b'HTTP/1.1 %s\r\nContent-Length: %d\r\nETag: "x"\r\n\r\n'
_ABSENT = b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"


def bodies() -> list[bytes]:
    """The same bodies in every process."""
    made = random.Random(7)
    return [made.randbytes(BODY_BYTES) for _ in range(BODIES)]


def damaged(content: bytes, other: bytes, kind: str) -> bytes:
    """The whole answer for a chunk with this damage."""
    body = {
        "absent": _ABSENT,
        "cut": content[:-1],
        "emptied": b"",
        "flipped": content[:100] + bytes([content[100] ^ 1]) + content[101:],
        "exchanged": other,
    }[kind]
    return _HEAD % (b"404 Not Found" if kind == "absent" else b"200 OK", len(body)) + body


def serve(port_file: Path, damage_file: Path | None) -> None:
    """Answer until killed. A key is ``<number>.chunk``; its body is that of the number modulo `BODIES`."""
    contents = bodies()
    answers = [_HEAD % (b"200 OK", len(content)) + content for content in contents]
    kinds = {} if damage_file is None else json.loads(damage_file.read_text(encoding="ascii"))
    wrong = {
        int(number): damaged(contents[int(number) % BODIES], contents[(int(number) + 1) % BODIES], kind)
        for number, kind in kinds.items()
    }
    selector = selectors.DefaultSelector()
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    selector.register(listener, selectors.EVENT_READ)
    port_file.write_text(str(listener.getsockname()[1]), encoding="ascii")
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                accepted, _ = listener.accept()
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1024 * 1024)
                selector.register(accepted, selectors.EVENT_READ, accepted)
                continue
            connection: socket.socket = key.data
            try:
                data = connection.recv(16_384)
                if data:
                    number = int(data[: data.index(b".chunk")].rpartition(b"/")[2])
                    connection.sendall(wrong.get(number) or answers[number % BODIES])
                    continue
            except OSError:  # a client that was killed
                pass
            selector.unregister(connection)
            connection.close()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
