"""What is allowed and will surprise: routes that see nothing, messages that come back, names that nobody uses.

One rule is one function over a `Lint`; `_RULES` lists them. A rule yields findings with their severity: the configuration is right when it
comes here. A rule compares filters through an index, never in pairs, and one that still takes too long ends with a note that says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from pronubes.config.contracts import unsettled
from pronubes.config.delivery import delivery_of
from pronubes.config.filter_index import FilterIndex, Steps, TooManySteps
from pronubes.config.findings import Finding, Path
from pronubes.config.lint_namespace import namespace_rules
from pronubes.config.lint_shapes import shape_rules
from pronubes.config.lint_states import state_rules
from pronubes.config.load import Loaded, in_order
from pronubes.config.model import Configuration, Route
from pronubes.connectors.mqtt_options import MqttOptions, MqttSourceOptions
from pronubes.connectors.options import ConnectorOptions, SourceOptions, TagSourceOptions, ViewSinkOptions
from pronubes.diagnostics import Diagnostic, Severity

__all__ = ["lint"]

Found = Iterator[tuple[Severity, Finding]]
Rule = Callable[["Lint"], Found]
_PLACEHOLDER = re.compile(r"\{([^}]*)\}")
_ANY = "#"
_SHOWN = 20


def lint(loaded: Loaded) -> list[Diagnostic]:
    """List warnings and notes about a configuration that is right."""
    subject = Lint(loaded)
    by_severity: dict[Severity, list[Finding]] = {}
    for rule in _RULES:
        for severity, finding in _patiently(rule, subject):
            by_severity.setdefault(severity, []).append(finding)
    places = loaded.places
    found = [places.diagnostic(one, severity=severity) for severity, all_ in by_severity.items() for one in places.origins.condensed(all_)]
    return in_order(found)


def _patiently(rule: Rule, subject: Lint) -> Found:
    try:
        yield from rule(subject)
    except TooManySteps:
        what = (rule.__doc__ or "").partition(".")[0]
        message = f"There are too many overlapping filters to look at them all. Not looked for any further: {what[0].lower()}{what[1:]}."
        yield Severity.NOTE, Finding(code="lint_incomplete", path=("routes",), message=message, at_key=True)


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
    def takers(self) -> dict[str, FilterIndex]:
        """Filters of the routes that take from each source, with the routes' positions."""
        takers: dict[str, FilterIndex] = {source: FilterIndex() for source in self.configuration.sources}
        for index, (_, route, sources) in enumerate(self.routes):
            for source in sources:
                takers[source].add(_filter_of(route), index)
        return takers

    @cached_property
    def subscriptions(self) -> dict[str, FilterIndex]:
        """Filters of what MQTT sources subscribe to, with their positions."""
        return {
            source: _index_of(entry.options.topics)
            for source, entry in self.configuration.sources.items()
            if isinstance(entry.options, MqttSourceOptions)
        }

    @cached_property
    def used_texts(self) -> str:
        """The file without its `vars`, for finding names in it."""
        return repr({key: value for key, value in self.loaded.values.items() if key != "vars"})


def _intersects(left: str, right: str) -> bool:
    from pronubes.config.compile import intersects

    return intersects(left, right)


def _index_of(filters: Iterable[str]) -> FilterIndex:
    index = FilterIndex()
    for position, text in enumerate(filters):
        index.add(text, position)
    return index


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
    """A route behind `final` ones that take all it could take."""
    ends: dict[str, FilterIndex] = {}
    steps = Steps()
    for index, (name, route, sources) in enumerate(subject.routes):
        if not route.otherwise:
            found = [ends[source].covering(_filter_of(route), steps) if source in ends else None for source in sources]
            positions = sorted({position for position in found if position is not None})
            if positions and None not in found:
                names = " and ".join(f"`{subject.routes[position][0]}`" for position in positions)
                takes, is_ = ("takes", "is") if len(positions) == 1 else ("take", "are")
                message = f"This route never sees a message: {names} {takes} them all before and {is_} `final`."
                yield _warning("dead_route", ("routes", name), message, f"Put it before {names}, or remove `final` there.", at_key=True)
        if route.final and route.where is None and not route.otherwise:
            for source in sources:
                ends.setdefault(source, FilterIndex()).add(_filter_of(route), index)


