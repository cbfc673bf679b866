"""Units: the table says what pint says, and nothing is guessed."""

import subprocess
import sys
from functools import cache

import pytest

from pronubes.contracts.unit_table import TABLE
from pronubes.contracts.units import UnitProblem, check, known, misread, of_alias, of_opc_ua, opc_ua_id, registry

CODES = [line.partition("|")[0] for line in TABLE.splitlines()]
BASE = ("[length]", "[mass]", "[time]", "[current]", "[temperature]", "[substance]", "[luminosity]")


@cache
def dimension_by_pint(code: str) -> tuple[int, ...]:
    dimensions = dict(registry().from_ucum(code).dimensionality)
    assert dimensions.keys() <= set(BASE)
    return tuple(int(dimensions.get(base, 0)) for base in BASE)


def test_the_table_says_what_pint_says() -> None:
    wrong = {code: known(code) for code in CODES if code != "[pH]" and known(code).dimension != dimension_by_pint(code)}  # type: ignore[union-attr]
    assert wrong == {}
    assert len(set(CODES)) == len(CODES) > 150


def test_no_code_and_no_spelling_of_the_table_means_two_things() -> None:
    seen: dict[str, str] = {}
    for code in CODES:
        unit = known(code)
        assert unit is not None
        for alias in filter(None, (unit.unece, *unit.spellings)):
            assert seen.setdefault(alias, code) == code


@pytest.mark.parametrize(
    ("code", "dimension"),
    [
        ("Cel", (0, 0, 0, 0, 1, 0, 0)),
        ("m3/h", (3, 0, -1, 0, 0, 0, 0)),
        ("%", (0,) * 7),
        ("{pieces}", (0,) * 7),
        ("1{bottles}", (0,) * 7),
        ("[pH]", None),
        ("[iU]", (0,) * 7),
        ("{bottles}/min", (0, 0, -1, 0, 0, 0, 0)),
        ("kg.m/s2", (1, 1, -2, 0, 0, 0, 0)),
        ("W/(m2.K)", (0, 1, -3, 0, -1, 0, 0)),
        ("10*3/uL", (-3, 0, 0, 0, 0, 0, 0)),
        ("V/m", (1, 1, -3, -1, 0, 0, 0)),
    ],
)
def test_a_code_has_a_dimension(code: str, dimension: tuple[int, ...] | None) -> None:
    assert check(code).dimension == dimension


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("°C", "Did you mean `Cel`?"),
        ("degC", "Did you mean `Cel`?"),
        ("CEL", "Did you mean `Cel`?"),
        ("°F", 'Did you mean `"[degF]"`?'),
        ("kWh", "Did you mean `kW.h`?"),
        ("m³/h", "Did you mean `m3/h`?"),
        ("rpm", 'Did you mean `"/min"`?'),
        ("psi", 'Did you mean `"[psi]"`?'),
        ("kw", "Did you mean `kW`?"),
        ("l / min", "Did you mean `L/min`?"),
        ("wibble", "UCUM codes are listed at ucum.org."),
    ],
)
def test_what_is_no_code_is_refused_with_what_was_perhaps_meant(text: str, hint: str) -> None:
    with pytest.raises(UnitProblem) as caught:
        check(text)
    assert caught.value.hint == hint


def test_ids_of_opc_ua_are_the_ascii_of_their_code() -> None:
    ids = {code: opc_ua_id(known(code)) for code in ("Cel", "bar", "m", "L/min", "[pH]")}  # type: ignore[arg-type]
    assert ids == {"Cel": 4408652, "bar": 4342098, "m": 5067858, "L/min": 19506, "[pH]": 5321520}
    assert [unit and unit.code for unit in map(of_opc_ua, (4408652, 19506, 0, -1, 2**40))] == ["Cel", "L/min", None, None, None]


def test_right_codes_that_most_mean_otherwise_are_known() -> None:
    assert [misread(code) for code in ("ft", "C", "Cel")] == [("a femtotonne", "[ft_i]"), ("a coulomb", "Cel"), None]
    assert [of_alias(text) for text in ("C", "no such thing")] == [known("C") and None, None]


def test_units_of_the_table_import_no_unit_library() -> None:
    program = """
import sys
from pronubes.contracts.units import check
check("[degF]"), check("{pieces}")
print({"pint", "lark", "ucumvert"} & set(sys.modules))
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "set()\n"
