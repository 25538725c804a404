"""Text of one cell to an exact number, without guessing.

Accepted: decimal numbers with an optional exponent, full-width digits and punctuation (NFKC), and
grouped thousands where only one reading exists (`1,234.5` and `1,234,567`; `1,234` may be 1.234
elsewhere and is a finding unless the mapping states the number style). Everything else is a
`CellError` whose code names the defect; blanks are the caller's business.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from fractions import Fraction

from accounting.errors import CellError
from accounting.findings import Code

MAX_LENGTH = 64
# Well beyond any reading, and short enough that a hostile 1e999999999 costs nothing.
MAX_EXPONENT = 30

_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_NOT_FINITE = re.compile(r"[+-]?(?:inf|infinity|nan|∞)", re.IGNORECASE)
_SPREADSHEET = re.compile(r"#[A-Z0-9/?!]+")


class NumberStyle(StrEnum):
    """How the file writes numbers. AUTO accepts only what has a single reading."""

    AUTO = "auto"
    COMMA_THOUSANDS = "1,234.5"
    DOT_THOUSANDS = "1.234,5"


def normalise(text: str) -> str:
    """NFKC, the minus sign as a hyphen, no surrounding white space."""
    return unicodedata.normalize("NFKC", text).replace("\u2212", "-").strip()


def is_blank(text: str) -> bool:
    """Whether a cell is empty. `N/A`, `-` and the like are text, not blanks."""
    return not normalise(text)


def parse_number(text: str, style: NumberStyle = NumberStyle.AUTO) -> Fraction:
    """The exact non-negative value of a cell.

    Raises `CellError` with the code of the finding: not a number, ambiguous, a spreadsheet error
    such as `#VALUE!`, negative, or not finite.
    """
    cell = normalise(text)
    if len(cell) > MAX_LENGTH:
        raise CellError(Code.NOT_A_NUMBER, f"text of {len(cell)} characters is not a number")
    if _SPREADSHEET.fullmatch(cell.upper()):
        raise CellError(Code.SPREADSHEET_ERROR, f"{cell} is a spreadsheet's error, not a value")
    if _NOT_FINITE.fullmatch(cell):
        raise CellError(Code.NOT_FINITE, f"{cell!r} is not a finite number")
    value = _read(cell, style)
    if value < 0:
        raise CellError(Code.NEGATIVE, f"{cell} is negative")
    return value


def _read(cell: str, style: NumberStyle) -> Fraction:
    if style is NumberStyle.DOT_THOUSANDS:
        # Swap the roles of dot and comma, so that one grammar serves both.
        cell = cell.translate(str.maketrans(",.", ".,"))
    if _PLAIN.fullmatch(cell):
        exponent = re.split("[eE]", cell)[1:]
        if exponent and abs(int(exponent[0])) > MAX_EXPONENT:
            raise CellError(Code.OUT_OF_RANGE, f"the exponent of {cell} is beyond any reading")
        return Fraction(cell)
    if _GROUPED.fullmatch(cell):
        single = cell.count(",") == 1 and "." not in cell
        if style is NumberStyle.AUTO and single:
            raise CellError(
                Code.AMBIGUOUS_NUMBER,
                f"{cell} is either {cell.replace(',', '')} or {cell.replace(',', '.')}: "
                'state numbers = "1,234.5" or "1.234,5" in the mapping',
            )
        return Fraction(cell.replace(",", ""))
    if style is NumberStyle.AUTO and re.fullmatch(r"[+-]?[\d.,]*\d[\d.,]*", cell):
        raise CellError(
            Code.AMBIGUOUS_NUMBER,
            f'{cell} has no single reading: state numbers = "1,234.5" or "1.234,5" in the mapping',
        )
    raise CellError(Code.NOT_A_NUMBER, f"{cell!r} is not a number")
