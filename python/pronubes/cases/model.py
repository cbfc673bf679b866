"""What a file of cases may hold: every key, what it means and what it is when it is left out.

The text under a field is its documentation; the reference page is made from these classes, as that of the configuration.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from pronubes.cases.matchers import MatcherProblem, check_pattern
from pronubes.cases.moments import Instant, Moment
from pronubes.connectors.options import StrictModel
from pronubes.connectors.values import Duration, QoS, refuse

__all__ = ["Case", "CaseFile", "Counts", "Expected", "Given", "QuarantinedAs", "RejectedAs"]

Text = Annotated[str, Field(min_length=1, max_length=65_535)]
Topic = Text
Json = Annotated[Any, WithJsonSchema({})]  # Any: whatever stands in the YAML
PAYLOADS = ("payload", "text", "base64")


def _listed(value: Any) -> Any:  # Any: whatever stands in the YAML
    return value if isinstance(value, list) else [value]


def _unrouted(value: Any) -> Any:  # Any: whatever stands in the YAML
    if isinstance(value, bool) or not isinstance(value, int | str | list) or (isinstance(value, int) and value < 0):
        raise refuse("This says nothing of messages that no route takes.", expected="a number, a topic or a list of topics")
    return [value] if isinstance(value, str) else value


def _step(value: Any) -> Any:  # Any: whatever stands in the YAML
    if isinstance(value, bool) or not isinstance(value, int | str) or value in (0, ""):
        raise refuse("This names no step.", expected="the number of a step, from 1, as `explain` counts them, or its verb, such as `scale`")
    return value


def _count(value: Any) -> Any:  # Any: whatever stands in the YAML
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, dict) and any(str(key).startswith("$") for key in value):
        try:
            check_pattern(value)
        except MatcherProblem as problem:
            raise refuse(str(problem), expected=problem.expected, hint=problem.hint, field=problem.path or None) from problem
        return value
    raise refuse("This is no count.", expected="a whole number from 0, or a matcher such as `{$between: [100, 200]}`")


def _filter(value: str) -> str:
    from pronubes import validate_filter

    try:
        validate_filter(value)
    except ValueError as error:
        raise refuse(str(error), expected="an MQTT filter, or a topic") from error
    return value


def _base64(value: str) -> str:
    import base64
    import binascii

    try:
        base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise refuse("This is not base64.", expected="letters, digits, `+` and `/`, filled up with `=`") from error
    return value


Unrouted = Annotated[
    Any, BeforeValidator(_unrouted), WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "string"}}]})
]
StepName = Annotated[Any, BeforeValidator(_step), WithJsonSchema({"type": ["integer", "string"]})]  # Any: a number or a verb
Count = Annotated[Any, BeforeValidator(_count), WithJsonSchema({"type": ["integer", "object"]})]  # Any: a number or a matcher
FilterText = Annotated[Text, AfterValidator(_filter)]
Base64 = Annotated[str, BeforeValidator(lambda value: _base64(value) if isinstance(value, str) else value)]


class Given(StrictModel):
    """Something that happens, in order: a message comes, time passes, or the messages of a recording come."""

    topic: Topic | None = None
    """The topic of a message."""
    source: Text | None = None
    """The source that it comes from. Left out: the first that can hand in the topic, as `explain` chooses."""
    payload: Json = None
    """Its payload, written as YAML; the route gets it as compact JSON."""
    text: str | None = None
    """Its payload as a text, byte for byte: for JSON whose spaces or number texts matter, and for what is no JSON."""
    base64: Base64 | None = None
    """Its payload as any bytes, in base64."""
    at: Duration | None = None
    """When it comes, counted from the start of the case. Left out: at the time of what came before. Time never goes back."""
    qos: Literal[0, 1, 2] = 0
    """The quality of service that it came with, which expressions read as `meta.qos`."""
    retain: bool = False
    """Whether the broker had kept it, which expressions read as `meta.retain`."""
    source_time: Moment | None = None
    """When the source says that it happened: a time such as `2026-01-01T00:00:05Z`, or from the start of the case on: `5s`, `-5s`."""
    advance: Duration | None = None
    """Let so much time pass: steps with timers do what they do meanwhile."""
    recording: Text | None = None
    """A recording: its messages come with the time that lies between them. A relative path counts from the file of cases."""

    @model_validator(mode="after")
    def _is_one_thing(self) -> Given:
        kinds = [name for name in ("topic", "advance", "recording") if getattr(self, name) is not None]
        if len(kinds) != 1:
            what = f"Here are {' and '.join(f'`{kind}`' for kind in kinds)}" if kinds else "Here is neither of them"
            raise refuse(f"A step has one of `topic`, `advance` and `recording`. {what}.", expected="`{topic: raw/a, payload: {value: 1}}`")
        written = [name for name in PAYLOADS if name in self.model_fields_set]
        if kinds == ["topic"]:
            if len(written) != 1:
                hint = 'A message without a payload is written `text: ""`.' if not written else None
                raise refuse("A message has one of `payload`, `text` and `base64`.", expected="`payload: {value: 20.5}`", hint=hint)
            return self
        others = {"advance": {"advance"}, "recording": {"recording", "source", "at"}}[kinds[0]]
        for stray in sorted(self.model_fields_set - others):
            raise refuse(f"`{stray}` belongs to a message, and this is `{kinds[0]}`.", field=stray)
        return self


class Expected(StrictModel):
    """A message that must leave."""

    topic: Topic | None = None
    """Its topic."""
    sink: Annotated[list[Text], Field(min_length=1), BeforeValidator(_listed, json_schema_input_type=Text | list[Text])] | None = None
    """The sink or sinks that get it; what goes to others must be expected by an entry of its own. Left out: whichever it goes to."""
    route: Text | None = None
    """The route that it comes from. Left out: any."""
    payload: Json = None
    """Its payload, all of it: the same fields with equal values, in any order. A value may be a matcher. With `payload`, `contains`, `text` and
    `base64` left out, any payload will do."""
    contains: Json = None
    """A part of its payload: these fields are there; others may be."""
    text: str | None = None
    """Its payload as a text, byte for byte."""
    base64: Base64 | None = None
    """Its payload as bytes, in base64."""
    retain: bool | None = None
    """Whether it is to be retained. Left out: either."""
    qos: QoS | None = None
    """The quality of service it is sent with. Left out: any."""
    at: Duration | None = None
    """When it leaves, counted from the start of the case. Left out: at any time."""
    source_time: Moment | None = None
    """The time of the source that it has. Left out: any."""
    golden: Text | None = None
    """Alone: all that becomes of the messages is in this file, a recording with a line for each; `pronubes test --update` writes it. A relative path
    counts from the file of cases."""

    @model_validator(mode="after")
    def _is_one_thing(self) -> Expected:
        if self.golden is not None:
            for stray in sorted(self.model_fields_set - {"golden"}):
                raise refuse("A golden file says everything itself.", field=stray, hint="Remove this key.")
            return self
        if self.topic is None:
            raise refuse("An expected message needs a `topic`.", expected="`{topic: acme/line1/temperature, payload: {value: 68.9}}`")
        written = [name for name in (*PAYLOADS, "contains") if name in self.model_fields_set]
        if len(written) > 1:
            raise refuse(f"`{written[0]}` and `{written[1]}` stand side by side.", field=written[1], hint="One says what the payload is.")
        return self

    @field_validator("payload", "contains")
    @classmethod
    def _is_pattern(cls, value: Any) -> Any:  # Any: whatever stands in the YAML
        try:
            check_pattern(value)
        except MatcherProblem as problem:
            raise refuse(str(problem), expected=problem.expected, hint=problem.hint, field=problem.path or None) from problem
        return value


class QuarantinedAs(StrictModel):
    """A message that must go to the quarantine."""

    reason: Text
    """The reason's code, such as `missing_field`."""
    route: Text | None = None
    """The route that sends it there. Left out: any."""
    step: StepName | None = None
    """The step that fails: its number, from 1, as `explain` counts them, or its verb. Left out: any, or none."""
    topic: Topic | None = None
    """The topic it came with. Left out: any."""
    detail: Text | None = None
    """A text that the detail holds. Left out: any detail."""


