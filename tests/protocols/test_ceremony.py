"""The ceremony's record, its sealed shares and its countersignatures."""

from __future__ import annotations

from typing import Any

import pytest

from protocols.ceremony import Ceremony, check_counts, countersign, open_share
from protocols.errors import (
    InvalidShare,
    InvalidSignature,
    KeyRefused,
    MalformedMessage,
    ProtocolError,
    SealBroken,
)
from protocols.sealing import seal
from protocols.signing import open_signed
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import encode, encode_uint
from tests.keys import hold_ceremony, signing_key, trustees

HELD = trustees(small=True)


def resigned(**changes: Any) -> bytes:
    """The record with fields replaced, signed again by the dealer."""
    payload = pb.Ceremony.FromString(open_signed(HELD.ceremony.received, "ceremony").payload)
    for name, value in changes.items():
        if isinstance(value, list):
            del getattr(payload, name)[:]
            getattr(payload, name).extend(value)
        else:
            setattr(payload, name, value)
    return HELD.dealer.sign("ceremony", encode(payload))


def test_record_names_key_trustees_and_counts() -> None:
    ceremony = HELD.ceremony
    assert (ceremony.key.threshold, ceremony.closing_quorum, len(ceremony.trustees)) == (2, 3, 4)
    assert ceremony.dealer == HELD.dealer.public
    assert ceremony.trustee(HELD.signing[2].public).index == 3
    ceremony.check_countersignatures(HELD.countersignatures)


def test_small_moduli_need_the_unsafe_switch() -> None:
    with pytest.raises(KeyRefused, match="at least 2048"):
        Ceremony.from_signed(HELD.ceremony.received)


def test_each_ceremony_has_its_own_key_id() -> None:
    assert hold_ceremony(small=True).ceremony.key_id != HELD.ceremony.key_id


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"dealer": bytes(32)}, InvalidSignature),
        ({"threshold": 3}, KeyRefused),
        ({"closing_quorum": 2}, KeyRefused),
        ({"closing_quorum": 5}, KeyRefused),
        ({"modulus": encode_uint(2**512)}, KeyRefused),
        ({"verification_base": b"\x00" * 64}, KeyRefused),
        ({"verification_base": b"\x07"}, MalformedMessage),
        ({"verification_keys": [b"\x00" * 63 + b"\x04"] * 4}, KeyRefused),
        ({"verification_keys": []}, KeyRefused),
        ({"trustees": []}, KeyRefused),
    ],
)
def test_records_that_cannot_be_right_are_refused(
    changes: dict[str, Any], error: type[ProtocolError]
) -> None:
    with pytest.raises(error):
        Ceremony.from_signed(resigned(**changes), unsafe_small_modulus=True)


def test_trustees_are_numbered_and_distinct() -> None:
    identities = [
        pb.TrusteeIdentity(
            index=t.index, name=t.name, signing_key=t.signing_key.raw, sealing_key=t.sealing_key
        )
        for t in HELD.ceremony.trustees
    ]
    with pytest.raises(MalformedMessage, match="numbered"):
        Ceremony.from_signed(resigned(trustees=identities[::-1]), unsafe_small_modulus=True)
    identities[1].signing_key = identities[0].signing_key
    with pytest.raises(KeyRefused, match="share a signing key"):
        Ceremony.from_signed(resigned(trustees=identities), unsafe_small_modulus=True)


@pytest.mark.parametrize(
    ("threshold", "quorum", "count", "reason"),
    [
        (0, 3, 4, "not possible"),
        (3, 2, 4, "not possible"),
        (2, 5, 4, "not possible"),
        (2, 2, 4, "Raise the closing quorum"),
        (3, 4, 7, "Raise the closing quorum"),
        (2, 20, 30, "not possible"),
    ],
)
def test_counts_that_let_two_lists_be_opened_are_refused(
    threshold: int, quorum: int, count: int, reason: str
) -> None:
    with pytest.raises(KeyRefused, match=reason):
        check_counts(threshold, quorum, count)


@pytest.mark.parametrize(("threshold", "quorum", "count"), [(2, 3, 4), (3, 5, 7), (1, 1, 1)])
def test_recommended_counts_are_accepted(threshold: int, quorum: int, count: int) -> None:
    check_counts(threshold, quorum, count)


def test_share_opens_for_its_trustee_only() -> None:
    with pytest.raises(SealBroken):
        open_share(HELD.ceremony, HELD.sealing[0], 1, HELD.sealed[1])
    with pytest.raises(SealBroken):
        open_share(HELD.ceremony, HELD.sealing[0], 2, HELD.sealed[0])


def test_share_of_another_ceremony_is_refused() -> None:
    other = hold_ceremony(small=True)
    with pytest.raises(SealBroken):
        open_share(HELD.ceremony, HELD.sealing[0], 1, other.sealed[0])


def test_share_that_does_not_match_the_record_is_refused() -> None:
    """A dealer that hands out a wrong share is noticed before anybody countersigns."""
    ceremony = HELD.ceremony
    wrong = pb.KeyShare(key_id=ceremony.key_id, index=1, secret=encode_uint(12345))
    context = (b"cefed/key-share/v1", ceremony.key_id, encode_uint(1))
    envelope = seal(HELD.ceremony.trustees[0].sealing_key, encode(wrong), context)
    with pytest.raises(InvalidShare, match="does not match"):
        open_share(ceremony, HELD.sealing[0], 1, envelope)


def test_every_trustee_must_countersign_this_record() -> None:
    ceremony = HELD.ceremony
    with pytest.raises(InvalidSignature, match="not countersigned by trustee-4"):
        ceremony.check_countersignatures(HELD.countersignatures[:3])
    with pytest.raises(InvalidSignature, match="not countersigned by trustee-4"):
        ceremony.check_countersignatures([*HELD.countersignatures[:3], HELD.countersignatures[0]])
    other = hold_ceremony(small=True)
    with pytest.raises(InvalidSignature, match="another ceremony"):
        ceremony.check_countersignatures([*HELD.countersignatures[:3], other.countersignatures[3]])
    outsider = signing_key(1, "outsider")
    with pytest.raises(InvalidSignature, match="not a trustee"):
        countersign(ceremony, outsider)
