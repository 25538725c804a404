"""Closing votes as they stand in a transcript: whose, for what, and at which place of a ledger."""

from __future__ import annotations

from protocols.ceremony import Ceremony, Trustee
from protocols.closing import ClosingStatement
from protocols.quorum import open_vote
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode
from trustee.ledger import SeenVote


def read_closing_vote(data: bytes, ceremony: Ceremony) -> tuple[Trustee, SeenVote]:
    """Who cast a closing vote, and what a ledger keeps of it.

    :raises ProtocolError: malformed, or not by a trustee of this ceremony.
    """
    trustee, vote = open_vote(data, "closing", ceremony)
    message = decode(pb.ClosingVote, vote.payload)
    statement = ClosingStatement.from_bytes(message.statement)
    return trustee, SeenVote(statement.plan_hash, statement.hash, message.ledger_head)
