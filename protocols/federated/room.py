"""Whether the sums of a plan have room in masked words, which wrap around where they have not.

Asked whenever a federated plan's layout is made, and by ``totals`` rounds. SPEC.md section 11.
"""

from __future__ import annotations

from protocols.errors import PlanError
from protocols.federated.terms import WORD_BITS
from protocols.noise import shares_of, slot_bound
from protocols.plan import Plan


def check_room(plan: Plan) -> None:
    """:raises PlanError: the sum of a measure over all participants may exceed a word."""
    shares = shares_of(plan)
    for measure in plan.measures:
        if not measure.published:
            continue
        needed = (plan.participants * slot_bound(shares, measure)).bit_length()
        if needed > WORD_BITS:
            raise PlanError(
                f"{measure.name}: {plan.participants} participants with a bound of {measure.bound} "
                f"{measure.unit} need {needed} bits, and masked sums have {WORD_BITS}: lower the "
                "bound, use a coarser unit, or the Paillier backend"
            )
