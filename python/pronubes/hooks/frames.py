"""What a node and a worker process of a hook say to each other: frames over a socket, plain Python values only.

A batch is one frame there and one frame back, whatever its size; nothing goes per message. Frames are pickled, because that is fast for lists of
bytes, and read with an unpickler that makes no objects: a worker that has gone mad cannot run anything in the node.
"""

from __future__ import annotations

import io
import pickle
import struct
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket

__all__ = ["LARGEST_FRAME", "FrameLost", "receive", "send"]

LARGEST_FRAME = 1 << 30
"""No frame is larger; a length beyond it is nonsense."""
_HEAD = struct.Struct("<Q")


class FrameLost(OSError):
    """The other side is gone, or says nonsense."""


class _Plain(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:  # Any: as the base class has it
        raise FrameLost(f"a frame names `{module_name}.{global_name}`")


def send(end: socket.socket, value: object) -> None:
    """Send a frame.

    Raises:
        FrameLost: The other side is gone.
    """
    content = pickle.dumps(value, protocol=5)
    try:
        end.sendall(_HEAD.pack(len(content)))
        end.sendall(content)
    except TimeoutError:
        raise
    except OSError as error:
        raise FrameLost(str(error)) from error


def receive(end: socket.socket, *, deadline_s: float | None = None) -> Any:  # Any: plain values
    """Wait for a frame.

    Args:
        end: The socket.
        deadline_s: Until when, on the clock of `time.monotonic`; None waits for ever.

    Raises:
        FrameLost: The other side is gone, or says nonsense.
        TimeoutError: It is too late.
    """
    (size,) = _HEAD.unpack(_exactly(end, _HEAD.size, deadline_s))
    if size > LARGEST_FRAME:
        raise FrameLost(f"a frame of {size} bytes is announced")
    try:
        return _Plain(io.BytesIO(_exactly(end, size, deadline_s))).load()
    except (pickle.UnpicklingError, EOFError, ValueError, IndexError, AttributeError) as error:
        raise FrameLost(f"a frame cannot be read: {error}") from error


def _exactly(end: socket.socket, size: int, deadline_s: float | None) -> bytearray:
    buffer = bytearray(size)
    view, at = memoryview(buffer), 0
    while at < size:
        if deadline_s is not None:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            end.settimeout(left_s)
        try:
            count = end.recv_into(view[at:])
        except TimeoutError:
            raise
        except OSError as error:
            raise FrameLost(str(error)) from error
        if not count:
            raise FrameLost("the other side has closed")
        at += count
    return buffer
