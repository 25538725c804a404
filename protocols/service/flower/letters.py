"""A letter: the envelopes that one Flower message carries to a node, or back from it.

Flower is a transport here. What an item holds is signed, encrypted or masked already and is judged
by whoever it is for; a letter is only bounded in size and shape, because either end may be anybody.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from protocols.errors import MalformedMessage
from protocols.hashing import length_prefixed

MAGIC: Final = b"cefed-letter/1"
MAX_LETTER_BYTES: Final = 1 << 28
"""Of a whole letter. Flower itself stops at 2 GiB a message."""

MAX_ITEMS: Final = 1000
MAX_STANDING: Final = 10_000
_LENGTH_BYTES: Final = 8
_DIGEST_BYTES: Final = 32

_KIND = re.compile(r"[a-z]{1,20}", re.ASCII)
_SUBJECT = re.compile(r"[A-Za-z0-9._-]{0,64}", re.ASCII)
_LABEL = re.compile(r"(?:[0-9a-f]{1,64}-)?", re.ASCII)
_SERIAL = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)


@dataclass(frozen=True)
class Item:
    """One envelope of an exchange folder, in its parts (:mod:`enterprise_node.exchange`).

    :param kind: what it is, e.g. ``contribution``.
    :param subject: the round's identifier, or empty.
    :param serial: the owner's request that it belongs to, under 2^32.
    :param label: what keeps it apart from others of its kind and subject; mostly empty.
    """

    kind: str
    subject: str
    payload: bytes
    serial: int = 0
    label: str = ""

    def __post_init__(self) -> None:
        shapes = ((_KIND, self.kind), (_SUBJECT, self.subject), (_LABEL, self.label))
        if any(shape.fullmatch(text) is None for shape, text in shapes):
            raise MalformedMessage(f"an item of kind {self.kind[:20]!r} has no proper name")
        if not 0 <= self.serial < 1 << 32:
            raise MalformedMessage("an item's serial is out of range")

    @property
    def digest(self) -> bytes:
        """SHA-256 of the whole item; 32 bytes."""
        return hashlib.sha256(self.to_bytes()).digest()

    def to_bytes(self) -> bytes:
        """Canonical bytes."""
        names = (self.kind, self.subject, str(self.serial), self.label)
        return length_prefixed((*(name.encode("ascii") for name in names), self.payload))

    @classmethod
    def from_bytes(cls, data: bytes) -> Item:
        """Inverse of :meth:`to_bytes`. :raises MalformedMessage: not what it makes."""
        parts = _parts(data)
        if len(parts) != 5:
            raise MalformedMessage("an item does not have five parts")
        try:
            kind, subject, serial, label = (part.decode("ascii") for part in parts[:4])
        except UnicodeDecodeError as error:
            raise MalformedMessage("an item's name is not ASCII") from error
        if _SERIAL.fullmatch(serial) is None:
            raise MalformedMessage("an item's serial is no number")
        return cls(kind, subject, parts[4], int(serial), label)


@dataclass(frozen=True)
class Letter:
    """What one message holds.

    :param items: inward, what the node's inbox gets; outward, what is new in its outbox.
    :param standing: outward, the digests of everything that stands in the outbox, so that the
        courier's copy forgets what the private side has withdrawn.
    :param again: inward, the courier holds nothing of this node: carry everything once more.
    """

    items: tuple[Item, ...] = ()
    standing: tuple[bytes, ...] = ()
    again: bool = False

    def to_bytes(self) -> bytes:
        """Canonical bytes. :raises MalformedMessage: larger than a letter may be."""
        data = length_prefixed(
            (
                MAGIC,
                b"\x01" if self.again else b"\x00",
                b"".join(self.standing),
                *(item.to_bytes() for item in self.items),
            )
        )
        _check_size(len(data), len(self.items), len(self.standing))
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> Letter:
        """Inverse of :meth:`to_bytes`. :raises MalformedMessage: not what it makes."""
        _check_size(len(data), 0, 0)
        parts = _parts(data)
        if len(parts) < 3 or parts[0] != MAGIC or parts[1] not in (b"\x00", b"\x01"):
            raise MalformedMessage("no letter, or one of another version")
        digests = parts[2]
        if len(digests) % _DIGEST_BYTES:
            raise MalformedMessage("a letter's list of digests is cut short")
        standing = tuple(
            digests[start : start + _DIGEST_BYTES]
            for start in range(0, len(digests), _DIGEST_BYTES)
        )
        _check_size(len(data), len(parts) - 3, len(standing))
        return cls(
            items=tuple(Item.from_bytes(part) for part in parts[3:]),
            standing=standing,
            again=parts[1] == b"\x01",
        )


def fitting(items: Iterable[Item], room: int = MAX_LETTER_BYTES // 2) -> tuple[Item, ...]:
    """As many items from the beginning as fit in one letter of ``room`` bytes; at least one.

    The rest waits for the next exchange. The default leaves room for the list of digests.
    """
    taken: list[Item] = []
    for item in items:
        room -= len(item.payload) + 256
        if taken and (room < 0 or len(taken) == MAX_ITEMS):
            break
        taken.append(item)
    return tuple(taken)


def _check_size(size: int, items: int, standing: int) -> None:
    if size > MAX_LETTER_BYTES or items > MAX_ITEMS or standing > MAX_STANDING:
        raise MalformedMessage(
            f"a letter holds at most {MAX_LETTER_BYTES} bytes, {MAX_ITEMS} items and "
            f"{MAX_STANDING} digests"
        )


def _parts(data: bytes) -> list[bytes]:
    parts: list[bytes] = []
    position = 0
    while position < len(data):
        start = position + _LENGTH_BYTES
        end = start + int.from_bytes(data[position:start], "big")
        if start > len(data) or end > len(data):
            raise MalformedMessage("a letter is cut short")
        parts.append(data[start:end])
        position = end
    return parts
