"""Files to texts, with a finding instead of an exception of the operating system."""

from __future__ import annotations

import os
from pathlib import Path

from pronubes.config.limits import MAX_BYTES
from pronubes.diagnostics import Diagnostic
from pronubes.errors import ConfigurationError

__all__ = ["read_text"]


def read_text(path: str | Path, *, limit: int = MAX_BYTES, hint: str | None = None) -> str:
    """Read a file of UTF-8 text.

    Args:
        path: The file.
        limit: The most bytes that it may have.
        hint: What to do when it cannot be read.

    Raises:
        ConfigurationError: It cannot be read, is too large or is not UTF-8.
    """
    name = str(path)
    try:
        with open(path, "rb") as file:  # noqa: PTH123  pathlib takes longer, which 10,000 contracts would notice
            length = os.fstat(file.fileno()).st_size  # asking for `limit` would make room for it: 1 MiB, 10,000 times; a pipe has no size
            content = file.read(min(length, limit) + 1 if length else limit + 1)
    except OSError as error:
        message = f"The file cannot be read: {(error.strerror or str(error)).lower()}."
        raise ConfigurationError([Diagnostic(code="unreadable", message=message, file=name, hint=hint)]) from error
    if len(content) > limit:
        size = f"{limit // 2**20} MiB" if limit >= 2**20 else f"{limit // 2**10} KiB"
        raise ConfigurationError([Diagnostic(code="too_large", message=f"The file is larger than {size}.", file=name)])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"Line {line} is not UTF-8."
        raise ConfigurationError([Diagnostic(code="not_utf8", message=message, file=name, hint="Save the file as UTF-8.")]) from error
