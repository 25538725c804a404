"""The deviation of the published curve, by small cases that can be checked by hand."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.deviation import curve_deviation


def document(direction: str, *bands: tuple[int, int]) -> dict[str, Any]:
    return {
        "withheld": None,
        "ranking": "cef",
        "indicators": {
            "cef": {"numerator": "y", "denominator": "c", "direction": direction},
        },
        "bands": [{"measures": {"y": {"value": str(y)}, "c": {"value": str(c)}}} for y, c in bands],
    }


def people(*pairs: tuple[int, int]) -> list[dict[str, int]]:
    return [{"y": y, "c": c} for y, c in pairs]


def test_one_band_over_two_enterprises() -> None:
    # The truth passes (1, 1), the straight line from (0, 0) to (2, 4) passes (1, 2): 1 of 4.
    assert curve_deviation(document("higher", (4, 2)), people((1, 1), (3, 1))) == Fraction(1, 4)


def test_bands_of_one_enterprise_have_no_deviation() -> None:
    given_bands = ((1, 1), (3, 1), (9, 2))
    assert curve_deviation(document("higher", *given_bands), people(*reversed(given_bands))) == 0


def test_where_lower_is_better_the_roles_of_the_two_measures_change() -> None:
    # Emissions per output, ascending: the last band is the worst and comes first.
    bands = ((1, 3), (1, 1))
    assert curve_deviation(document("lower", *bands), people(*bands)) == 0


@pytest.mark.parametrize("change", [{"withheld": "too few"}, {"bands": []}, {"ranking": None}])
def test_nothing_published_nothing_to_compare(change: dict[str, Any]) -> None:
    assert curve_deviation(document("higher", (4, 2)) | change, people((1, 1))) is None


@given(st.lists(st.tuples(st.integers(1, 999), st.integers(1, 999)), min_size=1, max_size=12))
def test_it_is_a_share_between_nothing_and_all(pairs: list[tuple[int, int]]) -> None:
    total = (sum(y for y, _ in pairs), sum(c for _, c in pairs))
    deviation = curve_deviation(document("higher", total), people(*pairs))
    assert deviation is not None
    assert 0 <= deviation < 1
