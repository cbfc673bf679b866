"""What `pronubes explain` writes about an explanation of the engine."""

from typing import Any

from pronubes.cli.explain import render

ROUTE: dict[str, Any] = {
    "route": "temperatures",
    "filter": "raw/{line}/temp",
    "captures": [{"name": "line", "value": "l1"}],
    "condition": {"text": "payload.value > 1", "holds": True, "reason": None},
    "steps": [],
    "verdicts": [],
    "emitted": [],
    "not_shown": 0,
    "hook": None,
    "hook_step": None,
    "quarantine": None,
    "fate": "passed",
    "skipped": None,
    "is_final": False,
}
WRITTEN = {"temperatures": {"steps": [{"scale": {"field": "value", "factor": 2}}, {"drop": ["q"], "where": "payload.value > 9"}]}}


def shown(*routes: dict[str, Any], **facts: Any) -> list[str]:
    explanation = {"source": "plant", "topic": "raw/l1/temp", "payload": '{"value":2}', "rejected": None, "is_taken": True, "near_misses": []}
    return [line.plain for line in render({**explanation, "routes": routes, **facts}, WRITTEN)]


def test_steps_have_the_words_of_the_configuration() -> None:
    steps = [
        {"step": 0, "key": None, "held": True, "input": '{"value":2}', "output": '{"value":4}'},
        {"step": 1, "key": None, "held": False, "input": '{"value":4}', "output": '{"value":4}'},
    ]
    emitted = [{"sink": "uns", "topic": "acme/l1", "payload": '{"value":4}', "branch": None, "owner": None, "taken_by": None}]
    assert shown({**ROUTE, "steps": steps, "emitted": emitted, "is_final": True}) == [
        'raw/l1/temp  from plant  {"value":2}',
        "",
        "temperatures  raw/{line}/temp  passed",
        "  captures  line=l1",
        "  where     payload.value > 1  true",
        '  step 1  scale: {"field":"value","factor":2}',
        '            {"value":4}',
        '  step 2  drop: ["q"]  where: payload.value > 9  (its `where` is false)',
        '  -> uns  acme/l1  {"value":4}',
        "  final: later routes do not see the message",
    ]


def test_a_name_has_its_branch_and_owner_and_whose_it_is_already() -> None:
    emission = {"sink": "uns", "topic": "acme/l1", "payload": "{}", "branch": "acme/+", "owner": "team-l1", "taken_by": "raw/l9/temp"}
    assert shown({**ROUTE, "emitted": [emission, {**emission, "owner": None, "taken_by": None}]})[-5:] == [
        "  -> uns  acme/l1  {}",
        "     branch acme/+, owner team-l1",
        "     the name is that of raw/l9/temp: while the node runs this would be `name_collision`",
        "  -> uns  acme/l1  {}",
        "     branch acme/+",
    ]


def test_the_quarantine_says_why_and_what_to_do() -> None:
    steps = [{"step": 0, "key": "t1", "held": True, "input": "{}", "output": None}]
    fault = {"step": 0, "reason": "missing_field", "text": "It is not there.", "action": "Guard it.", "detail": "value"}
    lines = shown({**ROUTE, "steps": steps, "quarantine": fault, "fate": "quarantined", "not_shown": 3})
    assert lines[-4:] == [
        '  step 1 [t1]  scale: {"field":"value","factor":2}',
        "  ... and 3 more",
        "  -> quarantine at step 1: missing_field  value",
        "     It is not there. Guard it.",
    ]


def test_what_no_route_takes_is_shown_with_the_nearest() -> None:
    misses = [
        {"route": "a", "filter": "raw/+/pressure", "level": 3, "expected": "pressure", "found": "temp"},
        {"route": "b", "filter": "raw/l1", "level": 3, "expected": "", "found": "temp"},
        {"route": "c", "filter": "raw/l1/temp/x", "level": 4, "expected": "x", "found": None},
    ]
    assert shown(is_taken=False, near_misses=misses)[1:] == [
        "",
        "unrouted: no route takes this message.",
        "Routes that do not match:",
        "  a  raw/+/pressure  level 3: `pressure` is wanted, the topic has `temp`",
        "  b  raw/l1  level 3: nothing more is wanted, the topic has `temp`",
        "  c  raw/l1/temp/x  level 4: `x` is wanted, the topic has ended there",
    ]


def test_a_rejected_message_and_a_hook() -> None:
    assert shown(rejected="invalid_topic", is_taken=False)[1:] == ["rejected: invalid_topic"]
    assert shown({**ROUTE, "hook": "plant.hooks:oee", "fate": "hook"})[-1] == "  -> Python  plant.hooks:oee  (explain does not run hooks)"


def test_nothing_from_outside_moves_the_cursor() -> None:
    assert "\x1b" not in "".join(shown(ROUTE, payload="\x1b[2J", topic="a\x1bb"))
