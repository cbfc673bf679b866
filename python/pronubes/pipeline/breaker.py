"""Shares of quarantined messages by route: the breaker, which raises an alarm, and the watch over a reload, which takes it back.

Counters come in, verdicts go out: nothing here reads a clock, waits or acts. `watch.py` does.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pronubes.config.quarantine import Breaker, RollbackOn

__all__ = ["Breakers", "Change", "ReloadWatch", "Tripped"]

PARTS = 6
"""A window is known to a sixth of its length."""
MOST_POINTS = 60
"""How many states of all counters are kept at most, whatever the windows."""


class _Point(NamedTuple):
    """What had been counted at some time, by route."""

    time_ns: int
    matched: Mapping[str, int]
    faults: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Tripped:
    """A route that quarantines too much.

    Attributes:
        route: Its name.
        share: The share of its messages that was quarantined lately.
        messages: How many messages that is a share of.
        since_ns: Since when.
    """

    route: str
    share: float
    messages: int
    since_ns: int


@dataclass(frozen=True, slots=True)
class Change:
    """A route has begun or ceased to quarantine too much."""

    is_tripped: bool
    about: Tripped


class Breakers:
    """The breakers of all routes.

    Args:
        limits: The limits of routes that have none of their own, and those of the others by route, as they are when it is called.
    """

    def __init__(self, limits: Callable[[], tuple[Breaker, Mapping[str, Breaker]]]) -> None:
        self._limits = limits
        self._points: deque[_Point] = deque()
        self._last: _Point | None = None
        self._tripped: dict[str, Tripped] = {}

    @property
    def tripped(self) -> list[Tripped]:
        """The routes that quarantine too much now."""
        return list(self._tripped.values())

    def share(self, route: str) -> float:
        """Say which share of a route's messages was quarantined in its window, up to the last sample."""
        return 0.0 if self._last is None else self._measure(route, self._last)[0]

    def needs_sample(self, now_ns: int, faults: Mapping[str, int]) -> bool:
        """Whether `sample` has something to do. Where nothing is quarantined, that is once in a while."""
        is_quiet = not self._tripped and self._last is not None and faults == self._last.faults
        return not is_quiet or now_ns - self._points[-1].time_ns >= self._spacing_ns()

    def sample(self, now_ns: int, matched: Mapping[str, int], faults: Mapping[str, int]) -> list[Change]:
        """Take the counters as they are now; the routes whose state changes.

        Args:
            now_ns: The time.
            matched: Messages that each route took so far.
            faults: Messages of each route that were quarantined so far.
        """
        self._last = now = _Point(now_ns, dict(matched), dict(faults))
        if not self._points:
            self._points.append(now)
        changes = [change for route in faults if (change := self._judge(route, now)) is not None]
        self._keep(now)
        return changes

    def _keep(self, now: _Point) -> None:
        longest_ns = max(_within_ns(limits) for limits in self._all_limits())
        while len(self._points) > 1 and now.time_ns - self._points[1].time_ns >= longest_ns:
            self._points.popleft()
        if now.time_ns - self._points[-1].time_ns >= self._spacing_ns():
            self._points.append(now)

    def _judge(self, route: str, now: _Point) -> Change | None:
        limits = self._limits_of(route)
        share, messages = self._measure(route, now)
        was = self._tripped.get(route)
        if was is None:
            if share < limits.share or messages < limits.of:
                return None
            self._tripped[route] = Tripped(route, round(share, 4), messages, now.time_ns)
            return Change(is_tripped=True, about=self._tripped[route])
        about = Tripped(route, round(share, 4), messages, was.since_ns)
        # Back at half of the limit, not at the limit: a route that hovers there is to raise one alarm, not hundreds.
        if share < limits.share / 2:
            del self._tripped[route]
            return Change(is_tripped=False, about=about)
        self._tripped[route] = about
        return None

    def _measure(self, route: str, now: _Point) -> tuple[float, int]:
        """Find the share of quarantined messages in the window, and of how many."""
        within_ns = _within_ns(self._limits_of(route))
        old = (point for point in reversed(self._points) if now.time_ns - point.time_ns >= within_ns)
        begin = next(old, self._points[0])
        faults = now.faults.get(route, 0) - begin.faults.get(route, 0)
        # What a sink refuses comes later than what the route took.
        messages = max(now.matched.get(route, 0) - begin.matched.get(route, 0), faults)
        return (faults / messages if messages else 0.0), messages

    def _limits_of(self, route: str) -> Breaker:
        common, own = self._limits()
        return own.get(route, common)

    def _all_limits(self) -> list[Breaker]:
        common, own = self._limits()
        return [common, *own.values()]

    def _spacing_ns(self) -> int:
        windows = [_within_ns(limits) for limits in self._all_limits()]
        return max(min(windows) // PARTS, max(windows) // MOST_POINTS)


class ReloadWatch:
    """Watches the routes after a reload.

    Args:
        limits: What is too much.
        now_ns: When the reload was.
        matched: Messages that each route had taken then.
        faults: Messages of each route that had been quarantined then.
        share_before: The share of a route's messages that was quarantined before the reload.
    """

    def __init__(
        self, limits: RollbackOn, now_ns: int, matched: Mapping[str, int], faults: Mapping[str, int], share_before: Callable[[str], float]
    ) -> None:
        self._limits = limits
        self._until_ns = now_ns + int(limits.within * 1e9)
        self._matched = dict(matched)
        self._faults = dict(faults)
        self._before = {route: share_before(route) for route in faults}
        self._now_ns = now_ns

    def is_over(self, now_ns: int) -> bool:
        """Whether the reload has stood long enough."""
        return now_ns > self._until_ns

    def judge(self, now_ns: int, matched: Mapping[str, int], faults: Mapping[str, int]) -> Tripped | None:
        """Name the route for which the reload is to be taken back, if there is one. The counters are as for `Breakers.sample`."""
        if self.is_over(now_ns):
            return None
        for route, count in faults.items():
            bad = count - self._faults.get(route, 0)
            messages = max(matched.get(route, 0) - self._matched.get(route, 0), bad)
            was_bad = self._before.get(route, 0.0) >= self._limits.quarantine_share
            if not was_bad and messages >= self._limits.of and bad / messages >= self._limits.quarantine_share:
                return Tripped(route, round(bad / messages, 4), messages, self._now_ns)
        return None


def _within_ns(limits: Breaker) -> int:
    return int(limits.within * 1e9)
