"""How a hook is found: `module:function`, from the folder of the configuration or from an installed package.

Only modules that a configuration names are imported, and only functions that declare themselves with `@pronubes.transform` are run.

Modules beside the configuration are imported anew when a file of theirs has changed (`refreshed`): all, because one may have names of another.
When one of them cannot be imported, all stay as they were. Installed packages stay as they are until the program starts anew.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from pronubes.errors import HookUnavailable
from pronubes.hooks.base import is_declared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType
    from typing import Any

__all__ = ["find", "refreshed"]

_PACKAGES = frozenset({"site-packages", "dist-packages"})


@dataclass(frozen=True, slots=True)
class _Known:
    """A module beside a configuration, as it was imported."""

    module: ModuleType
    digest: bytes


_KNOWN: dict[str, _Known] = {}
"""By name of the module. As `sys.modules`, which it describes, there is one for the process."""


def find(name: str, *, base_dir: Path) -> Callable[..., Any]:  # Any: a user's function
    """Import the function of a hook.

    Args:
        name: `module:function`.
        base_dir: The folder of the configuration; modules beside it can be named.

    Raises:
        HookUnavailable: The module or function is not there, raises when imported, or is not declared as a transform.
    """
    module_name, _, function_name = name.partition(":")
    folder = str(base_dir)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        module = importlib.import_module(module_name)
    except BaseException as error:  # user code runs at import: whatever it raises is the answer
        raise HookUnavailable(name, f"importing `{module_name}` failed: {type(error).__name__}: {error}") from error
    function: Callable[..., Any] | None = getattr(module, function_name, None)
    if function is None:
        raise HookUnavailable(name, f"`{module_name}` has no function `{function_name}`")
    if not is_declared(function):
        raise HookUnavailable(name, f"`{function_name}` is not declared: put `@pronubes.transform` above it")
    return function


@contextmanager
def refreshed(base_dir: Path) -> Iterator[None]:
    """Import what hooks have imported anew when one of these modules has changed; when the block raises, all stay as they were.

    What the program had imported before, hooks or not, stays: an application that embeds a node may lie beside its configuration.
    """
    ours = {name: module for name, module in _beside(base_dir).items() if name in _KNOWN and _KNOWN[name].module is module}
    has_changed = any(_KNOWN[name].digest != _digest(module) for name, module in ours.items())
    if has_changed:
        importlib.invalidate_caches()
        for name, module in ours.items():
            _forget_compiled(module)
            del sys.modules[name]
    before = set(sys.modules)
    try:
        yield
    except BaseException:
        for name in _beside(base_dir).keys() - before:
            del sys.modules[name]
        sys.modules.update(ours)
        raise
    for name, module in _beside(base_dir).items():
        if name not in before:
            _KNOWN[name] = _Known(module, _digest(module))


def _beside(base_dir: Path) -> dict[str, ModuleType]:
    """Name the imported modules whose file lies in a folder and belongs to no installed package."""
    root, found = base_dir.resolve(), {}
    for name, module in list(sys.modules.items()):
        path = _file(module)
        is_ours = name.partition(".")[0] in {"__main__", "pronubes"}
        if path is not None and not is_ours and path.is_relative_to(root) and not _PACKAGES & set(path.relative_to(root).parts):
            found[name] = module
    return found


def _file(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if isinstance(file, str) and file.endswith(".py") else None


def _digest(module: ModuleType) -> bytes:
    path = _file(module)
    try:
        return b"" if path is None else sha256(path.read_bytes()).digest()
    except OSError:
        return b""


def _forget_compiled(module: ModuleType) -> None:
    """Remove the compiled file: Python takes it for current when a change kept size and second."""
    path = _file(module)
    if path is not None:
        with suppress(OSError, NotImplementedError):
            Path(importlib.util.cache_from_source(str(path))).unlink()
