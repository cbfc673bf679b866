"""From a checked configuration to what Rust takes: the router's specification and the node's connections, both JSON.

What the engine finds wrong (a filter, a template, an expression, a field path) comes back with a path into the specification and a byte in a
text; here it becomes a line and a column of the file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from pronubes.batch import Dtype
from pronubes.config import conversions, tables
from pronubes.config.canary import add_to_node, add_to_router
from pronubes.config.column_types import agreed, column_types
from pronubes.config.delivery import log_specs
from pronubes.config.findings import Finding, Path
from pronubes.config.load import Loaded, in_order
from pronubes.config.model import FROM_NAMES, Route, Sink, Source
from pronubes.config.namespace import catalog_spec, namespace_spec, path_in_file
from pronubes.connectors.mqtt_options import MqttOptions, MqttSinkOptions, MqttSourceOptions
from pronubes.connectors.options import BatchSinkOptions, TagSourceOptions, ViewSinkOptions
from pronubes.connectors.shapes import USUAL_SHAPE, written_shape
from pronubes.connectors.values import Secret
from pronubes.diagnostics import Diagnostic
from pronubes.errors import ConfigurationError, SecretUnavailable
from pronubes.hooks.settings import HookSettings
from pronubes.transforms import Python

if TYPE_CHECKING:
    from pronubes._core import SpecError

__all__ = ["Compiled", "compile_node", "compile_router", "diagnose", "intersects", "refuse_errors", "refuse_subscriptions"]

_CONTRACTS = "contracts/"
_RETAIN_HANDLING = {"always": 0, "new": 1, "never": 2}


@dataclass(frozen=True, slots=True)
class Compiled:
    """What the engine takes.

    Attributes:
        loaded: The configuration.
        spec: The router's specification, JSON.
        hooks: How each hook is run, by its number in `spec`.
        column_types: What the columns of each hook are when it does not say, by its number.
    """

    loaded: Loaded
    spec: bytes = field(repr=False)
    hooks: tuple[HookSettings, ...]
    column_types: tuple[Mapping[str, Dtype], ...] = ()


def compile_router(loaded: Loaded, *, has_canary: bool = False) -> Compiled:
    """Write the router's specification. The engine has not seen it yet: see `refuse_errors`.

    Args:
        loaded: The configuration.
        has_canary: Whether it is for a node, which has a canary.
    """
    configuration = loaded.configuration
    hooks: dict[HookSettings, int] = {}
    retained = {name: bool(getattr(sink.options, "retain", False)) for name, sink in configuration.sinks.items()}
    raw_routes = loaded.values.get("routes", {})
    origins = loaded.places.origins
    spec = {
        "vars": configuration.vars,
        "sources": list(configuration.sources),
        "sinks": list(configuration.sinks),
        "limits": configuration.limits.model_dump(),
        "routes": [
            origins.constants(name) | _route(name, raw_routes[name], route, hooks, _retained(route, loaded, retained))
            for name, route in configuration.routes.items()
        ],
    }
    tagged = {name: source.options for name, source in configuration.sources.items() if isinstance(source.options, TagSourceOptions)}
    spec["shapes"] = {name: written_shape(options.shape) for name, options in tagged.items() if options.shape != USUAL_SHAPE}
    conversions.add_to_router(spec, configuration, loaded.contracts)
    tables.add_to_router(spec, loaded.tables)
    if loaded.schemas:
        spec["schemas"] = loaded.schemas
    if loaded.contracts.files:
        spec["contracts"] = loaded.contracts.specifications()
        spec["named_contracts"] = loaded.contracts.by_names
    spec["hooks"] = [hook.call for hook in hooks]
    if configuration.namespace is not None:
        made = loaded.places.origins.routes_by_template()
        spec["namespace"] = namespace_spec(configuration.namespace, configuration.routes.keys(), configuration.sources.keys(), made)
    if configuration.catalog is not None:
        spec["catalog"] = catalog_spec(configuration.catalog)
    if has_canary:
        add_to_router(spec)
    return Compiled(loaded, orjson.dumps(spec), tuple(hooks), _column_types(loaded, hooks))


def _column_types(loaded: Loaded, hooks: Mapping[HookSettings, int]) -> tuple[Mapping[str, Dtype], ...]:
    found: list[list[Mapping[str, Dtype]]] = [[] for _ in hooks]
    raw_routes = loaded.values.get("routes", {})
    for name, route in loaded.configuration.routes.items() if hooks else ():
        for index, step in enumerate(route.steps):
            if step.python is not None:
                number = hooks[step.python.settings()]
                found[number].append(column_types(route, loaded.contracts, raw_routes[name]["steps"][:index]))
    return tuple(agreed(types) for types in found)


def _retained(route: Route, loaded: Loaded, of_sinks: Mapping[str, bool]) -> Mapping[str, bool]:
    """Say which sinks' messages of a route are retained when the target does not say: as the contract says, else as the sink says."""
    hint = loaded.contracts.retain(route)
    return of_sinks if hint is None else dict.fromkeys(of_sinks, hint)


