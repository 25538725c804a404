"""Each attack on published figures gains what was planted without its line of defence, not with it.

``protocols`` and ``accounting`` are used as they are; nothing is encrypted, since these attacks are
on what is published and not on how it came about.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.attacks import (
    duplicate_one,
    five_corrections,
    hidden_correction,
    hierarchy_residual,
    known_factors,
    known_intensities,
    known_limits,
    one_firm_corrections,
    one_leaver,
    one_mover,
    one_ratio_twice,
    overlapping_cohorts,
    table_next_year,
    two_cuts,
    two_rankings,
    unclassed_measure,
    with_and_without,
)
from tests.attacks.result import Result

ATTACKS: list[tuple[Callable[[bool], Result], str]] = [
    (with_and_without.run, "departure: "),
    (lambda weakened: with_and_without.run(weakened, victim_first=False), "nothing-new: "),
    (duplicate_one.run, "nothing-new: "),
    (overlapping_cohorts.run, "departure: "),
    (one_firm_corrections.run, "nothing-new: "),
    (five_corrections.run, "totals-only: "),
    (one_leaver.run, "departure: "),
    (two_cuts.run, "nothing-new: "),
    (lambda weakened: two_cuts.run(weakened, with_new=True), "totals-only: "),
    (two_rankings.run, "only one indicator may rank with sums"),
    (one_ratio_twice.run, "rank by the same two measures: "),
    (lambda weakened: one_ratio_twice.run(weakened, multiple=True), "as the relations say: "),
    (hierarchy_residual.run, "cannot be found by subtraction"),
    (table_next_year.run, "totals-only: "),
    (unclassed_measure.run, "natural_gas"),
    (known_intensities.run, "is in no release"),
    (hidden_correction.run, "with other values"),
    (hidden_correction.within_its_class, "with other values"),
    (known_limits.run, "minimum or bound of output"),
    (known_limits.ceiling, "minimum or bound of hours"),
    (known_limits.two_small_ones, "minimum or bound of hours"),
]


@pytest.mark.parametrize(("run", "refusal"), ATTACKS)
def test_without_the_line_of_defence_the_planted_value_is_gained(
    run: Callable[[bool], Result], refusal: str
) -> None:
    result = run(True)
    assert result.removed
    assert result.succeeded, result
    assert not any(refusal in reason for reason in result.stopped_by)


@pytest.mark.parametrize(("run", "refusal"), ATTACKS)
def test_against_the_defaults_nothing_is_gained_and_the_refusal_is_named(
    run: Callable[[bool], Result], refusal: str
) -> None:
    result = run(False)
    assert not result.removed
    assert result.gained is None
    assert any(refusal in reason for reason in result.stopped_by), result.stopped_by


def test_a_refusal_names_nobody() -> None:
    for run, _ in ATTACKS[:9]:
        for reason in run(False).stopped_by:
            assert "firm" not in reason
            assert str(run(False).planted) not in reason


@pytest.mark.parametrize("resolution", [1, 2, 4])
def test_the_residual_is_safe_at_every_resolution_of_classes(resolution: int) -> None:
    result = hierarchy_residual.run(False, resolution)
    assert result.gained is None
    withheld = result.figures["sectors withheld"]
    assert {"agricultural product processing", "chemical manufacturing"} < set(withheld)


@pytest.mark.parametrize("attack", [one_mover.run, known_factors.run])
def test_these_succeed_against_the_defaults_too(attack: Callable[[], Result]) -> None:
    """Not stopped by any rule: docs/threats.md says what remains, and how to leave no room."""
    assert attack().succeeded


def test_trustees_see_a_large_correction_without_the_node_and_none_within_a_class() -> None:
    large = hidden_correction.run(nodes=False)
    assert large.gained is None
    assert any("sent other data of the period" in reason for reason in large.stopped_by)
    small = hidden_correction.within_its_class(nodes=False)
    assert small.succeeded
    assert not small.stopped_by


def test_a_mover_between_two_years_is_hidden_where_the_second_publishes_no_bands() -> None:
    result = one_mover.guarded()
    assert result.gained is None
    assert any(reason.startswith("nothing-new: ") for reason in result.stopped_by)


@pytest.mark.parametrize(
    "attack", [known_limits.without_floor, known_limits.without_ceiling, known_factors.one_grid]
)
def test_wide_limits_and_one_factor_leave_the_policy_its_room(attack: Callable[[], Result]) -> None:
    result = attack()
    assert result.gained is None
    assert not result.stopped_by
