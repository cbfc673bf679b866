"""What users test hooks with runs them as a node does."""

from __future__ import annotations

import numpy as np
import pytest

import pronubes
from pronubes.testing import batch, run_hook


def test_a_column_hook_reads_columns_and_its_changes_are_carried_out() -> None:
    def twice(found: pronubes.Batch) -> pronubes.Batch:
        value = found["value"]
        return found.with_fields(value=value * 2, of=found["{tag}"]).where(value < 3)

    ran = run_hook(twice, [{"a": 1, "value": 1}, {"value": 2.5, "b": [1]}, {"value": 3}], topic=["t/x", "t/y", "t/z"], filter="t/{tag}")
    assert ran.messages == [("t/x", b'{"a":1,"value":2.0,"of":"x"}'), ("t/y", b'{"value":5.0,"b":[1],"of":"y"}')]
    assert ran.quarantined == []


def test_what_was_read_does_not_change_what_is_written() -> None:
    payloads = [b'{"value": 1, "v\\u0061lue": 2}', b'{"value": 1, "value": 2}', b'{"x": 1}', b"7", b"{", b'{"value": null}']

    def blind(found: pronubes.Batch) -> pronubes.Batch:
        return found.with_fields(value=np.arange(len(found)))

    def seeing(found: pronubes.Batch) -> pronubes.Batch:
        assert len(found["x"]) == len(found)
        return blind(found)

    without, with_tape = run_hook(blind, payloads), run_hook(seeing, payloads)
    assert with_tape == without
    assert [message.payload for message in without.messages] == [b'{"x": 1,"value":2}', b'{"value": 5}']
    assert [why for _, why in without.quarantined] == ["duplicate_key", "duplicate_key", "not_an_object", "invalid_json"]


def test_new_payloads_are_looked_at_anew() -> None:
    def both(found: pronubes.Batch) -> pronubes.Batch:
        assert found["value"].tolist() == [1.0, 2.0]
        return found.with_payloads([b'{"other": 1, "value": 9}', None]).with_fields(value=found["value"] + 1)

    assert [payload for _, payload in run_hook(both, [{"value": 1}, {"value": 2}]).messages] == [b'{"other": 1, "value": 2.0}', b'{"value":3.0}']


def test_wide_payloads_are_written_as_well() -> None:
    wide = [{f"key{number}": number for number in range(100)} for _ in range(200)]

    def last(found: pronubes.Batch) -> pronubes.Batch:
        return found.with_fields(key99=found["key99"] + 1)

    assert {message.json()["key99"] for message in run_hook(last, wide).messages} == {100.0}


def test_a_message_hook_changes_drops_and_fails_alone() -> None:
    def each(message: pronubes.Message) -> object:
        value = message.json()
        answers = [{"v": value}, None, pronubes.Message("moved", b"7")]
        return answers[value]

    ran = run_hook(each, [0, 1, 2, 3])
    assert ran.messages == [("test", b'{"v":0}'), ("moved", b"7")]
    assert ran.quarantined == [("3", "IndexError: list index out of range")]


def test_topics_beside_the_filter_are_told() -> None:
    with pytest.raises(ValueError, match="topics that the filter matches"):
        batch([1], topic="a/b", filter="c/#")
