"""Round keys: signed by their member, for one plan, with exactly the keys that the mode needs."""

from __future__ import annotations

import pytest

from protocols.errors import InvalidSignature, MalformedMessage, PlanError
from protocols.federated.keys import KIND, MAX_BYTES, make_round_key, read_round_key
from protocols.federated.masks import RoundKey
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import encode
from tests.keys import signing_key

PLAN, OTHER = bytes(32), bytes(31) + b"\1"
MEMBER, STRANGER = signing_key(1), signing_key(2)
MASK, SEAL = (RoundKey(letter * 32).public for letter in (b"m", b"s"))


def test_what_is_signed_is_read() -> None:
    certified = read_round_key(make_round_key(PLAN, MASK, b"", MEMBER), PLAN, MEMBER.public)
    assert (certified.member, certified.mask_key, certified.seal_key) == (MEMBER.public, MASK, b"")
    data = make_round_key(PLAN, MASK, SEAL, MEMBER)
    totals = read_round_key(data, PLAN, sealing=True)
    assert (totals.member, totals.mask_key, totals.seal_key) == (MEMBER.public, MASK, SEAL)
    assert totals.received == data
    assert len(data) <= MAX_BYTES


def test_every_round_key_has_the_same_length() -> None:
    signed = [make_round_key(PLAN, RoundKey(bytes([i]) * 32).public, b"", MEMBER) for i in range(9)]
    assert len({len(data) for data in signed}) == 1


def test_others_are_refused() -> None:
    good = make_round_key(PLAN, MASK, b"", MEMBER)
    with pytest.raises(InvalidSignature, match="and not by"):
        read_round_key(good, PLAN, STRANGER.public)
    with pytest.raises(PlanError, match="another plan"):
        read_round_key(good, OTHER)
    with pytest.raises(InvalidSignature, match="not signed"):
        read_round_key(good[:-1] + bytes([good[-1] ^ 1]), PLAN)
    with pytest.raises(MalformedMessage, match="exactly the keys"):
        read_round_key(good, PLAN, sealing=True)
    with pytest.raises(MalformedMessage, match="exactly the keys"):
        read_round_key(make_round_key(PLAN, MASK, SEAL, MEMBER), PLAN)
    with pytest.raises(MalformedMessage, match="at most"):
        read_round_key(bytes(MAX_BYTES + 1), PLAN)
    payload = encode(pb.RoundKey(plan_hash=PLAN, mask_key=MASK))
    with pytest.raises(InvalidSignature, match="expected a round-key"):
        read_round_key(MEMBER.sign("masked", payload), PLAN)
    short = encode(pb.RoundKey(plan_hash=PLAN, mask_key=MASK[:-1]))
    with pytest.raises(MalformedMessage, match="exactly the keys"):
        read_round_key(MEMBER.sign(KIND, short), PLAN)


@pytest.mark.parametrize("point", [bytes(32), b"\1" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f"])
def test_a_key_of_low_order_is_refused_before_anybody_masks_with_it(point: bytes) -> None:
    """Counted, it would leave all its owner's neighbours unable to mask, and look like theirs."""
    for publics, sealing in (((point, b""), False), ((MASK, point), True), ((point, SEAL), True)):
        with pytest.raises(MalformedMessage, match="low order"):
            read_round_key(make_round_key(PLAN, *publics, MEMBER), PLAN, sealing=sealing)
