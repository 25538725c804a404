"""One row of the records: its identity, its numbers, and the findings about both.

Called by `measures`, which evaluates the measures of the rows read here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from fractions import Fraction

from accounting.cells import is_blank, normalise, parse_number
from accounting.errors import CellError, MappingError, RecordsError
from accounting.findings import Code, Finding, Severity
from accounting.hints import suggest
from accounting.mapping_model import Column, RecordMapping, Source
from accounting.records import Records, Row


@dataclass
class Draft:
    """A row on its way to its measures: what was read of it and what is wrong with it."""

    row: Row
    enterprise: str
    cohort: str
    group: str | None
    region: str | None
    category: str | None = None
    values: dict[str, Fraction] = field(default_factory=dict)
    blanks: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def errors(self) -> list[Finding]:
        """Findings that exclude the row."""
        return [f for f in self.findings if f.severity is Severity.ERROR]


class RowReader:
    """Reads the rows of one file by one mapping.

    `used` names the columns that some measure needs: a defect elsewhere is only a warning. Raises
    `MappingError` on construction when a mapped column is not in the file.
    """

    def __init__(self, records: Records, mapping: RecordMapping, used: Collection[str]) -> None:
        self.records = records
        self.mapping = mapping
        self.used = used
        self.index = records.index()
        self.not_used: Counter[str] = Counter()
        self._categories = {normalise(k): v for k, v in mapping.categories.items()}
        for name in mapping.file_columns():
            if name not in self.index:
                raise MappingError(
                    f"{records.file}: column {name!r} of the mapping is not in the file"
                    f"{suggest(name, records.header)}; its columns: {', '.join(records.header)}"
                )

    def read(self, plants_of: str | None = None) -> list[Draft]:
        """Every row that `[records] where` selects. Raises `RecordsError` when it selects none.

        Only the enterprise `plants_of` may stand in several rows, one for each of its plants.
        """
        wanted = self.mapping.records.where
        drafts = [
            self._draft(row)
            for row in self.records.rows
            if all(normalise(self._cell(row, c)) == normalise(v) for c, v in wanted.items())
        ]
        if wanted and not drafts:
            chosen = ", ".join(f"{c} = {v!r}" for c, v in wanted.items())
            raise RecordsError(f"{self.records.file}: no row has {chosen}")
        rows_of: dict[str, list[int]] = {}
        for draft in drafts:
            rows_of.setdefault(draft.enterprise, []).append(draft.row.line)
        for draft in drafts:
            others = [str(n) for n in rows_of[draft.enterprise] if n != draft.row.line]
            if others and draft.enterprise != plants_of:
                # Nobody can tell which is right, so none of them is taken.
                text = f"enterprise {draft.enterprise!r} also stands in row {', '.join(others)}"
                self.find(draft, self.mapping.enterprise.id, Code.DUPLICATE_ENTERPRISE, text)
        return drafts

    def find(
        self,
        draft: Draft,
        column: str,
        code: Code,
        message: str,
        severity: Severity = Severity.ERROR,
    ) -> None:
        """Add a finding about a cell, or about the row when `column` is empty."""
        text = self._cell(draft.row, column) if column else ""
        draft.findings.append(
            Finding(self.records.file, draft.row.line, column, code, text, message, severity)
        )

    def _draft(self, row: Row) -> Draft:
        part = self.mapping.enterprise
        draft = Draft(
            row=row,
            enterprise=normalise(self._cell(row, part.id)),
            cohort=self._source(row, part.cohort) or "",
            group=(normalise(self._cell(row, part.group)) or None) if part.group else None,
            region=self._source(row, part.region) if part.region else None,
        )
        if not draft.enterprise:
            draft.enterprise = f"(row {row.line})"
            self.find(draft, part.id, Code.NO_ENTERPRISE, "the enterprise has no id")
        if not draft.cohort:
            self.find(draft, part.cohort.column or "", Code.MISSING, "the cohort is blank")
        if part.category is not None:
            draft.category = self._category(draft, part.category)
        for column in self.mapping.columns:
            self._number(draft, column)
        return draft

    def _category(self, draft: Draft, source: Source) -> str | None:
        """The row's category in the table's words; None, with a warning, where it is not known.

        No error: only a round that publishes a table asks for it, and such a round refuses the row.
        """
        place, text = source.column or "", self._source(draft.row, source)
        if text is None:
            self.find(draft, place, Code.MISSING, "the category is blank", Severity.WARNING)
            return None
        if not self._categories:
            return text
        known = self._categories.get(text)
        if known is None:
            message = f"category {text!r} is not in [categories]{suggest(text, self._categories)}"
            self.find(draft, place, Code.UNKNOWN_CATEGORY, message, Severity.WARNING)
        return known

    def _number(self, draft: Draft, column: Column) -> None:
        text = self._cell(draft.row, column.name)
        # A defect of a column that no measure uses must not cost the row.
        severity = Severity.ERROR if column.name in self.used else Severity.WARNING
        if is_blank(text):
            if column.blank == "not_used":
                draft.values[column.name] = Fraction(0)
                draft.blanks.append(column.name)
                self.not_used[column.name] += 1
            else:
                self.find(draft, column.name, Code.MISSING, "no value", severity)
            return
        try:
            value = parse_number(text, self.mapping.records.numbers)
        except CellError as error:
            self.find(draft, column.name, Code(error.code), str(error), severity)
            return
        draft.values[column.name] = value
        limits = column.plausible
        if limits is None:
            return
        low, high = limits.minimum, limits.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            if limits.otherwise == "warn":
                severity = Severity.WARNING
            span = f"{'' if low is None else low} to {'' if high is None else high}"
            message = f"{normalise(text)} {column.unit} is outside the plausible range {span}"
            self.find(draft, column.name, Code.OUT_OF_RANGE, message, severity)

    def _cell(self, row: Row, column: str) -> str:
        return row.cells[self.index[column]]

    def _source(self, row: Row, source: Source) -> str | None:
        text = source.value if source.column is None else self._cell(row, source.column)
        value = normalise(text or "")
        return source.prefix + value if value else None
