"""The inclusion rule: what a log comes to, whoever computes it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import closing, contribution
from protocols.atoms import Declared
from protocols.closing import (
    ClosingStatement,
    Counted,
    Marks,
    Proposal,
    check_proposal,
    inclusion_tree,
    select,
)
from protocols.errors import MalformedMessage, TranscriptBroken
from protocols.layout import Layout
from protocols.paillier import encryptor_for
from protocols.roster import Member, Roster
from protocols.signing import VerifyKey, statement_hash
from protocols.walkthrough import Cast, example_measures, example_plan
from tests.keys import cast, signing_key, trustees

MEMBERS = [signing_key(i).public for i in range(4)]


@dataclass(frozen=True)
class Item:
    """A logged contribution; ``marks`` is None when its proof does not hold."""

    member: VerifyKey
    version: int
    hash: bytes
    marks: tuple[bytes, ...] | None


@st.composite
def logs(draw: st.DrawFn) -> list[Item]:
    """Any log: versions in any order and repeated, invalid ones, ciphertexts that recur."""
    items = []
    for place in range(draw(st.integers(0, 12))):
        valid = draw(st.booleans())
        marks = tuple(draw(st.lists(st.binary(min_size=1, max_size=1), min_size=1, max_size=2)))
        items.append(
            Item(
                draw(st.sampled_from(MEMBERS)),
                draw(st.integers(1, 3)),
                place.to_bytes(32, "big"),
                marks if valid else None,
            )
        )
    return items


def marks_of(item: Item) -> Marks | None:
    return item.marks


@given(logs())
def test_of_each_member_the_last_valid_version_counts(log: list[Item]) -> None:
    """Compared with the rule as SPEC.md words it, over all pairs."""
    candidates = [
        item
        for item in log
        if item.marks is not None
        and not any(
            other.marks is not None
            and other.member == item.member
            and (
                other.version > item.version
                or (other.version == item.version and other.hash < item.hash)
            )
            for other in log
        )
    ]
    expected: list[Item] = []
    for item in candidates:
        repeated = any(
            set(item.marks or ()) & set(earlier.marks or ()) for earlier in expected
        ) or len(set(item.marks or ())) < len(item.marks or ())
        if not repeated:
            expected.append(item)
    assert select(log, marks_of) == expected


@given(logs())
def test_nobody_is_counted_twice_and_no_ciphertext_is(log: list[Item]) -> None:
    selected = select(log, marks_of)
    assert len({item.member for item in selected}) == len(selected)
    marks = [mark for item in selected for mark in item.marks or ()]
    assert len(set(marks)) == len(marks)


@given(logs(), st.data())
def test_invalid_copies_push_nobody_out(log: list[Item], data: st.DataObject) -> None:
    """Whoever logs copies of a victim's ciphertexts under another name changes nothing."""
    copies = [dataclasses.replace(item, marks=None, hash=b"c" + item.hash[1:]) for item in log]
    mixed = list(log)
    for copy in copies:
        mixed.insert(data.draw(st.integers(0, len(mixed))), copy)
    assert select(mixed, marks_of) == select(log, marks_of)


@given(logs())
def test_proofs_are_asked_for_only_where_they_matter(log: list[Item]) -> None:
    """A version that a later valid one supersedes costs nothing."""
    asked: list[Item] = []

    def count(item: Item) -> Marks | None:
        asked.append(item)
        return item.marks

    select(log, count)
    for item in asked:
        superseded = any(
            other.member == item.member and other.version > item.version and other.marks is not None
            for other in log
        )
        assert not superseded


class Played:
    """Five members' contributions to the walkthrough's plan, under the 2048-bit test key."""

    def __init__(self) -> None:
        self.cast: Cast = cast(trustees(), 5)
        ceremony = self.cast.ceremony
        self.roster = Roster.of(Member(k.public, k.public.fingerprint) for k in self.cast.members)
        self.plan = example_plan(self.roster, ceremony)
        self.layout = Layout(self.plan, ceremony.key.public.bits)
        self.encryptor = encryptor_for(ceremony.key.public)
        self.measures = example_measures()[:5]
        self.sent = [self.build(i) for i in range(5)]

    def build(self, member: int, version: int = 1) -> bytes:
        return contribution.build(
            self.plan,
            self.layout,
            self.measures[member],
            self.cast.members[member],
            self.encryptor,
            version=version,
        )

    def counted(self, log: list[bytes]) -> Counted:
        return closing.recompute(self.plan, self.layout, self.roster, self.cast.ceremony, log)

    def broken(self, member: int, version: int) -> bytes:
        """Well signed, of good form, with another contribution's proof."""
        key = self.cast.ceremony.key.public
        whole = contribution.read(
            self.build(member, version), self.plan, self.layout, self.roster, key
        )
        proof = contribution.read(self.sent[0], self.plan, self.layout, self.roster, key).proof
        return contribution.assemble(
            self.plan.hash,
            list(whole.ciphertexts),
            proof,
            self.cast.members[member],
            key,
            version,
        )


