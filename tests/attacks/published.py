"""Everything that is published about a set of enterprises, as exact linear statements.

What a reader can compute follows from these statements and from nothing else: sums over known sets
of enterprises, and half-spaces that each enterprise's own measures lie in (a band's edges, a public
relation between measures). The model is generous to the attacker: it says *who* is in which band,
which no release does. An interval that is wide here is at least as wide for a real reader.

Used by :mod:`tests.attacks.intervals`. Values are those of the plan: non-negative integers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from coordinator.deciding import decide
from protocols.bands import BinRange
from protocols.certificate import BandCertificate
from protocols.layout import Layout
from protocols.plan import Indicator, Level, Plan, Relation

Member = Mapping[str, int]

MODULUS_BITS = 2048
"""Only headroom depends on it; nothing here is encrypted."""


@dataclass(frozen=True)
class SumOf:
    """The values of ``measure`` of exactly these members add up to ``total``."""

    measure: str
    members: frozenset[int]
    total: int


@dataclass(frozen=True)
class HalfSpace:
    """``sum(coefficient * value) + slack >= 0`` over one member's own measures."""

    member: int
    terms: tuple[tuple[str, Fraction], ...]
    slack: Fraction = Fraction(0)


@dataclass(frozen=True)
class Publication:
    """Statements about members ``0 .. members - 1``; ``limits`` are the plan's, by measure."""

    members: int
    limits: Mapping[str, tuple[int, int]]
    sums: tuple[SumOf, ...] = ()
    half_spaces: tuple[HalfSpace, ...] = ()

    def and_also(self, other: Publication) -> Publication:
        """Both publications, of the same members and data."""
        if self.members != other.members or dict(self.limits) != dict(other.limits):
            raise ValueError("publications of other members or measures cannot be joined")
        return replace(
            self,
            sums=self.sums + other.sums,
            half_spaces=self.half_spaces + other.half_spaces,
        )

    def holds(self, members: Sequence[Member]) -> bool:
        """Whether the statements are true of these members: the model's own check."""
        return (
            all(sum(members[i][s.measure] for i in s.members) == s.total for s in self.sums)
            and all(
                sum(c * members[h.member][name] for name, c in h.terms) + h.slack >= 0
                for h in self.half_spaces
            )
            and all(
                low <= own[name] <= high
                for own in members
                for name, (low, high) in self.limits.items()
            )
        )

    def part(self, member: int) -> Publication:
        """The statements that have to do with this member, directly or by way of others."""
        inside, waiting = {member}, list(self.sums)
        while touching := [s for s in waiting if s.members & inside]:
            inside.update(*(s.members for s in touching))
            waiting = [s for s in waiting if s not in touching]
        return replace(
            self,
            sums=tuple(s for s in self.sums if s.members <= inside),
            half_spaces=tuple(h for h in self.half_spaces if h.member in inside),
        )

    def cells(self, member: int, measure: str) -> tuple[frozenset[int], ...]:
        """The published sums of ``measure`` that this member is in."""
        return tuple(s.members for s in self.sums if s.measure == measure and member in s.members)


def limits_of(plan: Plan) -> dict[str, tuple[int, int]]:
    """The plausibility limits, which stand in the plan for all to read."""
    return {m.name: (m.minimum, m.bound) for m in plan.measures}


def certified(plan: Plan, members: Sequence[Member]) -> BandCertificate:
    """What the trustees would certify for these members, decided on plain data."""
    return decide(plan, Layout(plan, MODULUS_BITS), members)


def released(
    plan: Plan,
    members: Sequence[Member],
    certificate: BandCertificate,
    known_rankings: Collection[str] = (),
) -> Publication:
    """What a release under ``certificate`` says, to a reader who knows who is in which band.

    :param known_rankings: the indicators whose band is known of every member. The bands of the
        ranking by sums are always known as sets; their edges count only if they are named here.
        The plan's relations are known to everybody.
    """
    layout = Layout(plan, MODULUS_BITS)
    bins = [layout.bins_of(member) for member in members]
    sums: list[SumOf] = []
    spaces: list[HalfSpace] = []
    for indicator in plan.ranked_indicators:
        for band in certificate.ranking(indicator.name):
            inside = [
                i for i, own in enumerate(bins) if band.first <= own[indicator.name] < band.end
            ]
            if indicator == plan.sums_indicator:
                sums += (
                    _sum(members, inside, m.name)
                    for m in plan.measures_at(Level.BAND, published=True)
                )
            if indicator.name in known_rankings:
                spaces += (space for i in inside for space in inside_band(i, indicator, band))
    everybody = range(len(members))
    sums += (_sum(members, everybody, name) for name in certificate.cohort_measures)
    spaces += (space for i in everybody for r in plan.relations for space in by_relation(i, r))
    return Publication(len(members), limits_of(plan), tuple(sums), tuple(spaces))


def inside_band(member: int, indicator: Indicator, band: BinRange) -> Iterable[HalfSpace]:
    """``lower <= N/D < upper`` as half-spaces; the upper edge is taken as reachable."""
    top, bottom = indicator.numerator, indicator.denominator
    if band.first > 0:
        edge = indicator.edges[band.first - 1]
        yield HalfSpace(member, ((top, Fraction(1)), (bottom, -edge)))
    if band.end < indicator.bins:
        edge = indicator.edges[band.end - 1]
        yield HalfSpace(member, ((bottom, edge), (top, Fraction(-1))))


def by_relation(member: int, relation: Relation) -> Iterable[HalfSpace]:
    """A relation as half-spaces that leave room for the rounding of each integer by itself.

    The terms never exceed the total. They equal it where every factor is public and nothing is left
    beside them.
    """
    known = {p.measure: p.factor for p in relation.parts if p.factor is not None}
    if relation.remainder:
        known[relation.remainder] = Fraction(1)
    slack = (1 + sum(known.values(), Fraction(0))) / 2
    terms = ((relation.total, Fraction(1)), *((name, -factor) for name, factor in known.items()))
    yield HalfSpace(member, terms, slack)
    if len(known) == len(relation.terms) and (relation.complete or relation.remainder):
        yield HalfSpace(member, tuple((name, -c) for name, c in terms), slack)


def _sum(members: Sequence[Member], inside: Iterable[int], measure: str) -> SumOf:
    held = frozenset(inside)
    return SumOf(measure, held, sum(members[i][measure] for i in held))
