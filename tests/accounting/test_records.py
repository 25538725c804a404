"""Reading files and cells: encodings, delimiters, dirt, and what a number is."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.cells import NumberStyle, is_blank, parse_number
from accounting.errors import CellError, RecordsError
from accounting.findings import Code
from accounting.records import parse_records, read_records, to_frame

CHINESE = "企业,用电量\n甲厂,１２３．５\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
def test_encodings(encoding: str) -> None:
    records = parse_records(CHINESE.encode(encoding), "x.csv")
    assert records.header == ("企业", "用电量")
    assert records.rows[0].cells[0] == "甲厂"
    assert records.rows[0].line == 2


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters(delimiter: str) -> None:
    text = f'id{delimiter}a\n"x{delimiter}y"{delimiter}1\n'
    records = parse_records(text.encode(), "x.csv")
    assert records.delimiter == delimiter
    assert records.rows[0].cells == (f"x{delimiter}y", "1")


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (b"", "empty"),
        (b" \r\n\r\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"id,a\n", "no row"),
        (b"id,a,a\n1,2,3\n", "appears twice"),
        (b"id,,a\n1,2,3\n", "no name"),
        (b"id,a\n\xff\xff,1\n", "neither UTF-8 nor GBK"),
        ("id,a\n1,2\n".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04rest", "workbook"),
        (b'id,a\n"1,2\n', "not a readable CSV"),
        (b"id,a\n1," + b"9" * 20_000 + b"\n", "characters"),
    ],
)
def test_unusable_files_say_why(data: bytes, hint: str) -> None:
    with pytest.raises(RecordsError, match=hint):
        parse_records(data, "bad.csv")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="cannot read"):
        read_records(tmp_path / "none.csv")


def test_rows_keep_their_line_and_ragged_rows_are_findings() -> None:
    data = b'id,a\n"one\nname",1\n\n,\nx,1,2\ny,2\n'
    records = parse_records(data, "x.csv")
    assert [(row.line, row.cells) for row in records.rows] == [
        (2, ("one\nname", "1")),
        (7, ("y", "2")),
    ]
    (finding,) = records.findings
    assert (finding.row, finding.code, finding.text) == (6, Code.CELL_COUNT, "x,1,2")


def test_frame_holds_the_text() -> None:
    pytest.importorskip("pandas")
    frame = to_frame(parse_records(b"id,a\n007,1.10\n", "x.csv"))
    assert frame.loc[2].to_dict() == {"id": "007", "a": "1.10"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", "12"),
        (" 12.50 ", "12.5"),
        ("1e3", "1000"),
        ("+.5", "1/2"),
        ("5.", "5"),
        ("-0", "0"),
        ("1,234,567", "1234567"),
        ("1,234.5", "1234.5"),
        ("１２，３４５．６", "12345.6"),
        ("３０％".removesuffix("％"), "30"),
    ],
)
def test_numbers(text: str, value: str) -> None:
    assert parse_number(text) == Fraction(value)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("#VALUE!", Code.SPREADSHEET_ERROR),
        ("#DIV/0!", Code.SPREADSHEET_ERROR),
        ("＃ＲＥＦ！", Code.SPREADSHEET_ERROR),
        ("N/A", Code.NOT_A_NUMBER),
        ("-", Code.NOT_A_NUMBER),
        ("无", Code.NOT_A_NUMBER),
        ("12 kWh", Code.NOT_A_NUMBER),
        ("12%", Code.NOT_A_NUMBER),
        ("1 234", Code.NOT_A_NUMBER),
        ("1/2", Code.NOT_A_NUMBER),
        ("1_000", Code.NOT_A_NUMBER),
        ("0x10", Code.NOT_A_NUMBER),
        ("=1+1", Code.NOT_A_NUMBER),
        ("9" * 100, Code.NOT_A_NUMBER),
        ("-3", Code.NEGATIVE),
        ("\u22123", Code.NEGATIVE),
        ("nan", Code.NOT_FINITE),
        ("-inf", Code.NOT_FINITE),
        ("1e400", Code.OUT_OF_RANGE),
        ("1,234", Code.AMBIGUOUS_NUMBER),
        ("0,5", Code.AMBIGUOUS_NUMBER),
        ("1.234,5", Code.AMBIGUOUS_NUMBER),
        ("1,23,456", Code.AMBIGUOUS_NUMBER),
    ],
)
def test_text_that_is_no_usable_number(text: str, code: Code) -> None:
    with pytest.raises(CellError) as caught:
        parse_number(text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "style", "value"),
    [
        ("1,234", NumberStyle.COMMA_THOUSANDS, "1234"),
        ("1.234", NumberStyle.COMMA_THOUSANDS, "1.234"),
        ("1.234", NumberStyle.DOT_THOUSANDS, "1234"),
        ("1.234,5", NumberStyle.DOT_THOUSANDS, "1234.5"),
        ("0,5", NumberStyle.DOT_THOUSANDS, "0.5"),
    ],
)
def test_stated_number_styles(text: str, style: NumberStyle, value: str) -> None:
    assert parse_number(text, style) == Fraction(value)


def test_only_white_space_is_blank() -> None:
    assert is_blank(" \u3000\t")
    assert not is_blank("-")
    assert not is_blank("0")


@given(st.decimals(0, 10**15, allow_nan=False, allow_infinity=False, places=6))
def test_decimals_are_read_exactly(value: object) -> None:
    assert parse_number(str(value)) == Fraction(str(value))
    assert parse_number(f"{value:,}" if value >= 10**6 else str(value)) == Fraction(str(value))  # type: ignore[operator]


@given(st.text(max_size=30))
def test_any_text_is_a_number_or_a_cell_error(text: str) -> None:
    codes = []
    for style in NumberStyle:
        try:
            assert parse_number(text, style) >= 0
        except CellError as error:
            codes.append(error.code)
    assert set(codes) <= set(Code)


@given(st.binary(max_size=200))
def test_any_bytes_are_records_or_a_records_error(data: bytes) -> None:
    try:
        records = parse_records(data, "x.csv")
    except RecordsError:
        return
    assert records.rows or records.findings
