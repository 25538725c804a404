"""The only way out of the private side: first the egress ledger, then the file in the outbox."""

from __future__ import annotations

from collections.abc import Callable

from enterprise_node.exchange import Envelope, Mailbox
from enterprise_node.private.ledger import EgressLedger
from protocols.signing import SigningKey, VerifyKey


class Outgoing:
    """What the private side sends.

    :param serial: goes into every envelope; raised when everything has to be sent again.
    :param destination: whom it is all for, as the ledger names it.
    :param clock: seconds since 1970-01-01 UTC.
    """

    def __init__(
        self,
        outbox: Mailbox,
        ledger: EgressLedger,
        *,
        serial: int,
        destination: str,
        clock: Callable[[], float],
    ) -> None:
        self._outbox = outbox
        self._ledger = ledger
        self._serial = serial
        self._destination = destination
        self._clock = clock

    def send(
        self,
        key: SigningKey,
        kind: str,
        payload: bytes,
        round_id: str = "",
        next_key: VerifyKey | None = None,
    ) -> bool:
        """Put an envelope into the outbox, unless this very one is there undamaged.

        :param key: signs the ledger's entry.
        :returns: whether anything was written.
        :raises NodeError: nothing was sent then.
        """
        envelope = Envelope(kind, round_id, payload, self._serial)
        if self._outbox.holds(envelope):
            return False
        self._ledger.append(
            key,
            time=int(self._clock()),
            kind=kind,
            round_id=round_id,
            destination=self._destination,
            payload=payload,
            next_key=next_key,
        )
        self._outbox.put(envelope)
        return True

    def standing(self, kind: str, round_id: str = "") -> bytes | None:
        """What of a kind is in the outbox; None if nothing, or damaged."""
        return self._outbox.payload(kind, round_id)

    def withdraw(self, kind: str, round_id: str = "") -> None:
        """Take an envelope back that has served its purpose."""
        self._outbox.withdraw(kind, round_id)
