"""Making a contribution, once: the bytes are kept until the coordinator's receipt has come.

A node that was interrupted sends the same bytes again; a second contribution with fresh randomness
would be a second statement of the same member.
"""

from __future__ import annotations

from enterprise_node.private.intake import OwnMeasures, require_usable
from enterprise_node.private.store import NodeStore
from protocols import contribution
from protocols.errors import ProtocolError
from protocols.paillier import encryptor_for
from protocols.signing import SigningKey, VerifyKey
from protocols.terms import Terms
from protocols.transcript import Receipt, read_receipt


def prepare(store: NodeStore, accepted: Terms, own: OwnMeasures, signer: SigningKey) -> bytes:
    """The signed contribution of this node: the one that waits in the outbox, or a new one.

    :raises IntakeRefused: the own row has findings.
    :raises ContributionRefused: a measure that the plan cannot take.
    """
    require_usable(own)
    waiting = store.pending(accepted.plan.round_id)
    if waiting.exists():
        data = waiting.read_bytes()
        if _is_for(data, accepted):
            return data
    data = contribution.build(
        accepted.plan,
        accepted.layout,
        own.integers,
        signer,
        encryptor_for(accepted.ceremony.key.public),
    )
    store.keep(waiting, data)
    return data


def settle(
    store: NodeStore, accepted: Terms, receipt: bytes, coordinator: VerifyKey, sent: bytes
) -> Receipt:
    """Check the receipt, keep it, and drop the contribution that waited for it.

    :raises ProtocolError: the receipt is not the pinned coordinator's, or not for these bytes in
        this round.
    """
    round_id = accepted.plan.round_id
    checked = read_receipt(receipt, coordinator, sent, round_id=round_id)
    store.keep(store.receipt(round_id), receipt)
    store.pending(round_id).unlink(missing_ok=True)
    return checked


def _is_for(data: bytes, accepted: Terms) -> bool:
    try:
        contribution.read(
            data,
            accepted.plan,
            accepted.layout,
            accepted.roster,
            accepted.ceremony.key.public,
        )
    except ProtocolError:
        return False
    return True
