"""The contracts that a configuration names: found, read, and checked against the routes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import TYPE_CHECKING, Any, Literal

from pronubes.config.findings import Finding, Path
from pronubes.config.model import FROM_NAMES, Configuration, Route
from pronubes.config.places import Places
from pronubes.diagnostics import Diagnostic
from pronubes.errors import ConfigurationError
from pronubes.suggest import did_you_mean

if TYPE_CHECKING:
    from pronubes.config.tag_names import NamedContracts
    from pronubes.contracts.folder import ContractFile, Contracts
    from pronubes.contracts.mode import Mode
    from pronubes.contracts.model import Contract

__all__ = ["InUse", "resolve", "unsettled"]

Role = Literal["expect", "contract"]
ROLES: tuple[Role, Role] = ("expect", "contract")


@dataclass(frozen=True, slots=True)
class InUse:
    """The contracts of a configuration.

    Attributes:
        folder: All contracts of the folder; None when the configuration names none.
        files: The versions that routes name, by `name@version`; their order is that of the engine's specification.
        modes: The mode that the configuration says for a version in place of the contract.
        by_names: The contracts that names of tags have, where a route asks for them.
    """

    folder: Contracts | None = None
    files: Mapping[str, ContractFile] = field(default_factory=dict)
    modes: Mapping[str, Mode] = field(default_factory=dict)
    by_names: NamedContracts = field(default_factory=dict)

    def specifications(self) -> list[dict[str, Any]]:  # Any: JSON documents
        """Write the versions in use for the engine."""
        from pronubes.contracts.specification import specification

        return [specification(file.contract, file.dimensions, mode=self.modes.get(id_)) for id_, file in self.files.items()]

    def documents(self) -> dict[str, dict[str, Any]]:  # Any: JSON documents
        """Describe the versions in use for people and programs that look at a running node: what the engine knows, units, owners, JSON Schema."""
        return {id_: _document(file.contract, spec) for (id_, file), spec in zip(self.files.items(), self.specifications(), strict=True)}

    def retain(self, route: Route) -> bool | None:
        """Tell whether the contract of a route's output wants brokers to retain it; None when it says nothing."""
        file = self.files.get(route.contract) if route.contract is not None else None
        if file is None or file.contract.retain is None:
            return None
        return file.contract.retain is True

    def units(self, configuration: Configuration) -> dict[str, str]:
        """Name the unit of `value` of what leaves each route, where its contract has one."""
        of_contract = {}
        for id_, file in self.files.items():
            field_ = file.contract.scalar or file.contract.payload.get("value")
            if field_ is not None and field_.unit is not None:
                of_contract[id_] = field_.unit
        return {name: of_contract[route.contract] for name, route in configuration.routes.items() if route.contract in of_contract}


def _document(contract: Contract, spec: dict[str, Any]) -> dict[str, Any]:  # Any: JSON documents
    fields = [{**field, "unit": contract.payload[field["path"]].unit} for field in spec["fields"]]
    scalar = None if contract.scalar is None else {**spec["scalar"], "unit": contract.scalar.unit}
    from pronubes.contracts.json_schema import export

    people = contract.model_dump(mode="json", include={"owner", "steward", "state", "description"})
    return {**spec, **people, "fields": fields, "scalar": scalar, "schema": export(contract).schema}


def resolve(configuration: Configuration, places: Places, base_dir: File, by_names: NamedContracts) -> tuple[InUse, list[Finding], list[Diagnostic]]:
    """Read the contracts that routes name.

    Args:
        configuration: The checked configuration.
        places: Where it stands.
        base_dir: The folder that relative paths count from.
        by_names: The contracts that names of tags have, where a route asks for them.

    Returns:
        The contracts, what is wrong in the configuration, and what is wrong in the contracts' own files.
    """
    named = [one for name, route in configuration.routes.items() for one in _named(name, route, configuration, by_names)]
    options = configuration.contracts
    if options is None:
        hint = "Say where they are: `contracts: contracts/`."
        message = "The configuration says of no folder of contracts."
        return InUse(), [Finding(code="no_contracts", path=("routes", name, role), message=message, hint=hint) for name, role, _ in named], []
    from pronubes.contracts.folder import Contracts

    try:
        contracts = Contracts(base_dir / options.folder, name=_shown(options.folder, places, base_dir))
        contracts.lock  # noqa: B018  read now, so that what is wrong with it is said
    except ConfigurationError as error:
        return InUse(), [], list(error.diagnostics)
    problems = [finding for name, role, id_ in named if id_ not in contracts for finding in [_unknown(contracts, id_, ("routes", name, role))]]
    problems += _modes(contracts, options.modes)
    files, wrong = _read(contracts, sorted({id_ for _, _, id_ in named if id_ in contracts}))
    modes = {id_: mode for id_ in files if (mode := _mode(id_, options.modes)) is not None}
    in_use = InUse(contracts, files, modes, by_names)
    problems += [finding for name, route in configuration.routes.items() for finding in _route(name, route, files)]
    return in_use, problems, wrong


