"""The engine's pipeline as Python sees it: calls, conversions, errors. Its behaviour is tested in Rust."""

import json

import numpy as np
import pytest

from pronubes import _core

NOW = 1_700_000_000_000_000_000


def spec(**changes):
    document = {
        "sources": ["plant"],
        "sinks": ["sql", "live"],
        "hooks": [],
        "routes": [{"name": "all", "filter": "raw/{area}/{rest#}", "topic": "acme/{area}/{rest}", "to": [{"sink": "sql"}, {"sink": "live"}]}],
    }
    return json.dumps(document | changes).encode()


def node(**changes):
    document = {
        "sources": [{"name": "plant", "kind": "batch", "delivery": "through"}],
        "sinks": [{"name": "sql", "kind": "batch"}, {"name": "live", "kind": "latest"}],
    }
    return json.dumps(document | changes).encode()


@pytest.fixture
def pipeline():
    return _core.Pipeline(spec(), node(), now_ns=NOW)


def push(pipeline, *messages, **options):
    topics, payloads = zip(*messages, strict=True)
    return pipeline.push("plant", list(topics), list(payloads), now_ns=NOW, **options)


def hooked():
    step = {"python": {"hook": 0}}
    routes = [{"name": "all", "filter": "raw/{area}/{rest#}", "steps": [step], "topic": "acme/{rest}", "to": [{"sink": "sql"}]}]
    return _core.Pipeline(spec(routes=routes, hooks=["plant.hooks:oee"]), node(), now_ns=NOW)


def taken(pipeline):
    batch = pipeline.take("sql", now_ns=NOW, force=True)
    return list(zip(batch.topics(), batch.payloads(), strict=True))


