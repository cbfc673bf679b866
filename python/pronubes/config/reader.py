"""YAML to plain Python values, fast.

This reads a file that is right. It keeps no positions: when anything is odd it raises `Irregular`, and `located` reads the same text again,
slowly, to say what and where. (A key without a value is odd: often a `#` made a comment of it.) Both must
give the same values for every text that this one accepts (property-tested).

It drives libyaml's events by hand. PyYAML's own composer recurses in C (100,000 opening brackets end the process) and follows
aliases; its node tree takes as long again to convert. 10,000 routes with four steps each: 0.45 s here, nearly all of it libyaml.
"""

from __future__ import annotations

from typing import Any

import yaml
from yaml.events import MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent, SequenceStartEvent, StreamEndEvent

from pronubes.config.limits import MAX_DEPTH, MAX_VALUES, has_too_many_separators
from pronubes.config.scalars import FIRST_CHARACTERS, ScalarProblem, resolve

__all__ = ["Irregular", "Pending", "read_values"]

Pending = list[tuple[Any, Any]]  # Any: a mapping or sequence, and the key or index in it


class Irregular(Exception):
    """The text needs a closer look."""


def read_values(text: str) -> tuple[Any, Pending]:  # Any: whatever the YAML holds
    """Read one YAML document.

    Args:
        text: The document; at most `MAX_BYTES` long.

    Returns:
        The values, and where in them texts with `${` stand, as (mapping or sequence, key or index, is plain).

    Raises:
        Irregular: The text is no YAML, or has something that a configuration must not have.
    """
    if has_too_many_separators(text):
        raise Irregular
    try:
        return _Builder(yaml.CSafeLoader(text)).build()
    except (yaml.YAMLError, ScalarProblem, ValueError) as error:
        raise Irregular from error


class _Builder:
    """Puts values together from events."""

    def __init__(self, loader: yaml.CSafeLoader) -> None:
        self._next: Any = loader.get_event  # Any: PyYAML's events are typed by their base only
        self._pending: Pending = []

    def build(self) -> tuple[Any, Pending]:
        self._next()  # the start of the stream
        if self._next().__class__ is StreamEndEvent:
            raise Irregular
        first = self._next()
        if first.__class__ is not MappingStartEvent or first.anchor is not None or first.tag is not None:
            raise Irregular
        root: dict[str, Any] = {}
        self._fill(root)
        self._next()  # the end of the document
        if self._next().__class__ is not StreamEndEvent:
            raise Irregular
        return root, self._pending

    def _fill(self, root: dict[str, Any]) -> None:  # noqa: C901, PLR0912  one loop over events: a call per event would take as long as libyaml
        next_event, pending, first_characters = self._next, self._pending, FIRST_CHARACTERS
        stack: list[tuple[Any, bool, Any]] = []
        current: Any = root
        is_mapping = True
        key: Any = None
        count = 0
        known: dict[str, str] = {}  # one object per name: a large file repeats the same few keys
        while True:
            event = next_event()
            kind = event.__class__
            if kind is ScalarEvent:
                value = event.value
                if event.anchor is not None or event.tag is not None:
                    raise Irregular
                if is_mapping and key is None:
                    if value in current:
                        raise Irregular
                    key = known.setdefault(value, value)
                    continue
                if not event.style and (not value or value[0] in first_characters):
                    if not value:
                        raise Irregular
                    value = resolve(value)
                elif "${" in value:
                    pending.append((current, key if is_mapping else len(current)))
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                if not stack:
                    return
                value = current
                current, is_mapping, key = stack.pop()
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                count += 1
                if event.anchor is not None or event.tag is not None or len(stack) >= MAX_DEPTH - 1 or (is_mapping and key is None):
                    raise Irregular
                stack.append((current, is_mapping, key))
                current = {} if kind is MappingStartEvent else []
                is_mapping, key = kind is MappingStartEvent, None
                continue
            else:
                raise Irregular
            count += 2
            if count > MAX_VALUES:
                raise Irregular
            if is_mapping:
                current[key] = value
                key = None
            else:
                current.append(value)
