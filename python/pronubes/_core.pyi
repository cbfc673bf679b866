"""The extension module: pronubes' engine, MQTT sessions and data path in Rust, with a thin face for Python.

Rules that hold for everything here:

* Time is an argument (`now_ns`, nanoseconds since 1970 UTC). Nothing reads a clock, opens a socket or starts a thread.
* A call *detaches* when it lets other Python threads run while Rust works; each docstring says so. Calls that do not
  detach are short. Detaching is worth its price only above some size, which is why small calls never do.
* What is wrong with a message is an outcome with a reason code. What is wrong with a configuration is a `SpecFailure`.
  A defect of pronubes itself is an `InternalError`, never a crash; the object stays usable.
"""

from collections.abc import Sequence
from os import PathLike
from typing import Literal, TypeAlias, final

from typing_extensions import Buffer

__all__ = [
    "BUILD",
    "Batch",
    "Column",
    "Contract",
    "InternalError",
    "LogReader",
    "Outcome",
    "Pipeline",
    "QuarantineBatch",
    "RecordingReader",
    "RecordingWriter",
    "Router",
    "SpecError",
    "SpecFailure",
    "TableRows",
    "TopicError",
    "Work",
    "__version__",
    "captures",
    "compile_proto",
    "compile_spec",
    "covers",
    "intersects",
    "mqtt_filter",
    "panic_on_purpose",
    "read_recording",
    "reasons",
    "steps",
    "topic_matches",
    "validate_filter",
    "validate_topic",
]

__version__: str
"""Version of the Rust crates; equal to the version of the Python package."""

BUILD: str
"""How this module was built, for `pronubes --version` and reports: version, profile and target."""

_Dtype: TypeAlias = Literal["f64", "i64", "bool", "text", "json", "binary"]
_HookReason: TypeAlias = Literal[
    "hook_failed",
    "hook_timeout",
    "hook_output",
    "hook_open",
    "hook_died",
    "hook_memory",
    "not_finite",
    "invalid_utf8",
    "invalid_json",
    "not_an_object",
]

# ------------------------------------------------------------------------------------------------------------- errors

class TopicError(ValueError):
    """A topic or filter breaks a rule of MQTT."""

    clause: str
    """The clause of the standard, for example `MQTT 5 §4.7.1-1`."""
    offset: int
    """The byte (UTF-8) at which the rule is broken."""

class SpecFailure(ValueError):
    """A specification does not compile."""

    errors: list[SpecError]
    """Everything that is wrong, not only the first."""

class InternalError(RuntimeError):
    """A defect in pronubes: please report the text. The object that raised it stays usable."""

def panic_on_purpose() -> None:
    """Panics in Rust, for tests of what becomes of a panic. Cheap; does not detach.

    Raises:
        InternalError: always.
    """

@final
class SpecError:
    """One thing that is wrong with a specification."""

    @property
    def path(self) -> str:
        """Where: a path into the specification, such as `routes/3/steps/0/compute/hot`. Cheap; does not detach."""
    @property
    def offset(self) -> int | None:
        """The byte inside of the string at `path`, or nothing when the whole value is meant. Cheap; does not detach."""
    @property
    def length(self) -> int | None:
        """How many bytes from `offset` on are meant. Cheap; does not detach."""
    @property
    def message(self) -> str:
        """What is wrong, as a sentence. Cheap; does not detach."""
    @property
    def found(self) -> str | None:
        """What stands there. Cheap; does not detach."""
    @property
    def expected(self) -> str | None:
        """What should stand there. Cheap; does not detach."""
    @property
    def hint(self) -> str | None:
        """What to do. Cheap; does not detach."""

# ------------------------------------------------------------------------------------------------------------- recordings

_Recorded: TypeAlias = tuple[str, bytes, int, int | None, int, bool, str, str]
"""A message of a recording: topic, payload, when it was received (0: nobody knows), the source's time, QoS, retain, source, route."""

def read_recording(lines: bytes) -> list[tuple[int, _Recorded | str]]:
    """The messages of whole lines of NDJSON, as `Batch.ndjson`, `Batch.recording_lines` and the `ndjson` sink write them; payloads keep every byte.

    About 1 us a line; does not detach.

    Returns:
        For each line that is not empty its number, from 0, and the message, or a sentence where it holds none.
    """

@final
class RecordingWriter:
    """Writes a recording: a file of messages to play again. Whole frames are written only."""

    def __new__(cls, path: str, *, number: int, is_compressed: bool, max_bytes: int, max_messages: int, now_ns: int) -> RecordingWriter:
        """Makes the file, readable by this user alone. Waits for the disk; does not detach.

        Args:
            path: The file.
            number: The number of the recording, by chance.
            is_compressed: Whether frames are compressed.
            max_bytes: The file never has more bytes.
            max_messages: It takes no more messages.
            now_ns: The time.

        Raises:
            FileExistsError: it is there.
            OSError: it cannot be made.
        """
    def append_batch(self, batch: Batch) -> None:
        """Takes the messages of a batch. About 0.2 us a message; detaches.

        Raises:
            OSError: a frame could not be written; the file is whole up to there and takes no more.
            ValueError: the recording has ended.
        """
    def append_lines(self, lines: bytes) -> tuple[int, str] | None:
        """Takes the messages of whole lines of NDJSON. About 1 us a line; detaches.

        Returns:
            Nothing, or the first line that holds no message, from 0, and why; those behind it are not taken.

        Raises:
            OSError: as for `append_batch`.
            ValueError: the recording has ended.
        """
    def flush(self) -> None:
        """Writes what was taken: it survives a kill of the process. Detaches.

        Raises:
            OSError: as for `append_batch`.
            ValueError: the recording has ended.
        """
    def end(self, *, lost: int, now_ns: int) -> None:
        """Writes what was taken and the end mark, and syncs; a second call does nothing. Detaches.

        Args:
            lost: Messages that came and never reached this writer.
            now_ns: The time.

        Raises:
            OSError: something of it could not be written.
        """
    @property
    def messages(self) -> int:
        """Messages that are in the file or will be with the next frame. Cheap; does not detach. Raises ValueError when it has ended."""
    @property
    def bytes(self) -> int:
        """Bytes of the file. Cheap; does not detach. Raises ValueError when it has ended."""
    @property
    def left_out(self) -> int:
        """Messages that came and are not in the file. Cheap; does not detach. Raises ValueError when it has ended."""
    @property
    def is_full(self) -> bool:
        """Whether it takes no more. Cheap; does not detach. Raises ValueError when it has ended."""

