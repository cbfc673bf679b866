"""Stateful steps that do what they were told, and not what was meant: names that belong to another message, and values that nothing keeps."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pronubes.config.delivery import delivery_of
from pronubes.config.findings import Finding, Path
from pronubes.config.model import Configuration, Route
from pronubes.diagnostics import Severity
from pronubes.stateful import Stateful
from pronubes.transforms import Step

__all__ = ["state_rules"]

Found = Iterator[tuple[Severity, Finding]]

_PLACEHOLDER = re.compile(r"\{([^}]*)\}")
# What leaves these is made of several messages.
_MAKES = ("window", "combine")
# What leaves these may have been held back; that of other stateful steps is the message that is there.
_HOLDS = ("throttle", "swinging_door", "debounce", "stale")


def state_rules(configuration: Configuration) -> Found:
    """Topics that have captures of another message, and values that are acknowledged while a step holds them."""
    for name, route in configuration.routes.items():
        stateful = [(index, verb, state) for index, step in enumerate(route.steps) if (verb := _verb(step)) and (state := _state(step, verb))]
        for index, verb, state in stateful:
            if state.by is not None:
                yield from _names(name, route, index, verb, state.by)
        keeping = [(index, verb) for index, verb, _ in stateful if verb != "stale"]
        if keeping and _is_promised(configuration, route):
            yield _unsaved(name, keeping, configuration.state.save_every)


def _verb(step: Step) -> str | None:
    return next((verb for verb in (*_MAKES, *_HOLDS) if getattr(step, verb) is not None), None)


def _state(step: Step, verb: str) -> Stateful | None:
    """Return the arguments of a step that lets go later than it takes; none where it does not."""
    state: Stateful = getattr(step, verb)
    return None if step.throttle is not None and step.throttle.keep == "first" else state


def _names(name: str, route: Route, index: int, verb: str, by: list[str]) -> Found:
    """Topics with captures that messages of one key do not share."""
    foreign = _captures(route) - set(by)
    templates: list[tuple[Path, str | None]] = []
    if any(target.topic is None for target in route.to):
        templates.append((("routes", name, "topic") if route.topic is not None else ("routes", name, "steps", index, verb), route.topic))
    templates += [(("routes", name, "to", number, "topic"), target.topic) for number, target in enumerate(route.to) if target.topic is not None]
    for path, template in templates:
        if template is not None:
            wrong = next((one for one in _PLACEHOLDER.findall(template) if one in foreign), None)
            if wrong is not None:
                hint = f"Put `{wrong}` into `by`, or leave `{{{wrong}}}` out of the topic."
                yield _warning(path, f"`{wrong}` is not in `by` of `{verb}`: {_whose(verb)}.", hint)
        elif not _is_one_topic(route, by) and not any(step.python is not None for step in route.steps[index:]):
            own = "/".join(["..."] + [f"{{{one}}}" for one in by])
            yield _warning(path, f"This route has no `topic`: {_whose(verb)}.", f"Give it a `topic` of captures in `by`, such as `{own}`.")


def _is_one_topic(route: Route, by: list[str]) -> bool:
    """Tell whether all messages of a key have the same topic."""
    levels = (route.filter or "#").split("/")
    return "+" not in levels and "#" not in levels and _captures(route) <= set(by)


def _captures(route: Route) -> set[str]:
    return {name.removesuffix("#") for name in _PLACEHOLDER.findall(route.filter or "")}


def _whose(verb: str) -> str:
    if verb in _MAKES:
        return "what leaves is made of several messages and has the topic of one of them"
    return "what leaves later has the topic of the first message of its key, not its own"


def _warning(path: Path, message: str, hint: str) -> tuple[Severity, Finding]:
    return Severity.WARNING, Finding(code="topic_beyond_by", path=path, message=message, hint=hint, at_key=path[-1] != "topic")


def _is_promised(configuration: Configuration, route: Route) -> bool:
    """Tell whether messages are acknowledged only when they are safe."""
    sources = [configuration.sources[source] for source in route.from_ or configuration.sources]
    classes = {(delivery_of(route, source), source.options.default_delivery()) for source in sources}
    return any(chosen == "durable" or (chosen == "through" and own == "durable") for chosen, own in classes)


def _unsaved(name: str, keeping: list[tuple[int, str]], save_every_s: float) -> tuple[Severity, Finding]:
    index, verb = keeping[0]
    message = (
        f"What waits in `{verb}` is acknowledged and in no log: a kill -9 or a power cut loses what it took "
        f"since states were saved last, {save_every_s:g} s or so ago."
    )
    hint = "Shorten `state: {save_every: ...}`. If no value may be lost, send them to a sink by a route without such a step, too."
    path: Path = ("routes", name, "steps", index, verb)
    return Severity.NOTE, Finding(code="held_in_memory", path=path, message=message, hint=hint, at_key=True)
