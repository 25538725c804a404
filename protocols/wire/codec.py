"""Bytes to messages and back, refusing everything that is not the one canonical encoding.

Protobuf accepts many byte strings for one message (unknown fields, reordered fields, over-long
varints). Signatures and hashes are over bytes, so a second encoding of a message would be a second
message. Every decoder here checks the size first, then parses, then demands that serialising the
result gives back the very bytes that came. SPEC.md section 6.
"""

from __future__ import annotations

from fractions import Fraction
from math import gcd
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from protocols.errors import MalformedMessage
from protocols.wire import messages_pb2 as pb

M = TypeVar("M", bound=Message)

MAX_SMALL = 1 << 16
"""Ceiling in bytes for statements without lists: receipts, votes, endorsements."""

MAX_LARGE = 1 << 26
"""Ceiling in bytes for everything else: contributions, closings, share sets, releases."""


def encode(message: Message) -> bytes:
    """The canonical bytes of ``message``."""
    return message.SerializeToString(deterministic=True)


def decode(kind: type[M], data: bytes, max_bytes: int = MAX_LARGE) -> M:
    """Parse ``data`` as ``kind``; :class:`MalformedMessage` if oversize or not canonical."""
    name = kind.DESCRIPTOR.name
    if len(data) > max_bytes:
        raise MalformedMessage(f"{name}: {len(data)} bytes, at most {max_bytes} are accepted")
    message = kind()
    try:
        message.ParseFromString(data)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedMessage(f"{name}: the bytes do not parse as this message") from error
    # Unknown fields would survive re-serialisation, and with them a second encoding.
    message.DiscardUnknownFields()
    if encode(message) != data:
        raise MalformedMessage(f"{name}: not the canonical encoding of its content")
    return message


def encode_uint(value: int) -> bytes:
    """A non-negative integer as big-endian bytes without a leading zero; 0 is the empty string."""
    if isinstance(value, bool) or value < 0:
        raise MalformedMessage("only non-negative integers are encoded")
    return int(value).to_bytes((int(value).bit_length() + 7) // 8, "big")


def decode_uint(data: bytes) -> int:
    """Inverse of :func:`encode_uint`; a leading zero byte is refused."""
    if data[:1] == b"\x00":
        raise MalformedMessage("integer with a leading zero byte")
    return int.from_bytes(data, "big")


def encode_fixed(value: int, size: int) -> bytes:
    """``value`` as exactly ``size`` big-endian bytes."""
    if value < 0 or value.bit_length() > 8 * size:
        raise MalformedMessage(f"integer does not fit into {size} bytes")
    return int(value).to_bytes(size, "big")


def decode_fixed(data: bytes, size: int) -> int:
    """Inverse of :func:`encode_fixed`; any other length is refused."""
    if len(data) != size:
        raise MalformedMessage(f"expected {size} bytes, got {len(data)}")
    return int.from_bytes(data, "big")


def encode_rational(value: Fraction) -> pb.Rational:
    """A non-negative rational in lowest terms."""
    return pb.Rational(
        numerator=encode_uint(value.numerator), denominator=encode_uint(value.denominator)
    )


def decode_rational(message: pb.Rational) -> Fraction:
    """Inverse of :func:`encode_rational`; refuses a zero denominator and common factors."""
    numerator, denominator = decode_uint(message.numerator), decode_uint(message.denominator)
    if denominator == 0 or gcd(numerator, denominator) != 1:
        raise MalformedMessage("rational not in lowest terms")
    return Fraction(numerator, denominator)
