"""What a hook takes and gives, read from its parameters.

| first parameter | form | it gets | it returns |
|---|---|---|---|
| `batch: pronubes.Batch`, or no annotation | columns | all messages at once, as columns | a batch made from it, or a mapping of columns |
| `payloads: list[dict]` | dicts | all messages at once, decoded | a list as long |
| `messages: list[pronubes.Message]` | messages | all messages at once | a list as long |
| `message: pronubes.Message` | message | one message | what it becomes |
| `payload: bytes`, `payload: dict` | bytes, dict | one payload | what it becomes |

Behind it may stand `topic` (for one payload), and `state` (for one message) or `states` (for all at once).
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Declaration", "Form", "WrongDeclaration", "declaration_of"]

Form = Literal["columns", "dicts", "messages", "message", "bytes", "dict"]

_FORMS: dict[str, Form] = {
    "": "columns",
    "Batch": "columns",
    "list[dict]": "dicts",
    "list[Message]": "messages",
    "Message": "message",
    "bytes": "bytes",
    "dict": "dict",
}
_EXTRAS: dict[Form, tuple[str, ...]] = {
    "columns": ("states",),
    "dicts": ("states",),
    "messages": ("states",),
    "message": ("state",),
    "bytes": ("topic", "state"),
    "dict": ("topic", "state"),
}
_KNOWN = (
    "`batch: pronubes.Batch`, `payloads: list[dict]`, `messages: list[pronubes.Message]`, "
    "`message: pronubes.Message`, `payload: bytes` or `payload: dict`"
)
_LISTS = frozenset({"list", "List", "Sequence"})
_DICTS = frozenset({"dict", "Dict", "Mapping", "MutableMapping"})


class WrongDeclaration(TypeError):
    """A function cannot be a hook as it is declared; the text says why and what to write."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """How a hook is called.

    Attributes:
        form: What its first parameter is.
        extras: Its other parameters, in order.
    """

    form: Form
    extras: tuple[str, ...] = ()

    @property
    def is_per_message(self) -> bool:
        """Whether it is called once per message."""
        return self.form in {"message", "bytes", "dict"}

    @property
    def keeps_state(self) -> bool:
        """Whether it remembers something between batches."""
        return "state" in self.extras or "states" in self.extras


def declaration_of(function: Callable[..., Any]) -> Declaration:
    """Read what a function takes.

    Raises:
        WrongDeclaration: It is no function that a hook can be.
    """
    if not callable(function) or inspect.isclass(function):
        raise WrongDeclaration(f"it is no function but a `{type(function).__name__}`")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise WrongDeclaration("it is `async`; a hook runs in a thread or process of its own and may block there: write `def`")
    if inspect.isgeneratorfunction(function):
        raise WrongDeclaration("it is a generator; a hook returns its result: collect it in a list")
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters:
        raise WrongDeclaration(f"it takes nothing; its first parameter is one of {_KNOWN}")
    first, *others = parameters
    if first.kind not in {first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD}:
        raise WrongDeclaration(f"its first parameter is `{first}`; write one of {_KNOWN}")
    written = _plain(first.annotation)
    form = _FORMS.get(written)
    if form is None:
        raise WrongDeclaration(f"it takes `{first}`, which is no form of a hook; write one of {_KNOWN}")
    return Declaration(form, _extras(form, others))


def _extras(form: Form, parameters: list[inspect.Parameter]) -> tuple[str, ...]:
    names = []
    allowed = _EXTRAS[form]
    for parameter in parameters:
        if parameter.name in allowed and parameter.kind in {parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD}:
            names.append(parameter.name)
        elif parameter.name in allowed:
            raise WrongDeclaration(f"`{parameter}` can only be given by name; take away the `*` before it")
        elif parameter.default is parameter.empty:
            also = " or ".join(f"`{name}`" for name in allowed)
            hint = " (`state` is for hooks on one message, `states` for hooks on many)" if parameter.name in {"state", "states"} else ""
            raise WrongDeclaration(f"it takes `{parameter}`, which nobody gives it; behind its first parameter may stand {also}{hint}")
    return tuple(names)


def _plain(annotation: Any) -> str:  # Any: whatever stands there
    """Write an annotation without modules and without what is in a dict: `list[dict[str, Any]]` is `list[dict]`."""
    if annotation is inspect.Parameter.empty:
        return ""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    try:
        return _name(ast.parse(text.strip(), mode="eval").body)
    except SyntaxError:
        return text


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _plain(node.value)
    if isinstance(node, ast.Attribute):
        return "dict" if node.attr in _DICTS else node.attr
    if isinstance(node, ast.Name):
        return "dict" if node.id in _DICTS else node.id
    if isinstance(node, ast.Subscript):
        outer = _name(node.value)
        return f"list[{_name(node.slice)}]" if outer in _LISTS else outer
    return ast.unparse(node)
