"""`pronubes init`: writes a configuration that passes `check` and runs, with comments that say what to change.

It asks when a terminal is there and takes arguments otherwise; it writes over nothing without `--force`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import DEFAULT_CONFIG
from pronubes.config.traps import quoted

__all__ = ["Answers", "configure", "run", "write_configuration"]

SINKS = ("uns", "sqlite", "ndjson", "stdout")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Answers:
    """What the configuration is made from.

    Attributes:
        name: The node's name.
        broker: The address of the MQTT broker; empty without one.
        topics: What to subscribe to there.
        modbus: The address of a Modbus device; empty without one.
        plc: The tag list of the device.
        sinks: Where messages go: some of `SINKS`.
        prefix: What the topics of the namespace begin with.
    """

    name: str
    broker: str = ""
    topics: tuple[str, ...] = ()
    modbus: str = ""
    plc: str = ""
    sinks: tuple[str, ...] = ("stdout",)
    prefix: str = "acme/site1"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("file", nargs="?", default=DEFAULT_CONFIG, metavar="FILE", help=f"The file to write (default: {DEFAULT_CONFIG}).")
    parser.add_argument("--name", help="The node's name (default: that of the folder).")
    parser.add_argument("--broker", metavar="URL", help="The MQTT broker, such as mqtt://127.0.0.1:1883.")
    parser.add_argument("--topics", metavar="FILTER", nargs="+", help="What to subscribe to there (default: raw/#).")
    parser.add_argument("--modbus", metavar="URL", help="A Modbus TCP device, such as tcp://127.0.0.1:502.")
    parser.add_argument("--plc", metavar="CSV", help="The tag list of the device (default: tags.csv).")
    parser.add_argument("--sink", choices=SINKS, nargs="+", help="Where messages go (default: uns with a broker, else stdout).")
    parser.add_argument("--prefix", help="What the topics of the namespace begin with (default: acme/site1).")
    parser.add_argument("--force", action="store_true", help="Write over a file that is there.")


def run(arguments: argparse.Namespace) -> int:
    """Write the configuration."""
    path = Path(arguments.file)
    given = any((arguments.broker, arguments.modbus, arguments.plc, arguments.sink))
    if not given and sys.stdin.isatty():
        _ask(arguments, input)
    answers = _answers(arguments, default_name=path.resolve().parent.name)
    if re.search(r"[+#\x00]|//", answers.prefix):
        sys.stderr.write(f"`{answers.prefix}` cannot begin a topic: leave out `+`, `#` and empty levels.\n")
        return ExitCode.USAGE
    text = write_configuration(answers)
    try:
        with path.open("w" if arguments.force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        sys.stderr.write(f"`{path}` is there already. Name another file, or write over it with `--force`.\n")
        return ExitCode.FAILED
    except OSError as error:
        sys.stderr.write(f"`{path}` cannot be written: {(error.strerror or str(error)).lower()}.\n")
        return ExitCode.UNAVAILABLE
    sys.stdout.write(f"Wrote `{path}`. Next:  pronubes check {path}   then   pronubes run {path}\n")
    if answers.modbus and not (path.parent / answers.plc).exists():
        sys.stdout.write(f"The tag list `{answers.plc}` is not there yet: docs/how-to/modbus.md says what stands in it.\n")
    return ExitCode.OK


def _ask(arguments: argparse.Namespace, ask: Callable[[str], str]) -> None:
    """Ask for what was not given; an empty answer takes what stands in brackets."""
    arguments.broker = ask("MQTT broker [mqtt://127.0.0.1:1883, - for none]: ").strip() or "mqtt://127.0.0.1:1883"
    arguments.broker = "" if arguments.broker == "-" else arguments.broker
    if arguments.broker:
        arguments.topics = ask("Topics to subscribe to [raw/#]: ").split() or ["raw/#"]
    arguments.modbus = ask("Modbus TCP device, such as tcp://10.0.0.5:502 [none]: ").strip()
    if arguments.modbus:
        arguments.plc = ask("Its tag list [tags.csv]: ").strip() or "tags.csv"
    default = "uns" if arguments.broker else "stdout"
    wanted = ask(f"Where messages go, some of {', '.join(SINKS)} [{default}]: ").replace(",", " ").split()
    arguments.sink = [sink for sink in wanted if sink in SINKS] or [default]
    arguments.prefix = ask("What topics of the namespace begin with [acme/site1]: ").strip() or "acme/site1"


def _answers(arguments: argparse.Namespace, *, default_name: str) -> Answers:
    broker = arguments.broker or ("" if arguments.modbus or arguments.plc else "mqtt://127.0.0.1:1883")
    modbus = arguments.modbus or ("tcp://127.0.0.1:502" if arguments.plc else "")
    wanted = tuple(arguments.sink or (("uns",) if broker else ("stdout",)))
    name = _NOT_IN_NAMES.sub("-", arguments.name or default_name).strip("-0123456789") or "node"
    return Answers(
        name=name[:64],
        broker=broker,
        topics=tuple(arguments.topics or ("raw/#",)) if broker else (),
        modbus=modbus,
        plc=arguments.plc or "tags.csv" if modbus else "",
        sinks=tuple(sink for sink in wanted if sink != "uns" or broker) or ("stdout",),
        prefix=(arguments.prefix or "acme/site1").strip("/"),
    )


def write_configuration(answers: Answers) -> str:
    """Write the text of the configuration."""
    parts = [_HEAD.format(name=f"{'name: ' + answers.name:<31}", prefix=f"{'  prefix: ' + quoted(answers.prefix):<31}")]
    parts.append(_sources(answers))
    parts.append(_sinks(answers))
    parts.append(_routes(answers))
    return "\n".join(parts)


_HEAD = """\
# What one pronubes node does. Check it:  pronubes check    Run it:  pronubes run
# Editors complete keys with:  pronubes schema > pronubes.schema.json
# yaml-language-server: $schema=pronubes.schema.json
version: 1
{name} # stands in client ids and logs: each node needs its own

