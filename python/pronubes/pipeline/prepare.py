"""From a configuration to what a node is made from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pronubes.config.compile import compile_node, compile_router, refuse_errors
from pronubes.config.load import Loaded, load
from pronubes.pipeline.plan import NodePlan, PlannedSink, PlannedSource

__all__ = ["prepare", "prepare_loaded"]


def prepare(path: str | Path, *, environ: Mapping[str, str] = os.environ) -> NodePlan:
    """Read, check and compile a configuration file, secrets resolved.

    Raises:
        ConfigurationError: It has errors, or secrets are not available; all findings of the first stage that found any.
    """
    return prepare_loaded(load(path), environ=environ, path=Path(path).resolve())


def prepare_loaded(loaded: Loaded, *, environ: Mapping[str, str] = os.environ, path: Path | None = None) -> NodePlan:
    """Compile a configuration that was read already, secrets resolved.

    Raises:
        ConfigurationError: The engine found errors, or secrets are not available.
    """
    configuration = loaded.configuration
    compiled = compile_router(loaded)
    refuse_errors(compiled)
    return NodePlan(
        name=configuration.name,
        base_dir=loaded.base_dir,
        data_dir=loaded.data_dir,
        spec=compiled.spec,
        node=compile_node(loaded, environ=environ),
        sources={name: PlannedSource(source.connector, source.options) for name, source in configuration.sources.items()},
        sinks={name: PlannedSink(sink.connector, sink.options) for name, sink in configuration.sinks.items()},
        routes=tuple(configuration.routes),
        hooks=compiled.hooks,
        path=path,
    )
