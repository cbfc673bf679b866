"""What the configuration says of running a node: the endpoint for Prometheus, the canary, and saving what steps remember."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from pronubes.connectors.options import StrictModel
from pronubes.connectors.values import Duration, refuse

__all__ = ["Health", "Metrics", "State"]

_EXPECTED = "`HOST:PORT`, such as `127.0.0.1:9464` or `[::1]:9464`"


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isascii() or not port.isdecimal() or int(port) > 65_535:
        raise refuse("This is not an address to listen on.", expected=_EXPECTED)
    try:
        ip_address(_bare(host))
    except ValueError:
        if host != "localhost":
            raise refuse("The host is a number or `localhost`: names may mean another machine tomorrow.", expected=_EXPECTED) from None
    if ":" in _bare(host) and not host.startswith("["):
        raise refuse("An IPv6 address stands in brackets.", expected=_EXPECTED)
    return value


def _bare(host: str) -> str:
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


class Metrics(StrictModel):
    """Numbers for Prometheus at `/metrics`, and `/healthz` and `/readyz`."""

    listen: Annotated[str, AfterValidator(_address)]
    """Where: `HOST:PORT`. Port `0` takes any free one, which the log names."""
    allow_plaintext: bool = False
    """Allow an address beyond this machine. There is no login: names of sources, routes and sinks and how much runs through them are there for
    everybody who reaches the port."""

    @property
    def host(self) -> str:
        """The address without brackets."""
        return _bare(self.listen.rpartition(":")[0])

    @property
    def port(self) -> int:
        """The port."""
        return int(self.listen.rpartition(":")[2])

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return self.host == "localhost" or ip_address(self.host).is_loopback

    @model_validator(mode="after")
    def _is_allowed(self) -> Metrics:
        if not self.is_loopback and not self.allow_plaintext:
            raise refuse(
                f"Everybody who reaches `{self.host}` could read the metrics: they have no login.",
                expected="`127.0.0.1:9464`, or a written permission",
                hint="Let an agent on this machine scrape it. If it must be open, add the line:  allow_plaintext: true",
                field="listen",
            )
        return self


class Health(StrictModel):
    """The canary: a message of the node's own that goes through routes, log and sink."""

    every: Duration = Field(default=10.0, ge=0.1, le=3600)
    """How often one is sent. When none came through for three times as long, the node is not healthy."""


class State(StrictModel):
    """What stateful steps (`window`, `deadband`, ...) and Python hooks remember. It survives a restart."""

    save_every: Duration = Field(default=5.0, ge=0.1, le=3600)
    """How often it is written to the disk, and once more when the node stops. After a kill or a power cut the state is as old as this and the time
    that writing takes."""
