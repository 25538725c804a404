"""Units and exact conversions.

A unit is a scale (a `Fraction`) and a product of dimensions. Written units are names from the table
below, an optional multiplier before the name (`1e4 Nm3`, `10 MWh`, `million yuan`) and at most one
`/` (`kgCO2/MMBtu`). Names are case-sensitive: MWh and mWh differ by 1e9.

Masses of CO2 and of CO2-equivalent are dimensions of their own, so that a CO2 factor and a CO2e
factor never add up; currencies never convert into each other; a gas volume at reference conditions
(Nm3) is not a plain volume (m3).

Definitions: 1 MMBtu = 1055.05585262 MJ, the International Table Btu, exact as 4.1868 J/(g K) x
453.59237 g x 5/9 K (NIST SP 811, appendix B); 1 kgce = 29,307.6 kJ (GB/T 2589-2020); 1 ft =
0.3048 m; 1 lb = 0.45359237 kg; 1 short ton = 2,000 lb.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from accounting.errors import UnitError

Dimensions = tuple[tuple[str, int], ...]

# Name -> (dimension, scale to the first unit of its dimension).
_TABLE: dict[str, tuple[str, str]] = {
    "MJ": ("energy", "1"),
    "kJ": ("energy", "1/1000"),
    "GJ": ("energy", "1000"),
    "TJ": ("energy", "1000000"),
    "Wh": ("energy", "36/10000"),
    "kWh": ("energy", "36/10"),
    "MWh": ("energy", "3600"),
    "GWh": ("energy", "3600000"),
    "Btu": ("energy", "105505585262/100000000000000"),
    "MMBtu": ("energy", "105505585262/100000000"),
    "kgce": ("energy", "293076/10000"),
    "tce": ("energy", "29307600/1000"),
    "kg": ("mass", "1"),
    "g": ("mass", "1/1000"),
    "t": ("mass", "1000"),
    "kt": ("mass", "1000000"),
    "lb": ("mass", "45359237/100000000"),
    "short_ton": ("mass", "90718474/100000"),
    "Nm3": ("gas at reference conditions", "1"),
    "m3": ("volume", "1"),
    "L": ("volume", "1/1000"),
    "m2": ("area", "1"),
    "ft2": ("area", "9290304/100000000"),
    "yuan": ("CNY", "1"),
    "USD": ("USD", "1"),
    "EUR": ("EUR", "1"),
    "kgCO2": ("CO2", "1"),
    "gCO2": ("CO2", "1/1000"),
    "tCO2": ("CO2", "1000"),
    "kgCO2e": ("CO2e", "1"),
    "gCO2e": ("CO2e", "1/1000"),
    "tCO2e": ("CO2e", "1000"),
    "kgC": ("carbon", "1"),
    "tC": ("carbon", "1000"),
    "piece": ("pieces", "1"),
    "person": ("persons", "1"),
    "h": ("time", "1"),
    "1": ("", "1"),
    "%": ("", "1/100"),
}

# Other spellings seen in record files. Each stands for the text after it.
_ALIASES: dict[str, str] = {
    "CNY": "yuan",
    "RMB": "yuan",
    "元": "yuan",
    "万元": "1e4 yuan",
    "亿元": "1e8 yuan",
    "千瓦时": "kWh",
    "万千瓦时": "1e4 kWh",
    "兆瓦时": "MWh",
    "吨": "t",
    "千克": "kg",
    "公斤": "kg",
    "吨标准煤": "tce",
    "千克标准煤": "kgce",
    "吉焦": "GJ",
    "百万千焦": "GJ",
    "标准立方米": "Nm3",
    "万标准立方米": "1e4 Nm3",
    "平方米": "m2",
    "平方英尺": "ft2",
    "吨二氧化碳": "tCO2",
    "sqft": "ft2",
    "sq ft": "ft2",
}

_MULTIPLIER = re.compile(r"^(\d{1,9}(?:\.\d{1,9})?(?:e\d)?|thousand|million|billion)\s+(\S.*)$")
_WORDS = {"thousand": 10**3, "million": 10**6, "billion": 10**9}


@dataclass(frozen=True)
class Unit:
    """A unit: its text, its scale to the base units, and its dimensions with exponents."""

    text: str
    scale: Fraction
    dimensions: Dimensions

    def __mul__(self, other: Unit) -> Unit:
        return Unit(
            f"{self.text} x {other.text}",
            self.scale * other.scale,
            _combine(self.dimensions, other.dimensions, 1),
        )

    def __truediv__(self, other: Unit) -> Unit:
        return Unit(
            f"{self.text} / {other.text}",
            self.scale / other.scale,
            _combine(self.dimensions, other.dimensions, -1),
        )

    def factor_to(self, target: Unit) -> Fraction:
        """The exact number by which a value in this unit is multiplied to be in `target`.

        Raises `UnitError` when the two measure different things.
        """
        if self.dimensions != target.dimensions:
            raise UnitError(
                f"cannot convert {self.text} ({_describe(self.dimensions)}) to {target.text} "
                f"({_describe(target.dimensions)})"
            )
        return self.scale / target.scale

    def has(self, dimension: str) -> bool:
        """Whether this is a plain unit of one dimension, such as "energy"."""
        return self.dimensions == ((dimension, 1),)


def known_units() -> tuple[str, ...]:
    """Every unit name without multipliers, for messages and documentation."""
    return (*_TABLE, *_ALIASES)


@lru_cache(maxsize=512)
def parse_unit(text: str) -> Unit:
    """Read a written unit.

    Raises `UnitError` naming close matches, or all known units when nothing is close.
    """
    top, slash, bottom = text.strip().partition("/")
    if not slash:
        unit = _simple(top, text)
    elif "/" in bottom:
        raise UnitError(f"unit {text!r} has more than one '/': write the denominator as one unit")
    else:
        unit = _simple(top, text) / _simple(bottom, text)
    return Unit(text.strip(), unit.scale, unit.dimensions)


def convert(value: Fraction | int, unit: str, target: str) -> Fraction:
    """`value` given in `unit`, expressed in `target`, exactly. Raises `UnitError`."""
    return value * parse_unit(unit).factor_to(parse_unit(target))


def _simple(part: str, whole: str) -> Unit:
    name = part.strip()
    name = _ALIASES.get(name, name)
    scale = Fraction(1)
    match = _MULTIPLIER.match(name)
    if match and name not in _TABLE:
        number, name = match.groups()
        scale = Fraction(_WORDS[number]) if number in _WORDS else Fraction(number)
        if scale == 0:
            raise UnitError(f"unit {whole!r}: a multiplier of zero")
        name = _ALIASES.get(name, name)
        # An alias such as 万元 carries a multiplier of its own.
        inner = _MULTIPLIER.match(name)
        if inner and name not in _TABLE:
            scale *= Fraction(inner.group(1))
            name = inner.group(2)
    if name not in _TABLE:
        raise UnitError(_unknown(name, whole))
    dimension, own = _TABLE[name]
    return Unit(part, scale * Fraction(own), ((dimension, 1),) if dimension else ())


def _unknown(name: str, whole: str) -> str:
    known = known_units()
    close = difflib.get_close_matches(name, known, n=4, cutoff=0.5)
    close += [k for k in known if k.lower() == name.lower() and k not in close]
    within = "" if name == whole.strip() else f" in {whole!r}"
    if close:
        return f"unknown unit {name!r}{within}; did you mean {', '.join(close)}?"
    return f"unknown unit {name!r}{within}; known units: {', '.join(known)}"


def _combine(left: Dimensions, right: Dimensions, sign: int) -> Dimensions:
    powers = dict(left)
    for dimension, power in right:
        powers[dimension] = powers.get(dimension, 0) + sign * power
    return tuple(sorted((d, p) for d, p in powers.items() if p))


def _describe(dimensions: Dimensions) -> str:
    if not dimensions:
        return "a plain number"
    above = [d if p == 1 else f"{d}^{p}" for d, p in dimensions if p > 0]
    below = [d if p == -1 else f"{d}^{-p}" for d, p in dimensions if p < 0]
    text = " x ".join(above) or "1"
    return text + (f" per {' x '.join(below)}" if below else "")
