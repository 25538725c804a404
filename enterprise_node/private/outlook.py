"""What stands between a round and its end, in words for the owner: cancelled, or earlier figures.

Reads the folder and changes nothing. Used by a step, by ``import`` and by ``status``.
"""

from __future__ import annotations

from enterprise_node.errors import PlanRefused
from enterprise_node.private.participation import read_offer_terms, reason_to_wait
from enterprise_node.private.policy import NodePolicy
from enterprise_node.private.rounds import RoundFolder
from enterprise_node.private.store import NodeStore
from protocols.errors import ProtocolError
from protocols.notices import Notices


def cancelled(folder: RoundFolder, policy: NodePolicy) -> str | None:
    """The coordinator's reason for cancelling a round; None if it did not, or not credibly."""
    try:
        offer = folder.offer()
        if offer is None or not offer.notices:
            return None
        terms = read_offer_terms(offer, policy, folder.round_id)
        return Notices.read(offer.notices, terms.plan, terms.coordinator).cancelled
    except (ProtocolError, PlanRefused):
        return None  # said when the offer is looked at as a whole


def earlier_figures(store: NodeStore, folder: RoundFolder, now: int) -> str | None:
    """That an open round has figures of an earlier import, and what replaces them; else None.

    :param now: seconds since 1970-01-01 UTC.
    """
    version, approval = folder.version(), folder.approval()
    if not version or folder.release_path.exists() or not store.has_import():
        return None
    digest = store.imported()[1]
    accepted = store.decisions.last_accepted(folder.round_id)
    if accepted is None or accepted.measures == digest:
        return None
    if approval is not None and (approval.version, approval.measures) == (version + 1, digest):
        return None  # the next step replaces them
    try:
        offer = folder.offer()
        if offer is None:
            return None
        terms = read_offer_terms(offer, store.policy(), folder.round_id)
        if reason_to_wait(offer, terms, now) is not None:
            return None
    except (ProtocolError, PlanRefused):
        return None
    return (
        f"round {folder.round_id} has the figures of an earlier import; to replace them: "
        f"cefed node run {store.folder} --round {folder.round_id} --correct"
    )
