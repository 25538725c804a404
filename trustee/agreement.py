"""What a trustee asks of a round before it takes part, beyond what everybody checks."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.ceremony import Ceremony
from protocols.errors import KeyRefused, PolicyRefusal
from protocols.signing import VerifyKey
from protocols.terms import Description, Limits, Terms, read_terms


@dataclass(frozen=True)
class TrusteeLimits(Limits):
    """A trustee's own least terms.

    ``refused_cohorts``: cohorts it takes no part in, its own sector among them.
    """

    refused_cohorts: tuple[str, ...] = ()


def agree(
    round_id: str,
    description: Description,
    ceremony: Ceremony,
    coordinator: VerifyKey,
    limits: TrusteeLimits,
) -> Terms:
    """Check a round's description.

    :param ceremony: the one this trustee countersigned, from its own folder.
    :param coordinator: the key this trustee pinned.
    :raises ProtocolError: a subclass that names the first thing that does not hold.
    """

    def own_ceremony(record: bytes) -> Ceremony:
        if record != ceremony.received:
            raise KeyRefused("the round uses another ceremony than the one this trustee accepted")
        return ceremony

    terms = read_terms(description, coordinator, round_id=round_id, read_ceremony=own_ceremony)
    reasons = limits.reasons_against(terms.plan)
    if terms.plan.cohort in limits.refused_cohorts:
        reasons.append(f"this trustee takes no part in rounds of cohort {terms.plan.cohort}")
    if reasons:
        raise PolicyRefusal("; ".join(reasons))
    return terms