class TestBatches:
    def test_a_push_becomes_a_batch_and_its_confirmation_settles_the_position(self, pipeline):
        work = push(pipeline, ("raw/a/t", b'{"value": 1.5}'), ("raw/a/u", b"7"), position=41)
        assert (work.more, work.ready_sinks, work.settled) == (True, ["sql"], [])
        batch = pipeline.take("sql", now_ns=NOW)
        assert (batch.topics(), batch.payloads(), len(batch)) == (["acme/a/t", "acme/a/u"], [b'{"value": 1.5}', b"7"], 2)
        assert (batch.sources(), batch.routes()) == (["plant", "plant"], ["all", "all"])
        work = pipeline.confirm("sql", batch.id, now_ns=NOW)
        assert work.settled == [("plant", 41, True)]
        assert pipeline.drained()

    def test_refused_rows_are_quarantined_and_retried_rows_come_again(self, pipeline):
        push(pipeline, *((f"raw/a/{row}", b"%d" % row) for row in range(3)), position=1)
        batch = pipeline.take("sql", now_ns=NOW)
        work = pipeline.confirm("sql", batch.id, refused=[(0, "no such table")], retry=[2], now_ns=NOW)
        assert (work.ready_sinks, work.ready_quarantine, work.settled) == (["sql"], True, [])
        again = pipeline.take("sql", now_ns=NOW)
        assert again.topics() == ["acme/a/2"]
        pipeline.confirm("sql", again.id, now_ns=NOW)
        faults = pipeline.take_quarantine()
        assert faults.reasons() == {("all", "sink_refused"): 1}
        record = json.loads(faults.ndjson())
        assert (record["detail"], record["payload"], record["source"]) == ("no such table", "0", "plant")
        assert pipeline.confirm_quarantine(faults.id, now_ns=NOW).settled == [("plant", 1, True)]

    def test_columns_share_one_scan_and_know_what_is_missing(self, pipeline):
        push(
            pipeline,
            ("raw/a/1", b'{"value": 1.5, "quality": "GOOD", "motor": {"temp": 40}, "timestamp_ms": 1000}'),
            ("raw/a/2", b'{"value": "on"}'),
            ("raw/a/3", b"2.25"),
            ("raw/a/4", b"no JSON"),
        )
        batch = pipeline.take("sql", now_ns=NOW)
        value, quality, temp, source_ns, text = batch.columns(
            [("value", None), ("quality", None), ("motor.temp", "i64"), ("source_ns", None), ("text", None)]
        )
        assert np.frombuffer(value.data, "<f8")[[0, 2]].tolist() == [1.5, 2.25]
        assert (value.to_list(), value.nulls, value.validity) == ([1.5, None, 2.25, None], 2, b"\x05")
        assert quality.to_list() == ["GOOD", None, None, None]
        assert np.frombuffer(quality.offsets, "<i4").tolist() == [0, 4, 4, 4, 4]
        assert temp.to_list() == [40, None, None, None]
        assert source_ns.to_list() == [1_000_000_000, None, None, None]
        assert text.to_list() == [None, "on", None, None]
        rows = batch.rows([("topic", None), ("value", None)], rest_without=["value", "quality"])
        assert rows[0] == ("acme/a/1", 1.5, '{"motor": {"temp": 40}, "timestamp_ms": 1000}')
        assert rows[2] == ("acme/a/3", 2.25, None)

    def test_a_column_that_cannot_be_is_refused(self, pipeline):
        push(pipeline, ("raw/a/1", b"1"))
        batch = pipeline.take("sql", now_ns=NOW)
        with pytest.raises(KeyError, match="area"):
            batch.column("{area}")
        with pytest.raises(ValueError, match="f32"):
            batch.column("value", "f32")
        with pytest.raises(ValueError, match="topic"):
            batch.column("topic", "f64")

    def test_values_become_json(self, pipeline):
        pipeline.push_values(
            "plant",
            ["raw/a/1", "raw/a/2", "raw/a/3", "raw/a/4", "raw/a/5"],
            [21.0, 7, True, 'say "hi"', float("nan")],
            qualities=["GOOD", None, None, None, "BAD"],
            units=["[degF]", None, None, None, None],
            source_ns=[1_500_000, None, None, None, None],
            now_ns=NOW,
        )
        assert [payload for _, payload in taken(pipeline)] == [
            b'{"value":21.0,"quality":"GOOD","timestamp_ms":1,"unit":"[degF]"}',
            b'{"value":7}',
            b'{"value":true}',
            b'{"value":"say \\"hi\\""}',
            b'{"value":null,"quality":"BAD"}',
        ]

    def test_values_take_the_shape_of_their_source(self):
        pipeline = _core.Pipeline(spec(shapes={"plant": "record"}), node(), now_ns=NOW)
        pipeline.push_values(
            "plant",
            ["raw/a/1", "raw/a/2"],
            [21.5, None],
            statuses=[0, 0x8031_0000],
            units=["Cel", None],
            origins=["holding 1", None],
            source_ns=[1_500_000_001, None],
            now_ns=NOW,
        )
        first, second = (json.loads(payload) for _, payload in taken(pipeline))
        received = first.pop("received")
        assert first == {"value": 21.5, "quality": "Good", "timestamp": "1970-01-01T00:00:01.500000001Z", "unit": "Cel", "origin": "holding 1"}
        assert second == {"value": None, "quality": "BadNoCommunication", "received": received}

    @pytest.mark.parametrize(
        ("shape", "value", "more", "reason"),
        [
            ("reading", None, {}, "null_not_bad"),
            ("reading", None, {"qualities": ["GOOD"]}, "null_not_bad"),
            ("reading", None, {"statuses": [0x4090_0000]}, "null_not_bad"),
            ("reading", float("nan"), {"qualities": ["GOOD"]}, "not_finite"),
            ("reading", 1.0, {"qualities": ["splendid"]}, "unknown_quality"),
            ("umh", 1.0, {"statuses": [0x8000_0000]}, "quality_not_held"),
            ("umh", 1.0, {"source_ns": [None]}, "missing_field"),
        ],
    )
    def test_a_value_that_breaks_the_rules_is_quarantined_alone(self, shape, value, more, reason):
        pipeline = _core.Pipeline(spec(shapes={"plant": shape}), node(), now_ns=NOW)
        neighbour = {"qualities": "GOOD", "statuses": 0, "source_ns": 5_000_000}
        columns = {"source_ns": [7], **more}
        columns = {name: [*column, neighbour[name]] for name, column in columns.items()}
        pipeline.push_values("plant", ["raw/a/1", "raw/a/2"], [value, 2], **columns, now_ns=NOW)
        assert [topic for topic, _ in taken(pipeline)] == ["acme/a/2"]
        faults = pipeline.take_quarantine()
        assert list(faults.reasons()) == [("", reason)]
        assert "received" in json.loads(json.loads(faults.ndjson())["payload"])  # all that is known, for people

    def test_qualities_are_said_once(self, pipeline):
        with pytest.raises(ValueError, match="once"):
            pipeline.push_values("plant", ["raw/a/1"], [1], qualities=["GOOD"], statuses=[0], now_ns=NOW)

    def test_lines_that_a_batch_wrote_are_read_back_byte_for_byte(self, pipeline):
        payloads = [b'{"v": 1.50}', b'"text"', b"no JSON", b"\xff\xfe", b'{"two":\n"lines"}']
        push(pipeline, *((f"raw/a/{row}", payload) for row, payload in enumerate(payloads)))
        lines = pipeline.take("sql", now_ns=NOW).ndjson()
        reader = _core.Pipeline(spec(routes=[{"name": "all", "to": [{"sink": "sql"}]}]), node(), now_ns=NOW)
        reader.push_lines("plant", lines, topic_field="topic", payload_field="payload", time_field="time_ns", now_ns=NOW)
        assert taken(reader) == [(f"acme/a/{row}", payload) for row, payload in enumerate(payloads)]

    def test_lines_that_are_no_messages_are_quarantined_and_their_neighbours_pass(self, pipeline):
        lines = b'{"topic": "raw/a/1", "payload": 1}\n\n{"topic": 5, "payload": 1}\nno JSON\n{"topic": "raw/a/2", "payload": 2}'
        pipeline.push_lines("plant", lines, topic_field="topic", payload_field="payload", time_field=None, now_ns=NOW)
        assert [topic for topic, _ in taken(pipeline)] == ["acme/a/1", "acme/a/2"]
        faults = pipeline.take_quarantine()
        assert faults.reasons() == {("", "wrong_type"): 1, ("", "invalid_json"): 1}
        status = json.loads(pipeline.status(now_ns=NOW))
        assert (status["balanced"], status["sources"][0]["received"], status["sources"][0]["rejected"]) == (True, 4, 2)

    def test_a_topic_that_is_none_is_rejected_alone(self, pipeline):
        push(pipeline, ("raw/+/x", b"1"), ("raw/a/x", b"2"), position=9)
        assert taken(pipeline) == [("acme/a/x", b"2")]
        assert pipeline.take_quarantine().reasons() == {("", "invalid_topic"): 1}

    @pytest.mark.parametrize("options", [{"source_ns": [1]}, {"source_ns": [1, 2, 3]}])
    def test_columns_of_other_lengths_are_refused_before_anything_is_pushed(self, pipeline, options):
        with pytest.raises(ValueError, match="2 topics"):
            pipeline.push("plant", ["raw/a/1", "raw/a/2"], [b"1", b"2"], now_ns=NOW, **options)
        assert json.loads(pipeline.status(now_ns=NOW))["totals"]["received"] == 0

    @pytest.mark.parametrize(
        "call",
        [
            lambda p: p.push("nobody", [], [], now_ns=NOW),
            lambda p: p.take("nobody", now_ns=NOW),
            lambda p: p.confirm("sql", 5, now_ns=NOW),
            lambda p: p.take_hook(3),
            lambda p: p.changes("sql", 0, limit=1),
            lambda p: p.take_tap(1),
            lambda p: p.confirm_quarantine(1, now_ns=NOW),
        ],
    )
    def test_what_is_not_there_is_a_key_error(self, pipeline, call):
        with pytest.raises(KeyError):
            call(pipeline)


