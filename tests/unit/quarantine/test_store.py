"""The quarantine's store: what it keeps, what it lets go, and what it does when the disk or the file is at fault."""

from __future__ import annotations

import sqlite3
import stat
import threading

import pytest

from pronubes.errors import QuarantineFull
from pronubes.quarantine.records import NO_ROUTE, QuarantineReader, Selection, UnreadableQuarantine
from pronubes.quarantine.store import QuarantineDamaged, QuarantineStore, Written
from quarantine_rows import MIB, NOW_NS, row

DAY_NS = 86_400 * 10**9


def read(store, selection=None):
    with QuarantineReader(store.path) as reader:
        return list(reader.records(Selection() if selection is None else selection))


def test_what_is_written_is_there_after_the_writer_is_gone_and_is_for_this_user_only(store):
    binary = bytes(range(256))
    rows = [row(1), row(2, payload=binary), row(3, route=None), row(4, sink="uns", topic="acme/x")]
    store.append(rows, is_awaited=True)
    store.close()
    found = read(store)
    kept = [
        (one.time_ns, one.source_ns, one.source, one.route, one.step, one.reason, one.detail, one.topic, one.payload, one.sink, one.qos, one.retain)
        for one in found
    ]
    assert kept == rows
    assert [one.kind for one in found] == ["message", "message", "message", "output"]
    assert {one.state for one in found} == {"waiting"}
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("selection", "numbers"),
    [
        (Selection(), [0, 1, 2, 3, 4, 5]),
        (Selection(routes=["a"]), [0, 2]),
        (Selection(routes=[NO_ROUTE]), [4, 5]),
        (Selection(routes=["b", NO_ROUTE]), [1, 3, 4, 5]),
        (Selection(reasons=["wrong_type"]), [2, 3]),
        (Selection(routes=["a"], reasons=["wrong_type"]), [2]),
        (Selection(sources=["other"]), [5]),
        (Selection(topic="raw/+"), [0, 1, 2, 3, 4]),
        (Selection(topic="raw/3"), [3]),
        (Selection(since_ns=NOW_NS + 4), [4, 5]),
        (Selection(until_ns=NOW_NS + 2), [0, 1]),
        (Selection(limit=2), [0, 1]),
        (Selection(ids=[2, 4]), [1, 3]),
        (Selection(states=["replayed"]), []),
        (Selection(states=()), [0, 1, 2, 3, 4, 5]),
    ],
)
def test_a_selection_means_what_it_says(store, selection, numbers):
    rows = [row(0, route="a"), row(1, route="b"), row(2, route="a", reason="wrong_type"), row(3, route="b", reason="wrong_type")]
    rows += [row(4, route=None), row(5, route=None, source="other", topic="not//#a topic")]
    store.append(rows, is_awaited=False)
    assert [one.time_ns - NOW_NS for one in read(store, selection)] == numbers
    with QuarantineReader(store.path) as reader:
        assert reader.count(selection) == len(numbers)
    again = Selection.from_json(selection.as_json())
    assert (again.where(), again.limit) == (selection.where(), selection.limit)


@pytest.mark.parametrize("document", [[], {"nothing": 1}, {"ids": [True]}, {"routes": "a"}, {"limit": "3"}, {"topic": 3}, {"since_ns": 1.5}])
def test_what_is_no_selection_is_refused(document):
    with pytest.raises(ValueError, match="selection"):
        Selection.from_json(document)


def test_groups_are_counted_with_their_newest(store):
    store.append([row(1), row(2), row(3, reason="wrong_type"), row(4, route=None)], is_awaited=True)
    with QuarantineReader(store.path) as reader:
        groups = reader.groups(Selection())
    assert [(one.route, one.reason, one.records, one.oldest_ns - NOW_NS, one.newest_ns - NOW_NS, one.newest_id) for one in groups] == [
        ("r", "missing_field", 2, 1, 2, 2),
        (None, "missing_field", 1, 4, 4, 4),
        ("r", "wrong_type", 1, 3, 3, 3),
    ]


def fill(store, *, is_awaited, batches=80):
    """Write more than there is room for, until it says so or all is written; how many records."""
    written = 0
    for batch in range(batches):
        rows = [row(batch * 100 + number, payload=b"x" * 1000) for number in range(100)]
        store.append(rows, is_awaited=is_awaited)
        written += len(rows)
    return written


def test_a_full_store_lets_the_oldest_go_that_nobody_waited_for_and_counts_them(store):
    written = fill(store, is_awaited=False)
    left = read(store)
    assert 0 < store.stats.evicted == written - len(left)
    assert store.stats.records == len(left)
    assert [one.time_ns for one in left] == [NOW_NS + number for number in range(written - len(left), written)]
    assert store.stats.bytes <= 4 * MIB
    assert store.stats.oldest_ns == left[0].time_ns
    store.close()
    assert store.path.stat().st_size <= 4 * MIB + 4 * MIB // 8
    store.open()
    assert (store.stats.evicted, store.stats.records) == (written - len(left), len(left))


def test_a_full_store_keeps_what_was_promised_and_takes_no_more(store):
    store.append([row(-number - 1, payload=b"y" * 1000) for number in range(500)], is_awaited=False)
    with pytest.raises(QuarantineFull):
        fill(store, is_awaited=True)
    left = read(store)
    # Those that nobody waited for went first; of the others none is gone, and no batch is half there.
    promised = [one.time_ns - NOW_NS for one in left if one.time_ns >= NOW_NS]
    assert promised == list(range(len(promised)))
    assert (len(promised) % 100, len(promised) > 2000) == (0, True)
    assert (store.stats.evicted, store.stats.records) == (500 - (len(left) - len(promised)), len(left))
    assert store.stats.evicted > 400
    with pytest.raises(QuarantineFull):
        store.append([row(9999, payload=b"z" * 100_000)] * 3, is_awaited=False)
    assert read(store) == left


