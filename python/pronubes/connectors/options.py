"""What every connector's options share, and how a connector describes itself to the registry.

A connector derives one model from `SourceOptions` (or `TagSourceOptions`, `SinkOptions`, `BatchSinkOptions`) and names it in a
`SourceConnector` or `SinkConnector`, which an entry point leads to:

    class FileOptions(SourceOptions):
        path: str
        "The file to read; a relative path counts from the configuration file."

    class FileSource:                                     # implements connectors.base.BatchSource
        def __init__(self, options: FileOptions, context: ConnectorContext) -> None: ...

    SOURCE = SourceConnector(
        options=FileOptions, implementation="pronubes.connectors.file:FileSource", example="{type: file, path: in.ndjson}"
    )

    # pyproject.toml
    [project.entry-points."pronubes.sources"]
    file = "pronubes.connectors.file:SOURCE"

The text under a field is its documentation: the reference page and the JSON Schema are made from it. A check beyond the type
raises `refuse(...)` in a pydantic validator. Client libraries are imported inside the implementation's methods, not at the top: `check`
and `schema` read the options of every connector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BeforeValidator, Field, field_validator, model_validator

from pronubes.connectors.base import ConnectorContext, Plane
from pronubes.connectors.shapes import USUAL_SHAPE, ShapeOption
from pronubes.connectors.strict import StrictModel
from pronubes.connectors.values import ByteSize, Duration, refuse
from pronubes.tags.naming import SourceTag, TagProblem
from pronubes.tags.patterns import PatternProblem, TagPattern

__all__ = [
    "BatchSinkOptions",
    "ConnectorOptions",
    "Delivery",
    "NameRule",
    "NamesOptions",
    "Policy",
    "QueueOptions",
    "ReplayOptions",
    "SinkConnector",
    "SinkOptions",
    "SourceConnector",
    "SourceOptions",
    "StrictModel",
    "TagSourceOptions",
    "ViewSinkOptions",
]


Policy = Literal["block", "drop_oldest", "drop_newest", "keep_latest"]
"""What happens when a sink's queue is full."""

Delivery = Literal["durable", "spill", "through", "volatile"]
"""When a source hears that a message is done, and what it survives."""


class ConnectorOptions(StrictModel):
    """Options of any connector. `type` is taken off before the options are read."""

    not_yet: ClassVar[dict[str, str]] = {}
    """Keys that a later version brings, with what to use until then; `check` says so instead of `unknown key`."""

    def endpoint(self) -> str | None:
        """Name what this connector talks to (`mqtt://127.0.0.1:1883`), for finding loops; None when nothing else could be the same."""
        return None


class SourceOptions(ConnectorOptions):
    """Options of any source."""

    def filters(self) -> Sequence[str] | None:
        """List MQTT filters that cover every topic this source can hand in, for finding dead routes; None when that is not known."""
        return None

    def default_delivery(self) -> Delivery:
        """Choose the delivery class of routes from this source when the route does not say one."""
        return "spill"


class NameRule(StrictModel):
    """A rule that names tags of one pattern."""

    tag: str
    """Which tags: `{x}` takes one character or more, up to the literal behind it. The whole tag must match; the first captures are the shortest."""
    topic: str
    """Their topic. It may hold the captures and what `topic` of the source may."""
    contract: str | None = None
    """The contract, as `name@version`, that routes with `contract: from_names` judge them by."""

    @field_validator("tag")
    @classmethod
    def _is_pattern(cls, text: str) -> str:
        try:
            TagPattern.parse(text)
        except PatternProblem as problem:
            raise refuse(str(problem), expected=problem.expected, hint=problem.hint) from problem
        return text


class NamesOptions(StrictModel):
    """How tags get topics, contracts and units: by the table, then by the rules in order, then by the source's `topic`. A table alone is enough."""

    table: str | None = None
    """A CSV or XLSX file with the columns `tag`, `topic`, `contract`, `unit` and `description`; the first two are needed. A relative path counts
    from the configuration file."""
    sheet: str | None = None
    """The sheet of an XLSX file. Left out: the first."""
    rules: list[NameRule] = []
    """Rules, in order; the first whose pattern matches counts."""

    @model_validator(mode="after")
    def _names_something(self) -> NamesOptions:
        if self.table is None and not self.rules:
            raise refuse("Nothing names the tags.", expected="`table: names/boiler.csv`, `rules: [...]` or both")
        return self


def _names(value: Any) -> Any:  # Any: whatever stands in the YAML
    return {"table": value} if isinstance(value, str) else value


