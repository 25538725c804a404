"""Exact values to bounded integers, and integers to size classes.

A node rounds each exact measure once, half to even, and everything after that is integer
arithmetic: what is summed under encryption equals the plain sum to the last unit. A size class is
one octave of magnitude; classes are all that trustees see before a value is opened (SPEC.md
section 4).
"""

from __future__ import annotations

from fractions import Fraction


def to_integer(value: Fraction) -> int:
    """``value`` rounded to the nearest integer, exact halves to the even neighbour.

    Called once per measure by the node. ``value`` is exact (``Fraction`` or ``int``), in the
    measure's own unit. Raises :class:`TypeError` for anything else: a float has already been
    rounded, and not in a way anybody can check.
    """
    if isinstance(value, bool) or not isinstance(value, Fraction | int):
        raise TypeError(f"an exact Fraction or int is needed, not {type(value).__name__}")
    return round(value)


def size_class(value: int) -> int:
    """The class of a non-negative integer: its bit length, so 0 for 0 and one class an octave.

    Raises :class:`ValueError` for a negative value, :class:`TypeError` for ``bool`` and others.
    """
    if type(value) is not int:
        raise TypeError(f"an int is needed, not {type(value).__name__}")
    if value < 0:
        raise ValueError("a size class is defined for non-negative integers")
    return value.bit_length()


def class_lower(size: int) -> int:
    """The smallest integer of class ``size``: 0 for class 0, else ``2**(size - 1)``."""
    if size < 0:
        raise ValueError("size classes start at 0")
    return 1 << (size - 1) if size else 0


def class_upper(size: int) -> int:
    """The largest integer of class ``size``: ``2**size - 1``."""
    if size < 0:
        raise ValueError("size classes start at 0")
    return (1 << size) - 1


def class_count(bound: int) -> int:
    """How many classes the integers ``0..bound`` can have: 0 up to the bound's own bit length."""
    return size_class(bound) + 1
