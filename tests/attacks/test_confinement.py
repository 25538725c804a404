"""To what interval everything published, and one member's own knowledge, confines each value.

**What the p% rule promises.** It is one-sided: in each published cell, of members
``x1 >= x2 >= ...`` with total X, the best-informed reader is the owner of x2; its upper estimate of
x1, ``X - x2``, is too high by at least p % of x1. For any other pair in the cell the error is
larger: ``X - xj - xi`` is at least ``X - x1 - x2``, and that at least p % of ``x1 >= xi``.

**Why band edges, ratios and relations add nothing in a plan with one ranking.** They confine the
vector of each member of a band to one and the same closed convex cone K (edges and relations are
homogeneous). Sums of vectors of K lie in K. So the band's sums less the insider's own vector lie
in K, and that one member holds all of it, and all others nothing, fits everything that is
published: the upper end of each interval is ``X - xj``, as if nothing but the sum were known. For
a measure of the whole cohort the argument runs by exchange: for p % more of it a member needs at
most p % more of the measures that it is a part of, which the others of its band can give, and the
guard's members elsewhere make up the rest. Two things are no cone and take room away: a plan's
minimum above zero, and its bound. The policy has a rule for these (:mod:`protocols.known_limits`),
proved for each measure by itself; that a minimum of one measure does not reach another by a band's
edges is measured below and not proved. Knowing every member's band
in a second ranking gives members different cones, and the argument ends there
(:mod:`tests.attacks.known_intensities`).
"""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from protocols import policy
from protocols.plan import Level, Measure, Part, Plan, Policy, Relation
from tests.attacks.confinement import Confinement
from tests.attacks.published import MODULUS_BITS, Member, certified, released
from tests.plain_round import play
from tests.strategies import PLAIN_INDICATORS, plain_plan

POLICY = Policy()
FACTOR = Fraction(2, 5)


def plan_of(participants: int, level: Level = Level.BAND) -> Plan:
    """CEF ranked by sums; electricity and the fuels' emissions add up to emissions.

    :param level: of electricity, and of the guard of what is left of emissions.
    """
    bound = 10**12
    protects = ("electricity",) if level is Level.COHORT else ()
    return plain_plan(
        measures=(
            Measure("output", "yuan", bound),
            Measure("emissions", "kgCO2", bound),
            Measure("electricity", "kWh", bound, level=level),
            Measure("fuel_emissions", "kgCO2", bound, 0, level, published=False, protects=protects),
        ),
        indicators=(PLAIN_INDICATORS[0],),
        relations=(Relation("emissions", (Part("electricity", FACTOR),), "fuel_emissions"),),
        unrelated=(),
        participants=participants,
    )


@st.composite
def firms(draw: st.DrawFn, ratio: int, decades: int) -> Member:
    """A firm of this CEF and of a size over some decades, with any mix of electricity and fuels."""
    emissions = draw(st.integers(10**5, 10 ** (5 + decades)))
    electricity = round(emissions * draw(st.integers(1, 99)) / 100 / FACTOR)
    return {
        "output": emissions * ratio,
        "emissions": emissions,
        "electricity": electricity,
        "fuel_emissions": emissions - round(FACTOR * electricity),
    }


@st.composite
def cohorts(draw: st.DrawFn) -> list[Member]:
    """One to three groups of 5 to 8 firms; of a group all lie in one bin or two."""
    members: list[Member] = []
    for ratio in draw(st.lists(st.sampled_from([5, 15, 30, 70, 300, 900]), min_size=1, max_size=3)):
        one = firms(ratio, draw(st.integers(1, 2)))
        members += draw(st.lists(one, min_size=5, max_size=8))
    return members


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(cohorts(), st.sampled_from(Level), st.data())
def test_no_upper_estimate_is_closer_than_p_percent(
    members: list[Member], level: Level, data: Any
) -> None:
    """The worst pair of each published cell, and any two members in any measure."""
    plan = plan_of(len(members), level)
    certificate = certified(plan, members)
    assume(not certificate.withheld)
    publication = released(plan, members, certificate, ["cef"])
    assert publication.holds(members)
    asked = []
    for cell in publication.sums:
        ordered = sorted(cell.members, key=lambda i: members[i][cell.measure])
        asked.append((ordered[-1], ordered[-2], cell.measure))
    drawn = data.draw(st.permutations(range(len(members))))
    asked.append((drawn[0], drawn[1], data.draw(st.sampled_from(plan.measures)).name))
    for member, insider, measure in asked:
        part = publication.part(member)
        interval = Confinement(part, members, frozenset([insider])).interval(member, measure)
        assert interval.wide_enough(POLICY.dominance_percent), (member, measure, interval)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(cohorts(), st.data())
