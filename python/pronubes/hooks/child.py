"""The process of a hook: `python -m pronubes.hooks.child DESCRIPTOR`. It takes batches from a socket, one at a time, and answers each.

It ends when the node closes the socket, also while the function runs: a node that was killed leaves nobody behind.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from pronubes.batch import unpacked
from pronubes.errors import HookUnavailable
from pronubes.hooks.base import Hook, HookOutputError
from pronubes.hooks.declare import WrongDeclaration
from pronubes.hooks.frames import FrameLost, receive, send
from pronubes.hooks.memory import keep_freed_memory
from pronubes.hooks.registry import find
from pronubes.hooks.state import StateStore

__all__ = ["main"]


def main(descriptor: int) -> None:
    """Serve until the node has closed the socket."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()
    with socket.socket(fileno=descriptor) as end:
        end.set_inheritable(False)
        threading.Thread(target=_leave_with, args=(end,), name="node", daemon=True).start()
        with suppress(FrameLost):
            hook = _introduced(end)
            while hook is not None:
                _reply(end, _answer(hook, receive(end)))


def _reply(end: socket.socket, answer: tuple[Any, ...]) -> None:  # Any: plain values
    try:
        send(end, answer)
    except MemoryError as error:  # before the first byte: a frame is written whole and then sent
        send(end, ("lost", "hook_memory", f"MemoryError: {error}"))


def _introduced(end: socket.socket) -> Hook | None:
    name, base_dir, column_types, memory, by, max_keys, states = receive(end)
    store = StateStore(by=by, max_keys=max_keys)
    store.restore(states)
    try:
        hook = Hook(name, find(name, base_dir=Path(base_dir)), column_types=column_types, timeout_s=None, store=store)
    except (HookUnavailable, WrongDeclaration) as error:
        send(end, ("unavailable", error.why if isinstance(error, HookUnavailable) else f"it cannot be a hook: {error}"))
        return None
    _limit(memory)
    send(end, ("ready", hook.declaration.form, hook.store is not None))
    return hook


def _answer(hook: Hook, packed: bytes) -> tuple[Any, ...]:  # Any: plain values
    try:
        result = hook.run(unpacked(packed))
        changes = {name: _plain(value) for name, value in result.changes.items()}
        if hook.store is None:
            return "done", changes, list(result.failed), {}, []
        states = hook.store.take_changes()
        return "done", changes, list(result.failed), states.written, states.forgotten
    except HookOutputError as error:
        return "lost", "hook_output", str(error)
    except MemoryError as error:
        return "lost", "hook_memory", f"MemoryError: {error}"
    except BaseException as error:  # noqa: BLE001 - user code may raise anything, also SystemExit; the node is told what
        return "lost", "hook_failed", f"{type(error).__name__}: {error}"


def _plain(value: Any) -> Any:  # Any: an array, a list, or a list of tuples of these
    """Make bytes of arrays, and nothing but plain values of everything else.

    Raises:
        HookOutputError: It cannot be done: a topic or text that is an object of some kind.
    """
    if value is None or isinstance(value, bytes | str | int | float | bool):
        return value
    if isinstance(value, bytearray | memoryview) or hasattr(value, "tobytes"):
        return bytes(memoryview(value).cast("B"))
    if type(value) is list and all(element is None or type(element) in (bytes, str) for element in value):
        return value
    if isinstance(value, list | tuple):
        return [_plain(element) for element in value]
    raise HookOutputError(f"an element of what the hook returned is of the type `{type(value).__name__}`.")


def _limit(memory: int) -> None:
    """Let the process take so much memory beyond what it has (its addresses, which is what Linux can bound)."""
    with suppress(OSError, ValueError, ImportError):
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _leave_with(end: socket.socket) -> None:
    """End when the other side has closed, whatever the function does meanwhile."""
    poll = select.poll()
    poll.register(end, getattr(select, "POLLRDHUP", select.POLLHUP))
    poll.poll()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]))
