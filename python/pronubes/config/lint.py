"""What is allowed and will surprise: routes that see nothing, messages that come back, names that nobody uses.

One rule is one function over a `Lint`; `_RULES` lists them. A rule yields findings with their severity and never raises: the configuration
is right when it comes here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from pronubes.config.findings import Finding, Path
from pronubes.config.load import Loaded, in_order
from pronubes.config.model import Configuration, Route
from pronubes.connectors.mqtt_options import MqttOptions, MqttSourceOptions
from pronubes.connectors.options import ConnectorOptions, ViewSinkOptions
from pronubes.diagnostics import Diagnostic, Severity

__all__ = ["lint"]

Found = Iterator[tuple[Severity, Finding]]
_PLACEHOLDER = re.compile(r"\{([^}]*)\}")
_MOST_PAIRS = 2_000_000
_ANY = "#"


def lint(loaded: Loaded) -> list[Diagnostic]:
    """List warnings and notes about a configuration that is right."""
    subject = Lint(loaded)
    found = [loaded.places.diagnostic(finding, severity=severity) for rule in _RULES for severity, finding in rule(subject)]
    return in_order(found)


@dataclass
class Lint:
    """A configuration and what several rules want to know of it."""

    loaded: Loaded

    @property
    def configuration(self) -> Configuration:
        """The configuration."""
        return self.loaded.configuration

    @cached_property
    def routes(self) -> list[tuple[str, Route, tuple[str, ...]]]:
        """The routes with their names and the sources they take from."""
        everything = tuple(self.configuration.sources)
        return [(name, route, tuple(route.from_ or everything)) for name, route in self.configuration.routes.items()]

    def filters_of(self, source: str) -> Sequence[str] | None:
        """List filters that cover what a source hands in; None when that is not known."""
        return self.configuration.sources[source].options.filters()

    @cached_property
    def used_texts(self) -> str:
        """The file without its `vars`, for finding names in it."""
        return repr({key: value for key, value in self.loaded.values.items() if key != "vars"})


def _covers(wide: str, narrow: str) -> bool:
    from pronubes.config.compile import covers

    return covers(wide, narrow)


def _intersects(left: str, right: str) -> bool:
    from pronubes.config.compile import intersects

    return intersects(left, right)


def _filter_of(route: Route) -> str:
    return route.filter or _ANY


def _output_filter(template: str, route_filter: str) -> str:
    """Make the filter of all topics that a template can give."""
    tails = {name.removesuffix("#") for name in _PLACEHOLDER.findall(route_filter) if name.endswith("#")}
    levels = []
    for level in template.split("/"):
        names = _PLACEHOLDER.findall(level)
        levels.append("#" if any(name in tails for name in names) else "+" if names else level)
    return "/".join(levels[: levels.index("#") + 1] if "#" in levels else levels)


def _can_reach(template: str, route_filter: str, other: str) -> bool:
    """Tell whether some topic of a template matches a filter. Parts of levels (`a-{x}`) are told from the filter's plain levels."""
    if not _intersects(_output_filter(template, route_filter), other):
        return False
    for written, level in zip(template.split("/"), other.split("/"), strict=False):
        if level == "#" or written.endswith("#}"):
            break
        if "{" in written and not level.startswith(("+", "{")):
            prefix, suffix = written.partition("{")[0], written.rpartition("}")[2]
            if not (level.startswith(prefix) and level.endswith(suffix)):
                return False
    return True


def _warning(code: str, path: Path, message: str, hint: str | None = None, *, at_key: bool = False) -> tuple[Severity, Finding]:
    return Severity.WARNING, Finding(code=code, path=path, message=message, hint=hint, at_key=at_key)


def _dead_routes(subject: Lint) -> Found:
    """A route behind a `final` one that takes all it could take."""
    ends: list[tuple[str, str, set[str]]] = []
    budget = _MOST_PAIRS
    for name, route, sources in subject.routes:
        budget -= len(ends)
        if budget < 0:
            return
        if not route.otherwise:
            for other, wide, from_ in ends:
                if from_.issuperset(sources) and _covers(wide, _filter_of(route)):
                    message = f"This route never sees a message: `{other}` takes them all before and is `final`."
                    yield _warning("dead_route", ("routes", name), message, f"Put it before `{other}`, or remove `final` there.", at_key=True)
                    break
        if route.final and route.where is None and not route.otherwise:
            ends.append((name, _filter_of(route), set(sources)))


