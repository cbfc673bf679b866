"""Replaying and dropping in the store: what is noted, once, and who it was."""

from __future__ import annotations

import sqlite3

import pytest

from pronubes.quarantine.actions import Actor, Fate
from pronubes.quarantine.records import QuarantineReader, Selection
from pronubes.quarantine.store import FAILED_AGAIN
from quarantine_rows import NOW_NS, row

ALICE = Actor(1001, "alice")


def states(store):
    with QuarantineReader(store.path) as reader:
        return [(one.state, one.reason, one.result, one.replay_id) for one in reader.records(Selection(states=()))]


def test_what_became_of_a_replay_is_noted_once(store):
    store.append([row(1), row(2), row(3)], is_awaited=True)
    first = store.begin_replay(Selection(), ALICE, route=None)
    store.note_fates([Fate(1, is_done=True, result="delivered"), Fate(2, is_done=False, result="its topic is none")], first)
    second = store.begin_replay(Selection(), ALICE, route=None)
    # The same again, and one that is done with: neither changes what is done.
    store.note_fates([Fate(1, is_done=True, result="delivered twice"), Fate(1, is_done=False, result="never")], second)
    assert states(store) == [
        ("replayed", "missing_field", "delivered", first),
        ("waiting", "missing_field", "its topic is none", first),
        ("waiting", "missing_field", None, None),
    ]
    assert (store.stats.records, [one.id for one in store.page(Selection(), after_id=0)]) == (2, [2, 3])


def test_what_fails_again_corrects_its_record_and_is_no_second_one(store):
    store.append([row(1), row(2, sink="uns")], is_awaited=True)
    again = [row(1, reason="wrong_type", route="new"), row(2, sink="uns", reason="packet_too_large")]
    written = store.append(again, is_awaited=True, replayed=[(0, 1), (1, 2)])
    assert written.failed == {1, 2}
    assert [(state, reason, result) for state, reason, result, _ in states(store)] == [
        ("waiting", "wrong_type", FAILED_AGAIN),
        ("waiting", "packet_too_large", FAILED_AGAIN),
    ]
    assert store.stats.records == 2
    with QuarantineReader(store.path) as reader:
        assert [one.route for one in reader.records(Selection())] == ["new", "r"]


def test_what_a_sink_refuses_of_a_replayed_message_is_a_record_of_its_own(store):
    store.append([row(1)], is_awaited=True)
    written = store.append([row(1, sink="uns", topic="acme/1"), row(7)], is_awaited=True, replayed=[(0, 1)])
    store.note_fates([Fate(1, is_done=True, result="delivered")], 1)
    assert written.failed == frozenset()
    assert [state for state, *_ in states(store)] == ["replayed", "waiting", "waiting"]


def test_a_record_that_is_gone_meanwhile_is_written_anew(store):
    store.append([row(1)], is_awaited=True)
    store.drop(Selection(), ALICE)
    assert (
        store.append(
            [row(1)],
            is_awaited=True,
            replayed=[
                (0, 1),
            ],
        ).failed
        == frozenset()
    )
    assert [state for state, *_ in states(store)] == ["dropped", "waiting"]


def test_dropped_records_wait_no_longer_and_it_is_noted_who_did_it(store):
    store.append([row(1), row(2, route="other"), row(3, route="other"), row(4, route="other")], is_awaited=True)
    assert store.drop(Selection(routes=["other"], limit=2), ALICE) == 2
    assert store.drop(Selection(topic="nothing/#"), ALICE) == 0
    assert [state for state, *_ in states(store)] == ["waiting", "dropped", "dropped", "waiting"]
    with QuarantineReader(store.path) as reader:
        entries = reader.audit()
    assert [(one.uid, one.user, one.action, one.records) for one in entries] == [(1001, "alice", "drop", 0), (1001, "alice", "drop", 2)]
    assert '"routes":["other"]' in entries[1].filter
    assert [replay_id for *_, replay_id in states(store)] == [None, entries[1].id, entries[1].id, None]


def test_the_audit_cannot_be_changed(store):
    store.append([row(1)], is_awaited=True)
    store.drop(Selection(), ALICE)
    store.close()
    with sqlite3.connect(store.path) as connection:
        for statement in ("UPDATE audit SET user = 'bob'", "DELETE FROM audit"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(statement)
    connection.close()


def test_records_that_are_done_with_make_room_first(store):
    store.append([row(number, payload=b"x" * 1000) for number in range(1000)], is_awaited=True)
    store.drop(Selection(), ALICE)
    for batch in range(25):
        store.append([row(1000 + batch * 100 + number, payload=b"x" * 1000) for number in range(100)], is_awaited=True)
    kept = [time_ns - NOW_NS for time_ns in (one.time_ns for one in store.page(Selection(limit=10_000), after_id=0))]
    assert kept[:3] == [1000, 1001, 1002]
    # None of them waited, so none is counted as lost.
    assert (store.stats.evicted, store.stats.records) == (0, 2500)
