"""`pronubes explain`: what a configuration does with one message, route by route and step by step.

It runs the same compiled plan as `run`, without any I/O, so it can be asked anywhere, about any topic.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_config_argument, add_json_argument, print_json, printable

if TYPE_CHECKING:
    from rich.text import Text

    from pronubes.config.load import Loaded

__all__ = ["configure", "render", "run"]

Document = Mapping[str, Any]  # Any: a JSON document
_MOST_PAYLOAD = 1 << 20
_EPILOG = """\
examples:
  pronubes explain raw/filling/l1/plc1/temp/t1 '{"value": 20.5, "quality": "GOOD"}'
  mosquitto_sub -C 1 -t raw/x | pronubes explain raw/x -
"""
_FATES = {
    "passed": "green",
    "filtered": "yellow",
    "absorbed": "yellow",
    "hook": "cyan",
    "quarantined": "red",
    "rejected": "red",
    "skipped": "bright_black",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("topic", metavar="TOPIC", help="The topic of the message.")
    parser.add_argument("payload", metavar="PAYLOAD", nargs="?", default="{}", help="Its payload; `-` reads standard input (default: {}).")
    add_config_argument(parser)
    parser.add_argument("--source", metavar="NAME", help="The source it comes from (default: the first that can hand in the topic).")
    parser.add_argument("--received-ms", metavar="MS", type=int, help="When it comes, in milliseconds since 1970 (default: now).")
    parser.add_argument("--qos", type=int, choices=(0, 1, 2), default=0, help="The quality of service it comes with (default: 0).")
    parser.add_argument("--retain", action="store_true", help="The broker had kept it.")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Explain the message."""
    from pronubes.config.compile import compile_router
    from pronubes.config.load import load
    from pronubes.config.sources import source_for
    from pronubes.router import Router

    loaded = load(arguments.config)
    source = arguments.source or source_for(loaded, arguments.topic)
    if source not in loaded.configuration.sources:
        known = ", ".join(loaded.configuration.sources) or "none"
        sys.stderr.write(f"There is no source `{source}`. Sources: {known}.\n" if source else "The configuration has no source.\n")
        return ExitCode.USAGE
    payload = sys.stdin.buffer.read(_MOST_PAYLOAD + 1) if arguments.payload == "-" else arguments.payload.encode(errors="surrogateescape")
    now_ns = None if arguments.received_ms is None else arguments.received_ms * 1_000_000
    router = Router(compile_router(loaded))
    explanation = router.explain(source, arguments.topic, payload, now_ns=now_ns, qos=arguments.qos, retain=arguments.retain)
    _add_origins(explanation, loaded)
    if arguments.json:
        print_json(explanation)
    else:
        _print(render(explanation, loaded.values.get("routes", {})))
    is_good = explanation["is_taken"] and all(route["fate"] not in {"quarantined", "rejected"} for route in explanation["routes"])
    return ExitCode.OK if is_good else ExitCode.FAILED


def _add_origins(explanation: dict[str, Any], loaded: Loaded) -> None:  # Any: a JSON document
    """Say of the source and each route that a template made for which machine, and where its values come from."""
    made = [("sources", explanation["source"], explanation), *(("routes", route["route"], route) for route in explanation["routes"])]
    for kind, name, part in made:
        origin = loaded.places.origins.of(kind, name)
        if origin is not None:
            parameters = [{"name": one.name, "value": one.value, "origin": one.origin} for one in origin.parameters]
            part["origin"] = {"template": origin.template, "machine": origin.place, "parameters": parameters}


