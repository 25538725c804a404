"""Reading a records file: one row an enterprise, cells as the text they are.

The csv module, not pandas: cells stay text, so nothing is rounded, guessed or turned into zero, and
a node's memory stays small. `to_frame` offers a pandas table to whoever wants one.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from accounting.cells import normalise
from accounting.errors import RecordsError
from accounting.findings import Code, Finding

if TYPE_CHECKING:
    import pandas as pd

MAX_FILE_BYTES = 256_000_000
MAX_CELL_CHARACTERS = 10_000
_DELIMITERS = ",;\t"


@dataclass(frozen=True, slots=True)
class Row:
    """One record: the line it starts on (the header is line 1) and its cells as text."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Records:
    """A records file. `sha256` is of the file's bytes; `findings` are rows with a wrong shape."""

    file: str
    sha256: str
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...] = ()

    def index(self) -> Mapping[str, int]:
        """Position of every column."""
        return {name: position for position, name in enumerate(self.header)}


def read_records(path: Path) -> Records:
    """Read a CSV file. Raises `RecordsError` when the file as a whole cannot be used."""
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise RecordsError(f"{path}: {size} bytes is over the limit of {MAX_FILE_BYTES}")
        data = path.read_bytes()
    except OSError as error:
        raise RecordsError(f"cannot read {path}: {error.strerror}") from error
    return parse_records(data, str(path))


def parse_records(data: bytes, name: str) -> Records:
    """Read the bytes of a CSV file; `name` stands in messages and findings.

    UTF-8 with or without a byte-order mark, else GB18030 (which covers GBK and GB2312); delimiter
    comma, semicolon or tab, whichever the header uses most. Raises `RecordsError` for an empty
    file, a header without rows, a repeated or unnamed column, another encoding, or a workbook.
    """
    text, encoding = _decode(data, name)
    delimiter = _sniff(text)
    try:
        lines = _read(text, delimiter)
    except csv.Error as error:
        raise RecordsError(f"{name}: not a readable CSV file: {error}") from error
    if not lines:
        raise RecordsError(f"{name}: the file is empty")
    header = tuple(normalise(cell) for cell in lines[0].cells)
    _check_header(header, name)
    rows, findings = [], []
    for row in lines[1:]:
        if len(row.cells) == len(header):
            rows.append(row)
        else:
            findings.append(
                Finding(
                    name,
                    row.line,
                    "",
                    Code.CELL_COUNT,
                    delimiter.join(row.cells)[:200],
                    f"the row has {len(row.cells)} cells, the header {len(header)}",
                )
            )
    if not rows and not findings:
        raise RecordsError(f"{name}: there is a header and no row under it")
    return Records(
        name,
        hashlib.sha256(data).hexdigest(),
        encoding,
        delimiter,
        header,
        tuple(rows),
        tuple(findings),
    )


def to_frame(records: Records) -> pd.DataFrame:
    """The records as a pandas table of text, indexed by line. Imports pandas when called."""
    import pandas as pd

    return pd.DataFrame(
        [row.cells for row in records.rows],
        columns=list(records.header),
        index=[row.line for row in records.rows],
        dtype=str,
    )


def _decode(data: bytes, name: str) -> tuple[str, str]:
    if not data.strip():
        raise RecordsError(f"{name}: the file is empty")
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise RecordsError(f"{name}: this is a workbook; save the sheet as CSV (UTF-8) first")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data:
        raise RecordsError(f"{name}: UTF-16 or binary; save the file as CSV (UTF-8) first")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError as error:
            place = data.count(b"\n", 0, error.start) + 1
    raise RecordsError(
        f"{name}: neither UTF-8 nor GBK/GB18030 (line {place}); save the file as CSV (UTF-8) first"
    )


def _sniff(text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")
    counts = Counter(c for c in first if c in _DELIMITERS)
    return max(_DELIMITERS, key=lambda c: counts[c])


def _read(text: str, delimiter: str) -> list[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines: list[Row] = []
    start = 1
    for cells in reader:
        if any(len(cell) > MAX_CELL_CHARACTERS for cell in cells):
            raise csv.Error(f"line {start}: a cell of over {MAX_CELL_CHARACTERS} characters")
        # A line of white space or of bare delimiters is what spreadsheets leave behind.
        if any(cell.strip() for cell in cells):
            lines.append(Row(start, tuple(cells)))
        start = reader.line_num + 1
    return lines


def _check_header(header: tuple[str, ...], name: str) -> None:
    repeated = sorted(column for column, n in Counter(header).items() if n > 1 and column)
    if repeated:
        raise RecordsError(f"{name}: column {', '.join(map(repr, repeated))} appears twice")
    unnamed = [str(i + 1) for i, column in enumerate(header) if not column]
    if unnamed:
        raise RecordsError(f"{name}: column {', '.join(unnamed)} has no name in the header")
