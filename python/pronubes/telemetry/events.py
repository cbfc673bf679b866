"""Every log event of pronubes: a class each, its sentence, its level and its facts.

Nowhere else is a logger called. Levels: *error* means that data was lost or a person must act; *warning* means odd but handled;
*info* means a step in the life of the node; *debug* never grows with traffic.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar, Literal

from pronubes.telemetry.library import structlog

__all__ = [
    "BrokerNotice",
    "ClockStepped",
    "Connected",
    "ConnectionLost",
    "ConnectionRefused",
    "ControlUnavailable",
    "DeviceFault",
    "DeviceWell",
    "Event",
    "HookBroken",
    "HookClosed",
    "HookOpened",
    "HookStateRestored",
    "HookStateUnsaved",
    "HookStatesDamaged",
    "HookStatesNotSaved",
    "LogFailed",
    "LogTold",
    "MetricsServed",
    "MetricsUnavailable",
    "NodeDraining",
    "NodeStarted",
    "NodeStopped",
    "PageServed",
    "QuarantineCalm",
    "QuarantineDamaged",
    "QuarantineDropped",
    "QuarantineFull",
    "QuarantineTripped",
    "QuarantineWell",
    "ReloadRefused",
    "Reloaded",
    "RollbackFailed",
    "RolledBack",
    "SinkRefusing",
    "SinkRetrying",
    "SourceEnded",
    "SourceWaiting",
    "SubscriptionRefused",
    "TaskFailed",
    "emit",
]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing worth telling. Subclasses name the sentence and the level; their fields are the facts."""

    sentence: ClassVar[str] = ""
    level: ClassVar[Literal["debug", "info", "warning", "error"]] = "info"


def emit(event: Event) -> None:
    """Log `event`. Costs a few microseconds: call it per life-cycle step, never per message."""
    facts = {field.name: getattr(event, field.name) for field in fields(event)}
    structlog.get_logger().log(_LEVELS[event.level], event.sentence, **{k: v for k, v in facts.items() if v is not None})


_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


@dataclass(frozen=True, slots=True)
class NodeStarted(Event):
    """The configuration is compiled and every connector has been asked to open."""

    sentence = "The node runs."
    node: str
    routes: int
    sources: int
    sinks: int
    start_ms: float


@dataclass(frozen=True, slots=True)
class StateRestored(Event):
    """Stateful steps have again what they remembered. `refused`: keys of steps that are gone or say something else now."""

    sentence = "What stateful steps remembered is there again; it is as old as it was saved."
    keys: int
    refused: int
    age_s: float


@dataclass(frozen=True, slots=True)
class StateDamaged(Event):
    """The file with the state of steps is damaged; the node runs with what could be read."""

    level = "warning"
    sentence = "The file with what stateful steps remembered is damaged. It is set aside; what could be read is used."
    path: str
    keys: int


@dataclass(frozen=True, slots=True)
class StateUnreadable(Event):
    """The file with the state of steps cannot be read; the steps begin anew."""

    level = "warning"
    sentence = "The file with what stateful steps remembered cannot be read: they begin anew."
    path: str
    error: str


@dataclass(frozen=True, slots=True)
class StateNotSaved(Event):
    """The state of steps cannot be saved; it is tried again."""

    level = "warning"
    sentence = "What stateful steps remember cannot be saved. It is tried again; a restart would begin with older state."
    path: str
    error: str


@dataclass(frozen=True, slots=True)
class HookStateRestored(Event):
    """A hook has again what it remembered."""

    sentence = "What a Python hook remembered is there again; it is as old as it was saved."
    hook: str
    keys: int
    age_s: float


@dataclass(frozen=True, slots=True)
class HookStatesDamaged(Event):
    """The database with the states of hooks cannot be read; hooks begin anew."""

    level = "warning"
    sentence = "The file with what Python hooks remembered cannot be read. It is set aside; the hooks begin anew."
    path: str
    error: str


@dataclass(frozen=True, slots=True)
class HookStatesNotSaved(Event):
    """The states of hooks cannot be saved; it is tried again."""

    level = "warning"
    sentence = "What Python hooks remember cannot be saved. It is tried again; a restart would begin with older state."
    path: str
    error: str


@dataclass(frozen=True, slots=True)
class HookStateUnsaved(Event):
    """A state of a hook is nothing that can be saved: JSON cannot say it, or it is too large."""

    level = "warning"
    sentence = "What a Python hook remembers of some keys cannot be saved; a restart would begin without."
    hook: str
    keys: int
    error: str