def _route(name: str, raw: Mapping[str, Any], model: Route, hooks: dict[HookSettings, int], retained: Mapping[str, bool]) -> dict[str, Any]:
    """Take a route over as it is written: it is checked already, and the engine's own reading keeps numbers and the order of keys."""
    route = {key: raw[key] for key in ("filter", "otherwise", "final", "where", "topic", "expect", "contract") if key in raw}
    if route.get("contract") == FROM_NAMES:
        route["contract_from_names"] = bool(route.pop("contract"))
    sources, targets = raw.get("from"), raw["to"]
    route["name"] = name
    if sources is not None:
        route["from"] = [sources] if isinstance(sources, str) else sources
    route["to"] = [_target(target, retained) for target in (targets if isinstance(targets, list) else [targets])]
    if "steps" in raw:
        written = raw["steps"]
        calls = [step.python for step in model.steps]
        route["steps"] = [step if call is None else _step(step, call, hooks) for step, call in zip(written, calls, strict=True)]
    return route


def _target(target: str | Mapping[str, Any], retained: Mapping[str, bool]) -> Mapping[str, Any]:
    written = {"sink": target} if isinstance(target, str) else target
    return {**written, "retain": True} if retained[written["sink"]] and written.get("retain") is None else written


def _step(step: Mapping[str, Any], python: Python, hooks: dict[HookSettings, int]) -> dict[str, Any]:
    number = hooks.setdefault(python.settings(), len(hooks))
    return {**step, "python": {"hook": number}}


def refuse_errors(compiled: Compiled) -> None:
    """Let the engine compile the specification, for its findings only.

    Raises:
        ConfigurationError: The engine found errors; all of them.
    """
    from pronubes import _core

    errors = [*diagnose(compiled, _core.compile_spec(compiled.spec)), *_wrong_subscriptions(compiled.loaded)]
    if errors:
        raise ConfigurationError(in_order(errors))


def refuse_subscriptions(loaded: Loaded) -> None:
    """Check what MQTT sources subscribe to.

    Raises:
        ConfigurationError: Some are no filters; all of them.
    """
    if errors := _wrong_subscriptions(loaded):
        raise ConfigurationError(in_order(errors))


def diagnose(compiled: Compiled, errors: Sequence[SpecError]) -> list[Diagnostic]:
    """Give the engine's findings their places in the file."""
    spec, loaded = orjson.loads(compiled.spec) if errors else {}, compiled.loaded
    of_contracts = [_in_contract(loaded, error) for error in errors if error.path.startswith(_CONTRACTS)]
    others = (_finding(loaded, error, spec) for error in errors if not error.path.startswith(_CONTRACTS))
    return [*(loaded.places.diagnostic(finding) for finding in loaded.places.origins.condensed(others, loaded.values)), *of_contracts]


def _in_contract(loaded: Loaded, error: SpecError) -> Diagnostic:
    """Place a finding about a contract in the contract's own file."""
    from pronubes.contracts.engine import located

    _, index, path = f"{error.path}/".split("/", 2)
    return located(error, path, list(loaded.contracts.files.values())[int(index)])


def _finding(loaded: Loaded, error: SpecError, spec: Any) -> Finding:
    parts, value = _parts(error.path, spec)
    path, at_key = _path_in_file(parts, spec), False
    if parts[:1] == ("namespace",):
        namespace = loaded.configuration.namespace
        path, at_key = path_in_file(parts, spec, namespace.naming if namespace else ())
    offset, length = error.offset, error.length
    if at_key:
        offset = length = None
    elif offset is not None and isinstance(value, str):
        offset, length = loaded.places.span_in_text(path, value, offset, length or 1)
    return Finding(
        code="engine",
        path=path,
        message=error.message,
        expected=error.expected,
        hint=error.hint,
        at_key=at_key,
        offset=offset,
        length=length,
        found=error.found,
    )


def _parts(text: str, value: Any) -> tuple[Path, Any]:
    """Take a path of the engine apart along the specification: its keys may hold `/` themselves."""
    parts: list[str | int] = []
    while text:
        if isinstance(value, dict):
            keys = [key for key in value if text == key or text.startswith(f"{key}/")]
            part: str | int = max(keys, key=len) if keys else text.partition("/")[0]
        else:
            head = text.partition("/")[0]
            part = int(head) if head.isdecimal() else head
        text = text[len(str(part)) + 1 :]
        parts.append(part)
        value = _member(value, part)
    return tuple(parts), value


def _member(value: Any, part: str | int) -> Any:
    try:
        return value[part]
    except (KeyError, IndexError, TypeError):
        return None


def _path_in_file(parts: Path, spec: Any) -> Path:
    if len(parts) > 1 and isinstance(parts[1], int) and parts[0] in ("routes", "sources", "sinks"):
        named = _member(spec.get(parts[0]), parts[1])
        name = named.get("name") if isinstance(named, dict) else named
        return (str(parts[0]), str(name), *parts[2:])
    return parts


