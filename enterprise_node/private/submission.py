"""Making a contribution, once for each version: the bytes are kept until the receipt has come.

A node that was interrupted sends the same bytes again; a second contribution of the same version
with fresh randomness would be a second statement of the same member.
"""

from __future__ import annotations

from enterprise_node.private import masking
from enterprise_node.private.intake import OwnMeasures, require_usable
from enterprise_node.private.rounds import RoundFolder
from protocols import contribution
from protocols.errors import TranscriptBroken
from protocols.paillier import encryptor_for
from protocols.signing import SigningKey, VerifyKey
from protocols.terms import MemberTerms
from protocols.transcript import Receipt, read_receipt


def prepare(
    folder: RoundFolder, terms: MemberTerms, own: OwnMeasures, signer: SigningKey, version: int
) -> bytes:
    """The signed contribution of one version: the one that was made already, or a new one.

    :raises IntakeRefused: the own row has findings.
    :raises ContributionRefused: a measure that the plan cannot take.
    """
    require_usable(own)
    waiting = folder.contribution(version)
    if waiting is not None:
        return waiting
    data = contribution.build(
        terms.plan,
        terms.layout,
        own.integers,
        signer,
        encryptor_for(terms.ceremony.key.public),
        category=own.category,
        version=version,
        round_key=masking.round_key(folder, terms.plan, signer, version),
    )
    folder.keep(f"contribution-{version}", data)
    if version > 1:
        folder.drop(f"contribution-{version - 1}")  # it was refused, or has its receipt
    return data


def settle(
    folder: RoundFolder, receipt: bytes, coordinator: VerifyKey
) -> tuple[int, Receipt] | None:
    """Keep a receipt for the waiting version it is for, and drop that version's bytes.

    :returns: the version and the receipt; None if it is one that is kept already.
    :raises ProtocolError: not the coordinator's receipt for a contribution that waits here.
    """
    for kept in folder.receipts():
        if folder.receipt(kept) == receipt:
            folder.drop(f"contribution-{kept}")  # a crash came in between, or nothing is there
            return None
    version = folder.version()
    sent = folder.contribution(version)
    if sent is None:
        raise TranscriptBroken(
            f"a receipt for round {folder.round_id} came, but no contribution of this node waits "
            "for one; was the folder restored from an old backup?"
        )
    checked = read_receipt(receipt, coordinator, sent, round_id=folder.round_id)
    folder.keep(f"receipt-{version}", receipt)
    folder.drop(f"contribution-{version}")
    return version, checked
