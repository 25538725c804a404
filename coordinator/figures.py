"""Numbers and units for people, in English and Chinese.

Called by the report only. A figure shows four significant digits and carries its exact decimal
text for the reader who wants it; nothing here feeds back into a computation.
"""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction
from typing import Literal

from coordinator.nodes import Quantity

Language = Literal["en", "zh"]

# U+202F, the narrow no-break space: ISO 80000-1 groups digits by a small space, never by a comma.
THIN = "\u202f"
_WIDE = Context(prec=60)
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# From which value on a word is used, what it stands for, and the word.
_SCALES: dict[Language, tuple[tuple[int, int, str], ...]] = {
    "en": (
        (10**12, 10**12, "trillion"),
        (10**9, 10**9, "billion"),
        (10**6, 10**6, "million"),
    ),
    "zh": ((10**12, 10**12, "万亿"), (10**8, 10**8, "亿"), (10**5, 10**4, "万")),
}
# Small units in which nodes count whole numbers, and the unit people read them in.
_LARGER = {"kgCO2": ("tCO2", 1000), "kWh": ("MWh", 1000), "MJ": ("GJ", 1000), "kg": ("t", 1000)}
_UNIT_WORDS: dict[Language, tuple[tuple[str, str], ...]] = {
    "en": (("1e4 ", "10⁴ "), ("CO2", "CO₂")),
    "zh": (("1e4 yuan", "万元"), ("1e4 ", "10⁴ "), ("CO2", "CO₂"), ("yuan", "元"), ("USD", "美元")),
}


def plain(value: Fraction, digits: int = 4) -> str:
    """A value at some significant digits, grouped by thin spaces; tiny ones as a power of ten."""
    exact = _WIDE.divide(Decimal(value.numerator), Decimal(value.denominator))
    rounded = Context(prec=digits).plus(exact)
    if rounded and abs(rounded) < Decimal("0.001"):
        exponent = rounded.adjusted()
        mantissa = format(rounded.scaleb(-exponent).normalize(), "f")
        return f"{mantissa}{THIN}×{THIN}10{str(exponent).translate(_SUPERSCRIPTS)}"
    return _grouped(format(rounded, "f"))


def amount(value: Fraction, language: Language, digits: int = 4) -> str:
    """As `plain`, with million, billion, 万, 亿 for large values."""
    for least, scale, word in _SCALES[language]:
        if abs(value) >= least:
            return f"{plain(value / scale, digits)}{THIN}{word}"
    return plain(value, digits)


def count(value: int) -> str:
    """A whole number in full."""
    return _grouped(str(value))


def percent(value: Fraction, digits: int = 3) -> str:
    """A share as a percentage."""
    return f"{plain(value * 100, digits)}{THIN}%"


def unit_name(unit: str, language: Language) -> str:
    """A unit as it is written in the language; unknown units stay as the plan has them."""
    for plain_text, written in _UNIT_WORDS[language]:
        unit = unit.replace(plain_text, written)
    return unit


def readable(quantity: Quantity, language: Language) -> tuple[str, str]:
    """A quantity as (number, unit) in a unit of a size that people read."""
    value, unit = quantity.value, quantity.unit
    if unit in _LARGER and abs(value) >= 10_000:
        unit, divisor = _LARGER[unit]
        value /= divisor
    return amount(value, language), unit_name(unit, language)


def _grouped(text: str) -> str:
    sign = "−" if text.startswith("-") else ""
    whole, _, decimals = text.lstrip("-").partition(".")
    if len(whole) > 4:
        first = len(whole) % 3 or 3
        parts = [whole[:first], *(whole[i : i + 3] for i in range(first, len(whole), 3))]
        whole = THIN.join(parts)
    return sign + (f"{whole}.{decimals}" if decimals else whole)
