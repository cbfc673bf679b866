"""From what pydantic says to what a person reads.

Every finding gets the place it stands at, what was found, what was expected and a hint: the nearest known key, the line to write, or what to use
until a key's version comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from pronubes.config.descriptions import descriptions
from pronubes.config.model import Configuration, Sink, Source
from pronubes.connectors import registry
from pronubes.connectors.values import Secret
from pronubes.errors import UnknownConnector
from pronubes.suggest import did_you_mean

__all__ = ["Finding", "findings", "text_of_path"]

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong with a value.

    Attributes:
        code: The kind of finding.
        path: The way to the value.
        message: What is wrong, as a sentence.
        expected: What may stand there.
        hint: What to do.
        at_key: Whether the key is meant, not its value.
        is_secret: Whether the value must not be shown.
        offset: The character within a text at which it is wrong.
        length: How many characters are meant.
        found: What stands there, when that is not simply the value.
        origin: The machine that a template made it for.
    """

    code: str
    path: Path
    message: str
    expected: str | None = None
    hint: str | None = None
    at_key: bool = False
    is_secret: bool = False
    offset: int | None = None
    length: int | None = None
    found: str | None = None
    origin: str | None = None


def text_of_path(path: Iterable[str | int]) -> str:
    """Write a path as people do: `routes.temperatures.steps[2].scale`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def findings(error: ValidationError, values: Any, model: type[BaseModel] = Configuration) -> list[Finding]:  # Any: what was validated
    """Translate all errors of a validation.

    Args:
        error: What pydantic raised.
        values: What was validated.
        model: What it was validated by.
    """
    found: dict[tuple[Path, str], Finding] = {}
    for facts in error.errors(include_url=False, include_input=True):
        finding = _finding(facts, values, model)
        found.setdefault((finding.path, finding.code if finding.at_key else ""), finding)
    return list(found.values())


def _finding(facts: Any, values: Any, root: type[BaseModel]) -> Finding:  # Any: pydantic's error details
    path: Path = tuple(part for part in facts["loc"] if part != "[key]")
    kind, context = facts["type"], facts.get("ctx", {})
    if kind == "refused":
        return _refused(path, context)
    if kind == "extra_forbidden":
        return _unknown_key(path, values, root)
    if kind == "missing":
        model = _model_at(path[:-1], values, root)
        meaning = _summary(model, str(path[-1]))
        return Finding(code="missing_key", path=path[:-1], message=f"`{path[-1]}` is missing.", expected=meaning, at_key=True)
    if isinstance(facts["input"], Secret):
        advice = "Use a variable of `vars`. References are only for secrets."
        return Finding(
            code="reference_not_here", path=path, message="A reference to a secret cannot stand here.", expected=_EXPECTED.get(kind), hint=advice
        )
    sentence, expected = _sentence(kind, context, facts["msg"])
    is_key = "[key]" in facts["loc"]
    hint = _hint(kind, facts["input"], context, is_key=is_key)
    return Finding(code=kind, path=path, message=sentence, expected=expected, hint=hint, at_key=is_key)


def _refused(path: Path, context: Mapping[str, Any]) -> Finding:
    field = context.get("field")
    below = tuple(int(part) if part.isdecimal() else part for part in field.split(".")) if field else ()
    return Finding(
        code="refused",
        path=path + below,
        message=context["message"],
        expected=context.get("expected"),
        hint=context.get("hint"),
        is_secret=bool(context.get("secret")),
    )


def _unknown_key(path: Path, values: Any, root: type[BaseModel]) -> Finding:
    key, model = str(path[-1]), _model_at(path[:-1], values, root)
    later = getattr(model, "not_yet", {})
    if key in later:
        return Finding(code="not_in_this_version", path=path, message=f"`{key}` is not in this version.", hint=later[key], at_key=True)
    known = _keys(model)
    expected = ", ".join(f"`{name}`" for name in known)
    hint = did_you_mean(key, [*known, *later])
    return Finding(
        code="unknown_key",
        path=path,
        message=f"There is no key `{key}` here.",
        expected=expected,
        hint=hint,
        at_key=True,
        is_secret=any(word in f"{key} {hint}".lower() for word in _SECRET_WORDS),
    )


_SECRET_WORDS = ("passw", "secret", "token", "credential", "api_key")
"""A key that was to be one of these, or is none of ours but named so, has a value that must not be shown."""


_EXPECTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "`true` or `false`",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
    "invalid_json_value": "a literal",
}

_BOUNDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "greater_than": lambda context: f"more than {_number(context['gt'])}",
    "greater_than_equal": lambda context: f"{_number(context['ge'])} or more",
    "less_than": lambda context: f"less than {_number(context['lt'])}",
    "less_than_equal": lambda context: f"{_number(context['le'])} or less",
    "too_short": lambda context: f"{context['min_length']} or more entries",
    "too_long": lambda context: f"{context['max_length']} entries or fewer",
    "string_too_short": lambda context: f"{context['min_length']} or more characters",
    "string_too_long": lambda context: f"{context['max_length']} characters or fewer",
    "literal_error": lambda context: context["expected"].replace("'", "`").replace("True", "`true`").replace("False", "`false`"),
    "string_pattern_mismatch": lambda context: f"a text that matches `{context['pattern']}`",
}


_PATTERNS = {
    "^[A-Za-z_][A-Za-z0-9_]{0,63}$": ("This is not the name of a parameter.", "letters, digits and `_`, not starting with a digit; at most 64"),
    "^[A-Za-z_][A-Za-z0-9_-]": ("This is not a name.", "letters, digits, `_` and `-`, not starting with a digit or `-`; at most 64"),
    "^[A-Za-z_][A-Za-z0-9_.]*:": ("This is not the name of a function.", "`module:function`"),
    "^([0-9]|[1-5]": ("This is not the number of a bit.", "a whole number from 0 to 63"),
}


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:g}"


def _sentence(kind: str, context: Mapping[str, Any], message: str) -> tuple[str, str | None]:
    if kind in _EXPECTED:
        return "The value has the wrong type.", _EXPECTED[kind]
    if kind == "string_pattern_mismatch":
        known = next((known for begin, known in _PATTERNS.items() if context["pattern"].startswith(begin)), None)
        if known is not None:
            return known
    if kind in _BOUNDS:
        return "The value is not allowed.", _BOUNDS[kind](context)
    return f"{message}.", None


def _hint(kind: str, value: Any, context: Mapping[str, Any], *, is_key: bool) -> str | None:
    if kind == "string_type" and isinstance(value, bool | int | float) and not is_key:
        return f'Quote it: `"{str(value).lower() if isinstance(value, bool) else value}"`.'
    if kind == "literal_error" and isinstance(value, str) and value in context["expected"] and value.isdecimal():
        return "Remove the quotes."
    if kind == "literal_error" and isinstance(value, str):
        return did_you_mean(value, [word.strip(" '") for word in context["expected"].replace(" or ", ",").split(",")])
    if kind == "bool_type" and isinstance(value, str) and value.lower() in {"yes", "no", "on", "off", "y", "n"}:
        return f"YAML 1.2 takes `{value}` for a text."
    if kind in {"model_type", "dict_type"} and isinstance(value, list):
        return "Remove the `- ` in front of the keys."
    if kind == "list_type" and isinstance(value, str | dict):
        return "Put `- ` in front of each entry."
    return None


def _keys(model: Any) -> list[str]:  # Any: a model class or None
    return [field.alias or name for name, field in model.model_fields.items()] if model is not None else []


def _summary(model: Any, key: str) -> str | None:  # Any: a model class or None
    if model is None:
        return None
    name = next((name for name, field in model.model_fields.items() if key in (name, field.alias)), key)
    text = descriptions(model).get(name)
    return text.split("\n")[0].rstrip(".") if text else None


def _model_at(path: Sequence[str | int], values: Any, root: type[BaseModel]) -> type[BaseModel] | None:
    """Find the model whose keys stand at a path."""
    kind: Any = root
    for part in path:
        values = _member(values, part)
        kind = _step(kind, part, values)
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _member(values: Any, part: str | int) -> Any:
    if isinstance(values, dict):
        return values.get(part)
    if isinstance(values, list) and isinstance(part, int) and part < len(values):
        return values[part]
    return values


def _step(kind: Any, part: str | int, value: Any) -> Any:
    kind = _bare(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = next((field for name, field in kind.model_fields.items() if part in (name, field.alias)), None)
        return _resolved(field.annotation, value) if field is not None else None
    arguments = get_args(kind)
    return _resolved(arguments[-1], value) if arguments else None


def _resolved(kind: Any, value: Any) -> Any:
    kind = _bare(kind)
    if kind in (Source, Sink) and isinstance(value, dict):
        return _options_of("source" if kind is Source else "sink", value.get("type"))
    return kind


def _options_of(kind: registry.Kind, name: Any) -> Any:
    try:
        return registry.source(name).options if kind == "source" else registry.sink(name).options
    except UnknownConnector:
        return None


def _bare(kind: Any) -> Any:
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        return _bare(next(argument for argument in get_args(kind) if argument is not type(None)))
    return kind
