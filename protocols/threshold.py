"""Threshold opening that verifies itself.

Opening a Paillier ciphertext needs the n-th root ``r = c^(1/n) mod n`` (Paillier 1999; Catalano,
Gennaro, Howgrave-Graham, Nguyen 2001): then ``m = (c r^-n mod n^2 - 1) / n``. That root is an RSA
signature on ``c mod n`` with public exponent n, so it is shared exactly as Shoup shares RSA
("Practical threshold signatures", EUROCRYPT 2000): safe primes ``p = 2p'+1``, ``q = 2q'+1``,
``d = n^-1 mod p'q'`` shared by a polynomial of degree t-1 over Z_(p'q'), integer Lagrange
coefficients with ``Delta = trustees!``.

Nobody needs to trust the result: ``(1 + n m) r^n = c (mod n^2)`` holds for one (m, r) only, and
anybody checks it. Every share carries Shoup's proof that it was made with the trustee's key; the
proofs are read only after an opening failed, and name the liar.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial, gcd

import gmpy2
from gmpy2 import mpz

from protocols.errors import InvalidShare, KeyRefused, OpeningFailed
from protocols.hashing import domain_hash
from protocols.paillier import PublicKey
from protocols.secrets import Secret
from protocols.wire.codec import encode_fixed, encode_uint

CHALLENGE_BITS = 128
MAX_TRUSTEES = 25


class KeyShare(Secret):
    """Trustee ``index``'s share ``s_i`` of the root exponent, ``0 <= s_i < p'q'``."""

    __slots__ = ("_secret", "index")

    def __init__(self, index: int, secret: int) -> None:
        self.index = index
        self._secret = mpz(secret)

    def secret(self) -> mpz:
        """The secret integer: for :func:`make_share` and the sealed share file only."""
        return self._secret


@dataclass(frozen=True)
class ThresholdKey:
    """What the ceremony publishes: the key, t of n, and Shoup's verification keys.

    ``verification_base`` is v, a generator of the squares; ``verification_keys[i - 1]`` is
    ``v^(s_i)``.
    """

    public: PublicKey
    threshold: int
    trustees: int
    verification_base: int
    verification_keys: tuple[int, ...]

    @property
    def delta(self) -> int:
        """``trustees!``, which clears the denominators of the Lagrange coefficients."""
        return factorial(self.trustees)


@dataclass(frozen=True)
class DecryptionShare:
    """Trustee ``index``'s ``x_i = y^(2 Delta s_i)`` with its proof ``(challenge, response)``."""

    index: int
    value: int
    challenge: int
    response: int


@dataclass(frozen=True)
class Opened:
    """A plaintext and the root that proves it."""

    plaintext: int
    root: int


