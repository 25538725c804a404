"""A round without encryption: plaintexts are added where the protocol multiplies ciphertexts.

``sparse_plaintexts`` encodes a member a second time, from SPEC.md section 4 alone; tests compare it
with the product's encoder, and large sets are run with it because it is fast.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gmpy2 import iroot, mpz

from protocols import certificate as certificates
from protocols.certificate import BandCertificate, Classes, Counts
from protocols.document import build_document
from protocols.layout import Layout
from protocols.plan import Plan

STATEMENT = bytes(32)

Member = Mapping[str, int]


@dataclass(frozen=True)
class PlainRound:
    """The steps of a round over summed plaintexts; every property is one step."""

    layout: Layout
    totals: tuple[int, ...]
    members: int

    @property
    def plan(self) -> Plan:
        return self.layout.plan

    def open(self, labels: Iterable[str]) -> dict[str, int]:
        """The sums behind opening labels."""
        return {x: sum(self.totals[i] for i in self.layout.factors(x)) for x in labels}

    @cached_property
    def counts(self) -> Counts:
        opened = self.open(self.layout.count_labels())
        return certificates.read_counts(self.plan, self.layout, opened, self.members)

    @cached_property
    def classes(self) -> Classes:
        opened = self.open(certificates.class_labels(self.layout, self.counts))
        return certificates.read_classes(self.layout, self.counts, opened)

    @cached_property
    def certificate(self) -> BandCertificate:
        return certificates.certify(self.plan, self.layout, STATEMENT, self.counts, self.classes)

    @cached_property
    def sums(self) -> dict[str, int]:
        return self.open(certificates.sum_labels(self.plan, self.layout, self.certificate))

    @cached_property
    def document(self) -> dict[str, Any]:
        return build_document(self.plan, self.layout, self.certificate, self.sums)


def play(
    plan: Plan,
    members: Sequence[Member],
    modulus_bits: int = 2048,
    categories: Sequence[str] | None = None,
) -> PlainRound:
    """A round in which every member is encoded by the product.

    :param categories: each member's leaf, for a plan with a table.
    """
    layout = Layout(plan, modulus_bits)
    own = categories if categories is not None else [None] * len(members)
    encoded = (layout.encode(values, leaf) for values, leaf in zip(members, own, strict=True))
    columns = zip(*encoded, strict=True)
    return PlainRound(layout, tuple(map(sum, columns)), len(members))


def play_sparse(plan: Plan, members: Sequence[Member], modulus_bits: int = 2048) -> PlainRound:
    """A round in which every member is encoded by :func:`sparse_plaintexts`."""
    layout = Layout(plan, modulus_bits)
    totals: Counter[str] = Counter()
    encoder = SparseEncoder(plan, modulus_bits)
    for values in members:
        totals.update(encoder.plaintexts(values))
    assert set(totals) <= set(layout.labels)
    return PlainRound(layout, tuple(totals[label] for label in layout.labels), len(members))


class SparseEncoder:
    """The non-zero plaintexts of a member, by label, as SPEC.md section 4 has them."""

    def __init__(self, plan: Plan, modulus_bits: int) -> None:
        self.plan = plan
        self.capacity = modulus_bits - 1

    def _places(self, bounds: Sequence[int]) -> list[tuple[int, int]]:
        places, chunk, offset = [], 0, 0
        for bound in bounds:
            width = (self.plan.participants * bound).bit_length()
            if offset + width > self.capacity:
                chunk, offset = chunk + 1, 0
            places.append((chunk, offset))
            offset += width
        return places

    @cached_property
    def _one_hot_places(self) -> list[tuple[int, int]]:
        classes = sum(self._class(m.bound) + 1 for m in self.plan.measures)
        return self._places([1] * max(classes, 64))

    @cached_property
    def _edges(self) -> list[int]:
        """Class edges from their definition: ``e`` is the least integer with ``e^r >= 2^c``."""
        r = self.plan.policy.classes_per_octave
        most = max(m.bound for m in self.plan.measures).bit_length() + 1
        found = set()
        for exponent in range(r * most):
            root, exact = iroot(mpz(2) ** exponent, r)
            found.add(int(root) + (not exact))
        return sorted(found)

    def _class(self, value: int) -> int:
        return bisect_right(self._edges, value)

    @cached_property
    def _band_places(self) -> list[tuple[int, int]]:
        return self._places([m.bound for m in self._at("band") if m.published])

    def _at(self, level: str) -> list[Any]:
        return [m for m in self.plan.measures if m.level == level]

    def plaintexts(self, values: Member, category: str | None = None) -> dict[str, int]:
        found: Counter[str] = Counter()

        def put(section: str, place: tuple[int, int], value: int) -> None:
            found[f"{section}#{place[0]}"] += value << place[1]

        for indicator in self.plan.indicators:
            if indicator.ranking == "none":
                continue
            top, bottom = values[indicator.numerator], values[indicator.denominator]
            own = sum(e.numerator * bottom <= top * e.denominator for e in indicator.edges)
            put(f"N/{indicator.name}", self._one_hot_places[own], 1)
            if indicator.ranking == "sums":
                self._put_classes(put, f"K/{own}", "band", values)
                published = [m for m in self._at("band") if m.published]
                for measure, place in zip(published, self._band_places, strict=True):
                    put(f"V/{own}", place, values[measure.name])
        if self.plan.table is not None:
            own = [leaf == category for leaf in self.plan.table.leaves].index(True)
            put("NT", self._one_hot_places[own], 1)
            self._put_classes(put, f"K/{own}", "band", values)
            for measure, place in zip(
                [m for m in self._at("band") if m.published], self._band_places, strict=True
            ):
                put(f"V/{own}", place, values[measure.name])
        self._put_classes(put, "KC", "cohort", values)
        for measure in self._at("cohort"):
            if measure.published:
                put(f"VC/{measure.name}", (0, 0), values[measure.name])
        return dict(found)

    def _put_classes(self, put: Any, section: str, level: str, values: Member) -> None:
        start = 0
        for measure in self._at(level):
            put(section, self._one_hot_places[start + self._class(values[measure.name])], 1)
            start += self._class(measure.bound) + 1


def sparse_plaintexts(plan: Plan, modulus_bits: int, values: Member) -> dict[str, int]:
    """One member's non-zero plaintexts by label."""
    found = SparseEncoder(plan, modulus_bits).plaintexts(values)
    return {label: value for label, value in found.items() if value}
