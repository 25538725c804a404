"""Factor sets: emission factors, footprints, fuel parameters and coefficients with provenance.

A set is a JSON file, read by `factor_files`. Every factor in it carries value (a decimal string),
unit, gas basis, region, year, convention, whether it is biogenic, source and licence; the set
carries id, version and, on loading, a content hash, so that two parties can tell whether they
computed with the same numbers.

Conventions are kept apart by type: a function that takes an `EmissionFactor` cannot be given a
`FootprintFactor` (a life-cycle figure) without a type error, and asking a set for the wrong one is
a `FactorError`. A factor that is not there is a `MissingFactorError`, never zero and never an
average of something else.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import ClassVar

from accounting.errors import FactorError, MissingFactorError


class Convention(StrEnum):
    """What a factor is, and so what it may be combined with."""

    EMISSION_FACTOR = "emission_factor"
    LIFE_CYCLE_FOOTPRINT = "life_cycle_footprint"
    NET_CALORIFIC_VALUE = "ncv"
    CARBON_CONTENT = "carbon_content"
    OXIDATION = "oxidation"
    STANDARD_COAL = "standard_coal"
    WARMING_POTENTIAL = "gwp100"


class GasBasis(StrEnum):
    """Carbon dioxide alone, all greenhouse gases as CO2-equivalent, or neither."""

    CO2 = "CO2"
    CO2E = "CO2e"
    NONE = "none"


@dataclass(frozen=True)
class Factor:
    """One factor with its provenance. `subject` is the carrier it is for, such as electricity."""

    id: str
    subject: str
    name: str
    value: Fraction
    unit: str
    gas_basis: GasBasis
    region: str | None
    year: int | None
    biogenic: bool
    source: str
    licence: str
    note: str
    aliases: tuple[str, ...]
    convention: Convention

    kind: ClassVar[str] = "parameter"


@dataclass(frozen=True)
class EmissionFactor(Factor):
    """Gas released per unit of activity where it is used or, for electricity, generated."""

    kind: ClassVar[str] = "emission factor"


@dataclass(frozen=True)
class FootprintFactor(Factor):
    """Gas released over the life cycle. Not addable to emission factors: it counts more."""

    kind: ClassVar[str] = "life-cycle footprint"


@dataclass(frozen=True)
class FactorSet:
    """A loaded set. `hash` is the SHA-256 of the file's canonical JSON, in hexadecimal."""

    id: str
    version: str
    title: str
    hash: str
    factors: Mapping[str, Factor]

    @property
    def label(self) -> str:
        """What a plan records: id, version and content hash."""
        return f"{self.id}@{self.version} sha256:{self.hash}"

    def factor(self, factor_id: str) -> Factor:
        """The factor of this id. Raises `MissingFactorError` listing what the set has."""
        found = self.factors.get(factor_id)
        if found is None:
            raise MissingFactorError(
                f"factor set {self.id} has no factor {factor_id!r}; it has {self._some_ids()}"
            )
        return found

    def emission(self, factor_id: str) -> EmissionFactor:
        """The emission factor of this id. Raises `FactorError` for any other convention."""
        return require_emission(self.factor(factor_id))

    def footprint(self, factor_id: str) -> FootprintFactor:
        """The life-cycle footprint of this id. Raises `FactorError` for any other convention."""
        return require_footprint(self.factor(factor_id))

    def parameter(self, factor_id: str, convention: Convention) -> Factor:
        """The parameter (heating value, carbon content, ...) of this id and convention."""
        found = self.factor(factor_id)
        if found.convention is not convention:
            raise FactorError(
                f"factor {factor_id!r} of {self.id} is {found.convention}, not {convention}"
            )
        return found

    def has(self, factor_id: str) -> bool:
        """Whether the set has a factor of this id."""
        return factor_id in self.factors

    def for_region(self, subject: str, region: str, year: int | None = None) -> Factor:
        """The one factor of `subject` for a region given by code, name or alias.

        Raises `MissingFactorError` when there is none (the set's neighbours are not a substitute)
        and `FactorError` when several years fit and none was asked for.
        """
        wanted = _key(region)
        fits = [
            f
            for f in self.factors.values()
            if f.subject == subject
            and f.region is not None
            and wanted in {_key(f.region), _key(f.name), *map(_key, f.aliases)}
            and (year is None or f.year == year)
        ]
        if not fits:
            when = "" if year is None else f" for {year}"
            raise MissingFactorError(
                f"factor set {self.id} has no {subject} factor for region {region!r}{when}"
            )
        if len(fits) > 1:
            raise FactorError(
                f"factor set {self.id} has several {subject} factors for region {region!r} "
                f"({', '.join(f.id for f in fits)}): name one, or a year"
            )
        return fits[0]

    def _some_ids(self) -> str:
        ids = list(self.factors)
        return ", ".join(ids[:40]) + (f" and {len(ids) - 40} more" if len(ids) > 40 else "")


def require_emission(factor: Factor) -> EmissionFactor:
    """`factor` as an emission factor. Raises `FactorError` naming the convention it has."""
    if not isinstance(factor, EmissionFactor):
        raise FactorError(_wrong_kind(factor, EmissionFactor.kind))
    return factor


def require_footprint(factor: Factor) -> FootprintFactor:
    """`factor` as a life-cycle footprint. Raises `FactorError` naming the convention it has."""
    if not isinstance(factor, FootprintFactor):
        raise FactorError(_wrong_kind(factor, FootprintFactor.kind))
    return factor


def common_basis(factors: Iterable[Factor]) -> tuple[Convention, GasBasis]:
    """The one convention and gas basis that all `factors` share.

    Raises `FactorError` when an emission factor meets a footprint, or CO2 meets CO2e, and when
    there is no factor at all.
    """
    pairs: dict[tuple[Convention, GasBasis], str] = {}
    for factor in factors:
        pairs.setdefault((factor.convention, factor.gas_basis), factor.id)
    if not pairs:
        raise FactorError("no factors given")
    if len(pairs) > 1:
        listed = "; ".join(f"{name} is {c}, {g}" for (c, g), name in pairs.items())
        raise FactorError(f"factors of different conventions or gases do not add up: {listed}")
    return next(iter(pairs))


def _wrong_kind(factor: Factor, wanted: str) -> str:
    return (
        f"factor {factor.id!r} ({factor.name}) is of convention {factor.convention}, not an "
        f"{wanted}: the two count different things and are never mixed"
    )


def _key(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()
