"""What a hook is, and what it does with one batch.

`@pronubes.transform` marks a function; its parameters say what it takes (`declare.py`). In every form the interpreter is entered once per batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

import orjson

from pronubes.batch import Batch, Dtype
from pronubes.hooks.declare import Declaration, declaration_of
from pronubes.hooks.output import Collected
from pronubes.hooks.state import StateStore
from pronubes.message import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pronubes import _core

__all__ = ["Hook", "HookLost", "HookOutputError", "HookReason", "HookResult", "Runnable", "is_declared", "transform"]

_MARK = "__pronubes_transform__"
_Function = TypeVar("_Function", bound="Callable[..., Any]")

HookReason = Literal[
    "hook_failed",
    "hook_timeout",
    "hook_output",
    "hook_open",
    "hook_died",
    "hook_memory",
    "not_finite",
    "invalid_utf8",
    "invalid_json",
    "not_an_object",
]
"""Why a hook gave nothing for a message."""


class HookOutputError(TypeError):
    """A hook returned something that its form does not allow."""


class HookLost(Exception):
    """A hook gave nothing for a whole batch, for a reason that whoever ran it knows.

    Attributes:
        reason: Why.
    """

    def __init__(self, reason: HookReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class HookResult:
    """What one batch became.

    Attributes:
        changes: The keyword arguments for the engine's `hook_done`.
        failed: Messages that the hook gave nothing for, in order: index, reason and words. They go to quarantine.
    """

    changes: Mapping[str, Any]  # Any: arrays and lists, checked by the engine
    failed: Sequence[tuple[int, HookReason, str]] = ()


class Runnable(Protocol):
    """What a worker runs: a function in this process, or one in a process of its own.

    Attributes:
        name: `module:function`.
        timeout_s: How long a batch may take; None where it ends calls that take too long by itself.
        store: What the function remembers, if it does.
    """

    name: str
    timeout_s: float | None
    store: StateStore | None

    def run(self, batch: _core.Batch) -> HookResult:
        """Run the function on a batch. Called on the hook's thread.

        Raises:
            HookOutputError: The function returned something that its form does not allow.
            HookLost: The process that ran it was lost, or it ran out of memory.
            BaseException: Whatever the user's function raises.
        """

    def status(self) -> Mapping[str, Any]:  # Any: a JSON document
        """Say what there is beside the counts."""

    def close(self) -> None:
        """Let go of what it has; called once it runs no more."""


def transform(function: _Function) -> _Function:
    """Declare a hook; name it in a route as `python: module:function`.

    Its first parameter says what it takes: `batch: pronubes.Batch` (columns), `payloads: list[dict]` or `messages: list[pronubes.Message]` (a
    list, and a list as long comes back), `message: pronubes.Message`, `payload: bytes` or `payload: dict` (one at a time). For a message comes back
    its new payload (bytes, or anything that JSON can say), a `Message` with another topic, or None to drop it. What raises goes to quarantine: the
    whole batch, or that message alone where it is called with one at a time.
    """
    setattr(function, _MARK, True)
    return function


def is_declared(function: object) -> bool:
    """Tell whether a function says that it is a hook."""
    return hasattr(function, _MARK)


class Hook:
    """A declared function, ready to run in this process.

    Args:
        name: `module:function`, as the configuration names it.
        function: The function.
        column_types: What columns are when the function does not say, as the contracts of its routes have it.
        timeout_s: How long one batch may take.
        store: What it remembers; needed where the function has a parameter for it.

    Raises:
        WrongDeclaration: The function cannot be a hook.
    """

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        *,
        column_types: Mapping[str, Dtype] | None = None,
        timeout_s: float | None = 5.0,
        store: StateStore | None = None,
    ) -> None:
        self.name = name
        self.timeout_s = timeout_s
        self.declaration: Declaration = declaration_of(function)
        self.store = None
        if self.declaration.keeps_state:
            self.store = StateStore() if store is None else store
        self._column_types = column_types
        self._function = function

    def status(self) -> Mapping[str, Any]:  # Any: a JSON document
        """See `Runnable`."""
        return {"form": self.declaration.form, **({} if self.store is None else self.store.status())}

    def close(self) -> None:
        """See `Runnable`."""

    def run(self, batch: _core.Batch) -> HookResult:
        """See `Runnable`."""
        if self.store is None:
            return self._run(batch)
        with self.store.guard:
            return self._run(batch)

    def _run(self, batch: _core.Batch) -> HookResult:
        if self.declaration.is_per_message:
            return self._run_each(batch)
        states = () if self.store is None else (self.store.of(batch),)
        if self.declaration.form == "columns":
            return self._run_columns(batch, states)
        return self._run_list(batch, states)

    def _run_columns(self, batch: _core.Batch, states: tuple[Any, ...]) -> HookResult:  # Any: lists of states
        given = Batch(batch, self._column_types)
        result = self._function(given, *states)
        try:
            changed = given.with_result(result)
            if changed is not None:
                return HookResult(changed.result())
        except (TypeError, ValueError) as error:
            raise HookOutputError(str(error)) from error
        raise HookOutputError(f"`{self.name}` returned {_kind(result)}; expected a Batch made from the one that it got, or a mapping of columns.")

    def _run_list(self, batch: _core.Batch, states: tuple[Any, ...]) -> HookResult:  # Any: lists of states
        collected = Collected(len(batch))
        inputs: Sequence[Any] = _messages(batch) if self.declaration.form == "messages" else _decoded(batch, collected)  # Any: JSON
        rows = [row for row, given in enumerate(inputs) if given is not None]
        if len(rows) < len(inputs):
            inputs = [inputs[row] for row in rows]
            states = tuple([each[row] for row in rows] for each in states)
        results = self._function(inputs, *states) if rows else []
        if not isinstance(results, list | tuple) or len(results) != len(rows):
            raise HookOutputError(f"`{self.name}` returned {_kind(results)}; expected a list of {len(rows)}, one element per message that it got.")
        for row, result in zip(rows, results, strict=True):
            collected.add(row, result)
        return HookResult(collected.changes(), sorted(collected.failed))

    def _run_each(self, batch: _core.Batch) -> HookResult:
        collected = Collected(len(batch))
        payloads, function = collected.payloads, self._function
        for index, arguments in enumerate(self._arguments(batch, collected)):
            if arguments[0] is None:
                continue
            try:
                result = function(*arguments)
            except BaseException as error:  # noqa: BLE001 - the user's code may raise anything, also SystemExit; the message goes to quarantine
                collected.raised(index, error)
                continue
            if type(result) is bytes:
                payloads[index] = result
            else:
                collected.add(index, result)
        return HookResult(collected.changes(), collected.failed)

    def _arguments(self, batch: _core.Batch, collected: Collected) -> zip[tuple[Any, ...]]:  # Any: what the function takes
        form = self.declaration.form
        first: Any = _messages(batch) if form == "message" else batch.payloads() if form == "bytes" else _decoded(batch, collected)
        store = self.store
        others = [batch.topics() if extra == "topic" or store is None else store.of(batch) for extra in self.declaration.extras]
        return zip(first, *others, strict=True)


def _messages(batch: _core.Batch) -> list[Message]:
    return list(map(_MESSAGE_OF, zip(batch.topics(), batch.payloads(), strict=True)))


_MESSAGE_OF: Callable[[tuple[str, bytes]], Message] = partial(tuple.__new__, Message)
"""Makes a message of a pair without a call of Python code."""


def _decoded(batch: _core.Batch, collected: Collected) -> list[dict[str, Any] | None]:  # Any: JSON
    """Decode all payloads; one that is no object fails alone."""
    payloads = batch.payloads()
    try:
        decoded = list(map(orjson.loads, payloads))
    except orjson.JSONDecodeError:
        decoded = [_loaded(index, payload, collected) for index, payload in enumerate(payloads)]
    for index, content in enumerate(decoded):
        if type(content) is not dict:
            if content is not _FAILED:
                collected.fail(index, "not_an_object", "The payload is no JSON object.")
            decoded[index] = None
    return decoded


_FAILED = object()


def _loaded(index: int, payload: bytes, collected: Collected) -> Any:  # Any: JSON
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        collected.fail(index, "invalid_json", str(error))
        return _FAILED


def _kind(value: object) -> str:
    if value is None:
        return "nothing (is a `return` missing?)"
    name = f"`{type(value).__name__}`" if not isinstance(value, Batch | list | tuple) else f"a {type(value).__name__}"
    return f"{name} of {len(value)} messages" if isinstance(value, Batch) else f"{name} of {len(value)}" if isinstance(value, list | tuple) else name
