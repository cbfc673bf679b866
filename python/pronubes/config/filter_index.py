"""Route filters, found by how they relate to another: which covers it, which shares a topic with it.

Comparing 100,000 routes in pairs would take hours. Here filters stand in a trie of their levels, so that a question costs about as many
steps as the filter has levels. Only a question full of wildcards can visit much of the trie; its steps are counted against a budget.
The answers are those of `covers` and `intersects` of the engine (property-tested).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["FilterIndex", "Steps", "TooManySteps"]


class TooManySteps(Exception):
    """A question would take too long."""


@dataclass(slots=True)
class Steps:
    """How many nodes may still be visited, for all questions together."""

    left: int = 2_000_000

    def take(self) -> None:
        """Count one.

        Raises:
            TooManySteps: None is left.
        """
        self.left -= 1
        if self.left < 0:
            raise TooManySteps


@dataclass(slots=True)
class _Node:
    """What may follow a row of levels: literals, a wildcard, the end, the end with any further levels. Ends hold the first owner's number."""

    literals: dict[str, _Node] = field(default_factory=dict)
    wildcard: _Node | None = None
    end: int | None = None
    open_end: int | None = None


def _shape(route_filter: str) -> tuple[list[str | None], bool]:
    """Bring a filter into fixed levels (None is a wildcard) and whether more may follow, as the engine's `topic/relation.rs` does."""
    levels: list[str | None] = [None if level == "+" or level.startswith("{") else level for level in route_filter.split("/")]
    is_rest = levels[-1] == "#"
    if is_rest:
        levels.pop()
    is_open = is_rest or route_filter.endswith("#}")
    if is_open and levels in ([], [""]):
        levels.append(None)
    return levels, is_open


def _is_hidden(depth: int, literal: str) -> bool:
    """Tell whether wildcards do not reach a level (MQTT 5 §4.7.2-1)."""
    return depth == 0 and literal.startswith("$")


class FilterIndex:
    """Filters with their owners' numbers."""

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, route_filter: str, owner: int) -> None:
        """Add a filter. Of equal ones the first stays."""
        levels, is_open = _shape(route_filter)
        node = self._root
        for level in levels:
            if level is None:
                node.wildcard = node.wildcard or _Node()
                node = node.wildcard
            else:
                node = node.literals.setdefault(level, _Node())
        if is_open and node.open_end is None:
            node.open_end = owner
        if not is_open and node.end is None:
            node.end = owner

    def covering(self, narrow: str, steps: Steps) -> int | None:
        """Find the lowest owner of a filter that matches every topic that `narrow` matches.

        Raises:
            TooManySteps: It would take too long.
        """
        levels, is_open = _shape(narrow)
        found: list[int] = []
        stack = [(self._root, 0)]
        while stack:
            node, depth = stack.pop()
            steps.take()
            if node.open_end is not None:
                found.append(node.open_end)
            if depth < len(levels):
                stack += [(child, depth + 1) for child in _alike(node, depth, levels[depth])]
            elif node.end is not None and not is_open:
                found.append(node.end)
        return min(found, default=None)

    def meeting(self, other: str, steps: Steps) -> int | None:
        """Find an owner of a filter that some topic matches which `other` matches too.

        Raises:
            TooManySteps: It would take too long.
        """
        levels, is_open = _shape(other)
        stack = [(self._root, 0)]
        while stack:
            node, depth = stack.pop()
            steps.take()
            if node.open_end is not None:
                return node.open_end
            if depth < len(levels):
                level = levels[depth]
                stack += [(child, depth + 1) for child in (_alike(node, depth, level) if level is not None else _all(node, depth))]
                continue
            if node.end is not None:
                return node.end
            if is_open:
                stack += [(child, depth + 1) for child in _all(node, depth)]
        return None


def _alike(node: _Node, depth: int, level: str | None) -> Iterator[_Node]:
    """Nodes that take the level itself."""
    if level is not None and (child := node.literals.get(level)):
        yield child
    if node.wildcard and not (level is not None and _is_hidden(depth, level)):
        yield node.wildcard


def _all(node: _Node, depth: int) -> Iterator[_Node]:
    """Nodes that take some level a wildcard takes."""
    for literal, child in node.literals.items():
        if not _is_hidden(depth, literal):
            yield child
    if node.wildcard:
        yield node.wildcard
