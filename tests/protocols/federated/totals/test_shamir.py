"""Shares: any threshold rebuilds the secret, fewer fit every secret, wrong ones are found."""

from __future__ import annotations

import random

import pytest
from gmpy2 import is_prime, next_prime
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import InvalidShare
from protocols.federated.totals.shamir import (
    PRIME,
    SHARE_BYTES,
    Polynomial,
    combine,
    correct,
    read_share,
)

SEED = bytes(range(32))
SECRETS = st.binary(min_size=32, max_size=32)


def dealt(secret: bytes, threshold: int, points: range, seed: bytes = SEED) -> dict[int, int]:
    polynomial = Polynomial(secret, threshold, seed)
    return {point: read_share(polynomial.share(point)) for point in points}


def test_the_field_holds_every_secret() -> None:
    assert is_prime(PRIME)
    assert next_prime(2**256) == PRIME
    assert PRIME < 1 << 8 * SHARE_BYTES


@settings(max_examples=40)
@given(SECRETS, st.integers(1, 9), st.integers(0, 5), st.randoms(use_true_random=False))
def test_any_threshold_of_shares(
    secret: bytes, threshold: int, spare: int, drawn: random.Random
) -> None:
    shares = dealt(secret, threshold, range(1, threshold + spare + 1))
    chosen = drawn.sample(sorted(shares), threshold)
    assert combine({point: shares[point] for point in chosen}, threshold) == secret


@pytest.mark.parametrize("secret", [bytes(32), b"\xff" * 32])
def test_the_ends_of_the_range(secret: bytes) -> None:
    shares = dealt(secret, 4, range(3, 10))
    assert combine(shares, 4) == secret
    assert correct(shares, 4).secret == secret


def test_one_share_less_fits_every_secret() -> None:
    """For any other secret there is a polynomial through the same shares."""
    shares = dealt(b"s" * 32, 3, range(1, 3))
    for other in (bytes(32), b"o" * 32):
        at_zero = int.from_bytes(other, "big")
        # The parabola through (0, other), (1, s1), (2, s2), at 3: 3rd difference is 0.
        third = (at_zero - 3 * shares[1] + 3 * shares[2]) % int(PRIME)
        assert combine({**shares, 3: third}, 3) == other
    with pytest.raises(InvalidShare, match="2 shares of a secret that needs 3"):
        combine(shares, 3)


def test_other_seeds_give_other_shares() -> None:
    one, other = (dealt(b"s" * 32, 3, range(1, 4), seed) for seed in (SEED, SEED[::-1]))
    assert not set(one.values()) & set(other.values())
    assert one == dealt(b"s" * 32, 3, range(1, 4))


@settings(max_examples=40)
@given(SECRETS, st.integers(1, 8), st.integers(0, 4), st.data(), st.randoms(use_true_random=False))
def test_wrong_shares_are_corrected_and_named(
    secret: bytes, threshold: int, wrong: int, data: st.DataObject, drawn: random.Random
) -> None:
    spare = data.draw(st.integers(2 * wrong, 2 * wrong + 3))
    shares = dealt(secret, threshold, range(1, threshold + spare + 1))
    liars = sorted(drawn.sample(sorted(shares), wrong))
    for liar in liars:
        shares[liar] = (shares[liar] + drawn.randrange(1, int(PRIME))) % int(PRIME)
    rebuilt = correct(shares, threshold)
    assert rebuilt.secret == secret
    assert rebuilt.wrong == tuple(liars)


def test_more_wrong_shares_than_can_be_told_apart() -> None:
    shares = dealt(b"s" * 32, 4, range(1, 9))
    drawn = random.Random(3)
    for liar in (1, 2, 3):
        shares[liar] = drawn.randrange(int(PRIME))
    with pytest.raises(InvalidShare, match="too many"):
        correct(shares, 4)


def test_shares_of_something_that_is_no_secret() -> None:
    """A dealer may share an element of the field with 257 bits."""
    with pytest.raises(InvalidShare, match="not those of a secret"):
        combine({point: int(PRIME) - 1 for point in (1, 2)}, 1)


@pytest.mark.parametrize(
    "data", [b"", bytes(32), bytes(34), int(PRIME).to_bytes(33, "big"), b"\xff" * 33]
)
def test_bytes_that_are_no_share(data: bytes) -> None:
    with pytest.raises(InvalidShare):
        read_share(data)


def test_misuse() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Polynomial(b"short", 2, SEED)
    with pytest.raises(ValueError, match="points from 1"):
        Polynomial(bytes(32), 2, SEED).share(0)
    assert "redacted" in repr(Polynomial(bytes(32), 2, SEED))
    assert "redacted" in repr(correct(dealt(bytes(32), 2, range(1, 4)), 2))
