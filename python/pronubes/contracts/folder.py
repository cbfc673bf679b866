"""The folder of contracts: `NAME/VERSION.yaml` each, and `contracts.lock` beside them.

Names and versions are known from the names of files; a file is read when somebody asks for it. So a node reads the contracts that its routes name,
and 10,000 others cost it a directory listing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pronubes.config.files import read_text
from pronubes.config.findings import Finding, findings
from pronubes.config.places import Places, nothings
from pronubes.config.reader import Irregular, read_values
from pronubes.contracts.lock import LOCK_NAME, Lock, read_lock
from pronubes.contracts.meaning import Meaning, meaning
from pronubes.contracts.model import NAME, Contract
from pronubes.contracts.rules import dimensions, problems, unit_problems
from pronubes.contracts.units import Dimension
from pronubes.diagnostics import Diagnostic, Severity
from pronubes.errors import ConfigurationError

__all__ = ["ContractFile", "Contracts", "read_contract", "read_contract_text"]

MOST_BYTES = 2**20
_IS_NAME = re.compile(NAME)
_IS_FILE = re.compile(r"([1-9][0-9]{0,8})\.yaml")


@dataclass(frozen=True, slots=True)
class ContractFile:
    """A contract that is right as far as its own file tells.

    Attributes:
        contract: The checked model.
        places: Where everything stands, for further findings.
        dimensions: What its units measure.
    """

    contract: Contract
    places: Places = field(repr=False)
    dimensions: Mapping[str, Dimension | None] = field(repr=False)

    @property
    def meaning(self) -> Meaning:
        """What a reader or sender may rely on."""
        return meaning(self.contract)


class Contracts:
    """The contracts of a folder.

    Attributes:
        folder: The folder.
        name: What findings call it.
        versions: The versions of each name, oldest first.
    """

    def __init__(self, folder: Path, *, name: str | None = None) -> None:
        """List the folder and read its lock.

        Raises:
            ConfigurationError: The folder or its lock file cannot be read.
        """
        self.folder = folder
        self.name = str(folder) if name is None else name
        self._strays: list[str] = []
        self.versions: Mapping[str, tuple[int, ...]] = self._listed()
        self._files: dict[str, ContractFile] = {}
        self._lock: Lock | None = None

    @property
    def lock(self) -> Lock:
        """The lock file; read when it is first asked for.

        Raises:
            ConfigurationError: It cannot be read.
        """
        if self._lock is None:
            self._lock = read_lock(self.folder / LOCK_NAME, name=os.path.join(self.name, LOCK_NAME))  # noqa: PTH118  as the user wrote it
        return self._lock

    def relock(self, lock: Lock) -> None:
        """Take another lock in place of the file's."""
        self._lock = lock

    def ids(self) -> Iterator[str]:
        """List all versions as `name@version`."""
        return (f"{name}@{version}" for name, versions in self.versions.items() for version in versions)

    def __contains__(self, id_: str) -> bool:
        """Tell whether there is a file for `name@version`."""
        name, _, version = id_.rpartition("@")
        return version.isdecimal() and int(version) in self.versions.get(name, ())

    def file_of(self, id_: str) -> str:
        """Return the file of a version, as findings call it."""
        name, _, version = id_.rpartition("@")
        return os.path.join(self.name, name, f"{version}.yaml")  # noqa: PTH118  as the user wrote it

    def read(self, id_: str) -> ContractFile:
        """Read a version.

        Raises:
            ConfigurationError: The file has errors; all of them.
        """
        if id_ not in self._files:
            text = self.text(id_)
            self._files[id_] = read_contract_text(text, file=self.file_of(id_), id_=id_, checked=self.lock.units)
        return self._files[id_]

    def text(self, id_: str) -> str:
        """Read the text of a version's file.

        Raises:
            ConfigurationError: It cannot be read.
        """
        name, _, version = id_.rpartition("@")
        return read_text(f"{self.folder}/{name}/{version}.yaml", limit=MOST_BYTES)

    def strays(self) -> list[Diagnostic]:
        """List files that look like contracts and stand or are named wrongly."""
        hint = "A contract is named by its version: `measurement/1.yaml`."
        message = "This is not the name of a contract's file: it is not read."
        return [Diagnostic(code="stray_file", message=message, file=path, hint=hint, severity=Severity.WARNING) for path in self._strays]

    def _listed(self) -> dict[str, tuple[int, ...]]:
        found: dict[str, tuple[int, ...]] = {}
        try:
            with os.scandir(self.folder) as entries:
                folders = sorted(entries, key=lambda entry: entry.name)
            for entry in folders:
                if entry.name.startswith("."):
                    continue
                if not entry.is_dir():
                    self._stray(entry.name)
                elif _IS_NAME.fullmatch(entry.name) and (versions := self._versions(entry.path, entry.name)):
                    found[entry.name] = versions
        except OSError as error:
            message = f"The folder of contracts cannot be read: {(error.strerror or str(error)).lower()}."
            hint = "Make it, or name another under `contracts`."
            raise ConfigurationError([Diagnostic(code="unreadable", message=message, file=self.name, hint=hint)]) from error
        return found

    def _versions(self, path: str, name: str) -> tuple[int, ...]:
        versions = []
        for file in os.listdir(path):  # noqa: PTH208  10,000 Path objects would cost more than the listing
            match = _IS_FILE.fullmatch(file)
            if match is not None:
                versions.append(int(match[1]))
            else:
                self._stray(name, file)
        return tuple(sorted(versions))

    def _stray(self, *parts: str) -> None:
        if parts[-1].endswith((".yaml", ".yml")):
            self._strays.append(os.path.join(self.name, *parts))  # noqa: PTH118  as the user wrote it


