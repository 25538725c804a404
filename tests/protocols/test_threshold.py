"""Threshold opening: any t shares open, t - 1 do not, liars are named, no trust needed."""

from __future__ import annotations

import dataclasses
import secrets
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import InvalidShare, KeyRefused, OpeningFailed
from protocols.paillier import encryptor_for
from protocols.threshold import (
    DecryptionShare,
    Opened,
    combine,
    deal,
    make_share,
    split_by_honesty,
    verify_opening,
    verify_share,
)
from tests.keys import small_primes_unsafe, trustees

P, Q = small_primes_unsafe()
KEY, SHARES = deal(P, Q, 3, 5)
ENCRYPTOR = encryptor_for(KEY.public)


def encrypted(plaintext: int | None = None) -> tuple[int, int]:
    value = secrets.randbelow(int(KEY.public.n)) if plaintext is None else plaintext
    return value, int(ENCRYPTOR.encrypt(value))


def shares_for(ciphertext: int) -> list[DecryptionShare]:
    return [make_share(KEY, share, ciphertext) for share in SHARES]


def test_every_subset_of_t_opens() -> None:
    plaintext, ciphertext = encrypted()
    made = shares_for(ciphertext)
    for subset in combinations(made, 3):
        assert combine(KEY, ciphertext, subset).plaintext == plaintext


@given(st.integers(1, 6).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n))))
def test_every_t_of_n_works(counts: tuple[int, int]) -> None:
    threshold, count = counts
    key, shares = deal(P, Q, threshold, count)
    ciphertext = int(ENCRYPTOR.encrypt(41))
    made = [make_share(key, share, ciphertext) for share in shares[-threshold:]]
    opened = combine(key, ciphertext, made)
    assert opened.plaintext == 41
    assert verify_opening(key.public, ciphertext, opened)


@pytest.mark.parametrize("plaintext", [0, 1, int(KEY.public.n) - 1])
def test_edge_plaintexts(plaintext: int) -> None:
    _, ciphertext = encrypted(plaintext)
    assert combine(KEY, ciphertext, shares_for(ciphertext)).plaintext == plaintext


def test_too_few_shares_open_nothing() -> None:
    _, ciphertext = encrypted()
    made = shares_for(ciphertext)
    with pytest.raises(OpeningFailed, match="2 shares, 3 needed"):
        combine(KEY, ciphertext, made[:2])
    with pytest.raises(OpeningFailed, match="1 shares"):
        combine(KEY, ciphertext, [made[0]] * 3)


def test_liar_is_dropped_and_named() -> None:
    plaintext, ciphertext = encrypted()
    made = shares_for(ciphertext)
    _, other = encrypted()
    made[1] = dataclasses.replace(make_share(KEY, SHARES[1], other))
    assert combine(KEY, ciphertext, made).plaintext == plaintext
    assert split_by_honesty(KEY, ciphertext, made)[1] == [2]
    with pytest.raises(OpeningFailed, match="wrong shares came from trustees 2"):
        combine(KEY, ciphertext, made[:3])


def test_share_of_another_ceremony_is_found() -> None:
    _, ciphertext = encrypted()
    _, foreign = deal(P, Q, 3, 5)
    share = make_share(KEY, foreign[0], ciphertext)
    with pytest.raises(InvalidShare, match="trustee 1"):
        verify_share(KEY, ciphertext, share)


@pytest.mark.parametrize("field", ["value", "challenge", "response"])
def test_changed_shares_do_not_verify(field: str) -> None:
    _, ciphertext = encrypted()
    share = make_share(KEY, SHARES[0], ciphertext)
    verify_share(KEY, ciphertext, share)
    changed = dataclasses.replace(share, **{field: getattr(share, field) ^ 1})
    with pytest.raises(InvalidShare):
        verify_share(KEY, ciphertext, changed)


@pytest.mark.parametrize(
    "change",
    [{"index": 0}, {"index": 6}, {"value": 0}, {"value": P}, {"challenge": 1 << 128}],
)
def test_malformed_shares_are_refused(change: dict[str, int]) -> None:
    plaintext, ciphertext = encrypted()
    made = shares_for(ciphertext)
    changed = dataclasses.replace(made[0], **change)
    with pytest.raises(InvalidShare):
        verify_share(KEY, ciphertext, changed)
    with pytest.raises(OpeningFailed):
        combine(KEY, ciphertext, [changed, *made[1:3]])
    assert combine(KEY, ciphertext, [changed, *made[1:4]]).plaintext == plaintext


def test_opening_is_unique_and_checked_by_anybody() -> None:
    plaintext, ciphertext = encrypted()
    opened = combine(KEY, ciphertext, shares_for(ciphertext))
    assert verify_opening(KEY.public, ciphertext, opened)
    for wrong in (
        Opened((plaintext + 1) % int(KEY.public.n), opened.root),
        Opened(plaintext, opened.root + 1),
        Opened(plaintext, opened.root + int(KEY.public.n)),
        Opened(plaintext + int(KEY.public.n), opened.root),
        Opened(plaintext, 0),
    ):
        assert not verify_opening(KEY.public, ciphertext, wrong)
    assert not verify_opening(KEY.public, ciphertext + 1, opened)


def test_sum_of_many_opens_to_the_sum() -> None:
    values = [secrets.randbits(200) for _ in range(20)]
    product = 1
    for value in values:
        product = int(product * ENCRYPTOR.encrypt(value) % KEY.public.n_squared)
    assert combine(KEY, product, shares_for(product)).plaintext == sum(values)


@pytest.mark.parametrize(
    ("p", "q", "threshold", "count"),
    [(P, P, 2, 3), (P, 2**255 - 19, 2, 3), (P, Q, 0, 3), (P, Q, 4, 3), (P, Q, 2, 26)],
)
def test_impossible_ceremonies_are_refused(p: int, q: int, threshold: int, count: int) -> None:
    with pytest.raises(KeyRefused):
        deal(p, q, threshold, count)


def test_full_size_key_opens() -> None:
    held = trustees()
    ciphertext = int(encryptor_for(held.ceremony.key.public).encrypt(1234567890))
    made = [make_share(held.ceremony.key, share, ciphertext) for share in held.shares[1:3]]
    assert combine(held.ceremony.key, ciphertext, made).plaintext == 1234567890
