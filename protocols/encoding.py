"""Exact values to bounded integers, and integers to size classes.

A node rounds each exact measure once, half to even, and everything after that is integer
arithmetic: what is summed under encryption equals the plain sum to the last unit. Size classes are
all that trustees see before a value is opened (SPEC.md section 4). The plan's policy says how many
classes there are an octave; with one, the class of an integer is its bit length.
"""

from __future__ import annotations

from bisect import bisect_right
from fractions import Fraction
from functools import cache
from math import isqrt

RESOLUTIONS = (1, 2, 4, 8)
"""Size classes an octave that a plan may ask for. Powers of two, so that roots are square roots."""

_EDGE_OCTAVES = 201
"""Beyond the largest bound of a measure (200 bits)."""


def to_integer(value: Fraction) -> int:
    """``value`` rounded to the nearest integer, exact halves to the even neighbour.

    Called once per measure by the node. ``value`` is exact (``Fraction`` or ``int``), in the
    measure's own unit. Raises :class:`TypeError` for anything else: a float has already been
    rounded, and not in a way anybody can check.
    """
    if isinstance(value, bool) or not isinstance(value, Fraction | int):
        raise TypeError(f"an exact Fraction or int is needed, not {type(value).__name__}")
    return round(value)


def size_class(value: int, resolution: int = 1) -> int:
    """The class of a non-negative integer: how many class edges are not above it, so 0 for 0.

    :param resolution: classes an octave, one of :data:`RESOLUTIONS`. With 1 the class is the bit
        length. The edges are the distinct integers among ``ceil(2^(c/resolution))``, c = 0, 1, ...

    Raises :class:`ValueError` for a negative value or one of more than 200 bits in finer classes,
    :class:`TypeError` for ``bool`` and others.
    """
    if type(value) is not int:
        raise TypeError(f"an int is needed, not {type(value).__name__}")
    if value < 0:
        raise ValueError("a size class is defined for non-negative integers")
    if resolution == 1:
        return value.bit_length()
    edges = _edges(resolution)
    if value >= edges[-1]:
        raise ValueError("finer size classes end at 2^201")
    return bisect_right(edges, value)


def class_lower(size: int, resolution: int = 1) -> int:
    """The smallest integer of class ``size``: 0 for class 0, else the edge below it."""
    if size < 0:
        raise ValueError("size classes start at 0")
    if not size:
        return 0
    return 1 << (size - 1) if resolution == 1 else _edges(resolution)[size - 1]


def class_upper(size: int, resolution: int = 1) -> int:
    """The largest integer of class ``size``: one less than the next class begins with."""
    return class_lower(size + 1, resolution) - 1 if size > 0 else class_lower(size)


def class_count(bound: int, resolution: int = 1) -> int:
    """How many classes the integers ``0..bound`` can have: 0 up to the bound's own class."""
    return size_class(bound, resolution) + 1


@cache
def _edges(resolution: int) -> tuple[int, ...]:
    """The first integer of each class from 1 upwards. No class between two edges is empty.

    ``floor(2^(c/r))`` is log2(r) nested integer square roots, since the floor of a root of a floor
    is the floor of the root; the ceiling is one more unless the root is whole.
    """
    if resolution not in RESOLUTIONS:
        raise ValueError(f"{resolution} classes an octave: use one of {RESOLUTIONS}")
    found = set()
    for exponent in range(_EDGE_OCTAVES * resolution + 1):
        power = root = 1 << exponent
        for _ in range(resolution.bit_length() - 1):
            root = isqrt(root)
        found.add(root if root**resolution == power else root + 1)
    return tuple(sorted(found))
