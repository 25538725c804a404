"""Numbers and texts of a published release, read strictly, and as they are shown to the owner.

A release is somebody else's document: what is no plain number of a sane length is refused. Used by
:mod:`enterprise_node.private.position`.
"""

from __future__ import annotations

import re
from fractions import Fraction

MAX_DIGITS = 300
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+|/[0-9]+)?", re.ASCII)


def number(value: object) -> Fraction:
    """A published number. :raises ValueError: no plain decimal or fraction of a sane length."""
    if not isinstance(value, str) or len(value) > MAX_DIGITS or not _NUMBER.fullmatch(value):
        raise ValueError("a published number is not one")
    return Fraction(value)


def published(value: object) -> str | None:
    """A published number as it stands there, or None; it can be shown. :raises ValueError: as
    :func:`number`."""
    if value is None:
        return None
    text(number(value))
    return str(value)


def count(value: object) -> int:
    """A number of members. :raises ValueError: it is none."""
    if type(value) is not int or not 0 <= value < 1 << 32:
        raise ValueError("a number of members is not one")
    return value


def members(value: object) -> int | None:
    """A number of members, or None where it is withheld."""
    return None if value is None else count(value)


def word(value: object) -> str:
    """A text. :raises TypeError: it is none."""
    if not isinstance(value, str):
        raise TypeError("a text is needed")
    return value


def reason(value: object) -> str | None:
    """Why something is withheld, or None."""
    return None if value is None else word(value)


def text(value: Fraction) -> str:
    """A value in six significant digits."""
    return f"{float(value):.6g}"


def percent(share: Fraction) -> str:
    """A share as percent."""
    return f"{float(100 * share):.3g} %"


def distance(own: Fraction, other: Fraction | None) -> str | None:
    """By how much the own value is above another, in percent; None where that is not defined."""
    if other is None or other <= 0:
        return None
    return f"{float(100 * (own / other - 1)):+.3g} %"
