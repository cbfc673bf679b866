"""What is allowed in a namespace and known to hurt later: device addresses as names, retained events, several owners, consumers of everything."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pronubes.config.findings import Finding, Path
from pronubes.config.load import Loaded
from pronubes.config.model import Configuration
from pronubes.connectors.mqtt_options import MqttSourceOptions
from pronubes.diagnostics import Severity

__all__ = ["namespace_rules"]

Found = Iterator[tuple[Severity, Finding]]
# Levels that are addresses of Siemens, IEC 61131-3, Modbus and OPC UA, not names.
_ADDRESS = re.compile(r"DB\d+(\.DB[BDWX]\d+(\.\d)?)?|%[IQM][XBWDL]?\d+(\.\d+)*|[MIQ][BWD]\d+|[0134]\d{4,5}|ns=\d+;[isgb]=.+|i=\d+")
_HAPPENINGS = re.compile(r"\b(events?|alarms?|commands?|cmd|requests?|setpoints?/set)\b")


def namespace_rules(loaded: Loaded) -> Found:
    """Anti-patterns of namespaces."""
    configuration = loaded.configuration
    yield from _addresses(configuration)
    yield from _retained_happenings(configuration)
    yield from _consumers_of_all(configuration)
    if configuration.namespace is not None:
        yield from _several_owners(configuration)
        yield from _nobodys(configuration)


def _warning(code: str, path: Path, message: str, hint: str, *, at_key: bool = False) -> tuple[Severity, Finding]:
    return Severity.WARNING, Finding(code=code, path=path, message=message, hint=hint, at_key=at_key)


def _names(configuration: Configuration) -> Iterator[tuple[Path, str, bool]]:
    """Templates of all routes with their places, and whether what leaves there is retained."""
    for name, route in configuration.routes.items():
        seen = set()
        for index, target in enumerate(route.to):
            text = target.topic or route.topic
            if text is None:
                continue
            path: Path = ("routes", name, "to", index, "topic") if target.topic else ("routes", name, "topic")
            default = bool(getattr(configuration.sinks[target.sink].options, "retain", False)) if target.sink in configuration.sinks else False
            is_retained = default if target.retain is None else target.retain
            if (path, is_retained) not in seen:
                seen.add((path, is_retained))
                yield path, text, is_retained


def _addresses(configuration: Configuration) -> Found:
    told = set()
    for path, text, _ in _names(configuration):
        address = next((level for level in text.split("/") if _ADDRESS.fullmatch(level)), None)
        if address is not None and path not in told:
            told.add(path)
            message = f"`{address}` is an address in a device, not a name: it changes with the next program."
            yield _warning("address_as_name", path, message, "Name what is measured; the address stays known as the origin in the catalogue.")


def _retained_happenings(configuration: Configuration) -> Found:
    told = set()
    for path, text, is_retained in _names(configuration):
        if is_retained and path not in told and _HAPPENINGS.search(text):
            told.add(path)
            message = "Events and commands are retained here: whoever connects later takes an old one for a new one."
            yield _warning("retained_event", path, message, "Say `retain: false` on this target.")


def _consumers_of_all(configuration: Configuration) -> Found:
    for name, source in configuration.sources.items():
        topics = source.options.topics if isinstance(source.options, MqttSourceOptions) else ()
        for index, topic in enumerate(topics):
            if topic == "#":
                message = "This takes everything of the broker: each message is checked and sent, also what no route wants."
                yield _warning("subscribes_to_all", ("sources", name, "topics", index), message, "Subscribe to the branches that routes take from.")


def _several_owners(configuration: Configuration) -> Found:
    from pronubes.config.compile import intersects

    namespace = configuration.namespace
    owned = [(text, branch.owner) for text, branch in namespace.branches.items() if branch.owner is not None] if namespace else []
    literal = {text: len(text.split("+")[0].split("#")[0].rstrip("/").split("/")) for text, _ in owned}
    by_literal: dict[int, list[tuple[str, str | None]]] = {}
    for text, owner in owned:
        earlier = by_literal.setdefault(literal[text], [])
        # Wildcards only: two literal branches of one length are two different ones.
        candidates = [one for one in earlier if "+" in text or "+" in one[0]][:1000]
        other = next((one for one in candidates if one[1] != owner and intersects(_subtree(one[0]), _subtree(text))), None)
        if other is not None:
            message = f"`{other[0]}` covers some of the same names and belongs to `{other[1]}`: nobody could say whose these are."
            hint = "Make one of the two begin with more literal levels, or give both one owner."
            yield _warning("several_owners", ("namespace", "branches", text), message, hint, at_key=True)
        earlier.append((text, owner))


def _subtree(text: str) -> str:
    return text if text == "#" or text.endswith("/#") else f"{text}/#"


def _nobodys(configuration: Configuration) -> Found:
    for text, branch in configuration.namespace.branches.items() if configuration.namespace else ():
        if not branch.publish:
            message = "Nobody may publish under this branch."
            yield _warning("closed_branch", ("namespace", "branches", text), message, "Name routes or sources in `publish`.", at_key=True)
