"""A whole folder of contracts: every file, against the lock and against each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pronubes.config.findings import Finding, Path
from pronubes.contracts.compare import Change, changes, sentence
from pronubes.contracts.engine import engine_problems
from pronubes.contracts.folder import ContractFile, Contracts
from pronubes.contracts.lock import edited_by_hand
from pronubes.contracts.meaning import text_digest
from pronubes.contracts.rules import warnings
from pronubes.diagnostics import Diagnostic, Severity
from pronubes.errors import ConfigurationError

__all__ = ["Verified", "locked_edits", "verify"]

_MOST_EDITS = 8


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found in a folder.

    Attributes:
        files: The contracts that are right.
        errors: What is wrong.
        warnings: What is allowed and probably not meant.
    """

    files: dict[str, ContractFile] = field(default_factory=dict)
    errors: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)


def verify(contracts: Contracts, *, skip_unchanged: bool = False) -> Verified:
    """Read every contract of a folder.

    Args:
        contracts: The folder.
        skip_unchanged: Do not look again at files that are what they were when they were locked; `files` lacks them then.

    Raises:
        ConfigurationError: The lock file cannot be read.
    """
    found, lock = Verified(), contracts.lock
    for id_ in contracts.ids():
        try:
            if skip_unchanged and id_ in lock.contracts and text_digest(contracts.text(id_)) == lock.contracts[id_].text:
                continue
            file = found.files[id_] = contracts.read(id_)
        except ConfigurationError as error:
            found.errors.extend(error.diagnostics)
            continue
        found.errors.extend(engine_problems(file))
        found.errors.extend(file.places.diagnostic(finding) for finding in locked_edits(file, contracts))
        found.warnings.extend(file.places.diagnostic(finding, severity=Severity.WARNING) for finding in warnings(file.contract))
    found.warnings.extend(contracts.strays())
    for id_ in edited_by_hand(lock):
        message = f"What `{id_}` means does not have its hash: the lock file was edited by hand."
        found.errors.append(Diagnostic(code="lock", message=message, file=lock.file, path=id_, hint="Take the file from version control."))
    for id_ in lock.contracts:
        if id_ not in contracts:
            message = f"`{id_}` is locked and its file is gone."
            hint = f"Bring `{contracts.file_of(id_)}` back with `state: retired`, or remove its line from the lock file if nobody used it."
            found.warnings.append(Diagnostic(code="locked_gone", message=message, file=lock.file, hint=hint, severity=Severity.WARNING))
    return found


def locked_edits(file: ContractFile, contracts: Contracts) -> Iterator[Finding]:
    """List what was changed in a version that is locked."""
    id_ = file.contract.id
    locked = contracts.lock.contracts.get(id_)
    if locked is None:
        return
    meaning = file.meaning
    if meaning == locked.meaning:
        return
    newest = max(contracts.versions.get(file.contract.contract, (file.contract.version,)))
    name = file.contract.contract
    hint = f"Undo it; or copy the file to `{name}/{newest + 1}.yaml` with `version: {newest + 1}`, and let routes name `{name}@{newest + 1}`."
    for change in changes(locked.meaning, meaning)[:_MOST_EDITS]:
        path, is_key = place_of(change, file)
        yield Finding(code="locked", path=path, message=f"`{id_}` is locked: {sentence(change)}.", hint=hint, at_key=is_key)


def place_of(change: Change, file: ContractFile) -> tuple[Path, bool]:
    """Find where a change stands in the newer file."""
    contract = file.contract
    head: Path = ("payload", change.field) if change.field in contract.payload else ()
    if not head and contract.scalar is not None and change.rule in type(contract.scalar).model_fields:
        head = ("scalar",)
    if head and (change.rule == "field" or change.after is None):
        return head, True
    if head:
        return (*head, change.rule), False
    key = change.rule.partition(".")[0]
    is_there = change.after is not None and key in type(contract).model_fields
    return ((key,), True) if is_there else (("contract",), False)