def _unreachable_routes(subject: Lint) -> Found:
    """A route whose filter matches nothing that its sources can hand in."""
    known = {source: subject.filters_of(source) for source in subject.configuration.sources}
    handed_in = {source: _index_of(filters) for source, filters in known.items() if filters is not None}
    steps = Steps()
    for name, route, sources in subject.routes:
        if route.filter is None or not sources or any(source not in handed_in for source in sources):
            continue
        if all(handed_in[source].meeting(route.filter, steps) is None for source in sources):
            topics = [f"`{topic}`" for source in sources for topic in known[source] or ()]
            hint = f"Its sources hand in {', '.join(topics[:_SHOWN])}{' and more' if len(topics) > _SHOWN else ''}."
            yield _warning("unreachable_route", ("routes", name, "filter"), "No topic of this route's sources can match this filter.", hint)


def _unrouted_topics(subject: Lint) -> Found:
    """A subscription of which no route takes anything."""
    taken = {source for _, _, sources in subject.routes for source in sources}
    caught = {source for _, route, sources in subject.routes if route.otherwise for source in sources}
    steps = Steps()
    for source, entry in subject.configuration.sources.items():
        if source not in taken:
            yield _warning("unused_source", ("sources", source), f"No route takes from `{source}`.", at_key=True)
            continue
        topics = entry.options.topics if isinstance(entry.options, MqttSourceOptions) and source not in caught else ()
        for index, topic in enumerate(topics):
            if subject.takers[source].meeting(topic, steps) is None:
                message = "No route takes anything of this subscription: its messages are counted as unrouted."
                hint = "Add a route, or leave the subscription out."
                yield _warning("unrouted_topic", ("sources", source, "topics", index), message, hint)


def _loops(subject: Lint) -> Found:
    """A route that publishes to where its own source subscribes."""
    configuration, steps = subject.configuration, Steps()
    for name, route, sources in subject.routes:
        for index, target in enumerate(route.to):
            endpoint = configuration.sinks[target.sink].options.endpoint()
            template, taken = target.topic or route.topic or _filter_of(route), _filter_of(route)
            for source in sources:
                options = configuration.sources[source].options
                if endpoint is None or options.endpoint() != endpoint or not isinstance(options, MqttSourceOptions):
                    continue
                output = _output_filter(template, taken)
                if subject.subscriptions[source].meeting(output, steps) is None:
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
    # By sink, template and source: the routes so far, first those without a condition, then those with one. Routes that are `final` or
    # `otherwise` share no message with those behind them.
    seen: dict[tuple[str, str, str], tuple[FilterIndex, FilterIndex]] = {}
    steps = Steps()
    for index, (name, route, sources) in enumerate(subject.routes):
        for target in route.to:
            template = target.topic or route.topic or f"={_filter_of(route)}"
            groups = [seen.setdefault((target.sink, template, source), (FilterIndex(), FilterIndex())) for source in sources]
            if not route.otherwise:
                earlier = [part for free, bound in groups for part in ((free, bound) if route.where is None else (free,))]
                found = (part.meeting(_filter_of(route), steps) for part in earlier)
                other = next((position for position in found if position not in (None, index)), None)
                if other is not None:
                    message = f"`{subject.routes[other][0]}` sends the same messages to the same topic of `{target.sink}`."
                    hint = "Tell the two apart by `where`, or make the first `final`."
                    yield _warning("same_topic", ("routes", name), message, hint, at_key=True)
            if not (route.final or route.otherwise):
                for free, bound in groups:
                    (free if route.where is None else bound).add(_filter_of(route), index)


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
        classes = {source: delivery_of(route, configuration.sources[source]) for source in sources}
        waiting = [source for source, chosen in classes.items() if chosen == "through"]
        path: Path = ("routes", name, "delivery") if route.delivery else ("routes", name)
        for source in sources:
            options = configuration.sources[source].options
            sends_again = options.default_delivery() == "durable"
            if classes[source] == "durable":
                yield from _durable(source, options, path)
            if route.delivery == "through" and not sends_again:
                message = f"`through` saves nothing here: `{source}` does not send again what was not confirmed."
                yield _warning("through_without_effect", path, message, "Subscribe with `qos: 1`, or leave `delivery` out.")
            if route.delivery in ("volatile", "spill") and sends_again:
                message = f"`{source}` is told at once that a message is done: it is lost when this node fails."
                yield _warning("volatile", path, message, "Leave `delivery` out if messages must not be lost.")
        sinks = {target.sink for target in route.to if not isinstance(configuration.sinks[target.sink].options, ViewSinkOptions)}
        if waiting and len(sinks) > 1:
            names = ", ".join(f"`{sink}`" for sink in sorted(sinks))
            message = f"The slowest of {names} sets the pace: a message from `{waiting[0]}` is done when every one has it."
            yield Severity.NOTE, Finding(code="slowest_sink", path=path, message=message, at_key=not route.delivery)


