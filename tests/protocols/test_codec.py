"""The codec accepts one byte string a message, and never lets a foreign exception out."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import MalformedMessage
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import (
    decode,
    decode_fixed,
    decode_rational,
    decode_uint,
    encode,
    encode_fixed,
    encode_rational,
    encode_uint,
)

BAND = pb.Band(first_bin=3, end_bin=7, members=5)
KINDS = [pb.Signed, pb.Plan, pb.Contribution, pb.ShareSet, pb.Release, pb.Roster, pb.Ceremony]


@pytest.mark.parametrize(
    "data",
    [
        encode(BAND) + b"\x20\x01",  # a field nobody defined
        b"\x10\x07" + b"\x08\x03" + b"\x18\x05",  # fields out of order
        b"\x08\x83\x00" + b"\x10\x07" + b"\x18\x05",  # over-long varint
        b"\x08\x03\x08\x03\x10\x07\x18\x05",  # a field twice
        b"\x08\x00\x10\x07\x18\x05",  # a default written out
        b"\x08\x03\x10",  # cut off
        b"\x0a\xff\xff\xff\xff\x0f",  # a length beyond the end
    ],
)
def test_second_encodings_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode(pb.Band, data)


def test_canonical_bytes_round_trip() -> None:
    assert decode(pb.Band, encode(BAND)) == BAND


def test_unknown_fields_are_refused_inside_nested_messages() -> None:
    inner = encode(BAND) + b"\x20\x01"
    data = b"\x1a" + bytes([len(inner)]) + inner
    with pytest.raises(MalformedMessage):
        decode(pb.Ranking, data)


def test_size_is_checked_before_parsing() -> None:
    with pytest.raises(MalformedMessage, match="at most 4"):
        decode(pb.Band, b"\xff" * 5, 4)


@given(st.sampled_from(KINDS), st.binary(max_size=300))
def test_arbitrary_bytes_give_a_message_or_the_domain_error(kind: type, data: bytes) -> None:
    try:
        message = decode(kind, data)
    except MalformedMessage:
        return
    assert encode(message) == data


@given(st.integers(0, 2**300))
def test_integers_round_trip(value: int) -> None:
    assert decode_uint(encode_uint(value)) == value
    size = (value.bit_length() + 7) // 8 + 3
    assert decode_fixed(encode_fixed(value, size), size) == value


def test_integers_have_one_encoding() -> None:
    assert encode_uint(0) == b""
    for call in (
        lambda: decode_uint(b"\x00\x01"),
        lambda: encode_uint(-1),
        lambda: encode_uint(True),
        lambda: encode_fixed(256, 1),
        lambda: decode_fixed(b"\x01\x02", 3),
    ):
        with pytest.raises(MalformedMessage):
            call()


@given(st.fractions(min_value=0))
def test_rationals_round_trip(value: Fraction) -> None:
    assert decode_rational(encode_rational(value)) == value


@pytest.mark.parametrize(
    ("numerator", "denominator"), [(b"\x02", b"\x04"), (b"\x01", b""), (b"", b"\x02")]
)
def test_rationals_have_one_form(numerator: bytes, denominator: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode_rational(pb.Rational(numerator=numerator, denominator=denominator))
