"""What is learned from messages."""

import orjson
import pytest

from pronubes.contracts.draft import draft_text
from pronubes.contracts.infer import MAX_DISTINCT, MAX_FIELDS, Learner

NOW_MS = 1_732_270_000_000


def learned(payloads, time_ns=NOW_MS * 10**6) -> Learner:
    learner = Learner()
    for payload in payloads:
        learner.observe(payload if isinstance(payload, bytes) else orjson.dumps(payload), time_ns)
    return learner


def rules(payloads) -> dict[str, dict[str, object]]:
    return {field.path: dict(field.rules) for field in learned(payloads).fields()}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 3], {"type": "integer", "range": [0, 4]}),
        ([1, 2.5], {"type": "number", "range": [0.0, 3.3]}),
        ([-5, 5], {"type": "integer", "range": [-10, 10]}),
        ([7, 7], {"type": "integer"}),
        ([True, False], {"type": "boolean"}),
        (["a"], {"type": "string"}),
        ([[1]], {"type": "array"}),
        ([1, "a"], {"type": "any"}),
        ([2**63], {"type": "integer"}),
        ([1, 2, None], {"type": "integer", "range": [0, 3], "null": "allowed"}),
        ([None], {"type": "any", "null": "allowed"}),
    ],
)
def test_types_and_ranges(values, expected):
    assert rules([{"value": value} for value in values]) == {"value": expected}


def test_a_text_of_few_values_seen_often_is_an_enumeration():
    often = [{"state": state} for state in ["RUN", "STOP"] * 15]
    assert rules(often)["state"] == {"type": "string", "enum": ["RUN", "STOP"]}
    assert rules(often[:8])["state"] == {"type": "string"}
    assert rules([{"state": f"s{number % (MAX_DISTINCT + 1)}"} for number in range(1000)])["state"] == {"type": "string"}


def test_a_field_that_is_sometimes_missing_is_optional():
    assert rules([{"a": 1, "b": True}, {"a": 1}])["b"] == {"type": "boolean", "optional": True}


@pytest.mark.parametrize(("unit", "value"), [("s", NOW_MS // 1000), ("ms", NOW_MS), ("us", NOW_MS * 1000), ("ns", NOW_MS * 10**6)])
def test_times_are_known_by_name_and_century(unit, value):
    found = rules([{"timestamp": value, "total": value}])
    assert found["timestamp"] == {"type": "integer", "time": unit, "not_after": "5s"}
    assert "time" not in found["total"]


def test_a_time_ahead_of_the_clock_gets_no_limit():
    found = rules([{"ts": NOW_MS + 60_000}, {"ts": NOW_MS}])
    assert found["ts"] == {"type": "integer", "time": "ms"}


def test_texts_of_rfc_3339_are_times():
    assert rules([{"time": "2024-11-22T10:06:40Z"}, {"time": "2024-11-22T11:06:40.5+01:00"}])["time"]["time"] == "rfc3339"


def test_the_unit_that_a_payload_names_goes_to_its_value():
    found = rules([{"value": 20.5, "unit": "Cel", "ts": NOW_MS}])
    assert found["value"]["unit"] == "Cel"
    assert "unit" not in found["ts"]
    assert "unit" not in rules([{"value": 1, "unit": "Cel"}, {"value": 1, "unit": "bar"}])["value"]


def test_a_unit_that_is_no_ucum_code_is_told_and_not_taken_over():
    (value, _) = learned([{"value": 20.5, "unit": "°C"}]).fields()
    assert "unit" not in value.rules
    assert value.seen.endswith("its unit is called °C: Cel?")


def test_nulls_that_go_with_bad_quality_are_told_by_it():
    payloads = [{"value": 1, "quality": "GOOD"}, {"value": None, "quality": "BAD"}]
    learner = learned(payloads)
    assert learner.quality_path == "quality"
    assert rules(payloads)["value"]["null"] == "when_bad"
    assert rules([*payloads, {"value": None, "quality": "GOOD"}])["value"]["null"] == "allowed"
    assert rules([*payloads, {"value": 2, "quality": "BAD"}])["value"]["null"] == "allowed"


def test_members_of_objects_have_dotted_names():
    found = rules([{"motor": {"temp": 1, "a.b": 2}}])
    assert sorted(found) == ['motor."a.b"', "motor.temp"]


def test_what_no_contract_accepts_is_counted():
    learner = learned([b"{", b"[1]", b'{"a": 1}'])
    assert (learner.unreadable, learner.count) == (2, 1)


def test_the_number_of_fields_is_bounded():
    learner = learned([{f"field{number}": 1} for number in range(MAX_FIELDS + 50)])
    assert learner.is_full
    assert len(list(learner.fields())) == MAX_FIELDS


def test_a_draft_reads_as_yaml_whatever_names_fields_have():
    import yaml

    names = ["true", "a: b", "#", "- x", "line\nbreak", "ü", "", "{x}", "1", "a.b"]
    text = draft_text("odd", 1, learned([dict.fromkeys(names, 1)]), learned_from="a test\n- injected")
    read = yaml.safe_load(text)
    assert len(read["payload"]) == len(names)
    assert read["contract"] == "odd"
    assert "\n- injected" not in text


def test_a_draft_of_bare_values_has_a_scalar():
    text = draft_text("level", 1, learned([b"1.5", b"2.5"]), learned_from="a test")
    assert "scalar: {type: number, range: [" in text
