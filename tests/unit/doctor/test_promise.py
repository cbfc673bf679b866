"""What the doctor makes of a configuration and of a broker's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pronubes.config.load import load_values
from pronubes.connectors.mqtt_options import MqttSinkOptions, MqttSourceOptions
from pronubes.doctor.broker import Asked, judge
from pronubes.doctor.delivery import look_at_delivery
from pronubes.doctor.disk import Syncs
from pronubes.doctor.finding import Finding, Level
from pronubes.doctor.needs import Needs, needs_of
from pronubes.doctor.probe import Answer

if TYPE_CHECKING:
    from pathlib import Path

BROKER = {"type": "mqtt", "url": "mqtt://127.0.0.1:1883"}
SYNCS = Syncs(100, 0.005, 0.01, 0.02)


def configured(tmp_path: Path, *, sink: dict[str, Any] | None = None, delivery: str | None = None, **source: Any) -> Any:
    route = {"filter": "#", "to": "uns"} | ({} if delivery is None else {"delivery": delivery})
    plan = {"sources": {"plant": {**BROKER, "topics": ["raw/#"], **source}}, "sinks": {"uns": {**BROKER, **(sink or {})}}, "routes": {"all": route}}
    return load_values({"version": 1, "name": "edge", **plan}, base_dir=tmp_path)


@pytest.mark.parametrize(
    ("source", "delivery", "level", "words"),
    [
        ({"qos": 1}, "through", Level.OK, "session kept for 24 h"),
        ({"qos": 1, "clean_start": True}, "through", Level.WARN, "clean start"),
        ({"qos": 1, "session_expiry": "5m"}, "through", Level.WARN, "session kept for 5 min"),
        ({"qos": 1, "version": "3.1.1"}, "through", Level.OK, "as long as the broker likes"),
        ({"qos": 0}, "through", Level.BAD, "QoS 0 with `through`"),
        ({"qos": 0}, "volatile", Level.OK, "QoS 0"),
    ],
)
def test_a_promise_that_the_quality_of_service_breaks_is_named(
    tmp_path: Path, source: dict[str, Any], delivery: str, level: Level, words: str
) -> None:
    loaded = configured(tmp_path, delivery=delivery, **source)
    (finding,) = look_at_delivery(loaded, needs_of(loaded))
    assert finding.level == level
    assert words in finding.figure


def test_clients_of_one_name_are_named_whatever_the_broker_is_called(tmp_path: Path) -> None:
    loaded = configured(tmp_path, sink={"url": "mqtt://localhost:1883", "client_id": "edge-plant"})
    *_, finding = look_at_delivery(loaded, needs_of(loaded))
    assert (finding.name, finding.level) == ("client ids", Level.BAD)
    assert "`plant`, `uns`" in finding.figure


def test_the_needs_are_those_of_the_configuration(tmp_path: Path) -> None:
    needs = needs_of(configured(tmp_path, delivery="through", sink={"queue": {"size": "1MiB"}}))
    durable = needs_of(configured(tmp_path, qos=1))
    assert (needs.kept_bytes.keys(), durable.kept_bytes.keys()) == ({"quarantine"}, {"quarantine", "log"})
    assert (durable.classes, durable.sync_gap_s, durable.reserves) == ({"plant": frozenset({"durable"})}, 0.02, (None,))
    assert (needs.classes, needs.memory_bytes["queues of sinks"], needs.connections) == ({"plant": frozenset({"through"})}, 2**20, 2)
    assert needs.kept_bytes["quarantine"] == 2**30
    assert needs.data_dir == tmp_path / "data"


def source(**options: Any) -> MqttSourceOptions:
    return MqttSourceOptions(url="mqtt://127.0.0.1:1883", topics=["raw/#"], **{"qos": 1, **options})


def sink(**options: Any) -> MqttSinkOptions:
    return MqttSinkOptions(url="mqtt://127.0.0.1:1883", **{"qos": 1, **options})


def judged(asked: Asked, delivery: str = "durable") -> list[Finding]:
    needs = Needs(data_dir=None, classes={"x": frozenset({delivery})}, kept_bytes={}, memory_bytes={}, connections=1)  # type: ignore[arg-type]
    return list(judge(asked, needs, SYNCS, payload_bytes=2**20))


@pytest.mark.parametrize(
    ("options", "window", "delivery", "cap", "level"),
    [
        (source(receive_maximum=1000), None, "durable", 1000 / 0.026, Level.OK),
        (source(receive_maximum=1000), 20, "durable", 20 / 0.026, Level.WARN),
        (source(version="3.1.1"), None, "durable", 20 / 0.026, Level.WARN),
        (source(receive_maximum=1000), 20, "through", 20 / 0.001, Level.OK),
    ],
)
def test_a_window_caps_the_rate_of_a_source(options: MqttSourceOptions, window: int | None, delivery: str, cap: float, level: Level) -> None:
    *_, finding = judged(Asked("source", "x", options, Answer({}, {"raw/#": 1}, 0.001), window=window), delivery)
    assert finding.values["cap_per_s"] == pytest.approx(cap)
    assert (finding.level, finding.action is None) == (level, level == Level.OK)
    assert f"At most {cap:,.0f} messages a second" in finding.meaning


@pytest.mark.parametrize(("limits", "cap", "level"), [({"ReceiveMaximum": 20}, 20 / 0.01, Level.WARN), ({}, 1000 / 0.01, Level.OK)])
def test_a_receive_maximum_caps_the_rate_of_a_sink(limits: dict[str, int], cap: float, level: Level) -> None:
    *_, finding = judged(Asked("sink", "x", sink(), Answer(limits, {}, 0.01)))
    assert (finding.values["cap_per_s"], finding.level) == (pytest.approx(cap), level)


@pytest.mark.parametrize(
    ("asked", "level", "words"),
    [
        (Asked("source", "x", source(), Answer({}, {"raw/#": None}, 0.001)), Level.BAD, "refuses 1 of 1 filters: `raw/#`"),
        (Asked("source", "x", source(), Answer({}, {"raw/#": 0}, 0.001)), Level.BAD, "grants QoS 0"),
        (Asked("sink", "x", sink(), Answer({"MaximumQoS": 0}, {}, 0.001)), Level.BAD, "allows QoS 0 at most"),
        (Asked("sink", "x", sink(retain=True), Answer({"RetainAvailable": 0}, {}, 0.001)), Level.BAD, "no retained messages"),
        (Asked("sink", "x", sink(), Answer({"MaximumPacketSize": 1024}, {}, 0.001)), Level.WARN, "packets of 1.0 KiB at most"),
        (Asked("sink", "x", sink(), Answer({"ServerKeepAlive": 10}, {}, 0.001)), Level.OK, "every 10 s instead of 30 s"),
        (Asked("sink", "x", sink(), Answer({}, {}, 0.001, {"publish/messages/dropped": "1200"})), Level.WARN, "dropped 1,200 messages"),
        (Asked("sink", "x", sink(), error="The broker cannot be reached."), Level.BAD, "cannot be reached"),
    ],
)
def test_what_a_broker_does_not_allow_is_named(asked: Asked, level: Level, words: str) -> None:
    assert [finding.level for finding in judged(asked) if words in finding.figure] == [level]


@pytest.mark.parametrize(
    ("options", "count", "expected"),
    [(source(), "12500", [12_500]), (source(), "900", []), (source(retained="never"), "12500", []), (source(), "no number", [])],
)
def test_more_retained_messages_than_a_session_queues_are_named(options: MqttSourceOptions, count: str, expected: list[int]) -> None:
    findings = judged(Asked("source", "x", options, Answer({}, {"raw/#": 1}, 0.001, {"retained messages/count": count})))
    assert [finding.values["retained"] for finding in findings if "retained" in finding.values] == expected


def test_a_lower_quality_of_service_only_warns_where_nothing_is_promised() -> None:
    findings = judged(Asked("source", "x", source(), Answer({}, {"raw/#": 0}, 0.001)), "spill")
    assert [finding.level for finding in findings if "grants QoS 0" in finding.figure] == [Level.WARN]
