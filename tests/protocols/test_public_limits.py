"""Limits that follow from a plan's relations hold for every member that fulfils them."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from protocols.known_limits import PublicLimits
from protocols.plan import Measure, Part, Relation
from protocols.public_limits import public_limits
from protocols.relations import broken
from tests.strategies import plain_plan

factors = st.sampled_from([Fraction(1), Fraction(2, 5), Fraction(7, 2), None])


def measures(**limits: tuple[int, int]) -> list[Measure]:
    return [Measure(name, "MJ", bound, minimum) for name, (minimum, bound) in limits.items()]


def test_without_relations_they_are_the_plans_own() -> None:
    plan = plain_plan()
    own = {m.name: PublicLimits(m.minimum, m.bound) for m in plan.measures}
    assert public_limits(plan.measures, ()) == own
    assert plan.public_limits.keys() == own.keys()


def test_a_minimum_of_a_part_is_one_of_the_total() -> None:
    held = measures(total=(0, 10_000), part=(1000, 10_000), rest=(0, 10_000))
    relation = Relation("total", (Part("part", Fraction(2)),), "rest")
    found = public_limits(held, [relation])
    assert found["total"] == PublicLimits(1998, 10_000)
    assert found["part"] == PublicLimits(1000, 5001)
    assert found["rest"] == PublicLimits(0, 8002)


def test_a_chain_of_relations_is_followed_in_any_order() -> None:
    held = measures(all=(0, 10**6), fuels=(0, 10**6), gas=(500, 10**6), other=(0, 10**6))
    chain = [Relation("all", (Part("fuels"),)), Relation("fuels", (Part("gas"),), "other")]
    for order in (chain, chain[::-1]):
        found = public_limits(held, order)
        assert found["fuels"].minimum == 499
        assert found["all"].minimum == 498


def test_where_nothing_is_left_open_the_parts_follow_from_the_total() -> None:
    held = measures(total=(900, 1000), one=(0, 10**6), other=(0, 300))
    complete = Relation("total", (Part("one"), Part("other")), complete=True)
    found = public_limits(held, [complete])
    assert found["one"] == PublicLimits(599, 1001)
    open_ended = Relation("total", (Part("one"), Part("other")))
    assert public_limits(held, [open_ended])["one"] == PublicLimits(0, 1001)


@settings(max_examples=500)
@given(
    st.tuples(*[st.integers(0, 60)] * 4),
    st.tuples(*[st.integers(0, 40)] * 4),
    st.tuples(*[st.integers(0, 40)] * 4),
    factors,
    factors,
    st.booleans(),
)
def test_no_member_that_fulfils_the_relations_lies_outside(
    values: tuple[int, ...],
    under: tuple[int, ...],
    over: tuple[int, ...],
    first: Fraction | None,
    second: Fraction | None,
    named: bool,
) -> None:
    """Any member inside the plan's own limits that a node would not refuse by the relations."""
    names = ("total", "part", "rest", "fine")
    integers = dict(zip(names, values, strict=True))
    if first is not None and named:
        integers["total"] = round(first * integers["part"]) + integers["rest"]
    relations = (
        Relation("total", (Part("part", first),), "rest" if named else ""),
        Relation("rest", (Part("fine", second),)),
    )
    assume(not broken(relations, integers))
    held = measures(
        **{
            name: (max(0, integers[name] - low), integers[name] + high + 1)
            for name, low, high in zip(names, under, over, strict=True)
        }
    )
    found = public_limits(held, relations)
    for measure in held:
        limits = found[measure.name]
        assert limits.bound is not None
        assert limits.minimum <= integers[measure.name] <= limits.bound
        assert measure.minimum <= limits.minimum
        assert limits.bound <= measure.bound
