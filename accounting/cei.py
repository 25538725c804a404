"""Models I and II: carbon-electricity intensity (CEI), its trend, and emissions from electricity.

Source: Zhu, Gao, Zhang, Chen (2022), An Approach to Quickly Establish Regional Carbon Management
System, Frontiers in Energy Research, doi 10.3389/fenrg.2022.857136. Its equations are printed as
images; the forms here follow from its text.

All values are exact fractions; only a standard error is a float.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from accounting.errors import ModelError

Number = Fraction | int


def cei(emissions: Number, electricity: Number) -> Fraction:
    """Model I, `CEI = C / E`. tCO2/MWh from tCO2 and MWh (the same number in kgCO2/kWh).

    Raises `ModelError` for negative emissions or electricity that is not positive.
    """
    if emissions < 0:
        raise ModelError(f"emissions of {emissions} are negative")
    if electricity <= 0:
        raise ModelError("CEI needs electricity above zero")
    return Fraction(emissions) / electricity


def cei_from_shares(electricity_share: Number, carbon_per_energy: Number) -> Fraction:
    """Model I by its parts, `CEI = beta / alpha`.

    alpha is electricity's share of energy use in (0, 1], with both energies in MWh; beta is carbon
    per unit of energy, tCO2/MWh. Raises `ModelError` outside these ranges.
    """
    if not 0 < electricity_share <= 1:
        raise ModelError(f"electricity's share {electricity_share} is not in (0, 1]")
    if carbon_per_energy < 0:
        raise ModelError("carbon per unit of energy is negative")
    return Fraction(carbon_per_energy) / electricity_share


def sector_cei(from_electricity: Number, other: Number, electricity: Number) -> Fraction:
    """Model II's observation, `CEI[j,t] = (C_ele + C_oth) / E`, tCO2/MWh from tCO2 and MWh."""
    if from_electricity < 0 or other < 0:
        raise ModelError("emissions are negative")
    return cei(Fraction(from_electricity) + other, electricity)


@dataclass(frozen=True)
class Prediction:
    """A predicted CEI for one year, tCO2/MWh.

    `standard_error` is that of a new observation (it includes the scatter of the years themselves),
    with `degrees_of_freedom` for Student's t.
    """

    year: int
    value: Fraction
    standard_error: float
    degrees_of_freedom: int


@dataclass(frozen=True)
class Trend:
    """Model II, `CEI[t] = a + b t`, by ordinary least squares over the years given."""

    a: Fraction
    b: Fraction
    years: tuple[int, ...]
    residual_sum_of_squares: Fraction

    def at(self, year: int) -> Fraction:
        """The line's value in a year."""
        return self.a + self.b * year

    def predict(self, year: int) -> Prediction:
        """The line's value in a year with the standard error of prediction.

        `s * sqrt(1 + 1/n + (t - mean t)^2 / Sxx)`, `s^2 = RSS / (n - 2)`. Raises `ModelError` when
        the line has left the possible values (CEI at or below zero).
        """
        n = len(self.years)
        mean = Fraction(sum(self.years), n)
        spread = sum(((t - mean) ** 2 for t in self.years), Fraction(0))
        value = self.at(year)
        if value <= 0:
            raise ModelError(f"the trend gives a CEI of {float(value):.4g} in {year}: not usable")
        variance = self.residual_sum_of_squares / (n - 2)
        variance *= 1 + Fraction(1, n) + (year - mean) ** 2 / spread
        return Prediction(year, value, math.sqrt(variance), n - 2)


def fit_trend(observations: Sequence[tuple[int, Number]]) -> Trend:
    """Least squares through (year, CEI) pairs, exactly.

    Raises `ModelError` for fewer than three years (no standard error could be given), a year given
    twice, or a negative CEI.
    """
    years = tuple(year for year, _ in observations)
    if len(years) < 3:
        raise ModelError(f"a trend with a standard error needs three years, not {len(years)}")
    if len(set(years)) < len(years):
        raise ModelError("a year is given twice")
    values = [Fraction(value) for _, value in observations]
    if any(value < 0 for value in values):
        raise ModelError("a CEI is negative")
    n = len(years)
    mean_year = Fraction(sum(years), n)
    mean_value = sum(values, Fraction(0)) / n
    sxx = sum(((t - mean_year) ** 2 for t in years), Fraction(0))
    sxy = sum(
        ((t - mean_year) * (v - mean_value) for t, v in zip(years, values, strict=True)),
        Fraction(0),
    )
    b = sxy / sxx
    a = mean_value - b * mean_year
    residuals = sum(((v - a - b * t) ** 2 for t, v in zip(years, values, strict=True)), Fraction(0))
    return Trend(a, b, years, residuals)


def emissions_from_electricity(sector: Number, electricity: Number) -> Fraction:
    """Model II for one enterprise, `C[i] = CEI[j,t] * e[i]`: tCO2 from tCO2/MWh and MWh."""
    if sector < 0 or electricity < 0:
        raise ModelError("a CEI and electricity cannot be negative")
    return Fraction(sector) * electricity