vars:
{prefix} # what every topic of the namespace begins with
"""


def _sources(answers: Answers) -> str:
    lines = ["sources:                        # where messages come from"]
    if answers.broker:
        topics = ", ".join(quoted(topic) for topic in answers.topics)
        lines += ["  shopfloor:", "    type: mqtt", f"    url: {quoted(answers.broker)}"]
        lines += _plaintext(answers.broker)
        lines += [f"    topics: [{topics}]", "    qos: 1                      # acknowledged when the message is on the disk"]
        lines += ["    # username: plant", "    # password: ${env:BROKER_PASSWORD}     # a reference, never the password itself"]
    if answers.modbus:
        lines += ["  plc:", "    type: modbus", f"    url: {quoted(answers.modbus)}", f"    tags: {quoted(answers.plc)}"]
        lines += _plaintext(answers.modbus)
        lines += ["    topic: raw/{source}/{tag}   # the topic of each tag's value"]
    return "\n".join(lines) + "\n"


def _plaintext(url: str) -> list[str]:
    host = re.sub(r"^\w+://|:\d+$", "", url)
    is_open = not url.startswith("mqtts://") and host not in ("127.0.0.1", "localhost", "[::1]")
    return ["    allow_plaintext: true       # not encrypted and not this machine: use mqtts:// if the broker can"] if is_open else []


def _sinks(answers: Answers) -> str:
    lines = ["sinks:                          # where messages go"]
    for sink in answers.sinks:
        if sink == "uns":
            lines += ["  uns:", "    type: mqtt", f"    url: {quoted(answers.broker)}", *_plaintext(answers.broker), "    qos: 1"]
        elif sink == "sqlite":
            lines += ["  historian:", "    type: sqlite", "    path: data/history.db"]
        elif sink == "ndjson":
            lines += ["  archive:", "    type: ndjson", "    path: data/messages.ndjson", "    rotate: 64MiB"]
        else:
            lines += ["  screen: {type: stdout}"]
    return "\n".join(lines) + "\n"


_NAMES = {"uns": "uns", "sqlite": "historian", "ndjson": "archive", "stdout": "screen"}


def _routes(answers: Answers) -> str:
    targets = ", ".join(_NAMES[sink] for sink in answers.sinks)
    lines = ["routes:                         # what happens in between; a message goes through every route that matches"]
    for number, topic in enumerate(answers.topics, 1):
        lines += _route(f"all_{number}" if len(answers.topics) > 1 else "all", "shopfloor", topic, targets)
    if answers.modbus:
        lines += _route("plc_values", "plc", "raw/plc/#", targets)
    return "\n".join(lines) + "\n"


def _route(name: str, source: str, topic: str, targets: str) -> list[str]:
    pattern, template = _named(topic)
    return [
        f"  {name}:",
        f"    from: {source}",
        f"    filter: {quoted(pattern)}",
        '    # where: payload.quality == "GOOD"            # take only these messages',
        "    # steps:                                     # change the payload, in order",
        "    #   - rename: {ts: timestamp_ms}",
        "    #   - scale: {field: value, factor: 1.8, offset: 32}",
        f"    topic: {quoted('${prefix}/' + template)}",
        f"    to: [{targets}]",
    ]


def _named(topic: str) -> tuple[str, str]:
    """Give the wildcards of a filter names, so that the topic can use them."""
    levels, kept = [], []
    for number, level in enumerate(topic.split("/"), 1):
        name = "rest" if level == "#" else f"level{number}"
        levels.append(f"{{{name}#}}" if level == "#" else f"{{{name}}}" if level == "+" else level)
        if level in ("+", "#"):
            kept.append(f"{{{name}}}")
    return "/".join(levels), "/".join(kept) or topic
