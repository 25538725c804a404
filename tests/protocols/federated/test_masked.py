"""Masked vectors of a certified round: exact with all of them, nothing with one less."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from functools import cache

import pytest

from protocols.certificate import withhold
from protocols.errors import (
    BoundExceeded,
    ContributionRefused,
    InvalidSignature,
    KeyRefused,
    MalformedMessage,
    OpeningInconsistent,
    PlanError,
    PolicyRefusal,
    ProtocolError,
    QuorumMissing,
)
from protocols.federated import keys, masked, masks, sections
from protocols.federated.keybook import KeyBook, graph_of, root_of
from protocols.signing import open_signed
from protocols.wire import messages_pb2 as pb
from protocols.wire import service_pb2
from protocols.wire.codec import decode, encode
from tests.cohort import Scene, member_key, values
from tests.protocols.federated.certified import Certified

SIZES = range(5, 41)


@cache
def round_of(size: int) -> Certified:
    return Certified.of(size)


@pytest.mark.parametrize("size", SIZES)
def test_all_vectors_open_the_exact_sums(size: int) -> None:
    round_ = round_of(size)
    found = masked.sums(round_.plan, round_.certificate, round_.add_up(round_.vectors))
    bands = round_.certificate.ranking("cef")
    assert [dict(section) for section in found.sections] == [round_.expected(b) for b in bands]
    assert dict(found.cohort) == round_.expected()


@pytest.mark.parametrize("size", SIZES)
def test_without_any_one_member_nothing_opens(size: int) -> None:
    """The round is refused, and whoever adds up the rest all the same holds noise."""
    round_ = round_of(size)
    for missing in range(size):
        rest = [data for place, data in enumerate(round_.vectors) if place != missing]
        with pytest.raises(OpeningInconsistent, match="counts of the masked sum"):
            masked.sums(round_.plan, round_.certificate, round_.raw_sum(rest))
        if missing in (0, size // 2, size - 1):
            with pytest.raises(OpeningInconsistent, match=f"1 of {size} counted members"):
                round_.add_up(rest)


@pytest.mark.parametrize("size", SIZES)
def test_without_several_members_nothing_opens(size: int) -> None:
    round_ = round_of(size)
    rng = random.Random(size)
    for _ in range(10):
        some = rng.sample(round_.vectors, rng.randint(1, size - 2))
        with pytest.raises(OpeningInconsistent, match="counts of the masked sum"):
            masked.sums(round_.plan, round_.certificate, round_.raw_sum(some))
    with pytest.raises(OpeningInconsistent, match="counted members have sent no"):
        round_.add_up(some)


@pytest.mark.parametrize("size", [6, 12, 40])
def test_members_who_were_shown_different_lists_open_neither(size: int) -> None:
    """A coordinator with two certified lists, one without the last member, splits the others."""
    full = round_of(size)
    less = full.other_list()
    half = size // 2
    first = full.vectors[:half]
    second = [less.mask(place) for place in range(half, size - 1)]
    last = full.vectors[-1]
    for one, other in ((full, second), (less, first)):
        with pytest.raises(PolicyRefusal, match="another band certificate"):
            one.add_up([*first, *second, last])
        # Even the bare words, put under the name of the other certificate, stay noise.
        renamed = [_again(data, basis=one.certificate.hash) for data in other]
        own = first if one is full else second
        everything = [*own, *renamed, *([last] if one is full else [])]
        with pytest.raises(OpeningInconsistent, match="counts of the masked sum"):
            masked.sums(one.plan, one.certificate, one.raw_sum(everything))


def test_a_sparse_graph_cancels_too() -> None:
    round_ = round_of(72)
    assert graph_of(round_.plan, round_.certificate).degree == 64
    found = masked.sums(round_.plan, round_.certificate, round_.add_up(round_.vectors))
    assert dict(found.cohort) == round_.expected()


def test_a_vector_says_nothing_of_its_values() -> None:
    """Other values change it, and leave it as far from the plain one as before."""
    round_ = round_of(6)
    plain = masks.to_words(sections.encode(round_.plan, round_.certificate, values(1)))
    hidden = round_.raw_sum(round_.vectors[:1])
    assert not set(map(int, plain)) & set(map(int, hidden))
    assert not (hidden - plain == 0).any()


def test_the_same_vector_is_made_again() -> None:
    round_ = round_of(6)
    assert round_.mask(3) == round_.vectors[3]


def _again(data: bytes, **fields: bytes) -> bytes:
    """A vector as its own member could sign it, with some fields changed."""
    statement = open_signed(data, "masked")
    message = decode(pb.Masked, statement.payload)
    for name, value in fields.items():
        setattr(message, name, value)
    keyring = {member_key(i).public: member_key(i) for i in range(1, 41)}
    return keyring[statement.signer].sign("masked", encode(message))


VECTORS: dict[str, tuple[Callable[[Certified, bytes], bytes], type[ProtocolError], str]] = {
    "another-plan": (
        lambda _, data: _again(data, plan_hash=bytes(32)),
        PlanError,
        "another plan",
    ),
    "another-basis": (
        lambda _, data: _again(data, basis=bytes(32)),
        PolicyRefusal,
        "another band certificate",
    ),
    "a-word-short": (
        lambda _, data: _again(data, words=b"\1" * 8),
        MalformedMessage,
        "a masked vector of 8 bytes",
    ),
    "too-long": (
        lambda _, data: _again(data, words=b"\1" * 4096),
        MalformedMessage,
        "at most",
    ),
    "a-stranger": (
        lambda r, data: member_key(99).sign("masked", open_signed(data, "masked").payload),
        InvalidSignature,
        "not on the roster",
    ),
    "another-kind": (
        lambda r, data: r.key(0).sign("contribution", open_signed(data, "masked").payload),
        InvalidSignature,
        "expected a masked statement",
    ),
    "altered": (
        lambda _, data: data[:-1] + bytes([data[-1] ^ 1]),
        InvalidSignature,
        "not signed",
    ),
    "repeated": (lambda r, _: r.vectors[1], OpeningInconsistent, "not counted or has another"),
}


@pytest.mark.parametrize("name", VECTORS)
def test_a_wrong_vector_is_refused(name: str) -> None:
    round_ = round_of(6)
    spoil, error, words = VECTORS[name]
    with pytest.raises(error, match=words):
        round_.add_up([spoil(round_, round_.vectors[0]), *round_.vectors[1:]])


def test_a_member_who_is_not_counted_adds_nothing() -> None:
    round_ = round_of(6)
    less = round_.other_list()
    stray = _again(round_.vectors[-1], basis=less.certificate.hash)
    with pytest.raises(OpeningInconsistent, match="not counted or has another"):
        less.add_up([*less.vectors, stray])


def test_a_malformed_vector_contradicts_the_counts() -> None:
    """One that is changed under its member's own signature; the document withholds the cohort."""
    round_ = round_of(6)
    message = decode(pb.Masked, open_signed(round_.vectors[0], "masked").payload)
    words = bytearray(message.words)
    words[0] ^= 1
    total = round_.add_up([_again(round_.vectors[0], words=bytes(words)), *round_.vectors[1:]])
    with pytest.raises(OpeningInconsistent, match="counts of the masked sum"):
        masked.sums(round_.plan, round_.certificate, total)


