"""The namespace: which names there may be, who may publish under them, and the catalogue of those there are."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pronubes.config.suggest import did_you_mean
from pronubes.connectors.options import StrictModel
from pronubes.connectors.values import ByteSize, refuse

__all__ = ["Branch", "Catalog", "Namespace", "catalog_spec", "namespace_spec", "path_in_file"]

Text = Annotated[str, Field(min_length=1, max_length=65_535)]
_LEVEL = re.compile(r"([A-Za-z_][A-Za-z0-9_-]{0,63})([?#]?)")
_KINDS = {"": "one", "?": "optional", "#": "many"}
_ANY_NAME = "[A-Za-z0-9_.-]+"
_DEFAULT = "default"
_TEMPLATE = "template:"


def _list(value: Any) -> Any:  # Any: whatever stands in the YAML
    return [value] if isinstance(value, str) else value


def _level(value: str) -> str:
    if _LEVEL.fullmatch(value) is None:
        expected = "a name, and behind it `?` if it may be missing or `#` if it may stand several times"
        raise refuse("This is not a level.", expected=f"{expected}: `site`, `cell?`, `signal#`")
    return value


class Branch(StrictModel):
    """A part of the namespace: all that its filter matches, and all below."""

    owner: Text | None = None
    """Who answers for it."""
    description: Text | None = None
    """What it is for."""
    publish: Annotated[list[Text], BeforeValidator(_list, json_schema_input_type=Text | list[Text])] = []
    """Who may publish here: routes and sources by name, or `*` for all. `template:NAME` means all routes that the template makes, `source:NAME` a
    source that has the name of a route."""
    free: bool = False
    """Whether its names need not fit `levels` and `naming`: for raw data at the edge."""


class Namespace(StrictModel):
    """Which names there may be, and who may publish under them. What no branch permits is denied."""

    levels: Annotated[list[Annotated[Text, AfterValidator(_level)]], Field(min_length=1)] = ["enterprise", "site", "area", "line", "cell?", "signal#"]
    """The levels of a name in their order: `site` stands once, `cell?` once or not at all, `signal#` once or more often."""
    naming: dict[Text, Text] = {}
    """Regular expressions that whole levels fit, by the name of the level; `default` is for all others. Left out: `[A-Za-z0-9_.-]+`."""
    case: dict[Text, Literal["lower"]] = {}
    """Levels in small letters only: `{site: lower}`; `default` is for all others."""
    illegal: Literal["refuse", "escape"] = "refuse"
    """What becomes of illegal names: `refuse` quarantines the message, `escape` writes illegal characters of rendered names as `_xHHHH_`."""
    several_publishers: bool = False
    """Whether messages from several topics or sources may leave under one name. Left out: the second one is quarantined."""
    branches: dict[Text, Branch] = {}
    """Parts of the namespace by their filters. Of those that cover a name, those with the most levels before the first wildcard count."""

    @model_validator(mode="after")
    def _names_levels(self) -> Namespace:
        known = [_DEFAULT, *(level.rstrip("?#") for level in self.levels)]
        for key, given in (("naming", self.naming), ("case", self.case)):
            for name in given:
                if name not in known:
                    choices = ", ".join(f"`{level}`" for level in known)
                    raise refuse("There is no such level.", expected=choices, hint=did_you_mean(name, known), field=f"{key}.{name}")
        return self


class Catalog(StrictModel):
    """The newest value of every name, and where it came from. It is kept where there is a namespace, or where `catalog` is written."""

    memory: ByteSize = Field(default=300 * 2**20, ge=2**20)
    """What it may take; names beyond it are counted and not kept. A million names take about 300 MB."""
    payload_bytes: ByteSize = Field(default=4096, ge=0, le=128 * 2**10)
    """Payloads longer than this are not kept."""


def namespace_spec(
    namespace: Namespace, routes: Collection[str], sources: Collection[str], made: Mapping[str, Sequence[str]]
) -> dict[str, Any]:  # Any: a part of the specification
    """Write the namespace as the engine takes it.

    Args:
        namespace: What is declared.
        routes: The names of all routes.
        sources: The names of all sources.
        made: The routes that each template made.
    """

    def publisher(name: str) -> str:
        return f"source:{name}" if name in sources and name not in routes else name

    def publishers(names: Sequence[str]) -> list[str]:
        """Put the first route of a template in its place and the others behind all: what the engine finds wrong keeps its place in the file."""
        of_templates = [made.get(name.removeprefix(_TEMPLATE), ()) if name.startswith(_TEMPLATE) else () for name in names]
        heads = [routes[0] if routes else publisher(name) for name, routes in zip(names, of_templates, strict=True)]
        return heads + [route for routes in of_templates for route in routes[1:]]

    def level(text: str) -> dict[str, Any]:
        name = text.rstrip("?#")
        pattern = namespace.naming.get(name) or namespace.naming.get(_DEFAULT, _ANY_NAME)
        case = namespace.case.get(name) or namespace.case.get(_DEFAULT)
        return {"name": name, "kind": _KINDS[text[len(name) :]], "pattern": pattern, "case": case}

    branches = [
        {"filter": text, **branch.model_dump(exclude={"publish"}), "publish": publishers(branch.publish)}
        for text, branch in namespace.branches.items()
    ]
    return {
        "levels": [level(text) for text in namespace.levels],
        "illegal": namespace.illegal,
        "several_publishers": namespace.several_publishers,
        "branches": branches,
    }


def catalog_spec(catalog: Catalog) -> dict[str, int]:
    """Write the catalogue as the engine takes it."""
    return {"bytes": catalog.memory, "payload_bytes": catalog.payload_bytes}


def path_in_file(parts: tuple[str | int, ...], spec: dict[str, Any], naming: Collection[str]) -> tuple[tuple[str | int, ...], bool]:
    """Find in the file what stands at a path of the specification's namespace; whether it is a key there."""
    match parts:
        case ("namespace", "levels", int(at), "pattern"):
            name = spec["namespace"]["levels"][at]["name"]
            if name in naming or _DEFAULT in naming:
                return ("namespace", "naming", name if name in naming else _DEFAULT), False
        case ("namespace", "branches", int(at), *rest):
            branch = ("namespace", "branches", spec["namespace"]["branches"][at]["filter"])
            return (branch, True) if rest == ["filter"] else ((*branch, *rest), False)
    return parts[:3], False
