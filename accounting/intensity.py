"""Energy intensity: energy per unit of output, lower is better."""

from __future__ import annotations

from fractions import Fraction

from accounting.errors import ModelError
from accounting.units import parse_unit

Number = Fraction | int


def energy_intensity(energy: Number, output: Number) -> Fraction:
    """Energy per unit of output, in the quotient of the units given (tce/1e4 yuan, MJ/USD, ...).

    Raises `ModelError` for negative energy or an output that is not positive.
    """
    if energy < 0:
        raise ModelError("energy is negative")
    if output <= 0:
        raise ModelError("energy intensity needs an output above zero")
    return Fraction(energy) / output


def energy_intensity_in(
    energy: Number, energy_unit: str, output: Number, output_unit: str, target: str
) -> Fraction:
    """Energy intensity expressed in `target`, such as "tce/1e4 yuan". Raises `UnitError` too."""
    quotient = parse_unit(energy_unit) / parse_unit(output_unit)
    return energy_intensity(energy, output) * quotient.factor_to(parse_unit(target))
