"""What happens when a case runs: everything that becomes of its messages, before anybody judges it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pronubes.cases.bench import Arrival, Bench, Output, Quarantined, Rejected
from pronubes.cases.bind import Pause, script
from pronubes.router import Router

if TYPE_CHECKING:
    from pronubes.cases.read import NamedCase
    from pronubes.config.compile import Compiled

__all__ = ["Happening", "happen"]

Document = dict[str, Any]  # Any: a JSON document


@dataclass(eq=False)
class Happening:
    """Everything that became of the messages of a case.

    Attributes:
        compiled: The configuration, with the case's variables.
        start_ns: When the case began, in nanoseconds since 1970 (UTC).
        arrivals: The messages that came in.
        outputs: What left.
        quarantined: What went to the quarantine.
        rejected: What contracts threw away.
        unrouted: The messages that no route took.
        coverage: What of each route was run, where somebody asked for it.
    """

    compiled: Compiled = field(repr=False)
    start_ns: int
    arrivals: list[Arrival] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    unrouted: list[int] = field(default_factory=list)
    coverage: list[Document] = field(default_factory=list, repr=False)

    @cached_property
    def _router(self) -> Router:
        return Router(self.compiled)

    def explain(self, cause: int) -> Document:
        """Explain one of the messages, without what the messages before it left in steps with a memory."""
        arrival = self.arrivals[cause]
        return self._router.explain(arrival.source, arrival.topic, arrival.payload, now_ns=arrival.at_ns, qos=arrival.qos, retain=arrival.retain)

    @property
    def is_silent(self) -> bool:
        """Whether nothing left, nothing was quarantined and nothing thrown away."""
        return not (self.outputs or self.quarantined or self.rejected)


def happen(named: NamedCase, compiled: Compiled, *, is_covered: bool = False) -> Happening:
    """Run a case.

    Args:
        named: The case.
        compiled: The configuration.
        is_covered: Whether to note what of the routes is run.

    Raises:
        ConfigurationError: The configuration, with the case's variables, has errors, or a recording cannot be read.
        HookUnavailable: A hook cannot be loaded.
    """
    played = script(named, compiled.loaded)
    bench = Bench(compiled, now_ns=played.start_ns, is_covered=is_covered)
    happening = Happening(compiled, played.start_ns, outputs=bench.outputs, quarantined=bench.quarantined, rejected=bench.rejected)
    for step in played.steps:
        if isinstance(step, Pause):
            bench.advance(step.until_ns)
            continue
        happening.arrivals.append(step)
        bench.take(step, len(happening.arrivals) - 1)
    happening.coverage += bench.coverage()
    if bench.has_unrouted():
        happening.unrouted += [cause for cause in range(len(happening.arrivals)) if _is_unrouted(happening.explain(cause))]
    return happening


def _is_unrouted(explanation: Document) -> bool:
    return explanation["rejected"] is None and not explanation["is_taken"]