@final
class RecordingReader:
    """Reads a recording, also while it is being written. What is damaged is passed over and noted."""

    def __new__(cls, path: str) -> RecordingReader:
        """Opens a recording. Some 50 us; does not detach.

        Raises:
            OSError: it cannot be read.
            ValueError: it is none, or of an unknown version.
        """
    def read(self) -> list[_Recorded]:
        """The messages of the next frame; none at the end. About 0.5 us a message; detaches while it reads.

        Raises:
            OSError: it cannot be read.
        """
    def lines(self) -> bytes:
        """The messages of the next frame as lines of NDJSON; none at the end. About 0.3 us a message; detaches.

        Raises:
            OSError: it cannot be read.
        """
    def ending(self) -> str:
        """What it turned out to be, as JSON; complete when `read` or `lines` has given nothing. Cheap; does not detach."""

# --------------------------------------------------------------------------------------------------------------- log

_LogRecord: TypeAlias = tuple[int, str, str, int, int | None, bytes, list[tuple[str, str, int, bool, bool]]]
"""A record of a log: number, route, source, when it was received, the source's time, payload, and for each sink its name, topic, QoS, whether it is
retained, and whether the sink has not received it yet."""

@final
class LogReader:
    """The folder of a log, read without changing it, also while a node writes to it. What the node appends after opening is not seen."""

    def __new__(cls, folder: str) -> LogReader:
        """Opens a log: reads names, positions and the heads of its segments. About 50 us a segment; detaches.

        Raises:
            OSError: there is no such folder, or it may not be read.
        """
    def consumers(self) -> list[str]:
        """The sinks that have a place in it. Cheap; does not detach."""
    def inspect(self) -> str:
        """Segments and backlogs as JSON. Reads every frame: about 0.5 GB/s; detaches.

        Raises:
            OSError: a file cannot be read.
        """
    def verify(self) -> str:
        """What is damaged, as JSON. Reads every frame: about 0.5 GB/s; detaches.

        Raises:
            OSError: a file cannot be read.
        """
    def select(self, *, sink: str | None = None, since_ns: int | None = None, until_ns: int | None = None, pending: bool = False) -> None:
        """Says which records `read` gives, and begins anew. Cheap; does not detach."""
    def read(self, count: int) -> list[_LogRecord]:
        """The next records, at most so many; none at the end. About 1 us a record; detaches while it reads frames.

        Raises:
            OSError: a file cannot be read.
        """
    @property
    def missing(self) -> int:
        """Records that `read` passed over because they are damaged or gone. Cheap; does not detach."""

# ---------------------------------------------------------------------------------------------------------- contracts

@final
class Contract:
    """One version of a contract, compiled: the checker that the gate uses, for tests and tools."""

    def __new__(cls, spec: Buffer) -> Contract:
        """Compiles a contract: JSON, one entry of `contracts` of the router's specification. About 10 us and 50 us per pattern; does not detach.

        Raises:
            SpecFailure: the contract is wrong; `errors` has everything that is, with paths such as `fields/2/range`.
        """
    @property
    def id(self) -> str:
        """Name and version: `measurement@1`. Cheap; does not detach."""
    def judge(self, payload: Buffer, *, received_ns: int) -> list[tuple[str, str, str, str]]:
        """Everything that is wrong with a payload: reason code, field, what was found, what was expected. About 0.3 us for a good one;
        does not detach.

        The list is empty for a good payload. The first entry is the verdict that the gate gives. The field is empty where it is about the
        payload as a whole; a payload that is no JSON has one entry, with the reason that it cannot be read.

        Args:
            payload: The payload, any bytes.
            received_ns: When it was received, nanoseconds since 1970 UTC; limits of times count from here.
        """

# ------------------------------------------------------------------------------------------------------------- tables

@final
class TableRows:
    """The rows of a lookup table, for `Router.set_table` and `Pipeline.set_table`; shared, never changed."""

    def __new__(cls, document: bytes) -> TableRows:
        """Takes rows over: JSON with `columns`, `keys` (texts), `lines` (where each row stands in its file) and `values` (a list per row: texts,
        numbers, truth values and nulls). About 0.2 us per value; detaches.

        Raises:
            ValueError: a key stands twice, or the rows are not of one length.
        """
    def __len__(self) -> int: ...

# ------------------------------------------------------------------------------------------------------------- topics