def _durable(source: str, options: SourceOptions, path: Path) -> Found:
    """What a source does that breaks the promise of `durable` before a message is here."""
    if not isinstance(options, MqttSourceOptions):
        return
    if options.qos == 0:
        message = f"`durable` begins too late: `{source}` subscribes with QoS 0, so the broker does not wait for this node."
        yield _warning("durable_qos_0", path, message, f"Give `{source}` `qos: 1`.")
    elif options.starts_clean:
        message = f"`{source}` starts clean: what is published while this node is away is not kept by the broker."
        yield _warning("durable_clean_start", ("sources", source, "clean_start"), message, "Leave `clean_start` out.")


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
    steps = Steps()
    for name, entry in subject.configuration.sources.items():
        topics = entry.options.topics if isinstance(entry.options, MqttSourceOptions) else []
        index = FilterIndex()
        for position, topic in enumerate(topics):
            earlier = index.meeting(topic, steps)
            index.add(topic, position)
            if earlier is not None:
                message = f"`{topics[earlier]}` matches some of the same topics: the broker may deliver such messages twice."
                yield _warning("overlapping_topics", ("sources", name, "topics", position), message, "Subscribe to filters that do not overlap.")


def _templates(subject: Lint) -> Found:
    """Templates that make nothing, and parameters that change nothing."""
    configuration = subject.configuration
    used = {instance.template for instance in configuration.instances}
    for template in configuration.templates:
        if template not in used:
            message = f"No instance uses the template `{template}`: what it would make is not checked."
            yield _warning("unused_template", ("templates", template), message, at_key=True)
    for template, parameter in subject.loaded.places.origins.unused:
        path: Path = ("templates", template, "parameters", parameter)
        yield _warning("unused_parameter", path, f"Nothing in the template uses the parameter `{parameter}`.", at_key=True)


def _contracts(subject: Lint) -> Found:
    """Contracts that are not settled: drafts, deprecated ones, and versions that nobody locked."""
    for finding in unsettled(subject.configuration, subject.loaded.contracts):
        yield Severity.WARNING, finding


def _namespace(subject: Lint) -> Found:
    """Anti-patterns of namespaces."""
    return namespace_rules(subject.loaded)


def _shapes(subject: Lint) -> Found:
    """Shapes that say less than is known."""
    return shape_rules(subject.configuration)


def _states(subject: Lint) -> Found:
    """Stateful steps whose names belong to another message, or that hold what nothing keeps."""
    return state_rules(subject.configuration)


def _strays(subject: Lint) -> Found:
    """Rows of tables of names whose tag the source does not have."""
    from pronubes.config.tag_names import stray_names

    for name, source in subject.configuration.sources.items():
        if source.naming is not None and isinstance(source.options, TagSourceOptions):
            for message, hint in stray_names(source.naming, source.options.tag_list(subject.loaded.base_dir)):
                yield _warning("stray_name", ("sources", name, "names"), message, hint, at_key=True)


_RULES: tuple[Rule, ...] = (
    _namespace,
    _dead_routes,
    _unreachable_routes,
    _unrouted_topics,
    _loops,
    _same_output,
    _unused,
    _delivery,
    _connections,
    _overlapping_subscriptions,
    _templates,
    _contracts,
    _shapes,
    _states,
    _strays,
)
