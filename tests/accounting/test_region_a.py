"""Known answers: the published case, Region A, at its printed rounding and in the right unit.

Zhu, Gao, Zhang, Chen (2022), doi 10.3389/fenrg.2022.857136; `accounting.cef` explains why the
figures printed there as yuan per tonne are in 100 yuan per tonne.
"""

from __future__ import annotations

import csv
from fractions import Fraction

import pytest

from accounting import cef, strategies
from accounting.cei import cei
from tests.accounting.paths import REGION_A

# 100 yuan/t, the unit in which the printed figures hold.
PRINTED_UNIT = 100


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Fraction]]:
    with (REGION_A / "region_a.csv").open(encoding="utf-8", newline="") as file:
        return [
            {
                "output": Fraction(row["output_yuan"]),
                "emissions": Fraction(row["emissions_tco2"]),
                "electricity": Fraction(row["electricity_mwh"]),
            }
            for row in csv.DictReader(file)
        ]


@pytest.fixture(scope="module")
def items(rows: list[dict[str, Fraction]]) -> cef.Items:
    return cef.ascending([(row["output"], row["emissions"]) for row in rows])


def _rounded(value: Fraction, digits: int) -> str:
    return f"{float(round(value, digits)):.{digits}f}"


def test_output(rows: list[dict[str, Fraction]]) -> None:
    millions = [row["output"] / 10**6 for row in rows]
    assert len(millions) == 72
    assert _rounded(sum(millions, Fraction(0)), 2) == "8030.26"
    assert _rounded(sum(millions, Fraction(0)) / 72, 2) == "111.53"
    assert _rounded(min(millions), 2) == "0.12"
    assert _rounded(max(millions), 2) == "1997.81"


def test_emissions(rows: list[dict[str, Fraction]]) -> None:
    tonnes = [row["emissions"] for row in rows]
    assert sum(tonnes) == 209773
    assert _rounded(sum(tonnes, Fraction(0)) / 72, 1) == "2913.5"
    assert (min(tonnes), max(tonnes)) == (7, 45405)


def test_cei(rows: list[dict[str, Fraction]]) -> None:
    values = [cei(row["emissions"], row["electricity"]) for row in rows]
    assert _rounded(min(values), 4) == "0.7034"
    assert _rounded(sum(values, Fraction(0)) / 72, 3) == "0.707"
    assert _rounded(max(values), 3) == "0.839"


def test_acc_is_the_printed_cef_in_hundreds_of_yuan(items: cef.Items) -> None:
    acc = [cost / PRINTED_UNIT for cost in cef.averaged_costs(items)]
    assert _rounded(acc[0], 2) == "8.51"
    assert _rounded(sum(acc, Fraction(0)) / 72, 2) == "123.07"
    assert _rounded(acc[-1], 2) == "382.81"
    # The unit as printed is contradicted by the printed totals.
    assert _rounded(cef.cef(8_030_260_000, 209_773), 0) == "38281"


def test_reference_line(items: cef.Items) -> None:
    line = 150 * PRINTED_UNIT
    below = cef.below_line(items, line)
    assert below.items == 56
    assert below.emissions == 76195
    cost = cef.cost_at_line(below.emissions, line)
    assert _rounded(cost / 10**6, 1) == "1142.9"
    assert below.output < cost


def test_opt_out_curve_ends_at_everything(items: cef.Items) -> None:
    curve = strategies.opt_out_curve(items)
    assert len(curve) == 72
    assert [point.acc for point in curve] == list(cef.averaged_costs(items))
    assert curve[55].trr == Fraction(76195, 209773)
    assert curve[-1].trr == 1