class TestHooks:
    def test_a_result_edits_payloads_topics_and_rows_and_the_route_goes_on(self):
        pipeline = hooked()
        work = push(pipeline, *((f"raw/a/{row}", b'{"value": %d, "ts": 5}' % row) for row in range(4)), position=3)
        assert work.ready_hooks == [0]
        batch = pipeline.take_hook(0)
        assert (len(batch), batch.column("{area}").to_list()) == (4, ["a"] * 4)
        value = np.frombuffer(batch.column("value").data, "<f8")
        pipeline.hook_done(
            0,
            batch.id,
            fields=[("value", "f64", value * 2, None), ("hot", "bool", (value > 1).astype(np.uint8), np.array([1, 1, 0, 1], np.uint8))],
            payloads=[None, b'{"other": 1}', None, None],
            topics=[None, None, "moved/x/y", None],
            keep=np.array([1, 1, 1, 0], np.uint8),
            now_ns=NOW,
        )
        assert pipeline.work(now_ns=NOW).ready_sinks == ["sql"]
        assert taken(pipeline) == [
            ("acme/0", b'{"value": 0.0, "ts": 5,"hot":false}'),
            ("acme/1", b'{"other": 1,"value":2.0,"hot":false}'),
            ("acme/2", b'{"value": 4.0, "ts": 5,"hot":null}'),
        ]
        status = json.loads(pipeline.status(now_ns=NOW))
        assert (status["balanced"], status["routes"][0]["passed"], status["routes"][0]["filtered"]) == (True, 3, 1)

    @pytest.mark.parametrize(
        ("changes", "detail"),
        [
            ({"fields": [("value", "f64", np.zeros(3), None)]}, "2 rows"),
            ({"fields": [("value", "f64", np.zeros(2, np.float32), None)]}, "value"),
            ({"fields": [("value", "text", [1, 2], None)]}, "value"),
            ({"fields": [("value", "binary", [b"", b""], None)]}, "binary"),
            ({"payloads": [b"1"]}, "payloads"),
            ({"keep": np.ones(1, np.uint8)}, "mask"),
            ({"failed": [(2, "hook_failed", "x")]}, "row 2"),
            ({"failed": [(0, "bored", "x")]}, "bored"),
            ({"payloads": 3}, "no list"),
        ],
    )
    def test_a_result_of_the_wrong_shape_quarantines_the_batch(self, changes, detail):
        pipeline = hooked()
        push(pipeline, ("raw/a/1", b'{"value": 1}'), ("raw/a/2", b'{"value": 2}'))
        batch = pipeline.take_hook(0)
        pipeline.hook_done(0, batch.id, now_ns=NOW, **changes)
        assert pipeline.work(now_ns=NOW).ready_quarantine
        faults = pipeline.take_quarantine()
        record = json.loads(faults.ndjson().splitlines()[0])
        assert faults.reasons() == {("all", "hook_output"): 2}
        assert (detail in record["detail"], record["payload"], record["step"]) == (True, '{"value": 1}', 0)

    def test_rows_that_fail_leave_their_neighbours_alone(self):
        pipeline = hooked()
        push(pipeline, *((f"raw/a/{row}", b'{"value": 1}') for row in range(3)))
        batch = pipeline.take_hook(0)
        values = np.array([1.0, np.nan, 3.0])
        pipeline.hook_done(0, batch.id, fields=[("value", "f64", values, None)], failed=[(0, "hook_failed", "ZeroDivisionError")], now_ns=NOW)
        assert taken(pipeline) == [("acme/2", b'{"value": 3.0}')]
        assert pipeline.take_quarantine().reasons() == {("all", "hook_failed"): 1, ("all", "not_finite"): 1}

    @pytest.mark.parametrize(
        ("changes", "detail"),
        [
            ({"topics": ["ok", 3]}, "The topic is of the type `int`."),
            ({"topics": ["ok", "\ud800"]}, "The topic is a text that UTF-8 cannot say."),
            ({"payloads": [b"1", "1"]}, "The payload is of the type `str`."),
            ({"fields": [("value", "text", ["a", b"b"], None)]}, "Field `value` is of the type `bytes`."),
        ],
    )
    def test_an_element_of_the_wrong_type_quarantines_its_row(self, changes, detail):
        pipeline = hooked()
        push(pipeline, ("raw/a/1", b'{"value": 1}'), ("raw/a/2", b'{"value": 2}'))
        refused = pipeline.hook_done(0, pipeline.take_hook(0).id, now_ns=NOW, **changes)
        assert len(taken(pipeline)) == 1
        assert refused == [("hook_output", 1, detail)]
        assert json.loads(pipeline.take_quarantine().ndjson())["payload"] == '{"value": 2}'

    def test_a_hook_that_gives_nothing_is_quarantined_with_its_reason(self):
        pipeline = hooked()
        push(pipeline, ("raw/a/1", b"1"), position=8)
        batch = pipeline.take_hook(0)
        with pytest.raises(ValueError, match="bored"):
            pipeline.hook_failed(0, batch.id, reason="bored", detail="", now_ns=NOW)
        pipeline.hook_failed(0, batch.id, reason="hook_timeout", detail="after 5 s", now_ns=NOW)
        faults = pipeline.take_quarantine()
        assert faults.reasons() == {("all", "hook_timeout"): 1}
        assert pipeline.confirm_quarantine(faults.id, now_ns=NOW).settled == [("plant", 8, True)]