class TagSourceOptions(SourceOptions):
    """Options of a source whose values have tags instead of topics."""

    tag_values: ClassVar[tuple[str, ...]] = ()
    """What a template may put in for each tag, besides `{source}` and `{tag}`."""

    topic: str = "{source}/{tag}"
    """The topic that a tag's value gets. `{source}` is the source's name, `{tag}` the tag's; a connector may offer more names."""
    shape: ShapeOption = USUAL_SHAPE
    """How a value and what belongs to it stand in the payload: `reading` (`{value, quality, timestamp_ms, unit}`), `record` (all that is known, with
    the exact status and the origin), `i3x`, `opcua`, `umh`, the bare `value`, or a map of fields."""
    names: Annotated[NamesOptions, BeforeValidator(_names, json_schema_input_type=str | NamesOptions)] | None = None
    """A table of names, rules that make names, or both. Tags that neither names get `topic`."""

    def tag_list(self, base_dir: Path) -> Sequence[SourceTag]:  # noqa: ARG002  for those that read a file
        """List the tags of the source, to check their names before anything runs.

        Raises:
            OSError: The list cannot be read.
            ValueError: The list has mistakes.
        """
        return ()

    def files(self) -> Sequence[str]:
        """Name the files that the source reads when it starts: a reload starts it anew when one has changed."""
        return ()

    def file_problems(self, base_dir: Path) -> Sequence[tuple[Path, TagProblem]]:  # noqa: ARG002  as above
        """List what is wrong in the file of the tags, for `check`."""
        return ()


class QueueOptions(StrictModel):
    """The queue in front of a sink."""

    size: ByteSize = Field(default=16 * 2**20, ge=64 * 2**10)
    """How many bytes of messages may wait."""
    policy: Policy = "block"
    """What happens when it is full: `block` drops nothing: what comes waits in a log (`delivery: durable` and `spill`), or the sources
    that feed the sink are held back (`through` and `volatile`). `drop_oldest` and `drop_newest` drop what has waited longest, or what comes.
    `keep_latest`: above half of `size`, and from then on until it is empty, a newer value of a topic replaces the one that waits;
    beyond `size` the topics that have waited longest are dropped. Each drop is counted. The last three are not for
    routes that promise delivery (`durable`, `through`)."""


class ReplayOptions(StrictModel):
    """How a sink gets what it missed while it was away or too slow (`delivery: durable` and `spill`)."""

    order: Literal["live_first", "in_order"] | None = None
    """`live_first`: new messages go at once, and what was missed follows beside them, marked as replayed. `in_order`: what was missed goes first.
    Left out: `live_first`, but `in_order` for a sink that cannot mark messages (MQTT 3.1.1)."""
    rate: int | None = Field(default=None, ge=1)
    """How many missed messages may go a second. Left out: what the sink takes beside the new ones."""


class SinkOptions(ConnectorOptions):
    """Options of any sink."""

    queue: QueueOptions = Field(default_factory=QueueOptions)
    """The queue in front of the sink."""
    replay: ReplayOptions = Field(default_factory=ReplayOptions)
    """How the sink gets what it missed."""

    def marks_replayed(self) -> bool:
        """Say whether this sink can tell replayed messages from new ones."""
        return True


class BatchSinkOptions(SinkOptions):
    """Options of a sink that takes batches."""

    batch_messages: int = Field(default=10_000, ge=1, le=1_000_000)
    """The most messages in one batch."""
    batch_wait: Duration = Field(default=0.0, ge=0, le=60)
    """How long to gather messages into a larger batch. `0`: what is there goes at once."""


class ViewSinkOptions(SinkOptions):
    """Options of a sink that looks at the newest value of each topic instead of taking messages."""

    memory: ByteSize = Field(default=256 * 2**20, ge=2**20)
    """What the newest values may take in memory. Topics beyond it are not shown, and counted."""


_Source = TypeVar("_Source", bound=SourceOptions)
_Sink = TypeVar("_Sink", bound=SinkOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceConnector(Generic[_Source]):
    """What a source's entry point leads to.

    Attributes:
        options: The model of its options.
        implementation: `module:Class`; the class is called with `(options, context)` and implements `BatchSource`, or drives a Rust
            session when the plane is `bytes`.
        example: Its part of a configuration, one YAML value; a test reads it.
        plane: Which plane it works on.
    """

    options: type[_Source]
    implementation: str
    example: str
    plane: Plane = "batch"

    def create(self, options: _Source, context: ConnectorContext) -> Any:  # Any: BatchSource, or the session of a bytes plane
        """Import the implementation and make one object for a configured source."""
        return _load(self.implementation)(options, context)


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkConnector(Generic[_Sink]):
    """What a sink's entry point leads to; the same as `SourceConnector`, with a class that implements `BatchSink`."""

    options: type[_Sink]
    implementation: str
    example: str
    plane: Plane = "batch"

    def create(self, options: _Sink, context: ConnectorContext) -> Any:  # Any: BatchSink, or the session of a bytes plane
        """Import the implementation and make one object for a configured sink."""
        return _load(self.implementation)(options, context)


def _load(implementation: str) -> Any:  # Any: a class chosen by name
    module, _, name = implementation.partition(":")
    return getattr(import_module(module), name)
