"""Totals stand alone: no other round over the same data before or after, without the owner's word.

Rounds with trustees are compared by the trustees' release ledgers: a round whose difference from
an earlier one would show few members is not opened. A round of totals has no trustees, so two
totals over the same data with one member more in the second publish that member's figures, and so
does a total beside the bands of another round. Nobody but the members themselves can keep them
apart, so a node that took part in a round of totals takes part in no other round of an overlapping
period (:mod:`protocols.periods`), and in no round of totals after any other. Its owner, who may
know that the members are the same, can say so once (``cefed node approve --replace-plan``).
SPEC.md section 11.
"""

from __future__ import annotations

from collections.abc import Iterable

from enterprise_node.private.backends import Backend, backend_of
from enterprise_node.private.contributed import Sent
from protocols.periods import Relation, relation
from protocols.plan import Plan


def reason_by_totals(earlier: Iterable[Sent], plan: Plan) -> str | None:
    """Why ``plan`` may not follow what was sent before; None if it may. Pure.

    :param earlier: what was ever sent, to rounds that were cancelled, too.
    """
    own = backend_of(plan)
    for sent in earlier:
        same = sent.round_id == plan.round_id
        if same or Backend.TOTALS not in (own, sent.backend):
            continue
        if relation(sent.period, plan.period) is not Relation.OVERLAPPING:
            continue
        return (
            f"this node took part in round {sent.round_id} ({sent.backend.value}) over data of "
            f"{sent.period}, and this one is a round of {_words(own)} over data of {plan.period}: "
            "where one of two rounds has no trustees, nobody compares them, and members who take "
            "part in one of them only show in the difference. If you know that both have the same "
            "members, accept the plan once with cefed node approve --replace-plan"
        )
    return None


def _words(backend: Backend) -> str:
    return "totals" if backend is Backend.TOTALS else f"{backend.value} sums"
