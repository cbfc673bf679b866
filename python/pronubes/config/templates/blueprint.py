"""The body of a template, taken apart once, so that a machine costs only what differs.

1. Parameters are put into parsed values, never into YAML text: a value cannot change what stands around it.
2. A text that is nothing but one parameter takes the parameter's type.
3. In an expression `${limit}` becomes `vars.limit`, a constant of the route: values are never pasted into expressions, and the engine parses one text
   for all machines.
4. Into topics and filters go only parameters that cannot bring wildcards or levels of their own.
5. What has no parameter in it is shared by all machines, and steps whose parameters are equal are shared by those machines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pronubes.config.templates.model import Parameter
from pronubes.config.templates.parameters import Value, as_text
from pronubes.config.variables import MARK, VariableProblem, reference_or_none, replacement
from pronubes.connectors.values import Secret

__all__ = ["Blueprint", "Fault", "Row", "expression_names", "is_expression"]

Path = tuple[str | int, ...]
Build = Callable[["Row"], Any]  # Any: what the YAML holds, parameters put in
_IN_TOPICS = ("name", "topic", "integer", "number", "boolean")
_NOT_IN_EXPRESSIONS = ("secret", "duration")
_TOPIC_KEYS = ("filter", "topic", "topics")
_LITERAL = re.compile(r'`[^`]*`|//[^\n]*|[rR]?(?P<text>"""(?:.|\n)*?"""|\'\'\'(?:.|\n)*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')')
_NAMED = re.compile(r"\bvars\s*(?:\.\s*|\[\s*[\"'])(\w+)")


@dataclass(slots=True, eq=False)
class Row:
    """One machine.

    Attributes:
        number: The line of the table, or the position in `rows`.
        values: The values of the parameters.
        texts: The same as parts of texts.
        defaults: The parameters about which the row says nothing.
    """

    number: int
    values: dict[str, Value | Secret]
    texts: dict[str, str]
    defaults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """A `${...}` that cannot stand where it stands, or a parameter that is not there.

    Attributes:
        path: The way to the text within the template.
        message: What is wrong, as a sentence.
        expected: What may stand there.
        hint: What to do.
        span: The first character and how many.
        at_key: Whether the text is a key.
    """

    path: Path
    message: str
    expected: str | None = None
    hint: str | None = None
    span: tuple[int, int] | None = None
    at_key: bool = False


@dataclass
class Blueprint:
    """Builds one source, sink or route of a template.

    Attributes:
        key: Its name with parameters.
        path: Where it stands within the template.
        parameters: The parameters of the template.
        variables: The variables of the configuration.
        faults: What is wrong with it.
        used: The parameters in it.
        in_expressions: The parameters that its expressions name.
    """

    key: str
    path: Path
    parameters: Mapping[str, Parameter]
    variables: Mapping[str, Value]
    faults: list[Fault] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    in_expressions: set[str] = field(default_factory=set)

    def name_builder(self) -> Callable[[Row], str]:
        """Make what makes the name."""
        format_, used = self._format(self.key, self.path, is_key=True)
        if not used and not self.faults:
            hint = f"Write `{self.key}_${{{next(iter(self.parameters), 'name')}}}`."
            self.faults.append(Fault(self.path, "Every machine would make the same name.", "a parameter in the name", hint, at_key=True))
        return lambda row: format_.format_map(row.texts)

    def builder(self, body: Any) -> Build:  # Any: whatever the YAML holds
        """Make what makes the body."""
        build, _ = self._any(body, self.path)
        return build if build is not None else lambda _row: body

    def _any(self, value: Any, path: Path) -> tuple[Build | None, frozenset[str]]:
        if isinstance(value, dict):
            return self._mapping(value, path)
        if isinstance(value, list):
            return self._list(value, path)
        return self._text(value, path) if isinstance(value, str) else (None, frozenset())

    def _mapping(self, value: dict[str, Any], path: Path) -> tuple[Build | None, frozenset[str]]:
        entries: list[tuple[str, Build | None, Any]] = []
        changed: list[tuple[str, Build]] = []
        used: frozenset[str] = frozenset()
        has_keys = False
        for key, item in value.items():
            name, names = self._format(key, (*path, key), is_key=True) if "${" in key else (_escaped(key), frozenset())
            has_keys = has_keys or "${" in key
            build, inner = self._any(item, (*path, key))
            used |= names | inner
            entries.append((name, build, item))
            if build is not None:
                changed.append((key, build))
        if has_keys:
            return _shared(lambda row: _with_keys(entries, row), used), used
        if not changed:
            return None, used
        return _shared(lambda row: {**value, **{key: build(row) for key, build in changed}}, used, path), used

    def _list(self, value: list[Any], path: Path) -> tuple[Build | None, frozenset[str]]:
        built = [self._any(item, (*path, index)) for index, item in enumerate(value)]
        used: frozenset[str] = frozenset().union(*(inner for _, inner in built))
        if not any(build is not None for build, _ in built):
            return None, used
        pairs = [(build, item) for (build, _), item in zip(built, value, strict=True)]
        return _shared(lambda row: [item if build is None else build(row) for build, item in pairs], used, path), used

    def _text(self, text: str, path: Path) -> tuple[Build | None, frozenset[str]]:
        if is_expression(path):
            return self._expression(text, path)
        if "${" not in text:
            return None, frozenset()
        secret = reference_or_none(text)
        if secret is not None:
            return (lambda _row: secret), frozenset()
        whole = MARK.fullmatch(text)
        name = (whole["name"] or "") if whole is not None else ""
        if name in self.parameters and not is_topic(path):
            self.used.add(name)
            return (lambda row: row.values[name]), frozenset((name,))
        if name in self.variables:
            constant = self.variables[name]
            return (lambda _row: constant), frozenset()
        format_, used = self._format(text, path)
        if not used:
            constant = format_.format_map({})
            return (lambda _row: constant), used
        return (lambda row: format_.format_map(row.texts)), used

    def _expression(self, text: str, path: Path) -> tuple[Build | None, frozenset[str]]:
        named = {name for name in _NAMED.findall(text) if name in self.parameters}
        spans = [match.span("text") for match in _LITERAL.finditer(text) if match["text"] is not None]
        for match in MARK.finditer(text):
            name = match["name"]
            if name not in self.parameters:
                continue
            named.add(name)
            if any(begin < match.start() < end for begin, end in spans):
                hint = f'Write `${{{name}}}` outside of the quotes; it is a value there: `"a-" + ${{{name}}}`.'
                self._fault(path, f"The parameter `{name}` stands within a quoted text.", match, hint=hint)
        for name in sorted(named):
            if self.parameters[name].type in _NOT_IN_EXPRESSIONS:
                message = f"A `{self.parameters[name].type}` cannot stand in an expression."
                at = re.search(rf"\b{name}\b", text)
                self.faults.append(Fault(path, message, "a number, a text, or true or false", span=at.span() if at else None))
        self.used |= named
        self.in_expressions |= named
        if "${" not in text:
            return None, frozenset()
        names = {name: f"vars.{name}" for name in self.parameters}
        constant = self._format(text, path, names)[0].format_map({})
        return (lambda _row: constant), frozenset()

    def _format(self, text: str, path: Path, expression: Mapping[str, str] | None = None, *, is_key: bool = False) -> tuple[str, frozenset[str]]:
        """Turn a text into a format of Python in which only parameters are fields."""
        parts, used, end = [], set(), 0
        for match in MARK.finditer(text):
            parts.append(_escaped(text[end : match.start()]))
            name, end = match["name"], match.end()
            if expression is not None and name in expression:
                parts.append(_escaped(expression[name]))
            elif name in self.parameters:
                self._check_place(name, path, match, is_key=is_key)
                used.add(name)
                parts.append(f"{{{name}}}")
            else:
                parts.append(_escaped(self._constant(match, path, is_key=is_key)))
        parts.append(_escaped(text[end:]))
        self.used |= used
        return "".join(parts), frozenset(used)

    def _constant(self, match: re.Match[str], path: Path, *, is_key: bool) -> str:
        try:
            return replacement(match, self.variables)
        except VariableProblem as problem:
            from pronubes.suggest import did_you_mean

            known = list(dict.fromkeys([*self.parameters, *self.variables]))
            is_name = not problem.name.startswith(("env:", "file:")) and match["name"] is not None
            message = f"There is no parameter or variable `{problem.name}`." if is_name else str(problem)
            expected = ", ".join(f"`{name}`" for name in known) or "a name under `parameters`; there is none yet"
            hint = did_you_mean(problem.name, known) or (f"Declare it: `parameters: {{{problem.name}: text}}`." if is_name else None)
            self._fault(path, message, match, expected=expected if is_name else None, hint=hint, at_key=is_key)
            return ""

    def _check_place(self, name: str, path: Path, match: re.Match[str], *, is_key: bool) -> None:
        kind = self.parameters[name].type
        if kind == "secret":
            self._fault(path, "A secret must be the whole text.", match, at_key=is_key)
        elif kind not in _IN_TOPICS and not is_key and is_topic(path):
            hint = f"Declare it as `{name}: name`, or as `{name}: topic` if it holds several levels."
            message = f"The parameter `{name}` is a {kind}: it could bring wildcards and levels into a topic."
            self._fault(path, message, match, expected=f"a parameter of type {', '.join(f'`{one}`' for one in _IN_TOPICS)}", hint=hint)

    def _fault(
        self, path: Path, message: str, match: re.Match[str], *, expected: str | None = None, hint: str | None = None, at_key: bool = False
    ) -> None:
        span = (match.start(), match.end() - match.start())
        self.faults.append(Fault(path, message, expected, hint, span, at_key))


def is_expression(path: Path) -> bool:
    """Tell whether a text within a template is an expression: `where` and `compute`, by the whole path."""
    if path[0] != "routes" or len(path) < 3:
        return False
    if path[2] == "steps":
        return path[4:] == ("where",) or (len(path) == 6 and path[4] == "compute")
    return path[2:] == ("where",)


def is_topic(path: Path) -> bool:
    """Tell whether a text within a template is a topic, a filter or a template of topics."""
    if path[0] == "routes" and len(path) > 2 and path[2] == "steps":
        return False
    last = path[-1] if isinstance(path[-1], str) else path[-2]
    return len(path) > 2 and last in _TOPIC_KEYS


def expression_names(parameters: Mapping[str, Parameter]) -> dict[str, str]:
    """Return what parameters become in expressions."""
    return {name: f"vars.{name}" for name in parameters}


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _with_keys(entries: list[tuple[str, Build | None, Any]], row: Row) -> dict[str, Any]:
    """Build a mapping whose keys have parameters. Keys that become equal are kept apart, so that the model refuses the mapping."""
    built: dict[str, Any] = {}
    for key, build, item in entries:
        name = key.format_map(row.texts)
        built[name if name not in built else f"{name} (twice)"] = item if build is None else build(row)
    return built


def _shared(build: Build, used: frozenset[str], path: Path = ()) -> Build:
    """Give machines with equal values of these parameters the same value. Only what stands right below a route is worth it."""
    if len(path) != 3 or not used:
        return build
    names = sorted(used)
    known: dict[tuple[str, ...], Any] = {}

    def find(row: Row) -> Any:  # Any: what the YAML holds
        key = tuple(row.texts[name] for name in names)
        found = known.get(key)
        if found is None:
            found = known[key] = build(row)
        return found

    return find


def texts_of(values: Mapping[str, Value | Secret]) -> dict[str, str]:
    """Return values as parts of texts."""
    return {name: value.reference if isinstance(value, Secret) else as_text(value) for name, value in values.items()}
