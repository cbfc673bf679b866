"""How a number of one unit becomes one of another: exact fractions, worked out by pint and ucumvert when a configuration is loaded.

pint alone would let pass what UCUM forbids: turns become radians without their 2 pi, and a slope in percent becomes an angle by a factor. So both
units must come down to the same base units, angles and counts among them, and units that UCUM calls special or arbitrary are refused, but for those
temperatures that differ from kelvin by a line.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from math import lcm
from typing import Any

from pronubes.contracts.units import Dimension, UnitProblem, check, parser, registry

__all__ = ["Conversion", "TargetProblem", "conversion", "specification"]

_EXACT = 2**53
_LINES = frozenset({"Cel", "[degF]", "[degRe]"})
_BASE = ("m", "kg", "s", "A", "K", "mol", "cd")


@dataclass(frozen=True, slots=True)
class Conversion:
    """A line: `factor * number + offset`, exact.

    Attributes:
        factor: The factor.
        offset: The offset; 0 but for temperatures.
        dimension: What both units measure.
    """

    factor: Fraction
    offset: Fraction
    dimension: Dimension | None


class TargetProblem(UnitProblem):
    """A unit that no number can be given in."""


@lru_cache(maxsize=10_000)
def conversion(from_: str, to: str) -> Conversion:
    """Work out how a number of one unit becomes one of another.

    Raises:
        UnitProblem: The first is no UCUM code, or cannot become the second.
        TargetProblem: The second is no UCUM code, or no number can be given in it.
    """
    if from_ == to:
        return Conversion(Fraction(1), Fraction(0), check(to).dimension)
    try:
        target, after = _read(to)
    except UnitProblem as problem:
        raise TargetProblem(problem.why, problem.hint) from problem
    source, before = _read(from_)
    if source != target:
        raise UnitProblem(f"`{from_}` measures {_measure(source)}, `{to}` measures {_measure(target)}.", None)
    if _roots(before) != _roots(after):
        raise UnitProblem(
            f"`{from_}` and `{to}` differ by an angle or a count.", "Use `scale` with the factor that is meant, such as 2 pi for a turn."
        )
    at_zero, at_one = (_value(before, number, after) for number in (0, 1))
    return Conversion(at_one - at_zero, at_zero, source)


def _read(code: str) -> tuple[Dimension | None, Any]:  # Any: a pint quantity
    dimension = check(code).dimension
    _refuse_without_line(code)
    return dimension, _quantity(code)


def specification(from_: str, to: str) -> dict[str, Any]:  # Any: JSON
    """Write a conversion for the engine: as a ratio of integers where doubles hold them, else with twice the digits of doubles.

    Raises:
        UnitProblem: As for `conversion`.
    """
    line = conversion(from_, to)
    divisor = lcm(line.factor.denominator, line.offset.denominator)
    ratio = [int(line.factor * divisor), int(line.offset * divisor), divisor]
    spec: dict[str, Any] = {"from": from_, "to": to, "dimension": line.dimension}  # Any: JSON
    if all(abs(part) <= _EXACT for part in ratio):
        return {**spec, "ratio": ratio}
    return {**spec, "linear": {"factor": _two_doubles(line.factor), "offset": _two_doubles(line.offset)}}


def _two_doubles(number: Fraction) -> list[float]:
    high = float(number)
    return [high, float(number - Fraction(high))]


def _roots(quantity: Any) -> frozenset[Any]:  # Any: a pint quantity, and its units with their exponents
    return frozenset(quantity.to_root_units().unit_items())


def _value(before: Any, number: int, after: Any) -> Fraction:  # Any: pint quantities
    """Tell what a number of one unit is in the other. What pint makes of a quantity times a number would go through floats."""
    found = registry().Quantity(_exact(before.magnitude) * number, before.units).to(after.units)
    return _exact(found.magnitude) / _exact(after.magnitude)


def _exact(magnitude: Any) -> Fraction:  # Any: what pint makes of a number: a fraction, an integer, or a float with few digits
    return Fraction(repr(magnitude)) if isinstance(magnitude, float) else Fraction(magnitude)


def _quantity(code: str) -> Any:  # Any: a pint quantity
    """Ask ucumvert and pint.

    Raises:
        UnitProblem: It reckons with a unit that has a zero of its own.
    """
    from lark.exceptions import LarkError
    from pint.errors import PintError

    try:
        found = registry().from_ucum(code)
    except (LarkError, PintError) as error:
        hint = f"Write `{code.replace('Cel', 'K')}`." if "Cel" in code else None
        raise UnitProblem(f"`{code}` reckons with a unit that has a zero of its own, or that pint does not know.", hint) from error
    return found if hasattr(found, "units") else registry().from_ucum("1")  # nothing but an annotation is the unit 1


def _refuse_without_line(code: str) -> None:
    for unit in _units_in(code):
        kind = _without_line().get(unit)
        if kind is not None:
            raise UnitProblem(f"`{unit}` is {kind}: no factor and offset lead to another unit.", "Use `compute` with the formula.")


def _units_in(code: str) -> list[str]:
    from ucumvert import parse_ucum

    tree = parse_ucum(code, parser=parser())
    found = [str(part.children[-1]) for part in tree.find_data("simple_unit")] if hasattr(tree, "find_data") else []
    return sorted(found)


@cache
def _without_line() -> dict[str, str]:
    """Read from UCUM's own table which units are no multiple of base units."""
    from ucumvert.xml_util import get_units_with_full_definition

    kinds = {}
    for unit in get_units_with_full_definition():
        if unit.is_special and unit.code_cs not in _LINES:
            kinds[unit.code_cs] = "a logarithm or another function"
        elif unit.is_arbitrary:
            kinds[unit.code_cs] = "an arbitrary unit"
    return kinds


def _measure(dimension: Dimension | None) -> str:
    if dimension is None:
        return "what is no product of base units"
    parts = [unit if exponent == 1 else f"{unit}{exponent}" for unit, exponent in zip(_BASE, dimension, strict=True) if exponent]
    return f"`{'.'.join(parts)}`" if parts else "a number"
