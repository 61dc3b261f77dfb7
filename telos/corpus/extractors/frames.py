"""The protocol between a reader and its extraction process: frames of a JSON head and a body of bytes, over pipes.

A frame is two unsigned big-endian numbers (4 bytes: length of the head, 8 bytes: length of the body), the head, the body.
"""

import json
import struct
from typing import Any, BinaryIO

LENGTHS = struct.Struct(">IQ")


def pack(head: dict[str, Any], body_bytes: int) -> bytes:
    """All of a frame but its body."""
    text = json.dumps(head).encode()
    return LENGTHS.pack(len(text), body_bytes) + text


def read_frame(pipe: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """The next frame of a blocking pipe; None where the other side has closed it."""
    start = pipe.read(LENGTHS.size)
    if len(start) < LENGTHS.size:
        return None
    head_bytes, body_bytes = LENGTHS.unpack(start)
    head = pipe.read(head_bytes)
    body = pipe.read(body_bytes)
    return (json.loads(head), body) if len(head) == head_bytes and len(body) == body_bytes else None
