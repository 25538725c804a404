"""Shamir's secret sharing of 32-byte secrets over a prime field, with correction of wrong shares.

A member deals each of its two secrets to its neighbours, the coordinator rebuilds one of them from
what the neighbours reveal. Fewer shares than the threshold say nothing about a secret, whatever
time is spent on them (Shamir, CACM 1979). Members may reveal wrong shares: up to half as many as
there are beyond the threshold are found and named (Gao, "A new algorithm for decoding Reed-Solomon
codes", 2003). gmpy2 does the arithmetic.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from gmpy2 import invert, mpz

from protocols.errors import InvalidShare
from protocols.hashing import length_prefixed
from protocols.secrets import Secret

PRIME = mpz(2**256 + 297)
"""The least prime above 2^256: every 32-byte string is an element of the field."""

SECRET_BYTES, SHARE_BYTES = 32, 33
_COEFFICIENT_BYTES = 64  # reduced modulo the prime: within 2^-255 of uniform


class Polynomial(Secret):
    """A random polynomial of degree ``threshold - 1`` with the secret as its value at 0."""

    __slots__ = ("_coefficients",)

    def __init__(self, secret: bytes, threshold: int, seed: bytes) -> None:
        """:param seed: 32 secret bytes for this secret only; the same give the same shares."""
        if len(secret) != SECRET_BYTES or threshold < 1:
            raise ValueError("a secret of 32 bytes and a threshold of at least 1 are shared")
        domain = length_prefixed((b"cefed/shamir/v1", seed))
        stream = hashlib.shake_256(domain).digest(_COEFFICIENT_BYTES * (threshold - 1))
        parts = range(0, len(stream), _COEFFICIENT_BYTES)
        self._coefficients = [
            mpz(int.from_bytes(secret, "big")),
            *(
                mpz(int.from_bytes(stream[i : i + _COEFFICIENT_BYTES], "big")) % PRIME
                for i in parts
            ),
        ]

    def share(self, point: int) -> bytes:
        """The 33-byte share for ``point``, from 1 on."""
        if point < 1:
            raise ValueError("shares are for points from 1 on: 0 is the secret's")
        return int(_value(self._coefficients, point)).to_bytes(SHARE_BYTES, "big")


@dataclass(frozen=True, repr=False)
class Rebuilt(Secret):
    """A secret, and the points whose shares were wrong."""

    secret: bytes
    wrong: tuple[int, ...]


def read_share(data: bytes) -> int:
    """A share's value. :raises InvalidShare: another length, or no element of the field."""
    value = int.from_bytes(data, "big")
    if len(data) != SHARE_BYTES or value >= PRIME:
        raise InvalidShare(f"a share is {SHARE_BYTES} bytes below the field's prime")
    return value


def combine(shares: Mapping[int, int], threshold: int) -> bytes:
    """The secret that ``threshold`` of the shares have; whether they are right is not looked at.

    :param shares: values by point.
    :raises InvalidShare: too few of them, or ones that are no secret's.
    """
    if len(shares) < threshold:
        raise InvalidShare(f"{len(shares)} shares of a secret that needs {threshold}")
    points = sorted(shares)[:threshold]
    numerator = prod(points)
    total = mpz(0)
    for point in points:
        denominator = point * prod(other - point for other in points if other != point)
        total += shares[point] * numerator * invert(denominator, PRIME)
    return _secret(total % PRIME)


def correct(shares: Mapping[int, int], threshold: int) -> Rebuilt:
    """The secret of all shares but a few wrong ones; for when :func:`combine` gave a wrong one.

    :raises InvalidShare: more are wrong than half of those beyond the threshold.
    """
    if len(shares) < threshold:
        raise InvalidShare(f"{len(shares)} shares of a secret that needs {threshold}")
    points = sorted(shares)
    found = _decoded(points, [mpz(shares[point]) for point in points], threshold)
    wrong = tuple(point for point in points if _value(found, point) != shares[point])
    if 2 * len(wrong) > len(points) - threshold:
        raise _too_many()
    return Rebuilt(_secret(found[0] if found else mpz(0)), wrong)


def _decoded(points: Sequence[int], values: Sequence[mpz], threshold: int) -> list[mpz]:
    """Gao's decoder: a partial Euclidean algorithm on the interpolation of all shares."""
    everything = [mpz(1)]
    for point in points:
        everything = _times(everything, [mpz(-point), mpz(1)])
    upper, lower = everything, _interpolated(points, values)
    before, after = [], [mpz(1)]
    while 2 * (len(lower) - 1) >= len(points) + threshold:
        quotient, rest = _divided(upper, lower)
        upper, lower = lower, rest
        before, after = after, _minus(before, _times(quotient, after))
    message, remainder = _divided(lower, after)
    if remainder or len(message) > threshold:
        raise _too_many()
    return message


def _interpolated(points: Sequence[int], values: Sequence[mpz]) -> list[mpz]:
    """The polynomial through all points: Newton's divided differences."""
    differences = list(values)
    for step in range(1, len(points)):
        for at in range(len(points) - 1, step - 1, -1):
            run = invert(points[at] - points[at - step], PRIME)
            differences[at] = (differences[at] - differences[at - 1]) * run % PRIME
    found: list[mpz] = []
    for point, difference in zip(reversed(points), reversed(differences), strict=True):
        found = _plus(_times(found, [mpz(-point), mpz(1)]), [difference])
    return found


def _value(coefficients: Sequence[mpz], point: int) -> mpz:
    total = mpz(0)
    for coefficient in reversed(coefficients):
        total = (total * point + coefficient) % PRIME
    return total


def _trimmed(coefficients: Iterable[mpz]) -> list[mpz]:
    """Reduced, without leading zeros; the empty list is the polynomial 0."""
    found = [coefficient % PRIME for coefficient in coefficients]
    while found and not found[-1]:
        found.pop()
    return found


def _plus(one: Sequence[mpz], other: Sequence[mpz]) -> list[mpz]:
    size = max(len(one), len(other))
    padded = [[*part, *[mpz(0)] * (size - len(part))] for part in (one, other)]
    return _trimmed(a + b for a, b in zip(*padded, strict=True))


def _minus(one: Sequence[mpz], other: Sequence[mpz]) -> list[mpz]:
    return _plus(one, [-coefficient for coefficient in other])


def _times(one: Sequence[mpz], other: Sequence[mpz]) -> list[mpz]:
    found = [mpz(0)] * max(0, len(one) + len(other) - 1)
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            found[i + j] += a * b
    return _trimmed(found)


def _divided(upper: Sequence[mpz], lower: Sequence[mpz]) -> tuple[list[mpz], list[mpz]]:
    """Quotient and remainder; ``lower`` is not 0."""
    rest, quotient = list(upper), [mpz(0)] * max(0, len(upper) - len(lower) + 1)
    leading = invert(lower[-1], PRIME)
    for at in range(len(quotient) - 1, -1, -1):
        factor = rest[at + len(lower) - 1] * leading % PRIME
        quotient[at] = factor
        for i, coefficient in enumerate(lower):
            rest[at + i] = (rest[at + i] - factor * coefficient) % PRIME
    return _trimmed(quotient), _trimmed(rest)


def _secret(value: mpz) -> bytes:
    if value.bit_length() > 8 * SECRET_BYTES:
        raise InvalidShare("the shares are not those of a secret")
    return int(value).to_bytes(SECRET_BYTES, "big")


def _too_many() -> InvalidShare:
    return InvalidShare("too many shares of one secret are wrong to tell which")
