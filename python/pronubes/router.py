"""The router without any I/O, for tests, notebooks and benchmarks."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from pronubes import _core
from pronubes.config.compile import Compiled, compile_router, diagnose
from pronubes.config.load import in_order, load, load_values, without_garbage_collection
from pronubes.errors import ConfigurationError

if TYPE_CHECKING:
    from pronubes._core import Outcome

__all__ = ["Router"]


class Router:
    """The routes of a configuration, compiled; it opens no socket and no file.

    Example:
        >>> router = Router.from_dict({
        ...     "version": 1, "name": "example",
        ...     "sources": {"plant": {"type": "mqtt", "url": "mqtt://127.0.0.1", "topics": ["raw/#"]}},
        ...     "sinks": {"uns": {"type": "mqtt", "url": "mqtt://127.0.0.1"}},
        ...     "routes": {"temperatures": {"filter": "raw/{line}/temp", "topic": "acme/{line}/temperature", "to": "uns"}},
        ... })
        >>> [(outcome.kind, outcome.topic) for outcome in router.route("plant", [("raw/l1/temp", b"21.5")], now_ns=0)]
        [('emitted', 'acme/l1/temperature')]
    """

    def __init__(self, compiled: Compiled) -> None:
        """Compile the routes.

        Raises:
            ConfigurationError: The engine found errors; all of them.
        """
        try:
            self._engine = _core.Router.from_spec(compiled.spec)
        except _core.SpecFailure as failure:
            raise ConfigurationError(in_order(diagnose(compiled, failure.errors))) from failure
        for name, table in compiled.loaded.tables.items():
            self._engine.set_table(name, _core.TableRows(table.document))

    @classmethod
    def from_file(cls, path: str | Path) -> Router:
        """Read and compile a configuration file.

        Raises:
            ConfigurationError: It has errors; all of them.
        """
        with without_garbage_collection():
            return cls(compile_router(load(path)))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, base_dir: Path | None = None) -> Router:  # Any: what YAML would hold
        """Compile a configuration made in Python: the same keys as in a file, as dicts and lists.

        Args:
            values: The configuration.
            base_dir: The folder that relative paths count from; the current one when left out.

        Raises:
            ConfigurationError: It has errors; all of them.
        """
        return cls(compile_router(load_values(values, base_dir=base_dir)))

    def route(self, source: str, messages: Sequence[tuple[str, bytes]], *, now_ns: int | None = None) -> list[Outcome]:
        """Route messages of a source.

        Args:
            source: The name of the source.
            messages: Topics and payloads.
            now_ns: The time, in nanoseconds since 1970 (UTC); the clock's when left out.

        Returns:
            What became of each message on each route, in the order of the messages, then of the routes.

        Raises:
            KeyError: There is no such source.
        """
        return self._engine.route(source, messages, now_ns=time.time_ns() if now_ns is None else now_ns)

    def advance(self, *, now_ns: int | None = None) -> list[Outcome]:
        """Let time pass: stateful steps (`window`, `throttle`, ...) let go what is due.

        `route` does not do so by itself: messages and time come in the order in which the caller gives them.

        Args:
            now_ns: The time, in nanoseconds since 1970 (UTC); the clock's when left out.

        Returns:
            What left, and what was quarantined instead; their `index` is -1.
        """
        return self._engine.advance(now_ns=time.time_ns() if now_ns is None else now_ns)

    def next_deadline(self) -> int | None:
        """Return when `advance` may have something to let go, in nanoseconds since 1970 (UTC); None: never."""
        return self._engine.next_deadline()

    def explain(
        self, source: str, topic: str, payload: bytes, *, now_ns: int | None = None, qos: int = 0, retain: bool = False
    ) -> dict[str, Any]:  # Any: a JSON document
        """Tell what every route does with a message, step by step.

        Args:
            source: The name of the source.
            topic: The message's topic.
            payload: Its payload.
            now_ns: As for `route`.
            qos: The quality of service it came with.
            retain: Whether the broker had kept it.

        Raises:
            KeyError: There is no such source.
        """
        now_ns = time.time_ns() if now_ns is None else now_ns
        explanation: dict[str, Any] = orjson.loads(self._engine.explain(source, topic, payload, now_ns=now_ns, qos=qos, retain=retain))
        return explanation

    def stats(self) -> dict[str, Any]:  # Any: a JSON document
        """Return the counters of sources, routes and the table of topics."""
        counters: dict[str, Any] = orjson.loads(self._engine.stats())
        return counters
