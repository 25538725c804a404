"""What both sides of a totals round derive from its plan: graph, committee, vector, limits."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from protocols.errors import PlanError
from protocols.federated.graph import MaskGraph, committee
from protocols.federated.totals.vector import Vector
from protocols.plan import MAX_PLAN_BYTES, Mode, Plan

KEPT = 8
"""Rounds whose graph and committee a process keeps: both are sorted over the whole roster."""

WINDOW_SHARE = (9, 16)
"""Of each half degree of spots on the ring as many must survive. tests/protocols/federated/totals/
test_windows.py computes what that costs a round, and what it leaves a coordinator."""

_ENTRY_BYTES = 2048
"""Ceiling for one neighbour's or signer's part of a step, its share of the Merkle proof included;
a group tag may have 400 bytes, a proof 20 parts."""


class Setting:
    """A totals plan, and what follows from it.

    :raises PlanError: a plan of another mode, or whose sums have no room.
    """

    def __init__(self, plan: Plan) -> None:
        terms = plan.aggregation
        if terms is None or plan.mode is not Mode.TOTALS:
            raise PlanError(f"round {plan.round_id} is not one of totals")
        self.plan = plan
        self.terms = terms
        self.threshold = terms.threshold
        self.minimum = plan.policy.minimum_cohort
        self.vector = Vector(plan)
        self.graph = _graph(plan.hash, plan.participants, terms.neighbours)

    @property
    def committee(self) -> tuple[int, ...]:
        """The places, ascending, whose holders sign the list of survivors."""
        return _committee(self.plan.hash, self.plan.participants, self.terms.committee)

    @property
    def window(self) -> int:
        """Spots of the ring that part it where they follow each other and nobody there masks."""
        return self.graph.degree // 2

    @property
    def least_in_window(self) -> int:
        """Survivors in each window, so that a coordinator that calls members lost parts nothing."""
        return self.window * WINDOW_SHARE[0] // WINDOW_SHARE[1]

    @property
    def ring(self) -> NDArray[np.int64]:
        """Places in the ring's order; empty where everybody is everybody's neighbour."""
        return _ring(self.plan.hash, self.plan.participants, self.terms.neighbours)

    @property
    def masking_context(self) -> tuple[bytes, ...]:
        """What the pairwise masks are bound to."""
        return (b"masked", self.plan.hash)

    @property
    def most_step_bytes(self) -> int:
        """The largest step that a member looks at."""
        listed = max(self.graph.degree, self.terms.committee)
        return MAX_PLAN_BYTES + 1024 + self.plan.participants // 8 + _ENTRY_BYTES * listed

    @property
    def most_answer_bytes(self) -> int:
        """The largest answer that the coordinator looks at."""
        return 1024 + 128 * self.graph.degree + 8 * self.vector.words


@lru_cache(maxsize=KEPT)
def _graph(seed: bytes, size: int, degree: int) -> MaskGraph:
    return MaskGraph(seed, size, degree)


@lru_cache(maxsize=KEPT)
def _ring(seed: bytes, size: int, degree: int) -> NDArray[np.int64]:
    return np.array(_graph(seed, size, degree).ring, dtype=np.int64)


@lru_cache(maxsize=KEPT)
def _committee(seed: bytes, size: int, members: int) -> tuple[int, ...]:
    return committee(seed, size, members)