def topic_matches(filter: str, topic: str) -> bool:
    """Whether an MQTT filter matches a topic; `$share/<group>/` is stripped. About 0.1 us; does not detach.

    Raises:
        TopicError: the filter or the topic is not valid.
    """

def validate_filter(filter: str) -> None:
    """Checks an MQTT filter (no captures). About 0.1 us; does not detach.

    Raises:
        TopicError: the filter is not valid.
    """

def validate_topic(topic: str) -> None:
    """Checks a topic name. About 0.1 us; does not detach.

    Raises:
        TopicError: the topic is not valid.
    """

def captures(filter: str) -> list[str]:
    """Names of the captures of a route filter (`raw/{area}/{rest#}` gives area, rest). About 1 us; does not detach.

    Raises:
        TopicError: the filter is not valid.
    """

def mqtt_filter(filter: str) -> str:
    """The MQTT filter of a route filter: captures become `+` and `#`. About 1 us; does not detach.

    Raises:
        TopicError: the filter is not valid.
    """

def covers(a: str, b: str) -> bool:
    """Whether route filter `a` matches every topic that `b` matches. About 1 us; does not detach.

    Raises:
        TopicError: one of the filters is not valid.
    """

def intersects(a: str, b: str) -> bool:
    """Whether some topic matches both route filters. About 1 us; does not detach.

    Raises:
        TopicError: one of the filters is not valid.
    """

# ------------------------------------------------------------------------------------------------------ specification

def compile_proto(path: PathLike[str], folder: PathLike[str]) -> bytes:
    """Compiles a `.proto` file to a descriptor set, with all that it imports from its own folder, from `folder`, or from Protobuf itself.

    About 1 ms; detaches.

    Raises:
        ValueError: it is wrong; the text has file, line and column.
    """

def compile_spec(spec: bytes) -> list[SpecError]:
    """Compiles a specification (JSON) and gives everything that is wrong with it; nothing wrong: an empty list.

    About 50 us per route; detaches.
    """

def reasons() -> list[tuple[str, str, str]]:
    """All reason codes: code, what happened, what to do. For docs and `explain`. Some 10 us; does not detach."""

def steps() -> bytes:
    """The registry of steps as JSON: verb, arguments, documentation, example. Some 10 us; does not detach."""

# ------------------------------------------------------------------------------------------------------------- router

@final
class Outcome:
    """What became of one message on one route."""

    @property
    def kind(self) -> Literal["emitted", "filtered", "absorbed", "quarantined", "hook", "unrouted", "rejected"]:
        """What happened.

        `hook`: the route goes on in Python, which `Router.route` does not do. `absorbed`: a stateful step kept it to itself, and nothing left
        instead. Cheap; does not detach.
        """
    @property
    def index(self) -> int:
        """Which of the messages given to `route`; -1 for what left because time has come. Cheap; does not detach."""
    @property
    def route(self) -> str | None:
        """The route; nothing for `unrouted`, and for `rejected` where the message cannot be routed at all. Cheap; does not detach."""
    @property
    def sink(self) -> str | None:
        """The sink of `emitted`. Cheap; does not detach."""
    @property
    def topic(self) -> str:
        """The topic it left with; for other kinds the topic it came with. Cheap; does not detach."""
    @property
    def payload(self) -> bytes:
        """The payload it left with; for other kinds the original bytes. Copies; does not detach."""
    @property
    def qos(self) -> int:
        """Quality of service of `emitted`. Cheap; does not detach."""
    @property
    def retain(self) -> bool:
        """Whether `emitted` is to be retained. Cheap; does not detach."""
    @property
    def reason(self) -> str | None:
        """The reason code of `quarantined` and `rejected`. Cheap; does not detach."""
    @property
    def step(self) -> int | None:
        """The step (from 0) that quarantined it, or nothing when it was not a step. Cheap; does not detach."""
    @property
    def detail(self) -> str | None:
        """More about the reason. Cheap; does not detach."""
    @property
    def hook(self) -> str | None:
        """The hook (`module:function`) of kind `hook`. Cheap; does not detach."""
    def __repr__(self) -> str:
        """Kind, route, topic and reason. About 1 us; does not detach."""

@final
class Router:
    """The compiled routes without any I/O: for tests, notebooks, `explain` and benchmarks."""

    @staticmethod
    def from_spec(spec: bytes) -> Router:
        """Compiles a specification (JSON). About 50 us per route; detaches.

        Raises:
            SpecFailure: the specification does not compile.
        """
    def route(self, source: str, messages: Sequence[tuple[str, bytes]], *, now_ns: int) -> list[Outcome]:
        """Routes messages of a source; outcomes in order of the messages, then of the routes.

        About 0.5 us per message, most of it for Python objects; does not detach.

        Raises:
            KeyError: there is no such source.
        """
    def set_table(self, name: str, rows: TableRows) -> None:
        """Puts the rows of a lookup table in force, from the next message on. Cheap (the rows before are let go here); does not detach.

        Raises:
            ValueError: the specification has no such table, or it has other columns; the rows before stay.
        """
    def advance(self, *, now_ns: int) -> list[Outcome]:
        """Lets go what stateful steps hold back and for which time has come. About 1 us per message; does not detach."""
    def next_deadline(self) -> int | None:
        """When `advance` may have something to let go, in nanoseconds since 1970 (UTC). Cheap; does not detach."""
    def explain(
        self, source: str, topic: str, payload: bytes, *, now_ns: int, source_ns: int | None = None, qos: int = 0, retain: bool = False
    ) -> bytes:
        """What every route does with a message, step by step, as JSON. Some 10 us; does not detach.

        Raises:
            KeyError: there is no such source.
        """
    def stats(self) -> bytes:
        """Counters per source, route and of the topic table, and how many stages run on which path, as JSON.

        About 1 us per route; does not detach.
        """

