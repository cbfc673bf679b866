"""What a name of the catalogue says, read from its newest payload."""

import pytest

from pronubes.catalog import NS_PER_S, described

NOW_NS = 1_732_270_000 * NS_PER_S


def topic(**facts):
    base = {"topic": "a/b", "contract": None, "received_ns": NOW_NS, "first_ns": NOW_NS, "count": 1}
    return base | facts


def seen(payload, *, contract=None, contracts=None, **facts):
    document = described(topic(payload=payload, contract=contract, **facts), now_ns=NOW_NS, contracts=contracts or {})
    return {key: document[key] for key in ("value", "quality", "unit", "time_ns")}


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"value": 1.5, "unit": "Cel", "quality": "GOOD", "timestamp_ms": 5}, {"value": 1.5, "unit": "Cel", "quality": "GOOD", "time_ns": 5_000_000}),
        ({"temp": 1.5}, {"value": None, "unit": None, "quality": None, "time_ns": None}),
        ({"value": None, "unit": 7, "timestamp_ms": True}, {"value": None, "unit": None, "quality": None, "time_ns": None}),
        (7, {"value": 7, "unit": None, "quality": None, "time_ns": None}),
        (None, {"value": None, "unit": None, "quality": None, "time_ns": None}),
    ],
)
def test_usual_names_are_read_and_nothing_is_guessed(payload, expected):
    assert seen(payload) == expected


def test_a_contract_says_where_things_stand():
    fields = [{"path": "motor.temp", "type": "number", "unit": "Cel"}, {"path": "at", "type": "integer", "time": {"unit": "s"}}]
    contracts = {"motor@1": {"fields": fields, "quality": {"path": "motor.q"}}}
    found = seen({"motor": {"temp": 80, "q": "BAD"}, "at": 3, "quality": "GOOD"}, contract="motor@1", contracts=contracts)
    assert found == {"value": 80, "unit": "Cel", "quality": "BAD", "time_ns": 3 * NS_PER_S}


def test_the_unit_of_a_contract_counts_more_than_what_a_payload_says():
    contracts = {"m@1": {"fields": [{"path": "value", "type": "number", "unit": "bar"}]}}
    assert seen({"value": 1, "unit": "mbar"}, contract="m@1", contracts=contracts)["unit"] == "bar"


@pytest.mark.parametrize(
    ("count", "interval_s", "silent_s", "is_stale"),
    [(1, 1, 10**6, False), (100, 1, 9, False), (100, 1, 11, True), (100, 60, 299, False), (100, 60, 301, True)],
)
def test_a_name_is_stale_when_it_is_silent_for_longer_than_is_usual(count, interval_s, silent_s, is_stale):
    received = NOW_NS - silent_s * NS_PER_S
    first = received - (count - 1) * interval_s * NS_PER_S
    document = described(topic(payload=1, count=count, received_ns=received, first_ns=first), now_ns=NOW_NS, contracts={})
    assert (document["is_stale"], document["age_s"]) == (is_stale, silent_s)
