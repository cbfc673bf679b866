"""Batches and messages for tests of hooks. They come from the engine itself and go back into it, so that a test sees what a node would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from pronubes._core import Pipeline
from pronubes.batch import Batch
from pronubes.hooks import Hook, transform
from pronubes.hooks.state import StateStore
from pronubes.message import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pronubes import _core

__all__ = ["HookRun", "StateStore", "batch", "run_hook"]


class HookRun(NamedTuple):
    """What a hook made of its messages.

    Attributes:
        messages: Those that go on, with topics and payloads as the rest of the route sees them.
        quarantined: For each message that goes to quarantine its payload, and what happened.
    """

    messages: list[Message]
    quarantined: list[tuple[str, str]]


def batch(payloads: Sequence[Any], *, topic: str | Sequence[str] = "test", filter: str = "#", now_ns: int = 0) -> Batch:  # noqa: A002 - the word of a route
    """Make a batch, to call a column hook with it.

    Args:
        payloads: One per message: bytes as they are, anything else as JSON.
        topic: The topic of all messages, or one for each.
        filter: The filter of the route; its captures are columns.
        now_ns: When the messages were received, in nanoseconds since 1970 (UTC).
    """
    return Batch(_taken(_engine(filter, len(payloads)), payloads, topic, now_ns))


def run_hook(
    function: Callable[..., Any],
    payloads: Sequence[Any],
    *,
    topic: str | Sequence[str] = "test",
    filter: str = "#",  # noqa: A002 - as above
    now_ns: int = 0,
    store: StateStore | None = None,
) -> HookRun:
    """Run a hook of any form as a node does, and let the engine carry out what it changed.

    Args:
        function: The hook.
        payloads: As for `batch`.
        topic: As for `batch`.
        filter: As for `batch`.
        now_ns: As for `batch`.
        store: What the hook remembers, for a hook that does; give the same to the next run and it goes on.

    Raises:
        WrongDeclaration: The function cannot be a hook.
        HookOutputError: The hook returned something that its form does not allow.
        BaseException: Whatever a hook on many messages raises. (A node puts the whole batch into the quarantine.)
    """
    engine = _engine(filter, len(payloads))
    core = _taken(engine, payloads, topic, now_ns)
    result = Hook(function.__name__, transform(function), store=store).run(core)
    engine.hook_done(0, core.id, failed=result.failed, now_ns=now_ns, **result.changes)
    sent = engine.take("test", now_ns=now_ns, force=True)
    records = []
    while (faults := engine.take_quarantine()) is not None:
        records += [orjson.loads(line) for line in faults.ndjson().splitlines()]
        engine.confirm_quarantine(faults.id, now_ns=now_ns)
    return HookRun(
        [] if sent is None else [Message(*pair) for pair in zip(sent.topics(), sent.payloads(), strict=True)],
        [(record["payload"], record["detail"] or record["reason"]) for record in records],
    )


def _engine(filter_: str, rows: int) -> Pipeline:
    route = {"name": "test", "filter": filter_, "steps": [{"python": {"hook": 0}}], "to": [{"sink": "test"}]}
    spec = {"sources": ["test"], "sinks": ["test"], "hooks": ["test"], "routes": [route]}
    sides = {
        "sources": [{"name": "test", "kind": "batch"}],
        "sinks": [{"name": "test", "kind": "batch", "batch_rows": max(rows, 1), "batch_bytes": 1 << 30}],
    }
    return Pipeline(orjson.dumps(spec), orjson.dumps({**sides, "hook_rows": max(rows, 1)}), now_ns=0)


def _taken(engine: Pipeline, payloads: Sequence[Any], topic: str | Sequence[str], now_ns: int) -> _core.Batch:
    topics = [topic] * len(payloads) if isinstance(topic, str) else list(topic)
    engine.push("test", topics, [payload if isinstance(payload, bytes) else orjson.dumps(payload) for payload in payloads], now_ns=now_ns)
    core = engine.take_hook(0)
    if core is None or len(core) != len(payloads):
        hint = "A hook's batch has at least one message, and topics that the filter matches"
        raise ValueError(f"{hint}; of {len(payloads)} messages with the topics {topics} {0 if core is None else len(core)} came to the hook.")
    return core
