"""What a template and an instance are in the configuration."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from pronubes.config.templates.parameters import ParameterType, Value, ValueProblem, read
from pronubes.connectors.options import StrictModel
from pronubes.connectors.values import refuse

__all__ = ["Instance", "Parameter", "Template"]

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]
ParameterName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
Text = Annotated[str, Field(min_length=1, max_length=65_535)]
Body = dict[Text, Any]  # Any: what it becomes is checked after its parameters are put in


def _scalar(value: Any) -> Any:  # Any: whatever stands in the YAML
    if not isinstance(value, str | int | float):
        raise refuse("A value of a parameter is a text, a number, or true or false.")
    return value


def _parameter(value: Any) -> Any:  # Any: whatever stands in the YAML
    return {"type": value} if isinstance(value, str) else value


Scalar = Annotated[Any, BeforeValidator(_scalar), WithJsonSchema({"type": ["string", "number", "boolean"]})]  # Any: one of three scalars


class Parameter(StrictModel):
    """What a template asks of each machine. The type alone is enough: `line: name`."""

    type: ParameterType
    """What it is. A `name` is one level of a topic, a `topic` are levels, a `secret` is a reference to one."""
    default: Scalar | None = None
    """What it is where a row says nothing. Left out: every row must say it."""
    range: Annotated[list[float | None], Field(min_length=2, max_length=2)] | None = None
    """The least and the greatest number, as in `[0, 200]`; `null` for no bound."""
    enum: Annotated[list[Scalar], Field(min_length=1, max_length=1000)] | None = None
    """The only values there are."""
    description: Text | None = None
    """What it means, for those who fill in the table."""

    @property
    def has_default(self) -> bool:
        """Whether a row may leave it out."""
        return self.default is not None

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.range is not None:
            self._check_range(self.range)
        rules = Parameter.model_construct(type=self.type)
        for index, value in enumerate(self.enum or ()):
            _check(rules, value, f"enum.{index}")
        if self.default is not None:
            _check(self, self.default, "default")
        return self

    def _check_range(self, bounds: list[float | None]) -> None:
        if self.type not in ("number", "integer"):
            raise refuse(f"A `{self.type}` has no range.", expected="`range` with `type: number` or `type: integer`", field="range")
        if bounds[0] is not None and bounds[1] is not None and bounds[0] > bounds[1]:
            raise refuse("No number is in this range.", expected="the least number first", field="range")


def _check(rules: Parameter, value: Value, field: str) -> None:
    try:
        read(rules, value)
    except ValueProblem as problem:
        message = "The parameter does not take this value."
        raise refuse(message, expected=problem.expected, hint=problem.hint, field=field, secret=rules.type == "secret") from problem


class Template(StrictModel):
    """Sources, sinks and routes with `${parameters}`. By itself it does nothing: `instances` say for which machines they are made."""

    description: Text | None = None
    """What it is for."""
    parameters: dict[ParameterName, Annotated[Parameter, BeforeValidator(_parameter, json_schema_input_type=ParameterType | Parameter)]] = {}
    """What each machine says, by name: `${name}` in any text of the template, `vars.name` in expressions."""
    sources: Body = {}
    """Sources, as outside of templates. Each name has a parameter in it."""
    sinks: Body = {}
    """Sinks, as outside of templates. Each name has a parameter in it."""
    routes: Body = {}
    """Routes, as outside of templates. Each name has a parameter in it. They come after the routes of the file, machine by machine."""

    @model_validator(mode="after")
    def _makes_something(self) -> Self:
        if not (self.sources or self.sinks or self.routes):
            raise refuse("A template makes nothing.", expected="`sources`, `sinks` or `routes` in it")
        return self


class Instance(StrictModel):
    """The machines that a template is made for: a table with one row each, or rows written here."""

    template: Name
    """The template."""
    table: Text | None = None
    """A CSV file (UTF-8), or an XLSX file: the first row names the parameters, every other is a machine."""
    sheet: Text | None = None
    """The sheet of an XLSX file. Left out: the first."""
    rows: Annotated[list[dict[str, Any]], Field(min_length=1)] | None = None  # Any: checked against the parameters
    """The machines, written here: each a mapping of parameters to values."""
    values: dict[str, Any] = {}  # Any: checked against the parameters
    """What is the same for all machines: parameters and their values."""
    ignore: list[Text] = []
    """Columns of the table that mean nothing here."""

    @model_validator(mode="after")
    def _has_rows(self) -> Self:
        if (self.table is None) == (self.rows is None):
            raise refuse("An instance needs either a `table` or `rows`.", expected="`table: machines.csv`, or `rows:` with a list of mappings")
        if self.rows is not None and (self.sheet is not None or self.ignore):
            raise refuse("This belongs to a table.", expected="`table`", field="sheet" if self.sheet is not None else "ignore")
        return self
