"""What users test their connectors and hooks with: the same batches, suites and rigs that pronubes' own are tested with."""

from pronubes.testing.batches import ListBatch
from pronubes.testing.broker import StubBroker
from pronubes.testing.conformance import SinkConformance, SourceConformance
from pronubes.testing.faults import FaultProxy
from pronubes.testing.hooks import HookRun, StateStore, batch, run_hook
from pronubes.testing.oracle import Oracle, Verdict

__all__ = [
    "FaultProxy",
    "HookRun",
    "ListBatch",
    "Oracle",
    "SinkConformance",
    "SourceConformance",
    "StateStore",
    "StubBroker",
    "Verdict",
    "batch",
    "run_hook",
]
