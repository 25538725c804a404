"""Plans, members and histograms for tests: one plain plan by hand, and strategies to draw more."""

from __future__ import annotations

import dataclasses
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from itertools import accumulate
from operator import mul
from typing import Any

from gmpy2 import iroot, mpz
from hypothesis import strategies as st

from protocols.encoding import class_lower, class_upper
from protocols.known_limits import PublicLimits
from protocols.plan import (
    Direction,
    Indicator,
    Level,
    Measure,
    Part,
    Plan,
    Policy,
    Ranking,
    Relation,
    Unrelated,
)
from protocols.profiles import finest_classes

PLAIN_MEASURES = (
    Measure("output", "yuan", bound=10**9),
    Measure("emissions", "kgCO2", bound=10**7),
    Measure("fuel", "MJ", bound=10**7, published=False),
    Measure("electricity", "kWh", bound=10**8, level=Level.COHORT),
    Measure("heat", "MJ", bound=10**8, level=Level.COHORT),
    Measure(
        "other", "kgCO2", 10**7, level=Level.COHORT, published=False, protects=("electricity",)
    ),
)

PLAIN_RELATIONS = (Relation("emissions", (Part("electricity", Fraction(2, 5)),), "other"),)
PLAIN_UNRELATED = (
    Unrelated(("electricity", "other", "heat"), "bought heat is waste heat, without emissions"),
)

PLAIN_INDICATORS = (
    Indicator(
        "cef",
        "yuan/tCO2",
        "output",
        "emissions",
        Fraction(1000),
        Direction.HIGHER,
        Ranking.SUMS,
        tuple(Fraction(edge) for edge in (10, 20, 40, 80, 160, 320, 640)),
    ),
    Indicator(
        "intensity",
        "kWh/yuan",
        "electricity",
        "output",
        Fraction(1),
        Direction.LOWER,
        Ranking.COUNTS,
        (Fraction(1, 100), Fraction(1, 10), Fraction(1)),
    ),
    Indicator(
        "cei",
        "kg/kWh",
        "emissions",
        "electricity",
        Fraction(1),
        Direction.LOWER,
        Ranking.NONE,
    ),
)


def plain_plan(**changes: Any) -> Plan:
    """A small valid plan with everything in it: both levels, both guards, all three rankings.

    Of its declarations those remain whose measures the changed plan still has.
    """
    fields: dict[str, Any] = {
        "round_id": "round-1",
        "cohort": "cohort-1",
        "title": "A plain plan",
        "period": "2024",
        "definitions": (("scope", "scope 1 and 2"), ("value", "output value")),
        "measures": PLAIN_MEASURES,
        "indicators": PLAIN_INDICATORS,
        "policy": Policy(),
        "roster_hash": bytes(range(32)),
        "participants": 40,
        "key_id": bytes(32),
        "opens_at": 1_700_000_000,
        "deadline": 1_700_086_400,
    }
    names = {measure.name for measure in changes.get("measures", PLAIN_MEASURES)}
    fields["relations"] = tuple(r for r in PLAIN_RELATIONS if names.issuperset((r.total, *r.terms)))
    fields["unrelated"] = tuple(u for u in PLAIN_UNRELATED if names.issuperset(u.measures))
    return Plan(**{**fields, **changes})


def frame(**changes: Any) -> dict[str, Any]:
    """What a round adds to a template: arguments for ``PlanTemplate.instantiate``."""
    fields = {
        "round_id": "round-1",
        "cohort": "cohort-1",
        "participants": 72,
        "roster_hash": bytes(32),
        "key_id": bytes(32),
        "opens_at": 0,
        "deadline": 9,
    }
    return {**fields, **changes}


_words = st.text("abcXYZ0189 ./é碳", min_size=1, max_size=12).map(str.strip).filter(bool)
_bounds = st.integers(1, 10**13)
_digests = st.binary(min_size=32, max_size=32)


@st.composite
def _measures(draw: st.DrawFn, name: str, level: Level, guards: tuple[str, ...] | None) -> Measure:
    bound = draw(_bounds)
    return Measure(
        name,
        draw(_words),
        bound,
        draw(st.integers(0, bound)) if draw(st.booleans()) else 0,
        level,
        published=guards is None,
        protects=guards or (),
    )


edge_tuples = st.tuples(
    st.fractions(Fraction(1, 1000), 1000, max_denominator=1000),
    st.lists(st.fractions(2, 10, max_denominator=10), max_size=11),
).map(lambda drawn: tuple(accumulate((drawn[0], *drawn[1]), mul)))
"""Increasing positive edges of 2 to 13 bins, each at least twice the one before: wide enough for
any policy."""


@st.composite
def _indicators(draw: st.DrawFn, name: str, over: Sequence[str], ranking: Ranking) -> Indicator:
    pair = draw(st.permutations(list(over)))[:2]
    return Indicator(
        name,
        draw(_words),
        pair[0],
        pair[1],
        draw(st.fractions(Fraction(1, 100), 10**6)),
        draw(st.sampled_from(Direction)),
        ranking,
        draw(edge_tuples) if ranking is not Ranking.NONE else (),
    )


def _pair(indicator: Indicator) -> frozenset[str]:
    return frozenset((indicator.numerator, indicator.denominator))