@dataclass(frozen=True, slots=True)
class TableRefreshed(Event):
    """The file of a lookup table has changed and its new rows are in force."""

    sentence = "A lookup table has changed: its new rows are in force."
    table: str
    path: str
    rows: int
    rows_before: int
    took_ms: float


@dataclass(frozen=True, slots=True)
class TableBroken(Event):
    """The file of a lookup table is gone or cannot be used; the rows before stay in force."""

    level = "error"
    sentence = "A lookup table cannot be read: its last good rows stay in force until the file is mended. It is read again when it changes."
    table: str
    path: str
    error: str
    rows: int


@dataclass(frozen=True, slots=True)
class TableMended(Event):
    """The file of a lookup table is well again and says what it said before."""

    sentence = "A lookup table can be read again; it says what it said before."
    table: str
    path: str
    rows: int


@dataclass(frozen=True, slots=True)
class NodeDraining(Event):
    """Sources are closed; what is under way is delivered before the node leaves."""

    sentence = "Stopping: sources are closed, what is under way is being delivered."
    cause: str
    grace_s: float


@dataclass(frozen=True, slots=True)
class NodeStopped(Event):
    """The last event of a node."""

    sentence = "The node has stopped."
    node: str
    received: int
    delivered: int
    quarantined: int
    buffered: int


@dataclass(frozen=True, slots=True)
class LogTold(Event):
    """Something happened to a log on the disk; `code` is stable, `detail` a sentence."""

    sentence = "A log on the disk has something to say."
    level = "warning"
    log: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class LogFailed(Event):
    """Something happened to a log on the disk: data was lost, or a person must act."""

    sentence = "A log on the disk needs somebody to look at it."
    level = "error"
    log: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Connected(Event):
    """A connector reached its other side."""

    sentence = "Connected."
    connector: str
    address: str
    session: str | None = None


@dataclass(frozen=True, slots=True)
class ConnectionLost(Event):
    """A connection is gone; the node goes on trying."""

    sentence = "The connection was lost; trying again until it is back."
    level = "warning"
    connector: str
    address: str | None
    error: str
    retry_s: float


@dataclass(frozen=True, slots=True)
class ConnectionRefused(Event):
    """The other side answered and said no: most likely a person must change something."""

    sentence = "The connection was refused by the other side; trying again, but most likely the configuration or the broker must change."
    level = "error"
    connector: str
    address: str
    error: str
    retry_s: float


@dataclass(frozen=True, slots=True)
class SubscriptionRefused(Event):
    """The broker does not let this source have a filter."""

    sentence = "The broker refused a subscription: nothing arrives for it until the broker's rights or the filter change."
    level = "error"
    connector: str
    filter: str
    error: str


@dataclass(frozen=True, slots=True)
class BrokerNotice(Event):
    """A broker said something that a person may want to know."""

    sentence = "The broker sent a notice."
    level = "warning"
    connector: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class ClockStepped(Event):
    """Somebody, or time synchronisation at boot, set the clock."""

    sentence = "The system clock was set; times of messages follow it, timers do not."
    level = "warning"
    seconds: float


@dataclass(frozen=True, slots=True)
class ControlUnavailable(Event):
    """`top`, `tap` and `status` cannot look into this node; nothing else is disturbed."""

    sentence = "The control socket cannot be opened: top, tap and status cannot look into this node."
    level = "warning"
    path: str
    error: str


@dataclass(frozen=True, slots=True)
class DeviceFault(Event):
    """A device does not answer, or not as it should; its tags have the quality BAD until it does."""

    sentence = "The device does not answer as it should; its tags have the quality BAD until it does."
    level = "warning"
    source: str
    address: str
    error: str


@dataclass(frozen=True, slots=True)
class DeviceWell(Event):
    """A device answers again."""

    sentence = "The device answers again."
    source: str
    address: str


@dataclass(frozen=True, slots=True)
class SourceWaiting(Event):
    """A source has nothing to read for a while by its own word."""

    sentence = "The source waits before it reads again."
    level = "warning"
    source: str
    seconds: float
    error: str


@dataclass(frozen=True, slots=True)
class SourceEnded(Event):
    """A source has no more to read."""

    sentence = "The source has ended."
    source: str


@dataclass(frozen=True, slots=True)
class SinkRetrying(Event):
    """A sink did not take a batch; the batch stays in the queue and is written again."""

    sentence = "The sink did not take a batch; it is kept and written again."
    level = "warning"
    sink: str
    error: str
    retry_s: float


@dataclass(frozen=True, slots=True)
class SinkRefusing(Event):
    """A sink refused messages for good; they are in quarantine."""

    sentence = "The sink refused messages for good; they are in quarantine."
    level = "error"
    sink: str
    count: int
    error: str


