"""How a hook is found: `module:function`, from the folder of the configuration or from an installed package.

Only modules that a configuration names are imported, and only functions that declare themselves with `@pronubes.transform` are run.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

from pronubes.errors import HookUnavailable
from pronubes.hooks.base import _MARK, Hook

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pronubes.batch import Dtype

__all__ = ["load"]


def load(name: str, *, base_dir: Path, column_types: Mapping[str, Dtype] | None = None) -> Hook:
    """Import a hook.

    Args:
        name: `module:function`.
        base_dir: The folder of the configuration; modules beside it can be named.
        column_types: What columns are when the hook does not say.

    Raises:
        HookUnavailable: The module or function is not there, raises when imported, or is not declared as a transform.
    """
    module_name, _, function_name = name.partition(":")
    folder = str(base_dir)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # user code runs at import: whatever it raises is the answer
        raise HookUnavailable(name, f"importing `{module_name}` failed: {type(error).__name__}: {error}") from error
    function = getattr(module, function_name, None)
    if function is None:
        raise HookUnavailable(name, f"`{module_name}` has no function `{function_name}`")
    if not hasattr(function, _MARK):
        raise HookUnavailable(name, f"`{function_name}` is not declared: put `@pronubes.transform` above it")
    return Hook(name, function, column_types=column_types)
