"""A member's place on a roster: what is shown to who has the plan and not the roster."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import InvalidSignature, MalformedMessage, PlanError, ProtocolError
from protocols.hashing import domain_hash
from protocols.merkle import MerkleTree
from protocols.places import Place, place_of
from protocols.plan import Plan
from protocols.roster import Member, Roster, check_members
from protocols.signing import VerifyKey
from protocols.wire import service_pb2 as pb
from protocols.wire.codec import encode
from tests.cohort import Scene


def roster_of(size: int) -> Roster:
    """A roster of this many keys; nobody signs with them."""
    keys = (VerifyKey(domain_hash("test/member", bytes([n >> 8, n & 255]))) for n in range(size))
    return Roster.of_keys(keys)


def plan_of(roster: Roster) -> Plan:
    """A plan for this roster."""
    return dataclasses.replace(
        Scene().plan, roster_hash=roster.hash, participants=len(roster.members)
    )


def test_the_hash_is_over_the_tree_and_the_number_of_members() -> None:
    roster = roster_of(12)
    root = MerkleTree([member.to_bytes() for member in roster.members]).root
    size = (12).to_bytes(8, "big")
    assert roster.hash == domain_hash("cefed/roster/v2", size, root)
    assert Roster.from_bytes(roster.to_bytes()).hash == roster.hash
    assert len({roster_of(size).hash for size in range(40)}) == 40


@given(size=st.integers(1, 70), data=st.data())
def test_any_places_of_any_roster_are_shown_and_no_others(size: int, data: st.DataObject) -> None:
    roster = roster_of(size)
    places = data.draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=9))
    members = {place: roster.members[place] for place in places}
    proof = roster.prove(places)

    check_members(roster.hash, size, members, proof)

    stranger = Member(VerifyKey(bytes(32)), "stranger")
    victim = data.draw(st.sampled_from(sorted(places)))
    for hash_, count, shown, parts in [
        (roster.hash, size, members | {victim: stranger}, proof),
        (roster.hash, size + 1, members, proof),
        (roster_of(size + 1).hash, size, members, proof),
        (roster.hash, size, members, proof[:-1]),
        (roster.hash, size, members, (*proof, bytes(32))),
        (roster.hash, size, members, ()),
        (roster.hash, size, members | {size: stranger}, proof),
    ]:
        with pytest.raises(MalformedMessage):
            check_members(hash_, count, shown, parts)


def test_every_member_can_be_shown_its_place() -> None:
    roster = roster_of(23)
    plan = plan_of(roster)
    for index, member in enumerate(roster.members):
        place = Place.from_bytes(place_of(roster, member.key).to_bytes())
        place.check(plan)
        assert (place.index, place.entry) == (index, member)
        assert place.member(member.key) == member


def test_a_place_grows_with_the_logarithm_of_the_roster() -> None:
    sizes = {}
    for size in (64, 1024, 8192):
        roster = roster_of(size)
        sizes[size] = len(place_of(roster, roster.members[size // 3].key).to_bytes())
    assert sizes[1024] - sizes[64] <= 4 * 34 + 1
    assert sizes[8192] - sizes[1024] <= 3 * 34 + 1


def test_who_is_not_on_the_roster_has_no_place() -> None:
    with pytest.raises(InvalidSignature, match="not on the roster"):
        place_of(roster_of(5), VerifyKey(bytes(32)))


def test_anothers_place_is_not_ones_own() -> None:
    roster = roster_of(6)
    place = place_of(roster, roster.members[2].key)
    with pytest.raises(InvalidSignature, match="that of"):
        place.member(roster.members[3].key)


def test_a_place_that_does_not_hold() -> None:
    roster = roster_of(9)
    plan, place = plan_of(roster), place_of(roster, roster.members[4].key)
    other = roster.members[5]
    for changed, of in [
        (dataclasses.replace(place, index=5), plan),
        (dataclasses.replace(place, index=9), plan),
        (dataclasses.replace(place, entry=other), plan),
        (dataclasses.replace(place, proof=place.proof[1:]), plan),
        (place, dataclasses.replace(plan, participants=10)),
        (place, dataclasses.replace(plan, roster_hash=bytes(32))),
    ]:
        with pytest.raises(PlanError, match="not on the plan's roster"):
            changed.check(of)


@pytest.mark.parametrize(
    "message",
    [
        pb.RosterPlace(place=1, member=b"\xff"),
        pb.RosterPlace(place=1, member=encode(Member(VerifyKey(bytes(32)), "").to_message())),
        pb.RosterPlace(place=1, member=encode(pb.RosterPlace(member=b"short"))),
        pb.RosterPlace(),
    ],
)
def test_a_place_that_is_none(message: pb.RosterPlace) -> None:
    with pytest.raises(ProtocolError):
        Place.from_bytes(encode(message))
