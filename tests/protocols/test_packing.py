"""Packed sums unpack to the sums of the slots, also in the worst case; nothing is clipped."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import BoundExceeded, PackingError, PlanError
from protocols.packing import Packing

CAPACITY = 255


@st.composite
def packings(draw: st.DrawFn) -> Packing:
    bounds = draw(st.lists(st.integers(1, 2**60), min_size=1, max_size=30))
    return Packing(tuple(bounds), draw(st.integers(1, 1000)), CAPACITY)


def added(packing: Packing, vectors: list[list[int]]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*(packing.pack(vector) for vector in vectors), strict=True)))


@given(packings(), st.data())
def test_sums_of_plaintexts_unpack_to_sums_of_slots(packing: Packing, data: st.DataObject) -> None:
    vector = st.tuples(*(st.integers(0, bound) for bound in packing.slot_bounds)).map(list)
    count = min(packing.participants, 8)
    vectors = data.draw(st.lists(vector, min_size=1, max_size=count))
    expected = tuple(map(sum, zip(*vectors, strict=True)))
    assert packing.unpack(added(packing, vectors)) == expected


@given(packings())
def test_everybody_at_every_bound_neither_carries_nor_wraps(packing: Packing) -> None:
    worst = [packing.participants * x for x in packing.pack(list(packing.slot_bounds))]
    assert packing.unpack(worst) == tuple(packing.participants * b for b in packing.slot_bounds)
    assert all(x.bit_length() <= bits for x, bits in zip(worst, packing.packed_bits, strict=True))
    assert max(worst) < 2**CAPACITY


@given(packings())
def test_alternating_extremes_do_not_leak_into_neighbours(packing: Packing) -> None:
    vector = [bound * (index % 2) for index, bound in enumerate(packing.slot_bounds)]
    summed = [packing.participants * x for x in packing.pack(vector)]
    assert packing.unpack(summed) == tuple(packing.participants * value for value in vector)


@given(packings())
def test_chunks_are_the_fewest_for_the_order_and_slots_do_not_straddle(packing: Packing) -> None:
    widths = [(packing.participants * bound).bit_length() for bound in packing.slot_bounds]
    chunks, used = 1, 0
    for width in widths:
        chunks, used = (chunks, used + width) if used + width <= CAPACITY else (chunks + 1, width)
    assert packing.chunks == len(packing.packed_bits) == chunks
    assert sum(packing.packed_bits) == sum(widths)


def test_a_slot_may_fill_a_plaintext_exactly() -> None:
    packing = Packing((2**255 - 1, 1), 1, CAPACITY)
    assert packing.packed_bits == (255, 1)
    assert packing.unpack(packing.pack([2**255 - 1, 1])) == (2**255 - 1, 1)


@pytest.mark.parametrize("values", [[8, 0], [0, -1], [10**30, 0]])
def test_values_outside_the_bound_are_refused(values: list[int]) -> None:
    with pytest.raises(BoundExceeded, match=r"outside 0\.\."):
        Packing((7, 7), 5, CAPACITY).pack(values)


@pytest.mark.parametrize(
    "value", [True, False, 1.0, np.int64(1), np.uint8(1), np.bool_(True), "1", None, Fraction(1)]
)
def test_what_is_no_int_is_refused(value: object) -> None:
    with pytest.raises(BoundExceeded, match="an int is needed"):
        Packing((7, 7), 5, CAPACITY).pack([value, 0])  # type: ignore[list-item]


def test_messages_do_not_contain_the_value() -> None:
    with pytest.raises(BoundExceeded) as caught:
        Packing((1000,), 5, CAPACITY).pack([987_654_321])
    assert "987654321" not in str(caught.value)


def test_wrong_lengths_are_refused() -> None:
    packing = Packing((7, 7), 5, CAPACITY)
    for wrong in ([], [1], [1, 1, 1]):
        with pytest.raises(PackingError, match="for 2 slots"):
            packing.pack(wrong)
    for plaintexts in ([], [0, 0]):
        with pytest.raises(PackingError, match="for 1 chunks"):
            packing.unpack(plaintexts)


@pytest.mark.parametrize("plaintext", [-1, 1 << 12, 1 << 254, True, 1.0, np.int64(1)])
def test_plaintexts_beyond_the_packed_length_are_refused(plaintext: int) -> None:
    packing = Packing((7, 7), 5, CAPACITY)
    assert packing.packed_bits == (12,)
    with pytest.raises(PackingError, match="at most 12 bits"):
        packing.unpack([plaintext])


def test_slots_above_what_all_participants_add_up_to_are_refused() -> None:
    packing = Packing((7, 7), 5, CAPACITY)
    assert packing.unpack([35 | 35 << 6]) == (35, 35)
    for plaintext in (36, 36 << 6, 63):
        with pytest.raises(PackingError, match="more than all participants"):
            packing.unpack([plaintext])


@pytest.mark.parametrize(("bounds", "participants"), [((), 1), ((0,), 1), ((1,), 0), ((5, -1), 2)])
def test_empty_packings_are_refused(bounds: tuple[int, ...], participants: int) -> None:
    with pytest.raises(PlanError, match="at least 1"):
        Packing(bounds, participants, CAPACITY)


def test_a_slot_without_headroom_is_refused_when_the_plan_is_made() -> None:
    Packing((2**250,), 16, CAPACITY)
    with pytest.raises(PlanError, match="need 256 bits, a plaintext has 255: lower the bound"):
        Packing((2**250,), 32, CAPACITY)