@st.composite
def _policies(draw: st.DrawFn) -> Policy:
    """Any rules and resolution that go together."""
    percent, top = draw(st.integers(1, 100)), draw(st.sampled_from([0, 0, 1, 3]))
    return Policy(
        draw(st.integers(3, 9)),
        percent,
        largest_share_percent=draw(st.sampled_from([0, 25, 60])),
        top_count=top,
        top_share_percent=85 if top else 0,
        classes_per_octave=draw(st.sampled_from([1, finest_classes(percent)])),
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Any valid plan of moderate size, with or without band-level measures."""
    with_bands = draw(st.booleans())
    bands = [f"band_{i}" for i in range(draw(st.integers(2, 3)) if with_bands else 0)]
    cohort = [f"cohort_{i}" for i in range(draw(st.integers(0 if with_bands else 2, 3)))]
    measures = [draw(_measures(name, Level.BAND, None)) for name in bands]
    measures += [draw(_measures(name, Level.COHORT, None)) for name in cohort]
    apart = [*bands, *cohort]
    relations = []
    if with_bands and draw(st.booleans()):
        guard = draw(_measures("band_guard", Level.BAND, ()))
        if draw(st.booleans()):
            guard = dataclasses.replace(guard, unit=measures[0].unit)
            factor = draw(st.none() | st.fractions(Fraction(1, 100), 100, max_denominator=10**6))
            relations = [Relation(bands[0], (Part(bands[1], factor),), guard.name)]
            apart[0] = guard.name
        measures.append(guard)
    if cohort and draw(st.booleans()):
        protected = draw(st.lists(st.sampled_from(cohort), min_size=1, unique=True))
        measures.append(draw(_measures("cohort_guard", Level.COHORT, tuple(protected))))
    indicators = [draw(_indicators("ranked", bands, Ranking.SUMS))] if with_bands else []
    for index in range(draw(st.integers(0, 2))):
        ranking = draw(st.sampled_from([Ranking.COUNTS, Ranking.NONE]))
        drawn = draw(_indicators(f"ratio_{index}", bands + cohort, ranking))
        if ranking is Ranking.NONE or _pair(drawn) not in {
            _pair(other) for other in indicators if other.edges
        }:
            indicators.append(drawn)
    opens_at = draw(st.integers(0, 2**40))
    return plain_plan(
        cohort=draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)),
        title=draw(_words),
        definitions=tuple(sorted(draw(st.dictionaries(st.sampled_from("abc"), _words)).items())),
        measures=tuple(draw(st.permutations(measures))),
        indicators=tuple(draw(st.permutations(indicators))),
        policy=draw(_policies()),
        roster_hash=draw(_digests),
        key_id=draw(_digests),
        participants=draw(st.integers(1, 500)),
        opens_at=opens_at,
        deadline=opens_at + draw(st.integers(1, 10**6)),
        relations=tuple(relations),
        unrelated=(Unrelated(tuple(apart), draw(_words)),),
    )


@st.composite
def measures_for(draw: st.DrawFn, plan: Plan) -> dict[str, int]:
    """One member's integers under ``plan``: inside the limits, every ranked ratio defined."""
    divisors = {indicator.denominator for indicator in plan.ranked_indicators}
    return {
        m.name: draw(st.integers(max(m.minimum, int(m.name in divisors)), m.bound))
        for m in plan.measures
    }


@st.composite
def plans_with_members(draw: st.DrawFn, most: int = 6) -> tuple[Plan, list[dict[str, int]]]:
    """A plan and up to ``most`` members' measures, never more than it has participants."""
    plan = draw(plans())
    count = min(most, plan.participants)
    return plan, draw(st.lists(measures_for(plan), min_size=1, max_size=count))


def histograms(classes: int = 12, most: int = 6) -> st.SearchStrategy[tuple[int, ...]]:
    """Members in each of ``classes`` size classes, many of them empty."""
    members = st.one_of(st.just(0), st.just(0), st.integers(0, most))
    return st.lists(members, min_size=classes, max_size=classes).map(tuple)


@st.composite
def values_in(draw: st.DrawFn, histogram: Sequence[int], resolution: int = 1) -> list[int]:
    """Integers that have exactly this histogram."""
    return [
        draw(st.integers(class_lower(size, resolution), class_upper(size, resolution)))
        for size, members in enumerate(histogram)
        for _ in range(members)
    ]


NO_LIMITS = PublicLimits()
UNLIMITED: Mapping[str, PublicLimits] = defaultdict(PublicLimits)
"""For cells without a plan: nothing is known of anybody's value, whatever the measure."""


def histogram_of(values: Sequence[int], classes: int) -> tuple[int, ...]:
    """The histogram of ``values``, counted without the code under test."""
    sizes = [len(f"{value:b}") if value else 0 for value in values]
    return tuple(sizes.count(size) for size in range(classes))


@cache
def _edges(resolution: int, bits: int) -> list[int]:
    """Class edges from a root of another library, up to ``2**bits``."""
    found = set()
    for exponent in range(resolution * bits + 1):
        root, exact = iroot(mpz(2) ** exponent, resolution)
        found.add(int(root) + (not exact))
    return sorted(found)


def finer_histogram(values: Sequence[int], bound: int, resolution: int) -> tuple[int, ...]:
    """As :func:`histogram_of`, for any number of classes an octave, of a measure's bound."""
    edges = _edges(resolution, bound.bit_length() + 1)
    sizes = [bisect_right(edges, value) for value in values]
    return tuple(sizes.count(size) for size in range(bisect_right(edges, bound) + 1))


def class_histograms(plan: Plan, level: Level, members: Sequence[Mapping[str, int]]) -> Any:
    """What the classes of ``members`` must decode to."""
    return {
        m.name: finer_histogram(
            [values[m.name] for values in members], m.bound, plan.policy.classes_per_octave
        )
        for m in plan.measures_at(level)
    }