def _named(name: str, route: Route, configuration: Configuration, by_names: NamedContracts) -> Iterator[tuple[str, Role, str]]:
    """Name the contracts of a route and where it says so: its own, and those that the names of its sources have."""
    if route.expect is not None:
        yield name, "expect", route.expect
    if route.contract == FROM_NAMES:
        sources = route.from_ or configuration.sources
        for id_ in sorted({id_ for source in sources for id_ in by_names.get(source, ())}):
            yield name, "contract", id_
    elif route.contract is not None:
        yield name, "contract", route.contract


def _shown(folder: str, places: Places, base_dir: File) -> str:
    """Name the folder as the user would: beside the configuration file, as that was named."""
    beside = os.path.dirname(places.file)  # noqa: PTH120  as the user wrote it
    is_beside = places.text is not None and File(beside or ".").resolve() == base_dir
    return os.path.join(beside, folder) if is_beside else str(base_dir / folder)  # noqa: PTH118  as the user wrote it


def _read(contracts: Contracts, ids: list[str]) -> tuple[dict[str, ContractFile], list[Diagnostic]]:
    from pronubes.contracts.verify import locked_edits

    files: dict[str, ContractFile] = {}
    wrong: list[Diagnostic] = []
    for id_ in ids:
        try:
            file = files[id_] = contracts.read(id_)
        except ConfigurationError as error:
            wrong += error.diagnostics
            continue
        wrong += [file.places.diagnostic(finding) for finding in locked_edits(file, contracts)]
    return files, wrong


def _unknown(contracts: Contracts, id_: str, path: Path, *, at_key: bool = False) -> Finding:
    name, _, version = id_.partition("@")
    versions = contracts.versions.get(name, ())
    if not versions:
        hint = did_you_mean(name, contracts.versions) or f"Make `{contracts.file_of(f'{name}@1')}`, or see `pronubes contract list`."
        known = list(contracts.versions)
        expected = ", ".join(f"`{other}`" for other in known[:10]) + (f" and {len(known) - 10} more" if len(known) > 10 else "") or None
        message = f"There is no contract `{name}` in `{contracts.name}`."
        return Finding(code="unknown_contract", path=path, message=message, expected=expected, hint=hint, found=id_, at_key=at_key)
    expected = ", ".join(f"`{name}@{one}`" for one in versions[-10:])
    if version:
        message = f"`{name}` has no version `{version}`."
        return Finding(code="unknown_contract", path=path, message=message, expected=expected, found=id_, at_key=at_key)
    message = "A contract is named with its version."
    return Finding(code="no_version", path=path, message=message, expected=expected, hint=f"Write `{name}@{versions[-1]}`.", found=id_)


def _modes(contracts: Contracts, modes: Mapping[str, Mode]) -> Iterator[Finding]:
    for key in modes:
        if key != "*" and key not in contracts and key not in contracts.versions:
            yield _unknown(contracts, key, ("contracts", "modes", key), at_key=True)


def _mode(id_: str, modes: Mapping[str, Mode]) -> Mode | None:
    """Choose the mode: of the version, else of the name, else of all."""
    return modes.get(id_) or modes.get(id_.rpartition("@")[0]) or modes.get("*")


def _route(name: str, route: Route, files: Mapping[str, ContractFile]) -> Iterator[Finding]:
    for role in ROLES:
        file = files.get(getattr(route, role) or "")
        if file is not None and file.contract.state == "retired":
            message = f"`{file.contract.id}` is retired."
            yield Finding(code="retired_contract", path=("routes", name, role), message=message, expected="a contract that is not retired")
    promised = files.get(route.contract or "")
    if promised is not None and promised.contract.retain == "never":
        for index, target in enumerate(route.to):
            if target.retain:
                message = f"`{promised.contract.id}` says `retain: never`: brokers must not keep such messages."
                hint = "Remove it. New subscribers would take an old event for a new one."
                yield Finding(code="retained_never", path=("routes", name, "to", index, "retain"), message=message, hint=hint)


def unsettled(configuration: Configuration, in_use: InUse) -> Iterator[Finding]:
    """List uses of contracts that are drafts, deprecated, or locked by nobody."""
    unlocked: set[str] = set()
    for name, route in configuration.routes.items():
        for role in ROLES:
            file = in_use.files.get(getattr(route, role) or "")
            if file is None or in_use.folder is None:
                continue
            id_, state, path = file.contract.id, file.contract.state, ("routes", name, role)
            if state == "draft":
                hint = "Give it `state: active` and lock it."
                yield Finding(code="draft_contract", path=path, message=f"`{id_}` is a draft: it may still change.", hint=hint)
            elif state == "deprecated":
                newest = f"{file.contract.contract}@{in_use.folder.versions[file.contract.contract][-1]}"
                newer = f"The newest version is `{newest}`." if newest != id_ else None
                yield Finding(code="deprecated_contract", path=path, message=f"`{id_}` is deprecated.", hint=newer)
            elif id_ not in in_use.folder.lock.contracts and id_ not in unlocked:
                unlocked.add(id_)
                message = f"`{id_}` is in use and not locked: an edit of its file changes what it means."
                yield Finding(code="unlocked_contract", path=path, message=message, hint=f"Run `pronubes contract lock {id_}`.")
