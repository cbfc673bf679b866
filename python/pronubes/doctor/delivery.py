"""What the configuration makes of its own promise: classes of delivery against QoS, sessions and names of clients. Needs nothing but the file."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pronubes.connectors.mqtt_options import MqttSourceOptions
from pronubes.doctor.finding import Finding, Level, duration
from pronubes.doctor.needs import mqtt_ends

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pronubes.config.load import Loaded
    from pronubes.doctor.needs import Needs

__all__ = ["look_at_delivery"]

SHORT_S = 3600.0
"""A session that is kept for less does not survive a night."""
PROMISING = ("durable", "through")


def look_at_delivery(loaded: Loaded, needs: Needs) -> Iterator[Finding]:
    """Look at every MQTT source, and at the names of all MQTT clients."""
    for name, source in loaded.configuration.sources.items():
        if isinstance(source.options, MqttSourceOptions):
            promised = [one for one in PROMISING if one in needs.classes.get(name, frozenset())]
            yield from _source(f"source {name}", source.options, promised)
    yield from _client_ids(loaded)


def _source(where: str, options: MqttSourceOptions, promised: list[str]) -> Iterator[Finding]:
    if not promised:
        yield Finding("delivery", where, Level.OK, f"QoS {options.qos}", "Nothing is promised to this source that its QoS could break.")
        return
    kind = f"`{promised[0]}`"
    if options.qos == 0:
        meaning = f"At QoS 0 the broker keeps nothing and asks for nothing: {kind} keeps what arrives, and what does not arrive nobody knows of."
        yield Finding("delivery", where, Level.BAD, f"QoS 0 with {kind}", meaning, "Add `qos: 1` to the source.")
    elif options.starts_clean:
        meaning = "The broker forgets the session with each connection: what comes while the node is away is lost."
        yield Finding("delivery", where, Level.WARN, f"QoS 1 with {kind}, clean start", meaning, "Leave `clean_start` out.")
    elif options.version == "5" and options.session_expiry < SHORT_S:
        figure = f"QoS 1 with {kind}, session kept for {duration(options.session_expiry)}"
        meaning = "What comes while the node is away for longer is lost."
        yield Finding("delivery", where, Level.WARN, figure, meaning, "Raise `session_expiry`.")
    else:
        kept = duration(options.session_expiry) if options.version == "5" else "as long as the broker likes"
        meaning = "What comes while the node is away waits at the broker, as far as its queue goes (mosquitto: `max_queued_messages`, 1,000)."
        yield Finding("delivery", where, Level.OK, f"QoS 1 with {kind}, session kept for {kept}", meaning)


def _client_ids(loaded: Loaded) -> Iterator[Finding]:
    configuration = loaded.configuration
    users: defaultdict[tuple[str | None, str], list[str]] = defaultdict(list)
    for _, name, options in mqtt_ends(configuration):
        users[options.endpoint(), options.client_id or f"{configuration.name}-{name}"].append(name)
    for (endpoint, client_id), names in users.items():
        if len(names) > 1:
            meaning = "They throw each other out of the broker, again and again."
            figure = f"`{client_id}` at {endpoint} for {', '.join(f'`{name}`' for name in names)}"
            yield Finding("delivery", "client ids", Level.BAD, figure, meaning, "Give each a `client_id` of its own.")
