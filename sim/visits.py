"""What a simulated node does when it is its turn: one visit for each step of its part in a round.

Private side and gateway take turns over the node's own exchange folder, as in a deployment. Nodes
of a ``totals`` round have no gateway that dials: the round's steps are put into their inbox, and
what lies in the outbox is their answer. :mod:`sim.worker` calls this in a process of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from enterprise_node.errors import NodeError, PlanRefused
from enterprise_node.exchange import Envelope, Exchange, Mailbox
from enterprise_node.gateway.client import CoordinatorClient
from enterprise_node.gateway.errors import CoordinatorRefused, CoordinatorUnreachable
from enterprise_node.gateway.relay import Relay
from enterprise_node.private import events
from enterprise_node.private.events import Event
from enterprise_node.private.side import PrivateSide
from enterprise_node.private.store import NodeStore
from sim.faults import CONTRIBUTION, MASKED
from sim.misconduct import Misconduct, stage_of

R = TypeVar("R")

PATIENCE_SECONDS = 600.0
"""For a coordinator that is busy, and for the trustees' votes on the roster."""

LATE_SECONDS = 1.0
"""For a node that comes when the collection has ended: nothing changes any more."""

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0


@dataclass
class Outcome:
    """What a visit came to; ``sent``: bytes of a contribution."""

    sent: int = 0
    gone: bool = False
    reply: bytes = b""


class Metered(Mailbox):
    """A mailbox that counts the bytes of the envelopes put into it."""

    def __init__(self, box: Mailbox, *, durable: bool) -> None:
        super().__init__(box.folder, durable=durable)
        self.bytes = 0

    def put(self, envelope: Envelope, label: str = "") -> None:
        """As :meth:`Mailbox.put`."""
        self.bytes += len(envelope.to_bytes())
        super().put(envelope, label)


