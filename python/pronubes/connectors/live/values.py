"""Newest values, searched and paged, for programs and for namespaces that are too large for a page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from pronubes.connectors.base import EngineView

__all__ = ["ValuePage", "find_values", "matches"]

STEP_VALUES = 2000
"""How many values are looked at before the loop gets its turn."""


@dataclass(frozen=True, slots=True)
class ValuePage:
    """One page of what was found.

    Attributes:
        page: Its number, from 1.
        pages: How many there are, at least 1.
        found: How many topics were found.
        values: This page's values, by topic.
    """

    page: int
    pages: int
    found: int
    values: list[dict[str, Any]]  # Any: JSON documents


async def find_values(view: EngineView, *, topic_filter: str, search: str, page: int, size: int) -> ValuePage:
    """Look through all newest values.

    Args:
        view: What is looked at.
        topic_filter: An MQTT filter; empty takes every topic.
        search: Words that all must occur in the topic, in any case; empty takes every topic.
        page: Which page, from 1.
        size: How many values a page has.
    """
    wanted = _predicate(topic_filter, search)
    found: dict[str, dict[str, Any]] = {}  # Any: JSON documents
    since, end, has_more = 0, None, True
    while has_more:
        document = orjson.loads(view.changes(since, limit=STEP_VALUES))
        end = document["sequence"] if end is None else end
        for value in document["values"]:
            since = max(since, value["sequence"])
            if wanted(value["topic"]):
                found[value["topic"]] = value
        has_more = document["more"] and since < end  # what changes meanwhile was seen, or is newer than the question
        await asyncio.sleep(0)
    topics = sorted(found)
    start = (page - 1) * size
    return ValuePage(page, max(-(-len(topics) // size), 1), len(topics), [found[topic] for topic in topics[start : start + size]])


def _predicate(topic_filter: str, search: str) -> Callable[[str], bool]:
    words = search.lower().split()

    def wanted(topic: str) -> bool:
        lowered = topic.lower()
        return all(word in lowered for word in words) and (not topic_filter or matches(topic_filter, topic))

    return wanted


def matches(topic_filter: str, topic: str) -> bool:
    """Whether an MQTT filter covers a topic (MQTT 5 §4.7), level by level. Connectors do not reach the engine's own matcher."""
    if topic.startswith("$") and topic_filter[:1] in {"+", "#"}:
        return False
    levels, wanted = topic.split("/"), topic_filter.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(levels) or level not in {"+", levels[index]}:
            return False
    return len(levels) == len(wanted)
