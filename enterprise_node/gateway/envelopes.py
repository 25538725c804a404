"""What a gateway reads of the private side's envelopes, without believing or checking any of it."""

from __future__ import annotations

from enterprise_node.exchange import Envelope
from protocols.errors import MalformedMessage
from protocols.passes import InvalidPass, expiry
from protocols.wire import messages_pb2
from protocols.wire.codec import MAX_SMALL, decode


def deed_of(envelope: Envelope) -> str:
    """What handing in a contribution or a masked vector is remembered as."""
    return f"{envelope.kind} {envelope.subject} {envelope.digest[:16]}"


def newest(envelopes: list[Envelope], kind: str) -> Envelope | None:
    """The envelope of a kind that the private side wrote last, as far as can be told.

    Of several passes, as a medium that was used before leaves them, the one that is valid longest.
    """
    found = [envelope for envelope in envelopes if envelope.kind == kind]
    return max(found, key=lambda envelope: (envelope.serial, _ends(envelope)), default=None)


def _ends(envelope: Envelope) -> int:
    """When a pass ends; 0 for anything else."""
    if envelope.kind != "pass":
        return 0
    try:
        return expiry(envelope.payload)
    except InvalidPass:
        return 0


def index_of(receipt: bytes | None) -> int | None:
    """The place that a receipt names; None without one, or for bytes that are none."""
    if receipt is None:
        return None
    try:
        signed = decode(messages_pb2.Signed, receipt, MAX_SMALL)
        return int(decode(messages_pb2.Receipt, signed.payload, MAX_SMALL).index)
    except MalformedMessage:
        return None
