"""The schema of a mapping file, as strict models; `docs/accounting.md` shows it with examples."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from accounting.cells import NumberStyle, normalise
from accounting.energy import ElectricityReading
from accounting.errors import UnitError
from accounting.factors import Convention
from accounting.units import parse_unit


def _number(value: object) -> Fraction:
    if isinstance(value, Fraction):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Fraction(value)
    if isinstance(value, str) and len(value) <= 64 and "e" not in value.lower():
        try:
            return Fraction(value)
        except (ValueError, ZeroDivisionError):
            pass
    raise ValueError('write a number exactly: a whole number, or text such as "0.7034" or "1/3"')


def _unit(text: str) -> str:
    try:
        parse_unit(text)
    except UnitError as error:
        raise ValueError(str(error)) from error
    return text


def _enumerated(value: object) -> object:
    # In strict mode pydantic takes enum members only; TOML has their text.
    for enum in (NumberStyle, ElectricityReading, Convention):
        if isinstance(value, str) and value in list(enum):
            return enum(value)
    return value


Number = Annotated[Fraction, BeforeValidator(_number)]
UnitText = Annotated[str, Field(min_length=1, max_length=60), AfterValidator(_unit)]
Text = Annotated[str, Field(min_length=1, max_length=400)]
ColumnName = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(normalise)]
"""A column as the file's header has it, normalised like the header (full-width signs)."""
MeasureName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Kind = Literal["fuel", "electricity", "heat", "quantity"]


class _Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True
    )


class Source(_Model):
    """A text taken from a column or constant: `{ column = "state", prefix = "US-" }`."""

    column: ColumnName | None = None
    value: Text | None = None
    prefix: str = ""

    @model_validator(mode="after")
    def _one(self) -> Source:
        if (self.column is None) == (self.value is None):
            raise ValueError("give either column or value")
        return self


class RecordsPart(_Model):
    """How the file is read: its number style, and which rows are taken."""

    numbers: Annotated[NumberStyle, BeforeValidator(_enumerated)] = NumberStyle.AUTO
    where: dict[ColumnName, Text] = {}


class EnterprisePart(_Model):
    """Where the identity, the cohort, the group, the region and the category of a row stand.

    The category is the enterprise's place in a published table, such as its sector.
    """

    id: ColumnName
    cohort: Source
    group: ColumnName | None = None
    region: Source | None = None
    category: Source | None = None


class FactorChoice(_Model):
    """A factor set, and for electricity and heat one factor of it or a year for the region's."""

    set: Text
    factor: Text | None = None
    year: int | None = None


class CoefficientChoice(_Model):
    """The set of standard-coal coefficients and how electricity is counted."""

    set: Text
    electricity: Annotated[ElectricityReading, BeforeValidator(_enumerated)]


class FactorsPart(_Model):
    """Factor sets by what they are for. Only those that a measure uses are needed."""

    fuels: FactorChoice | None = None
    electricity: FactorChoice | None = None
    heat: FactorChoice | None = None
    standard_coal: CoefficientChoice | None = None


class Plausible(_Model):
    """Limits of a column in its own unit, and what a value outside them does."""

    minimum: Number | None = None
    maximum: Number | None = None
    otherwise: Literal["exclude", "warn"] = "exclude"


class Column(_Model):
    """One column of the file that measures may use."""

    name: ColumnName
    kind: Kind
    unit: UnitText
    carrier: Text | None = None
    blank: Literal["missing", "not_used"] = "missing"
    plausible: Plausible | None = None

    @model_validator(mode="after")
    def _carrier(self) -> Column:
        if (self.kind == "fuel") != (self.carrier is not None):
            raise ValueError("a fuel column names its carrier, and only a fuel column does")
        return self


class ColumnMeasure(_Model):
    """A column in another unit."""

    kind: Literal["column"]
    column: ColumnName
    unit: UnitText