def test_the_upper_estimate_is_the_sum_less_what_the_insider_knows(
    members: list[Member], data: Any
) -> None:
    """The proof above, in numbers: edges and relations take nothing off ``X - xj``."""
    plan = plan_of(len(members))
    certificate = certified(plan, members)
    assume(not certificate.withheld)
    publication = released(plan, members, certificate, ["cef"])
    cell = data.draw(st.sampled_from([s for s in publication.sums if s.measure == "emissions"]))
    member, insider = data.draw(st.permutations(sorted(cell.members)))[:2]
    confinement = Confinement(publication, members, frozenset([insider]))
    upper = confinement.interval(member, "emissions").upper
    assert upper == pytest.approx(cell.total - members[insider]["emissions"], rel=1e-5)


@pytest.mark.parametrize("ruled", [True, False])
def test_a_minimum_near_the_values_leaves_the_room_that_the_policy_promises(
    ruled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bands of firms of much the same CEF, some of them large, and a minimum of one measure just
    under the least value. Without the rule some are found more closely."""
    if not ruled:
        monkeypatch.setattr(policy, "keeps_distance_by_classes", lambda *_: True)
    source = random.Random(2)
    asked, close = 0, set[tuple[str, str]]()
    for _ in range(250):
        members = [near_the_floor(source) for _ in range(source.randint(5, 8))]
        plan = plan_of(len(members), source.choice([*Level]))
        name = source.choice([m.name for m in plan.measures])
        floor = int(source.uniform(0.6, 1) * min(member[name] for member in members))
        plan = with_minimum(plan, name, floor)
        certificate = certified(plan, members)
        if certificate.withheld:
            continue
        publication = released(plan, members, certificate, ["cef"])
        for cell in publication.sums:
            ordered = sorted(cell.members, key=lambda i: members[i][cell.measure])
            confinement = Confinement(publication, members, frozenset([ordered[-2]]))
            interval = confinement.interval(ordered[-1], cell.measure)
            asked += 1
            if not interval.wide_enough(POLICY.dominance_percent):
                close.add((name, cell.measure))
    assert asked > 200
    assert bool(close) != ruled, close


def near_the_floor(source: random.Random) -> Member:
    """A firm of much the same CEF as the others; most are small, some 8 or 16 times as large."""
    size = source.choice([1, 1, 1, 1, 1.5, 8, 16]) * source.uniform(1, 1.2)
    emissions = int(10**5 * size)
    electricity = round(emissions * Fraction(source.randint(5, 95), 100) / FACTOR)
    return {
        "output": int(30 * emissions * source.uniform(0.98, 1.02)),
        "emissions": emissions,
        "electricity": electricity,
        "fuel_emissions": emissions - round(FACTOR * electricity),
    }


def with_minimum(plan: Plan, name: str, minimum: int) -> Plan:
    """The plan with a minimum of one measure."""
    measures = (replace(m, minimum=minimum) if m.name == name else m for m in plan.measures)
    return replace(plan, measures=tuple(measures))


def test_without_the_policy_the_largest_is_found() -> None:
    """The measurement itself: it does see a value that is given away."""
    members = [dominated(share) for share in (0, 1, 2, 3, 4)]
    members[0] = dominated(10_000)
    plan = plan_of(len(members))
    assert certified(plan, members).withheld
    loose = replace(certified(plan, [dominated(9)] * 5), members=5)
    publication = released(plan, members, loose, ["cef"])
    interval = Confinement(publication, members, frozenset([4])).interval(0, "emissions")
    assert not interval.wide_enough(POLICY.dominance_percent)
    assert interval.over_estimate() < 0.001


def dominated(share: int) -> Member:
    """A firm of this many units of size, all alike but for it."""
    size = 10_000 * (share + 1)
    return {
        "output": size // 10,
        "emissions": size,
        "electricity": size // 2,
        "fuel_emissions": size - size // 2 * FACTOR.numerator // FACTOR.denominator,
    }


def test_the_model_says_what_the_release_document_says() -> None:
    members = [dominated(share) for share in range(7)]
    plan = plan_of(len(members))
    played = play(plan, members, MODULUS_BITS)
    publication = released(plan, members, played.certificate, ["cef"])
    for name in ("output", "emissions", "electricity"):
        said = [int(band["measures"][name]["value"]) for band in played.document["bands"]]
        assert said == [s.total for s in publication.sums if s.measure == name]
    assert [len(s.members) for s in publication.sums if s.measure == "output"] == [
        band["n"] for band in played.document["bands"]
    ]


def test_two_releases_of_different_measures_are_read_together() -> None:
    members = [dominated(share) for share in range(6)]
    plan = plan_of(len(members))
    whole = released(plan, members, certified(plan, members), ["cef"])
    parts = [
        replace(whole, sums=tuple(s for s in whole.sums if (s.measure == "output") is only))
        for only in (True, False)
    ]
    joined = parts[0].and_also(parts[1])
    assert set(joined.sums) == set(whole.sums)
    with pytest.raises(ValueError, match="cannot be joined"):
        whole.and_also(replace(whole, members=7))
