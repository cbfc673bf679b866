"""What the engine says about a contract, with its place in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from pronubes.config.findings import Finding
from pronubes.contracts.specification import path_in_file, specification
from pronubes.diagnostics import Diagnostic

if TYPE_CHECKING:
    from pronubes._core import Contract, SpecError
    from pronubes.contracts.folder import ContractFile

__all__ = ["checker", "engine_problems", "located"]


def checker(file: ContractFile) -> Contract:
    """Make what judges payloads by a contract, the same as in the gate.

    Raises:
        SpecFailure: The engine finds it wrong; `engine_problems` says where.
    """
    from pronubes import _core

    return _core.Contract(orjson.dumps(specification(file.contract, file.dimensions)))


def engine_problems(file: ContractFile) -> list[Diagnostic]:
    """List what the engine finds wrong with a contract."""
    from pronubes import _core

    try:
        checker(file)
    except _core.SpecFailure as failure:
        return [located(error, error.path, file) for error in failure.errors]
    return []


def located(error: SpecError, path: str, file: ContractFile) -> Diagnostic:
    """Give a finding of the engine its place.

    Args:
        error: The finding.
        path: The path into the contract's specification.
        file: The contract.
    """
    parts = tuple(int(part) if part.isdecimal() else part for part in path.split("/") if part)
    in_file, at_key = path_in_file(parts, file.contract)
    offset, length = error.offset, error.length
    value = file.contract.payload[str(in_file[1])].pattern if in_file[2:] == ("pattern",) else None
    if offset is not None and value is not None:
        offset, length = file.places.span_in_text(in_file, value, offset, length or 1)
    elif at_key:
        offset = length = None
    finding = Finding(
        code="engine",
        path=in_file,
        message=error.message,
        expected=error.expected,
        hint=error.hint,
        at_key=at_key,
        offset=offset,
        length=length,
        found=error.found,
    )
    return file.places.diagnostic(finding)
