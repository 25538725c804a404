"""Small plans for tests: few bins, so that a whole round takes about a second."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

from protocols.bins import log_edges
from protocols.ceremony import Ceremony
from protocols.plan import Level, Measure, Part, Plan, Relation
from protocols.roster import Roster
from protocols.walkthrough import example_plan


def small_plan(roster: Roster, ceremony: Ceremony) -> Plan:
    """The walkthrough's plan with six bins."""
    plan = example_plan(roster, ceremony)
    indicator = dataclasses.replace(
        plan.indicators[0], edges=log_edges(Fraction(30), Fraction(300), 6)
    )
    return dataclasses.replace(plan, indicators=(indicator,))


def plan_with_cohort_level(roster: Roster, ceremony: Ceremony) -> Plan:
    """Also a cohort-level measure with its guard."""
    plan = small_plan(roster, ceremony)
    measures = (
        *plan.measures,
        Measure("electricity", "kWh", bound=10**10, level=Level.COHORT),
        Measure(
            "other",
            "kgCO2",
            bound=10**10,
            level=Level.COHORT,
            published=False,
            protects=("electricity",),
        ),
    )
    relation = Relation("emissions", (Part("electricity", Fraction(2, 5)),), "other")
    return dataclasses.replace(plan, measures=measures, relations=(relation,))
