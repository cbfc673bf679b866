"""Reading the quarantine: which records, how many, what is in one. Used by the commands, with the node running or not, and by the node itself."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from pronubes.errors import PronubesError
from pronubes.quarantine import schema

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

__all__ = [
    "NO_ROUTE",
    "RECORD_COLUMNS",
    "AuditEntry",
    "Group",
    "QuarantineReader",
    "Record",
    "Row",
    "Selection",
    "UnreadableQuarantine",
    "record_of",
]

NO_ROUTE = "-"
"""Stands for "no route" where a route is asked for: records of messages that never came to one."""

Row: TypeAlias = tuple[int, int | None, str, str | None, int | None, str, str, str, bytes, str | None, int, bool]
"""A record as the engine hands it out: time_ns, source_ns, source, route, step, reason, detail, topic, payload, sink, qos, retain."""

_STATES = ("waiting", "replayed", "dropped")


class UnreadableQuarantine(PronubesError):
    """There is no quarantine here, or it cannot be read. The sentence says which."""


@dataclass(frozen=True, slots=True)
class Record:
    """A quarantined message.

    Attributes:
        id: Its number; never used twice.
        time_ns: When the message came, in nanoseconds since 1970 (UTC).
        source_ns: When its source says that it happened.
        source: Where it came from.
        route: Where it failed; none when it never came to one.
        step: Which step of the route, from 0; none when it was none.
        reason: The reason code.
        detail: The particulars.
        topic: The topic it came with; of an `output`, the one it was to leave under.
        payload: The original bytes; of an `output`, what the route had made of them.
        sink: The sink that refused it.
        qos: The quality of service it came with; of an `output`, that it was to leave with.
        retain: The same for the retain flag.
        kind: `message`, as it came, or `output`, what a sink refused.
        state: `waiting`, `replayed` or `dropped`.
        replayed_ns: When it was replayed last.
        replay_id: The entry of the audit that this belongs to.
        result: What became of it then.
    """

    id: int
    time_ns: int
    source_ns: int | None
    source: str
    route: str | None
    step: int | None
    reason: str
    detail: str
    topic: str
    payload: bytes
    sink: str | None
    qos: int
    retain: bool
    kind: str
    state: str
    replayed_ns: int | None
    replay_id: int | None
    result: str | None

    def as_json(self) -> dict[str, Any]:  # Any: a JSON document
        """Write it as a JSON document: `payload` is a text, or `payload_base64` stands for bytes that are none."""
        document = asdict(self)
        del document["payload"]
        try:
            return document | {"payload": self.payload.decode()}
        except UnicodeDecodeError:
            return document | {"payload_base64": base64.b64encode(self.payload).decode()}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records. What is empty does not matter; all that is said must hold.

    Attributes:
        ids: Their numbers.
        routes: Their routes; `NO_ROUTE` stands for none.
        reasons: Their reason codes.
        sources: Their sources.
        topic: An MQTT filter that their topics match.
        since_ns: Not older than this.
        until_ns: Older than this.
        states: Their states.
        limit: At most so many, the oldest of them.
    """

    ids: Sequence[int] = ()
    routes: Sequence[str] = ()
    reasons: Sequence[str] = ()
    sources: Sequence[str] = ()
    topic: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    states: Sequence[str] = ("waiting",)
    limit: int | None = None

    @property
    def is_everything(self) -> bool:
        """Whether it names nothing in particular."""
        return not (self.ids or self.routes or self.reasons or self.sources) and (self.topic, self.since_ns, self.until_ns) == (None, None, None)

    def as_json(self) -> dict[str, Any]:  # Any: a JSON document
        """Write it down, for the control socket and the audit; what does not matter is left out."""
        return {key: value for key, value in asdict(self).items() if key == "states" or value not in ((), [], None)}

    @classmethod
    def from_json(cls, document: object) -> Selection:
        """Read what `as_json` wrote.

        Raises:
            ValueError: It is none.
        """
        if not isinstance(document, dict) or not document.keys() <= {field.name for field in fields(cls)}:
            raise ValueError("A selection has the keys " + ", ".join(f"`{field.name}`" for field in fields(cls)) + ".")
        lists = {"ids": int, "routes": str, "reasons": str, "sources": str, "states": str}
        for key, value in document.items():
            kind = lists.get(key)
            if kind is not None:
                is_right = isinstance(value, list | tuple) and all(type(item) is kind for item in value)
            else:
                is_right = type(value) is (str if key == "topic" else int)
            if not is_right:
                raise ValueError(f"The `{key}` of a selection cannot be {value!r}.")
        return cls(**document)

    def where(self) -> tuple[str, list[object]]:
        """Write it as a condition of SQL with its parameters."""
        parts: list[str] = ["TRUE"]
        values: list[object] = []
        routes = [route for route in self.routes if route != NO_ROUTE]
        if self.routes:
            parts.append(f"({_one_of('route', routes)}{' OR route IS NULL' if NO_ROUTE in self.routes else ''})")
            values += routes
        for column, wanted in (("id", self.ids), ("reason", self.reasons), ("source", self.sources), ("state", self.states)):
            if wanted:
                parts.append(_one_of(column, wanted))
                values += wanted
        for part, value in (("time_ns >= ?", self.since_ns), ("time_ns < ?", self.until_ns), ("topic_fits(?, topic)", self.topic)):
            if value is not None:
                parts.append(part)
                values.append(value)
        return " AND ".join(parts), values


