"""The benchmark's own parts: scenarios that build, an oracle that is right, goals and warnings that say what was found."""

from __future__ import annotations

import io
import json

import pytest
from harness import routesets, table, workloads
from harness.measure import Outcome
from harness.peers import PEERS
from harness.results import REDUCE, Entry, judge
from harness.scenario import load_all
from rich.console import Console

from pronubes.config.load import load_text

SCENARIOS = load_all()
LARGE = {"tags_1m", "routes", "load_10k_routes"}


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_scenario_names_peers_columns_and_contestants_that_exist(name):
    scenario = SCENARIOS[name]
    names = {contestant.name for contestant in scenario.contestants}
    assert {contestant.peer for contestant in scenario.contestants} <= PEERS.keys()
    assert set(scenario.columns) <= table.TITLES.keys()
    for goal in scenario.goals:
        assert {goal.of, goal.over or goal.of, goal.less or goal.of} <= names | REDUCE.keys()
        assert (goal.at_most is None) != (goal.at_least is None)


@pytest.mark.parametrize("name", sorted(SCENARIOS.keys() - LARGE))
def test_workload_of_a_scenario_holds_an_id_in_every_slot_with_outputs(name, tmp_path):
    scenario = SCENARIOS[name]
    for work in {json.dumps(contestant.workload or scenario.workload) for contestant in scenario.contestants[:4]}:
        built = workloads.build(tmp_path, **json.loads(work))
        slots = [json.loads(line) for line in built.messages.read_text(encoding="utf-8").splitlines()]
        wrong = [number for number, slot in enumerate(slots) if slot["outputs"] and str(workloads.id_of(number)) not in slot["payload"]]
        assert slots
        assert not wrong
        assert built.routes


@pytest.mark.parametrize("name", sorted(SCENARIOS.keys() - LARGE))
def test_configuration_of_a_scenario_is_one_that_pronubes_takes(name, tmp_path):
    scenario = SCENARIOS[name]
    for contestant in scenario.contestants[:4]:
        built = workloads.build(tmp_path, **(contestant.workload or scenario.workload))
        load_text(built.config(1883, scenario.job.qos, contestant.source, contestant.sink))


def test_w1_is_what_the_page_says():
    slots, _ = workloads.w1()
    slots = list(slots)
    passing = json.loads(slots[4711].payload)
    topic, expected = slots[4711].outputs[0]
    assert (len(slots), slots[4711].topic, topic) == (10_000, "raw/area4/line7/plc1/tag1", "acme/site1/area4/line7/plc1/tag1")
    assert json.loads(expected) == {"value": passing["value"] * 1.8 + 32, "timestamp_ms": passing["ts"], "unit": "[degF]"}
    assert 54 <= len(slots[4711].payload) <= 64


def test_w2_lets_28_percent_pass():
    slots = list(workloads.w2()[0])
    share = sum(bool(slot.outputs) for slot in slots) / len(slots)
    assert (round(share, 2), 1100 <= len(slots[0].payload) <= 1500) == (0.28, True)


def test_a_seed_gives_the_same_set_and_bad_messages_are_two_percent():
    one, other = (routesets.generate(7, 2_000) for _ in range(2))
    assert one == other
    assert one != routesets.generate(8, 2_000)
    unread = sum(not _is_json(message.payload) for message in one.messages)
    assert 0 < unread < 0.03 * len(one.messages)


@pytest.mark.parametrize(
    ("payload", "passes"),
    [
        ('{"v": 2, "u": 1}', True),
        ('{"v": 2, "u": 1, "u": 3}', True),
        ('{"v": 2, "v": 3}', False),
        ('{"v": "n/a"}', False),
        ('{"u": 1}', False),
        ('{"v": 2,}', False),
        ('{"v": 2, "s": "\\ud800"}', False),
        ('{"v": 2, "n": NaN}', False),
    ],
)
def test_the_oracle_refuses_what_the_design_refuses(payload, passes):
    route = routesets.Route({}, lambda _: {}, None, [lambda document, _: document.__setitem__("v", document["v"] * 1.8)], lambda _: "out")
    assert (route.apply(["a"], payload) is not None) is passes


def _entry(problems=(), **figures):
    return Entry([Outcome({} if problems else {"starved": 0.0, **figures}, list(problems), {})])


def test_goals_are_judged_on_ratios_differences_and_only_on_what_was_right():
    scenario = SCENARIOS["w1_qos0"]
    good = {"pronubes": _entry(cpu_us=0.2, rate=4e6), "forwarder": _entry(cpu_us=0.05, rate=5e6)}
    wrong = {**good, "pronubes": _entry(problems=["3 outputs did not come back"])}
    assert [verdict.is_met for verdict in judge(scenario, good)] == [True, True, None, True]
    assert [verdict.is_met for verdict in judge(scenario, wrong)] == [None] * 4


@pytest.mark.parametrize(("share", "is_warned"), [(0.01, False), (0.6, True)])
def test_the_table_warns_of_starved_runs_and_shows_reasons_instead_of_figures(share, is_warned):
    scenario = SCENARIOS["w1_qos0"]
    figures = dict.fromkeys(scenario.columns, 1.0) | {"starved": share}
    console = Console(file=io.StringIO(), width=200)
    table.show(console, scenario, {"forwarder": _entry(**figures), "aiomqtt": _entry(problems=["1 outputs came [twice]"])})
    text = console.file.getvalue()
    assert "1 outputs came [twice]" in text
    assert ("had to wait for a core" in text) is is_warned


def _is_json(text):
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