def test_a_sum_beyond_all_bounds_is_refused() -> None:
    round_ = round_of(6)
    total = round_.add_up(round_.vectors)
    total[1] = 6 * 1_000_000 + 1
    with pytest.raises(OpeningInconsistent, match="more than all participants can add up to"):
        masked.sums(round_.plan, round_.certificate, total)


Reply = service_pb2.MaskingReply


def _swap_keys(reply: Reply) -> None:
    """The coordinator gives two neighbours each other's keys."""
    first, second = reply.keys[1].round_key, reply.keys[2].round_key
    reply.keys[1].round_key, reply.keys[2].round_key = second, first


def _own_key_between(reply: Reply) -> None:
    """The coordinator puts a key of its own in a neighbour's place."""
    plan = round_of(8).plan
    key = masks.RoundKey(bytes(range(32)))
    reply.keys[2].round_key = keys.make_round_key(plan.hash, key.public, b"", member_key(99))


REPLIES: dict[str, tuple[Callable[[Reply], object], type[ProtocolError], str]] = {
    "too-few-certificates": (lambda r: r.certificates.pop(), QuorumMissing, "3 needed"),
    "certificate-twice": (
        lambda r: r.certificates.__setitem__(0, r.certificates[1]),
        QuorumMissing,
        "3 needed",
    ),
    "another-place": (
        lambda r: setattr(r, "place", 1),
        MalformedMessage,
        "another round key of this member",
    ),
    "no-such-place": (lambda r: setattr(r, "place", 8), MalformedMessage, "beyond the list"),
    "a-key-too-few": (lambda r: r.keys.pop(), MalformedMessage, "exactly the member"),
    "a-key-too-many": (
        lambda r: r.keys.append(service_pb2.MaskingKey(place=8)),
        MalformedMessage,
        "exactly the member",
    ),
    "swapped-keys": (_swap_keys, MalformedMessage, "does not have these entries"),
    "own-key-between": (_own_key_between, MalformedMessage, "does not have these entries"),
    "proof-too-long": (lambda r: r.proof.append(bytes(32)), MalformedMessage, "too long"),
}


