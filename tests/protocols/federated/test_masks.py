"""Masks: the same on both sides, gone from the sum over all, and ChaCha20's own stream."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import MalformedMessage
from protocols.federated.graph import MaskGraph
from protocols.federated.masks import (
    RoundKey,
    added,
    expand,
    from_bytes,
    is_usable,
    pairwise,
    to_bytes,
    to_words,
)

CONTEXT = (b"test", b"context")
WORDS = 5


def key(number: int) -> RoundKey:
    return RoundKey(number.to_bytes(32, "big"))


def test_the_stream_is_that_of_rfc_8439() -> None:
    """Appendix A.1, vectors 1 and 2: zero key, zero nonce, block counters 0 and 1."""
    stream = bytes.fromhex(
        "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
        "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"
        "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
        "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f"
    )
    assert to_bytes(expand(bytes(32), 16)) == stream
    assert to_bytes(expand(bytes(32), 3)) == stream[:24]
    assert int(expand(bytes(32), 1)[0]) == int.from_bytes(stream[:8], "little")


def test_round_keys_are_x25519s() -> None:
    """RFC 7748, section 5.2: one iteration, whose scalar is the base point's own bytes."""
    expected = "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"
    assert RoundKey(bytes([9]).ljust(32, b"\0")).public == bytes.fromhex(expected)


@settings(max_examples=40)
@given(st.integers(2, 12), st.integers(0, 40), st.booleans())
def test_masks_cancel_in_the_sum_over_all(size: int, seed: int, dense: bool) -> None:
    degree = size - 1 if dense else min(2, size - 1)
    graph = MaskGraph(bytes([seed]), size, degree)
    keys = [key(1 + seed * 100 + place) for place in range(size)]
    vectors = []
    for place in range(size):
        others = {other: keys[other].public for other in graph.neighbours(place)}
        vectors.append(pairwise(keys[place], place, others, CONTEXT, WORDS))
    assert not np.any(added(vectors, WORDS))
    for left_out in range(size):
        rest = vectors[:left_out] + vectors[left_out + 1 :]
        assert np.any(added(rest, WORDS))


def test_values_come_out_of_the_sum_exactly() -> None:
    values = [to_words([1, 2**63, 7]), to_words([1, 2**63 - 1, 0])]
    keys = [key(1), key(2)]
    masked = [
        value + pairwise(keys[at], at, {1 - at: keys[1 - at].public}, CONTEXT, 3)
        for at, value in enumerate(values)
    ]
    assert [int(word) for word in added(masked, 3)] == [2, 2**64 - 1, 7]
    assert not any(np.any(m == v) for m, v in zip(masked, values, strict=True))


def test_a_mask_is_bound_to_its_context_and_its_two_members() -> None:
    one, two, three = key(1), key(2), key(3)
    agreed = one.agree(two.public, CONTEXT)
    assert agreed == two.agree(one.public, CONTEXT)
    assert len(agreed) == 32
    others = [
        one.agree(two.public, (b"test", b"other")),
        one.agree(two.public, (b"testcontext",)),
        one.agree(two.public, (b"testc", b"ontext")),
        one.agree(three.public, CONTEXT),
        two.agree(three.public, CONTEXT),
    ]
    assert len({agreed, *others}) == 6


FIELD = 2**255 - 19
LOW_ORDER = [
    0,
    1,
    FIELD - 1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
]


@pytest.mark.parametrize("size", [0, 31, 33])
def test_keys_of_another_length(size: int) -> None:
    assert not is_usable(b"\7" * size)
    with pytest.raises(MalformedMessage):
        key(1).agree(b"\7" * size, CONTEXT)


@pytest.mark.parametrize("u", [*LOW_ORDER, FIELD, FIELD + 1])
@pytest.mark.parametrize("top", [0, 1 << 255])
def test_keys_of_low_order_however_they_are_written(u: int, top: int) -> None:
    """Modulo the prime, and with the bit that X25519 does not read: it agrees on nothing with them.

    Its own refusal is what our list of such points is held against.
    """
    public = (u + top).to_bytes(32, "little")
    assert not is_usable(public)
    with pytest.raises(MalformedMessage):
        key(1).agree(public, CONTEXT)


@given(st.binary(min_size=32, max_size=32) | st.sampled_from(LOW_ORDER).map(lambda u: u ^ 2))
def test_a_key_is_usable_when_x25519_agrees_with_it(near: bytes | int) -> None:
    public = near if isinstance(near, bytes) else near.to_bytes(32, "little")
    try:
        agreed = len(key(1).agree(public, CONTEXT)) == 32
    except MalformedMessage:
        agreed = False
    assert is_usable(public) is agreed


def test_nobody_neighbours_itself() -> None:
    with pytest.raises(MalformedMessage, match="itself"):
        pairwise(key(1), 4, {4: key(2).public}, CONTEXT, 1)


def test_a_copied_key_cancels_nothing() -> None:
    """Were masks bound to the keys only, a neighbour's copy across the member would undo one."""
    victim, neighbour = key(1), key(2).public
    assert np.any(pairwise(victim, 4, {3: neighbour, 5: neighbour}, CONTEXT, WORDS))


@given(st.lists(st.integers(0, 2**64 - 1), max_size=8))
def test_words_travel_little_endian(values: list[int]) -> None:
    data = to_bytes(to_words(values))
    assert data == b"".join(value.to_bytes(8, "little") for value in values)
    assert [int(word) for word in from_bytes(data, len(values))] == values


@pytest.mark.parametrize("value", [-1, 2**64, True, 1.0])
def test_values_without_room_are_never_wrapped(value: int) -> None:
    with pytest.raises(OverflowError):
        to_words([0, value])


@pytest.mark.parametrize("length", [0, 15, 17, 24])
def test_vectors_of_another_length(length: int) -> None:
    with pytest.raises(MalformedMessage, match="not 16"):
        from_bytes(bytes(length), 2)


def test_seeds_are_fresh_and_keys_are_not_shown() -> None:
    assert RoundKey.new_seed() != RoundKey.new_seed()
    assert len(RoundKey.new_seed()) == 32
    assert "redacted" in repr(key(1))
