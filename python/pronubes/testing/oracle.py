"""The ledger of a reliability test, kept outside of what is tested.

An oracle issues numbered messages whose payload follows from the number, is told what became of them, and says in the end whether the
account is right:

    issued = delivered + quarantined + counted drops + still buffered

and, for what was acknowledged, that none is missing. It finds duplicates, numbers nobody issued, payloads that are not the number's, and
keys that go back in time.

    oracle = Oracle(keys=7)
    broker.publish(oracle.issue(1000))                  # (topic, payload)
    ...
    oracle.acknowledged(payload); oracle.delivered(payload)
    oracle.check(still_buffered=0)                      # raises AssertionError with everything that is wrong
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

__all__ = ["Oracle", "Verdict"]

_SHOWN = 5


@dataclass(frozen=True)
class Verdict:
    """What an oracle knows at one moment."""

    issued: int
    acknowledged: int
    delivered: int
    """Messages delivered at least once."""
    duplicates: int
    """Deliveries beyond the first of each message."""
    quarantined: int
    dropped: int
    still_buffered: int
    missing: Sequence[int] = field(default=())
    """Issued numbers of which no account says anything, when the account says too little."""
    faults: Sequence[str] = field(default=())
    """Everything that is wrong, as sentences."""


class Oracle:
    """Issue messages and keep the account of what became of them.

    Args:
        keys: Over how many topics messages are spread in turn; order holds within each.
        prefix: The topics are `{prefix}/t{key}`.
        padding: Bytes that each payload is longer than it must be.
        first: The first number.
        is_durable: A counted drop does not excuse the loss of what was acknowledged.
    """

    def __init__(self, *, keys: int = 7, prefix: str = "raw", padding: int = 0, first: int = 0, is_durable: bool = False) -> None:
        self.keys, self.first, self.is_durable = keys, first, is_durable
        self._topics = [f"{prefix}/t{key}" for key in range(keys)]
        self._padding = b"x" * padding
        self._end = first
        self._acknowledged = bytearray()
        self._delivered: list[int] = []
        self._quarantined = bytearray()
        self._unique = self._settled = self._acknowledged_count = 0
        self._dropped = 0
        self._newest = {False: [-1] * keys, True: [-1] * keys}
        self._faults: list[str] = []
        self._fault_count = 0

    def payload(self, number: int) -> bytes:
        """Derive a message's payload from its number."""
        text = b"%d" % number
        return b'{"id":%s,"value":%d,"text":"%s"}' % (text, zlib.crc32(text), self._padding)

    def topic(self, number: int) -> str:
        """Give the topic of a message."""
        return self._topics[number % self.keys]

    @staticmethod
    def number(payload: bytes) -> int:
        """Read the number of a payload, or raise `ValueError`."""
        if not payload.startswith(b'{"id":'):
            raise ValueError("This payload is not of an oracle.")
        return int(payload[6 : payload.index(b",", 6)])

    def issue(self, count: int) -> list[tuple[str, bytes]]:
        """Give the next messages: topic and payload."""
        numbers = range(self._end, self._end + count)
        self._end += count
        self._acknowledged.extend(bytes(count))
        self._quarantined.extend(bytes(count))
        self._delivered.extend([0] * count)
        return [(self.topic(number), self.payload(number)) for number in numbers]

    def acknowledged(self, payload: bytes) -> None:
        """The system under test took responsibility for a message."""
        if (place := self._place(payload, "acknowledged")) is not None and not self._acknowledged[place]:
            self._acknowledged[place] = 1
            self._acknowledged_count += 1

    def delivered(self, payload: bytes, *, is_replayed: bool = False) -> None:
        """A message came out. Order is judged on first deliveries, live and replayed each for itself."""
        place = self._place(payload, "delivered")
        if place is None:
            return
        self._delivered[place] += 1
        if self._delivered[place] == 1:
            self._unique += 1
            self._settled += not self._quarantined[place]
            number = place + self.first
            newest = self._newest[is_replayed]
            key = number % self.keys
            if number < newest[key]:
                self._fault(f"Key {key}: {number} came after {newest[key]}{' among the replayed' if is_replayed else ''}.")
            newest[key] = max(number, newest[key])

    def quarantined(self, payload: bytes) -> None:
        """A message was put aside with a reason."""
        if (place := self._place(payload, "quarantined")) is not None and not self._quarantined[place]:
            self._quarantined[place] = 1
            self._settled += not self._delivered[place]

    def dropped(self, count: int) -> None:
        """So many messages were dropped and counted, by the system's own account."""
        self._dropped += count

    @property
    def issued(self) -> int:
        """How many messages were issued."""
        return self._end - self.first

    @property
    def delivered_unique(self) -> int:
        """How many messages were delivered at least once."""
        return self._unique

    @property
    def acknowledged_count(self) -> int:
        """How many messages were acknowledged."""
        return self._acknowledged_count

    def is_complete(self) -> bool:
        """Whether every message that was issued came out or was put aside."""
        return self.settled == self.issued

    @property
    def settled(self) -> int:
        """How many messages came out or were put aside."""
        return self._settled

    def forgive_order(self, *, is_replayed: bool = False) -> None:
        """From now on a key may begin anew: after a restart what was not confirmed comes again from its beginning."""
        self._newest[is_replayed] = [-1] * self.keys

    def verdict(self, *, still_buffered: int | Iterable[bytes] = 0) -> Verdict:
        """Say what is known; `still_buffered` is a number, or the payloads read from a buffer."""
        buffered, waiting = self._buffered(still_buffered)
        settled = [bool(times) or bool(aside) for times, aside in zip(self._delivered, self._quarantined, strict=True)]
        for place in waiting:
            settled[place] = True
        open_places = [place for place, is_settled in enumerate(settled) if not is_settled]
        lost = [place + self.first for place in open_places if self._acknowledged[place]]
        extra = 0 if waiting else buffered  # payloads from a buffer have settled their own; of a bare number nobody knows whose
        faults = list(self._faults)
        if self._fault_count > len(self._faults):
            faults.append(f"{self._fault_count - len(self._faults)} more faults of these kinds.")
        unexplained = len(open_places) - self._dropped - extra
        if unexplained > 0:
            faults.append(f"{unexplained} of {self.issued} messages are in no account, among them {self._some(open_places)}.")
        if unexplained < 0:
            faults.append(f"The accounts claim {-unexplained} messages more than were issued.")
        excused = extra if self.is_durable else extra + self._dropped
        if len(lost) > excused:
            faults.append(f"{len(lost) - excused} acknowledged messages are lost, such as {lost[:_SHOWN]}.")
        return Verdict(
            issued=self.issued,
            acknowledged=self.acknowledged_count,
            delivered=self.delivered_unique,
            duplicates=sum(self._delivered) - self.delivered_unique,
            quarantined=self._quarantined.count(1),
            dropped=self._dropped,
            still_buffered=buffered,
            missing=[place + self.first for place in open_places] if unexplained > 0 else (),
            faults=faults,
        )

    def check(self, *, still_buffered: int | Iterable[bytes] = 0, max_duplicates: int | None = None) -> Verdict:
        """Raise an `AssertionError` that says everything that is wrong, or return the verdict."""
        verdict = self.verdict(still_buffered=still_buffered)
        faults = list(verdict.faults)
        if max_duplicates is not None and verdict.duplicates > max_duplicates:
            faults.append(f"{verdict.duplicates} deliveries are duplicates; {max_duplicates} were allowed.")
        if faults:
            raise AssertionError("\n".join([*faults, repr(verdict)[:600]]))
        return verdict

    def _buffered(self, still_buffered: int | Iterable[bytes]) -> tuple[int, list[int]]:
        if isinstance(still_buffered, int):
            return still_buffered, []
        places = {place for payload in still_buffered if (place := self._place(payload, "buffered")) is not None}
        return len(places), sorted(places)

    def _place(self, payload: bytes, what: str) -> int | None:
        try:
            number = self.number(payload)
        except ValueError:
            self._fault(f"Something was {what} that nobody issued: {payload[:60]!r}.")
            return None
        if not self.first <= number < self._end:
            self._fault(f"Number {number} was {what}, and nobody issued it.")
            return None
        if payload != self.payload(number):
            self._fault(f"Number {number} was {what} with a payload that is not its own: {payload[:60]!r}.")
            return None
        return number - self.first

    def _fault(self, sentence: str) -> None:
        self._fault_count += 1
        if len(self._faults) < 20:
            self._faults.append(sentence)

    def _some(self, places: list[int]) -> list[int]:
        return [place + self.first for place in places[:_SHOWN]]
