"""Emission factors of fuels from heating value, carbon content and oxidation rate.

    EF = NCV x CC x OF x 44/12

With NCV in GJ/t (gases GJ/1e4 Nm3), CC in tC/TJ and OF as a share, the usual form divides by 1000
because CC is per TJ; here the units carry that factor. Source: the NDRC industry accounting guides
and IPCC 2006 Guidelines, volume 2, chapter 1.
"""

from __future__ import annotations

from fractions import Fraction

from accounting.errors import FactorError
from accounting.factors import (
    Convention,
    EmissionFactor,
    FactorSet,
    GasBasis,
)
from accounting.units import parse_unit

# tCO2 per tC: molar masses 44 and 12, as the guides use them.
CO2_PER_CARBON = Fraction(44, 12)


def emission_factor_value(ncv: Fraction, carbon_content: Fraction, oxidation: Fraction) -> Fraction:
    """tCO2 per t of fuel (or per 1e4 Nm3 of gas), exactly.

    `ncv` in GJ/t (or GJ/1e4 Nm3), `carbon_content` in tC/TJ, `oxidation` as a share in 0..1.
    Raises `FactorError` for a negative value or an oxidation above 1.
    """
    if ncv < 0 or carbon_content < 0:
        raise FactorError("a heating value and a carbon content cannot be negative")
    if not 0 <= oxidation <= 1:
        raise FactorError(f"oxidation rate {oxidation} is not in 0..1: give a share, not percent")
    return ncv * carbon_content * oxidation * CO2_PER_CARBON / 1000


def fuel_factor(factors: FactorSet, carrier: str, activity_unit: str) -> EmissionFactor:
    """The emission factor of a fuel for activity given in `activity_unit`.

    A set either holds a direct factor under the carrier's id, or `carrier/ncv`, `carrier/cc` and
    `carrier/of`, from which one is derived: per mass or volume through the heating value, or per
    energy when the activity is given as energy. Raises `MissingFactorError` and `FactorError`.
    """
    if factors.has(carrier) or not factors.has(f"{carrier}/cc"):
        return factors.emission(carrier)
    ncv = factors.parameter(f"{carrier}/ncv", Convention.NET_CALORIFIC_VALUE)
    carbon = factors.parameter(f"{carrier}/cc", Convention.CARBON_CONTENT)
    oxidation = factors.parameter(f"{carrier}/of", Convention.OXIDATION)
    per_energy = (
        carbon.value
        * parse_unit(carbon.unit).factor_to(parse_unit("tC/GJ"))
        * oxidation.value
        * parse_unit(oxidation.unit).factor_to(parse_unit("1"))
        * CO2_PER_CARBON
    )
    if parse_unit(activity_unit).has("energy"):
        value, unit = per_energy, "tCO2/GJ"
    else:
        heat, _, amount = ncv.unit.partition("/")
        gigajoules = ncv.value * parse_unit(heat).factor_to(parse_unit("GJ"))
        value, unit = gigajoules * per_energy, f"tCO2/{amount}"
    return EmissionFactor(
        id=carrier,
        subject=carrier,
        name=ncv.name.removesuffix(", net calorific value"),
        value=value,
        unit=unit,
        gas_basis=GasBasis.CO2,
        region=ncv.region,
        year=ncv.year,
        biogenic=any(f.biogenic for f in (ncv, carbon, oxidation)),
        source=f"NCV x CC x OF x 44/12 from {carbon.source}",
        licence=carbon.licence,
        note="",
        aliases=(),
        convention=Convention.EMISSION_FACTOR,
    )
