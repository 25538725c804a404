"""Which plaintext slot means what: the order of a contribution and of what may be opened.

A contribution's ciphertexts have *labels* in a fixed order: ``N/<indicator>#c``, with a table
``NT#c``, then ``K/<b>#c`` and ``V/<b>#c`` for every section b, which is a bin of the sums ranking
or a leaf of the table, then ``KC#c`` and ``VC/<measure>#c``, with c the chunk. What is opened has
*opening labels*: those of N, KC and VC as they are, and ``K/[first:end]#c`` or ``V/[first:end]#c``
for the product over a range of sections, or over several ranges as in ``K/[0:2]+[4:5]#c``. A
federated round in mode ``certified`` has no V and VC: values are masked
(:mod:`protocols.federated.sections`). SPEC.md sections 4 and 11.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from protocols.encoding import class_count, size_class
from protocols.errors import ContributionRefused, OpeningInconsistent, PlanError
from protocols.federated.room import check_room
from protocols.noise import NO_NOISE, disguised, shares_of, slot_bound
from protocols.packing import Packing
from protocols.plan import Level, Measure, Mode, Plan
from protocols.table import runs
from protocols.values import bins_of, checked

_RANGES = re.compile(
    r"(?P<kind>[KV])/(?P<ranges>\[\d{1,2}:\d{1,2}\](?:\+\[\d{1,2}:\d{1,2}\]){0,31})"
    r"#(?P<chunk>\d{1,3})",
    re.ASCII,
)
_RANGE = re.compile(r"\[(\d{1,2}):(\d{1,2})\]", re.ASCII)

MAX_CHUNKS = 1000
"""Chunks of a section that a label can name."""


class Layout:
    """The layout of a plan for one modulus length; equal for every party that holds the plan."""

    def __init__(self, plan: Plan, modulus_bits: int) -> None:
        """:raises PlanError: if a measure has no room for its sum in one plaintext."""
        self.plan = plan
        self.modulus_bits = modulus_bits
        self._resolution = plan.policy.classes_per_octave
        self.bins = plan.sections
        self._classed = {level: plan.measures_at(level) for level in Level}
        # In a certified round values are masked once the bands are certified, and not encrypted.
        masked = plan.mode is Mode.CERTIFIED
        if masked:
            check_room(plan)
        self._summed = () if masked else plan.measures_at(Level.BAND, published=True)
        self._counts = {i.name: self._one_hot(i.bins) for i in plan.ranked_indicators}
        self._cells = self._one_hot(len(plan.table.leaves)) if plan.table else None
        self._classes = {
            level: self._one_hot(sum(map(self.classes, measures))) if measures else None
            for level, measures in self._classed.items()
        }
        self.shares = {} if masked else shares_of(plan)
        """The noise that a member adds to what it encrypts, by published measure; empty if the plan
        wants none."""
        self._sums = self._slots(self._summed) if self._summed else None
        single = () if masked else plan.measures_at(Level.COHORT, published=True)
        self._single = {m.name: self._slots([m]) for m in single}

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """One label a ciphertext, in the order of a contribution."""
        names = self.count_labels()
        for index in range(self.bins):
            names += _chunks(f"K/{index}", self._classes[Level.BAND])
            names += _chunks(f"V/{index}", self._sums)
        names += self.cohort_class_labels()
        for name in self._single:
            names += self.cohort_sum_labels(name)
        return tuple(names)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {label: index for index, label in enumerate(self.labels)}

    def classes(self, measure: Measure) -> int:
        """How many size classes the plan gives the measure's integers."""
        return class_count(measure.bound, self._resolution)

    def count_labels(self) -> list[str]:
        """What is opened first: the bin counts of every ranked indicator, and of the leaves."""
        named = [x for name, packing in self._counts.items() for x in _chunks(f"N/{name}", packing)]
        return named + _chunks("NT", self._cells)

    def class_labels(self, first: int, end: int) -> list[str]:
        """The size classes of the members in bins ``first .. end - 1``."""
        return self.union_class_labels(range(first, end))

    def sum_labels(self, first: int, end: int) -> list[str]:
        """The sums of the band-level measures over bins ``first .. end - 1``."""
        return self.union_sum_labels(range(first, end))

    def union_class_labels(self, sections: Iterable[int]) -> list[str]:
        """The size classes of the members in any of these bins or leaves."""
        return _chunks(_ranges("K", sections), self._classes[Level.BAND])

    def union_sum_labels(self, sections: Iterable[int]) -> list[str]:
        """The sums of the band-level measures over any of these bins or leaves."""
        return _chunks(_ranges("V", sections), self._sums)

    def cohort_class_labels(self) -> list[str]:
        """The size classes of the cohort-level measures and guards."""
        return _chunks("KC", self._classes[Level.COHORT])

    def cohort_sum_labels(self, measure: str) -> list[str]:
        """The sum of one cohort-level measure."""
        return _chunks(f"VC/{measure}", self._single[measure])

    def factors(self, label: str) -> list[int]:
        """The positions whose product opening label ``label`` stands for.

        :raises OpeningInconsistent: for anything but a canonical opening label of this layout.
        """
        if not label.startswith(("K/", "V/")):
            if label not in self._index:
                raise OpeningInconsistent(f"{label[:60]!r} is not an aggregate of this plan")
            return [self._index[label]]
        match = _RANGES.fullmatch(label)
        if match is None:
            raise OpeningInconsistent(f"{label[:60]!r} is not a range of bins")
        kind, chunk = match["kind"], match["chunk"]
        pairs = [(int(a), int(b)) for a, b in _RANGE.findall(match["ranges"])]
        sections = [index for first, end in pairs for index in range(first, end)]
        # One label for one set: ascending, apart from each other, no leading zeros.
        canonical = bool(sections) and label == f"{_ranges(kind, sections)}#{chunk}"
        if not canonical or max(sections) >= self.bins:
            raise OpeningInconsistent(f"{label[:60]!r} is not a range of bins of this plan")
        names = [f"{kind}/{index}#{chunk}" for index in sections]
        if names[0] not in self._index:
            raise OpeningInconsistent(f"{label[:60]!r} names a chunk that does not exist")
        return [self._index[name] for name in names]

    def encode(
        self,
        measures: Mapping[str, int],
        category: str | None = None,
        noise: Mapping[str, int] = NO_NOISE,
    ) -> tuple[int, ...]:
        """A member's plaintexts, one a label. Run on the private side only.

        :param measures: an integer for every measure of the plan, guards included.
        :param category: the member's leaf of the plan's table; not looked at if there is none.
        :param noise: this member's own, drawn for this contribution by :func:`noise.draw`; for
            exactly the measures in :attr:`shares`.
        :raises ContributionRefused: a measure is missing or no integer, the denominator of a
            ranked indicator is zero, the category is no leaf, or noise that the plan wants.
        :raises BoundExceeded: a value outside minimum..bound.
        """
        if set(noise) != set(self.shares):
            raise ContributionRefused("the plan wants noise on exactly its published measures")
        values = checked(self.plan, measures)
        summed = disguised(self.shares, values, noise)
        bins = self.bins_of(values)
        plaintexts: list[int] = []
        for name, packing in self._counts.items():
            plaintexts += packing.pack(_unit_vector(len(packing.slot_bounds), bins[name]))
        own = bins[self.plan.sums_indicator.name] if self.plan.sums_indicator else None
        if self.plan.table is not None and self._cells is not None:
            own = self.plan.table.leaf_of(category)
            plaintexts += self._cells.pack(_unit_vector(self.bins, own))
        for index in range(self.bins):
            plaintexts += self._encode_classes(Level.BAND, values, empty=index != own)
            plaintexts += self._encode_sums(summed, empty=index != own)
        plaintexts += self._encode_classes(Level.COHORT, values, empty=False)
        for name, packing in self._single.items():
            plaintexts += packing.pack([summed[name]])
        return tuple(plaintexts)

    def bins_of(self, measures: Mapping[str, int]) -> dict[str, int]:
        """The member's bin in each ranking. :raises ContributionRefused: a denominator is zero."""
        return bins_of(self.plan, measures)

    def decode_counts(self, indicator: str, plaintexts: Mapping[str, int]) -> tuple[int, ...]:
        """Members in each bin of ``indicator``, from the opened plaintexts by opening label."""
        packing = self._counts[indicator]
        return packing.unpack([plaintexts[x] for x in _chunks(f"N/{indicator}", packing)])

    def decode_cells(self, plaintexts: Mapping[str, int]) -> tuple[int, ...]:
        """Members in each leaf of the table; empty if the plan has none."""
        if self._cells is None:
            return ()
        return self._cells.unpack([plaintexts[x] for x in _chunks("NT", self._cells)])

    def decode_classes(
        self, level: Level, labels: Sequence[str], plaintexts: Mapping[str, int]
    ) -> dict[str, tuple[int, ...]]:
        """Size-class counts by measure, guards included; empty if the level has no measures."""
        packing = self._classes[level]
        if packing is None:
            return {}
        slots = packing.unpack([plaintexts[label] for label in labels])
        histograms, start = {}, 0
        for measure in self._classed[level]:
            histograms[measure.name] = slots[start : start + self.classes(measure)]
            start += self.classes(measure)
        return histograms

    def decode_sums(self, labels: Sequence[str], plaintexts: Mapping[str, int]) -> dict[str, int]:
        """The sums of the band-level measures over one band, with the offsets of their noise."""
        if self._sums is None:
            return {}
        sums = self._sums.unpack([plaintexts[label] for label in labels])
        return {m.name: value for m, value in zip(self._summed, sums, strict=True)}

    def decode_cohort_sum(self, measure: str, plaintexts: Mapping[str, int]) -> int:
        """The sum of one cohort-level measure, with the offsets of its noise."""
        labels = self.cohort_sum_labels(measure)
        return self._single[measure].unpack([plaintexts[label] for label in labels])[0]

    def _packing(self, bounds: Sequence[int]) -> Packing:
        return Packing(tuple(bounds), self.plan.participants, self.modulus_bits - 1)

    def _slots(self, summed: Iterable[Measure]) -> Packing:
        return self._packing([slot_bound(self.shares, measure) for measure in summed])

    def _one_hot(self, slots: int) -> Packing:
        packing = self._packing([1] * slots)
        if packing.chunks > MAX_CHUNKS:
            raise PlanError(
                f"{slots} size classes take more than {MAX_CHUNKS} ciphertexts a section: use "
                "fewer classes an octave, fewer measures or lower bounds"
            )
        return packing

    def _encode_classes(
        self, level: Level, values: Mapping[str, int], *, empty: bool
    ) -> tuple[int, ...]:
        packing = self._classes[level]
        if packing is None:
            return ()
        if empty:
            return (0,) * packing.chunks
        slots: list[int] = []
        for measure in self._classed[level]:
            own = size_class(values[measure.name], self._resolution)
            slots += _unit_vector(self.classes(measure), own)
        return packing.pack(slots)

    def _encode_sums(self, values: Mapping[str, int], *, empty: bool) -> tuple[int, ...]:
        if self._sums is None:
            return ()
        if empty:
            return (0,) * self._sums.chunks
        return self._sums.pack([values[m.name] for m in self._summed])


def _chunks(section: str, packing: Packing | None) -> list[str]:
    return [f"{section}#{chunk}" for chunk in range(packing.chunks)] if packing else []


def _ranges(kind: str, sections: Iterable[int]) -> str:
    return f"{kind}/{'+'.join(f'[{first}:{end}]' for first, end in runs(sections))}"


def _unit_vector(length: int, hot: int) -> list[int]:
    return [int(index == hot) for index in range(length)]
