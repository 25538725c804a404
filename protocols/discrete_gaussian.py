"""Exact samples of the discrete Gaussian, from random bits and integers alone.

``N_Z(0, v)`` takes the integer y with probability proportional to ``exp(-y^2 / (2 v))``. The
algorithms are those of Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy"
(NeurIPS 2020), section 5: no floating-point number is rounded anywhere, and a sample has exactly
the stated distribution if the bits are uniform. Floating-point noise has leaked the exact value
through its low bits (Mironov 2012).

How long a sample takes depends on it. Samples are drawn on the private side only, where whoever
can measure that is out of scope (SPEC.md section 2).
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt

Randbits = Callable[[int], int]
"""``randbits(k)`` gives a uniform integer of k bits; :func:`secrets.randbits` outside tests."""


def sample(variance: int, most: int, randbits: Randbits) -> int:
    """One integer of ``N_Z(0, variance)`` under the condition that it is in ``-most .. most``.

    Drawn again until it is; never clipped, which would pile up probability at the ends.

    :param variance: at least 1. :param most: at least the root of ``variance``.
    """
    if variance < 1 or most * most < variance:
        raise ValueError("a variance of at least 1, and room for a standard deviation, are needed")
    while True:
        drawn = unbounded(variance, randbits)
        if -most <= drawn <= most:
            return drawn


def unbounded(variance: int, randbits: Randbits) -> int:
    """One integer of ``N_Z(0, variance)``: algorithm 3 of the source, by rejection of Laplace."""
    scale = isqrt(variance) + 1
    while True:
        drawn = laplace(scale, randbits)
        excess = abs(drawn) * scale - variance
        if bernoulli_exp(excess * excess, 2 * variance * scale * scale, randbits):
            return drawn


def laplace(scale: int, randbits: Randbits) -> int:
    """An integer y with probability proportional to ``exp(-|y| / scale)``: algorithm 2."""
    while True:
        low = below(scale, randbits)
        if not bernoulli_exp(low, scale, randbits):
            continue
        high = 0
        while bernoulli_exp(1, 1, randbits):
            high += 1
        magnitude = low + scale * high
        negative = randbits(1)
        if negative and not magnitude:
            continue  # zero has one sign
        return -magnitude if negative else magnitude


def bernoulli_exp(numerator: int, denominator: int, randbits: Randbits) -> bool:
    """True with probability ``exp(-numerator / denominator)`` exactly: algorithm 1."""
    while numerator > denominator:
        if not bernoulli_exp(1, 1, randbits):
            return False
        numerator -= denominator
    terms = 1
    while below(denominator * terms, randbits) < numerator:
        terms += 1
    return terms % 2 == 1


def below(limit: int, randbits: Randbits) -> int:
    """A uniform integer of ``0 .. limit - 1``."""
    bits = (limit - 1).bit_length()
    while bits:
        drawn = randbits(bits)
        if drawn < limit:
            return drawn
    return 0
