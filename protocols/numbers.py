"""Exact fractions as decimal text, rounded once, for the one place where numbers become public."""

from __future__ import annotations

from fractions import Fraction

SIGNIFICANT_DIGITS = 20
"""Enough that the nearest binary64 of the text is that of the fraction, and short enough to read.

The relative error is at most 5e-20; the spacing of binary64 numbers is at least 1.1e-16.
"""


def decimal_text(value: Fraction, digits: int = SIGNIFICANT_DIGITS) -> str:
    """``value >= 0`` with ``digits`` significant digits, half to even, in plain notation.

    Trailing zeros of the fractional part are dropped, so that exact values look exact.
    """
    if value < 0:
        raise ValueError("only non-negative values are published")
    if value == 0:
        return "0"
    exponent = _decimal_exponent(value)
    shift = digits - 1 - exponent
    scaled = value * Fraction(10) ** shift
    rounded = round(scaled)
    if shift <= 0:
        return str(rounded * 10**-shift)
    text = str(rounded).rjust(shift + 1, "0")
    whole, fraction = text[:-shift], text[-shift:].rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


def _decimal_exponent(value: Fraction) -> int:
    """The e with ``10^e <= value < 10^(e+1)``."""
    exponent = len(str(value.numerator)) - len(str(value.denominator))
    while Fraction(10) ** exponent > value:
        exponent -= 1
    while Fraction(10) ** (exponent + 1) <= value:
        exponent += 1
    return exponent