# -------------------------------------------------------------------------------------------------------------- batch

@final
class Column:
    """One column of a batch in Arrow's layout. The buffers are `bytes`: numpy and Arrow read them without a copy."""

    @property
    def dtype(self) -> _Dtype:
        """What the values are. Cheap; does not detach."""
    @property
    def data(self) -> bytes:
        """`f64`, `i64`: 8 bytes per row, little endian. `bool`: one byte per row. Others: the bytes of all rows in a
        row.

        Cheap (shared); does not detach.
        """
    @property
    def validity(self) -> bytes | None:
        """Arrow's bitmap, one bit per row, least significant first; nothing when no row is null.

        Cheap; does not detach.
        """
    @property
    def offsets(self) -> bytes | None:
        """`text`, `json`, `binary`: rows + 1 signed 32-bit offsets into `data`; otherwise nothing.

        Cheap; does not detach.
        """
    @property
    def nulls(self) -> int:
        """How many rows are null. Cheap; does not detach."""
    def __len__(self) -> int:
        """Number of rows. Cheap; does not detach."""
    def to_list(self) -> list[float | int | bool | str | bytes | None]:
        """The rows as Python objects. About 30 ns per row; does not detach."""

@final
class Batch:
    """Messages on their way to a sink or through a hook. Immutable; keeps its bytes alive by itself."""

    @property
    def id(self) -> int:
        """The number to confirm it by. Cheap; does not detach."""
    @property
    def size(self) -> int:
        """Bytes of topics and payloads. Cheap; does not detach."""
    def __len__(self) -> int:
        """Number of rows. Cheap; does not detach."""
    def pack(self) -> bytes:
        """The batch as bytes, for `unpack` in another process of the same build. About 0.1 us per row; detaches for many."""
    @staticmethod
    def unpack(packed: bytes) -> Batch:
        """A batch out of what `pack` made; its `id` is 0. About 0.1 us per row; does not detach.

        Raises:
            ValueError: the bytes are not whole.
        """
    def topics(self) -> list[str]:
        """Topic of each row. About 50 ns per row; does not detach."""
    def payloads(self) -> list[bytes]:
        """Payload of each row. About 40 ns per row; does not detach."""
    def sources(self) -> list[str]:
        """Name of the source of each row. About 10 ns per row; does not detach."""
    def routes(self) -> list[str]:
        """Name of the route of each row. About 10 ns per row; does not detach."""
    def column(self, name: str, dtype: _Dtype | None = None) -> Column:
        """A column. About 80 ns per row when payloads have to be scanned, 10 otherwise; detaches above some hundred
        rows.

        Args:
            name: `topic` (text), `payload` (binary), `received_ns` (i64), `qos` (i64), `retain` (bool), `source_ns`
            (i64: given by
                the source, else the payload's `timestamp_ms`, else null), `time_ns` (i64: `source_ns`, else
                `received_ns`; never
                null), `value` (the payload's field `value`, or the payload itself when it is a bare scalar), `text`
                (the same where
                it is text), `quality`, `unit` (text), `{x}` (a capture, text; hook batches only), or any dotted path
                into the
                payload.
            dtype: how to read it. A path that is missing, null or of another type gives null. Without it: the type in
                brackets above, f64 for `value`, `json` (the text as it stands in the payload) for paths.

        Raises:
            KeyError: the name is a capture that this batch does not have.
            ValueError: the dtype is not one that this column can have.
        """
    def columns(self, wanted: Sequence[tuple[str, _Dtype | None]]) -> list[Column]:
        """Several columns with one scan of the payloads: cheaper than one by one. Detaches above some hundred rows.

        Raises:
            KeyError: a name is a capture that this batch does not have.
            ValueError: a dtype is not one that its column can have.
        """
    def rows(
        self, wanted: Sequence[tuple[str, _Dtype | None]], *, rest_without: Sequence[str] | None = None, shape: bytes | None = None
    ) -> list[tuple[float | int | bool | str | bytes | None, ...]]:
        """Rows as tuples in the order wanted, for `executemany`. About 100 ns per row and column; does not detach.

        Args:
            wanted: names and dtypes as for `column`.
            rest_without: when given, one more value at the end: the payload's top-level fields other than these, as a
            JSON
                object's text; null when none are left or the payload is no object.
            shape: a shape as JSON, as in specifications: where `value`, `text`, `quality`, `unit`, `source_ns` and `time_ns` stand.
                A quality that is written as a number is given by its OPC UA name.

        Raises:
            KeyError: a name is a capture that this batch does not have.
            ValueError: a dtype is not one that its column can have, or the shape is wrong.
        """
    def recording_lines(self) -> bytes:
        """One JSON line per row as recordings have it: `topic`, the payload, `received_ns`, `time_ns`, `qos`, `retain`, `source`, `route`.

        About 200 ns per row; detaches above some hundred rows.
        """
    def ndjson(self) -> bytes:
        """One JSON line per row: `topic`, the payload, `time_ns`, `source`, `route`.

        The payload stands as it is under `payload` when it is JSON on one line; other text stands under `payload_text`, other bytes
        under `payload_base64`. About 100 ns per row; detaches above some hundred rows.
        """