def read_contract(path: str | Path) -> ContractFile:
    """Read one file, wherever it stands.

    Raises:
        ConfigurationError: It cannot be read or has errors; all of them.
    """
    return read_contract_text(read_text(path, limit=MOST_BYTES), file=str(path))


def read_contract_text(
    text: str, *, file: str = "<text>", id_: str | None = None, checked: Mapping[str, Dimension | None] | None = None
) -> ContractFile:
    """Read a contract from a text.

    Args:
        text: The YAML.
        file: What findings call it.
        id_: The name and version that it must have, as its path says.
        checked: Units that are known to be right.

    Raises:
        ConfigurationError: The text has errors; all of them.
    """
    places = Places(file, text, {})
    found: list[Finding] = []
    try:
        values, _ = read_values(text)
    except Irregular:
        values, found = _read_irregular(places)
    contract = None
    try:
        contract = Contract.model_validate(values)
    except ValidationError as error:
        known = {finding.path for finding in found}
        found += [finding for finding in findings(error, values, Contract) if finding.path not in known]
    found += unit_problems(values, checked=checked or ())
    found += problems(contract) if contract is not None else ()
    found += _wrong_name(values, id_)
    written = _problems_of(places) if found or contract is None else []
    if found or written or contract is None:
        raise ConfigurationError(in_order([*written, *(places.diagnostic(finding) for finding in found)]))
    return ContractFile(contract, places, dimensions(contract, checked=checked))


def _read_irregular(places: Places) -> tuple[Any, list[Finding]]:  # Any: whatever the YAML holds
    """Read a text that is odd, to say what is wrong; or to find that it is only unusual."""
    document = places.document
    if document is None or document.root is None or document.problems:
        raise ConfigurationError(in_order(_problems_of(places)))
    return document.root.plain_value(), list(nothings(document.root, ()))


def _problems_of(places: Places) -> list[Diagnostic]:
    from dataclasses import replace

    problems = places.document.problems if places.document is not None else []
    empty = {"message": "The contract is empty.", "hint": "Begin with `contract: NAME` and `version: 1`."}
    return [replace(problem, **empty) if problem.code == "empty" else problem for problem in problems]  # type: ignore[arg-type]  # two texts


def _wrong_name(values: Any, id_: str | None) -> Iterator[Finding]:  # Any: whatever the YAML holds
    if id_ is None or not isinstance(values, dict):
        return
    name, _, version = id_.rpartition("@")
    hint = "The path says what a contract is: move the file, or change the key."
    for key, expected in (("contract", name), ("version", int(version))):
        if key in values and values[key] != expected:
            yield Finding(code="not_its_path", path=(key,), message=f"The file stands where `{id_}` belongs.", expected=f"`{expected}`", hint=hint)


def in_order(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """Sort findings by their place in the file."""
    return sorted(diagnostics, key=lambda one: (one.position.line, one.position.column) if one.position else (0, 0))
