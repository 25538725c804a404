"""Energy of activity data: by unit conversion (MJ) or as standard coal by GB/T 2589-2020 (tce).

The two are different definitions and are not mixed: the standard coefficients are rounded (0.1229
kgce for a kWh is 0.05 % above 3.6 / 29.3076) and gas volumes need a stated heating value.

Electricity has two readings in standard coal: calorific *equivalent* (0.1229 kgce/kWh, what a
consumer uses) and *equal value* (the coal burnt to make it, about 0.305 to 0.315 kgce/kWh by year).
The equal-value coefficient has no default: whoever asks for it names the factor.
"""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction

from accounting.errors import MissingFactorError, UnitError
from accounting.factors import Convention, Factor, FactorSet
from accounting.units import parse_unit

ELECTRICITY = "electricity"


class ElectricityReading(StrEnum):
    """How a kWh is counted in standard coal."""

    EQUIVALENT = "equivalent"
    EQUAL_VALUE = "equal_value"


def energy_coefficient(activity_unit: str, target: str) -> Fraction:
    """Energy in `target` for one `activity_unit`, by definition of the units alone.

    Raises `UnitError` when the activity is not given as energy: a mass or a volume of fuel has no
    energy without a coefficient.
    """
    source = parse_unit(activity_unit)
    if not source.has("energy"):
        raise UnitError(
            f"{activity_unit} is not a unit of energy: name a set of standard-coal coefficients, "
            "or give the activity in energy"
        )
    return source.factor_to(parse_unit(target))


def standard_coal_factor(
    coefficients: FactorSet,
    carrier: str,
    reading: ElectricityReading = ElectricityReading.EQUIVALENT,
) -> Factor:
    """The standard-coal coefficient of a carrier. Raises `MissingFactorError`, `FactorError`.

    For electricity read at equal value the set must hold `electricity/equal_value`; GB/T 2589
    gives none, because it changes with every year.
    """
    factor_id = carrier
    if carrier == ELECTRICITY and reading is ElectricityReading.EQUAL_VALUE:
        factor_id = f"{ELECTRICITY}/equal_value"
        if not coefficients.has(factor_id):
            raise MissingFactorError(
                f"factor set {coefficients.id} has no {factor_id!r}: the equal-value coefficient "
                "changes by year; give it in a factor set of your own"
            )
    return coefficients.parameter(factor_id, Convention.STANDARD_COAL)


def standard_coal_coefficient(factor: Factor, activity_unit: str, target: str) -> Fraction:
    """Energy in `target` (tce, kgce, MJ, ...) for one `activity_unit` by a coefficient.

    1 kgce = 29,307.6 kJ when the target is not standard coal. Raises `UnitError`.
    """
    product = parse_unit(activity_unit) * parse_unit(factor.unit)
    return factor.value * product.factor_to(parse_unit(target))


def standard_coal(
    quantity: Fraction | int,
    unit: str,
    carrier: str,
    coefficients: FactorSet,
    reading: ElectricityReading = ElectricityReading.EQUIVALENT,
) -> Fraction:
    """tce of a quantity of a carrier by the coefficients of GB/T 2589-2020, exactly.

    Raises `MissingFactorError` for a carrier without coefficient and `UnitError` for a unit that
    does not fit it.
    """
    factor = standard_coal_factor(coefficients, carrier, reading)
    return quantity * standard_coal_coefficient(factor, unit, "tce")
