"""Exceptions of pronubes.

Three families, never mixed: what is wrong in a configuration (`ConfigurationError`, all findings at once), what became of a
message (no exception: an outcome with a reason code) and what happened to an operation (`ConnectorError` and its kinds).
Connectors speak to the pipeline by the type of what they raise, never by its text. An exception carries facts as attributes
and a sentence as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pronubes.diagnostics import Diagnostic

__all__ = [
    "BackOff",
    "ConfigurationError",
    "ConnectorError",
    "EndOfInput",
    "HookUnavailable",
    "NoCatalog",
    "NotConnected",
    "PronubesError",
    "QuarantineFull",
    "SecretUnavailable",
    "SendRejected",
    "TopicError",
    "UnknownConnector",
    "UnreadableRecording",
]


class PronubesError(Exception):
    """The base of every exception that pronubes raises on purpose."""


class ConfigurationError(PronubesError):
    """A configuration cannot be used.

    Attributes:
        diagnostics: Every finding, in the order of the file; at least one is an error.
    """

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(str(diagnostic) for diagnostic in self.diagnostics))


class TopicError(PronubesError, ValueError):
    """A topic or filter breaks a rule of the standard.

    Attributes:
        text: The topic or filter.
        clause: The rule, such as `MQTT-4.7.1-1`.
        offset: The byte in `text` where it breaks.
    """

    def __init__(self, message: str, text: str = "", clause: str = "", offset: int = 0) -> None:
        self.text = text
        self.clause = clause
        self.offset = offset
        super().__init__(message)


class SecretUnavailable(PronubesError):
    """A secret's reference leads nowhere: the environment variable is not set or the file cannot be read.

    Attributes:
        reference: The reference as it stands in the configuration, such as `${env:BROKER_PASSWORD}`.
    """

    def __init__(self, reference: str, why: str) -> None:
        self.reference = reference
        super().__init__(f"The secret `{reference}` is not available: {why}")


class HookUnavailable(PronubesError):
    """A hook of the configuration cannot be loaded.

    Attributes:
        name: `module:function`, as the configuration names it.
        why: What is wrong.
    """

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self.why = why
        super().__init__(f"The hook `{name}` cannot be loaded: {why}.")


class UnknownConnector(PronubesError, LookupError):
    """No installed package offers a connector of this name.

    Attributes:
        name: What was asked for.
        known: The names that exist.
    """

    def __init__(self, kind: str, name: str, known: Sequence[str]) -> None:
        self.name = name
        self.known = tuple(known)
        super().__init__(f"There is no {kind} of type `{name}`. Installed: {', '.join(known) or 'none'}.")


class ConnectorError(PronubesError):
    """The base of what a connector may raise to its pipeline."""


class NotConnected(ConnectorError):
    """The peer is not reachable, or the connection was lost. The pipeline calls `close`, waits (jittered back-off) and opens again."""


class EndOfInput(ConnectorError):
    """The source has nothing more and never will. The pipeline lets what is on its way arrive, then stops the source."""


class BackOff(ConnectorError):
    """The peer asks for a pause. The pipeline waits and makes the same call again without closing.

    Attributes:
        seconds: How long to wait.
    """

    def __init__(self, seconds: float, message: str = "") -> None:
        self.seconds = seconds
        super().__init__(message or f"The peer asks for a pause of {seconds:g} s.")


class SendRejected(ConnectorError):
    """This delivery will never succeed. The pipeline puts the batch's messages into the quarantine and goes on with the next batch."""


class UnreadableRecording(PronubesError):
    """A recording cannot be read. The sentence says which line and why."""


class NoCatalog(PronubesError):
    """The configuration keeps no catalogue. The sentence says how to have one."""

    def __init__(self) -> None:
        super().__init__("This node keeps no catalogue. Declare a `namespace`, or add `catalog: {}` to the configuration.")


class QuarantineFull(PronubesError):
    """The quarantine takes no record: it has its size, or the disk refuses. Whoever writes keeps the records and tries again later.

    Attributes:
        path: The quarantine's file.
        why: What is in the way.
    """

    def __init__(self, path: Path, why: str) -> None:
        self.path = path
        self.why = why
        super().__init__(f"The quarantine {path} takes no record: {why}.")
