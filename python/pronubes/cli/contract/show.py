"""`pronubes contract show`: one version, with what its units are."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pronubes.cli.contract.folders import add_folder_arguments, folder_of
from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_json_argument, print_json

if TYPE_CHECKING:
    from pronubes.contracts.folder import ContractFile, Contracts
    from pronubes.contracts.model import Contract, ScalarField

__all__ = ["configure", "run"]

_BASE_UNITS = ("m", "kg", "s", "A", "K", "mol", "cd")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("id", metavar="NAME@VERSION|NAME", help="The version; a name alone means its newest.")
    add_folder_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the contract."""
    from pronubes.contracts.folder import Contracts

    contracts = Contracts(Path(folder_of(arguments)))
    name, _, version = arguments.id.partition("@")
    id_ = arguments.id if version else f"{name}@{max(contracts.versions.get(name, (0,)))}"
    if id_ not in contracts:
        from pronubes.suggest import did_you_mean

        hint = did_you_mean(id_, list(contracts.ids())) or "`pronubes contract list` lists them."
        sys.stderr.write(f"There is no contract `{arguments.id}` in `{contracts.name}`. {hint}\n")
        return ExitCode.USAGE
    file = contracts.read(id_)
    if arguments.json:
        print_json(_document(contracts, file))
    else:
        _print(contracts, file)
    return ExitCode.OK


def _document(contracts: Contracts, file: ContractFile) -> dict[str, Any]:  # Any: a JSON document
    from pronubes.contracts.meaning import digest

    contract = file.contract
    return {
        "id": contract.id,
        "file": file.places.file,
        "locked": contract.id in contracts.lock.contracts,
        "hash": digest(file.meaning),
        **contract.model_dump(include={"description", "owner", "steward", "state"}),
        "meaning": file.meaning,
        "units": {code: _unit(code, file) for code in file.dimensions},
    }


def _unit(code: str, file: ContractFile) -> dict[str, Any]:  # Any: a JSON document
    from pronubes.contracts.units import known, opc_ua_id

    unit = known(code)
    return {"dimension": file.dimensions[code], "unece": unit.unece or None if unit else None, "opc_ua_id": opc_ua_id(unit) if unit else None}


def _print(contracts: Contracts, file: ContractFile) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    contract, console = file.contract, Console(highlight=False)
    is_locked = contract.id in contracts.lock.contracts
    console.print(Text(contract.id, style="bold"), Text(f"{contract.state}, {'locked' if is_locked else 'not locked'}, {contract.mode}"))
    if contract.description:
        console.print(Text(contract.description))
    owners = [f"{label} {value}" for label, value in (("owner", contract.owner), ("steward", contract.steward)) if value]
    if owners:
        console.print(Text(", ".join(owners)))
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("field", "type", "unit", "rules", "description"):
        table.add_column(column)
    for path, field in contract.payload.items():
        kind = f"{field.type}, optional" if field.optional else field.type
        table.add_row(Text(path), kind, Text(_unit_text(field, file)), Text(_rules(field)), Text(field.description or ""))
    if contract.scalar is not None:
        table.add_row("(the payload)", contract.scalar.type, Text(_unit_text(contract.scalar, file)), Text(_rules(contract.scalar)))
    console.print(table)
    for line in _rest(contract):
        console.print(Text(line))


def _unit_text(field: ScalarField, file: ContractFile) -> str:
    if field.unit is None:
        return ""
    exponents = file.dimensions[field.unit] or ()
    powers = [base if power == 1 else f"{base}^{power}" for base, power in zip(_BASE_UNITS, exponents, strict=False) if power]
    return f"{field.unit} ({' '.join(powers)})" if powers and powers != [field.unit] else field.unit


def _rules(field: ScalarField) -> str:
    parts = []
    for key in ("range", "length"):
        bounds = getattr(field, key)
        if bounds is not None:
            low, high = ("" if bound is None else f"{bound}" for bound in bounds)
            parts.append(f"{key} {low}..{high}")
    if field.enum is not None:
        parts.append("one of " + ", ".join(str(value) for value in field.enum))
    if field.pattern is not None:
        parts.append(f"matches {field.pattern}")
    if field.time is not None:
        parts.append(f"time in {field.time}")
    parts += [f"{key.replace('_', ' ')} {limit:g} s" for key in ("not_after", "not_before") if (limit := getattr(field, key)) is not None]
    if field.null != "never":
        parts.append(f"null {field.null.replace('_', ' ')}")
    return "; ".join(parts)


def _rest(contract: Contract) -> list[str]:
    lines = [f"Extra fields: {contract.extra}."]
    if contract.quality is not None:
        lines.append(f"Quality: in `{contract.quality.field}`.")
    if contract.retain is not None:
        lines.append(f"Retain: {str(contract.retain).lower()}.")
    return lines
