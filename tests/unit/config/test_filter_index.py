"""The index of filters against the engine's comparison of pairs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronubes import _core
from pronubes.config.filter_index import FilterIndex, Steps, TooManySteps

LEVELS = st.lists(st.sampled_from(["a", "b", "$s", "", "+", "{x}"]), min_size=1, max_size=4)


@st.composite
def filters(draw):
    levels = [level.replace("x", f"x{index}") for index, level in enumerate(draw(LEVELS))]
    levels += draw(st.sampled_from([[], [], ["#"], ["{rest#}"]]))
    text = "/".join(levels)
    return text or "a"


@given(st.lists(filters(), max_size=8), filters())
def test_the_index_answers_as_the_engine_compares(known, asked):
    index = FilterIndex()
    for number, text in enumerate(known):
        index.add(text, number)
    covering = [number for number, text in enumerate(known) if _core.covers(text, asked)]
    meeting = [number for number, text in enumerate(known) if _core.intersects(text, asked)]
    assert index.covering(asked, Steps()) == min(covering, default=None)
    found = index.meeting(asked, Steps())
    assert (found in meeting) if meeting else found is None


@pytest.mark.parametrize("asked", ["#", "/#", "{x#}", "/{x#}", "+", "/", "$s/#"])
def test_wide_questions(asked):
    for known in ["#", "/#", "/", "//", "$s", "a", "+/+", "{y#}"]:
        index = FilterIndex()
        index.add(known, 0)
        assert (index.covering(asked, Steps()) == 0) == _core.covers(known, asked), known
        assert (index.meeting(asked, Steps()) == 0) == _core.intersects(known, asked), known


def test_a_question_costs_its_levels_and_not_the_number_of_filters():
    index = FilterIndex()
    for number in range(10_000):
        index.add(f"raw/l{number}/+/temp", number)
    steps = Steps(10)
    assert index.meeting("raw/l77/{x}/temp", steps) == 77
    assert steps.left > 0
    with pytest.raises(TooManySteps):
        index.meeting("raw/+/+/speed", Steps(1000))
