"""A committee that is not everybody: who is drawn for it signs, and nobody else's word counts."""

from __future__ import annotations

import pytest

from protocols.errors import InvalidSignature, QuorumMissing
from protocols.federated.terms import COMMITTEE
from protocols.federated.totals.setting import Setting
from protocols.federated.totals.survivors import (
    Survivors,
    check_quorum,
    quorum_of,
    read_signature,
)
from tests.totals import key_at, plan_of, roster_of

SIZE = COMMITTEE + 40
SETTING = Setting(plan_of(SIZE))
ROSTER = roster_of(SIZE)
EVERYBODY = Survivors.of(SETTING, range(SIZE))
QUORUM = SETTING.committee[: SETTING.terms.quorum]
OUTSIDE = min(set(range(SIZE)) - set(SETTING.committee))


def signatures(places: tuple[int, ...]) -> dict[int, bytes]:
    return {
        place: read_signature(EVERYBODY.sign(key_at(SIZE, place)), EVERYBODY, ROSTER.members[place])
        for place in places
    }


@pytest.fixture(scope="module")
def signed() -> dict[int, bytes]:
    return signatures(QUORUM)


def test_the_committee_is_drawn_from_the_roster() -> None:
    assert len(SETTING.committee) == COMMITTEE < SIZE
    assert SETTING.committee != Setting(plan_of(SIZE, round_id="r2")).committee


def test_a_quorum_of_it(signed: dict[int, bytes]) -> None:
    assert check_quorum(quorum_of(EVERYBODY, signed, ROSTER), SETTING) == EVERYBODY


def test_one_less_is_none(signed: dict[int, bytes]) -> None:
    fewer = {place: signed[place] for place in QUORUM[1:]}
    with pytest.raises(QuorumMissing):
        check_quorum(quorum_of(EVERYBODY, fewer, ROSTER), SETTING)


def test_nor_with_a_member_who_is_not_on_it(signed: dict[int, bytes]) -> None:
    fewer = {place: signed[place] for place in QUORUM[1:]} | signatures((OUTSIDE,))
    with pytest.raises(InvalidSignature, match="outside the committee"):
        check_quorum(quorum_of(EVERYBODY, fewer, ROSTER), SETTING)
