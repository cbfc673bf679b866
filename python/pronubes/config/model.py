"""The configuration: every key, what it means and what it is when it is left out.

The text under a field is its documentation; the reference page, the JSON Schema and `did you mean` are made from these classes.
Keys of later versions stand in `not_yet`, with what to use until then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from pronubes.config.delivery import DurableLog, SpillLog
from pronubes.config.namespace import Catalog, Namespace
from pronubes.config.operations import Health, Metrics, State
from pronubes.config.quarantine import Breaker, Quarantine, RollbackOn
from pronubes.config.table_options import TableOptions
from pronubes.config.templates.model import Instance, Template
from pronubes.connectors import registry
from pronubes.connectors.options import ConnectorOptions, Delivery, SinkConnector, SinkOptions, SourceConnector, SourceOptions, StrictModel
from pronubes.connectors.values import ByteSize, QoS, refuse
from pronubes.contracts.mode import Mode
from pronubes.errors import UnknownConnector
from pronubes.tags.naming import Naming
from pronubes.transforms import Expression, Step

__all__ = ["FROM_NAMES", "Configuration", "ContractsOptions", "Limits", "Quarantine", "Route", "Sink", "Source", "Target"]

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]
Text = Annotated[str, Field(min_length=1, max_length=65_535)]
ContractId = Annotated[str, Field(min_length=1, max_length=100)]

FROM_NAMES = "from_names"
"""What a route says in place of a contract to have each tag judged by its own."""


def _list(value: Any) -> Any:  # Any: whatever stands in the YAML
    return [value] if isinstance(value, str) else value


def _folder(value: Any) -> Any:  # Any: whatever stands in the YAML
    return {"folder": value} if isinstance(value, str) else value


def _targets(value: Any) -> Any:  # Any: whatever stands in the YAML
    targets = value if isinstance(value, list) else [value]
    return [{"sink": target} if isinstance(target, str) else target for target in targets]


def _once(value: Any, check: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:  # Any: whatever stands in the YAML, and what it becomes
    """Check steps that many machines share once. It goes by identity: the very same list gives the same steps."""
    if info.context is None:
        return check(value)
    known = info.context.get(id(value))
    if known is None:
        known = info.context[id(value)] = (value, check(value))  # the value is kept, so that its identity stays its own
    return known[1]


def _variable(value: Any) -> Any:  # Any: whatever stands in the YAML
    if not isinstance(value, str | int | float):
        raise refuse("A variable is a text, a number, or true or false.")
    return value


Variable = Annotated[Any, BeforeValidator(_variable), WithJsonSchema({"type": ["string", "number", "boolean"]})]  # Any: one of three scalars


class Target(StrictModel):
    """A sink of a route, and what is special about it there. A sink's name alone is enough."""

    sink: Name
    """The name of the sink."""
    topic: Text | None = None
    """The topic template for this sink, in place of the route's."""
    retain: bool | None = None
    """Whether the sink's broker keeps the message as the newest of its topic. Left out: what the route's `contract` says, else what the sink says,
    else no."""
    qos: QoS | None = None
    """The quality of service for this sink. Left out: the sink's own."""


