"""Did you mean?"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["did_you_mean"]


def did_you_mean(found: str, known: Iterable[str]) -> str | None:
    """Name the known word nearest to what was found, when one is near enough to be meant."""
    if len(found) > 100:
        return None
    limit = max(len(found) // 3, 1)
    nearest = min(((_distance(found.lower(), name.lower()), name) for name in known), default=None)
    return f"Did you mean `{nearest[1]}`?" if nearest is not None and nearest[0] <= limit else None


def _distance(left: str, right: str) -> int:
    """Count the characters to insert, remove, replace or swap with their neighbour."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        following = [i]
        for j, b in enumerate(right, 1):
            cost = min(row[j] + 1, following[j - 1] + 1, row[j - 1] + (a != b))
            if before and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            following.append(cost)
        before, row = row, following
    return row[-1]
