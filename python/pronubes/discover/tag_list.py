"""Writes what a tag list of a Modbus device says as a folder: a configuration that runs, a table of names, a contract per type and unit.

Ranges are those of the registers: what an `int16` times 0.1 can be at all. They catch swapped bytes and wrong types, not wrong values.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import orjson

from pronubes.connectors.modbus.blocks import scaled
from pronubes.connectors.modbus.tags import Tag
from pronubes.discover.draft import File
from pronubes.tables.writer import csv_text
from pronubes.tags.levels import escaped

__all__ = ["draft_of_tags", "signals"]

_PREFIX = "acme/plant1"
_SEPARATOR = re.compile(r"[_.]")
_WORD = re.compile(r"[^a-z0-9]+")
_BITS = {"int16": 16, "uint16": 16, "int32": 32, "uint32": 32, "int64": 64, "uint64": 64}


def draft_of_tags(tags: Sequence[Tag], text: str, *, url: str, file: str) -> list[File]:
    """Write the draft.

    Args:
        tags: The tags.
        text: The tag list, which the draft takes along.
        url: The device.
        file: What the list is called, for the heads of the files.
    """
    kinds: dict[str, list[Tag]] = {}
    for tag in tags:
        kinds.setdefault(_kind(tag, kinds), []).append(tag)
    contract_of = {tag.name: f"{name}@1" for name, members in kinds.items() for tag in members}
    rows = [(tag.name, topic, contract_of[tag.name], tag.unit or "") for tag, topic in zip(tags, signals(tags), strict=True)]
    return [
        File("pronubes.yaml", _configuration(tags, url, file)),
        *(File(f"contracts/{name}/1.yaml", "\n".join(_contract(name, members, file)) + "\n") for name, members in kinds.items()),
        File("names.csv", csv_text(("tag", "topic", "contract", "unit"), rows)),
        File("tags.csv", text),
    ]


def signals(tags: Sequence[Tag]) -> list[str]:
    """Name the tags: `B1_TEMP` becomes `B1/TEMP` where another tag begins with `B1` as well, else it stays one level."""
    heads = [_SEPARATOR.split(tag.name, maxsplit=1) for tag in tags]
    counts = Counter(parts[0] for parts in heads if len(parts) == 2 and all(parts))
    topics: list[str] = []
    taken: set[str] = set()
    for tag, parts in zip(tags, heads, strict=True):
        levels = parts if len(parts) == 2 and all(parts) and counts[parts[0]] > 1 else [tag.name]
        topic = escaped("/".join([_PREFIX, *levels]))
        if topic in taken:  # `a_b` and `a.b`
            topic = escaped(f"{_PREFIX}/{tag.name}")
        taken.add(topic)
        topics.append(topic)
    return topics


def _kind(tag: Tag, taken: dict[str, list[Tag]]) -> str:
    """Name the contract of a type and unit: `int16_cel`. Two units may look alike without their signs; then the second gets a number."""
    number = 1
    while True:
        word = _WORD.sub("_", (tag.unit or "").lower()).strip("_")
        name = "_".join(part for part in (tag.type, word, str(number) if number > 1 else "") if part)[:64]
        members = taken.get(name)
        if members is None or (members[0].type, members[0].unit) == (tag.type, tag.unit):
            return name
        number += 1


def _contract(name: str, tags: Sequence[Tag], file: str) -> Iterator[str]:
    kind = "boolean" if tags[0].type == "bool" else "number"
    if tags[0].type in _BITS and all(tag.scale is None and not tag.offset for tag in tags):
        kind = "integer"
    rules = [f"type: {kind}"]
    if tags[0].unit is not None:
        rules.append(f"unit: {_quoted(tags[0].unit)}")
    if tags[0].type in _BITS:
        ends = [end for tag in tags for end in _range(tag)]
        rules.append(f"range: [{orjson.dumps(min(ends)).decode()}, {orjson.dumps(max(ends)).decode()}]")
    yield f"# Drafted from {_printable(file)}: {len(tags):,} tags, such as {_printable(tags[0].name)}. Narrow the range to what the plant can do."
    yield f"contract: {name}"
    yield "version: 1"
    yield "state: draft"
    yield "payload:"
    yield f"  value: {{{', '.join(rules)}, null: when_bad}}"
    yield "  timestamp_ms: {type: integer, time: ms}"
    yield "  quality: {type: string, enum: [GOOD, BAD]}"
    if tags[0].unit is not None:
        yield f"  unit: {{type: string, enum: [{_quoted(tags[0].unit)}]}}"
    yield "quality: quality"
    yield "extra: refuse"
    yield "mode: observe            # then annotate, quarantine or reject, when the counters say that it fits"


def _range(tag: Tag) -> tuple[float | int, float | int]:
    bits = _BITS[tag.type]
    low, high = (0, 2**bits - 1) if tag.type.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return scaled(low, tag), scaled(high, tag)


def _configuration(tags: Sequence[Tag], url: str, file: str) -> str:
    groups = ", ".join(f"{_quoted(group)}: 1s" for group in dict.fromkeys(["default", *(tag.group for tag in tags)]))
    lines = [
        f"# Drafted from {_printable(file)}. Read it, choose names, then: pronubes check, pronubes run.",
        "version: 1",
        "name: draft",
        "contracts: contracts/",
        "sources:",
        "  device:",
        "    type: modbus",
        f"    url: {_quoted(url)}",
        "    tags: tags.csv",
        "    names: names.csv",
        f"    poll: {{{groups}}}",
        "sinks:",
        "  screen: {type: stdout}      # put the Unified Namespace's broker here: {type: mqtt, url: ...}",
        "routes:",
        "  device: {from: device, filter: '#', contract: from_names, to: screen}",
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return orjson.dumps(text).decode()  # a JSON string is a YAML string (YAML 1.2 §1.3)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
