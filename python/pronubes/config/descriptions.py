"""The texts under the fields of models, read from the source only when somebody wants to see them.

Pydantic can do this by itself (`use_attribute_docstrings`), but then every start parses the source of every model: 40 ms of the 500 in
which the first message must be routed.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache
from itertools import pairwise
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

__all__ = ["describe", "descriptions"]


@cache
def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """Return the texts under the fields of a model, its bases' included."""
    found: dict[str, str] = {}
    for part in reversed(model.__mro__):
        if issubclass(part, BaseModel) and part is not BaseModel:
            found |= _own(part)
    return found


def _own(model: type[BaseModel]) -> dict[str, str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(model)))
    except (OSError, TypeError):
        return {}
    body = tree.body[0].body if tree.body and isinstance(tree.body[0], ast.ClassDef) else []
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


@cache
def describe(model: type[BaseModel]) -> type[BaseModel]:
    """Write the texts into a model and all models within, so that a JSON Schema made from it has them."""
    for name, field in model.model_fields.items():
        field.description = descriptions(model).get(name, field.description)
        for inner in _models_in(field.annotation):
            describe(inner)
    model.model_rebuild(force=True)
    return model


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Annotated, Union, UnionType, list, dict, tuple):
        return [inner for argument in get_args(annotation) for inner in _models_in(argument)]
    return []
