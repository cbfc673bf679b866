"""Units: UCUM codes, what they measure, and what people write instead.

A unit is never guessed. What is no UCUM code is an error, with the code that was perhaps meant as a hint. Codes of the table cost a lookup; any
other is parsed by ucumvert and pint, which take about a second to import and are not imported for anything else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from pronubes.contracts.unit_table import TABLE

__all__ = ["Dimension", "Unit", "UnitProblem", "check", "known", "misread", "of_alias", "of_opc_ua", "opc_ua_id", "parser", "registry"]

Dimension = tuple[int, ...]
"""The exponents of metre, kilogram, second, ampere, kelvin, mole and candela."""

_BASE = ("[length]", "[mass]", "[time]", "[current]", "[temperature]", "[substance]", "[luminosity]")
_NOTHING: Dimension = (0,) * len(_BASE)
_ANNOTATION = re.compile(r"(?:1|%)?\{[\x21-\x7a|\x7e]+\}")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9/.]*")

_MISREAD = {
    "C": ("a coulomb", "Cel"),
    "F": ("a farad", "[degF]"),
    "PS": ("a petasiemens", "[HP]"),
    "ft": ("a femtotonne", "[ft_i]"),
    "kph": ("a kilophot", "km/h"),
    "mph": ("a milliphot", "[mi_i]/h"),
    "ph": ("a phot", "[pH]"),
    "pt": ("a picotonne", "[pt_us]"),
    "st": ("a stere", "[stone_av]"),
    "yd": ("a yoctoday", "[yd_i]"),
}
"""Codes that are right and mean something else than most who write them."""


class UnitProblem(ValueError):
    """A text that is no UCUM code.

    Attributes:
        why: What is wrong with it, as a sentence.
        hint: What was perhaps meant.
    """

    def __init__(self, why: str, hint: str | None) -> None:
        self.why = why
        self.hint = hint
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit.

    Attributes:
        code: The UCUM code.
        dimension: What it measures; None when that is not a product of powers of the base units (pH).
        unece: The code of UNECE Recommendation 20; empty when the table has none.
        spellings: What people write instead.
    """

    code: str
    dimension: Dimension | None
    unece: str = ""
    spellings: tuple[str, ...] = ()

    @property
    def written(self) -> str:
        """The code as it is written in YAML."""
        return self.code if _PLAIN.fullmatch(self.code) else f'"{self.code}"'


@cache
def _table() -> dict[str, Unit]:
    units = {}
    for line in TABLE.splitlines():
        code, unece, exponents, *spellings = line.split("|")
        dimension = _NOTHING if exponents == "0" else None if exponents == "-" else tuple(int(one) for one in exponents.split(","))
        units[code] = Unit(code, dimension, unece, tuple(spellings[0].split()) if spellings else ())
    return units


@cache
def _aliases() -> dict[str, Unit]:
    found: dict[str, Unit] = {}
    for unit in _table().values():
        for alias in (unit.unece, *unit.spellings):
            if alias:
                found.setdefault(alias, unit)
    for alias, unit in list(found.items()):
        if len(alias) > 1:
            found.setdefault(alias.casefold(), unit)
    return found


def known(code: str) -> Unit | None:
    """Find a code in the table; a lookup."""
    return _table().get(code)


def of_alias(text: str) -> Unit | None:
    """Find what is perhaps meant by a spelling or a UNECE code. For hints only."""
    aliases = _aliases()
    return aliases.get(text) or (aliases.get(text.casefold()) if len(text) > 1 else None)


def of_opc_ua(number: int) -> Unit | None:
    """Find the unit of an OPC UA unit id: the ASCII of its UNECE code as a number (OPC 10000-8, 5.6.4)."""
    if not 0 < number < 2**24:
        return None
    text = number.to_bytes(3, "big").lstrip(b"\0").decode("latin-1")
    return next((unit for unit in _table().values() if unit.unece == text), None)


def opc_ua_id(unit: Unit) -> int | None:
    """Make the OPC UA unit id (4408652 for `CEL`); None when the table has no UNECE code."""
    return int.from_bytes(unit.unece.encode("ascii"), "big") if unit.unece else None


def misread(code: str) -> tuple[str, str] | None:
    """Tell what a right code means that most who write it mean otherwise, and what they mean."""
    if code in _MISREAD:
        return _MISREAD[code]
    meant = of_alias(code) if known(code) is None else None
    return ("something else", meant.code) if meant is not None else None


@lru_cache(maxsize=10_000)
def check(code: str) -> Unit:
    """Check a UCUM code and work out what it measures.

    Raises:
        UnitProblem: It is none.
    """
    unit = known(code)
    if unit is not None:
        return unit
    if _ANNOTATION.fullmatch(code):
        return Unit(code, _NOTHING)
    return _worked_out(code)


def _worked_out(code: str) -> Unit:
    """Ask ucumvert and pint."""
    if not code.isascii() or any(character.isspace() for character in code):
        raise UnitProblem("A UCUM code has ASCII characters only, and no spaces.", _nearest(code))
    from lark.exceptions import LarkError
    from pint.errors import PintError
    from ucumvert import parse_ucum

    try:
        parse_ucum(code, parser=parser())
    except LarkError as error:
        raise UnitProblem("This is no UCUM code.", _nearest(code)) from error
    try:
        dimensions = dict(registry().from_ucum(code).dimensionality)
    except (LarkError, PintError):  # an arbitrary unit, such as `[iU]`: a code, and no product of powers
        return Unit(code, None)
    except AttributeError:  # nothing but annotations
        return Unit(code, _NOTHING)
    if not dimensions.keys() <= set(_BASE) or any(exponent != int(exponent) for exponent in dimensions.values()):
        return Unit(code, None)
    return Unit(code, tuple(int(dimensions.get(base, 0)) for base in _BASE))


def _nearest(code: str) -> str | None:
    from pronubes.suggest import did_you_mean

    meant = of_alias(code)
    if meant is not None:
        return f"Did you mean `{meant.written}`?"
    return did_you_mean(code, _table()) or "UCUM codes are listed at ucum.org."


@cache
def parser() -> Any:  # Any: a lark parser
    """Make the parser of UCUM codes. The first call takes most of a second."""
    from ucumvert import get_ucum_parser

    return get_ucum_parser()


@cache
def registry() -> Any:  # Any: a pint registry with UCUM's units
    """Make the registry of units, which reckons with fractions. The first call takes most of a second."""
    from fractions import Fraction

    from ucumvert import PintUcumRegistry

    return PintUcumRegistry(non_int_type=Fraction)
