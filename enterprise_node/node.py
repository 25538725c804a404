"""The node: private side and gateway put together. ``cefed node`` and simulations call this.

Order of a run: ask for the round, check everything that is not about values, write down that this
plan is the one of its period, look at the values, encrypt, write the egress ledger, send, check the
receipt, keep it. Whatever fails before the sending leaves nothing behind that matters; whatever
fails after it is repeated with the same bytes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from enterprise_node.errors import NodeUsageError, ReleaseRefused
from enterprise_node.gateway.client import GatewayClient, Outgoing
from enterprise_node.gateway.errors import GatewayError
from enterprise_node.private.intake import OwnMeasures, require_usable
from enterprise_node.private.participation import check_values, examine
from enterprise_node.private.preview import Preview, preview
from enterprise_node.private.published import Document, check_counted, check_release
from enterprise_node.private.store import NodeStore
from enterprise_node.private.submission import prepare, settle
from protocols.errors import ProtocolError
from protocols.signing import SigningKey, VerifyKey
from protocols.terms import Description, Terms
from protocols.transcript import Entry, check_inclusion, open_receipt

TAIL_ENTRIES = 2
TAIL_ENTRIES_PER_TRUSTEE = 8
"""How much of a log's end is read for a release: after the contributions come the closing, the
release, and four kinds of statements by each trustee, here counted twice in case of repetitions."""


@dataclass(frozen=True)
class Submitted:
    """What :meth:`Node.run` did. ``index`` is the place in the round's log."""

    round_id: str
    index: int
    bytes: int
    ciphertexts: int
    already: bool


@dataclass(frozen=True)
class Fetched:
    """A checked release, and what the owner has to know about the own contribution, if anything."""

    document: Document
    warning: str | None


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

    def preview(self, round_id: str) -> Preview:
        """What :meth:`run` would send; asks for the round's description and sends nothing else.

        Whether the own values fit is shown to the owner and to nobody else, so a preview binds the
        node to no plan.
        """
        own = self._usable()
        with self._gateway() as gateway:
            accepted = self._examined(gateway, round_id, own)
        check_values(accepted.plan, own)
        held_against = self._store.commitments.reason_against(accepted.plan)
        return preview(accepted, own, self._key, self._address, held_against)

    def run(self, round_id: str, *, replace_plan: bool = False) -> Submitted:
        """Take part in a round: check, encrypt, send, keep the receipt. May be repeated.

        :param replace_plan: the owner accepts this plan in the place of the period's earlier one.
        :raises NodeError: own data or the plan refused; nothing was sent.
        :raises GatewayError: the coordinator cannot be reached or refuses.
        """
        own = self._usable()
        with self._gateway() as gateway:
            accepted = self._examined(gateway, round_id, own)
            ciphertexts = len(accepted.layout.labels)
            # From here on it shows at the coordinator what the own values are compared with.
            now = int(self._clock())
            self._store.commitments.commit(accepted.plan, now, replace=replace_plan)
            if self._store.receipt(round_id).exists():
                return Submitted(round_id, -1, 0, ciphertexts, already=True)
            check_values(accepted.plan, own)
            data = prepare(self._store, accepted, own, self._key)
            answer = gateway.submit(round_id, data)
            receipt = settle(self._store, accepted, answer, self._coordinator(), data)
        return Submitted(round_id, receipt.index, len(data), ciphertexts, already=False)

    def fetch_release(self, round_id: str) -> Fetched:
        """Read the end of the round's log, check the release in it, and keep its document.

        A node that holds a receipt also looks whether its contribution stands in the log where it
        was promised, and whether the trustees counted it.

        :raises ReleaseRefused: there is no release, or not one that enough trustees endorsed.
        """
        own = self._usable()
        with self._gateway() as gateway:
            accepted = self._examined(gateway, round_id, own, closed=True)
            plan, ceremony = accepted.plan, accepted.ceremony
            entries = gateway.entries_of(round_id)
            length = TAIL_ENTRIES + TAIL_ENTRIES_PER_TRUSTEE * len(ceremony.trustees)
            read = gateway.read(round_id, max(0, entries - length))
            tail = [(entry.kind, entry.payload) for entry in read]
            document = check_release(tail, plan, ceremony, self._coordinator())
            warning = self._look_for_own(gateway, accepted, tail)
        text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
        self._store.keep(self._store.release(round_id), text.encode("utf-8"))
        return Fetched(document, warning)

    def _look_for_own(
        self, gateway: GatewayClient, accepted: Terms, tail: Sequence[tuple[str, bytes]]
    ) -> str | None:
        """What is wrong with the place of the own contribution; None if nothing is."""
        plan = accepted.plan
        path = self._store.receipt(plan.round_id)
        if not path.exists():
            return "this node holds no receipt for the round: its figures are not in the release"
        try:
            receipt = open_receipt(path.read_bytes(), self._coordinator(), round_id=plan.round_id)
            kept = gateway.read(plan.round_id, receipt.index, most=1)
            check_inclusion(receipt, [Entry(e.index, e.kind, e.payload, e.hash) for e in kept])
            check_counted(tail, plan, accepted.ceremony, receipt)
        except (ProtocolError, ReleaseRefused, GatewayError) as error:
            return str(error)
        return None

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
            settings=self._settings,
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