class Route(StrictModel):
    """A filter, a condition, steps, a topic and where the messages go."""

    not_yet: ClassVar[dict[str, str]] = {
        "template": "Name the template in an entry of `instances`.",
        "queue": "Queues belong to sinks: put `queue` there.",
    }

    from_: Annotated[list[Name], Field(min_length=1), BeforeValidator(_list, json_schema_input_type=Name | list[Name])] | None = Field(
        default=None, alias="from"
    )
    """The sources it takes from: a name or a list. Left out: all."""
    filter: Text | None = None
    """Which topics it takes. `+` and `#` work as in MQTT, `{x}` names one level, `{x#}` all that is left."""
    otherwise: bool = False
    """Take the messages that no other route took."""
    final: bool = False
    """Let no later route see what this one takes."""
    where: Expression | None = None
    """Take only messages for which this is true. It sees the original payload."""
    expect: ContractId | None = None
    """The contract, as `name@version`, that payloads must keep when they come, before the steps."""
    steps: Annotated[list[Step], WrapValidator(_once)] = []
    """What is done to the payload, in order."""
    contract: ContractId | None = None
    """The contract, as `name@version`, that payloads must keep when they leave, after the steps. `from_names`: the one that the tag's row or rule
    in `names` of the source says."""
    topic: Text | None = None
    """The topic template under which messages leave. Left out: they keep their topic."""
    delivery: Delivery | None = None
    """When the source hears that a message is done: `durable`, when it lies on the disk; `through`, when every sink confirmed; `spill`, at once, and
    what a sink cannot take goes to the disk; `volatile`, at once. Left out: `durable` for MQTT sources with `qos: 1`, `spill` for all others."""
    quarantine_breaker: Breaker | None = None
    """When the route raises an alarm because too many of its messages are quarantined. Left out: what `quarantine` says under `breaker`."""
    to: Annotated[list[Target], Field(min_length=1), BeforeValidator(_targets, json_schema_input_type=Name | Target | list[Name | Target])]
    """Where the messages go: a sink's name, a target with options, or a list of them."""

    @model_validator(mode="after")
    def _says_what_it_takes(self) -> Route:
        if self.filter is None and not self.otherwise:
            raise refuse("A route needs a `filter`.", expected="a filter such as `raw/{area}/{tag}`", hint='For every topic write `filter: "#"`.')
        return self

    @model_validator(mode="after")
    def _hooks_have_their_keys(self) -> Route:
        for number, step in enumerate(self.steps):
            for capture in step.python.state.by if step.python is not None else ():
                if not any(written in (self.filter or "") for written in (f"{{{capture}}}", f"{{{capture}#}}")):
                    raise refuse(
                        f"The filter of this route has no capture `{capture}` by which the hook's state could be kept.",
                        expected="captures of the filter",
                        field=f"steps.{number}.python.state.by",
                    )
        return self


class ContractsOptions(StrictModel):
    """Where the contracts are. The folder alone is enough."""

    folder: Text
    """The folder: one file per version, `NAME/VERSION.yaml`. A relative path counts from this file."""
    modes: dict[Annotated[str, Field(min_length=1, max_length=100)], Mode] = {}
    """What is done with violations here, in place of what the contract says: by `name@version`, by name, or by `"*"` for all; the first of these
    counts."""


class Limits(StrictModel):
    """Bounds on what messages may be. What is beyond goes to the quarantine with its reason."""

    payload_bytes: ByteSize = Field(default=2**20, ge=1, le=256 * 2**20)
    """How large a payload may be."""
    depth: int = Field(default=64, ge=1, le=128)
    """How deep objects and arrays in a payload may nest."""
    keys: int = Field(default=10_000, ge=1)
    """How many members one object or array may have."""
    text_bytes: ByteSize = Field(default=256 * 2**10, ge=1)
    """How long one text in a payload may be."""
    topic_levels: int = Field(default=32, ge=1, le=128)
    """How many levels a topic may have."""
    topic_table_bytes: ByteSize = Field(default=256 * 2**20, ge=2**20)
    """What the table of known topics may take in memory. A topic beyond it is worked out anew each time."""


