"""What runs through a broker, by kinds of messages: topics of one depth whose payloads have one shape.

A kind becomes a route and a contract of the draft. A payload's shape is the set of its top-level fields; kinds whose fields are a part of another's
are one kind with optional fields, when their topics look alike as well.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

import orjson

from pronubes.contracts.infer import Learner

__all__ = ["MAX_TOPICS", "Kind", "Level", "Survey"]

MAX_TOPICS = 200_000
"""More topics are counted and not remembered."""
MAX_KINDS = 500
MAX_VALUES = 5_000
"""A level with more different names is told by their number only."""
_NO_LITERAL = re.compile(r"[{}$+#]")
_STEM = re.compile(r"[A-Za-z]{2,}")

Shape = tuple[str, ...]


@dataclass(slots=True)
class Level:
    """One level of the topics of a kind."""

    names: Counter[str] = field(default_factory=Counter)
    is_full: bool = False

    def add(self, name: str) -> None:
        """Count a name."""
        if name in self.names or len(self.names) < MAX_VALUES:
            self.names[name] += 1
        else:
            self.is_full = True

    @property
    def literal(self) -> str | None:
        """The one name that all topics have here, or None; a name that would mean something in a filter is none."""
        name = next(iter(self.names))
        return name if len(self.names) == 1 and not self.is_full and not _NO_LITERAL.search(name) else None

    @property
    def stem(self) -> str | None:
        """What all names begin with, when it is a word that a number or a separator follows: `line` of `line1` and `line2`."""
        stems = {found.group().lower() for name in self.names if (found := _STEM.match(name))}
        has_all = all(_STEM.match(name) for name in self.names)
        return stems.pop() if has_all and len(stems) == 1 else None


@dataclass(slots=True)
class Kind:
    """Messages of one kind.

    Attributes:
        depth: How many levels their topics have.
        shape: The fields of their payloads; empty for payloads that are no objects.
        levels: What stands in each level.
        topics: Their topics, with the number of messages of each.
        learner: What their payloads look like.
        retained: How many of them the broker had kept.
    """

    depth: int
    shape: Shape
    levels: list[Level]
    topics: Counter[str] = field(default_factory=Counter)
    learner: Learner = field(default_factory=Learner)
    retained: int = 0

    @property
    def is_opaque(self) -> bool:
        """Whether payloads are no JSON that a contract can judge."""
        return not self.learner.count

    def captures(self) -> list[str | None]:
        """Name the levels: None for those that stand as they are, else the name of a capture."""
        names: list[str | None] = []
        for number, level in enumerate(self.levels):
            if level.literal is not None:
                names.append(None)
                continue
            is_last = number == self.depth - 1
            wanted = level.stem or ("tag" if is_last else f"level{number + 1}")
            if wanted in _RESERVED or wanted in names:
                wanted = f"{wanted}{number + 1}"
            names.append(wanted)
        return names

    def filter(self) -> str:
        """Return the route filter that matches the topics."""
        return "/".join(level.literal or f"{{{name}}}" for level, name in zip(self.levels, self.captures(), strict=True))


_RESERVED = frozenset({"payload", "topic", "meta", "vars", "key", "true", "false", "null", "in"})


class Survey:
    """Looks at messages, in bounded memory."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[int, str, Shape], Kind] = {}
        self._known: set[str] = set()
        self.messages = 0
        self.unknown_topics = 0
        """Messages of topics beyond `MAX_TOPICS`."""

    def observe(self, topic: str, payload: bytes, time_ns: int, *, is_retained: bool = False) -> None:
        """Look at one message."""
        self.messages += 1
        if topic not in self._known:
            if len(self._known) >= MAX_TOPICS:
                self.unknown_topics += 1
                return
            self._known.add(topic)
        levels = topic.split("/")
        key = (len(levels), levels[0], _shape(payload))
        kind = self._kinds.get(key)
        if kind is None:
            if len(self._kinds) >= MAX_KINDS:
                self.unknown_topics += 1
                return
            kind = self._kinds[key] = Kind(key[0], key[2], [Level() for _ in levels])
        kind.retained += is_retained
        kind.learner.observe(payload, time_ns)
        if topic not in kind.topics:
            for level, name in zip(kind.levels, levels, strict=True):
                level.add(name)
        kind.topics[topic] += 1

    @property
    def topic_count(self) -> int:
        """How many topics were seen."""
        return len(self._known)

    def kinds(self) -> list[Kind]:
        """Return the kinds, those with most topics first."""
        merged: list[Kind] = []
        for kind in sorted(self._kinds.values(), key=lambda kind: (-len(kind.shape), -len(kind.topics))):
            host = next((other for other in merged if _is_part(kind, other)), None)
            if host is None:
                merged.append(kind)
            else:
                _merge(host, kind)
        return sorted(merged, key=lambda kind: -len(kind.topics))


def _shape(payload: bytes) -> Shape:
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return ("!",)
    if isinstance(value, dict):
        return tuple(sorted(value))
    return ("[]",) if isinstance(value, list) else ()


def _is_part(part: Kind, whole: Kind) -> bool:
    """Tell whether messages of one kind are messages of the other with fields left out: some topic has sent both."""
    return part.depth == whole.depth and bool(part.shape) and set(part.shape) < set(whole.shape) and not part.topics.keys().isdisjoint(whole.topics)


def _merge(host: Kind, guest: Kind) -> None:
    for topic, count in guest.topics.items():
        if topic not in host.topics:
            for level, name in zip(host.levels, topic.split("/"), strict=True):
                level.add(name)
        host.topics[topic] += count
    host.retained += guest.retained
    host.learner.take(guest.learner)
