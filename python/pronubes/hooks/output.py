"""What a hook returned for single messages, made into what the engine takes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import orjson

from pronubes.message import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pronubes.hooks.base import HookReason

__all__ = ["Collected"]


class Collected:
    """The results for the messages of one batch. A message without a result ends there and is counted as filtered.

    Args:
        count: How many messages the batch has.
    """

    def __init__(self, count: int) -> None:
        self.payloads: list[bytes | None] = [None] * count
        self.failed: list[tuple[int, HookReason, str]] = []
        self._topics: dict[int, str] = {}
        self._dropped: list[int] = []

    def add(self, index: int, result: Any) -> None:  # Any: whatever a hook returns
        """Take the result for a message."""
        if result is None:
            self._dropped.append(index)
        elif isinstance(result, bytes):
            self.payloads[index] = result
        elif isinstance(result, Message):
            self._topics[index], self.payloads[index] = result
        elif isinstance(result, bytearray | memoryview):
            self.payloads[index] = bytes(result)
        else:
            self._write(index, result)

    def fail(self, index: int, reason: HookReason, words: str) -> None:
        """Take that there is no result for a message."""
        self.failed.append((index, reason, words))

    def raised(self, index: int, error: BaseException) -> None:
        """Take that the hook raised on a message."""
        self.fail(index, "hook_memory" if isinstance(error, MemoryError) else "hook_failed", f"{type(error).__name__}: {error}")

    def changes(self) -> dict[str, Any]:  # Any: arrays and lists, checked by the engine
        """Return the keyword arguments for the engine's `hook_done`, but for `failed`."""
        count = len(self.payloads)
        changes: dict[str, Any] = {"payloads": self.payloads}  # Any: as above
        if self._topics:
            changes["topics"] = [self._topics.get(index) for index in range(count)]
        if self._dropped:
            changes["keep"] = keep = bytearray(b"\x01" * count)
            for index in self._dropped:
                keep[index] = 0
        return changes

    def _write(self, index: int, result: Any) -> None:  # Any: whatever a hook returns
        try:
            payload = orjson.dumps(result, option=orjson.OPT_SERIALIZE_NUMPY)
        except TypeError as error:
            self.fail(index, "hook_output", f"JSON cannot say what the hook returned: {error}")
            return
        # orjson writes NaN and infinity as null; nothing may be invented.
        if b"null" in payload and _has_no_number(result):
            self.fail(index, "not_finite", "The hook returned NaN or infinity.")
        else:
            self.payloads[index] = payload


def _has_no_number(result: Any) -> bool:  # Any: what orjson has written
    waiting: list[Sequence[Any]] = [(result,)]  # Any: as above
    while waiting:
        for value in waiting.pop():
            if isinstance(value, float):
                if not math.isfinite(value):
                    return True
            elif isinstance(value, dict):
                waiting.append(list(value.values()))
            elif isinstance(value, list | tuple):
                waiting.append(value)
            elif hasattr(value, "dtype") and not _is_finite(value):
                return True
    return False


def _is_finite(array: Any) -> bool:  # Any: an array or a number of numpy
    import numpy as np

    return array.dtype.kind != "f" or bool(np.isfinite(array).all())
