"""Did you mean? The name under which the configuration's modules know `pronubes.suggest`."""

from __future__ import annotations

from pronubes.suggest import did_you_mean

__all__ = ["did_you_mean"]
