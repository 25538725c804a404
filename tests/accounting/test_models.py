"""Models I to IV, grade and intensity on small numbers and by their properties."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting import cef, cei, grade, intensity, strategies
from accounting.errors import AccountingError, ModelError

fractions_01 = st.fractions(0, 1, max_denominator=1000)
decays = st.fractions(Fraction(1, 100), 1, max_denominator=100)
item_lists = st.lists(
    st.tuples(st.integers(0, 10**12).map(Fraction), st.integers(1, 10**9).map(Fraction)),
    min_size=1,
    max_size=12,
).map(cef.ascending)


def test_cei_forms_agree() -> None:
    assert cei.cei(7034, 10000) == Fraction("0.7034")
    assert cei.cei_from_shares(Fraction(1, 2), Fraction("0.35")) == Fraction("0.7")
    assert cei.sector_cei(60, 10, 100) == Fraction("0.7")
    assert cei.emissions_from_electricity(Fraction("0.7"), 1000) == 700


@pytest.mark.parametrize(
    ("emissions", "electricity"), [(1, 0), (1, -1), (-1, 1)], ids=["zero", "negative", "carbon"]
)
def test_cei_refuses(emissions: int, electricity: int) -> None:
    with pytest.raises(ModelError):
        cei.cei(emissions, electricity)


def test_trend_on_a_line_is_exact() -> None:
    trend = cei.fit_trend(
        [(2016, Fraction(9, 10)), (2017, Fraction(8, 10)), (2018, Fraction(7, 10))]
    )
    assert trend.b == Fraction(-1, 10)
    prediction = trend.predict(2019)
    assert prediction.value == Fraction(6, 10)
    assert prediction.standard_error == 0
    assert prediction.degrees_of_freedom == 1


def test_trend_standard_error_against_numpy() -> None:
    numpy = pytest.importorskip("numpy")
    years = [2015, 2016, 2017, 2018, 2019]
    values = [Fraction(v, 1000) for v in (812, 790, 795, 760, 741)]
    prediction = cei.fit_trend(list(zip(years, values, strict=True))).predict(2020)
    design = numpy.column_stack([numpy.ones(5), numpy.array(years) - 2017.0])
    observed = numpy.array([float(v) for v in values])
    solution, rss, _, _ = numpy.linalg.lstsq(design, observed, rcond=None)
    at = numpy.array([1.0, 3.0])
    leverage = at @ numpy.linalg.inv(design.T @ design) @ at
    assert math.isclose(float(prediction.value), float(at @ solution), rel_tol=1e-12)
    expected = math.sqrt(float(rss[0]) / 3 * (1 + float(leverage)))
    assert math.isclose(prediction.standard_error, expected, rel_tol=1e-9)


def test_trend_refuses_too_little_and_impossible_values() -> None:
    half = Fraction(1, 2)
    with pytest.raises(ModelError, match="three years"):
        cei.fit_trend([(2018, half), (2019, half)])
    with pytest.raises(ModelError, match="twice"):
        cei.fit_trend([(2018, half), (2019, half), (2019, half)])
    falling = cei.fit_trend([(2017, 3), (2018, 2), (2019, 1)])
    with pytest.raises(ModelError, match="not usable"):
        falling.predict(2020)


def test_acc_is_a_ratio_of_sums() -> None:
    items = [(Fraction(10), Fraction(10)), (Fraction(30), Fraction(10))]
    assert cef.averaged_costs(items) == (1, 2)
    with pytest.raises(ModelError, match="ascending"):
        cef.averaged_costs(items[::-1])
    with pytest.raises(ModelError, match="above zero"):
        cef.cef(1, 0)


@given(item_lists)
def test_opt_out_cost_equals_acc(items: cef.Items) -> None:
    costs = cef.averaged_costs(items)
    assert list(costs) == sorted(costs)
    for m, acc in enumerate(costs, 1):
        assert strategies.averaged_cost(items, strategies.marginal_opt_out(len(items), m)) == acc


@given(item_lists, decays, fractions_01)
def test_collective_action_vectors_fall_and_stay_in_range(
    items: cef.Items, q: Fraction, first: Fraction
) -> None:
    n = len(items)
    vectors = [strategies.whole_cohort_decay(n, first, q)]
    vectors += [strategies.front_and_tail(n, m, q) for m in range(n + 1)]
    for vector in vectors:
        assert len(vector) == n
        assert list(vector) == sorted(vector, reverse=True)
        assert all(0 <= r <= 1 for r in vector)
        assert 0 <= strategies.total_reduction_rate(items, vector) <= 1


@given(item_lists, decays)
def test_a_tail_reduces_more_and_costs_more_than_opt_out(items: cef.Items, q: Fraction) -> None:
    pairs = zip(
        strategies.opt_out_curve(items), strategies.front_and_tail_curve(items, q), strict=True
    )
    for opt_out, tail in pairs:
        assert tail.trr >= opt_out.trr
        assert tail.acc >= opt_out.acc


@given(item_lists, decays, fractions_01)
def test_first_rate_meets_its_target(items: cef.Items, q: Fraction, target: Fraction) -> None:
    try:
        first = strategies.first_rate_for(target, items, q)
    except ModelError:
        most = strategies.whole_cohort_decay(len(items), 1, q)
        assert strategies.total_reduction_rate(items, most) < target
        return
    vector = strategies.whole_cohort_decay(len(items), first, q)
    assert strategies.total_reduction_rate(items, vector) == target


def test_strategies_refuse_values_out_of_range() -> None:
    items = [(1, 1), (2, 1)]
    with pytest.raises(ModelError, match=r"rate 2"):
        strategies.total_reduction_rate(items, [1, 2])
    with pytest.raises(ModelError, match="1 rates for 2"):
        strategies.total_reduction_rate(items, [1])
    with pytest.raises(ModelError, match="no reduction"):
        strategies.averaged_cost(items, [0, 0])
    with pytest.raises(ModelError, match=r"not in \(0, 1\]"):
        strategies.front_and_tail(2, 1, 0)
    with pytest.raises(ModelError, match=r"0\.\.2"):
        strategies.marginal_opt_out(2, 3)
    with pytest.raises(ModelError, match="no items"):
        strategies.opt_out_curve([])


@pytest.mark.parametrize(
    ("k", "expected"),
    [("0", 1), ("0.6", 1), ("0.61", 2), ("0.8", 2), ("0.81", 3), ("1.2", 3), ("1.21", 4),
     ("2", 4), ("2.01", 5)],
)  # fmt: skip
def test_grade_cuts(k: str, expected: int) -> None:
    assert grade.grade_of(Fraction(k)) == expected


def test_grade_needs_one_basis_on_both_sides() -> None:
    own = grade.carbon_intensity(50, 100, grade.ValueBasis.VALUE_ADDED)
    sector = grade.carbon_intensity(1000, 1000, grade.ValueBasis.VALUE_ADDED)
    result = grade.grade(own, sector)
    assert (result.grade, result.k, result.basis) == (1, Fraction(1, 2), own.basis)
    other = grade.carbon_intensity(1000, 1000, grade.ValueBasis.OUTPUT_VALUE)
    with pytest.raises(ModelError, match="one basis"):
        grade.grade(own, other)
    with pytest.raises(ModelError, match="above zero"):
        grade.carbon_intensity(1, 0, grade.ValueBasis.VALUE_ADDED)


def test_energy_intensity() -> None:
    assert intensity.energy_intensity(10, 4) == Fraction(5, 2)
    converted = intensity.energy_intensity_in(2930760, "MJ", 10_000, "yuan", "tce/1e4 yuan")
    assert converted == 100
    with pytest.raises(ModelError):
        intensity.energy_intensity(1, 0)


def test_errors_share_one_root_and_exit_code() -> None:
    assert issubclass(ModelError, AccountingError)
    assert AccountingError.exit_code == 3
