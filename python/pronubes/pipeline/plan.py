"""What a node is made from: the compiled specification and the sources and sinks of a configuration."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from pronubes.config.quarantine import Breaker
from pronubes.connectors.options import TagSourceOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pronubes._core import SpecFailure
    from pronubes.batch import Dtype
    from pronubes.config.compile import Compiled
    from pronubes.config.load import Loaded
    from pronubes.config.model import Sink, Source
    from pronubes.config.operations import Metrics
    from pronubes.config.quarantine import RollbackOn
    from pronubes.errors import ConfigurationError
    from pronubes.hooks.base import Runnable
    from pronubes.hooks.settings import HookSettings
    from pronubes.hooks.state import StateStore
    from pronubes.pipeline.tables import PlannedTable

__all__ = ["NodePlan", "compile_plan", "load_plan"]


@dataclass(frozen=True, slots=True)
class NodePlan:
    """A configuration, checked and compiled.

    Attributes:
        name: The node's name.
        base_dir: The folder of the configuration file.
        data_dir: Where the node keeps its files.
        spec: The router's specification, JSON.
        node: Connections, queues and classes, JSON, with secrets resolved: never logged.
        sources: By name, in the order of the file.
        sinks: By name, in the order of the file.
        routes: The names of the routes, in the order of the file.
        hooks: How each hook is run, by its number in `spec`.
        column_types: What the columns of each hook are when it does not say.
        units: The unit of `value` of what leaves each route, where its contract names one.
        quarantine_size: How many bytes of bad messages are kept.
        quarantine_age_s: How long they are kept, in seconds.
        breaker: When a route raises an alarm.
        breakers: The same for routes that say their own.
        rollback_on: When a reload to this plan is taken back, if ever.
        canary_every_s: How often a canary is sent, in seconds.
        state_every_s: How often what stateful steps remember is saved, in seconds.
        tables: The tables that steps look up, with the rows that are in force.
        metrics: Where numbers are served for Prometheus, if they are.
        path: The configuration file, as it was named.
        compiled: Where everything of `spec` stands in the file, for what the engine finds wrong.
    """

    name: str
    base_dir: Path
    data_dir: Path
    spec: bytes
    node: bytes = field(repr=False)
    sources: Mapping[str, Source]
    sinks: Mapping[str, Sink]
    routes: tuple[str, ...]
    hooks: tuple[HookSettings, ...] = ()
    column_types: tuple[Mapping[str, Dtype], ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    quarantine_size: int = 2**30
    quarantine_age_s: float = 7 * 86_400.0
    breaker: Breaker = field(default_factory=Breaker)
    breakers: Mapping[str, Breaker] = field(default_factory=dict)
    rollback_on: RollbackOn | None = None
    canary_every_s: float = 10.0
    state_every_s: float = 5.0
    tables: Mapping[str, PlannedTable] = field(default_factory=dict, repr=False)
    metrics: Metrics | None = None
    path: str = ""
    compiled: Compiled | None = field(default=None, repr=False, compare=False)

    def load_hooks(self, store_of: Callable[[HookSettings], StateStore]) -> list[Runnable]:
        """Load the hooks, in the order of their numbers, all or none; what was imported and has changed is imported anew. May take seconds.

        Args:
            store_of: What a hook remembers.

        Raises:
            HookUnavailable: One cannot be loaded.
        """
        if not self.hooks:
            return []
        from pronubes.hooks.loading import load_all

        return load_all(self.hooks, base_dir=self.base_dir, column_types=self.column_types or ({},) * len(self.hooks), store_of=store_of)

    def refused(self, failure: SpecFailure) -> ConfigurationError:
        """Turn what the engine found wrong with `spec` into findings with lines."""
        from pronubes.config.compile import diagnose
        from pronubes.config.load import in_order
        from pronubes.errors import ConfigurationError

        if self.compiled is None:
            raise failure
        return ConfigurationError(in_order(diagnose(self.compiled, failure.errors)))


def load_plan(path: str | Path) -> NodePlan:
    """Read and compile a configuration file. The engine's own findings come when it takes the plan.

    Raises:
        ConfigurationError: The file has errors, or a secret is not available; all of them.
    """
    from pronubes.config.load import load, without_garbage_collection

    with without_garbage_collection():
        return compile_plan(load(path), path=str(path))


def compile_plan(loaded: Loaded, *, path: str = "") -> NodePlan:
    """Compile a checked configuration. What the engine finds wrong comes when it takes the plan: see `NodePlan.refused`.

    Raises:
        ConfigurationError: A subscription is none, or a secret is not available; all of them.
    """
    from pronubes.config.compile import compile_node, compile_router, refuse_subscriptions

    compiled = compile_router(loaded, has_canary=True)
    tables = _tables(loaded)
    refuse_subscriptions(loaded)
    configuration = loaded.configuration
    return NodePlan(
        name=configuration.name,
        base_dir=loaded.base_dir,
        data_dir=loaded.data_dir,
        spec=compiled.spec,
        node=compile_node(loaded, has_canary=True),
        sources={name: _stamped(source, loaded.base_dir) for name, source in configuration.sources.items()},
        sinks=configuration.sinks,
        routes=tuple(configuration.routes),
        hooks=compiled.hooks,
        column_types=compiled.column_types,
        units=loaded.contracts.units(configuration),
        quarantine_size=configuration.quarantine.size,
        quarantine_age_s=configuration.quarantine.age,
        breaker=configuration.quarantine.breaker,
        breakers={name: route.quarantine_breaker for name, route in configuration.routes.items() if route.quarantine_breaker is not None},
        rollback_on=configuration.rollback_on,
        canary_every_s=configuration.health.every,
        state_every_s=configuration.state.save_every,
        tables=tables,
        metrics=configuration.metrics,
        path=path,
        compiled=replace(compiled, loaded=replace(loaded, tables={})) if tables else compiled,  # the rows are the engine's from here on
    )


def _tables(loaded: Loaded) -> Mapping[str, PlannedTable]:
    if not loaded.tables:
        return {}
    from pronubes.pipeline.tables import plan_tables

    return plan_tables(loaded.tables)


def _stamped(source: Source, base_dir: Path) -> Source:
    """Give a source the digest of its files: an edited tag list is another source to a reload."""
    files = source.options.files() if isinstance(source.options, TagSourceOptions) else ()
    if not files:
        return source
    digest = sha256()
    for name in files:
        path = base_dir / name
        digest.update(path.read_bytes() if path.is_file() else b"")
    return replace(source, stamp=digest.hexdigest())
