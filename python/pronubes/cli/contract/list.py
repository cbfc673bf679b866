"""`pronubes contract list`: what there is."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pronubes.cli.contract.folders import add_folder_arguments, folder_of
from pronubes.cli.exit_codes import ExitCode
from pronubes.cli.output import add_json_argument, print_diagnostics, print_json

if TYPE_CHECKING:
    from pronubes.contracts.folder import ContractFile, Contracts

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_folder_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """List the contracts; what cannot be read is said on standard error."""
    from pronubes.contracts.folder import Contracts
    from pronubes.contracts.verify import verify

    contracts = Contracts(Path(folder_of(arguments)))
    verified = verify(contracts)
    entries = [_entry(contracts, file) for file in verified.files.values()]
    if arguments.json:
        print_json({"folder": contracts.name, "contracts": entries})
    else:
        _print(entries)
    if verified.errors:
        print_diagnostics(verified.errors, stream=sys.stderr)
        return ExitCode.CONFIGURATION
    return ExitCode.OK


def _entry(contracts: Contracts, file: ContractFile) -> dict[str, Any]:  # Any: a JSON document
    contract = file.contract
    return {
        "id": contract.id,
        "name": contract.contract,
        "version": contract.version,
        "state": contract.state,
        "locked": contract.id in contracts.lock.contracts,
        "owner": contract.owner,
        "steward": contract.steward,
        "mode": contract.mode,
        "fields": len(contract.payload),
        "description": contract.description,
        "file": file.places.file,
    }


def _print(entries: list[dict[str, Any]]) -> None:  # Any: JSON documents
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("contract", "state", "locked", "mode", "owner", "description"):
        table.add_column(column, no_wrap=column != "description")
    for entry in entries:
        first_line = (entry["description"] or "").partition("\n")[0]
        table.add_row(entry["id"], entry["state"], "yes" if entry["locked"] else "no", entry["mode"], entry["owner"] or "-", first_line)
    Console(highlight=False).print(table)
