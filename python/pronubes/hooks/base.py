"""How a hook is declared, and what it does with one batch.

`@pronubes.transform` marks a function that takes a `Batch` (columns) or a `Message` (one at a time): the annotation of its parameter
decides. A function without annotation takes a batch. Either way the interpreter is entered once per batch.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import orjson

from pronubes.batch import Batch, Dtype
from pronubes.message import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pronubes import _core

__all__ = ["Hook", "HookOutputError", "HookReason", "HookResult", "transform"]

HookReason = Literal["hook_failed", "hook_timeout", "hook_output", "hook_open", "hook_died", "hook_memory", "not_finite", "invalid_utf8"]
"""Why a hook gave nothing for a message."""

_MARK = "__pronubes_transform__"
_Function = TypeVar("_Function", bound="Callable[..., Any]")


class HookOutputError(TypeError):
    """A hook returned something that its form does not allow."""


@dataclass(frozen=True, slots=True)
class HookResult:
    """What one batch became.

    Attributes:
        changes: The keyword arguments for the engine's `hook_done`.
        failed: Messages that the hook gave nothing for, in order: index, reason and words. They go to quarantine.
    """

    changes: Mapping[str, Any]  # Any: arrays and lists, checked by the engine
    failed: Sequence[tuple[int, HookReason, str]] = ()


def transform(function: _Function) -> _Function:
    """Declare a hook; name it in a route as `python: module:function`.

    A function on a `Batch` returns a `Batch` made from it. A function on a `Message` returns the new payload (bytes, or anything that orjson can
    write), a `Message` with another topic, or None to drop the message. What raises goes to quarantine: the whole batch in the
    first form, that message alone in the second.
    """
    setattr(function, _MARK, _form(function))
    return function


def _form(function: Callable[..., Any]) -> str:
    parameters = list(inspect.signature(function).parameters.values())
    annotation = parameters[0].annotation if parameters else inspect.Parameter.empty
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return "message" if name.rpartition(".")[2] == "Message" else "batch"


class Hook:
    """A declared function, ready to run.

    Args:
        name: `module:function`, as the configuration names it.
        function: The function.
        column_types: What columns are when the function does not say, as the contracts of its routes have it.
    """

    def __init__(self, name: str, function: Callable[..., Any], *, column_types: Mapping[str, Dtype] | None = None) -> None:
        self.name = name
        self._column_types = column_types
        self._function = function
        self._is_per_message = getattr(function, _MARK, "batch") == "message"

    def run(self, batch: _core.Batch) -> HookResult:
        """Run the function on a batch. Called on a worker thread.

        Raises:
            HookOutputError: The function returned something that its form does not allow.
            BaseException: Whatever the user's function raises (batch form).
        """
        if self._is_per_message:
            return self._run_messages(batch)
        result = self._function(Batch(batch, self._column_types))
        if not isinstance(result, Batch) or len(result) != len(batch):
            raise HookOutputError(f"`{self.name}` returned {_kind(result)}; expected a Batch made from the one that it got.")
        try:
            return HookResult(result.result())
        except (TypeError, ValueError) as error:
            raise HookOutputError(str(error)) from error

    def _run_messages(self, batch: _core.Batch) -> HookResult:
        payloads: list[bytes | None] = [None] * len(batch)
        topics: dict[int, str] = {}
        dropped: list[int] = []
        failed: list[tuple[int, HookReason, str]] = []
        function = self._function
        for index, message in enumerate(map(_MESSAGE_OF, zip(batch.topics(), batch.payloads(), strict=True))):
            try:
                result = function(message)
                if isinstance(result, bytes):
                    payloads[index] = result
                elif result is None:
                    dropped.append(index)
                elif isinstance(result, Message):
                    topics[index], payloads[index] = result
                else:
                    payloads[index] = orjson.dumps(result)
            except Exception as error:  # noqa: BLE001 - the user's code may raise anything; the message goes to quarantine with it
                failed.append((index, "hook_failed", f"{type(error).__name__}: {error}"))
        return HookResult({"payloads": payloads, **_rare(len(payloads), topics, dropped)}, failed)


_MESSAGE_OF: Callable[[tuple[str, bytes]], Message] = partial(tuple.__new__, Message)
"""Makes a message of a pair without a call of Python code."""


def _rare(count: int, topics: Mapping[int, str], dropped: Sequence[int]) -> dict[str, Any]:  # Any: see `HookResult.changes`
    """Say which messages got another topic and which were dropped, where any were."""
    changes: dict[str, Any] = {}  # Any: as above
    if topics:
        changes["topics"] = [topics.get(index) for index in range(count)]
    if dropped:
        changes["keep"] = keep = bytearray(b"\x01" * count)
        for index in dropped:
            keep[index] = 0
    return changes


def _kind(value: object) -> str:
    return f"a Batch of {len(value)} messages" if isinstance(value, Batch) else f"`{type(value).__name__}`"