def deal(
    p: int,
    q: int,
    threshold: int,
    trustees: int,
    randbelow: Callable[[int], int] = secrets.randbelow,
) -> tuple[ThresholdKey, list[KeyShare]]:
    """Split the root exponent of ``n = p q``. Run by the dealer, who then forgets p and q.

    :param p: safe prime; ``q`` another of the same length.
    :raises KeyRefused: for primes that are not safe or equal, or numbers that cannot work.
    """
    if not 1 <= threshold <= trustees <= MAX_TRUSTEES:
        raise KeyRefused(f"{threshold} of {trustees} trustees is not possible")
    if p == q or not all(gmpy2.is_prime(x, 40) and gmpy2.is_prime(x // 2, 40) for x in (p, q)):
        raise KeyRefused("two different safe primes are needed")
    public = PublicKey.unsafe_from_modulus(p * q)
    order = mpz(p // 2) * (q // 2)
    exponent = gmpy2.invert(public.n, order)
    coefficients = [exponent, *(mpz(randbelow(int(order))) for _ in range(threshold - 1))]
    shares = [
        KeyShare(i, sum(c * mpz(i) ** k for k, c in enumerate(coefficients)) % order)
        for i in range(1, trustees + 1)
    ]
    while True:
        base = gmpy2.powmod(2 + randbelow(int(public.n) - 3), 2, public.n)
        if gmpy2.gcd(base - 1, public.n) == 1 == gmpy2.gcd(base, public.n):
            break
    keys = tuple(int(gmpy2.powmod_sec(base, share.secret(), public.n)) for share in shares)
    return ThresholdKey(public, threshold, trustees, int(base), keys), shares


def make_share(
    key: ThresholdKey,
    share: KeyShare,
    ciphertext: int,
    randbits: Callable[[int], int] = secrets.randbits,
) -> DecryptionShare:
    """Run by a trustee, only after every check of the policy; about 36 ms with its proof.

    The proof is of equal logarithms: ``log_v v_i = log_(y^(4 Delta)) x_i^2``.
    """
    n = key.public.n
    y = ciphertext % n
    secret = share.secret()
    value = gmpy2.powmod_sec(gmpy2.powmod(y, 2 * key.delta, n), secret, n)
    doubled = gmpy2.powmod(y, 4 * key.delta, n)
    nonce = mpz(randbits(key.public.bits + 2 * CHALLENGE_BITS)) + 1
    challenge = _share_challenge(
        key,
        share.index,
        doubled,
        value,
        gmpy2.powmod_sec(mpz(key.verification_base), nonce, n),
        gmpy2.powmod_sec(doubled, nonce, n),
    )
    return DecryptionShare(share.index, int(value), challenge, int(secret * challenge + nonce))


def verify_share(key: ThresholdKey, ciphertext: int, share: DecryptionShare) -> None:
    """Raise :class:`InvalidShare` unless the share was made with its trustee's key."""
    n = key.public.n
    _check_share_form(key, share)
    doubled = gmpy2.powmod(ciphertext % n, 4 * key.delta, n)
    base, own = mpz(key.verification_base), mpz(key.verification_keys[share.index - 1])
    first = gmpy2.powmod(base, share.response, n) * gmpy2.powmod(own, -share.challenge, n) % n
    second = (
        gmpy2.powmod(doubled, share.response, n)
        * gmpy2.powmod(share.value, -2 * share.challenge, n)
        % n
    )
    if share.challenge != _share_challenge(key, share.index, doubled, share.value, first, second):
        raise InvalidShare(f"the share of trustee {share.index} was not made with its key")


def combine(key: ThresholdKey, ciphertext: int, shares: Sequence[DecryptionShare]) -> Opened:
    """Open ``ciphertext`` from at least t shares; the result has been verified.

    The first t shares are tried at once. If that fails, proofs are checked, liars dropped, and the
    honest shares used.

    :raises OpeningFailed: too few honest shares; the message names the trustees at fault.
    """
    distinct = {share.index: share for share in shares}
    if len(distinct) < key.threshold:
        raise OpeningFailed(f"{len(distinct)} shares, {key.threshold} needed")
    formed = [share for share in distinct.values() if _has_form(key, share)]
    if len(formed) >= key.threshold:
        opened = _interpolate(key, ciphertext, formed[: key.threshold])
        if opened is not None:
            return opened
    honest, liars = split_by_honesty(key, ciphertext, list(distinct.values()))
    for subset in combinations(honest, key.threshold):
        opened = _interpolate(key, ciphertext, list(subset))
        if opened is not None:
            return opened
    raise OpeningFailed(
        f"no opening from {len(honest)} honest shares, {key.threshold} needed; wrong shares came "
        f"from trustees {', '.join(map(str, liars)) or 'none: the ciphertext is malformed'}"
    )


def split_by_honesty(
    key: ThresholdKey, ciphertext: int, shares: Sequence[DecryptionShare]
) -> tuple[list[DecryptionShare], list[int]]:
    """The shares whose proof holds, and the indexes of the trustees whose does not."""
    honest: list[DecryptionShare] = []
    liars: list[int] = []
    for share in shares:
        try:
            verify_share(key, ciphertext, share)
            honest.append(share)
        except InvalidShare:
            liars.append(share.index)
    return honest, liars


def verify_opening(public: PublicKey, ciphertext: int, opened: Opened) -> bool:
    """Whether ``(1 + n m) r^n = c (mod n^2)`` with both in range. Needs no key; about 28 ms."""
    n, n_squared = public.n, public.n_squared
    if not (0 <= opened.plaintext < n and 0 < opened.root < n):
        return False
    right = public.encode_plaintext(opened.plaintext) * gmpy2.powmod(opened.root, n, n_squared)
    return bool((right - ciphertext) % n_squared == 0)


def _interpolate(
    key: ThresholdKey, ciphertext: int, shares: list[DecryptionShare]
) -> Opened | None:
    """The opening from exactly t shares, or None when one of them is wrong."""
    n, n_squared = key.public.n, key.public.n_squared
    indexes = [share.index for share in shares]
    w = mpz(1)
    for share in shares:
        w = w * gmpy2.powmod(share.value, 2 * _lagrange(key.delta, share.index, indexes), n) % n
    # w^n = y^(4 Delta^2) with gcd(4 Delta^2, n) = 1, so the root is w^a y^b with a 4D^2 + b n = 1.
    _, a, b = gmpy2.gcdext(4 * key.delta**2, n)
    root = gmpy2.powmod(w, a, n) * gmpy2.powmod(ciphertext % n, b, n) % n
    masked = ciphertext * gmpy2.invert(gmpy2.powmod(root, n, n_squared), n_squared) % n_squared
    plaintext, rest = gmpy2.f_divmod(masked - 1, n)
    return None if rest else Opened(int(plaintext), int(root))


def _lagrange(delta: int, index: int, indexes: Sequence[int]) -> int:
    """``Delta prod_(j != i) j / (j - i)``: the coefficient at zero, an integer (Shoup, 2.1)."""
    numerator, denominator = delta, 1
    for other in indexes:
        if other != index:
            numerator *= other
            denominator *= other - index
    return numerator // denominator


def _has_form(key: ThresholdKey, share: DecryptionShare) -> bool:
    try:
        _check_share_form(key, share)
    except InvalidShare:
        return False
    return True


def _check_share_form(key: ThresholdKey, share: DecryptionShare) -> None:
    if not 1 <= share.index <= key.trustees:
        raise InvalidShare(f"there is no trustee {share.index}")
    n = int(key.public.n)
    if not 0 < share.value < n or gcd(share.value, n) != 1:
        raise InvalidShare(f"the share of trustee {share.index} is not a unit modulo n")
    longest = key.public.bits + 2 * CHALLENGE_BITS + 1
    if not 0 <= share.challenge < 1 << CHALLENGE_BITS or not 0 <= share.response < 1 << longest:
        raise InvalidShare(f"the proof of trustee {share.index} is out of range")


def _share_challenge(
    key: ThresholdKey, index: int, doubled: int, value: int, first: int, second: int
) -> int:
    n = key.public.n
    size = key.public.modulus_bytes
    parts = (
        n,
        key.verification_base,
        doubled,
        key.verification_keys[index - 1],
        mpz(value) * value % n,
        first,
        second,
    )
    digest = domain_hash(
        "cefed/share-proof/v1", encode_uint(index), *(encode_fixed(int(x), size) for x in parts)
    )
    return int.from_bytes(digest[: CHALLENGE_BITS // 8], "big")
