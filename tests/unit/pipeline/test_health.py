"""What makes a node unhealthy."""

import pytest

from pronubes.pipeline.health import OLD_TOKEN_NS, problems

WELL = {
    "balanced": True,
    "lost_holds": 0,
    "sources": [{"name": "plant", "oldest_unsettled_age_ns": OLD_TOKEN_NS}],
    "logs": {"durable": {"state": "ok"}, "spill": None},
}
SINK = {"name": "uns", "emitted": 5, "delivered": 3, "dropped": 0, "quarantined": 0, "buffered": 1}


def test_a_node_without_problems_has_none():
    assert list(problems(WELL)) == []


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"balanced": False, "sinks": [SINK]}, "ledger", "sinks uns (+1)"),
        ({"balanced": False}, "ledger", "messages in hooks"),
        ({"lost_holds": 2}, "holds_lost", "2 messages"),
        ({"logs": {"durable": {"state": "failing"}}}, "log_failing", "`durable`"),
        ({"logs": {"spill": {"state": "full"}}}, "log_full", "`spill`"),
        ({"sources": [{"name": "plant", "oldest_unsettled_age_ns": OLD_TOKEN_NS + 10**9}]}, "old_token", "`plant` has waited 31 s"),
    ],
)
def test_each_problem_has_a_code_and_says_where(change, code, words):
    found = list(problems(WELL | change))
    assert [problem.code for problem in found] == [code]
    assert words in found[0].text
