"""The forms of hooks, as their parameters declare them: what each gets, what it may give back, and what becomes of garbage."""

from __future__ import annotations

from typing import Any

import nanoarrow
import numpy as np
import pytest

import pronubes
from pronubes.hooks import HookOutputError
from pronubes.hooks.declare import WrongDeclaration, declaration_of
from pronubes.testing import StateStore, run_hook

# The annotations of the hooks below are texts, because of the import above; `declare` reads both.


def columns(batch: pronubes.Batch) -> dict[str, Any]:
    return {"twice": batch["value"] * 2, "topic": [f"out/{tag}" for tag in batch["{tag}"]]}


def arrow(batch: pronubes.Batch) -> nanoarrow.Array:
    twice = nanoarrow.c_array(list(batch["value"] * 2), nanoarrow.float64())
    return nanoarrow.c_array_from_buffers(nanoarrow.struct({"twice": nanoarrow.float64()}), len(batch), [None], children=[twice])


def dicts(payloads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**payload, "twice": payload["value"] * 2.0} for payload in payloads]


def messages(messages: list[pronubes.Message]) -> list[object]:
    return [{**message.json(), "twice": message.json()["value"] * 2.0} for message in messages]


def message(message: pronubes.Message) -> object:
    return {**message.json(), "twice": message.json()["value"] * 2.0}


def raw(payload: bytes, topic: str) -> bytes:
    assert topic.startswith("in/")
    return payload[:-1] + b',"twice":%.1f}' % (2 * int(payload[9:-1]))


def decoded(payload: dict[str, Any]) -> dict[str, Any]:
    payload["twice"] = payload["value"] * 2.0
    return payload


@pytest.mark.parametrize("hook", [columns, arrow, dicts, messages, message, raw, decoded])
def test_every_form_says_the_same(hook: Any) -> None:
    ran = run_hook(hook, [b'{"value":1}', b'{"value":2}'], topic=["in/a", "in/b"], filter="in/{tag}")
    assert [found.json() for found in ran.messages] == [{"value": 1, "twice": 2.0}, {"value": 2, "twice": 4.0}]
    assert ran.quarantined == []


def test_a_list_drops_and_renames_single_messages_and_fails_those_that_are_none() -> None:
    def hook(payloads: list[dict]) -> list[object]:  # type: ignore[type-arg] - as users write it
        return [None, pronubes.Message("moved", b"1"), {"set"}, b"[2]"]

    ran = run_hook(hook, [{"n": 0}, {"n": 1}, {"n": 2}, {"n": 3}])
    assert ran.messages == [("moved", b"1"), ("test", b"[2]")]
    assert [payload for payload, _ in ran.quarantined] == ['{"n":2}']


def test_what_is_no_object_never_reaches_a_hook_on_dicts() -> None:
    def hook(payloads: list[dict]) -> list[dict]:  # type: ignore[type-arg] - as users write it
        return [{"n": len(payloads), **payload} for payload in payloads]

    ran = run_hook(hook, [b"{", {"a": 1}, b"7", {"b": 2}])
    assert [found.json() for found in ran.messages] == [{"n": 2, "a": 1}, {"n": 2, "b": 2}]
    assert [payload for payload, _ in ran.quarantined] == ["{", "7"]


@pytest.mark.parametrize(
    "result",
    [{"x": np.inf}, {"x": [1.0, float("nan")]}, [np.float64("nan")], {"x": np.array([1.0, np.nan])}],
    ids=["scalar", "nested", "numpy scalar", "array"],
)
def test_no_number_is_not_written_as_null(result: Any) -> None:
    ran = _returning(result)
    assert ran.messages == []
    assert [why for _, why in ran.quarantined] == ["The hook returned NaN or infinity."]


def _returning(result: Any) -> Any:
    def hook(message: pronubes.Message) -> object:
        return result

    return run_hook(hook, [{"n": 1}])


def test_none_inside_a_result_is_null() -> None:
    assert [found.payload for found in _returning({"x": None}).messages] == [b'{"x":null}']


GARBAGE = {
    "nothing": None,
    "a number": 42,
    "too many columns": {"x": np.zeros(3)},
    "two dimensions": {"x": np.zeros((1, 2))},
    "a foreign batch": object(),
    "no struct": nanoarrow.Array([1], nanoarrow.int64()),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_of_a_column_hook_is_told(name: str) -> None:
    def hook(batch: pronubes.Batch) -> Any:
        return GARBAGE[name]

    try:
        ran = run_hook(hook, [{"n": 1}])
    except HookOutputError:
        return
    assert ran.messages == []
    assert len(ran.quarantined) == 1


@pytest.mark.parametrize("result", [None, [], [1, 2], "x", 7])
def test_a_list_of_another_length_is_told(result: Any) -> None:
    def hook(payloads: list[dict]) -> Any:  # type: ignore[type-arg] - as users write it
        return result

    with pytest.raises(HookOutputError, match="expected a list of 1"):
        run_hook(hook, [{"n": 1}])


def test_a_hook_remembers_per_key() -> None:
    def count(payload: dict, state: dict) -> dict:  # type: ignore[type-arg] - as users write it
        state["n"] = state.get("n", 0) + 1
        return {**payload, "n": state["n"]}

    store = StateStore(max_keys=2)
    first = run_hook(count, [{}] * 3, topic=["a", "b", "a"], store=store)
    second = run_hook(count, [{}] * 2, topic=["c", "a"], store=store)
    assert [found.json()["n"] for found in first.messages + second.messages] == [1, 1, 2, 1, 3]
    assert (len(store), store.evicted) == (2, 1)


def test_a_column_hook_gets_its_states_as_a_list() -> None:
    def total(batch: pronubes.Batch, states: list) -> dict:  # type: ignore[type-arg] - as users write it
        totals = []
        for state, value in zip(states, batch["value"], strict=True):
            state["total"] = state.get("total", 0.0) + float(value)
            totals.append(state["total"])
        return {"total": totals}

    store = StateStore(by=["line"])
    ran = run_hook(total, [{"value": 1}, {"value": 2}, {"value": 4}], topic=["1/a", "2/a", "1/b"], filter="{line}/{tag}", store=store)
    assert [found.json()["total"] for found in ran.messages] == [1.0, 2.0, 5.0]
    assert store.saved() == {"1": b'{"total":5.0}', "2": b'{"total":2.0}'}


async def coroutine(batch: pronubes.Batch) -> pronubes.Batch:
    return batch


def generator(messages: list[pronubes.Message]) -> Any:
    yield from messages


def nothing() -> None: ...


def number(value: int) -> int:
    return value


def too_much(message: pronubes.Message, more: int) -> object:
    return more


def wrong_state(message: pronubes.Message, states: list[Any]) -> object:
    return states


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (coroutine, "`async`"),
        (generator, "generator"),
        (nothing, "takes nothing"),
        (number, "no form of a hook"),
        (too_much, "nobody gives it"),
        (wrong_state, "`state` is for hooks on one message"),
        (int, "no function"),
        (7, "no function"),
    ],
)
def test_a_function_that_cannot_be_a_hook_says_why(function: Any, why: str) -> None:
    with pytest.raises(WrongDeclaration, match=why):
        declaration_of(function)
