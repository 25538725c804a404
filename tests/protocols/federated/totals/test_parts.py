"""The small parts of a totals round: vectors, sealed deals, lists of survivors."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import (
    MalformedMessage,
    OpeningInconsistent,
    PlanError,
    SealBroken,
)
from protocols.federated.masks import RoundKey, added, to_words
from protocols.federated.terms import Aggregation
from protocols.federated.totals.sealed import SEALED_BYTES, Deal, Route, open_deal, seal
from protocols.federated.totals.setting import Setting
from protocols.federated.totals.shamir import PRIME, SHARE_BYTES
from protocols.federated.totals.survivors import Survivors
from protocols.federated.totals.vector import Vector
from protocols.plan import Level, Measure
from tests.totals import MEASURES, UNTIL, plan_of, sums_of, values_of

PLAN = plan_of(9)
SETTING = Setting(PLAN)


def test_vectors_add_up_to_the_plain_sums() -> None:
    vector = Vector(PLAN)
    total = added((vector.encode(values_of(place)) for place in range(9)), vector.words)
    assert vector.words == 3
    assert vector.decode(total, 9) == sums_of(range(9))
    with pytest.raises(OpeningInconsistent, match="count 9 members, not 8"):
        vector.decode(total, 8)


def test_guards_are_not_in_a_vector() -> None:
    guard = Measure("rest", "kgCO2", 10, 0, Level.COHORT, published=False, protects=("output",))
    plan = replace(PLAN, measures=(*MEASURES, guard))
    assert Vector(plan).measures == MEASURES


def test_sums_need_room_for_every_member() -> None:
    """Nine members: the largest bound whose sum fits, and the next."""
    most = (2**64 - 1) // 9
    fits = replace(PLAN, measures=(replace(MEASURES[0], bound=most), MEASURES[1]))
    vector = Vector(fits)
    words = [vector.encode({"output": most, "emissions": 10**7})] * 9
    assert vector.decode(added(words, 3), 9) == {"output": 9 * most, "emissions": 9 * 10**7}
    wraps = replace(PLAN, measures=(replace(MEASURES[0], bound=most + 1), MEASURES[1]))
    with pytest.raises(PlanError, match="64"):
        Setting(wraps)


@pytest.mark.parametrize("sums", [[8, 0], [9, 9 * 10**7 + 1], [9 * 10**9 + 1, 0]])
def test_sums_that_no_nine_members_have(sums: list[int]) -> None:
    with pytest.raises(OpeningInconsistent, match="within the bounds"):
        Vector(PLAN).decode(to_words([9, *sums]), 9)


def test_plans_of_other_modes() -> None:
    with pytest.raises(PlanError, match="not one of totals"):
        Setting(replace(PLAN, aggregation=None, key_id=bytes(32)))
    certified = replace(PLAN, aggregation=Aggregation.certified(9, UNTIL), key_id=bytes(32))
    with pytest.raises(PlanError, match="not one of totals"):
        Setting(certified)


DEAL = Deal(b"m".rjust(SHARE_BYTES, b"\0"), b"s".rjust(SHARE_BYTES, b"\0"))
ONE, OTHER, THIRD = (RoundKey(bytes([number]) * 32) for number in (1, 2, 3))
ROUTE = Route(b"p" * 32, 4, 7)


def test_a_deal_opens_for_its_recipient_only() -> None:
    sealed = seal(DEAL, ONE, OTHER.public, ROUTE)
    assert len(sealed) == SEALED_BYTES
    assert seal(DEAL, ONE, OTHER.public, ROUTE) == sealed
    assert open_deal(sealed, OTHER, ONE.public, ROUTE) == DEAL
    assert "redacted" in repr(DEAL)
    for key, public in ((THIRD, ONE.public), (OTHER, THIRD.public)):
        with pytest.raises(SealBroken):
            open_deal(sealed, key, public, ROUTE)


@pytest.mark.parametrize(
    "route", [Route(b"q" * 32, 4, 7), Route(b"p" * 32, 7, 4), Route(b"p" * 32, 4, 8)]
)
def test_a_deal_is_bound_to_its_round_and_way(route: Route) -> None:
    with pytest.raises(SealBroken):
        open_deal(seal(DEAL, ONE, OTHER.public, ROUTE), OTHER, ONE.public, route)


def test_both_ways_have_keys_of_their_own() -> None:
    """The nonce is 0 in both: one key would show what two deals differ in."""
    there = seal(DEAL, ONE, OTHER.public, ROUTE)
    back = seal(DEAL, OTHER, ONE.public, Route(ROUTE.plan_hash, 7, 4))
    assert there[:16] != back[:16]


@pytest.mark.parametrize(
    "deal",
    [
        Deal(b"\0" * SHARE_BYTES, b""),
        Deal(b"\0" * SHARE_BYTES, b"\xff" * SHARE_BYTES),
        Deal(int(PRIME).to_bytes(SHARE_BYTES, "big"), b"\0" * SHARE_BYTES),
    ],
)
def test_something_else_than_two_shares(deal: Deal) -> None:
    """Such a share must not get into the answer of its honest recipient."""
    with pytest.raises(SealBroken, match="not two shares"):
        open_deal(seal(deal, ONE, OTHER.public, ROUTE), OTHER, ONE.public, ROUTE)


@given(st.integers(1, 70), st.data())
def test_a_list_has_its_places(size: int, data: st.DataObject) -> None:
    places = data.draw(st.sets(st.integers(0, size - 1)))
    bits = bytearray((size + 7) // 8)
    for place in places:
        bits[place // 8] |= 1 << place % 8
    survivors = Survivors(b"p" * 32, size, bytes(bits))
    assert {place for place in range(size) if place in survivors} == places
    assert survivors.members == len(places)
    assert survivors.hash != Survivors(b"q" * 32, size, bytes(bits)).hash


@pytest.mark.parametrize(
    ("size", "bits"), [(8, b""), (8, b"\0\0"), (9, b"\xff\x02"), (1, b"\2"), (16, b"\1")]
)
def test_bits_beyond_the_roster(size: int, bits: bytes) -> None:
    with pytest.raises(MalformedMessage):
        Survivors(b"p" * 32, size, bits)


def test_a_list_of_places() -> None:
    survivors = Survivors.of(SETTING, [0, 8])
    assert survivors.bits == b"\x01\x01"
    assert Survivors.read(SETTING, survivors.bits) == survivors
