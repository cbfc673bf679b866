"""One message, as a per-message hook sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

__all__ = ["Message"]


@dataclass(frozen=True, slots=True)
class Message:
    """A topic and its payload.

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
