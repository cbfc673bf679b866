"""The historian: what stands in its rows, and what happens when it cannot write."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from pronubes.connectors.base import NotConnected
from pronubes.connectors.sqlite import SqliteOptions, SqliteSink
from pronubes.testing import ListBatch, SinkConformance


def rows(context, query="SELECT topic, time_ns, value, quality, unit, rest, payload FROM history ORDER BY rowid"):
    connection = sqlite3.connect(context.base_dir / "data" / "history.db")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


class TestSqliteConformance(SinkConformance):
    def make_sink(self, context):
        return SqliteSink(SqliteOptions(path="data/history.db"), context)

    def delivered(self, context):
        return rows(context, "SELECT rowid, topic, time_ns FROM history ORDER BY rowid")

    def identity(self, item):
        return item[1:]


CASES = {
    "number": (b'{"value":21.5,"timestamp_ms":1700,"quality":"GOOD","unit":"Cel"}', (1_700_000_000, 21.5, "GOOD", "Cel", None, None)),
    "exact integer": (b'{"value":9007199254740993}', (5, 9007199254740993, None, None, None, None)),
    "greatest integer": (b'{"value":9223372036854775807}', (5, 2**63 - 1, None, None, None, None)),
    "integer beyond 64 bits": (b'{"value":9223372036854775808}', (5, "9223372036854775808", None, None, None, None)),
    "negative beyond 64 bits": (b'{"value":-9223372036854775809,"unit":"1"}', (5, "-9223372036854775809", None, "1", None, None)),
    "bare integer beyond doubles": (b"1" * 300, (5, "1" * 300, None, None, None, None)),
    "great number with exponent": (b'{"value":1e19}', (5, 1e19, None, None, None, None)),
    "digits as text": (b'{"value":"18446744073709551616"}', (5, "18446744073709551616", None, None, None, None)),
    "text": (b'{"value":"RUNNING"}', (5, "RUNNING", None, None, None, None)),
    "truth value": (b'{"value":true}', (5, 1, None, None, None, None)),
    "no value, bad quality": (b'{"value":null,"quality":"BAD"}', (5, None, "BAD", None, None, None)),
    "rest": (b'{"value":1,"hot":true,"raw":{"a":1}}', (5, 1, None, None, '{"hot":true,"raw":{"a":1}}', None)),
    "bare number": (b"21.5", (5, 21.5, None, None, None, None)),
    "no JSON": (b"\xff", (5, None, None, None, None, b"\xff")),
    "array": (b"[1,2]", (5, None, None, None, None, b"[1,2]")),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_payload_becomes_a_row(name, context):
    payload, expected = CASES[name]
    sink = SqliteSink(SqliteOptions(path="data/history.db"), context)
    await sink.open()
    await sink.write(ListBatch([("a/b", payload)], time_ns=5))
    await sink.close()
    assert rows(context) == [("a/b", *expected)]


OWN = {"value": "d.v", "quality": {"field": "d.q", "as": "classic"}, "time": {"field": "t", "as": "unix_s"}, "unit": "eu"}
SHAPED = {
    "opcua": (
        "opcua",
        b'{"Value":21.5,"StatusCode":2150694912,"SourceTimestamp":"1970-01-01T00:00:01Z"}',
        (10**9, 21.5, "BadNoCommunication", None, None, None),
    ),
    "opcua without a status": ("opcua", b'{"Value":7,"batch":"B1"}', (5, 7, "Good", None, '{"batch":"B1"}', None)),
    "a status with flags": ("opcua", b'{"Value":7,"StatusCode":1024}', (5, 7, "0x00000400", None, None, None)),
    "i3x": ("i3x", b'{"value":null,"quality":"Bad","timestamp":"1970-01-01T00:00:01.5Z"}', (1_500_000_000, None, "Bad", None, None, None)),
    "own fields": (
        OWN,
        b'{"d":{"v":"on","q":24},"t":2,"eu":"1","x":1}',
        (2 * 10**9, "on", "BadNoCommunication", "1", '{"d":{"v":"on","q":24},"x":1}', None),
    ),
    "a quality that nobody knows": (OWN, b'{"d":{"v":1,"q":128},"t":2}', (2 * 10**9, 1, "128", None, '{"d":{"v":1,"q":128}}', None)),
    "umh": ("umh", b'{"timestamp_ms":3,"value":true}', (3_000_000, 1, None, None, None, None)),
    "the bare value": ("value", b"1.5", (5, 1.5, None, None, None, None)),
    "no JSON": ("opcua", b"\xff", (5, None, None, None, None, b"\xff")),
}


@pytest.mark.parametrize("name", SHAPED)
async def test_a_payload_of_another_shape_becomes_a_row(name, context):
    shape, payload, expected = SHAPED[name]
    sink = SqliteSink(SqliteOptions(path="data/history.db", shape=shape), context)
    await sink.open()
    await sink.write(ListBatch([("a/b", payload)], time_ns=5))
    await sink.close()
    assert rows(context) == [("a/b", *expected)]


async def test_a_value_without_unit_takes_that_of_the_route_s_contract(context):
    units = {"made": "Cel"}
    sink = SqliteSink(SqliteOptions(path="data/history.db"), replace(context, units=lambda: units))
    await sink.open()
    payloads = [b'{"value":1}', b'{"value":2,"unit":"K","hot":true}', b"3", b'{"value":null,"quality":"BAD"}', b"[1]"]
    await sink.write(ListBatch([("t", payload) for payload in payloads], route="made"))
    await sink.write(ListBatch([("t", b"4")], route="another"))
    units = {"another": "bar"}
    await sink.write(ListBatch([("t", b"5")], route="another"))
    await sink.close()
    found = rows(context, "SELECT value, unit, rest, payload FROM history ORDER BY rowid")
    assert found == [
        (1, "Cel", None, None),
        (2, "K", '{"hot":true}', None),
        (3, "Cel", None, None),
        (None, None, None, None),
        (None, None, None, b"[1]"),
        (4, None, None, None),
        (5, "bar", None, None),
    ]


async def test_a_batch_is_written_whole_or_not_at_all(context):
    sink = SqliteSink(SqliteOptions(path="data/history.db"), context)
    await sink.open()
    await sink.write(ListBatch([("first", b"1")]))
    broken = ListBatch([("second", b"2"), ("third", b"3")])
    nothing = (None,) * 5
    broken.rows = lambda *_, **__: [("second", 1, 2, *nothing, b"", None, None), ("third", None, 3, *nothing, b"", None, None)]
    with pytest.raises(NotConnected, match="NOT NULL"):
        await sink.write(broken)
    await sink.close()
    assert [row[0] for row in rows(context)] == ["first"]


async def test_a_locked_file_is_waited_for(context):
    sink = SqliteSink(SqliteOptions(path="data/history.db"), context)
    await sink.open()
    other = sqlite3.connect(context.base_dir / "data" / "history.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(NotConnected, match="locked"):
        await sink.write(ListBatch([("a", b"1")]))
    other.execute("COMMIT")
    other.close()
    await sink.write(ListBatch([("a", b"1")]))
    await sink.close()
    assert len(rows(context)) == 1


@pytest.mark.parametrize("table", ["", "a b", "1st", "x;drop", "history'--"])
def test_a_table_name_is_a_name(table):
    with pytest.raises(ValueError, match="cannot be a table's name"):
        SqliteOptions(path="x.db", table=table)
