"""Measures of a mapping as linear forms over columns, with exact coefficients.

Every measure is linear in the columns of its row once the region is known, so each is compiled once
a region and evaluated for each row by a few multiplications. A remainder is a linear form with a
floor at zero, which is why it may not be a term of another measure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from accounting.chosen_factors import Factors
from accounting.combustion import fuel_factor
from accounting.emissions import Scope, emission_coefficient
from accounting.energy import (
    energy_coefficient,
    standard_coal_coefficient,
    standard_coal_factor,
)
from accounting.errors import MappingError, MissingFactorError, UnitError
from accounting.factors import (
    Convention,
    EmissionFactor,
    Factor,
    FactorSet,
    FootprintFactor,
    GasBasis,
    common_basis,
    require_emission,
    require_footprint,
)
from accounting.hints import suggest
from accounting.mapping_model import (
    Column,
    ColumnMeasure,
    EmissionsMeasure,
    EnergyMeasure,
    RecordMapping,
    RemainderMeasure,
    SumMeasure,
    Term,
)
from accounting.units import Unit, parse_unit

Coefficients = dict[str, Fraction]


class NoRegionFactorError(MissingFactorError):
    """There is no factor for the region of a row: a finding for that row, not for the file."""


@dataclass
class Form:
    """One measure: column coefficients, its unit, its floor and its memo items."""

    unit: str
    coefficients: Coefficients = field(default_factory=dict)
    floor: bool = False
    memo: dict[str, Coefficients] = field(default_factory=dict)

    def add(self, column: str, coefficient: Fraction) -> None:
        """Add a multiple of a column."""
        self.coefficients[column] = self.coefficients.get(column, Fraction(0)) + coefficient


class Compiler:
    """Turns the measures of a mapping into forms, for one region at a time."""

    def __init__(self, mapping: RecordMapping, factors: Factors) -> None:
        self.mapping = mapping
        self.factors = factors
        self._sets: set[str] = set()
        self._bases: dict[str, tuple[Convention, GasBasis]] = {}

    def compile(self, region: str | None) -> dict[str, Form]:
        """Forms of all measures. Raises `MappingError`, `FactorError` or `NoRegionFactorError`."""
        done: dict[str, Form] = {}
        for name in self.mapping.measures:
            self._measure(name, region, done, ())
        return done

    def needs_region(self) -> bool:
        """Whether an emissions measure takes a factor by the region of the row."""
        for name, measure in self.mapping.measures.items():
            if isinstance(measure, EmissionsMeasure):
                kinds = {c.kind for c in self._columns(measure.kinds, measure.columns, name)}
                for role in kinds & {"electricity", "heat"}:
                    choice = self.factors.choices.get(role)
                    if choice is not None and choice.factor is None:
                        return True
        return False

    def used_columns(self) -> frozenset[str]:
        """Columns that some measure refers to."""
        used: set[str] = set()
        for name, measure in self.mapping.measures.items():
            if isinstance(measure, ColumnMeasure):
                used.add(measure.column)
            elif isinstance(measure, EnergyMeasure | EmissionsMeasure):
                used |= {c.name for c in self._columns(measure.kinds, measure.columns, name)}
            else:
                terms = measure.terms if isinstance(measure, SumMeasure) else measure.minus
                used |= {term.column for term in terms if term.column is not None}
        return frozenset(used)

    def definitions(self) -> dict[str, str]:
        """Convention and gas basis of the measures compiled so far, and the factor sets they used.

        A convention is named once when all measures agree, else for each of them: measures of
        different conventions may stand side by side, but not in one sum.
        """
        distinct = set(self._bases.values())
        found: dict[str, str] = {}
        for measure, (convention, gas) in self._bases.items():
            suffix = "" if len(distinct) == 1 else f"/{measure}"
            found[f"convention{suffix}"] = str(convention)
            found[f"gas_basis{suffix}"] = str(gas)
        if self._sets:
            found["factor_set"] = "; ".join(sorted(self._sets))
        return found

    def _measure(
        self, name: str, region: str | None, done: dict[str, Form], above: tuple[str, ...]
    ) -> Form:
        if name in done:
            return done[name]
        if name in above:
            raise MappingError(f"measures {' -> '.join((*above, name))} go round in a circle")
        measure = self.mapping.measures.get(name)
        if measure is None:
            raise MappingError(
                f"measures.{above[-1]} refers to measure {name!r}, which is not there"
                + suggest(name, self.mapping.measures)
            )
        form = Form(measure.unit)
        try:
            if isinstance(measure, ColumnMeasure):
                self._term(form, Term(column=measure.column), 1, region, done, (*above, name))
            elif isinstance(measure, EnergyMeasure):
                self._energy(form, measure, name)
            elif isinstance(measure, EmissionsMeasure):
                self._emissions(form, measure, name, region)
            elif isinstance(measure, SumMeasure):
                for term in measure.terms:
                    self._term(form, term, 1, region, done, (*above, name))
            elif isinstance(measure, RemainderMeasure):
                form.floor = True
                whole = Term(measure=measure.of)
                self._term(form, whole, 1, region, done, (*above, name))
                for term in measure.minus:
                    self._term(form, term, -1, region, done, (*above, name))
        except UnitError as error:
            raise MappingError(f"measures.{name}: {error}") from error
        done[name] = form
        return form

    def _term(
        self,
        form: Form,
        term: Term,
        sign: int,
        region: str | None,
        done: dict[str, Form],
        path: tuple[str, ...],
    ) -> None:
        constant: Unit = parse_unit(term.unit)
        target = parse_unit(form.unit)
        if term.column is not None:
            column = self._column(term.column, path[-1])
            scale = (parse_unit(column.unit) * constant).factor_to(target)
            form.add(column.name, sign * term.times * scale)
            return
        inner = self._measure(term.measure or "", region, done, path)
        if inner.floor:
            raise MappingError(
                f"measures.{path[-1]}: {term.measure} is a remainder, which may not be a term"
            )
        scale = sign * term.times * (parse_unit(inner.unit) * constant).factor_to(target)
        for name, coefficient in inner.coefficients.items():
            form.add(name, coefficient * scale)

    def _energy(self, form: Form, measure: EnergyMeasure, name: str) -> None:
        choice = self.mapping.factors.standard_coal
        for column in self._columns(measure.kinds, measure.columns, name):
            if measure.by == "unit":
                coefficient = energy_coefficient(column.unit, form.unit)
            else:
                coefficients = self._set("standard coal", name)
                carrier = column.carrier or column.kind
                if choice is None:  # set_for has refused already
                    raise MappingError(f"measures.{name}: no standard-coal coefficients")
                factor = standard_coal_factor(coefficients, carrier, choice.electricity)
                coefficient = standard_coal_coefficient(factor, column.unit, form.unit)
            form.add(column.name, coefficient)

    def _emissions(
        self, form: Form, measure: EmissionsMeasure, name: str, region: str | None
    ) -> None:
        met: list[Factor] = []
        for column in self._columns(measure.kinds, measure.columns, name):
            factor = self._factor(column, measure.convention, name, region)
            met.append(factor)
            coefficient = emission_coefficient(factor, column.unit, form.unit)
            scope = Scope.FUELS if column.kind == "fuel" else Scope.PURCHASED
            if factor.biogenic:
                scope = Scope.BIOGENIC
            part = form.memo.setdefault(scope, {})
            part[column.name] = coefficient
            if scope is not Scope.BIOGENIC or measure.biogenic == "include":
                form.add(column.name, coefficient)
        self._bases[name] = common_basis(met)

    def _factor(
        self, column: Column, convention: Convention, name: str, region: str | None
    ) -> EmissionFactor | FootprintFactor:
        factors = self._set(column.kind, name)
        if column.kind == "fuel":
            carrier = column.carrier or ""
            if convention is Convention.EMISSION_FACTOR:
                return fuel_factor(factors, carrier, column.unit)
            return factors.footprint(carrier)
        choice = self.factors.choices[column.kind]
        if choice.factor is not None:
            found = factors.factor(choice.factor)
        elif region is None:
            raise MappingError(
                f"measures.{name}: name one factor of {factors.id} under [factors] "
                f"{column.kind}, or state [enterprise] region"
            )
        else:
            try:
                found = factors.for_region(column.kind, region, choice.year)
            except MissingFactorError as error:
                raise NoRegionFactorError(str(error)) from error
        if convention is Convention.EMISSION_FACTOR:
            return require_emission(found)
        return require_footprint(found)

    def _set(self, role: str, measure: str) -> FactorSet:
        found = self.factors.set_for(role, measure)
        self._sets.add(found.label)
        return found

    def _column(self, name: str, measure: str) -> Column:
        column = self.mapping.column(name)
        if column is None:
            raise MappingError(
                f"measures.{measure}: column {name!r} is not under [[columns]]"
                + suggest(name, (c.name for c in self.mapping.columns))
            )
        return column

    def _columns(
        self, kinds: tuple[str, ...], names: tuple[str, ...], measure: str
    ) -> list[Column]:
        if names:
            if len(set(names)) < len(names):
                raise MappingError(f"measures.{measure}: a column is listed twice")
            columns = [self._column(name, measure) for name in names]
        else:
            columns = [c for c in self.mapping.columns if c.kind in kinds]
        if any(c.kind == "quantity" for c in columns):
            raise MappingError(f"measures.{measure}: a quantity is no energy activity")
        if not columns:
            raise MappingError(f"measures.{measure}: no column is of kind {', '.join(kinds)}")
        return columns