class TestViews:
    def test_changes_come_oldest_first_and_only_once(self, pipeline):
        push(pipeline, ("raw/a/1", b'{"value": 1}'), ("raw/a/2", b"text"), ("raw/a/3", b"\xff"), ("raw/a/1", b'{"value": 2}'))
        first = json.loads(pipeline.changes("live", 0, limit=2))
        assert (first["topics"], first["more"], [value["topic"] for value in first["values"]]) == (3, True, ["acme/a/2", "acme/a/3"])
        assert (first["values"][0]["text"], first["values"][1]["base64"]) == ("text", "/w==")
        rest = json.loads(pipeline.changes("live", first["values"][-1]["sequence"], limit=10))
        assert [(value["payload"], value["count"]) for value in rest["values"]] == [({"value": 2}, 2)]
        assert json.loads(pipeline.changes("live", rest["sequence"], limit=10))["values"] == []

    def test_points_of_a_watched_topic(self, pipeline):
        pipeline.watch("live", "acme/a/1", points=2)
        push(pipeline, *(("raw/a/1", b'{"value": %d}' % value) for value in range(4)), ("raw/a/1", b'{"value": "x"}'))
        assert json.loads(pipeline.points("live", "acme/a/1", since_ns=0)) == [[NOW, 2.0], [NOW, 3.0]]
        assert json.loads(pipeline.points("live", "acme/a/2", since_ns=0)) == []

    def test_a_tap_copies_what_leaves_and_drops_when_full(self, pipeline):
        tap = pipeline.open_tap("acme/a/#", queue_bytes=100)
        work = push(pipeline, *(("raw/a/1", b"x" * 60) for _ in range(3)), ("raw/b/1", b"1"))
        assert work.ready_taps == [tap]
        copied, dropped = pipeline.take_tap(tap), pipeline.close_tap(tap)
        assert (copied.topics(), dropped) == (["acme/a/1"], 2)
        with pytest.raises(_core.TopicError):
            pipeline.open_tap("a/#/b", queue_bytes=1)


