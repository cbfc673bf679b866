"""Lists side by side."""

import operator
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from pronubes.cases.align import align, assign

WORDS = st.lists(st.sampled_from(["a1", "a2", "b1", "c1"]), max_size=7)


def kin(left: str, right: str) -> bool:
    return left[0] == right[0]


def test_what_is_the_same_stands_side_by_side() -> None:
    assert align(["a1", "b1", "c1"], ["a1", "c1"], fits=operator.eq, is_kin=kin) == [(0, 0), (1, None), (2, 1)]
    assert align(["a1", "b1"], ["a2", "b1"], fits=operator.eq, is_kin=kin) == [(0, 0), (1, 1)]
    assert align(["a1"], ["b1"], fits=operator.eq, is_kin=kin) in ([(0, None), (None, 0)], [(None, 0), (0, None)])


@given(WORDS, WORDS)
def test_every_place_stands_once_and_in_order(left: list[str], right: list[str]) -> None:
    pairs = align(left, right, fits=operator.eq, is_kin=kin)
    assert [i for i, _ in pairs if i is not None] == list(range(len(left)))
    assert [j for _, j in pairs if j is not None] == list(range(len(right)))
    assert all(kin(left[i], right[j]) for i, j in pairs if i is not None and j is not None)
    assert (left == right) == all(i is not None and j is not None and left[i] == right[j] for i, j in pairs)


@given(st.lists(st.sets(st.integers(0, 5)), max_size=5), st.integers(0, 6))
def test_as_many_as_possible_are_assigned(left: list[set[int]], count: int) -> None:
    right = list(range(count))
    pairs = assign(left, right, fits=lambda one, other: other in one, is_kin=lambda one, other: False)
    found = sum(i is not None and j is not None for i, j in pairs)
    choices = product(*([*sorted(one & set(right)), None] for one in left))
    distinct = (kept for kept in ([one for one in choice if one is not None] for choice in choices) if len(set(kept)) == len(kept))
    assert found == max(map(len, distinct))
    assert sorted(i for i, _ in pairs if i is not None) == list(range(len(left)))
    assert sorted(j for _, j in pairs if j is not None) == right
