"""A cohort's plain integers, which only a simulation has, and what profiles make of them."""

from __future__ import annotations

from collections.abc import Iterable

from coordinator.deciding import LEAF, Member
from coordinator.profile_costs import Cost, add_cohort
from coordinator.profile_section import PREFIX, extra
from protocols.errors import PlanError
from protocols.paillier import DEFAULT_MODULUS_BITS
from protocols.plan import Plan
from protocols.profiles import PROFILES
from sim.people import Person


def member_of(plan: Plan, person: Person) -> Member:
    """What the plan asks of a person who takes part, its leaf of the plan's table included."""
    values = {m.name: person.own.integers[m.name] for m in plan.measures}
    if plan.table is not None:
        values[LEAF] = plan.table.leaf_of(person.own.category)
    return values


def profile_extras(plan: Plan, people: Iterable[Person]) -> dict[str, str]:
    """For a cohort's report: what each profile would publish of those who took part.

    A profile that the plan's bins are too narrow for is left out.
    """
    members = [member_of(plan, person) for person in people if person.excluded is None]
    found = {}
    for name, policy in PROFILES.items():
        cost = Cost(policy)
        try:
            add_cohort(cost, plan, DEFAULT_MODULUS_BITS, members, cells=False)
        except PlanError:
            continue
        found[PREFIX + name] = extra(cost)
    return found