@dataclass(frozen=True, slots=True)
class Group:
    """Records of one route and reason.

    Attributes:
        route: The route, or none.
        reason: The reason code.
        records: How many.
        oldest_ns: When the oldest came.
        newest_ns: When the newest came.
        newest_id: One of them, to look at.
    """

    route: str | None
    reason: str
    records: int
    oldest_ns: int
    newest_ns: int
    newest_id: int


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to the quarantine.

    Attributes:
        id: Its number; `replay_id` of a record names it.
        time_ns: When.
        uid: Who, by number.
        user: Who, by name.
        action: `replay` or `drop`.
        filter: Which records, as JSON.
        records: How many there were.
        result: What became of them.
    """

    id: int
    time_ns: int
    uid: int
    user: str
    action: str
    filter: str
    records: int
    result: str


def _one_of(column: str, values: Sequence[object]) -> str:
    return f"{column} IN ({', '.join('?' * len(values))})"


RECORD_COLUMNS = ", ".join(field.name for field in fields(Record))
_AUDIT_COLUMNS = ", ".join(field.name for field in fields(AuditEntry))


class QuarantineReader:
    """Reads a quarantine. It may be read while a node writes it; each call sees one state of it.

    Example:
        >>> from pronubes.quarantine.records import QuarantineReader, Selection
        >>> def routes(path):
        ...     with QuarantineReader(path) as reader:
        ...         return {record.route for record in reader.records(Selection(reasons=["missing_field"]))}
    """

    def __init__(self, path: Path) -> None:
        """Open it.

        Args:
            path: The file, `quarantine.db` in the node's `data_dir`.

        Raises:
            UnreadableQuarantine: There is none, or it cannot be read.
        """
        self.path = path
        if not path.exists():
            raise UnreadableQuarantine(f"There is no quarantine at {path}: nothing has been quarantined there yet.")
        try:
            self._connection = schema.open_readonly(path)
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def groups(self, selection: Selection) -> list[Group]:
        """Count records by route and reason, the largest group first.

        Raises:
            UnreadableQuarantine: The file is damaged.
        """
        where, values = selection.where()
        columns = "route, reason, count(*), min(time_ns), max(time_ns), max(id)"
        statement = f"SELECT {columns} FROM records WHERE {where} GROUP BY route, reason ORDER BY count(*) DESC, route, reason"  # noqa: S608
        return [Group(*row) for row in self._rows(statement, values)]

    def records(self, selection: Selection, *, newest_first: bool = False, after_id: int = 0) -> Iterator[Record]:
        """Yield records, the oldest first.

        Args:
            selection: Which.
            newest_first: The newest first.
            after_id: Only those with a higher number: for reading page by page.

        Raises:
            UnreadableQuarantine: The file is damaged.
        """
        where, values = selection.where()
        order = "DESC" if newest_first else "ASC"
        statement = f"SELECT {RECORD_COLUMNS} FROM records WHERE {where} AND id > ? ORDER BY id {order} LIMIT ?"  # noqa: S608 - our own names
        for row in self._rows(statement, [*values, after_id, -1 if selection.limit is None else selection.limit]):
            yield record_of(row)

    def count(self, selection: Selection) -> int:
        """Count records.

        Raises:
            UnreadableQuarantine: The file is damaged.
        """
        where, values = selection.where()
        found: int = next(self._rows(f"SELECT count(*) FROM records WHERE {where}", values))[0]  # noqa: S608 - our own names
        return found if selection.limit is None else min(found, selection.limit)

    def audit(self, *, limit: int | None = None) -> list[AuditEntry]:
        """List who did what, the newest first.

        Raises:
            UnreadableQuarantine: The file is damaged.
        """
        statement = f"SELECT {_AUDIT_COLUMNS} FROM audit ORDER BY id DESC LIMIT ?"  # noqa: S608 - our own names
        return [AuditEntry(*row) for row in self._rows(statement, [-1 if limit is None else limit])]

    def _rows(self, statement: str, values: Sequence[object]) -> Iterator[tuple[Any, ...]]:  # Any: values of SQL
        try:
            yield from self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: sqlite3.Error) -> UnreadableQuarantine:
        return UnreadableQuarantine(f"The quarantine {self.path} cannot be read: {error}.")


def record_of(row: tuple[Any, ...]) -> Record:  # Any: values of SQL
    """Make a record of the values of `RECORD_COLUMNS`."""
    values = dict(zip((field.name for field in fields(Record)), row, strict=True))
    return Record(**values | {"retain": bool(values["retain"])})
