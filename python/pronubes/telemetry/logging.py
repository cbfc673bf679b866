"""Set-up of structlog: sentences for a terminal, one JSON object a line for everything else.

Called once by the command line, never at import. Payloads and secrets are never logged: events (see `events`) carry only the
facts that they declare.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal, TextIO

import orjson

from pronubes.telemetry.library import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import Processor

__all__ = ["LEVELS", "configure"]

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure(*, level: str = "info", form: Literal["auto", "console", "json"] = "auto", stream: TextIO | None = None) -> None:
    """Send log events to `stream`.

    Args:
        level: The lowest level shown: one of `LEVELS`.
        form: `console` for people, `json` for programs, `auto` for whichever the stream is.
        stream: Where to write; standard error when left out.
    """
    target = stream if stream is not None else sys.stderr
    console = form == "console" or (form == "auto" and target.isatty())
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=target.isatty(), pad_event_to=0) if console else structlog.processors.JSONRenderer(serializer=_line)
    )
    stamp = structlog.processors.TimeStamper(fmt="%H:%M:%S" if console else "iso", utc=not console)
    structlog.configure(
        processors=[structlog.processors.add_log_level, stamp, _printable, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=False,
    )


def _line(event: object, **_: object) -> str:
    return orjson.dumps(event, default=str).decode()


def _escape(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def _printable(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Text from outside must not move the cursor or forge a second line."""
    escape: Callable[[str], str] = _escape
    return {key: escape(value) if isinstance(value, str) else value for key, value in event.items()}
