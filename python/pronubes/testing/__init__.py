"""What users test their connectors and hooks with: the same batches and the same suites that pronubes' own are tested with."""

from pronubes.testing.batches import ListBatch
from pronubes.testing.conformance import SinkConformance, SourceConformance

__all__ = ["ListBatch", "SinkConformance", "SourceConformance"]
