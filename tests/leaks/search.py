"""Looking for planted numbers in bytes that left a node, in every form that a leak could take.

Forms: decimal text (plain, grouped, as it stood in the file, also in UTF-16), fixed-width and
minimal binary in both byte orders, protobuf varint, IEEE double in both byte orders, hexadecimal
and base64 of all of these at every alignment, and all of it again inside any zlib, gzip, bzip2 or
xz stream found in the data. Forms shorter than six bytes are left out: ciphertext holds them by
chance.
"""

from __future__ import annotations

import base64
import bz2
import lzma
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

SHORTEST = 6
MAX_INFLATED = 1 << 24


@dataclass(frozen=True)
class Hit:
    """A planted number that was found."""

    number: str
    form: str
    where: str


def needles(text: str) -> dict[bytes, str]:
    """Every form of the number whose decimal text is ``text``, by bytes, with the form's name."""
    value = Decimal(text)
    forms: dict[bytes, str] = {text.encode(): "decimal"}
    for integer in {int(value), int(value * 1000), round(value)}:
        forms |= _integer_forms(integer)
    for order in "<>":
        forms[struct.pack(f"{order}d", float(value))] = "double"
        forms[struct.pack(f"{order}d", float(value * 1000))] = "double"
    for raw, name in list(forms.items()):
        forms[raw.hex().encode()] = f"hex of {name}"
        for shift in range(3):
            forms[_base64_core(raw, shift)] = f"base64 of {name}"
        if name.startswith("decimal"):
            forms[raw.decode().encode("utf-16-le")] = f"utf-16 of {name}"
    return {raw: name for raw, name in forms.items() if len(raw) >= SHORTEST}


def search(data: bytes, numbers: list[str], where: str) -> list[Hit]:
    """All hits of ``numbers`` in ``data`` and in the compressed streams it holds."""
    hits = []
    for part, place in [(data, where), *_inflated(data, where)]:
        for number in numbers:
            for raw, form in needles(number).items():
                if raw in part:
                    hits.append(Hit(number, form, place))
    return hits


def _integer_forms(value: int) -> dict[bytes, str]:
    size = (value.bit_length() + 7) // 8
    forms = {str(value).encode(): "decimal", f"{value:,}".encode(): "decimal, grouped"}
    for width in {size, 8, 16}:
        if width >= size:
            forms[value.to_bytes(width, "big")] = "big-endian"
            forms[value.to_bytes(width, "little")] = "little-endian"
    forms[_varint(value)] = "varint"
    return forms


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _base64_core(raw: bytes, shift: int) -> bytes:
    """The base64 characters that depend on ``raw`` alone when it starts at ``shift`` modulo 3."""
    encoded = base64.b64encode(b"\x00" * shift + raw)
    start = -(-shift * 8 // 6)
    end = (shift + len(raw)) * 8 // 6
    return encoded[start:end]


def _inflated(data: bytes, where: str) -> Iterator[tuple[bytes, str]]:
    """Everything that decompresses, wherever in ``data`` it starts."""
    for magic, name, wbits in ((b"\x78", "zlib", 15), (b"\x1f\x8b", "gzip", 31)):
        for start in _positions(data, magic):
            stream = zlib.decompressobj(wbits)
            try:
                out = stream.decompress(data[start:], MAX_INFLATED)
            except zlib.error:
                continue
            if out:
                yield out, f"{where}, {name} stream at {start}"
    for start in _positions(data, b"BZh"):
        try:
            yield bz2.BZ2Decompressor().decompress(data[start:]), f"{where}, bzip2 at {start}"
        except (OSError, ValueError):
            continue
    for start in _positions(data, b"\xfd7zXZ\x00"):
        try:
            yield lzma.LZMADecompressor().decompress(data[start:]), f"{where}, xz at {start}"
        except lzma.LZMAError:
            continue


def _positions(data: bytes, magic: bytes) -> Iterator[int]:
    start = data.find(magic)
    while start >= 0:
        yield start
        start = data.find(magic, start + 1)
