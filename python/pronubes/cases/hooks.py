"""Hooks in cases: the user's functions, run as a node runs them, with their time budget, but one batch after the other.

Those that a node runs in processes of their own run in this one as well.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pronubes.hooks.loading import load
from pronubes.hooks.worker import HookFailure, Post, attempt

if TYPE_CHECKING:
    from pronubes import _core
    from pronubes.config.compile import Compiled
    from pronubes.hooks.base import HookResult, Runnable

__all__ = ["CaseHooks"]


class CaseHooks:
    """The hooks of a configuration.

    Args:
        engine: Where their batches come from and go to.
        compiled: The configuration.

    Raises:
        HookUnavailable: One cannot be loaded.
    """

    def __init__(self, engine: _core.Pipeline, compiled: Compiled) -> None:
        self._engine = engine
        base_dir = compiled.loaded.base_dir
        types = compiled.column_types
        self._hooks: list[tuple[Runnable, float]] = []
        for settings, column_types in zip(compiled.hooks, types, strict=True):
            _prefer(base_dir, settings.call.partition(":")[0])
            self._hooks.append((load(replace(settings, is_process=False), base_dir=base_dir, column_types=column_types), settings.timeout_s))

    def run(self, *, now_ns: int) -> bool:
        """Run every batch that waits; tell whether there was one."""
        was_there = False
        for number, (hook, timeout_s) in enumerate(self._hooks):
            while (batch := self._engine.take_hook(number)) is not None:
                was_there = True
                post = Post(number, self._engine, lambda: now_ns, _nobody, _nobody)
                post.settle(batch, _within(hook, batch, timeout_s))
        return was_there


def _nobody(_: object) -> None:
    """Take what a node's event loop would be told."""


def _within(hook: Runnable, batch: _core.Batch, timeout_s: float) -> HookResult | HookFailure:
    """Run a hook on a thread of its own, as a node does, and wait no longer than its budget."""
    results: list[HookResult | HookFailure] = []
    thread = threading.Thread(target=lambda: results.append(attempt(hook, batch)), name=f"hook {hook.name}", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if results:
        return results[0]
    return HookFailure("hook_timeout", f"`{hook.name}` did not return within {timeout_s:g} s", len(batch))


def _prefer(base_dir: Path, module: str) -> None:
    """Let a module be found beside this configuration first, though one of that name was imported from beside another."""
    folder = str(base_dir)
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)
    known = sys.modules.get(module)
    path = base_dir / Path(*module.split("."))
    own = next((one for one in (path.with_suffix(".py"), path / "__init__.py") if one.exists()), None)
    if known is not None and own is not None and Path(getattr(known, "__file__", None) or "").resolve() != own.resolve():
        top = module.partition(".")[0]
        for name in [name for name in sys.modules if name == top or name.startswith(f"{top}.")]:
            del sys.modules[name]