@dataclass(frozen=True, slots=True)
class HookBroken(Event):
    """A hook raised, hung or returned nonsense; its messages are in quarantine and the route goes on."""

    sentence = "A Python hook failed; its messages are in quarantine and the route goes on."
    level = "error"
    hook: str
    count: int
    reason: str
    error: str


@dataclass(frozen=True, slots=True)
class HookOpened(Event):
    """A hook fails too often; it is left alone and tried again later."""

    sentence = "A Python hook fails too often; it is not called for a while, and tried again then."
    level = "error"
    hook: str
    error: str
    retry_s: float
    messages: str


@dataclass(frozen=True, slots=True)
class HookClosed(Event):
    """A hook that was left alone works again."""

    sentence = "The Python hook works again."
    level = "warning"
    hook: str
    open_s: float


@dataclass(frozen=True, slots=True)
class PageServed(Event):
    """The live page can be opened."""

    sentence = "The live page is there; open its address in a browser on this machine."
    sink: str
    url: str


@dataclass(frozen=True, slots=True)
class MetricsServed(Event):
    """Prometheus may scrape."""

    sentence = "The metrics are there."
    url: str


@dataclass(frozen=True, slots=True)
class MetricsUnavailable(Event):
    """The endpoint for Prometheus cannot be opened; nothing else is disturbed."""

    sentence = "The metrics cannot be served; trying again until they can."
    level = "warning"
    address: str
    error: str
    retry_s: float


@dataclass(frozen=True, slots=True)
class QuarantineDropped(Event):
    """The quarantine has its size or age; the oldest records are gone, and counted."""

    sentence = "Records of the quarantine are gone because of its size or their age. Look at it, or give it more room."
    level = "error"
    path: str
    full: int
    old: int


@dataclass(frozen=True, slots=True)
class QuarantineDamaged(Event):
    """The quarantine's file was damaged; it is kept under another name and a new one is begun."""

    sentence = "The quarantine's file is damaged; it is kept under another name and a new one is begun. The node goes on."
    level = "error"
    path: str
    kept_at: str
    error: str


@dataclass(frozen=True, slots=True)
class QuarantineFull(Event):
    """The quarantine takes no record; messages wait for it and their sources are not acknowledged meanwhile."""

    sentence = (
        "The quarantine takes no record: bad messages wait, their sources are not acknowledged and fall silent. "
        "Replay or drop what is in it, give it more room, or free the disk."
    )
    level = "error"
    path: str
    error: str
    retry_s: float


@dataclass(frozen=True, slots=True)
class QuarantineWell(Event):
    """The quarantine takes records again."""

    sentence = "The quarantine takes records again."
    path: str


@dataclass(frozen=True, slots=True)
class QuarantineTripped(Event):
    """A route quarantines more of its messages than its breaker allows."""

    sentence = "A route quarantines too many of its messages. It goes on; look at them with `pronubes quarantine list`."
    level = "error"
    route: str
    share: float
    messages: int


@dataclass(frozen=True, slots=True)
class QuarantineCalm(Event):
    """A route is back below half of what its breaker allows."""

    sentence = "A route quarantines few of its messages again."
    route: str
    share: float
    messages: int


@dataclass(frozen=True, slots=True)
class RolledBack(Event):
    """Too much was quarantined after a reload: the node runs the configuration before it again."""

    sentence = (
        "Since the reload a route quarantines too many of its messages: the configuration before it is in force again. "
        "Correct the file and reload it; then replay the quarantine."
    )
    level = "error"
    path: str
    route: str
    share: float
    messages: int


@dataclass(frozen=True, slots=True)
class RollbackFailed(Event):
    """The configuration before a bad reload cannot be put in force again."""

    sentence = "Since the reload a route quarantines too many of its messages, and the configuration before it cannot be put in force again."
    level = "error"
    path: str
    route: str
    share: float
    error: str


@dataclass(frozen=True, slots=True)
class Reloaded(Event):
    """A new configuration is in force."""

    sentence = "The new configuration is in force."
    path: str
    routes: int
    kept: int
    started: int
    stopped: int
    pause_ms: float


@dataclass(frozen=True, slots=True)
class ReloadRefused(Event):
    """The new configuration has errors: the old one stays."""

    sentence = "The new configuration has errors; the old one goes on running."
    level = "error"
    path: str
    errors: int
    first: str


@dataclass(frozen=True, slots=True)
class TaskFailed(Event):
    """Something that must not happen happened in one connector; it is started again."""

    sentence = "A connector failed in a way that it did not expect; it is started again."
    level = "error"
    connector: str
    error: str
    retry_s: float
