"""The backends of a round in words for the owner: what leaves, and who can open it.

Shown by previews, decisions, the status and the egress ledger. SPEC.md section 11.
"""

from __future__ import annotations

from enum import StrEnum

from protocols.federated.terms import Mode
from protocols.plan import Plan


class Backend(StrEnum):
    """How the sums of a round are opened, as ``policy.toml`` and releases name it."""

    PAILLIER = "paillier"
    CERTIFIED = "certified"
    TOTALS = "totals"


_OF_MODE = {None: Backend.PAILLIER, Mode.CERTIFIED: Backend.CERTIFIED, Mode.TOTALS: Backend.TOTALS}

NO_DOMINANCE = (
    "DOMINANCE IS NOT CONTROLLED: no trustee looks at the sizes of the members, so that a total "
    "may consist of one large enterprise's figure almost alone"
)
NOT_VERIFIABLE = (
    "nobody who took no part can verify the release, and no ledger of the trustees compares it "
    "with other releases"
)

_OPENED_BY = {
    Backend.PAILLIER: "counts and sums under the key of the trustees, for what they certified",
    Backend.CERTIFIED: (
        "counts under the key of the trustees; values only in the sum of all members that their "
        "certificate counts, once every one of these has sent its masked vector"
    ),
    Backend.TOTALS: (
        "totals of the members who stayed to the end, opened by the coordinator with what these "
        "members reveal; there are no trustees"
    ),
}

_LEFT = {
    "contribution": "ciphertexts under the trustees' key",
    "masked": "figures under masks, which cancel only in the sum of all that are counted",
    "totals": "a step of a totals round: keys, sealed shares, or figures under masks",
    "pass": "no figures: lets the gateway speak for this node",
    "enrolment": "no figures: the request to be enrolled",
    "rotation": "no figures: the request for a new key",
    "receipt": "no figures: the coordinator's own receipt",
}


def backend_of(plan: Plan) -> Backend:
    """The backend of a plan."""
    return _OF_MODE[plan.mode]


def opened_by(backend: Backend) -> str:
    """Who can open what leaves for a round of this backend."""
    return _OPENED_BY[backend]


def left_as(kind: str) -> str:
    """In what form something is that stands in the egress ledger with this kind."""
    return _LEFT.get(kind, "")