def _print(lines: Iterator[Text]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    for line in lines:
        console.print(line, soft_wrap=True)


def render(explanation: Document, routes: Mapping[str, Any]) -> Iterator[Text]:  # Any: what the configuration says
    """Write an explanation for people, line by line.

    Args:
        explanation: What the router says.
        routes: The routes as they are written, for the words of their steps.
    """
    yield _line(("", f"{explanation['topic']}"), ("bright_black", f"  from {explanation['source']}  "), ("", explanation["payload"]))
    if "origin" in explanation:
        yield from _origin(explanation["origin"])
    if explanation["rejected"]:
        yield _line(("red", f"rejected: {explanation['rejected']}"))
    for route in explanation["routes"]:
        yield _line()
        yield from _route(route, routes.get(route["route"], {}))
    if not explanation["is_taken"] and not explanation["rejected"]:
        yield _line()
        yield _line(("yellow", "unrouted: no route takes this message."))
    if explanation["near_misses"] and not explanation["is_taken"]:
        yield _line(("bright_black", "Routes that do not match:"))
        for miss in explanation["near_misses"]:
            yield _near_miss(miss)


def _near_miss(miss: Document) -> Text:
    found = "the topic has ended there" if miss["found"] is None else f"the topic has `{miss['found']}`"
    expected = f"`{miss['expected']}`" if miss["expected"] else "nothing more"
    return _line(("", f"  {miss['route']}  {miss['filter']}"), ("bright_black", f"  level {miss['level']}: {expected} is wanted, {found}"))


def _route(route: Document, written: Document) -> Iterator[Text]:
    title = f"{route['route']}  "
    yield _line(("bold", title), ("", route["filter"] or "(every topic)"), (_FATES.get(route["fate"], ""), f"  {route['fate']}"))
    if "origin" in route:
        yield from _origin(route["origin"])
    if route["captures"]:
        yield _line(("bright_black", "  captures  "), ("", "  ".join(f"{one['name']}={one['value']}" for one in route["captures"])))
    if route["skipped"]:
        yield _line(("bright_black", f"  {route['skipped']}"))
    condition = route["condition"]
    if condition:
        value = condition["reason"] or str(condition["holds"]).lower()
        yield _line(("bright_black", "  where     "), ("", condition["text"]), ("green" if condition["holds"] else "yellow", f"  {value}"))
    yield from _verdicts(route, "expect")
    steps = written.get("steps", ())
    for step in route["steps"]:
        yield from _step(step, steps)
    yield from _verdicts(route, "contract")
    if route["not_shown"]:
        yield _line(("bright_black", f"  ... and {route['not_shown']} more"))
    yield from _end(route)


def _origin(origin: Document) -> Iterator[Text]:
    yield _line(("bright_black", "  template  "), ("", f"{origin['template']} for {origin['machine']}"))
    for one in origin["parameters"]:
        yield _line(("bright_black", "            "), ("", f"{one['name']} = {_json(one['value'])}"), ("bright_black", f"  {one['origin']}"))


def _json(value: Any) -> str:  # Any: a scalar
    import orjson

    return orjson.dumps(value).decode()


def _verdicts(route: Document, role: str) -> Iterator[Text]:
    for verdict in route["verdicts"]:
        if verdict["role"] != role:
            continue
        key = f" [{verdict['key']}]" if verdict["key"] is not None else ""
        violations = verdict["violations"]
        kept = ("yellow", f"  violated ({verdict['mode']})") if violations else ("green", "  kept")
        yield _line(("bright_black", f"  {role}{key}  "), ("", verdict["contract"]), kept)
        for one in violations:
            sentence = f"found {one['found']}, expected {one['expected']}"
            yield _line(("", f"            {one['field'] or 'payload'}  "), ("yellow", one["reason"]), ("", f"  {sentence}"))


def _step(step: Document, steps: Sequence[Any]) -> Iterator[Text]:
    words = _words(steps[step["step"]]) if step["step"] < len(steps) else ""
    key = f" [{step['key']}]" if step["key"] is not None else ""
    yield _line(
        ("bright_black", f"  step {step['step'] + 1}{key}  "), ("cyan", words), ("yellow", "" if step["held"] else "  (its `where` is false)")
    )
    if step["held"] and step["output"] is not None:
        yield _line(("bright_black", "            "), ("", step["output"]))


def _words(step: Document) -> str:
    import orjson

    beside = ("where", "from_scalar")
    verb = next((key for key in step if key not in beside), "")
    parts = [f"{verb}: {orjson.dumps(step.get(verb)).decode()}", *(f"{key}: {step[key]}" for key in beside if key in step)]
    return "  ".join(parts)


def _end(route: Document) -> Iterator[Text]:
    for emission in route["emitted"]:
        yield _line(("green", f"  -> {emission['sink']}  "), ("bold", emission["topic"]), ("", f"  {emission['payload']}"))
        if emission["branch"] is not None:
            owner = f", owner {emission['owner']}" if emission["owner"] is not None else ""
            yield _line(("bright_black", f"     branch {emission['branch']}{owner}"))
        if emission["taken_by"] is not None:
            yield _line(("yellow", f"     the name is that of {emission['taken_by']}: while the node runs this would be `name_collision`"))
    if route["hook"]:
        yield _line(("cyan", f"  -> Python  {route['hook']}"), ("bright_black", "  (explain does not run hooks)"))
    fault = route["quarantine"]
    if fault:
        where = f" at step {fault['step'] + 1}" if fault["step"] is not None else ""
        yield _line(("red", f"  -> quarantine{where}: {fault['reason']}"), ("", f"  {fault['detail']}"))
        yield _line(("", f"     {fault['text']} {fault['action']}"))
    if route["is_final"] and route["fate"] not in ("filtered", "skipped"):
        yield _line(("bright_black", "  final: later routes do not see the message"))


def _line(*parts: tuple[str, str]) -> Text:
    """Put a line together; what comes from outside may not move the cursor."""
    from rich.text import Text

    return Text.assemble(*((printable(text), style) for style, text in parts))