@final
class QuarantineBatch:
    """Quarantined messages for the quarantine's writer."""

    @property
    def id(self) -> int:
        """The number to confirm it by. Cheap; does not detach."""
    def __len__(self) -> int:
        """Number of records. Cheap; does not detach."""
    def reasons(self) -> dict[tuple[str, str], int]:
        """How many records per (route, reason code), for logs; a route that is not known is `""`. Does not detach."""
    @property
    def is_awaited(self) -> bool:
        """Whether a source waits for these records: then they may not be evicted. Cheap; does not detach."""
    def replayed(self) -> list[tuple[int, int]]:
        """Which of these come from a replay: the place among `rows` and the number that was given to `Pipeline.replay`. Does not detach."""
    def rows(self) -> list[tuple[int, int | None, str, str | None, int | None, str, str, str, bytes, str | None, int, bool]]:
        """A tuple per record: time_ns, source_ns, source, route, step, reason, detail, topic, payload, sink, qos, retain.

        With a sink, topic and payload are what it refused; else they are the original ones. About 500 ns per record; does not detach.
        """
    def ndjson(self) -> bytes:
        """One line per record: `{"time_ns", "source", "route", "step", "reason", "detail", "topic", "sink", "payload"}`, the
        original bytes as text or,
        when they are no UTF-8, as `payload_base64`. About 200 ns per record; does not detach.
        """

# ----------------------------------------------------------------------------------------------------------- pipeline

@final
class Work:
    """What a call left to do for Python. Look at `writes` always, at the rest only when `more`."""

    @property
    def writes(self) -> list[tuple[int, bytes]]:
        """Connections and what to write to them now. Cheap; does not detach."""
    @property
    def deadline_ns(self) -> int | None:
        """When `advance` wants to be called at the latest. Cheap; does not detach."""
    @property
    def more(self) -> bool:
        """Whether any list below has something. Cheap; does not detach."""
    @property
    def closes(self) -> list[tuple[int, str, str, bool]]:
        """Connections to close after what was written: connection, reason code, sentence, whether to connect again.

        Cheap; does not detach.
        """
    @property
    def pause(self) -> list[str]:
        """Sources to stop reading: `pause_reading` of the connection, no `push` for batch sources.

        Cheap; does not detach.
        """
    @property
    def resume(self) -> list[str]:
        """Sources to read again. Cheap; does not detach."""
    @property
    def ready_sinks(self) -> list[str]:
        """Batch sinks for which `take` now gives a batch (each is named once per batch). Cheap; does not detach."""
    @property
    def ready_hooks(self) -> list[int]:
        """Hooks (by their number in the specification) for which `take_hook` now gives a batch.

        Cheap; does not detach.
        """
    @property
    def ready_quarantine(self) -> bool:
        """Whether `take_quarantine` now gives a batch. Cheap; does not detach."""
    @property
    def ready_taps(self) -> list[int]:
        """Taps for which `take_tap` now gives a batch. Cheap; does not detach."""
    @property
    def settled(self) -> list[tuple[str, int, bool]]:
        """Batch sources' positions that are done, in order: source, position, whether delivered.

        Cheap; does not detach.
        """
    @property
    def log_events(self) -> list[tuple[str, str, str]]:
        """What happened to logs: `log` or `spill`, a stable code, a sentence. Cheap; does not detach."""
    @property
    def events(self) -> list[tuple[int, str, str]]:
        """What happened to connections: connection, code (`connected`, `refused`, `subscribed`, `subscribe_refused`,
        `publish_refused`,
        `disconnected`, ...), detail. For logs and status. Cheap; does not detach.
        """