class _Activity(_Model):
    unit: UnitText
    kinds: tuple[Kind, ...] = ()
    columns: tuple[ColumnName, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _tuples(cls, value: object) -> object:
        if isinstance(value, dict):
            return {
                k: tuple(v) if k in ("kinds", "columns") and isinstance(v, list) else v
                for k, v in value.items()
            }
        return value

    @model_validator(mode="after")
    def _one(self) -> _Activity:
        if bool(self.kinds) == bool(self.columns):
            raise ValueError("give either kinds or columns")
        return self


class EnergyMeasure(_Activity):
    """Energy of activity columns: by unit, or as standard coal by coefficients."""

    kind: Literal["energy"]
    by: Literal["unit", "standard_coal"] = "unit"


class EmissionsMeasure(_Activity):
    """Emissions of activity columns by the factor sets."""

    kind: Literal["emissions"]
    convention: Annotated[Convention, BeforeValidator(_enumerated)] = Convention.EMISSION_FACTOR
    biogenic: Literal["memo", "include"] = "memo"

    @model_validator(mode="after")
    def _gas(self) -> EmissionsMeasure:
        if self.convention not in (Convention.EMISSION_FACTOR, Convention.LIFE_CYCLE_FOOTPRINT):
            raise ValueError("convention is emission_factor or life_cycle_footprint")
        return self


class Term(_Model):
    """A column or another measure, times a constant given in a unit."""

    column: ColumnName | None = None
    measure: MeasureName | None = None
    times: Number = Fraction(1)
    unit: UnitText = "1"

    @model_validator(mode="after")
    def _one(self) -> Term:
        if (self.column is None) == (self.measure is None):
            raise ValueError("a term is a column or a measure")
        return self


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Terms = Annotated[tuple[Term, ...], BeforeValidator(_as_tuple), Field(min_length=1)]


class SumMeasure(_Model):
    """A sum of terms."""

    kind: Literal["sum"]
    terms: Terms
    unit: UnitText


class RemainderMeasure(_Model):
    """What is left of a measure after taking terms away; zero when that would be negative."""

    kind: Literal["remainder"]
    of: MeasureName
    minus: Terms
    unit: UnitText


Measure = ColumnMeasure | EnergyMeasure | EmissionsMeasure | SumMeasure | RemainderMeasure


class ChecksPart(_Model):
    """What a value far from its cohort does: a warning, or the exclusion of its row."""

    outliers: Literal["warn", "exclude"] = "warn"


class RecordMapping(_Model):
    """A whole mapping. `hash` and `folder` are set by `load_mapping`."""

    schema_: Literal["cefed.mapping/1"] = Field(alias="schema")
    title: Text
    period: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """The period that the records are of, as the plan writes it; a plan of another is refused."""
    definitions: dict[Text, Text] = {}
    records: RecordsPart = RecordsPart()
    enterprise: EnterprisePart
    categories: dict[Text, Text] = {}
    """What the records' words for a category are called in the table; empty: they are the same."""
    factors: FactorsPart = FactorsPart()
    columns: Annotated[tuple[Column, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
    skip: Annotated[tuple[ColumnName, ...], BeforeValidator(_as_tuple)] = ()
    measures: dict[MeasureName, Annotated[Measure, Field(discriminator="kind")]]
    checks: ChecksPart = ChecksPart()
    hash: str = Field(default="", exclude=True)
    folder: Path = Field(default=Path(), exclude=True)

    def column(self, name: str) -> Column | None:
        """The mapped column of this name."""
        return next((c for c in self.columns if c.name == name), None)

    def file_columns(self) -> tuple[str, ...]:
        """Every column that the records file must have."""
        names = [self.enterprise.id, *(c.name for c in self.columns), *self.records.where]
        part = self.enterprise
        for source in (part.cohort, part.region, part.category):
            if source is not None and source.column is not None:
                names.append(source.column)
        if self.enterprise.group is not None:
            names.append(self.enterprise.group)
        return tuple(dict.fromkeys(names))
