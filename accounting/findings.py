"""Findings: defects of records as data, with the place and the text that show them.

A finding never changes a value. An `ERROR` excludes its row (the run goes on with the others); a
`WARNING` is reported and the row stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a finding does to its row."""

    ERROR = "error"
    WARNING = "warning"


class Code(StrEnum):
    """Every kind of finding, by the name that reports and tests use."""

    MISSING = "missing"
    NOT_A_NUMBER = "not-a-number"
    AMBIGUOUS_NUMBER = "ambiguous-number"
    SPREADSHEET_ERROR = "spreadsheet-error"
    NEGATIVE = "negative"
    NOT_FINITE = "not-finite"
    OUT_OF_RANGE = "out-of-range"
    OUTLIER = "outlier"
    CELL_COUNT = "cell-count"
    NO_ENTERPRISE = "no-enterprise"
    DUPLICATE_ENTERPRISE = "duplicate-enterprise"
    MISSING_FACTOR = "missing-factor"
    BELOW_ZERO = "below-zero"
    UNKNOWN_CATEGORY = "unknown-category"


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect of one record.

    `row` is the line of the file on which the record starts (the header is line 1, so it equals
    the row number a spreadsheet shows). `column` is empty when the defect belongs to the whole
    row. `text` is the offending text as it stands in the file.
    """

    file: str
    row: int
    column: str
    code: Code
    text: str
    message: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        place = f"{self.file}, row {self.row}"
        if self.column:
            place += f", column {self.column}"
        return f"{place}: {self.message} [{self.severity}: {self.code}]"
