"""Rows to measures: findings with their place, exclusion, and nothing repaired silently."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import pytest

from accounting.chosen_factors import Factors
from accounting.errors import MappingError, RecordsError
from accounting.findings import Code, Severity
from accounting.mapping import parse_mapping
from accounting.measures import Intake, compute, compute_intake
from accounting.records import parse_records
from tests.accounting.paths import unshipped
from tests.accounting.test_mapping import BASE

HEADER = "id,state,power,gas,sales\n"


def _intake(rows: str, mapping: str = BASE, *, header: str = HEADER, check: bool = False) -> Intake:
    parsed = parse_mapping(mapping.encode(), "test.toml")
    records = parse_records((header + rows).encode(), "data.csv")
    return compute_intake(records, parsed, Factors(parsed), check=check)


def test_a_clean_row() -> None:
    one = _intake("a,OH,1000,10,5\n").of("a")
    assert one.values["emissions"].exact == Fraction("484.559") + Fraction("530.6")
    assert one.integers == {"emissions": 1015}
    assert one.excluded is None
    assert one.cohort == "c"


@pytest.mark.parametrize(
    ("row", "column", "code", "text"),
    [
        ("a,OH,,10,5", "power", Code.MISSING, ""),
        ("a,OH,#VALUE!,10,5", "power", Code.SPREADSHEET_ERROR, "#VALUE!"),
        ("a,OH,-5,10,5", "power", Code.NEGATIVE, "-5"),
        ("a,OH,1,N/A,5", "gas", Code.NOT_A_NUMBER, "N/A"),
        ('a,OH,"1,234",10,5', "power", Code.AMBIGUOUS_NUMBER, "1,234"),
        ("a,OH,1e999,10,5", "power", Code.OUT_OF_RANGE, "1e999"),
        ("a,OH,inf,10,5", "power", Code.NOT_FINITE, "inf"),
        ("a,PR,1,10,5", "state", Code.MISSING_FACTOR, "PR"),
        ("a,,1,10,5", "state", Code.MISSING, ""),
        (",OH,1,10,5", "id", Code.NO_ENTERPRISE, ""),
    ],
)
def test_a_bad_row_is_excluded_with_its_place_and_the_others_go_on(
    row: str, column: str, code: Code, text: str
) -> None:
    intake = _intake(f"good,OH,1,1,1\n{row}\n")
    assert [e.enterprise for e in intake.included] == ["good"]
    (bad,) = intake.excluded
    (finding,) = bad.findings
    assert (finding.file, finding.row, finding.column) == ("data.csv", 3, column)
    assert (finding.code, finding.text) == (code, text)
    assert bad.excluded is not None
    assert column in bad.excluded
    assert bad.values == {}


def test_blanks_read_as_not_used_are_counted_and_noted() -> None:
    intake = _intake("a,OH,1000,,5\nb,OH,1000,0,5\n")
    assert intake.not_used == {"gas": 1}
    assert "gas" in intake.of("a").notes[0]
    assert intake.of("b").notes == ()
    assert intake.of("a").values == intake.of("b").values


def test_a_defect_in_a_column_without_measure_is_a_warning() -> None:
    (one,) = _intake("a,OH,1000,1,text\n").included
    (finding,) = one.findings
    assert (finding.column, finding.severity) == ("sales", Severity.WARNING)


def test_duplicates_are_all_excluded() -> None:
    intake = _intake("a,OH,1,1,1\nb,OH,1,1,1\nａ,OH,2,1,1\n")
    assert [e.row for e in intake.excluded] == [2, 4]
    assert all(e.findings[0].code is Code.DUPLICATE_ENTERPRISE for e in intake.excluded)
    with pytest.raises(RecordsError, match="rows 2, 4"):
        intake.of("a")
    with pytest.raises(RecordsError, match="no row"):
        intake.of("zebra")


def test_missing_columns_name_close_matches_and_unmapped_ones_are_listed() -> None:
    with pytest.raises(MappingError, match="did you mean powre"):
        _intake("a,OH,1,1,1\n", header="id,state,powre,gas,sales\n")
    assert _intake(
        "a,OH,1,1,1,x\n", header="id,state,power,gas,sales,extra\n"
    ).unmapped_columns == ("extra",)


def test_plausible_limits_exclude_or_warn() -> None:
    limited = BASE.replace(
        'unit = "kWh"', 'unit = "kWh"\nplausible = { minimum = 1, maximum = 10 }'
    )
    intake = _intake("a,OH,10,1,1\nb,OH,10000,1,1\nc,OH,0.5,1,1\n", limited)
    assert [e.enterprise for e in intake.excluded] == ["b", "c"]
    assert {f.code for f in intake.findings} == {Code.OUT_OF_RANGE}
    warned = limited.replace("maximum = 10 ", 'maximum = 10, otherwise = "warn" ')
    intake = _intake("a,OH,10,1,1\nb,OH,10000,1,1\n", warned)
    assert len(intake.included) == 2
    assert intake.findings[0].severity is Severity.WARNING


def test_a_reading_wrong_by_a_thousand_is_reported_in_check_mode() -> None:
    rows = "".join(f"p{i},OH,{1000 + 37 * i},1,1\n" for i in range(20)) + "x,OH,1400000,1,1\n"
    assert _intake(rows).findings == ()
    (finding,) = _intake(rows, check=True).findings
    assert (finding.row, finding.column, finding.code) == (22, "power", Code.OUTLIER)
    assert (finding.text, finding.severity) == ("1400000", Severity.WARNING)
    strict = _intake(rows, BASE + '[checks]\noutliers = "exclude"\n')
    assert [e.enterprise for e in strict.excluded] == ["x"]


def test_where_selects_rows_and_counts_the_others() -> None:
    chosen = BASE.replace("[enterprise]", '[records]\nwhere = { sales = "7" }\n[enterprise]')
    intake = _intake("a,OH,1,1,6\na,OH,1,1,7\n", chosen)
    assert [e.row for e in intake.included] == [3]
    assert intake.rows_left_out == 1
    with pytest.raises(RecordsError, match="no row has sales"):
        _intake("a,OH,1,1,6\n", chosen)


REMAINDER = """
[measures.rest]
kind = "remainder"
of = "emissions"
minus = [{ column = "power", times = "1", unit = "kgCO2/kWh" }]
unit = "kgCO2"
"""


def test_a_remainder_below_zero_is_zero_and_says_so() -> None:
    one = _intake("a,OH,1000,1,1\n", BASE + REMAINDER).of("a")
    assert one.integers["rest"] == 0
    (finding,) = one.findings
    assert (finding.code, finding.severity) == (Code.BELOW_ZERO, Severity.WARNING)


def test_half_units_round_to_even() -> None:
    text = BASE + '[measures.sales]\nkind = "column"\ncolumn = "sales"\nunit = "USD"\n'
    intake = _intake("a,OH,1,1,0.5\nb,OH,1,1,1.5\nc,OH,1,1,2.5\n", text)
    assert [e.integers["sales"] for e in intake.included] == [0, 2, 2]
    assert intake.units == {"emissions": "kgCO2", "sales": "USD"}


def test_footprints_and_emissions_stand_apart_in_the_definitions() -> None:
    text = (
        BASE
        + """
