"""What may be configured about the live page."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from pronubes.connectors.options import QueueOptions, ViewSinkOptions
from pronubes.connectors.values import refuse

__all__ = ["LiveOptions"]

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class LiveOptions(ViewSinkOptions):
    """Options of a `live` sink."""

    host: str = "127.0.0.1"
    """Where the page is served: `127.0.0.1`, `::1` or `localhost`. It shows process data to whoever can reach it, so only this machine can."""
    port: int = Field(default=8080, ge=0, le=65535)
    """The port of the page; `0` takes any free one, which the log names."""
    history: int = Field(default=3000, ge=10, le=10_000)
    """How many points of each charted tag are kept, at most."""

    queue: QueueOptions = Field(default_factory=QueueOptions)
    """Not for this sink: it looks at the newest values and has no queue."""

    @field_validator("host")
    @classmethod
    def _is_loopback(cls, host: str) -> str:
        if host not in _LOOPBACK:
            raise refuse(
                f"The live page cannot be served on `{host}`: it has no login, and everybody who reaches it sees the process data.",
                expected="`127.0.0.1`, `::1` or `localhost`",
                hint="From another machine, go through SSH: `ssh -L 8080:localhost:8080 THIS_MACHINE`, then open http://localhost:8080 there.",
            )
        return host

    @model_validator(mode="after")
    def _has_no_queue(self) -> LiveOptions:
        if "queue" in self.model_fields_set:
            raise refuse("The live page has no queue: it looks at the newest values.", hint="Leave `queue` out.", field="queue")
        return self

    def family(self) -> Literal["ipv4", "ipv6"]:
        """Choose the version of the internet protocol."""
        return "ipv6" if ":" in self.host else "ipv4"
