"""Values that connector options and the configuration share: durations, sizes, secrets, addresses.

Each is checked once, when the configuration is read, and holds a plain Python value from then on. A value that is refused
says what was expected and how to write it (`refuse`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from pronubes.errors import SecretUnavailable

__all__ = ["ByteSize", "Credential", "Duration", "QoS", "Secret", "is_duration", "is_reference", "refuse"]

_DURATION = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>ns|us|ms|s|m|min|h|d)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>B|kB|KiB|MB|MiB|GB|GiB)")
_BYTES = {"B": 1, "kB": 10**3, "KiB": 2**10, "MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30}
_REFERENCE = re.compile(r"\$\{(?P<kind>env|file):(?P<target>[^}]+)\}")


def refuse(
    message: str, *, expected: str | None = None, hint: str | None = None, field: str | None = None, secret: bool = False
) -> PydanticCustomError:
    """Make the exception with which a validator refuses a value.

    Args:
        message: What is wrong, as a sentence.
        expected: What may stand there.
        hint: What the person can do.
        field: The field (dotted) below the validated value that the finding is about.
        secret: Whether the refused value must not be shown.

    Returns:
        The exception to raise; loading turns it into a `Diagnostic` with file, line and column.
    """
    facts = {"expected": expected, "hint": hint, "field": field, "secret": secret}
    return PydanticCustomError("refused", "{message}", {"message": message, **facts})


def is_duration(text: str) -> bool:
    """Tell whether a text is a number with a unit of time."""
    return _DURATION.fullmatch(text) is not None


def is_reference(text: str) -> bool:
    """Tell whether a text refers to a secret."""
    return _REFERENCE.fullmatch(text) is not None


def _duration(value: Any) -> Any:  # Any: whatever stands in the YAML
    if value == 0 and not isinstance(value, bool):
        return 0.0
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise refuse("This is not a duration.", expected="a number with a unit: `250ms`, `5s`, `2m`, `24h`, `7d`", hint=_unit_hint(value, "s"))
    return float(match["number"]) * _SECONDS[match["unit"]]


def _size(value: Any) -> Any:  # Any: whatever stands in the YAML
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise refuse("This is not a size.", expected="bytes, or a number with a unit: `64KiB`, `16MiB`, `1GiB`")
    return int(float(match["number"]) * _BYTES[match["unit"]])


def _unit_hint(value: object, unit: str) -> str | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"Write the unit: `{value}{unit}`." if is_number else None


Duration = Annotated[
    float,
    BeforeValidator(_duration),
    WithJsonSchema({"type": ["string", "integer"], "pattern": r"^\d+(\.\d+)?\s*(ns|us|ms|s|m|min|h|d)$", "maximum": 0}),
]
"""A length of time: `250ms`, `5s`, `24h`; seconds as a float in Python."""

ByteSize = Annotated[
    int,
    BeforeValidator(_size),
    WithJsonSchema({"type": ["string", "integer"], "pattern": r"^\d+(\.\d+)?\s*(B|kB|KiB|MB|MiB|GB|GiB)$", "minimum": 0}),
]
"""A number of bytes: `65536`, `16MiB`; an int in Python."""


def _quality(value: Any) -> Any:  # Any: whatever stands in the YAML
    if value == 2 and not isinstance(value, bool):
        raise refuse(
            "QoS 2 is not in this version.", expected="`0` or `1`", hint="Use `1`: every message arrives, after a lost connection perhaps twice."
        )
    return value


QoS = Annotated[Literal[0, 1], BeforeValidator(_quality, json_schema_input_type=Literal[0, 1])]
"""A quality of service of MQTT that this version has."""


class Secret:
    """A reference to a secret: `${env:NAME}` or `${file:PATH}`.

    It holds the reference only. `resolve` reads the value at the moment of use, so nothing that prints a configuration,
    an error or a log line can show it, and a rotated secret is picked up with the next connection.
    """

    __slots__ = ("_literal", "reference")

    def __init__(self, reference: str, *, literal: bool = False) -> None:
        self.reference = reference
        self._literal = literal

    def resolve(self, *, base_dir: Path, environ: Mapping[str, str] = os.environ) -> str:
        """Read the secret's value now.

        Args:
            base_dir: The folder against which a relative file path counts.
            environ: The environment.

        Raises:
            SecretUnavailable: The variable is not set, or the file cannot be read.
        """
        if self._literal:
            return self.reference
        match = _REFERENCE.fullmatch(self.reference)
        if match is None:
            raise SecretUnavailable(self.reference, "it is neither `${env:NAME}` nor `${file:PATH}`.")
        if match["kind"] == "env":
            return self._from_environment(match["target"], environ)
        return self._from_file(base_dir / match["target"])

    def _from_environment(self, name: str, environ: Mapping[str, str]) -> str:
        value = environ.get(name)
        if not value:
            raise SecretUnavailable(self.reference, f"the environment variable `{name}` is not set or empty.")
        return value

    def _from_file(self, path: Path) -> str:
        try:
            value = path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise SecretUnavailable(self.reference, f"`{path}` cannot be read ({error}).") from error
        if not value:
            raise SecretUnavailable(self.reference, f"`{path}` is empty.")
        return value

    def __repr__(self) -> str:
        """Return the reference, which is no secret."""
        return f"Secret({self.reference!r})"

    def __eq__(self, other: object) -> bool:
        """Compare the references."""
        return isinstance(other, Secret) and other.reference == self.reference

    def __hash__(self) -> int:
        """Hash the reference."""
        return hash(self.reference)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> CoreSchema:  # Any: pydantic's own signature
        return _secret_schema(_secret)


def _secret(value: Any) -> Secret:  # Any: whatever stands in the YAML
    if isinstance(value, Secret):
        return value
    if isinstance(value, str) and _REFERENCE.fullmatch(value):
        return Secret(value)
    raise refuse(
        "A secret must not stand in the configuration.",
        expected="a reference: `${env:NAME}` or `${file:PATH}`",
        hint="Put the value into an environment variable or a file that only the service can read, and name it here. "
        "If this configuration was shared or committed, change the secret.",
        secret=True,
    )


def _credential(value: Any) -> Secret:  # Any: whatever stands in the YAML
    if isinstance(value, str) and not _REFERENCE.fullmatch(value) and "${" not in value and value:
        return Secret(value, literal=True)
    return _secret(value)


def _secret_schema(check: Any) -> CoreSchema:  # Any: pydantic's validator functions are not typed
    return core_schema.no_info_plain_validator_function(
        check,
        serialization=core_schema.plain_serializer_function_ser_schema(lambda secret: secret.reference, return_schema=core_schema.str_schema()),
        metadata={"pydantic_js_functions": [lambda _schema, _handler: {"type": "string", "pattern": r"^\$\{(env|file):[^}]+\}$"}]},
    )


Credential = Annotated[Secret, BeforeValidator(_credential), WithJsonSchema({"type": "string", "minLength": 1})]
"""A name that is no secret by itself (a user name): plain text or a reference."""