class RejectedAs(StrictModel):
    """A message that a contract of mode `reject` must throw away."""

    reason: Text
    """The reason's code, such as `contract_range`."""
    route: Text | None = None
    """The route whose contract does it. Left out: any."""
    topic: Topic | None = None
    """The topic it came with. Left out: any."""


class Counts(StrictModel):
    """Messages counted in place of listed. What leaves must be in at least one count: of its route, of a filter on its topic, or of a sink."""

    routes: dict[Text, Count] = {}
    """How many messages leave each route; to several sinks a message leaves once."""
    topics: dict[FilterText, Count] = {}
    """How many messages leave under a topic, or under the topics of an MQTT filter."""
    sinks: dict[Text, Count] = {}
    """How many messages each sink gets."""
    quarantine: dict[Text, Count] = {}
    """How many messages go to the quarantine, by reason."""
    rejected: dict[Text, Count] = {}
    """How many messages are thrown away, by reason."""
    unrouted: Count | None = None
    """How many messages no route takes. Left out: what `unrouted` of the case says, else none."""


class Case(StrictModel):
    """A case: what comes, and everything that must become of it. What is not expected is a failure."""

    name: Text
    """What it shows, in words; once in a file."""
    vars: dict[Text, Any] = {}
    """Variables that have other values here than in the configuration."""
    start: Instant | None = None
    """The time at which the case begins. Left out: that of the file; else the time of the first message, where a recording comes first; else
    `2026-01-01T00:00:00Z`."""
    given: Annotated[list[Given], Field(min_length=1), BeforeValidator(_listed, json_schema_input_type=Given | list[Given])]
    """What happens, in order."""
    expect: Annotated[list[Expected], BeforeValidator(_listed, json_schema_input_type=Expected | list[Expected])] = []
    """The messages that leave, in order."""
    any_order: bool = False
    """Let them leave in any order."""
    counts: Counts | None = None
    """How many messages leave, in place of `expect`: for cases on recordings."""
    quarantine: Annotated[list[QuarantinedAs], BeforeValidator(_listed, json_schema_input_type=QuarantinedAs | list[QuarantinedAs])] = []
    """The messages that go to the quarantine, in order."""
    rejected: Annotated[list[RejectedAs], BeforeValidator(_listed, json_schema_input_type=RejectedAs | list[RejectedAs])] = []
    """The messages that are thrown away, in order."""
    unrouted: Unrouted | None = None
    """The messages that no route takes: how many, or their topics in order. What a condition sends away and nobody else takes is one of them."""
    nothing: bool = False
    """Nothing leaves, nothing is quarantined or thrown away. Messages may be unrouted."""
    skip: Text | None = None
    """Why the case does not run now."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Case:
        if self.counts is not None:
            self._is_counted_once()
        if self.nothing:
            for name in ("counts", "expect", "quarantine", "rejected"):
                if getattr(self, name):
                    raise refuse(f"`nothing: true` and `{name}` cannot both be right.", field=name)
        if len(self.expect) > 1:
            for index, expected in enumerate(self.expect):
                if expected.golden is not None:
                    raise refuse("A golden file says everything itself.", field=f"expect.{index}", hint="Make it the only entry.")
        return self

    def _is_counted_once(self) -> None:
        if self.expect:
            raise refuse("Messages are either listed or counted.", field="expect", hint="Keep `expect`, or keep `counts`.")
        for name in ("quarantine", "rejected", "unrouted"):
            if getattr(self.counts, name) not in (None, {}) and getattr(self, name) not in (None, []):
                raise refuse(f"`{name}` is both listed and counted.", field=name, hint=f"Keep this, or `{name}` under `counts`.")

    @property
    def golden(self) -> str | None:
        """The file that says everything, if one does."""
        return self.expect[0].golden if self.expect else None


class CaseFile(StrictModel):
    """A file of cases."""

    config: Text | None = None
    """The configuration that the cases are for; a relative path counts from this file. Left out: the one that `pronubes test` names; for pytest, the
    `pronubes.yaml` in the nearest folder above."""
    vars: dict[Text, Any] = {}
    """Variables that have other values in all cases of this file than in the configuration."""
    start: Instant | None = None
    """The time at which the cases begin."""
    cases: Annotated[list[Case], Field(min_length=1)]
    """The cases."""
