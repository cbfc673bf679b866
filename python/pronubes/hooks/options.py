"""The step `python`: the arguments that the configuration gives a hook, with their meaning and defaults."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pronubes.connectors.options import StrictModel
from pronubes.connectors.values import ByteSize, Duration, refuse
from pronubes.hooks.settings import BreakerSettings, HookSettings, StateSettings

__all__ = ["HookBreaker", "HookName", "HookState", "Python"]

HookName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$")]


class HookBreaker(StrictModel):
    """When a Python function is left alone for a while: too large a share of its messages fails, or it hangs or kills its worker three times."""

    share: float = Field(default=0.5, gt=0, le=1)
    """The share of its messages, from above 0 to 1."""
    of: int = Field(default=100, ge=1)
    """Of at least so many messages."""
    within: Duration = Field(default=30.0, ge=1, le=86_400)
    """In this time."""
    pause: Duration = Field(default=5.0, ge=0.01, le=3600)
    """How long it is left alone. Then one batch is tried; when that fails too, the next pause is twice as long, up to five minutes."""
    messages: Literal["quarantine", "pass", "drop"] = "quarantine"
    """What becomes of messages meanwhile: they go to the quarantine (`hook_open`), go on as they are, or end there, counted as filtered."""


class HookState(StrictModel):
    """What a Python function may remember between batches: a mapping for each key, which it gets as its parameter `state` or `states`."""

    by: list[str] = []
    """The captures that make the key; without any it is the topic."""
    max_keys: int = Field(default=100_000, ge=1, le=10_000_000)
    """How many keys are remembered. Beyond that the one that was not used for the longest time is forgotten, counted."""


class Python(StrictModel):
    """Hand messages to a Python function, in batches, and go on with what it gives back. `python: module:function` is enough."""

    call: HookName
    """The function: `module:function`."""
    timeout: Duration = Field(default=5.0, gt=0, le=3600)
    """How long one batch may take; what is late goes to the quarantine (`hook_timeout`)."""
    breaker: HookBreaker = Field(default_factory=HookBreaker)
    """When the function is left alone for a while because too much fails in it."""

    process: bool = False
    """Whether the function runs in a process of its own, which can be ended when it hangs, and whose death harms nobody."""
    memory: ByteSize = Field(default=512 * 2**20, ge=2**24)
    """How much memory that process may take beyond what it has once the module is imported (Linux)."""
    state: HookState = Field(default_factory=HookState)
    """What the function may remember between batches."""

    @model_validator(mode="after")
    def _memory_is_of_a_process(self) -> Self:
        if "memory" in self.model_fields_set and not self.process:
            raise refuse(
                "`memory` bounds a process of the hook's own, and this hook runs in the node.",
                hint="Add `process: true`, or take `memory` away.",
                field="memory",
            )
        return self

    def settings(self) -> HookSettings:
        """Return the same as plain values, for those who run hooks."""
        breaker = self.breaker
        return HookSettings(
            call=self.call,
            timeout_s=self.timeout,
            breaker=BreakerSettings(
                share=breaker.share,
                of=breaker.of,
                within_s=breaker.within,
                pause_s=breaker.pause,
                longest_pause_s=max(300.0, breaker.pause),
                when_open=breaker.messages,
            ),
            is_process=self.process,
            memory=self.memory,
            state=StateSettings(tuple(self.state.by), self.state.max_keys),
        )