@pytest.mark.parametrize("name", REPLIES)
def test_a_wrong_answer_about_masking_is_refused(name: str) -> None:
    round_ = round_of(8)
    spoil, error, words = REPLIES[name]
    reply = round_.reply(0)
    spoil(reply)
    with pytest.raises(error, match=words):
        round_.read(0, reply)


def test_a_sparse_answer_has_a_proof_that_is_checked() -> None:
    round_ = round_of(72)
    reply = round_.reply(0)
    assert reply.proof
    reply.proof[0] = bytes(32)
    with pytest.raises(MalformedMessage, match="does not have these entries"):
        round_.read(0, reply)


def _certify(round_: Certified, round_keys: list[bytes]) -> service_pb2.MaskingReply:
    """The answer of trustees and coordinator who together put these keys into the certificate."""
    certificate = dataclasses.replace(round_.certificate, masks_root=root_of(round_keys))
    payload = certificate.to_bytes()
    votes = [key.sign("certificate", payload) for key in round_.scene.held.signing[:3]]
    return KeyBook(round_.plan, certificate, round_keys).reply(0, votes)


def test_keys_that_the_trustees_certified_wrongly_are_refused() -> None:
    """A member holds every neighbour's key against its signature, whatever trustees say."""
    round_ = round_of(8)
    good = round_.round_keys
    other_plan = dataclasses.replace(round_.plan, title="Another").hash
    public = round_.scene.secret_key(3).public
    for bad, error, words in (
        (good[1], MalformedMessage, "at two places"),
        (keys.make_round_key(other_plan, public, b"", member_key(3)), PlanError, "another plan"),
        (
            keys.make_round_key(round_.plan.hash, public, public, member_key(3)),
            MalformedMessage,
            "exactly the keys",
        ),
        (good[2][:-1] + bytes([good[2][-1] ^ 1]), InvalidSignature, "not signed"),
    ):
        reply = _certify(round_, [*good[:2], bad, *good[3:]])
        with pytest.raises(error, match=words):
            round_.read(0, reply)


def test_nothing_is_masked_for_a_withheld_cohort() -> None:
    round_ = round_of(6)
    none = withhold(round_.plan, bytes(32), 6, "no reason")
    votes = [k.sign("certificate", none.to_bytes()) for k in round_.scene.held.signing[:3]]
    with pytest.raises(PolicyRefusal, match="withheld"):
        round_.read(0, service_pb2.MaskingReply(certificates=votes))


def test_nothing_is_masked_for_a_paillier_plan() -> None:
    round_, plain = round_of(6), Scene(members=6)
    with pytest.raises(PlanError, match="asks for no masks"):
        masked.read_masking(
            round_.reply(0),
            plain.plan,
            plain.held.ceremony,
            round_.key(0).public,
            round_.round_keys[0],
        )


def test_a_member_masks_with_the_key_it_contributed_with() -> None:
    round_ = round_of(6)
    with pytest.raises(KeyRefused, match="not the one that this member contributed with"):
        masked.mask(round_.read(0), values(1), round_.scene.secret_key(2), round_.key(0))


def test_values_are_refused_and_never_clipped() -> None:
    round_ = round_of(6)
    with pytest.raises(BoundExceeded):
        round_.mask(0, values(1) | {"output": 1_000_001})
    with pytest.raises(ContributionRefused, match="as an integer"):
        round_.mask(0, {"output": 1})


def test_sizes_stay_within_their_limits() -> None:
    round_ = round_of(72)
    assert all(len(data) <= masked.max_bytes(round_.plan) for data in round_.vectors)
    assert len({len(data) for data in round_.vectors}) == 1
    largest = max(len(round_.reply(place).SerializeToString()) for place in range(72))
    assert largest <= masked.max_reply_bytes(round_.plan, 4)


def test_a_copied_mask_key_keeps_nobody_from_masking() -> None:
    """Masks are bound to places; who copies a key spoils the sum, as any false vector does."""
    round_ = round_of(8)
    good = round_.round_keys
    copied = keys.make_round_key(
        round_.plan.hash, round_.scene.secret_key(2).public, b"", member_key(3)
    )
    reply = _certify(round_, [*good[:2], copied, *good[3:]])
    assert len(round_.read(0, reply).neighbours) == 7
