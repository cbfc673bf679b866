"""Reading the parameters of a request; what is wrong with one is told in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["TOPIC_BYTES", "text", "topic", "whole"]

TOPIC_BYTES = 65_535
"""How long a topic may be (MQTT 5 §1.5.4)."""


def whole(request: Request, name: str, *, default: int, least: int, most: int) -> int:
    """Read a whole number."""
    written = request.query_params.get(name, str(default))
    if not (written.isascii() and written.isdigit() and len(written) < 20 and least <= int(written) <= most):
        raise HTTPException(400, f"`{name}` must be a whole number from {least} to {most}.")
    return int(written)


def text(request: Request, name: str) -> str | None:
    """Read a text; None when it is not there or empty."""
    written = request.query_params.get(name) or None
    if written is not None and len(written.encode()) > TOPIC_BYTES:
        raise HTTPException(400, f"`{name}` is longer than 65,535 bytes.")
    return written


def topic(request: Request) -> str:
    """Read the topic that is asked for."""
    written = text(request, "topic")
    if written is None:
        raise HTTPException(400, "`topic` is needed: a topic of at most 65,535 bytes.")
    return written