def test_a_quarantine_with_room_again_takes_records_again(store):
    with pytest.raises(QuarantineFull):
        fill(store, is_awaited=True)
    store.reconfigure(size=8 * MIB, age_s=7 * 86_400)
    store.append([row(9999)], is_awaited=True)
    assert read(store)[-1].time_ns == NOW_NS + 9999


def test_a_message_larger_than_the_quarantine_does_not_stand_in_the_way_for_ever(store):
    store.append([row(1, payload=b"x" * (5 * MIB)), row(2)], is_awaited=True)
    large, small = read(store)
    assert (large.payload, small.payload) == (b"x" * MIB, b'{"n":2}')
    assert "5,242,880" in large.detail


def test_age_holds_for_all_and_is_counted(store, clock):
    old, young, unset = row(1, time_ns=NOW_NS - 8 * DAY_NS), row(2), row(3, time_ns=17)
    store.append([old, young, unset], is_awaited=True)
    assert store.expire() == Written(expired=1)
    # A clock that stood in 1970 says nothing about age.
    assert [one.time_ns for one in read(store)] == [NOW_NS + 2, 17]
    clock.ns += 9 * DAY_NS
    assert store.append([row(4, time_ns=clock.ns)], is_awaited=True) == Written(expired=1)
    assert store.stats.expired == 2


def test_a_full_disk_is_no_loss(store, monkeypatch):
    store.append([row(1)], is_awaited=True)
    connection = store._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    monkeypatch.setattr(QuarantineStore, "_most_pages", lambda _self, _connection: pages)
    with pytest.raises(QuarantineFull, match="full"):
        store.append([row(2, payload=b"x" * 100_000)], is_awaited=True)
    monkeypatch.undo()
    store.append([row(3)], is_awaited=True)
    assert [one.time_ns - NOW_NS for one in read(store)] == [1, 3]


@pytest.mark.parametrize("where", ["header", "middle", "other_file"])
def test_a_damaged_file_is_set_aside_at_the_start(store, where):
    store.append([row(number) for number in range(2000)], is_awaited=True)
    store.close()
    content = bytearray(store.path.read_bytes())
    if where == "other_file":
        content = bytearray(b"time_ns,source\n" * 100)
    else:
        at = 0 if where == "header" else len(content) // 2 & ~4095
        content[at : at + 4096] = b"\xa5" * 4096
    store.path.write_bytes(content)
    with pytest.raises(QuarantineDamaged) as raised:
        store.open()
    store.append([row(5)], is_awaited=True)
    assert raised.value.kept_at.read_bytes() == content
    assert (len(read(store)), store.stats.records) == (1, 1)


def test_damage_that_shows_later_is_set_aside_too(store, monkeypatch):
    monkeypatch.setattr("pronubes.quarantine.schema.QUICK_CHECK_BYTES", 0)
    store.append([row(number) for number in range(8_000)], is_awaited=True)
    store.close()
    content = bytearray(store.path.read_bytes())
    first, last = 32 * 4096, len(content) - 32 * 4096
    content[first:last] = b"\xa5" * (last - first)
    store.path.write_bytes(content)
    damaged = False
    for batch in range(2):
        try:
            store.append([row(batch, reason="wrong_type")], is_awaited=True)
        except QuarantineDamaged as damage:
            damaged = damage.kept_at.exists()
    assert damaged
    assert store.path.exists()


def test_an_unusable_place_says_so_and_is_tried_again(tmp_path, clock):
    (tmp_path / "data").write_text("a file where the folder should be")
    store = QuarantineStore(tmp_path / "data" / "quarantine.db", size=MIB, age_s=60, now_ns=clock)
    with pytest.raises(QuarantineFull, match="takes no record"):
        store.append([row(1)], is_awaited=True)
    (tmp_path / "data").unlink()
    store.append([row(1)], is_awaited=True)
    assert len(read(store)) == 1
    store.close()


def test_a_symbolic_link_is_not_followed(tmp_path, clock):
    (tmp_path / "quarantine.db").symlink_to(tmp_path / "elsewhere")
    store = QuarantineStore(tmp_path / "quarantine.db", size=MIB, age_s=60, now_ns=clock)
    with pytest.raises(QuarantineFull):
        store.append([row(1)], is_awaited=True)
    assert not (tmp_path / "elsewhere").exists()


def test_readers_and_the_writer_do_not_wait_for_each_other(store):
    store.append([row(0)], is_awaited=True)
    is_over, seen, failures = threading.Event(), [], []

    def look():
        while not is_over.is_set():
            try:
                found = [one.time_ns - NOW_NS for one in read(store)]
            except Exception as error:  # noqa: BLE001 - told below
                failures.append(error)
                return
            seen.append(found)

    reader = threading.Thread(target=look)
    reader.start()
    for batch in range(50):
        store.append([row(1 + batch * 10 + number) for number in range(10)], is_awaited=True)
    is_over.set()
    reader.join()
    assert not failures
    # Every look saw whole batches, in order.
    assert all(found == list(range(len(found))) and len(found) % 10 == 1 for found in seen)
    assert len(read(store)) == 501


def test_a_quarantine_that_is_not_there_or_not_ours_is_told(tmp_path):
    with pytest.raises(UnreadableQuarantine, match="nothing has been quarantined"):
        QuarantineReader(tmp_path / "quarantine.db")
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE records (id)")
    other.close()
    with pytest.raises(UnreadableQuarantine, match="no quarantine of this version"):
        QuarantineReader(tmp_path / "other.db")
