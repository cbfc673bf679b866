"""Two lists put side by side: which expected entry stands for which output, what is missing and what is too much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["align", "assign"]

_Left = TypeVar("_Left")
_Right = TypeVar("_Right")
Pairs = list[tuple[int | None, int | None]]
"""Places in both lists; None on the side where nothing stands."""

_MOST_CELLS = 250_000
"""How large a table may grow; longer lists are compared place by place behind what they have in common."""


def align(left: Sequence[_Left], right: Sequence[_Right], *, fits: Callable[[_Left, _Right], bool], is_kin: Callable[[_Left, _Right], bool]) -> Pairs:
    """Put lists side by side in their order, with as few gaps and unlike pairs as possible.

    Args:
        left: What is expected.
        right: What is there.
        fits: Whether two are the same.
        is_kin: Whether two that are not the same are about the same thing: they are paired rather than listed as missing and too much.
    """
    begin = 0
    while begin < min(len(left), len(right)) and fits(left[begin], right[begin]):
        begin += 1
    end = 0
    while end < min(len(left), len(right)) - begin and fits(left[-1 - end], right[-1 - end]):
        end += 1
    rows, columns = range(begin, len(left) - end), range(begin, len(right) - end)
    pairs: Pairs = [(index, index) for index in range(begin)]
    if len(rows) * len(columns) <= _MOST_CELLS:
        pairs += _by_table(rows, columns, lambda i, j: 0 if fits(left[i], right[j]) else 1 if is_kin(left[i], right[j]) else 3)
    else:
        shorter = min(len(rows), len(columns))
        pairs += list(zip(rows[:shorter], columns[:shorter], strict=True))
        pairs += [(row, None) for row in rows[shorter:]] + [(None, column) for column in columns[shorter:]]
    return pairs + [(len(left) - end + index, len(right) - end + index) for index in range(end)]


def _by_table(rows: Sequence[int], columns: Sequence[int], cost: Callable[[int, int], int]) -> Pairs:
    best = [[row + column for column in range(len(columns) + 1)] if row == 0 else [row] + [0] * len(columns) for row in range(len(rows) + 1)]
    costs = [[cost(row, column) for column in columns] for row in rows]
    for row in range(1, len(rows) + 1):
        for column in range(1, len(columns) + 1):
            both = best[row - 1][column - 1] + costs[row - 1][column - 1]
            best[row][column] = min(both, best[row - 1][column] + 1, best[row][column - 1] + 1)
    pairs: Pairs = []
    row, column = len(rows), len(columns)
    while row or column:
        if row and column and best[row][column] == best[row - 1][column - 1] + costs[row - 1][column - 1]:
            row, column = row - 1, column - 1
            pairs.append((rows[row], columns[column]))
        elif column and best[row][column] == best[row][column - 1] + 1:
            column -= 1
            pairs.append((None, columns[column]))
        else:
            row -= 1
            pairs.append((rows[row], None))
    return pairs[::-1]


def assign(
    left: Sequence[_Left], right: Sequence[_Right], *, fits: Callable[[_Left, _Right], bool], is_kin: Callable[[_Left, _Right], bool]
) -> Pairs:
    """Pair lists in any order, as many as fit; of what is left, those that are about the same thing. Arguments as for `align`."""
    taken: dict[int, int] = {}
    if len(left) * len(right) > _MOST_CELLS:
        free = set(range(len(right)))
        for i, one in enumerate(left):
            match = next((j for j in sorted(free) if fits(one, right[j])), None)
            if match is not None:
                taken[match] = i
                free.discard(match)
    else:
        edges = [[j for j in range(len(right)) if fits(one, right[j])] for one in left]
        for i in range(len(left)):
            _augment(i, edges, taken, set())
    pairs: Pairs = sorted((i, j) for j, i in taken.items())
    lonely = [i for i in range(len(left)) if i not in taken.values()]
    rest = [j for j in range(len(right)) if j not in taken]
    for i in lonely:
        kin = next((j for j in rest if is_kin(left[i], right[j])), None)
        if kin is not None:
            rest.remove(kin)
        pairs.append((i, kin))
    return pairs + [(None, j) for j in rest]


def _augment(start: int, edges: Sequence[Sequence[int]], taken: dict[int, int], seen: set[int]) -> bool:
    """Find a place for one more, moving others where needed."""
    path: list[tuple[int, int]] = []
    stack = [(start, iter(edges[start]))]
    while stack:
        i, choices = stack[-1]
        j = next((j for j in choices if j not in seen), None)
        if j is None:
            stack.pop()
            if path:
                path.pop()
            continue
        seen.add(j)
        path.append((i, j))
        if j not in taken:
            taken.update((place, one) for one, place in path)
            return True
        stack.append((taken[j], iter(edges[taken[j]])))
    return False
