"""What users test their connectors and hooks with: the same batches and the same suites that pronubes' own are tested with."""

from pronubes.testing.batches import ListBatch
from pronubes.testing.conformance import SinkConformance, SourceConformance
from pronubes.testing.hooks import HookRun, batch, run_hook

__all__ = ["HookRun", "ListBatch", "SinkConformance", "SourceConformance", "batch", "run_hook"]