class Visit:
    """One node at one step of one round; a context manager that holds the node's folder."""

    def __init__(self, folder: Path, round_id: str) -> None:
        self._store = NodeStore(folder)
        self._round_id = round_id
        self._misconduct = Misconduct(folder, self._store.key)
        self.exchange: Exchange = self._store.exchange()
        self.outbox = Metered(self.exchange.outbox, durable=False)
        self.inbox = Metered(self.exchange.inbox, durable=True)
        self.exchange.outbox, self.exchange.inbox = self.outbox, self.inbox
        self._side = PrivateSide(self._store, self.exchange)

    def __enter__(self) -> Visit:
        self._side.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._side.__exit__(kind, error, trace)

    def contribute(self, client: CoordinatorClient) -> Outcome:
        """Fetch the round, contribute, and take the receipt.

        :raises PlanRefused: the node does not answer this plan.
        :raises CoordinatorRefused: no receipt came, with what was said instead.
        """
        relay = Relay(self.exchange, client)
        self._side.step()
        late = self._misconduct.does("late", CONTRIBUTION)
        patience = LATE_SECONDS if late else PATIENCE_SECONDS
        sent = _patiently(lambda: self._answer(relay), patience)
        self._spoil_contribution()
        report = _patiently(relay.deliver_outbox)
        if self._misconduct.does("duplicate", CONTRIBUTION):
            self._send_again(client)
        happened = [event for event in self._side.step() if event.round_id == self._round_id]
        if not self._store.round(self._round_id).receipts():
            said = report.refused or [event.text for event in happened] or ["no receipt came"]
            raise CoordinatorRefused("; ".join(said))
        return Outcome() if sent is None else Outcome(sent.bytes)

    def mask(self, client: CoordinatorClient) -> Outcome:
        """Take the round's certificate, and send the masked vector.

        :raises NodeError: the node sends none, or the coordinator takes it not.
        """
        if self._misconduct.is_gone(MASKED):
            return Outcome(gone=True)
        relay = Relay(self.exchange, client)
        _patiently(relay.step)
        happened = [event for event in self._side.step() if event.round_id == self._round_id]
        if self.exchange.outbox.get(MASKED, self._round_id) is None:
            text = "; ".join(event.text for event in happened) or "the certificate did not come"
            raise NodeError(f"no masked vector for round {self._round_id}: {text}")
        report = _patiently(relay.step)
        if report.refused:
            raise CoordinatorRefused("; ".join(report.refused))
        return Outcome()

    def fetch(self, client: CoordinatorClient) -> Outcome:
        """Fetch what was published and check it, as every node does in the end.

        :raises NodeError: nothing came that the node believes.
        """
        if self._misconduct.is_gone("release"):
            return Outcome(gone=True)
        relay = Relay(self.exchange, client)
        _patiently(relay.step)
        return self._published(self._side.step())

    def step(self, data: bytes) -> Outcome:
        """Take a step of a totals round, and answer it."""
        at = stage_of(data)
        if self._misconduct.is_gone(at):
            return Outcome(gone=True)
        self.exchange.outbox.withdraw("totals", self._round_id)
        self.inbox.put(Envelope("totals", self._round_id, data))
        happened = [event for event in self._side.step() if event.round_id == self._round_id]
        answer = self.exchange.outbox.get("totals", self._round_id)
        if answer is None:
            text = "; ".join(event.text for event in happened) or "the node said nothing"
            raise PlanRefused(self._round_id, [text])
        reply = self._misconduct.outgoing(at, answer.payload)
        return Outcome(reply=reply or b"", gone=reply is None)

    def take(self, release: bytes) -> Outcome:
        """Check a totals round's release, and keep it."""
        self.inbox.put(Envelope("release", self._round_id, release))
        return self._published(self._side.step())

    def _published(self, happened: list[Event]) -> Outcome:
        if not self._store.round(self._round_id).release_path.exists():
            said = [event.text for event in happened if event.round_id == self._round_id]
            text = "; ".join(said) or "nothing came"
            raise NodeError(f"no release of round {self._round_id}: {text}")
        return Outcome()

    def _answer(self, relay: Relay) -> Event | None:
        """Fetch the round and let the node decide about it.

        :returns: the contribution's event; None if an earlier run of the node made it.
        """
        relay.fetch_round(self._round_id)
        for event in self._side.step():
            if event.round_id != self._round_id:
                continue
            if event.kind == events.CONTRIBUTED:
                return event
            if event.kind == events.WAITING:
                raise CoordinatorUnreachable(event.text)
            if event.kind == events.REFUSED:
                raise PlanRefused(self._round_id, [event.text])
        if not self._store.round(self._round_id).version():
            raise NodeError(f"the node did nothing about round {self._round_id}")
        return None

    def _spoil_contribution(self) -> None:
        """Put what a fault makes of the contribution in its place."""
        made = self.exchange.outbox.get(CONTRIBUTION, self._round_id)
        spoils = any(self._misconduct.does(what, CONTRIBUTION) for what in ("corrupt", "stale"))
        if made is not None and spoils:
            payload = self._misconduct.outgoing(CONTRIBUTION, made.payload)
            if payload is not None:
                self.outbox.put(Envelope(CONTRIBUTION, self._round_id, payload, made.serial))

    def _send_again(self, client: CoordinatorClient) -> None:
        made = self.exchange.outbox.get(CONTRIBUTION, self._round_id)
        bearer = self.exchange.outbox.get("pass")
        if made is not None and bearer is not None:
            client.submit(bearer.payload, self._round_id, made.payload)


def _patiently(call: Callable[[], R], seconds: float = PATIENCE_SECONDS) -> R:
    """Repeat a call for as long as it may help. :raises CoordinatorUnreachable: it did not."""
    until, pause = time.monotonic() + seconds, FIRST_PAUSE_SECONDS
    while True:
        try:
            return call()
        except CoordinatorUnreachable:
            if time.monotonic() + pause > until:
                raise
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
