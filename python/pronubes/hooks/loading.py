"""Makes the hooks of a configuration ready to run."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pronubes.errors import HookUnavailable
from pronubes.hooks.base import Hook, Runnable
from pronubes.hooks.declare import WrongDeclaration
from pronubes.hooks.process import ProcessHook
from pronubes.hooks.registry import find, refreshed
from pronubes.hooks.state import StateStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pronubes.batch import Dtype
    from pronubes.hooks.settings import HookSettings

__all__ = ["load", "load_all"]

_ONE_AT_A_TIME = threading.Lock()
"""Guards the modules of the process: a reload and a roll-back may come together, each on a thread of its own."""


def load(settings: HookSettings, *, base_dir: Path, column_types: Mapping[str, Dtype] | None = None, store: StateStore | None = None) -> Runnable:
    """Import a hook, or start the process that does.

    Args:
        settings: How it is run.
        base_dir: The folder of the configuration; modules beside it can be named.
        column_types: What columns are when the hook does not say.
        store: What it remembers.

    Raises:
        HookUnavailable: The module or function is not there, raises when imported, or cannot be a hook as it is declared.
    """
    if store is None:
        store = StateStore(by=settings.state.by, max_keys=settings.state.max_keys)
    if settings.is_process:
        hook = ProcessHook(settings, base_dir=base_dir, column_types=column_types, store=store)
        hook.start()
        return hook
    function = find(settings.call, base_dir=base_dir)
    try:
        return Hook(settings.call, function, column_types=column_types, timeout_s=settings.timeout_s, store=store)
    except WrongDeclaration as error:
        raise HookUnavailable(settings.call, f"it cannot be a hook: {error}") from error


def load_all(
    hooks: Sequence[HookSettings],
    *,
    base_dir: Path,
    column_types: Sequence[Mapping[str, Dtype]],
    store_of: Callable[[HookSettings], StateStore | None] = lambda _: None,
) -> list[Runnable]:
    """Load the hooks of a configuration, all or none. Modules beside it that have changed are imported anew.

    Args:
        hooks: How each is run.
        base_dir: The folder of the configuration.
        column_types: For each, what columns are when the hook does not say.
        store_of: What a hook remembers.

    Raises:
        HookUnavailable: One cannot be loaded; then all modules are as they were.
    """
    loaded: list[Runnable] = []
    try:
        with _ONE_AT_A_TIME, refreshed(base_dir):
            for settings, types in zip(hooks, column_types, strict=True):
                loaded.append(load(settings, base_dir=base_dir, column_types=types, store=store_of(settings)))
            _refuse_shared_states(loaded)
    except BaseException:
        for hook in loaded:
            hook.close()
        raise
    return loaded


def _refuse_shared_states(hooks: Sequence[Runnable]) -> None:
    names: set[str] = set()
    for hook in hooks:
        if hook.store is not None and hook.name in names:
            raise HookUnavailable(hook.name, "it keeps state, and steps call it with different arguments: give all of them the same")
        names.add(hook.name)
