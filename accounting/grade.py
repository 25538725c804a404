"""Carbon-efficiency grade: an enterprise's emissions per unit of value against its sector's mean.

`K = (emissions / value) / sector mean`, the sector mean a ratio of sums, so that two sums of a
sector give it. Grades 1 (best) to 5 are cut at K = 0.6, 0.8, 1.2 and 2.0; a K on a cut belongs to
the better grade. Source: provincial rules for enterprises above designated size, of the family of
DB33/T 1347-2023 (Zhejiang).

Value is value added or output value. The two give different grades, so a grade carries which one
it used, and both sides of K must use the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from accounting.errors import ModelError

Number = Fraction | int

CUTS = (Fraction(6, 10), Fraction(8, 10), Fraction(12, 10), Fraction(2))


class ValueBasis(StrEnum):
    """What the emissions are related to."""

    VALUE_ADDED = "value added"
    OUTPUT_VALUE = "output value"


@dataclass(frozen=True)
class CarbonIntensity:
    """Emissions per unit of value (tCO2 per the value's unit) and what the value was."""

    value: Fraction
    basis: ValueBasis


@dataclass(frozen=True)
class Grade:
    """Grade 1 (best) to 5, with the K it came from and the basis it was computed on."""

    grade: int
    k: Fraction
    basis: ValueBasis


def carbon_intensity(emissions: Number, value: Number, basis: ValueBasis) -> CarbonIntensity:
    """Emissions per unit of value of an enterprise, or of a sector by its two sums.

    Raises `ModelError` for negative emissions or a value that is not positive.
    """
    if emissions < 0:
        raise ModelError("emissions are negative")
    if value <= 0:
        raise ModelError(f"{basis} must be above zero")
    return CarbonIntensity(Fraction(emissions) / value, basis)


def grade(enterprise: CarbonIntensity, sector: CarbonIntensity) -> Grade:
    """The grade of an enterprise in its sector; both in the same units.

    Raises `ModelError` when one is on value added and the other on output value, or when the
    sector's mean is zero.
    """
    if enterprise.basis is not sector.basis:
        raise ModelError(
            f"{enterprise.basis} of the enterprise against {sector.basis} of the "
            "sector: K needs one basis"
        )
    if sector.value <= 0:
        raise ModelError("the sector's mean is zero: K is not defined")
    k = enterprise.value / sector.value
    return Grade(grade_of(k), k, enterprise.basis)


def grade_of(k: Number) -> int:
    """Grade 1..5 of a K. Raises `ModelError` for a negative K."""
    if k < 0:
        raise ModelError(f"K = {k} is negative")
    return 1 + sum(k > cut for cut in CUTS)
