"""Protobuf's wire format without a schema: how inputs are taken apart, changed and put together.

Messages are changed field by field, so that what comes out is still a message. Inputs with several
parts (files of a folder, calls of a service) are written in the same format, so the same changes
reach into their parts.
"""

from __future__ import annotations

from collections.abc import Iterable

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MAX_DEPTH = 8

Field = tuple[int, int, bytes]
"""Number, wire type, and the value: for a varint its own encoding, else the content."""


def fields(data: bytes) -> list[Field] | None:
    """The fields of a message in their order; None for bytes that are none."""
    found: list[Field] = []
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        if tag is None or tag >> 3 == 0:
            return None
        wire = tag & 7
        if wire == VARINT:
            value, end = _varint(data, position)
            if value is None:
                return None
        elif wire == BYTES:
            size, start = _varint(data, position)
            if size is None or start + size > len(data):
                return None
            position, end = start, start + size
        elif wire in (FIXED32, FIXED64):
            end = position + (4 if wire == FIXED32 else 8)
            if end > len(data):
                return None
        else:
            return None
        found.append((tag >> 3, wire, data[position:end]))
        position = end
    return found


def join(parts: Iterable[Field]) -> bytes:
    """Inverse of :func:`fields`."""
    made = bytearray()
    for number, wire, value in parts:
        made += varint(number << 3 | wire)
        if wire == BYTES:
            made += varint(len(value))
        made += value
    return bytes(made)


def parts(data: bytes) -> list[tuple[int, bytes]]:
    """The parts of an input with several: number and content. Bytes without are part number 1."""
    found = [(number, value) for number, wire, value in fields(data) or [] if wire == BYTES]
    return found or [(1, data)]


def pack(items: Iterable[tuple[int, bytes]]) -> bytes:
    """An input of several parts."""
    return join((number, BYTES, value) for number, value in items)


def varint(value: int) -> bytes:
    """A number as protobuf writes it."""
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)


def _varint(data: bytes, position: int) -> tuple[int | None, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            return None, position
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    return None, position
