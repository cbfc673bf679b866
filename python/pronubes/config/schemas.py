"""The schemas that codecs name: files to descriptor sets, once for each file, whoever names it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import TYPE_CHECKING

from pronubes.config.findings import Finding, Path

if TYPE_CHECKING:
    from pronubes.config.model import Configuration

__all__ = ["CheckedSchemas", "load_schemas"]

_MAX_BYTES = 16 << 20


@dataclass(slots=True)
class CheckedSchemas:
    """The schemas of a configuration, and what is wrong with them.

    Attributes:
        sets: Descriptor sets as base64, by file as the user wrote it.
        findings: What is wrong.
    """

    sets: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def load_schemas(configuration: Configuration, base_dir: File) -> CheckedSchemas:
    """Read all schemas; `.proto` files are compiled.

    Args:
        configuration: The checked configuration.
        base_dir: The folder that relative paths count from.
    """
    checked, seen = CheckedSchemas(), set[str]()
    for path, name in _named(configuration):
        if name in seen:
            continue
        seen.add(name)
        try:
            checked.sets[name] = b64encode(_descriptor_set(base_dir / name, base_dir)).decode()
        except OSError as error:
            message = f"The schema cannot be read: {(error.strerror or str(error)).lower()}."
            expected = "a `.proto` file or a descriptor set, beside the configuration"
            checked.findings.append(Finding(code="unreadable", path=path, message=message, expected=expected, found=name))
        except ValueError as error:
            message = f"The schema is wrong. {error}"
            checked.findings.append(Finding(code="schema", path=path, message=message, expected="a `.proto` file that `protoc` accepts", found=name))
    return checked


def _descriptor_set(file: File, base_dir: File) -> bytes:
    if file.suffix == ".proto":
        from pronubes import _core

        with file.open("rb"):  # for the operating system's own words when it cannot be read
            return _core.compile_proto(file, base_dir)
    with file.open("rb") as opened:
        content = opened.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ValueError(f"It is larger than {_MAX_BYTES >> 20} MiB.")
    return content


def _named(configuration: Configuration) -> Iterator[tuple[Path, str]]:
    """List the schemas that steps name, with their places."""
    for name, route in configuration.routes.items():
        for index, step in enumerate(route.steps):
            codec = step.decode or step.encode
            if codec is not None and codec.protobuf is not None:
                verb = "encode" if step.decode is None else "decode"
                yield ("routes", name, "steps", index, verb, "protobuf", "schema"), codec.protobuf.schema_
