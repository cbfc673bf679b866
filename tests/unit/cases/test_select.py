"""`-k`."""

import pytest

from pronubes.cases.select import SelectionProblem, holds

TEXT = "tests/line.yaml::A good temperature is scaled"


@pytest.mark.parametrize(
    ("expression", "is_true"),
    [
        ("scaled", True),
        ("SCALED", True),
        ("line.yaml", True),
        ("hot", False),
        ("not hot", True),
        ("good and scaled", True),
        ("good and hot", False),
        ("hot or good", True),
        ("hot or good and bad", False),
        ("(hot or good) and not bad", True),
        ("temperature is", True),
        ('"is scaled"', True),
        ("'and'", False),
    ],
)
def test_words_choose(expression: str, is_true: bool) -> None:
    assert holds(expression, TEXT) is is_true


@pytest.mark.parametrize("expression", ["", "good and", "(good", "good)", "not", '"good', "and good", "(" * 60 + "x" + ")" * 60])
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(SelectionProblem):
        holds(expression, TEXT)