def _unreachable_routes(subject: Lint) -> Found:
    """A route whose filter matches nothing that its sources can hand in."""
    for name, route, sources in subject.routes:
        known = [subject.filters_of(source) for source in sources]
        if route.filter is None or not known or any(filters is None for filters in known):
            continue
        if not any(_intersects(route.filter, topic) for filters in known for topic in filters or ()):
            topics = ", ".join(f"`{topic}`" for filters in known for topic in filters or ())
            hint = f"Its sources hand in {topics}."
            yield _warning("unreachable_route", ("routes", name, "filter"), "No topic of this route's sources can match this filter.", hint)


def _unrouted_topics(subject: Lint) -> Found:
    """A subscription of which no route takes anything."""
    for source, entry in subject.configuration.sources.items():
        takers = [_filter_of(route) for _, route, sources in subject.routes if source in sources]
        if any(route.otherwise for _, route, sources in subject.routes if source in sources):
            continue
        if not takers:
            yield _warning("unused_source", ("sources", source), f"No route takes from `{source}`.", at_key=True)
            continue
        topics = entry.options.topics if isinstance(entry.options, MqttSourceOptions) else ()
        for index, topic in enumerate(topics):
            if not any(_intersects(topic, taker) for taker in takers):
                message = "No route takes anything of this subscription: its messages are counted as unrouted."
                hint = "Add a route, or leave the subscription out."
                yield _warning("unrouted_topic", ("sources", source, "topics", index), message, hint)


def _loops(subject: Lint) -> Found:
    """A route that publishes to where its own source subscribes."""
    configuration = subject.configuration
    for name, route, sources in subject.routes:
        for index, target in enumerate(route.to):
            endpoint = configuration.sinks[target.sink].options.endpoint()
            template, taken = target.topic or route.topic or _filter_of(route), _filter_of(route)
            for source in sources:
                options = configuration.sources[source].options
                if endpoint is None or options.endpoint() != endpoint or not isinstance(options, MqttSourceOptions):
                    continue
                if any(_can_reach(template, taken, topic) for topic in options.topics):
                    path: Path = ("routes", name, "topic") if route.topic and not target.topic else ("routes", name, "to", index)
                    yield _loop(path, source, is_endless=_can_reach(template, taken, taken))


def _loop(path: Path, source: str, *, is_endless: bool) -> tuple[Severity, Finding]:
    hint = f"Give the topic another first level, or narrow the `topics` of `{source}`."
    if is_endless:
        return _warning("loop", path, f"What leaves here comes in again through `{source}` and may go round for ever.", hint)
    return _warning("echo", path, f"What leaves here comes in again through `{source}`.", hint)


def _same_output(subject: Lint) -> Found:
    """Two routes that give a message the same topic at the same sink."""
    seen: dict[tuple[str, str], list[tuple[str, Route, tuple[str, ...]]]] = {}
    budget = _MOST_PAIRS
    for name, route, sources in subject.routes:
        for target in route.to:
            template = target.topic or route.topic or f"={_filter_of(route)}"
            others = seen.setdefault((target.sink, template), [])
            budget -= len(others)
            if budget < 0:
                return
            for other, earlier, from_ in others:
                if earlier.final or route.otherwise or set(from_).isdisjoint(sources) or not _intersects(_filter_of(earlier), _filter_of(route)):
                    continue
                message = f"`{other}` sends the same messages to the same topic of `{target.sink}`."
                hint = "Tell the two apart by `where`, or make the first `final`."
                if earlier.where is None or route.where is None:
                    yield _warning("same_topic", ("routes", name), message, hint, at_key=True)
                    break
            others.append((name, route, sources))


