"""Emissions of activity data by scope: fuels (1), purchased electricity and heat (2).

Carbon dioxide of biogenic fuels is a memo item outside the scopes (GHG Protocol, Corporate
Standard): it is reported, never added. Emission factors and life-cycle footprints, CO2 and CO2e are
never added to each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from accounting.errors import FactorError
from accounting.factors import (
    Convention,
    EmissionFactor,
    Factor,
    FootprintFactor,
    GasBasis,
    common_basis,
)
from accounting.units import parse_unit


class Scope(StrEnum):
    """Where an emission is counted."""

    FUELS = "scope 1"
    PURCHASED = "scope 2"
    BIOGENIC = "biogenic"


@dataclass(frozen=True)
class Emission:
    """Emissions of one activity, in kgCO2 or kgCO2e by the factor's gas basis."""

    scope: Scope
    kilograms: Fraction
    factor: Factor


@dataclass(frozen=True)
class Totals:
    """Emissions by scope in kilograms; `biogenic` is a memo item and in no total."""

    fuels: Fraction
    purchased: Fraction
    biogenic: Fraction
    convention: Convention
    gas_basis: GasBasis

    @property
    def total(self) -> Fraction:
        """Scope 1 and scope 2."""
        return self.fuels + self.purchased


def emission_coefficient(
    factor: EmissionFactor | FootprintFactor, activity_unit: str, target: str
) -> Fraction:
    """Emissions in `target` (kgCO2, tCO2e, ...) of one `activity_unit`, exactly.

    Raises `UnitError` when the activity does not fit the factor (t of a fuel with a factor per GJ)
    or the target is of another gas basis.
    """
    product = parse_unit(activity_unit) * parse_unit(factor.unit)
    return factor.value * product.factor_to(parse_unit(target))


def fuel_emissions(quantity: Fraction | int, unit: str, factor: EmissionFactor) -> Emission:
    """Direct emissions of burning a fuel: scope 1, or the memo item when it is biogenic."""
    return _emission(Scope.BIOGENIC if factor.biogenic else Scope.FUELS, quantity, unit, factor)


def electricity_emissions(quantity: Fraction | int, unit: str, factor: EmissionFactor) -> Emission:
    """Emissions of purchased electricity (scope 2). A footprint factor is refused."""
    return _emission(Scope.PURCHASED, quantity, unit, factor)


def heat_emissions(quantity: Fraction | int, unit: str, factor: EmissionFactor) -> Emission:
    """Emissions of purchased heat or steam (scope 2)."""
    return _emission(Scope.PURCHASED, quantity, unit, factor)


def total(emissions: Iterable[Emission]) -> Totals:
    """Sum emissions by scope. Raises `FactorError` when conventions or gases differ."""
    items = list(emissions)
    convention, basis = common_basis(item.factor for item in items)
    sums = {scope: Fraction(0) for scope in Scope}
    for item in items:
        sums[item.scope] += item.kilograms
    return Totals(sums[Scope.FUELS], sums[Scope.PURCHASED], sums[Scope.BIOGENIC], convention, basis)


def carbon_dioxide_equivalent(kilograms: Fraction | int, potential: Factor) -> Fraction:
    """kgCO2e of a mass of another gas in kg. Raises `FactorError` unless given a GWP100."""
    if potential.convention is not Convention.WARMING_POTENTIAL:
        raise FactorError(f"factor {potential.id!r} is no warming potential")
    return kilograms * potential.value


def _emission(
    scope: Scope, quantity: Fraction | int, unit: str, factor: EmissionFactor
) -> Emission:
    # The type says so already; a caller without a type checker must not get past it.
    if not isinstance(factor, EmissionFactor):
        raise FactorError(
            f"factor {factor.id!r} is of convention {factor.convention}, not an emission factor"
        )
    coefficient = emission_coefficient(factor, unit, f"kg{factor.gas_basis}")
    return Emission(scope, quantity * coefficient, factor)
