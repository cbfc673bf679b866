"""Playing a recording: its messages with the time that lies between them, once or several times over.

Nothing here waits or reads a clock: it says when each message is due, counted from the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pronubes.errors import UnreadableRecording
from pronubes.recording import is_recording_file, lines_of, messages_of

if TYPE_CHECKING:
    from pronubes.recording import Recorded

__all__ = ["Due", "Player", "Speed"]


@dataclass(frozen=True, slots=True)
class Due:
    """A message and when it is due.

    Attributes:
        offset_ns: Nanoseconds after the first message of the first round, at the pace of the recording.
        message: The message.
    """

    offset_ns: int
    message: Recorded


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a recording is played.

    Attributes:
        factor: How many times as fast as it was recorded; None: as fast as it goes.
    """

    factor: float | None

    def wall_ns(self, offset_ns: int) -> int:
        """Turn a time of the recording into one of the wall clock."""
        return 0 if self.factor is None else round(offset_ns / self.factor)

    def __str__(self) -> str:
        return "max" if self.factor is None else f"{self.factor:g}"


class Player:
    """Reads a recording as often as it is played.

    A message without a time, or with an earlier one than the message before it, is due with that one: time never goes back. A round begins one
    average pause after the last message of the round before.

    Args:
        path: The recording, or lines of JSON.
        rounds: How often it is played; 0: without end.
        topic_filter: Only topics that match this MQTT filter.

    Attributes:
        problem: What was wrong with the recording; empty when nothing was, or when it was not read to its end yet.
        rounds_done: How many rounds were read to their end.
        first_ns: When the first message came; None when no message says.
    """

    def __init__(self, path: str | Path, *, rounds: int = 1, topic_filter: str = "#") -> None:
        self._path = path
        self._rounds = rounds
        self._filter = topic_filter
        self.problem = ""
        self.rounds_done = 0
        self.first_ns: int | None = None

    def __iter__(self) -> Iterator[Due]:
        begin_ns = 0
        while not self._rounds or self.rounds_done < self._rounds:
            count, offset_ns = 0, 0
            origin_ns: int | None = None
            for message in self._messages():
                if message.time_ns:
                    origin_ns = message.time_ns if origin_ns is None else origin_ns
                    self.first_ns = origin_ns if self.first_ns is None else self.first_ns
                    offset_ns = max(offset_ns, message.time_ns - origin_ns)
                count += 1
                yield Due(begin_ns + offset_ns, message)
            self.rounds_done += 1
            if not count:
                return
            begin_ns += offset_ns + (offset_ns // (count - 1) if count > 1 else 0)

    def _messages(self) -> Iterator[Recorded]:
        for message in self._all():
            if self._filter == "#" or _matches(self._filter, message.topic):
                yield message

    def _all(self) -> Iterator[Recorded]:
        """Give what is whole, and note what is not."""
        if is_recording_file(self._path):
            ending = yield from messages_of(self._path)
            self.problem = ending.sentence()
            return
        count = 0
        try:
            for message in lines_of(self._path):
                count += 1
                yield message
        except UnreadableRecording as error:
            if not count:
                raise
            self.problem = str(error)


def _matches(topic_filter: str, topic: str) -> bool:
    from pronubes import TopicError, topic_matches

    try:
        return topic_matches(topic_filter, topic)
    except TopicError:
        return False  # a topic that is none matches no filter
