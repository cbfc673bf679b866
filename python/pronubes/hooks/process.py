"""A hook in a process of its own, which can be ended: one that hangs, exits, crashes or eats memory loses the batch that it has, and nothing else.

The process is a fresh interpreter (`child.py`), no fork: a fork of a process with threads may inherit locks that nobody opens again. It leads a
process group of its own, so that a Ctrl-C for the node does not reach it, and so that what the hook has started is ended with it.

Rules of this file:

1. `_start` and `_end` run under `_guard`, because a node that leaves closes the hook while the hook's thread may be in either.
2. A process that was given up is killed before its batch is given back: what it still does is of no consequence.
3. A process is started anew for the next batch and not before: one that cannot be started costs that batch, and the breaker counts it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from pronubes.errors import HookUnavailable
from pronubes.hooks.base import HookLost, HookResult
from pronubes.hooks.frames import FrameLost, receive, send
from pronubes.hooks.state import StateChanges, StateStore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pronubes import _core
    from pronubes.batch import Dtype
    from pronubes.hooks.settings import HookSettings

__all__ = ["START_S", "ProcessHook"]

START_S = 60.0
"""How long a process may take to start and to import the module."""
_END_S = 1.0
_FORMATS: dict[str, Literal["d", "q", "B"]] = {"f64": "d", "i64": "q", "bool": "B"}


class ProcessHook:
    """A function in a process of its own; see `Runnable`.

    Args:
        settings: Which function, its time budget and its memory.
        base_dir: The folder of the configuration; modules beside it can be named.
        column_types: What columns are when the function does not say.
        store: What it remembers; kept here, so that it outlives the process.
    """

    timeout_s: float | None = None  # the process is ended here, in time

    def __init__(
        self, settings: HookSettings, *, base_dir: Path, column_types: Mapping[str, Dtype] | None = None, store: StateStore | None = None
    ) -> None:
        self.name = settings.call
        self.store = store
        self._settings = settings
        self._base_dir = str(base_dir.resolve())
        self._column_types = dict(column_types or {})
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None
        self._is_closed = False
        self._starts = 0
        self._form = ""

    def start(self) -> None:
        """Start the process and import the module there.

        Raises:
            HookUnavailable: It cannot be started, or the module cannot be imported, or the function cannot be a hook.
        """
        try:
            self._connect()
        except (OSError, TimeoutError) as error:
            why = f"its process did not start within {START_S:g} s" if isinstance(error, TimeoutError) else self._how_it_ended(str(error))
            self._end()
            raise HookUnavailable(self.name, why) from error

    def run(self, batch: _core.Batch) -> HookResult:
        """See `Runnable`."""
        try:
            link = self._link if self._link is not None else self._connect()
        except (OSError, TimeoutError, HookUnavailable) as error:
            self._end()
            raise HookLost("hook_died", f"its process could not be started again: {error}") from error
        deadline_s = time.monotonic() + self._settings.timeout_s
        try:
            link.settimeout(self._settings.timeout_s)
            send(link, batch.pack())
            answer = receive(link, deadline_s=deadline_s)
        except TimeoutError as error:
            self._end()
            raise HookLost("hook_timeout", f"`{self.name}` did not return within {self._settings.timeout_s:g} s; its process was ended") from error
        except FrameLost as error:
            detail = self._how_it_ended(str(error))
            self._end()
            raise HookLost("hook_died", detail) from error
        return self._read(answer)

    def status(self) -> Mapping[str, Any]:  # Any: a JSON document
        """See `Runnable`."""
        process = self._process
        found = {"form": self._form, "pid": None if process is None else process.pid, "restarts": max(0, self._starts - 1)}
        return found if self.store is None else found | self.store.status()

    def close(self) -> None:
        """See `Runnable`. Waits for the end of the process, for a second or two at most."""
        self._is_closed = True
        self._end()

    def _connect(self) -> socket.socket:
        with self._guard:
            if self._is_closed:
                raise FrameLost("the node has closed it")
            ours, theirs = socket.socketpair()
            with theirs:
                # `-P`: what lies in the working folder is no module of ours; the module's own folder is told by the first frame. `-B`: Python takes
                # a compiled file for current when a change kept size and second, and a reload would go on with the old code.
                command = [sys.executable, "-P", "-B", "-m", "pronubes.hooks.child", str(theirs.fileno())]
                environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
                self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                    command, stdin=subprocess.DEVNULL, stdout=2, pass_fds=[theirs.fileno()], start_new_session=True, env=environment
                )
            self._link = ours
            self._starts += 1
        ours.settimeout(START_S)
        deadline_s = time.monotonic() + START_S
        states = {} if self.store is None else self.store.saved()
        by, max_keys = ((), 1) if self.store is None else (self.store.by, self.store.max_keys)
        send(ours, (self.name, self._base_dir, self._column_types, self._settings.memory, by, max_keys, states))
        match receive(ours, deadline_s=deadline_s):
            case ("ready", str(form), bool(keeps_state)):
                self._form = form
                self.store = self.store if keeps_state else None
                return ours
            case ("unavailable", str(why)):
                raise HookUnavailable(self.name, why)
            case answer:
                raise FrameLost(f"its process says {str(answer)[:100]}")

    def _read(self, answer: Any) -> HookResult:  # Any: what the process says
        match answer:
            case ("done", dict(changes), list(failed), written, forgotten):
                if self.store is not None:
                    self.store.apply(StateChanges(written, forgotten))
                if any(reason == "hook_memory" for _, reason, _ in failed):
                    self._end()  # what it has left may be too little for the next batch
                return HookResult(_as_given(changes), failed)
            case ("lost", str(reason), str(detail)):
                if reason == "hook_memory":
                    self._end()
                raise HookLost("hook_memory" if reason == "hook_memory" else "hook_output" if reason == "hook_output" else "hook_failed", detail)
        self._end()
        raise HookLost("hook_died", "its process said nonsense and was ended")

    def _how_it_ended(self, otherwise: str) -> str:
        process = self._process
        if process is None:
            return otherwise
        with suppress(subprocess.TimeoutExpired):
            code = process.wait(_END_S)
            if code < 0:
                return f"its process was ended by {signal.Signals(-code).name}"
            return f"its process ended with exit code {code}"
        return f"its process does not answer: {otherwise}"

    def _end(self) -> None:
        with self._guard:
            link, self._link = self._link, None
            process, self._process = self._process, None
        if link is not None:
            link.close()
        if process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_S)


def _as_given(changes: dict[str, Any]) -> dict[str, Any]:  # Any: bytes and lists
    """Give bytes their types back; what is wrong with them is said by the engine."""
    fields = changes.get("fields")
    if fields:
        changes["fields"] = [
            (name, dtype, memoryview(values).cast(_FORMATS[dtype]) if isinstance(values, bytes) and dtype in _FORMATS else values, present)
            for name, dtype, values, present in fields
        ]
    return changes