class TestLife:
    def test_a_pipeline_that_ends_full_leaves_nothing_to_the_next(self):
        for position in range(3):
            pipeline = _core.Pipeline(spec(), node(), now_ns=NOW)
            assert push(pipeline, ("raw/a/1", b"1"), position=position).settled == []
            del pipeline

    def test_a_wrong_node_says_everything_that_is_wrong(self):
        with pytest.raises(_core.SpecFailure) as failure:
            _core.Pipeline(spec(), node(sources=[], sinks=[{"name": "sql", "kind": "mqtt"}]), now_ns=NOW)
        assert [error.path for error in failure.value.errors] == ["node/sources/plant", "node/sinks/sql", "node/sinks/live"]

    def test_a_swap_keeps_what_has_the_same_name_and_a_failed_one_changes_nothing(self, pipeline):
        push(pipeline, ("raw/a/1", b"1"), position=1)
        with pytest.raises(_core.SpecFailure):
            pipeline.swap(spec(), b"", now_ns=NOW)
        routes = [{"name": "new", "topic": "other", "to": [{"sink": "sql"}]}]
        pipeline.swap(spec(routes=routes), node(), now_ns=NOW)
        push(pipeline, ("raw/a/2", b"2"))
        first = pipeline.take("sql", now_ns=NOW)
        work = pipeline.confirm("sql", first.id, now_ns=NOW)
        second = pipeline.take("sql", now_ns=NOW)
        assert (first.topics(), first.routes(), second.topics(), second.routes()) == (["acme/a/1"], ["all"], ["other"], ["new"])
        assert work.settled == [("plant", 1, True)]
        assert json.loads(pipeline.status(now_ns=NOW))["totals"]["received"] == 2

    def test_stopped_sources_are_told_to_pause(self, pipeline):
        assert pipeline.stop_sources(now_ns=NOW).pause == ["plant"]


class TestConnection:
    @pytest.fixture
    def link(self):
        sources = [{"name": "plant", "kind": "mqtt", "mqtt": {"client_id": "c", "protocol": 4, "subscriptions": [{"filter": "raw/#"}]}}]
        return _core.Pipeline(spec(), node(sources=sources), now_ns=NOW)

    def test_bytes_in_bytes_out(self, link):
        assert link.connections() == [(0, "source", "plant")]
        work = link.opened(0, now_ns=NOW)
        assert (work.writes[0][0], work.writes[0][1][:1], work.more) == (0, b"\x10", False)
        assert work.deadline_ns > NOW
        buffer = bytearray(4096)
        buffer[:4] = b"\x20\x02\x00\x00"
        work = link.received(0, buffer, 4, now_ns=NOW)
        assert (work.writes[0][1][:1], work.events[0][:2]) == (b"\x82", (0, "connected"))
        packet = b"\x30\x0a\x00\x07raw/a/t1"
        buffer[: len(packet)] = packet
        assert link.received(0, buffer, len(packet), now_ns=NOW).ready_sinks == ["sql"]
        assert taken(link) == [("acme/a/t", b"1")]

    def test_a_broker_that_breaks_the_protocol_is_left(self, link):
        link.opened(0, now_ns=NOW)
        work = link.received(0, bytearray(b"\xf0\x00"), 2, now_ns=NOW)
        assert [(connection, code, again) for connection, code, _, again in work.closes] == [(0, "unknown_packet_type", True)]

    def test_a_buffer_shorter_than_its_size_is_refused(self, link):
        with pytest.raises(ValueError, match="shorter"):
            link.received(0, bytearray(3), 4, now_ns=NOW)
