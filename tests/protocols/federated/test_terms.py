"""A plan's terms of aggregation: the defaults hold for every size, everything looser is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import PlanError
from protocols.federated.terms import (
    CERTIFIED_NEIGHBOURS,
    COMMITTEE,
    MOST_NEIGHBOURS,
    TOTALS_NEIGHBOURS,
    Aggregation,
)
from protocols.wire import messages_pb2 as pb

UNTIL = 1 << 32
LARGE = 5000
TOTALS = Aggregation.totals(LARGE, UNTIL)
CERTIFIED = Aggregation.certified(LARGE, UNTIL)


@given(st.integers(1, 2000))
def test_the_defaults_hold_for_every_size(participants: int) -> None:
    Aggregation.certified(participants, UNTIL).check(participants)
    if participants >= 3:
        Aggregation.totals(participants, UNTIL).check(participants)


@given(st.integers(3, 2000))
def test_what_thresholds_must_be(participants: int) -> None:
    terms = Aggregation.totals(participants, UNTIL)
    assert 2 * terms.threshold > terms.neighbours
    assert 2 * terms.quorum - terms.committee > 2 * terms.committee // 5
    assert terms.quorum <= terms.committee
    assert terms.threshold <= terms.neighbours


@pytest.mark.parametrize("terms", [TOTALS, CERTIFIED], ids=["totals", "certified"])
def test_a_message_and_back(terms: Aggregation) -> None:
    assert Aggregation.from_message(terms.to_message()) == terms


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"neighbours": TOTALS_NEIGHBOURS - 2}, "use 192 to 1024"),
        ({"neighbours": 0}, "use 192 to 1024"),
        ({"neighbours": LARGE}, "use 192 to 1024"),
        ({"neighbours": TOTALS_NEIGHBOURS + 1}, "odd number"),
        ({"until": 0}, "until"),
        ({"until": -1}, "until"),
        ({"until": 1 << 63}, "until"),
        ({"threshold": 0}, "five eighths"),
        ({"threshold": 5 * TOTALS_NEIGHBOURS // 8}, "five eighths"),
        ({"threshold": TOTALS_NEIGHBOURS + 1}, "five eighths"),
        ({"committee": COMMITTEE - 1}, "a committee of 639"),
        ({"committee": LARGE + 1}, "a committee of 5001"),
        ({"committee": 0}, "a committee of 0"),
        ({"quorum": 0}, "seven tenths"),
        ({"quorum": 7 * COMMITTEE // 10}, "seven tenths"),
        ({"quorum": COMMITTEE + 1}, "seven tenths"),
    ],
)
def test_totals_that_are_not_safe(change: dict[str, int], match: str) -> None:
    TOTALS.check(LARGE)
    with pytest.raises(PlanError, match=match):
        replace(TOTALS, **change).check(LARGE)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"neighbours": CERTIFIED_NEIGHBOURS - 2}, "use 64 to 1024"),
        ({"neighbours": LARGE}, "use 64 to 1024"),
        ({"neighbours": CERTIFIED_NEIGHBOURS + 1}, "odd number"),
        ({"until": 0}, "until"),
        ({"threshold": 1}, "no threshold"),
        ({"committee": 1}, "no threshold"),
        ({"quorum": 1}, "no threshold"),
    ],
)
def test_certified_terms_that_are_none(change: dict[str, int], match: str) -> None:
    CERTIFIED.check(LARGE)
    with pytest.raises(PlanError, match=match):
        replace(CERTIFIED, **change).check(LARGE)


@pytest.mark.parametrize("participants", [1, 2])
def test_totals_of_two_hide_nobody(participants: int) -> None:
    with pytest.raises(PlanError, match="fewer than three"):
        Aggregation.totals(participants, UNTIL).check(participants)


def test_stricter_terms_are_accepted() -> None:
    replace(TOTALS, neighbours=256, threshold=200, committee=1000, quorum=900).check(LARGE)
    replace(CERTIFIED, neighbours=MOST_NEIGHBOURS).check(LARGE)


@pytest.mark.parametrize("terms", [TOTALS, CERTIFIED], ids=["totals", "certified"])
def test_no_plan_asks_a_member_for_days_of_work(terms: Aggregation) -> None:
    many = replace(terms, neighbours=MOST_NEIGHBOURS + 2, threshold=MOST_NEIGHBOURS)
    with pytest.raises(PlanError, match=f"to {MOST_NEIGHBOURS}"):
        many.check(LARGE)


def test_a_small_round_is_everybody_with_everybody() -> None:
    terms = Aggregation.totals(50, UNTIL)
    assert (terms.neighbours, terms.committee) == (49, 50)
    with pytest.raises(PlanError, match="use 49 to 49"):
        replace(terms, neighbours=48).check(50)
    with pytest.raises(PlanError, match="a committee of 49"):
        replace(terms, committee=49, quorum=49).check(50)


def test_an_unknown_mode() -> None:
    with pytest.raises(PlanError, match="unknown mode 'secret'"):
        Aggregation.from_message(pb.Aggregation(mode="secret"))