def _wrong_subscriptions(loaded: Loaded) -> list[Diagnostic]:
    from pronubes import _core

    found = []
    for name, source in loaded.configuration.sources.items():
        for index, topic in enumerate(source.options.topics if isinstance(source.options, MqttSourceOptions) else ()):
            try:
                _core.validate_filter(topic)
            except _core.TopicError as error:
                path = ("sources", name, "topics", index)
                offset, _ = loaded.places.span_in_text(path, topic, error.offset, 1)
                finding = Finding(code="filter", path=path, message=str(error), expected=f"a filter by {error.clause}", offset=offset)
                found.append(loaded.places.diagnostic(finding))
    return found


def compile_node(loaded: Loaded, *, environ: Mapping[str, str] = os.environ, has_canary: bool = False) -> bytes:
    """Write what the node needs beside the routes, JSON. Secrets are read now and stand in it: it must never be logged.

    Args:
        loaded: The configuration.
        environ: The environment, for secrets.
        has_canary: As for `compile_router`.

    Raises:
        ConfigurationError: Secrets are not available; all of them.
    """
    configuration, resolve = loaded.configuration, _Secrets(loaded, environ)
    node = {
        "sources": [_source(name, source, configuration.name, resolve) for name, source in configuration.sources.items()],
        "sinks": [_sink(name, sink, configuration.name, resolve) for name, sink in configuration.sinks.items()],
        "routes": {name: route.delivery for name, route in configuration.routes.items() if route.delivery is not None},
        **log_specs(configuration, loaded.data_dir),
    }
    if has_canary:
        add_to_node(node)
    if resolve.missing:
        raise ConfigurationError(in_order(resolve.missing))
    return orjson.dumps(node)


class _Secrets:
    """Reads secrets and remembers which are not there."""

    def __init__(self, loaded: Loaded, environ: Mapping[str, str]) -> None:
        self._loaded = loaded
        self._environ = environ
        self.missing: list[Diagnostic] = []

    def __call__(self, secret: Secret | None, *path: str) -> str | None:
        if secret is None:
            return None
        try:
            return secret.resolve(base_dir=self._loaded.base_dir, environ=self._environ)
        except SecretUnavailable as error:
            finding = Finding(code="secret_unavailable", path=path, message=str(error), hint="It is read when the node starts.")
            self.missing.append(self._loaded.places.diagnostic(finding))
            return None


def _source(name: str, source: Source, node: str, resolve: _Secrets) -> dict[str, Any]:
    options = source.options
    entry: dict[str, Any] = {"name": name, "kind": "batch", "delivery": options.default_delivery()}
    if isinstance(options, MqttSourceOptions):
        session = _session(options, f"{node}-{name}", resolve, "sources", name)
        subscription = {
            "qos": options.qos,
            "retain_handling": _RETAIN_HANDLING[options.retained],
            "retain_as_published": options.retain_as_published,
            "no_local": options.no_local,
        }
        session["subscriptions"] = [{"filter": topic, **subscription} for topic in options.topics]
        session["clean_start"] = options.starts_clean
        session["session_expiry_s"] = 0 if options.starts_clean else int(options.session_expiry)
        entry |= {"kind": "mqtt", "mqtt": session, "unacked": options.receive_maximum}
    return entry


def _sink(name: str, sink: Sink, node: str, resolve: _Secrets) -> dict[str, Any]:
    options = sink.options
    order = options.replay.order or ("live_first" if options.marks_replayed() else "in_order")
    replay = {"order": order, "rate": options.replay.rate}
    entry: dict[str, Any] = {"name": name, "kind": "batch", "queue_bytes": options.queue.size, "policy": options.queue.policy}
    entry["replay"] = replay
    if isinstance(options, MqttSinkOptions):
        session = _session(options, f"{node}-{name}", resolve, "sinks", name)
        session |= {"max_inflight": options.max_inflight, "clean_start": options.starts_clean}
        entry |= {"kind": "mqtt", "mqtt": session, "qos": options.qos}
    elif isinstance(options, ViewSinkOptions):
        entry |= {"kind": "latest", "latest_bytes": options.memory}
    elif isinstance(options, BatchSinkOptions):
        entry |= {"batch_rows": options.batch_messages, "linger_ms": round(options.batch_wait * 1000)}
    return entry


def _session(options: MqttOptions, client_id: str, resolve: _Secrets, *path: str) -> dict[str, Any]:
    return {
        "client_id": options.client_id or client_id,
        "protocol": options.protocol,
        "keep_alive_s": max(round(options.keep_alive), 1),
        "username": resolve(options.username, *path, "username"),
        "password": resolve(options.password, *path, "password"),
        "receive_maximum": options.receive_maximum,
        "max_packet": options.max_packet,
        "will": options.will.model_dump() if options.will is not None else None,
        "user_properties": list(options.user_properties.items()),
    }


def intersects(left: str, right: str) -> bool:
    """Tell whether some topic matches both route filters."""
    from pronubes import _core

    return _core.intersects(left, right)
