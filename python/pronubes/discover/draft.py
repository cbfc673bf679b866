"""Writes what a survey found as a folder: a configuration that runs, a contract a kind, and a table of all topics."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from pronubes.contracts.draft import draft_text

if TYPE_CHECKING:
    from pronubes.discover.survey import Kind, Survey

__all__ = ["File", "draft_files"]

_NAME = re.compile(r"[^A-Za-z0-9_]+")
_COLUMNS = ("topic", "messages", "route", "name", "contract")


@dataclass(frozen=True, slots=True)
class File:
    """A file of the draft.

    Attributes:
        path: Where it goes, under the folder of the draft.
        text: What stands in it.
    """

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class _Route:
    name: str
    kind: Kind
    topic: str

    @property
    def has_contract(self) -> bool:
        return self.kind.learner.is_contract


def draft_files(survey: Survey, *, url: str | None, recording: str, topics: str, seen_in: str) -> list[File]:
    """Write the draft.

    Args:
        survey: What was found.
        url: The broker it was found on; None for a recording.
        recording: The recording, where there is no broker.
        topics: The filter that was looked at.
        seen_in: Where the messages came from, for the heads of the files.
    """
    routes = list(_routes(survey.kinds()))
    files = [File("pronubes.yaml", _configuration(routes, url=url, recording=recording, topics=topics, seen_in=seen_in))]
    files += [
        File(f"contracts/{route.name}/1.yaml", draft_text(route.name, 1, route.kind.learner, learned_from=seen_in))
        for route in routes
        if route.has_contract
    ]
    return [*files, File("topics.csv", _table(routes))]


def _routes(kinds: Sequence[Kind]) -> Iterator[_Route]:
    taken: set[str] = set()
    for number, kind in enumerate(kinds, 1):
        words = [level.literal for level in kind.levels if level.literal is not None]
        wanted = _NAME.sub("_", words[-1] if words else "_".join(kind.shape[:2])).strip("_").lower() or "route"
        if not wanted[0].isalpha():
            wanted = f"route_{wanted}"
        name = wanted[:60] if wanted not in taken else f"{wanted[:60]}_{number}"
        taken.add(name)
        written = kind.filter().split("/")
        first = next((index for index, capture in enumerate(kind.captures()) if capture is not None), 1)
        rest = written[first:] or [name]
        yield _Route(name, kind, "/".join(["${enterprise}", "${site}", *rest]))


def _configuration(routes: Sequence[_Route], *, url: str | None, recording: str, topics: str, seen_in: str) -> str:
    source = f"{{type: mqtt, url: {_quoted(url)}, topics: [{_quoted(topics)}]}}" if url else f"{{type: ndjson, path: {_quoted(recording)}}}"
    lines = [
        f"# Drafted from {_printable(seen_in)}. Read it, choose names, then: pronubes check, pronubes explain TOPIC, pronubes run.",
        "version: 1",
        "name: draft",
        "vars: {enterprise: acme, site: plant1}",
        "contracts: contracts/",
        "sources:",
        f"  plant: {source}",
        "sinks:",
        "  screen: {type: stdout}      # put the Unified Namespace's broker here: {type: mqtt, url: ...}",
        "routes:",
    ]
    for route in routes:
        lines += _route_lines(route)
    return "\n".join(lines) + "\n"


def _route_lines(route: _Route) -> Iterator[str]:
    kind = route.kind
    examples = ", ".join(_printable(topic) for topic, _ in kind.topics.most_common(2))
    yield f"  {route.name}:                # {len(kind.topics):,} topics, such as {examples}"
    yield "    from: plant"
    yield f"    filter: {_quoted(kind.filter())}"
    yield f"    topic: {_quoted(route.topic)}"
    if kind.is_opaque:
        yield "    # Payloads are no JSON objects: no contract was drafted."
    elif kind.learner.is_mixed:
        yield "    # Payloads are sometimes objects and sometimes bare values: no contract fits both."
    else:
        yield f"    contract: {route.name}@1"
    yield "    to: screen"


def _table(routes: Sequence[_Route]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for route in routes:
        contract = f"{route.name}@1" if route.has_contract else ""
        for topic, count in sorted(route.kind.topics.items()):
            writer.writerow([_cell(topic), count, route.name, _cell(_name_of(topic, route)), contract])
    return out.getvalue()


def _name_of(topic: str, route: _Route) -> str:
    """The name that the drafted route gives a topic."""
    levels = dict(zip(route.kind.captures(), topic.split("/"), strict=True))
    return re.sub(r"\{(\w+)\}", lambda found: levels.get(found.group(1), found.group()), route.topic)


def _quoted(text: str) -> str:
    return orjson.dumps(text).decode()  # a JSON string is a YAML string (YAML 1.2 §1.3)


def _cell(text: str) -> str:
    """Keep a spreadsheet from taking a name for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
