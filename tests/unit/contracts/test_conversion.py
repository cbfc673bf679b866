"""Conversions between units: what pint says, exact to the last digit of a double, and nothing that units do not allow."""

from decimal import Decimal
from fractions import Fraction
from functools import cache
from math import ulp

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pronubes import Router
from pronubes.contracts.conversion import conversion, specification
from pronubes.contracts.unit_table import TABLE
from pronubes.contracts.units import UnitProblem, known, registry

PAIRS = [("Cel", "[degF]"), ("[degF]", "Cel"), ("K", "Cel"), ("bar", "[psi]"), ("km/h", "m/s"), ("deg", "rad"), ("[gal_us]", "L"), ("km", "m")]
EXACT = 2**53


@cache
def router(from_: str, to: str) -> Router:
    step = {"convert": {"field": "v", "from": from_, "to": to}}
    sources, sinks = {"a": {"type": "ndjson", "path": "-"}}, {"s": {"type": "stdout"}}
    routes = {"r": {"filter": "t", "steps": [step], "to": "s"}}
    return Router.from_dict({"version": 1, "name": "n", "sources": sources, "sinks": sinks, "routes": routes})


def converted(from_: str, to: str, text: str) -> float | int:
    (outcome,) = router(from_, to).route("a", [("t", f'{{"v":{text}}}'.encode())], now_ns=0)
    value: float | int = orjson.loads(outcome.payload)["v"]
    return value


numbers = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**6), max_value=10**6, places=3).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-400, max_value=400, places=8).map(lambda number: f"{number:f}"),
    st.integers(-(10**9), 10**9).map(str),
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e200, max_value=1e200).map(repr),
)


@given(st.sampled_from(PAIRS), numbers)
def test_the_result_is_the_double_nearest_to_the_exact_one(pair: tuple[str, str], text: str) -> None:
    line, found = conversion(*pair), converted(*pair, text)
    as_written = float(line.factor * Fraction(Decimal(text)) + line.offset)
    by_double = line.factor * Fraction(float(text)) + line.offset
    if found != as_written:
        # Too long for one division: the number was read as a double, and what is lost beyond is a part of its last digit.
        digits, _, decimals = text.removeprefix("-").partition(".")
        scaled = 10 ** len(decimals)
        spec = specification(*pair).get("ratio")
        fits = spec is not None and "e" not in text and len(digits + decimals) <= 15
        assert not fits or max(abs(spec[0] * int(digits + decimals)), spec[2] * scaled, abs(spec[1]) * scaled) >= EXACT // 2, (found, as_written)
        slack = abs(line.offset) * Fraction(1, 2**100)
        assert abs(Fraction(found) - by_double) <= Fraction(ulp(float(by_double))) * Fraction(51, 100) + slack


def test_no_conversion_of_units_of_plants_differs_from_pint() -> None:
    units = [unit for line in TABLE.splitlines() if (unit := known(line.partition("|")[0])) is not None]
    compared = 0
    for source in units:
        for target in units:
            if source.dimension is None or source.dimension != target.dimension or source == target:
                continue
            try:
                line = conversion(source.code, target.code)
            except UnitProblem:
                continue
            by_pint = registry().Quantity(Fraction(5, 2), registry().from_ucum(source.code).units).to(registry().from_ucum(target.code).units)
            assert float(by_pint.magnitude) == pytest.approx(float(line.factor * Fraction(5, 2) + line.offset), rel=1e-12)
            compared += 1
    assert compared > 500


@pytest.mark.parametrize(
    ("from_", "to", "line"),
    [
        ("Cel", "[degF]", (Fraction(9, 5), 32)),
        ("[degF]", "Cel", (Fraction(5, 9), Fraction(-160, 9))),
        ("[degRe]", "Cel", (Fraction(5, 4), 0)),
        ("Cel{outside}", "K", (1, Fraction(27315, 100))),
        ("[degR]", "K", (Fraction(5, 9), 0)),
        ("%", "1", (Fraction(1, 100), 0)),
        ("[mi_i]/h", "km/h", (Fraction(1609344, 1000000), 0)),
        ("kg", "[lb_av]", (Fraction(100000000, 45359237), 0)),
        ("10*3/uL", "/L", (10**9, 0)),
        ("100.g", "kg", (Fraction(1, 10), 0)),
        ("{pieces}/min", "/s", (Fraction(1, 60), 0)),
        ("By", "bit", (8, 0)),
        ("wibble{x}", "wibble{x}", None),
    ],
)
def test_lines_are_exact(from_: str, to: str, line: tuple[Fraction, Fraction] | None) -> None:
    if line is None:
        with pytest.raises(UnitProblem):
            conversion(from_, to)
    else:
        found = conversion(from_, to)
        assert (found.factor, found.offset) == line


@pytest.mark.parametrize(
    ("from_", "to", "why"),
    [
        ("bar", "Cel", "`bar` measures `m-1.kg.s-2`, `Cel` measures `K`."),
        ("/min", "rad/s", "`/min` and `rad/s` differ by an angle or a count."),
        ("cd", "lm", "`cd` and `lm` differ by an angle or a count."),
        ("dB", "1", "`B` is a logarithm or another function: no factor and offset lead to another unit."),
        ("mol/L", "[pH]", "`[pH]` is a logarithm or another function: no factor and offset lead to another unit."),
        ("%[slope]", "deg", "`%[slope]` is a logarithm or another function: no factor and offset lead to another unit."),
        ("[iU]/L", "[iU]/mL", "`[iU]` is an arbitrary unit: no factor and offset lead to another unit."),
        ("Cel/min", "K/min", "`Cel/min` reckons with a unit that has a zero of its own, or that pint does not know."),
        ("m", "°C", "A UCUM code has ASCII characters only, and no spaces."),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(from_: str, to: str, why: str) -> None:
    with pytest.raises(UnitProblem) as caught:
        conversion(from_, to)
    assert caught.value.why == why
