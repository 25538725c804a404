"""What a round's folder says of its plan, whichever backend it is for.

Rounds with trustees are described to a node (``description``), rounds of totals begin with a step
that carries the plan (:mod:`enterprise_node.private.totals_files`). What only needs the plan, as
the comparison with earlier rounds does, asks here.
"""

from __future__ import annotations

from enterprise_node.errors import PlanRefused
from enterprise_node.private.participation import read_offer_terms
from enterprise_node.private.policy import NodePolicy
from enterprise_node.private.rounds import RoundFolder
from enterprise_node.private.totals_files import TotalsFiles
from enterprise_node.private.totals_terms import read_totals_offer
from protocols.errors import ProtocolError
from protocols.plan import Plan


def plan_of(folder: RoundFolder, policy: NodePolicy) -> Plan | None:
    """The plan of a round this node heard of, signed by the policy's coordinator; else None."""
    try:
        description = TotalsFiles(folder).offer()
        if description is not None:
            return read_totals_offer(description, policy, folder.round_id).plan
        offer = folder.offer()
        return None if offer is None else read_offer_terms(offer, policy, folder.round_id).plan
    except (ProtocolError, PlanRefused):
        return None  # another coordinator's, or nothing that anybody could have answered
