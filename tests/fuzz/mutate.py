"""Changes of an input: of its bytes, of its fields, and of the numbers and texts in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

from tests.fuzz import wire

MAX_BYTES = 1 << 16
MAX_TEXT = 1 << 14

_NUMBERS = tuple(
    map(wire.varint, (0, 1, 2, 127, 255, 65_535, 1 << 31, (1 << 32) - 1, 1 << 63, (1 << 64) - 1))
)
_TOKENS = (
    b"0", b"-1", b"1e400", b"1e-400", b"Infinity", b"-Infinity", b"NaN", b"9" * 5000, b"1/0",
    b"1e999999999", b"null", b"true", b"[]", b"{}", b'""', b'"\\u0000"', b'"\\ud800"', b'"\xff"',
    b"[" * 3000, b"[" * 400 + b"]" * 400, b'{"a":' * 1500, b"\x00", b"\xef\xbb\xbf", b"nan",
    b"inf", b'"1e99999999"', b'"0/1"', b'"1/0"', b"2020-01-01", b"1970-01-01T00:00:00Z", b"''",
    b'"""', b"\r", b"\n", b",", b"=", b'"' + b"x" * 9000 + b'"', b'"' + b"9" * 5000 + b'"',
    b'"nan"', "\u202e".encode(), "\N{FULLWIDTH DIGIT NINE}".encode(),
    "\N{SUPERSCRIPT TWO}".encode(),
)  # fmt: skip
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[A-Za-z0-9_.+/-]+|[\[\]{}:,=]')
_CHUNKS = (
    b"", b"\x00", b"\x00" * 32, b"\xff" * 32, b"\xff" * 64, b"a" * 300, b"\xc3\x28", b"\x80",
    b"9" * 5000, b"\x01" * 600, b"Infinity", b"\x00\x00\xff", b"\xed\xa0\x80",
)  # fmt: skip


def mutate(data: bytes, random: Random, pool: Sequence[bytes] = ()) -> bytes:
    """``data`` with one to four changes, some of them made with parts of inputs in ``pool``."""
    for _ in range(random.choice((1, 1, 1, 2, 2, 4))):
        data = random.choice(_CHANGES)(data, random, pool)
    return data[:MAX_BYTES]


def _flip(data: bytes, random: Random, pool: Sequence[bytes]) -> bytes:
    if not data:
        return random.randbytes(4)
    place = random.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << random.randrange(8)]) + data[place + 1 :]


def _truncate(data: bytes, random: Random, pool: Sequence[bytes]) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _cut(data: bytes, random: Random, pool: Sequence[bytes]) -> bytes:
    start, end = _span(data, random)
    return data[:start] + data[end:]


def _repeat(data: bytes, random: Random, pool: Sequence[bytes]) -> bytes:
    start, end = _span(data, random)
    return data[:start] + data[start:end] * random.choice((2, 2, 2, 3, 100)) + data[end:]


def _insert(data: bytes, random: Random, pool: Sequence[bytes]) -> bytes:
    place = random.randrange(len(data) + 1)
    return data[:place] + random.choice((*_CHUNKS, random.randbytes(8))) + data[place:]


def _overwrite(data: bytes, random: Random, pool: Sequence[bytes]) -> bytes:
    """A length or another number of fixed size becomes large."""
    value = random.choice((b"\x00", b"\xff", b"\x7f")) * random.choice((1, 2, 4, 8))
    place = random.randrange(len(data) + 1)
    return data[:place] + value + data[place + len(value) :]


def _splice(data: bytes, random: Random, pool: Sequence[bytes]) -> bytes:
    other = random.choice(pool) if pool else data
    start, end = _span(other, random)
    place = random.randrange(len(data) + 1)
    return data[:place] + other[start:end] + data[place + random.choice((0, end - start)) :]


def _field(data: bytes, random: Random, pool: Sequence[bytes]) -> bytes:
    return _fields(data, random, pool, 0)


def _fields(data: bytes, random: Random, pool: Sequence[bytes], depth: int) -> bytes:
    found = wire.fields(data)
    if not found:
        return random.choice(_PLAIN)(data, random, pool)
    place = random.randrange(len(found))
    number, kind, value = found[place]
    if kind == wire.BYTES and depth < wire.MAX_DEPTH and random.random() < 0.6:
        value = _fields(value, random, pool, depth + 1)
        return wire.join([*found[:place], (number, kind, value), *found[place + 1 :]])
    replaced = random.choice(_FIELD_CHANGES)(found[place], random, pool)
    return wire.join([*found[:place], *replaced, *found[place + 1 :]])


def _drop(field: wire.Field, random: Random, pool: Sequence[bytes]) -> list[wire.Field]:
    return []


def _double(field: wire.Field, random: Random, pool: Sequence[bytes]) -> list[wire.Field]:
    return [field] * random.choice((2, 2, 3, 50))


def _renumber(field: wire.Field, random: Random, pool: Sequence[bytes]) -> list[wire.Field]:
    return [(random.choice((1, 2, 3, 4, 5, 6, 7, 8, 19_000)), field[1], field[2])]


def _replace(field: wire.Field, random: Random, pool: Sequence[bytes]) -> list[wire.Field]:
    number, kind, value = field
    if kind == wire.VARINT:
        return [(number, kind, random.choice(_NUMBERS))]
    if kind == wire.BYTES:
        return [(number, kind, random.choice((*_CHUNKS, random.randbytes(len(value)))))]
    return [(number, kind, random.randbytes(len(value)))]


def _retype(field: wire.Field, random: Random, pool: Sequence[bytes]) -> list[wire.Field]:
    return [(field[0], wire.VARINT, random.choice(_NUMBERS))]


def _borrow(field: wire.Field, random: Random, pool: Sequence[bytes]) -> list[wire.Field]:
    """A field of another input, whole or under this one's number."""
    other = wire.fields(random.choice(pool)) if pool else None
    if not other:
        return [field]
    number, kind, value = random.choice(other)
    return [(random.choice((number, field[0])), kind, value)]


def _token(data: bytes, random: Random, pool: Sequence[bytes]) -> bytes:
    """A number, name or text of a text file becomes another."""
    found = list(_TOKEN.finditer(data, 0, MAX_TEXT))
    if not found:
        return _insert(data, random, pool)
    place = random.choice(found)
    other = random.choice(_TOKENS)
    if random.random() < 0.3:
        other = random.choice(found)[0]
    return data[: place.start()] + other + data[place.end() :]


def _line(data: bytes, random: Random, pool: Sequence[bytes]) -> bytes:
    lines = data.splitlines(keepends=True)
    if len(lines) < 2:
        return _token(data, random, pool)
    place, other = random.randrange(len(lines)), random.choice(lines)
    lines[place : place + random.randrange(2)] = [other] * random.randrange(3)
    return b"".join(lines)


def _span(data: bytes, random: Random) -> tuple[int, int]:
    start = random.randrange(len(data) + 1)
    return start, min(len(data), start + random.choice((1, 2, 4, 8, 32, 100, 1000)))


_Change = Callable[[bytes, Random, Sequence[bytes]], bytes]
_PLAIN: tuple[_Change, ...] = (
    _flip, _truncate, _cut, _repeat, _insert, _overwrite, _splice, _token, _token, _line,
)  # fmt: skip
_FIELD_CHANGES = (_drop, _double, _renumber, _replace, _replace, _replace, _retype, _borrow)
_CHANGES: tuple[_Change, ...] = (*_PLAIN, *[_field] * len(_PLAIN))
