"""Which folder of contracts a verb works on: the one that is named, else the configuration's, else `contracts`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pronubes.cli.output import add_config_argument

if TYPE_CHECKING:
    from pronubes.contracts.folder import ContractFile

__all__ = ["add_folder_arguments", "configuration_of", "file_of", "folder_of"]

DEFAULT_FOLDER = "contracts"


def add_folder_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say where the contracts are."""
    parser.add_argument("--folder", metavar="DIR", help="The folder of contracts (default: the configuration's, else contracts).")
    add_config_argument(parser)


def folder_of(arguments: argparse.Namespace) -> str:
    """Find the folder. Of the configuration only the one key is read: other errors of it do not matter here."""
    if arguments.folder:
        return str(arguments.folder)
    return _configured(arguments.config) or DEFAULT_FOLDER


def file_of(name: str, arguments: argparse.Namespace) -> ContractFile:
    """Read a version of the folder, or a file wherever it stands.

    Raises:
        LookupError: There is neither.
        ConfigurationError: It has errors.
    """
    from pronubes.contracts.folder import Contracts, read_contract

    if Path(name).is_file():
        return read_contract(name)
    contracts = Contracts(Path(folder_of(arguments)))
    if name not in contracts:
        from pronubes.suggest import did_you_mean

        hint = did_you_mean(name, list(contracts.ids())) or ""
        raise LookupError(f"`{name}` is no file, and no version in `{contracts.name}`. {hint}".rstrip())
    return contracts.read(name)


def configuration_of(arguments: argparse.Namespace) -> str | None:
    """Return the configuration if there is one."""
    return arguments.config if Path(arguments.config).is_file() else None


def _configured(config: str) -> str | None:
    from pronubes.config.files import read_text
    from pronubes.config.reader import Irregular, read_values
    from pronubes.errors import ConfigurationError

    try:
        values: Any = read_values(read_text(config))[0]  # Any: whatever the YAML holds
    except (Irregular, ConfigurationError):
        return None
    key = values.get("contracts")
    folder = key.get("folder") if isinstance(key, dict) else key
    return os.path.join(os.path.dirname(config), folder) if isinstance(folder, str) else None  # noqa: PTH118, PTH120  as the user wrote it
