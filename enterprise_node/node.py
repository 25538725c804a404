"""The node: private side and gateway put together. ``cefed node`` and simulations call this.

Order of a run: ask for the round, check everything, encrypt, write the egress ledger, send, check
the receipt, keep it. Whatever fails before the sending leaves nothing behind that matters; whatever
fails after it is repeated with the same bytes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from enterprise_node.errors import NodeUsageError
from enterprise_node.gateway.client import GatewayClient, Outgoing
from enterprise_node.private.intake import OwnMeasures, require_usable
from enterprise_node.private.participation import examine
from enterprise_node.private.preview import Preview, preview
from enterprise_node.private.published import Document, check_release
from enterprise_node.private.store import NodeStore, replace_file
from enterprise_node.private.submission import prepare, settle
from protocols.signing import SigningKey, VerifyKey
from protocols.terms import Description, Terms

TAIL_ENTRIES = 40
"""How much of a log's end is read for a release: it, its endorsements and shares come last."""


@dataclass(frozen=True)
class Submitted:
    """What :meth:`Node.run` did. ``index`` is the place in the round's log."""

    round_id: str
    index: int
    bytes: int
    ciphertexts: int
    already: bool


class Node:
    """One enterprise's node over its folder and one coordinator's address."""

    def __init__(
        self, store: NodeStore, address: str, *, clock: Callable[[], float] | None = None
    ) -> None:
        self._store = store
        self._address = address
        self._clock = clock or time.time
        self._settings = store.settings()
        self._key: SigningKey = store.key()

    def accept(self, round_id: str) -> Terms:
        """Ask for a round and check it. :raises PlanRefused: with every reason."""
        with self._gateway() as gateway:
            return self._examined(gateway, round_id, self._usable())

    def preview(self, round_id: str) -> Preview:
        """What :meth:`run` would send; asks for the round's description and sends nothing else."""
        own = self._usable()
        with self._gateway() as gateway:
            accepted = self._examined(gateway, round_id, own)
        return preview(accepted, own, self._key, self._address)

    def run(self, round_id: str) -> Submitted:
        """Take part in a round: check, encrypt, send, keep the receipt. May be repeated.

        :raises NodeError: own data or the plan refused; nothing was sent.
        :raises GatewayError: the coordinator cannot be reached or refuses.
        """
        own = self._usable()
        with self._gateway() as gateway:
            accepted = self._examined(gateway, round_id, own)
            ciphertexts = len(accepted.layout.labels)
            if self._store.receipt(round_id).exists():
                return Submitted(round_id, -1, 0, ciphertexts, already=True)
            data = prepare(self._store, accepted, own, self._key)
            receipt = settle(self._store, gateway.submit(round_id, data), self._coordinator(), data)
        return Submitted(round_id, receipt.index, len(data), ciphertexts, already=False)

    def fetch_release(self, round_id: str) -> Document:
        """Read the end of the round's log, check the release in it, and keep its document."""
        own = self._usable()
        with self._gateway() as gateway:
            accepted = self._examined(gateway, round_id, own, closed=True)
            entries = gateway.entries_of(round_id)
            tail = gateway.read(round_id, max(0, entries - TAIL_ENTRIES))
        document = check_release(
            ((entry.kind, entry.payload) for entry in tail),
            accepted.plan,
            accepted.ceremony,
            self._coordinator(),
        )
        text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
        replace_file(self._store.release(round_id), text.encode("utf-8"))
        return document

    def _usable(self) -> OwnMeasures:
        own = self._store.own()
        require_usable(own)
        return own

    def _coordinator(self) -> VerifyKey:
        if self._settings.coordinator is None:
            raise NodeUsageError(
                "this node knows no coordinator yet; give its key once with --coordinator-key HEX "
                "(the operator prints it with: cefed coordinator init)"
            )
        return self._settings.coordinator

    def _examined(
        self, gateway: GatewayClient, round_id: str, own: OwnMeasures, *, closed: bool = False
    ) -> Terms:
        coordinator = self._coordinator()
        told = gateway.describe(round_id)
        return examine(
            Description(told.plan, told.roster, told.ceremony, told.countersignatures),
            own,
            member=self._key.public,
            coordinator=coordinator,
            limits=self._settings.limits,
            now=None if closed else int(self._clock()),
            round_id=round_id,
        )

    @contextmanager
    def _gateway(self) -> Iterator[GatewayClient]:
        with GatewayClient(self._address, self._record) as gateway:
            yield gateway

    def _record(self, outgoing: Outgoing) -> None:
        self._store.ledger.append(
            time=int(self._clock()),
            round_id=outgoing.round_id,
            kind=outgoing.kind,
            destination=outgoing.destination,
            payload=outgoing.payload,
        )