def _unused(subject: Lint) -> Found:
    """Sinks and variables that nothing names."""
    configuration = subject.configuration
    named = {target.sink for route in configuration.routes.values() for target in route.to}
    for sink in configuration.sinks:
        if sink not in named:
            yield _warning("unused_sink", ("sinks", sink), f"No route sends to `{sink}`.", at_key=True)
    places = subject.loaded.places
    text = places.text if places.text is not None else subject.used_texts
    for variable in configuration.vars:
        if f"${{{variable}}}" not in text and not re.search(rf"\bvars\.{re.escape(variable)}\b", text):
            yield _warning("unused_variable", ("vars", variable), f"Nothing uses the variable `{variable}`.", at_key=True)


def _delivery(subject: Lint) -> Found:
    """Delivery classes that promise less, or cost more, than they seem to."""
    configuration = subject.configuration
    for name, route, sources in subject.routes:
        classes = {source: route.delivery or configuration.sources[source].options.default_delivery() for source in sources}
        waiting = [source for source, chosen in classes.items() if chosen == "through"]
        path: Path = ("routes", name, "delivery") if route.delivery else ("routes", name)
        for source in sources:
            sends_again = configuration.sources[source].options.default_delivery() == "through"
            if route.delivery == "through" and not sends_again:
                message = f"`through` saves nothing here: `{source}` does not send again what was not confirmed."
                yield _warning("through_without_effect", path, message, "Subscribe with `qos: 1`, or leave `delivery` out.")
            if route.delivery == "volatile" and sends_again:
                message = f"`{source}` is told at once that a message is done: it is lost when a sink or this node fails."
                yield _warning("volatile", path, message, "Leave `delivery` out if messages must not be lost.")
        sinks = {target.sink for target in route.to if not isinstance(configuration.sinks[target.sink].options, ViewSinkOptions)}
        if waiting and len(sinks) > 1:
            names = ", ".join(f"`{sink}`" for sink in sorted(sinks))
            message = f"The slowest of {names} sets the pace: a message from `{waiting[0]}` is done when every one has it."
            yield Severity.NOTE, Finding(code="slowest_sink", path=path, message=message, at_key=not route.delivery)


def _connections(subject: Lint) -> Found:
    """What connections give away, or take from each other."""
    configuration = subject.configuration
    clients: dict[tuple[str | None, str], str] = {}
    entries: list[tuple[str, str, ConnectorOptions]] = [("sources", name, source.options) for name, source in configuration.sources.items()]
    entries += [("sinks", name, sink.options) for name, sink in configuration.sinks.items()]
    for kind, name, options in entries:
        if not isinstance(options, MqttOptions):
            continue
        path = (kind, name)
        client = (options.endpoint(), options.client_id or f"{configuration.name}-{name}")
        if client in clients:
            message = f"`{clients[client]}` has the same client id `{client[1]}` at the same broker: they throw each other out for ever."
            yield _warning("same_client_id", path, message, "Give each its own `client_id` or name.", at_key=True)
        clients[client] = f"{kind}.{name}"
        if options.scheme == "mqtt" and not options.is_loopback:
            what = "The password and all messages go" if options.password else "All messages go"
            yield _warning("plain_text", (*path, "url"), f"{what} over the network in clear.", "Use `mqtts://` if the broker can.")


def _overlapping_subscriptions(subject: Lint) -> Found:
    """Two subscriptions of one source that match the same topics: brokers may deliver such messages twice (MQTT 5 §3.3.4)."""
    for name, entry in subject.configuration.sources.items():
        topics = entry.options.topics if isinstance(entry.options, MqttSourceOptions) else []
        for index, topic in enumerate(topics[:500]):
            earlier = next((other for other in topics[:index] if _intersects(other, topic)), None)
            if earlier is not None:
                message = f"`{earlier}` matches some of the same topics: the broker may deliver such messages twice."
                yield _warning("overlapping_topics", ("sources", name, "topics", index), message, "Subscribe to filters that do not overlap.")


_RULES: tuple[Callable[[Lint], Found], ...] = (
    _dead_routes,
    _unreachable_routes,
    _unrouted_topics,
    _loops,
    _same_output,
    _unused,
    _delivery,
    _connections,
    _overlapping_subscriptions,
)
