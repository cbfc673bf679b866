"""Users' Python transforms: how they are declared, found and run."""

from pronubes.hooks.base import Hook, HookOutputError, transform

__all__ = ["Hook", "HookOutputError", "transform"]
