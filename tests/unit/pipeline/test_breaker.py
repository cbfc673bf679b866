"""Breakers and the watch over a reload, on counters and times that the test makes."""

from __future__ import annotations

import pytest

from pronubes.config.quarantine import Breaker, RollbackOn
from pronubes.pipeline.breaker import Breakers, ReloadWatch

SECOND = 10**9


class Line:
    """Counters of routes, and the time."""

    def __init__(self, limits=None):
        self.ns = 1_000 * SECOND
        self.matched, self.faults = {}, {}
        self.breakers = Breakers(lambda: (limits or Breaker(share=0.5, of=100, within="60s"), {}))
        self.breakers.sample(self.ns, self.matched, self.faults)

    def pass_(self, seconds, *, good=0, bad=0, route="r"):
        """Let time go by, second by second, with so many messages in each; what the breakers said."""
        said = []
        for _ in range(seconds):
            self.ns += SECOND
            self.matched[route] = self.matched.get(route, 0) + good + bad
            if bad:
                self.faults[route] = self.faults.get(route, 0) + bad
            said += self.breakers.sample(self.ns, self.matched, self.faults)
        return [(change.is_tripped, change.about.route) for change in said]


def test_a_route_that_turns_bad_raises_one_alarm_and_calms_down_again():
    line = Line()
    assert line.pass_(300, good=10) == []
    assert line.pass_(20, bad=10) == []  # 200 of 600 within a minute
    assert line.pass_(20, bad=10) == [(True, "r")]
    (tripped,) = line.breakers.tripped
    assert (tripped.route, tripped.share > 0.5, tripped.messages > 400) == ("r", True, True)
    assert line.pass_(120, good=5, bad=5) == []  # it hovers at the limit: no second alarm
    assert line.pass_(120, good=10) == [(False, "r")]
    assert line.breakers.tripped == []


def test_few_messages_are_no_alarm():
    line = Line()
    assert line.pass_(600, bad=1) == []  # 70 in any window: fewer than 100
    assert Line(Breaker(share=0.5, of=10, within="60s")).pass_(20, bad=1) == [(True, "r")]


def test_the_window_forgets_the_past():
    line = Line()
    line.pass_(3600, good=100)
    # An hour of good messages does not hide that all are bad now.
    assert (True, "r") in line.pass_(60, bad=100)


def test_routes_have_their_own_limits():
    limits = {"strict": Breaker(share=0.01, of=100, within="60s"), "loose": Breaker(share=1, of=100, within="60s")}
    line = Line()
    line.breakers = Breakers(lambda: (Breaker(), limits))
    line.breakers.sample(line.ns, {}, {})
    assert line.pass_(60, good=98, bad=2, route="strict") == [(True, "strict")]
    assert line.pass_(60, good=2, bad=98, route="loose") == [(False, "strict")]  # it has fallen silent


def test_a_sink_that_refuses_later_than_the_route_took_is_no_share_above_one():
    line = Line()
    line.pass_(10, good=1000)
    line.pass_(120)
    line.faults["r"] = 500
    line.pass_(1)
    (tripped,) = line.breakers.tripped
    assert tripped.share == 1.0


@pytest.mark.parametrize(
    ("before", "good", "bad", "after_s", "is_taken_back"),
    [
        (0.0, 900, 100, 10, False),  # a tenth: below the share
        (0.0, 700, 300, 10, True),
        (0.0, 7, 3, 10, False),  # too few to say
        (0.0, 700, 300, 61, False),  # too late
        (0.3, 700, 300, 10, False),  # it was as bad before the reload
    ],
)
def test_a_reload_is_taken_back_when_a_route_gets_worse_by_it(before, good, bad, after_s, is_taken_back):
    limits = RollbackOn(quarantine_share=0.2, of=100, within="60s")
    watch = ReloadWatch(limits, 0, {"r": 5000, "other": 10}, {"r": 40}, lambda _route: before)
    matched, faults = {"r": 5000 + good + bad, "other": 10_000}, {"r": 40 + bad}
    found = watch.judge(after_s * SECOND, matched, faults)
    assert (found is not None) == is_taken_back
    if found is not None:
        assert (found.route, found.share, found.messages) == ("r", 0.3, 1000)
    assert watch.is_over(after_s * SECOND) == (after_s > 60)


def test_a_route_that_the_reload_brought_counts_from_nothing():
    watch = ReloadWatch(RollbackOn(quarantine_share=0.5, of=10, within="60s"), 0, {}, {}, lambda _route: 0.0)
    assert watch.judge(SECOND, {"new": 20}, {"new": 20}).route == "new"
