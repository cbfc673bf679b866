"""Finding and asking a running node: what `top` and `tap` share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pronubes.errors import PronubesError

if TYPE_CHECKING:
    from pronubes.pipeline.control import ControlClient

__all__ = ["NodeNotRunning", "attach"]


class NodeNotRunning(PronubesError):
    """There is no running node of this configuration."""


async def attach(config: str) -> ControlClient:
    """Connect to the running node of a configuration.

    Raises:
        ConfigurationError: The file has errors.
        NodeNotRunning: No node of it runs here, or it belongs to another user.
    """
    from pronubes.config.load import load
    from pronubes.pipeline.control import ControlClient, socket_path

    path = socket_path(load(config).data_dir)
    try:
        return await ControlClient.connect(path)
    except OSError as error:
        raise NodeNotRunning(f"No node of `{config}` answers at {path} ({error.strerror}). Start it with: pronubes run {config}") from error
