"""Many bounded slots in one plaintext, with room for the sum over all participants.

**Headroom.** Slot i takes values in ``0..b_i`` and has ``w_i = bit_length(P * b_i)`` bits, where P
is the number of participants. The sum of at most P such values is at most ``P * b_i < 2**w_i``, so
no slot of a sum ever carries into its neighbour, and the packed sum is the sum of the packed
values. A chunk uses at most ``capacity_bits`` bits; with ``capacity_bits = modulus_bits - 1`` the
packed sum is below ``2**(modulus_bits - 1) <= n`` and does not wrap around the modulus either.

Values outside their bound are refused, never clipped, and a plaintext that no sum of P packed
vectors can have is refused before anything is decoded from it (SPEC.md section 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from protocols.errors import BoundExceeded, PackingError, PlanError


@dataclass(frozen=True)
class _Slot:
    index: int
    chunk: int
    offset: int
    width: int


@dataclass(frozen=True)
class Packing:
    """How a vector of bounded integers lies in plaintexts.

    ``slot_bounds``: largest value of each slot, at least 1. ``participants``: how many vectors may
    be added. ``capacity_bits``: usable bits of a plaintext. Slots keep their order and go to the
    next chunk when the present one is full, which is the least number of chunks for that order; a
    slot never straddles two chunks. Raises :class:`PlanError` when one slot alone has no room.
    """

    slot_bounds: tuple[int, ...]
    participants: int
    capacity_bits: int

    def __post_init__(self) -> None:
        if not self.slot_bounds or self.participants < 1 or min(self.slot_bounds) < 1:
            raise PlanError("a packing needs slots, bounds and participants, all at least 1")
        widest = (self.participants * max(self.slot_bounds)).bit_length()
        if widest > self.capacity_bits:
            raise PlanError(
                f"{self.participants} participants with a bound of {max(self.slot_bounds)} need"
                f" {widest} bits, a plaintext has {self.capacity_bits}: lower the bound of the"
                " measure, use a coarser unit, or a longer modulus"
            )

    @cached_property
    def _slots(self) -> tuple[_Slot, ...]:
        slots, chunk, offset = [], 0, 0
        for index, bound in enumerate(self.slot_bounds):
            width = (self.participants * bound).bit_length()
            if offset + width > self.capacity_bits:
                chunk, offset = chunk + 1, 0
            slots.append(_Slot(index, chunk, offset, width))
            offset += width
        return tuple(slots)

    @cached_property
    def packed_bits(self) -> tuple[int, ...]:
        """Bits used in each chunk."""
        bits = [0] * self.chunks
        for slot in self._slots:
            bits[slot.chunk] = slot.offset + slot.width
        return tuple(bits)

    @cached_property
    def chunks(self) -> int:
        """How many plaintexts a vector takes."""
        return self._slots[-1].chunk + 1

    def pack(self, values: Sequence[int]) -> tuple[int, ...]:
        """One vector as ``chunks`` plaintexts; called by the node before it encrypts.

        Raises :class:`BoundExceeded` for a value that is not an ``int``, is negative or exceeds
        its slot's bound, and :class:`PackingError` when the number of values is wrong.
        """
        if len(values) != len(self.slot_bounds):
            raise PackingError(f"{len(values)} values for {len(self.slot_bounds)} slots")
        plaintexts = [0] * self.chunks
        for slot, value, bound in zip(self._slots, values, self.slot_bounds, strict=True):
            # `bool` is an int to Python, and numpy integers overflow silently: neither is a value.
            if type(value) is not int:
                raise BoundExceeded(
                    f"slot {slot.index}: an int is needed, not {type(value).__name__}"
                )
            if not 0 <= value <= bound:
                raise BoundExceeded(f"slot {slot.index}: the value is outside 0..{bound}")
            plaintexts[slot.chunk] |= value << slot.offset
        return tuple(plaintexts)

    def unpack(self, plaintexts: Sequence[int]) -> tuple[int, ...]:
        """The slots of a sum of at most ``participants`` vectors; called on opened plaintexts.

        Raises :class:`PackingError` for a wrong number of plaintexts, one longer than what is
        packed into its chunk, or a slot above ``participants`` times its bound.
        """
        if len(plaintexts) != self.chunks:
            raise PackingError(f"{len(plaintexts)} plaintexts for {self.chunks} chunks")
        for chunk, (plaintext, bits) in enumerate(zip(plaintexts, self.packed_bits, strict=True)):
            if type(plaintext) is not int or plaintext < 0 or plaintext.bit_length() > bits:
                raise PackingError(f"chunk {chunk}: not a plaintext of at most {bits} bits")
        values = []
        for slot, bound in zip(self._slots, self.slot_bounds, strict=True):
            value = (plaintexts[slot.chunk] >> slot.offset) & ((1 << slot.width) - 1)
            if value > self.participants * bound:
                raise PackingError(f"slot {slot.index}: more than all participants can add up to")
            values.append(value)
        return tuple(values)