@dataclass(frozen=True, slots=True)
class Source:
    """A configured source: its type, what the registry knows of it and its options."""

    type: str
    connector: SourceConnector[Any]
    options: SourceOptions
    naming: Naming | None = None
    """How its tags are named, once the table is read; a part of the source, so that a reload sees that a table has changed."""
    stamp: str = ""
    """A digest of the files that its options name, for the same purpose."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_source_entry, json_schema_input_schema=core_schema.dict_schema())


@dataclass(frozen=True, slots=True)
class Sink:
    """A configured sink: its type, what the registry knows of it and its options."""

    type: str
    connector: SinkConnector[Any]
    options: SinkOptions

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_sink_entry, json_schema_input_schema=core_schema.dict_schema())


def _source_entry(value: Any) -> Source:  # Any: whatever stands in the YAML
    kind, rest = _typed("source", value)
    connector = registry.source(kind)
    return Source(kind, connector, _options(connector.options, rest))


def _sink_entry(value: Any) -> Sink:  # Any: whatever stands in the YAML
    kind, rest = _typed("sink", value)
    connector = registry.sink(kind)
    return Sink(kind, connector, _options(connector.options, rest))


def _options(model: type[ConnectorOptions], values: dict[str, Any]) -> Any:  # Any: the connector's own model
    return model.model_validate(values)


def _typed(kind: registry.Kind, value: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(value, dict):
        raise refuse(f"A {kind} is a mapping.", expected="`{type: mqtt, ...}`")
    name = value.get("type")
    if not isinstance(name, str):
        raise refuse(f"A {kind} needs a `type`.", expected=_types(kind), field="type" if "type" in value else None)
    try:
        registry.connector(kind, name)
    except UnknownConnector as error:
        raise _unknown_type(kind, name) from error
    return name, {key: item for key, item in value.items() if key != "type"}


def _unknown_type(kind: registry.Kind, name: str) -> Exception:
    from pronubes.suggest import did_you_mean

    other: registry.Kind = "sink" if kind == "source" else "source"
    hint = did_you_mean(name, registry.names(kind))
    if hint is None and name in registry.names(other):
        hint = f"`{name}` can only be a {other}."
    return refuse(f"There is no {kind} of this type.", expected=_types(kind), hint=hint, field="type")


def _types(kind: registry.Kind) -> str:
    return ", ".join(f"`{name}`" for name in registry.names(kind))


class Configuration(StrictModel):
    """A whole configuration: what one node does."""

    not_yet: ClassVar[dict[str, str]] = {
        "site": "Put the site's names into `vars`.",
        "spool": "The log on the disk is configured under `log`.",
    }

    version: Literal[1]
    """The version of this format: 1."""
    name: Name
    """The name of the node. It stands in client ids and logs, so give each node its own."""
    vars: dict[Name, Variable] = {}
    """Variables: `${name}` in any text of this file, `vars.name` in expressions."""
    data_dir: Text = "./data"
    """The folder for what the node keeps. A relative path counts from this file."""
    contracts: Annotated[ContractsOptions, BeforeValidator(_folder, json_schema_input_type=Text | ContractsOptions)] | None = None
    """The folder of contracts, or the folder and modes."""
    limits: Limits = Field(default_factory=Limits)
    """Bounds on what messages may be."""
    log: DurableLog = Field(default_factory=DurableLog)
    """The log of what is acknowledged (`delivery: durable`)."""
    spill: SpillLog = Field(default_factory=SpillLog)
    """The log of what sinks cannot take now (`delivery: spill`)."""
    quarantine: Quarantine = Field(default_factory=Quarantine)
    """How much is kept of messages that could not be handled."""
    rollback_on: RollbackOn | None = None
    """When a reload is taken back. Left out: never."""
    sources: dict[Name, Source] = {}
    """Where messages come from."""
    sinks: dict[Name, Sink] = {}
    """Where messages go."""
    tables: dict[Name, TableOptions] = {}
    """Tables for `lookup` steps."""
    routes: dict[Name, Route] = {}
    """What happens in between, in order. A message goes through every route whose filter and condition match."""
    templates: dict[Name, Template] = {}
    """Sources, sinks and routes with parameters, for many machines that are alike."""
    instances: list[Instance] = []
    """For which machines templates are made, in order. Their routes come after those under `routes`."""
    namespace: Namespace | None = None
    """Which names there may be, and who may publish under them. Left out: all, and everybody."""
    catalog: Catalog | None = None
    """The catalogue of names. Left out: it is kept where there is a `namespace`."""
    metrics: Metrics | None = None
    """The endpoint for Prometheus. Left out: there is none."""
    health: Health = Field(default_factory=Health)
    """How the node finds out whether it is well."""
    state: State = Field(default_factory=State)
    """How often what stateful steps remember is saved."""
