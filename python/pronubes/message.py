"""One message, as a per-message hook sees it."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

__all__ = ["Message"]


class Message(NamedTuple):
    """A topic and its payload.

    A tuple, because hooks get one per message and a frozen dataclass takes more than twice as long to make.

    Attributes:
        topic: The topic as it came into the route.
        payload: The payload as the steps before left it.
    """

    topic: str
    payload: bytes

    def json(self) -> Any:  # Any: whatever the payload holds
        """Parse the payload.

        Raises:
            orjson.JSONDecodeError: The payload is not JSON.
        """
        return orjson.loads(self.payload)
