"""What a trustee asks of a round before it takes part, beyond what everybody checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from protocols.ceremony import Ceremony
from protocols.errors import KeyRefused, PolicyRefusal
from protocols.signing import VerifyKey
from protocols.terms import Description, Limits, Terms, read_terms


@dataclass(frozen=True)
class TrusteeLimits(Limits):
    """A trustee's own least terms.

    ``refused_cohorts``: cohorts it takes no part in, its own sector among them.
    ``approve_by_hand``: a person looks at every roster before the trustee countersigns it.
    ``known_enterprises``: registered ids of the only enterprises it accepts on a roster, each with
    the fingerprints of its keys as the enterprise itself told them; None accepts everybody whom the
    coordinator enrolled. An id without fingerprints accepts the first key that the coordinator
    shows for it, so only fingerprints are a control against invented members.
    """

    refused_cohorts: tuple[str, ...] = ()
    approve_by_hand: bool = field(default=False, kw_only=True)
    known_enterprises: Mapping[str, frozenset[str]] | None = field(default=None, kw_only=True)


def read_own_terms(
    round_id: str, description: Description, ceremony: Ceremony, coordinator: VerifyKey
) -> Terms:
    """Check that a round's description holds and uses the ceremony that this trustee accepted.

    :param ceremony: the one this trustee countersigned, from its own folder.
    :param coordinator: the key this trustee pinned.
    :raises ProtocolError: a subclass that names the first thing that does not hold.
    """

    def own_ceremony(record: bytes) -> Ceremony:
        if record != ceremony.received:
            raise KeyRefused("the round uses another ceremony than the one this trustee accepted")
        return ceremony

    return read_terms(description, coordinator, round_id=round_id, read_ceremony=own_ceremony)


def check_limits(terms: Terms, limits: TrusteeLimits) -> None:
    """Hold a round against this trustee's own least terms.

    :raises PolicyRefusal: with every reason against it.
    """
    reasons = limits.reasons_against(terms.plan)
    if terms.plan.cohort in limits.refused_cohorts:
        reasons.append(f"this trustee takes no part in rounds of cohort {terms.plan.cohort}")
    if reasons:
        raise PolicyRefusal("; ".join(reasons))


def agree(
    round_id: str,
    description: Description,
    ceremony: Ceremony,
    coordinator: VerifyKey,
    limits: TrusteeLimits,
) -> Terms:
    """Both checks of a round's description. :raises ProtocolError: what does not hold."""
    terms = read_own_terms(round_id, description, ceremony, coordinator)
    check_limits(terms, limits)
    return terms