[measures.footprint]
kind = "emissions"
columns = ["power"]
convention = "life_cycle_footprint"
unit = "kgCO2e"
"""
    )
    chosen = text.replace('"us-grid-2023"', '"cn-electricity-footprint", factor = "CN/2023"')
    chosen = chosen.replace('kinds = ["fuel", "electricity"]', 'kinds = ["fuel"]')
    intake = _intake("a,OH,1000,1,1\n", chosen)
    assert intake.of("a").values["footprint"].exact == Fraction("620.5")
    definitions = dict(intake.definitions)
    assert definitions["convention/footprint"] == "life_cycle_footprint"
    assert definitions["gas_basis/emissions"] == "CO2"


XIAMEN = """
schema = "cefed.mapping/1"
title = "Xiamen industries"
[records]
where = { year = "%s" }
[enterprise]
id = "sector"
cohort = { value = "xiamen" }
[factors]
standard_coal = { set = "gbt2589-2020", electricity = "equivalent" }
[measures.energy]
kind = "energy"
kinds = ["fuel", "electricity", "heat"]
by = "standard_coal"
unit = "tce"
[[columns]]
name = "elec_10MWh"
kind = "electricity"
unit = "10 MWh"
blank = "not_used"
[[columns]]
name = "heat_GJ"
kind = "heat"
unit = "GJ"
blank = "not_used"
""" + "".join(
    f'[[columns]]\nname = "{name}"\nkind = "fuel"\ncarrier = "{carrier}"\nunit = "{unit}"\n'
    'blank = "not_used"\n'
    for name, carrier, unit in (
        ("coal_t", "raw_coal", "t"),
        ("coal_products_t", "raw_coal", "t"),
        ("diesel_t", "diesel", "t"),
        ("fuel_oil_t", "fuel_oil", "t"),
        ("gasoline_t", "gasoline", "t"),
        ("lpg_t", "lpg", "t"),
        ("natgas_10k_m3", "natural_gas_38931", "1e4 Nm3"),
    )
)


def test_recomputed_standard_coal_meets_the_reported() -> None:
    path = unshipped("xiamen_sector_year.csv")
    data = path.read_bytes()
    with path.open(encoding="utf-8", newline="") as file:
        reported = {
            (row["sector"], row["year"]): Fraction(row["total_tce"])
            for row in csv.DictReader(file)
            # The power sector's transformation losses are not in its fuel columns.
            if row["total_tce"] and row["gbt4754"] != "44"
        }
    near = []
    for year in sorted({year for _, year in reported}):
        mapping = parse_mapping((XIAMEN % year).encode(), "xiamen.toml")
        for one in compute(parse_records(data, path.name), mapping, Factors(mapping)):
            tce = reported.get((one.enterprise, year))
            if tce:
                near.append(abs(one.values["energy"].exact - tce) <= tce / 10)
    assert len(near) > 300
    assert round(100 * sum(near) / len(near)) == 89


def test_a_file_in_gbk_with_full_width_digits(tmp_path: Path) -> None:
    mapping = parse_mapping(BASE.replace('"power"', '"用电量"').encode(), "test.toml")
    text = "id,state,用电量,gas,sales\n甲厂,OH,１０００,,5\n"
    records = parse_records(text.encode("gbk"), "data.csv")
    (one,) = compute(records, mapping, Factors(mapping))
    assert one.enterprise == "甲厂"
    assert one.values["emissions"].exact == Fraction("484.559")
