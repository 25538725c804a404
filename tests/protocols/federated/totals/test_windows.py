"""What a list of survivors can part, when the coordinator calls lost whom it likes.

A fifth of 10,000 members collude; honest members sign no list without enough survivors in every
half degree of the ring, nor one with fewer of their neighbours than the threshold.
"""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest

from protocols.errors import PolicyRefusal
from protocols.federated.masks import to_words
from protocols.federated.totals.setting import Setting
from protocols.federated.totals.stages import Stage
from protocols.federated.totals.statements import Dealt
from protocols.federated.totals.survivors import Survivors
from tests.protocols.federated.test_parameters import COLLUDING, DROPPED, MEMBERS, TOTALS, drawn
from tests.totals import Play, gathering_of, plan_of

SPARSE = 400
SETTING = Setting(plan_of(SPARSE))
WINDOW, LEAST = 96, 54


def test_the_numbers_of_a_large_round() -> None:
    assert TOTALS.neighbours == SETTING.terms.neighbours
    assert (SETTING.window, SETTING.least_in_window) == (WINDOW, LEAST)


def test_honest_survivors_stay_connected() -> None:
    """Two windows whose survivors all collude: a bound over all pairs of windows."""
    one = drawn(COLLUDING, WINDOW, LEAST)
    assert comb(MEMBERS, 2) * one * one < Fraction(1, 1 << 69)


@pytest.mark.parametrize(("group", "bits"), [(5, 105), (10, 92), (20, 68)])
def test_honest_survivors_are_never_few_together(group: int, bits: int) -> None:
    """Whom the windows fail, the threshold keeps: an honest member survives with its neighbours."""
    colluding = TOTALS.threshold - group + 2
    assert MEMBERS * drawn(COLLUDING, TOTALS.neighbours, colluding) < Fraction(1, 1 << bits)


def test_a_round_outlives_that_a_fifth_drops_out() -> None:
    assert MEMBERS * drawn(DROPPED, WINDOW, WINDOW - LEAST + 1) < Fraction(1, 3000)


def without(spots: range) -> Survivors:
    """All survive but those at some spots of the ring."""
    ring = SETTING.graph.ring
    lost = {ring[spot % SPARSE] for spot in spots}
    return Survivors.of(SETTING, set(range(SPARSE)) - lost)


@pytest.mark.parametrize("start", [0, 150, SPARSE - 10])
def test_a_gap_in_the_ring(start: int) -> None:
    """As many as may be lost, and one more; also where the ring closes."""
    most = WINDOW - LEAST
    without(range(start, start + most)).check_windows(SETTING)
    with pytest.raises(PolicyRefusal, match=f"{LEAST - 1} of {WINDOW}"):
        without(range(start, start + most + 1)).check_windows(SETTING)


def test_losses_that_are_spread_part_nothing() -> None:
    lost = {SETTING.graph.ring[spot] for spot in range(0, SPARSE, 3)}
    Survivors.of(SETTING, set(range(SPARSE)) - lost).check_windows(SETTING)


def test_members_refuse_a_list_with_a_gap() -> None:
    """Half the ring away from the gap, where nothing else is wrong with the list."""
    survivors = without(range(WINDOW - LEAST + 1))
    far = SETTING.graph.ring[SPARSE // 2]
    masked_with = SETTING.graph.neighbours(far)
    with pytest.raises(PolicyRefusal, match="on the ring"):
        survivors.check_for(SETTING, far, masked_with)
    without(range(WINDOW - LEAST)).check_for(SETTING, far, masked_with)


def test_where_all_are_neighbours_there_is_no_ring() -> None:
    play = Play(plan_of(12)).until(Stage.AGREEMENT, {Stage.MASKING: [0, 1]})
    assert play.gathering.stage is Stage.AGREEMENT
    assert not len(Setting(plan_of(12)).ring)


def test_the_coordinator_gives_up_where_members_would_refuse() -> None:
    gathering = gathering_of(plan_of(SPARSE))
    gathering.stage = Stage.MASKING
    gathering._dealt = {place: Dealt(b"", {}) for place in range(SPARSE)}
    survivors = without(range(WINDOW - LEAST + 1))
    gathering._masked = {place: to_words([]) for place in range(SPARSE) if place in survivors}
    gathering.go_on()
    assert gathering.stage is Stage.ABANDONED
    assert "on the ring" in gathering.reason
