"""How a hook is to be run: what the configuration says about it, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["BreakerSettings", "HookSettings", "StateSettings", "WhenOpen"]

WhenOpen = Literal["quarantine", "pass", "drop"]


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When a hook is left alone for a while.

    Attributes:
        share: The share of failed messages that is too much, from above 0 to 1.
        of: Of at least so many messages.
        within_s: In this time.
        hangs: So many time-outs or deaths of a worker in that time are too much as well.
        pause_s: How long the hook is left alone before one batch is tried.
        longest_pause_s: The pause doubles with each trial that fails, up to this.
        when_open: What becomes of messages meanwhile.
    """

    share: float = 0.5
    of: int = 100
    within_s: float = 30.0
    hangs: int = 3
    pause_s: float = 5.0
    longest_pause_s: float = 300.0
    when_open: WhenOpen = "quarantine"


@dataclass(frozen=True, slots=True)
class StateSettings:
    """What a hook may remember.

    Attributes:
        by: The captures that make the key; without any it is the topic.
        max_keys: How many keys are remembered.
    """

    by: tuple[str, ...] = ()
    max_keys: int = 100_000


@dataclass(frozen=True, slots=True)
class HookSettings:
    """One hook of a configuration. Steps that say the same share one.

    Attributes:
        call: `module:function`.
        timeout_s: How long one batch may take.
        breaker: When it is left alone.
        is_process: Whether it runs in a process of its own.
        memory: How many bytes such a process may take beyond what it has once the module is imported.
        state: What it may remember.
    """

    call: str
    timeout_s: float = 5.0
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
    is_process: bool = False
    memory: int = 512 * 2**20
    state: StateSettings = field(default_factory=StateSettings)
