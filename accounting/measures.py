"""Records and a mapping to the measures of each enterprise: exact fractions and integers.

Each measure is rounded once, half to even, from its exact value (`SPEC.md` section 1). A row with
an error finding is excluded with the reason and the others go on; a row never loses a finding and
a missing value never becomes zero, except where the mapping says that a blank means "not used", and
then it is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from accounting.checks import outliers
from accounting.chosen_factors import Factors
from accounting.errors import MappingError, RecordsError
from accounting.findings import Code, Finding, Severity
from accounting.forms import Compiler, Form, NoRegionFactorError
from accounting.hints import suggest
from accounting.mapping import load_mapping
from accounting.mapping_model import RecordMapping
from accounting.records import Records, read_records
from accounting.rows import Draft, RowReader


@dataclass(frozen=True, slots=True)
class MeasureValue:
    """One measure: its exact value, that value rounded half to even, and its unit."""

    exact: Fraction
    integer: int
    unit: str


@dataclass(frozen=True)
class EnterpriseMeasures:
    """What one row gave. `values` is empty when the row is excluded.

    `category` is its place in published tables; None where it is unknown or the mapping names none.
    `memo` holds the parts of each emissions measure (`emissions/scope 1`, `/scope 2`, `/biogenic`),
    exact and in the measure's unit; biogenic is in no measure unless the mapping includes it.
    """

    enterprise: str
    cohort: str
    group: str | None
    row: int
    values: Mapping[str, MeasureValue]
    memo: Mapping[str, Fraction]
    findings: tuple[Finding, ...]
    excluded: str | None
    notes: tuple[str, ...]
    category: str | None = None

    @property
    def integers(self) -> dict[str, int]:
        """Name and integer of every measure: what a contribution is made from."""
        return {name: value.integer for name, value in self.values.items()}


@dataclass(frozen=True)
class Intake:
    """Everything read from one records file by one mapping."""

    file: str
    file_hash: str
    encoding: str
    mapping_hash: str
    title: str
    enterprises: tuple[EnterpriseMeasures, ...]
    units: Mapping[str, str]
    definitions: tuple[tuple[str, str], ...]
    unmapped_columns: tuple[str, ...]
    not_used: Mapping[str, int]
    rows_left_out: int
    findings: tuple[Finding, ...] = field(repr=False, default=())
    period: str | None = None

    @property
    def included(self) -> tuple[EnterpriseMeasures, ...]:
        """Enterprises without an error finding."""
        return tuple(e for e in self.enterprises if e.excluded is None)

    @property
    def excluded(self) -> tuple[EnterpriseMeasures, ...]:
        """Enterprises left out, each with its reason."""
        return tuple(e for e in self.enterprises if e.excluded is not None)

    def of(self, enterprise: str) -> EnterpriseMeasures:
        """The one row of an enterprise. Raises `RecordsError` when there is none or several."""
        rows = [e for e in self.enterprises if e.enterprise == enterprise]
        if len(rows) == 1:
            return rows[0]
        known = [e.enterprise for e in self.enterprises]
        if rows:
            lines = ", ".join(str(e.row) for e in rows)
            raise RecordsError(f"{self.file}: enterprise {enterprise!r} stands in rows {lines}")
        raise RecordsError(
            f"{self.file}: no row for enterprise {enterprise!r}{suggest(enterprise, known)}"
        )


def compute_file(
    csv_path: Path, mapping_path: Path, *, check: bool = False, plants_of: str | None = None
) -> Intake:
    """Read a records file by a mapping and compute every row. See `compute_intake`."""
    mapping = load_mapping(mapping_path)
    return compute_intake(
        read_records(csv_path), mapping, Factors(mapping), check=check, plants_of=plants_of
    )


def compute(
    records: Records, mapping: RecordMapping, factors: Factors, *, check: bool = False
) -> list[EnterpriseMeasures]:
    """Measures of every row, in the order of the file. See `compute_intake`."""
    return list(compute_intake(records, mapping, factors, check=check).enterprises)


def compute_intake(
    records: Records,
    mapping: RecordMapping,
    factors: Factors,
    *,
    check: bool = False,
    plants_of: str | None = None,
) -> Intake:
    """Compute every row and describe what was read.

    The enterprise `plants_of` may stand in several rows, which `plants.sum_plants` adds up; of
    every other enterprise a second row is a finding. With `check`, values far from their cohort are
    reported too (warnings, unless the mapping makes them errors). Raises `MappingError` when a
    mapped column is not in the file and `FactorError` when a factor set does not cover what the
    mapping asks of it; a region without a factor is a finding of its rows.
    """
    run = _Run(records, mapping, factors)
    drafts = run.reader.read(plants_of)
    exclude = mapping.checks.outliers == "exclude"
    if check or exclude:
        table = [(draft.cohort, draft.values) for draft in drafts]
        for far in outliers(table, mapping.columns):
            error = exclude and far.column in run.reader.used
            severity = Severity.ERROR if error else Severity.WARNING
            run.reader.find(drafts[far.position], far.column, Code.OUTLIER, far.message, severity)
    enterprises = tuple(run.finish(draft) for draft in drafts)
    mapped = {*mapping.file_columns(), *mapping.skip}
    return Intake(
        file=records.file,
        file_hash=records.sha256,
        encoding=records.encoding,
        mapping_hash=mapping.hash,
        title=mapping.title,
        enterprises=enterprises,
        units={name: measure.unit for name, measure in mapping.measures.items()},
        definitions=run.definitions(),
        unmapped_columns=tuple(c for c in records.header if c not in mapped),
        not_used=dict(run.reader.not_used),
        rows_left_out=len(records.rows) - len(drafts),
        findings=(*records.findings, *(f for e in enterprises for f in e.findings)),
        period=mapping.period,
    )


class _Run:
    """One computation: the forms compiled by region, and the rows."""

    def __init__(self, records: Records, mapping: RecordMapping, factors: Factors) -> None:
        self.mapping = mapping
        self.compiler = Compiler(mapping, factors)
        self.reader = RowReader(records, mapping, self.compiler.used_columns())
        self.by_region = self.compiler.needs_region()
        if self.by_region and mapping.enterprise.region is None:
            raise MappingError("a factor by region is asked for: state [enterprise] region")
        self.forms: dict[str | None, dict[str, Form] | NoRegionFactorError] = {}

    def finish(self, draft: Draft) -> EnterpriseMeasures:
        """Evaluate the measures of a row, or exclude it with the reason."""
        values: dict[str, MeasureValue] = {}
        memo: dict[str, Fraction] = {}
        forms = self._forms(draft)
        errors = draft.errors
        if forms is not None and not errors:
            for name, form in forms.items():
                values[name] = self._evaluate(draft, name, form)
                for scope, part in form.memo.items():
                    memo[f"{name}/{scope}"] = _dot(part, draft.values)
        notes: tuple[str, ...] = ()
        if draft.blanks:
            notes = (f"blank and read as not used: {', '.join(draft.blanks)}",)
        return EnterpriseMeasures(
            enterprise=draft.enterprise,
            cohort=draft.cohort,
            group=draft.group,
            row=draft.row.line,
            values=values,
            memo=memo,
            findings=tuple(draft.findings),
            excluded="; ".join(map(_reason, errors)) or None,
            notes=notes,
            category=draft.category,
        )

    def definitions(self) -> tuple[tuple[str, str], ...]:
        """What has to be equal between enterprises whose figures are summed, sorted by name."""
        found = dict(self.mapping.definitions) | self.compiler.definitions()
        return tuple(sorted(found.items()))

    def _forms(self, draft: Draft) -> dict[str, Form] | None:
        region = draft.region if self.by_region else None
        source = self.mapping.enterprise.region
        column = source.column or "" if source is not None else ""
        if self.by_region and region is None:
            self.reader.find(draft, column, Code.MISSING, "the region is blank")
            return None
        if region not in self.forms:
            try:
                self.forms[region] = self.compiler.compile(region)
            except NoRegionFactorError as error:
                self.forms[region] = error
        forms = self.forms[region]
        if isinstance(forms, NoRegionFactorError):
            self.reader.find(draft, column, Code.MISSING_FACTOR, str(forms))
            return None
        return forms

    def _evaluate(self, draft: Draft, name: str, form: Form) -> MeasureValue:
        exact = _dot(form.coefficients, draft.values)
        if form.floor and exact < 0:
            if round(exact) < 0:
                message = f"measure {name} is {float(exact):.6g} {form.unit}; zero is taken"
                self.reader.find(draft, "", Code.BELOW_ZERO, message, Severity.WARNING)
            exact = Fraction(0)
        return MeasureValue(exact, round(exact), form.unit)


def _dot(coefficients: Mapping[str, Fraction], values: Mapping[str, Fraction]) -> Fraction:
    return sum((c * values[name] for name, c in coefficients.items()), Fraction(0))


def _reason(finding: Finding) -> str:
    place = f"column {finding.column}: " if finding.column else ""
    return f"{place}{finding.message}"