@pytest.fixture(scope="module")
def played() -> Played:
    return Played()


def test_a_correction_takes_the_place_of_what_it_corrects(played: Played) -> None:
    corrected = played.build(2, version=2)
    counted = played.counted([*played.sent, corrected])
    wanted = [*played.sent[:2], *played.sent[3:], corrected]
    assert counted.included == tuple(sorted(map(statement_hash, wanted)))
    assert counted.left_out == {statement_hash(played.sent[2]): "superseded by a later version"}
    assert len(counted.members) == 5


def test_a_correction_without_a_proof_leaves_the_earlier_version(played: Played) -> None:
    bad = played.broken(2, version=2)
    counted = played.counted([*played.sent, bad])
    assert counted.included == tuple(sorted(map(statement_hash, played.sent)))
    assert "proof" in counted.left_out[statement_hash(bad)]
    assert counted.aggregates.hash == played.counted(played.sent).aggregates.hash


def test_a_stranger_and_garbage_in_the_log_are_left_out_with_reasons(played: Played) -> None:
    stranger = contribution.build(
        played.plan, played.layout, played.measures[0], signing_key(77), played.encryptor
    )
    counted = played.counted([b"garbage", stranger, *played.sent])
    assert counted.included == tuple(sorted(map(statement_hash, played.sent)))
    assert "not on the roster" in counted.left_out[statement_hash(stranger)]
    assert "Signed" in counted.left_out[statement_hash(b"garbage")]


def test_a_proposal_that_is_not_the_log_is_refused_by_name(played: Played) -> None:
    bad = played.broken(2, version=2)
    counted = played.counted([*played.sent, bad])
    check_proposal(Proposal(counted.included, bytes(32)), counted)
    with pytest.raises(TranscriptBroken, match="acknowledged, but not counted"):
        check_proposal(Proposal(counted.included[1:], bytes(32)), counted)
    listed = tuple(sorted((*counted.included, statement_hash(bad))))
    with pytest.raises(TranscriptBroken, match="listed and cannot be"):
        check_proposal(Proposal(listed, bytes(32)), counted)
    unknown = tuple(sorted((*counted.included, bytes(32))))
    with pytest.raises(TranscriptBroken, match="not in the log"):
        check_proposal(Proposal(unknown, bytes(32)), counted)


HASHES = [number.to_bytes(32, "big") for number in range(23)]


def test_a_statement_is_over_one_list_only() -> None:
    statement = ClosingStatement.of(b"p" * 32, HASHES, b"a" * 32)
    assert ClosingStatement.from_bytes(statement.to_bytes()) == statement
    assert statement.lists(HASHES)
    swapped = [HASHES[1], HASHES[0], *HASHES[2:]]
    for other in ([], HASHES[1:], [*HASHES, bytes(31) + b"x"], swapped):
        assert not statement.lists(other)


@given(size=st.integers(1, 40), data=st.data())
def test_a_member_sees_that_it_counts_and_nobody_else_does(size: int, data: st.DataObject) -> None:
    included = [number.to_bytes(32, "big") for number in range(size)]
    statement = ClosingStatement.of(b"p" * 32, included, b"a" * 32)
    tree = inclusion_tree(included)
    place = data.draw(st.integers(0, size - 1))
    proof = tree.prove([place])

    statement.check_counted(included[place], place, proof)

    another = included[(place + 1) % size] if size > 1 else b"x" * 32
    for digest, at, parts in [
        (b"x" * 32, place, proof),
        (another, place, proof),
        (included[place], place + size, proof),
        (included[place], place, (*proof, bytes(32))),
    ]:
        with pytest.raises(MalformedMessage):
            statement.check_counted(digest, at, parts)


def test_a_statement_does_not_grow_with_the_list_and_a_vote_only_by_its_atoms(
    played: Played,
) -> None:
    trustee = signing_key(0)
    many = [number.to_bytes(32, "big") for number in range(4000)]
    sizes = [
        len(ClosingStatement.of(b"p" * 32, hashes, b"a" * 32).to_bytes())
        for hashes in (many[:200], many)
    ]
    assert sizes[1] <= sizes[0] + 1
    atoms = tuple(tuple(range(first, first + 5)) for first in range(0, 4000, 5))
    statement = ClosingStatement.of(
        b"p" * 32, many, b"a" * 32, Declared(atoms, frozenset({0}), totals_only=True)
    )
    plan = dataclasses.replace(played.plan, participants=4000)
    assert len(closing.vote(statement, bytes(32), trustee)) <= closing.max_vote_bytes(plan)