@final
class Pipeline:
    """All that lives between the sockets of a node: MQTT sessions, router, tokens, queues, ledgers.

    Not meant for several threads at a time: calls lock each other out.

    MQTT connections have numbers (`connections()`); batch sources and sinks go by name. A call that can leave something
    to do
    returns a `Work`, or nothing when there is nothing to do.
    """

    def __new__(cls, spec: bytes, node: bytes, *, now_ns: int) -> Pipeline:
        """Compiles the routes and makes sessions and queues. About 50 us per route; detaches.

        Args:
            spec: the router's specification (JSON).
            node: connections, queues and classes (JSON), by the names of the specification:
                `{"sources": [{"name", "kind": "mqtt"|"batch", "delivery": "durable"|"spill"|"through"|"volatile", "mqtt": {..},
                "unacked": 1000}],
                "sinks": [{"name", "kind": "mqtt"|"batch"|"latest", "mqtt": {..}, "queue_bytes": 8388608, "policy":
                "block"|"drop_oldest"|"drop_newest"|"keep_latest", "batch_rows":
                4096,
                "batch_bytes": 1048576, "linger_ms": 50, "latest_bytes": 268435456}],
                "routes": {"<name>": "durable"|"spill"|"through"|"volatile"}, "quarantine_bytes": 16777216, "hook_rows": 1024,
                "hook_bytes": 8388608}`, where `mqtt` is
                `{"client_id", "protocol": 4|5, "clean_start", "session_expiry_s", "keep_alive_s", "username",
                "password", "receive_maximum",
                "max_packet", "will": {"topic", "payload", "qos", "retain"}, "subscriptions": [{"filter", "qos",
                "retain_handling",
                "retain_as_published", "no_local"}], "user_properties": [[name, value]]}`.
            now_ns: the time.

        Raises:
            SpecFailure: the specification or the node does not compile.
        """
    def connections(self) -> list[tuple[int, str, str]]:
        """MQTT connections to keep open: number, `source` or `sink`, name.

        Numbers are small and stay across `swap`. Cheap; does not detach.
        """

    # MQTT connections

    def opened(self, connection: int, *, now_ns: int) -> Work | None:
        """The transport is connected: the session begins with CONNECT. Cheap; does not detach."""
    def received(self, connection: int, buffer: Buffer, size: int, *, now_ns: int) -> Work | None:
        """Bytes came in: decodes, routes, encodes. One copy of the chunk, about 0.2 us per message; does not detach.

        Args:
            connection: where.
            buffer: what the transport filled; it may be used again when the call returns.
            size: how many of its bytes are new.
            now_ns: the time.
        """
    def closed(self, connection: int, *, now_ns: int) -> Work | None:
        """The transport is gone. What is not confirmed is sent again on the next connection. Cheap; does not detach."""
    def writable(self, connection: int, *, is_writable: bool, now_ns: int) -> Work | None:
        """The transport's buffer is full or has room again (`pause_writing`, `resume_writing`). Meanwhile what is for
        this connection
        waits in the sink's queue. Cheap; does not detach.
        """
    def advance(self, *, now_ns: int) -> Work | None:
        """The time is `now_ns`: keep-alives, time-outs, lingering batches. Cheap; does not detach."""

    # Batch plane

    def push(
        self,
        source: str,
        topics: Sequence[str],
        payloads: Sequence[bytes],
        *,
        source_ns: Sequence[int | None] | None = None,
        qos: Sequence[int] | None = None,
        retain: Sequence[bool] | None = None,
        position: int | None = None,
        now_ns: int,
    ) -> Work | None:
        """Messages from a batch source. About 0.3 us per message; does not detach.

        `qos` and `retain` say how a broker had sent them: expressions read them as `meta`.

        A topic that is not valid rejects that message (counted, quarantined). With a position, `Work.settled` tells
        when all
        messages of this call are done; without, the source does not hear of them again.

        Raises:
            KeyError: there is no such batch source.
            ValueError: the lengths differ.
        """
    def push_values(
        self,
        source: str,
        topics: Sequence[str],
        values: Sequence[float | int | bool | str | None],
        *,
        qualities: Sequence[str | None] | None = None,
        statuses: Sequence[int | None] | None = None,
        units: Sequence[str | None] | None = None,
        origins: Sequence[str | None] | None = None,
        source_ns: Sequence[int | None] | None = None,
        position: int | None = None,
        now_ns: int,
    ) -> Work | None:
        """Values from a structured source: Rust writes them in the shape of the source (`shapes` of the specification),
        `{"value":..,"quality":..,"timestamp_ms":..,"unit":..}` where it says nothing; what is None is left out. About
        0.4 us per message; does not detach.

        A value that is None (or NaN) needs a quality that is bad or says that there is no data. A row that breaks this,
        or that the shape cannot say, is counted and quarantined.

        Raises:
            KeyError: there is no such batch source.
            ValueError: the lengths differ, or there are both qualities and statuses.
        """
    def push_lines(
        self,
        source: str,
        lines: bytes,
        *,
        topic_field: str | None,
        payload_field: str,
        time_field: str | None,
        topic: str | None = None,
        position: int | None = None,
        now_ns: int,
    ) -> Work | None:
        """Messages that stand in JSON lines, such as `Batch.ndjson` writes. About 0.4 us per line; does not detach.

        A line that is no message is counted and quarantined as it stands; empty lines are passed over.

        Args:
            source: whose.
            lines: whole lines.
            topic_field: the field with the topic; None: each line is a payload under `topic`.
            payload_field: the field with the payload, taken as it stands; with `_text` behind its name the payload is text that is no
                JSON, with `_base64` other bytes.
            time_field: the field with the source's time in nanoseconds.
            topic: the topic of lines that have none.
            position: as for `push`.
            now_ns: the time.

        Raises:
            KeyError: there is no such batch source.
        """
    def take(self, sink: str, *, now_ns: int, force: bool = False) -> Batch | None:
        """The next batch of a batch sink, or nothing: no batch is ready, or one is still to be confirmed. Cheap; does
        not detach.

        Args:
            sink: whose.
            now_ns: the time.
            force: take what is there, however little; for draining.

        Raises:
            KeyError: there is no such batch sink.
        """
    def confirm(
        self,
        sink: str,
        batch: int,
        *,
        refused: Sequence[tuple[int, str]] = (),
        retry: Sequence[int] = (),
        now_ns: int,
    ) -> Work | None:
        """The sink has the batch. About 10 ns per row; does not detach.

        Args:
            sink: whose.
            batch: `Batch.id`.
            refused: rows that will never be taken, with the sink's words: quarantined as `sink_refused`.
            retry: rows to hand out again; they stand first in the next batch. Everything else is delivered.
            now_ns: the time.

        Raises:
            KeyError: there is no such sink or batch.
        """

    # Hooks

    def hooks(self) -> list[tuple[int, str]]:
        """Hooks of the specification: number and `module:function`. Cheap; does not detach."""
    def take_hook(self, hook: int) -> Batch | None:
        """The next batch for a hook (at most the node's `hook_rows`), or nothing: none waits, or one is still with Python.

        Cheap; does not detach.

        Raises:
            KeyError: there is no such hook.
        """
    def hook_done(
        self,
        hook: int,
        batch: int,
        *,
        fields: Sequence[tuple[str, _Dtype, Buffer | Sequence[str | None], Buffer | None]] = (),
        payloads: Sequence[bytes | None] | None = None,
        topics: Sequence[str | None] | None = None,
        keep: Buffer | None = None,
        failed: Sequence[tuple[int, _HookReason, str]] = (),
        now_ns: int,
    ) -> list[tuple[str, int, str]]:
        """The hook's result; the routes go on from there. About 0.2 us per row beside the rest of the route; does not
        detach. May be called on the hook's own thread: what it leaves to do comes with the next call that gives `Work`.

        Anything of the wrong shape (row count, type) quarantines the whole batch as `hook_output`; one element of a list that is of the wrong
        type quarantines its row.

        Args:
            hook: which.
            batch: `Batch.id`.
            fields: top-level fields to replace or add: name, dtype (`f64`, `i64`, `bool`, `text`), values (a buffer of
            the dtype, one element
                per row, `bool` one byte each; a list for `text`) and, when given, one byte per row that is 0 where the
                field
                becomes null. A NaN or infinity quarantines its row as `not_finite`.
            payloads: new payloads, None for a row that stays.
            topics: new topics for the rest of the route, None for a row that stays.
            keep: one byte per row, 0 for rows that end here (counted as filtered).
            failed: rows that the hook failed on, with the reason and its words: they are quarantined.
            now_ns: the time.

        Returns:
            What goes to the quarantine: reason, how many rows, the words about the first of them.

        Raises:
            KeyError: there is no such hook or batch.
        """
    def hook_failed(
        self,
        hook: int,
        batch: int,
        *,
        reason: _HookReason,
        detail: str,
        now_ns: int,
    ) -> None:
        """The hook gave nothing: its rows are quarantined with this reason and their original bytes. Does not detach.
        May be called on the hook's own thread, as `hook_done`.

        Raises:
            KeyError: there is no such hook or batch.
            ValueError: the reason is not one of a hook.
        """
    def work(self, *, now_ns: int) -> Work | None:
        """What `hook_done`, `hook_failed` and the threads of the logs left to do. Cheap; does not detach."""

    # Logs

    def wake_fds(self) -> list[int]:
        """File descriptors that become readable when a log has written, synced or read something: call `work` then, which empties them. They belong
        to the engine. Cheap; does not detach.
        """
    def has_state(self) -> bool:
        """Whether any step of the plan remembers something. Cheap; does not detach."""
    def save_state(self, at: tuple[int, int], limit: int) -> tuple[bytes, tuple[int, int] | None]:
        """A portion (about `limit` bytes) of what stateful steps remember, from a step and key on (the first is `(0, 0)`), and where to go on;
        nothing when that was all. About 20 ns per key; does not detach.
        """
    def restore_state(self, portion: bytes) -> tuple[int, int]:
        """Gives the steps what a portion has; how many keys they took, and how many none wanted. About 50 ns per key; does not detach."""
    def close(self, *, now_ns: int) -> None:
        """The end of the logs: what sinks of class `spill` have in memory and how far every sink has come is written and synced. Detaches; waits for
        the disk.
        """

    # Quarantine

    def take_quarantine(self) -> QuarantineBatch | None:
        """Quarantined messages to write to the store (some 128 KiB), or nothing: none waits, or a batch is still to be confirmed.

        Cheap; does not detach.
        """
    def confirm_quarantine(self, batch: int, *, now_ns: int) -> Work | None:
        """The records are written: what waited for them is acknowledged. Does not detach.

        Raises:
            KeyError: there is no such batch.
        """
    def retry_quarantine(self, batch: int) -> None:
        """The records could not be written: `take_quarantine` gives them again. Does not detach.

        Raises:
            KeyError: there is no such batch.
        """

    def replay(
        self, records: Sequence[tuple[int, str, str, str, bytes, int, int | None, int, bool, str | None]], *, now_ns: int
    ) -> list[Literal["taken", "filtered", "rejected", "no_match", "invalid_topic", "unknown_route", "unknown_sink"]]:
        """Let quarantined messages go on: through one route each and no other, or straight to a sink. Call `work` afterwards.

        Args:
            records: number, source, route, topic, payload, received_ns, source_ns, qos, retain, sink (or nothing). With a sink, the route
                only names where it came from.
            now_ns: The time.

        Returns:
            What became of each at once. The number of one that is `taken` comes back in `Work.settled` under the source `""` when all
            that came of it has arrived. What fails again comes with `take_quarantine` (see `QuarantineBatch.replayed`). Does not detach.
        """
    def matched(self) -> dict[str, int]:
        """How many messages each route took so far, over reloads. Some 100 ns per route; does not detach."""

    # Looking in

    def catalog_page(
        self,
        *,
        filter: str | None = None,
        search: str | None = None,
        after: str | None = None,
        limit: int,
        now_ns: int,
    ) -> bytes:
        """Names of the catalogue in their order: `{"topics": [..], "next": cursor or null}`. `filter` is an MQTT filter,
        `search` a text that
        names contain, `after` the `next` of the page before. A page may hold fewer names than `limit` (at most 1,000) and
        not be the last: only
        `next` says so.

        A topic is `{"topic", "payload" | "text" | "base64", "payload_bytes", "received_ns", "first_ns", "count", "rate",
        "route", "source", "origin", "contract", "branch", "owner", "violations", "sequence", "orphan"}`; `payload` is null
        where it was not kept, `rate` is
        messages per second, `origin` the topic it was made of; an `orphan` has lost its route in a reload. About 1 us a
        topic; at most
        10 ms with a million names; does not detach.

        Raises:
            TopicError: the filter is none.
            KeyError: the configuration has no catalogue.
        """
    def catalog_children(self, prefix: str | None = None, *, after: str | None = None, limit: int) -> bytes:
        """The levels right below a name, or the first levels: `{"children": [{"name", "is_topic", "below"}], "next":
        cursor or null}`; `below` counts the names
        below. About 3 us a child; does not detach.

        Raises:
            KeyError: the configuration has no catalogue.
        """
    def catalog_get(self, topic: str, *, now_ns: int) -> bytes | None:
        """One name as in `catalog_page`, or `None`. Cheap; does not detach.

        Raises:
            KeyError: the configuration has no catalogue.
        """
    def catalog_changes(self, since: int, *, limit: int, now_ns: int) -> bytes:
        """Names with a value newer than the sequence number `since`, oldest change first: `{"sequence", "generation",
        "more", "topics": [..]}`; ask again with the
        greatest `sequence` seen. Another `generation` than before says that names were taken out by a reload: begin anew
        with 0. About 1 us a
        topic plus 10 ns per 64 names; does not detach.

        Raises:
            KeyError: the configuration has no catalogue.
        """
    def changes(self, sink: str, since: int, *, limit: int) -> bytes:
        """What changed in a latest sink: `{"sequence": n, "more": bool, "topics": count, "values": [{"topic", "payload"
        | "text" | "base64", "time_ns",
        "first_ns", "count", "sequence"}]}`, oldest change first; ask again with the greatest `sequence` seen. About 0.3
        us per value plus 10 ns per
        64 topics; detaches when there are many.

        Raises:
            KeyError: there is no such latest sink.
        """
    def watch(self, sink: str, topic: str, *, points: int) -> None:
        """Begins to keep a topic's newest numbers for a chart (at most `points`, at most 256 topics; the one watched
        longest ago goes).
        Cheap; does not detach.

        Raises:
            KeyError: there is no such latest sink.
        """
    def points(self, sink: str, topic: str, *, since_ns: int) -> bytes:
        """A watched topic's numbers: `[[time_ns, number], ..]`, empty when it is not watched. Does not detach.

        Raises:
            KeyError: there is no such latest sink.
        """
    def open_tap(self, filter: str, *, queue_bytes: int, is_input: bool = False) -> int:
        """Begins to copy what leaves the routes under an MQTT filter, or what sources hand in. A tap holds nothing up: beyond
        `queue_bytes` the newest are dropped and counted. Cheap; does not detach.

        Raises:
            TopicError: the filter is not valid.
        """
    def tap_dropped(self, tap: int) -> int:
        """How many messages a tap has dropped so far. Cheap; does not detach.

        Raises:
            KeyError: there is no such tap.
        """
    def take_tap(self, tap: int) -> Batch | None:
        """What a tap copied since the last call, or nothing. Cheap; does not detach.

        Raises:
            KeyError: there is no such tap.
        """
    def close_tap(self, tap: int) -> int:
        """Ends a tap; how many messages it dropped. Cheap; does not detach.

        Raises:
            KeyError: there is no such tap.
        """
    def contracts_report(self) -> bytes:
        """What the contracts found, as JSON, ordered by name. About 1 us per contract; does not detach.

        A list of `{"contract": "measurement@1", "mode", "judged", "violated", "rules": [{"field", "rule", "count"}],
        "offenders": [{"topic", "route", "role": "expect"|"contract", "received_ns", "reason", "field", "found",
        "expected", "payload", "payload_bytes"}]}`. Offenders are the newest eight, the oldest of them first, with
        at most 512 bytes of the payload; the key is left out where there is none. `status` has the same without them.
        """
    def cover(self) -> None:
        """Begins to note what of the routes is run, for tests of configurations: messages take some times as long. Cheap; does not detach."""
    def coverage(self) -> bytes | None:
        """What of the routes was run since `cover`, as JSON: `{"routes": [{"matched", "held", "not_held", "steps": [{"ran", "skipped"}], "targets":
        [count], "expect": [kept, violated], "contract": [kept, violated]}]}` in the order of the routes; lists end where nothing more was come to.
        Nothing without `cover`. About 1 us a route; does not detach.
        """
    def status(self, *, now_ns: int) -> bytes:
        """The three ledgers, queues, connections and the topic table, as JSON. About 1 us per route and 1 ns per
        buffered message; does not
        detach. `balanced` is false when a ledger does not add up: a defect.
        """

    def set_table(self, name: str, rows: TableRows) -> None:
        """Puts the rows of a lookup table in force, from the next message on. Cheap (the rows before are let go here); does not detach.

        Raises:
            ValueError: the specification has no such table, or it has other columns; the rows before stay.
        """

    # Life cycle

    def swap(self, spec: bytes, node: bytes, *, now_ns: int) -> Work | None:
        """Takes a new specification. Sources and sinks of the same name and kind keep their sessions, queues and
        tokens; new ones appear in
        `connections()`; removed ones drain and then close. When it raises, nothing has changed. About 50 us per route;
        does not detach.

        Raises:
            SpecFailure: the specification or the node does not compile.
        """
    def stop_sources(self, *, now_ns: int) -> Work | None:
        """Begins to end: no source is read any more, what is inside goes out. MQTT sources stay connected until all is
        acknowledged.
        Cheap; does not detach.
        """
    def disconnect(self, *, now_ns: int) -> Work | None:
        """Says DISCONNECT on every connection; the last writes. Cheap; does not detach."""
    def drained(self) -> bool:
        """Whether nothing is left inside: no token, no queued or unconfirmed message. Cheap; does not detach."""
