"""The account of a node: what came in equals what became of it, for each source, route and sink and for the quarantine.

The engine checks its ledgers itself (`balanced` of a status). Here the same sums are made once more, outside of it and from what it reports, to name
the ledger that does not add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["LEDGERS", "Ledger", "Sum", "unbalanced"]


@dataclass(frozen=True, slots=True)
class Ledger:
    """One kind of ledger: the sum of `gains` equals the sum of `terms`.

    Attributes:
        part: Where a status has it.
        gains: What came in.
        terms: What became of it.
    """

    part: str
    gains: tuple[str, ...]
    terms: tuple[str, ...]

    def entries(self, status: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:  # Any: JSON documents
        """List its entries in a status; the quarantine is one."""
        found = status.get(self.part) or ()
        return found if isinstance(found, list) else (found,) if found else ()

    def sum(self, status: Mapping[str, Any]) -> Sum:  # Any: a JSON document
        """Add all entries up."""
        entries = self.entries(status)
        return Sum(self, {name: sum(entry.get(name) or 0 for entry in entries) for name in (*self.gains, *self.terms)})


@dataclass(frozen=True, slots=True)
class Sum:
    """What the entries of a ledger come to."""

    ledger: Ledger
    counts: Mapping[str, int]

    @property
    def difference(self) -> int:
        """How many messages more came in than can be told of: 0 when it balances."""
        return sum(self.counts[name] for name in self.ledger.gains) - sum(self.counts[name] for name in self.ledger.terms)


LEDGERS: tuple[Ledger, ...] = (
    Ledger("sources", ("received",), ("matched", "unrouted", "rejected", "dropped")),
    Ledger("routes", ("matched", "forked"), ("passed", "filtered", "absorbed", "in_hooks", "quarantined", "rejected")),
    Ledger("sinks", ("emitted",), ("delivered", "dropped", "quarantined", "buffered")),
    Ledger("quarantine", ("received",), ("written", "evicted", "buffered")),
)
"""All of them, in the order in which a message goes through."""


def unbalanced(status: Mapping[str, Any]) -> Iterator[tuple[str, int]]:  # Any: a JSON document
    """Name every ledger that does not add up, such as `sinks uns`, with the difference."""
    for ledger in LEDGERS:
        for entry in ledger.entries(status):
            difference = Sum(ledger, {name: entry.get(name) or 0 for name in (*ledger.gains, *ledger.terms)}).difference
            if difference:
                yield f"{ledger.part} {entry.get('name', '')}".rstrip(), difference
