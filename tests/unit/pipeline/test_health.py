"""What makes a node unhealthy."""

from dataclasses import dataclass

import pytest

from pronubes.pipeline.health import OLD_TOKEN_NS, problems

WELL = {
    "balanced": True,
    "lost_holds": 0,
    "sources": [{"name": "plant", "oldest_unsettled_age_ns": OLD_TOKEN_NS}],
    "logs": {"durable": {"state": "ok"}, "spill": None},
}


@dataclass
class State:
    is_lost: bool = False
    age_s: float | None = 1.0


SINK = {"name": "uns", "emitted": 5, "delivered": 3, "dropped": 0, "quarantined": 0, "buffered": 1}


def test_a_node_without_problems_has_none():
    assert list(problems(WELL, State())) == []


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"balanced": False, "sinks": [SINK]}, "ledger", "sinks uns (+1)"),
        ({"balanced": False}, "ledger", "messages in hooks"),
        ({"lost_holds": 2}, "holds_lost", "2 messages"),
        ({"logs": {"durable": {"state": "failing"}}}, "log_failing", "`durable`"),
        ({"logs": {"spill": {"state": "full"}}}, "log_full", "`spill` has no room: the oldest"),
        ({"logs": {"durable": {"state": "full"}}}, "log_full", "`durable` is full: its sources are held back"),
        ({"quarantine": {"state": "failing", "error": "No space left."}}, "quarantine_failing", "(No space left.)"),
        ({"sources": [{"name": "plant", "oldest_unsettled_age_ns": OLD_TOKEN_NS + 10**9}]}, "old_token", "`plant` has waited 31 s"),
    ],
)
def test_each_problem_has_a_code_and_says_where(change, code, words):
    found = list(problems(WELL | change, State()))
    assert [problem.code for problem in found] == [code]
    assert words in found[0].text


@pytest.mark.parametrize(("age_s", "words"), [(None, "since the start"), (31.4, "for 31 s")])
def test_a_canary_that_does_not_come_back_is_a_problem(age_s, words):
    found = list(problems(WELL, State(is_lost=True, age_s=age_s)))
    assert [problem.code for problem in found] == ["canary_lost"]
    assert words in found[0].text
