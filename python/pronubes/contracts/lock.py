"""`contracts.lock`: the versions that are in use and must not change any more, with what they mean.

    {"format": 1,
    "units": {
    "[degF]": [0, 0, 0, 0, 1, 0, 0]},
    "contracts": {
    "measurement@1": {"hash": "sha256:...", "meaning": {...}, "text": "sha256:..."}}}

One line per version, sorted, so that two branches that lock different versions merge. It holds the meaning and not only its hash: so a refusal
can say what was changed, `contract diff --against` needs no old checkout, and units that were checked once need no unit library at a start.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from pronubes.contracts.meaning import Meaning, digest
from pronubes.contracts.units import Dimension
from pronubes.diagnostics import Diagnostic
from pronubes.errors import ConfigurationError

__all__ = ["LOCK_NAME", "Lock", "Locked", "edited_by_hand", "read_lock", "write_lock"]

LOCK_NAME = "contracts.lock"
_MOST_BYTES = 256 * 2**20
_HINT = "Take it from version control, or remove it and run `pronubes contract lock` on versions that you trust."


@dataclass(frozen=True, slots=True)
class Locked:
    """A version that must not change.

    Attributes:
        hash: The hash of what it means.
        meaning: What it means.
        text: The hash of its file when it was last locked: a file that has it was checked then.
    """

    hash: str
    meaning: Meaning
    text: str = ""


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock file.

    Attributes:
        file: Its name.
        contracts: The locked versions by `name@version`.
        units: What the units of locked versions measure.
    """

    file: str
    contracts: Mapping[str, Locked] = field(default_factory=dict)
    units: Mapping[str, Dimension | None] = field(default_factory=dict)


def read_lock(path: Path, *, name: str | None = None) -> Lock:
    """Read a lock file; one that is not there locks nothing.

    Args:
        path: The file.
        name: What findings call it.

    Raises:
        ConfigurationError: It cannot be read, or was written by hand.
    """
    shown = name or str(path)
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return Lock(shown)
    except OSError as error:
        raise _refused(shown, f"The file cannot be read: {(error.strerror or str(error)).lower()}.") from error
    try:
        values = orjson.loads(content)
        is_known = values["format"] == 1
        contracts = {id_: Locked(entry["hash"], entry["meaning"], entry.get("text", "")) for id_, entry in values["contracts"].items()}
        units = {code: None if exponents is None else tuple(exponents) for code, exponents in values["units"].items()}
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise _refused(shown, "This is no lock file of pronubes.") from error
    if not is_known:
        raise _refused(shown, "The lock file is of a later version of pronubes.", hint="Update pronubes.")
    return Lock(shown, contracts, units)


def edited_by_hand(lock: Lock) -> list[str]:
    """Name locked versions whose meaning does not have its hash."""
    return [id_ for id_, locked in lock.contracts.items() if digest(locked.meaning) != locked.hash]


def write_lock(lock: Lock, path: Path) -> None:
    """Write a lock file at once or not at all."""
    units = [f"{_text(code)}: {_text(lock.units[code])}" for code in sorted(lock.units)]
    contracts = [
        f"{_text(id_)}: {_text({'hash': one.hash, 'meaning': one.meaning, 'text': one.text})}"
        for id_, one in sorted(lock.contracts.items(), key=lambda entry: _by_version(entry[0]))
    ]
    parts = ["{", '"format": 1,', '"units": {', ",\n".join(units), "},", '"contracts": {', ",\n".join(contracts), "}", "}"]
    content = "\n".join(part for part in parts if part) + "\n"
    beside = path.with_name(f".{path.name}.new")
    with beside.open("w", encoding="utf-8", newline="\n") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _by_version(id_: str) -> tuple[str, int]:
    name, _, version = id_.rpartition("@")
    return name, int(version) if version.isdecimal() else 0


def _text(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _refused(file: str, message: str, *, hint: str = _HINT) -> ConfigurationError:
    return ConfigurationError([Diagnostic(code="lock", message=message, file=file, hint=hint)])
