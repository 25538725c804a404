"""What comes in from the gateway, checked and kept. The gateway is believed in nothing.

Every handler may be called again with the same bytes: what is kept already changes nothing.
"""

from __future__ import annotations

import hashlib
import json

from enterprise_node.errors import EnvelopeDamaged, ReleaseRefused
from enterprise_node.exchange import Envelope, Mailbox
from enterprise_node.private import masking, outlook
from enterprise_node.private.events import NOTICE, RECEIPT, REFUSED, RELEASE, Event
from enterprise_node.private.identity import take_certificate
from enterprise_node.private.noticeboard import GatewayNotice, Noticeboard
from enterprise_node.private.participation import read_offer_terms
from enterprise_node.private.published import check_counted, check_release
from enterprise_node.private.rounds import Refusal, RoundFolder, read_offer
from enterprise_node.private.store import NodeStore
from enterprise_node.private.submission import settle
from enterprise_node.private.totals_files import TotalsFiles
from enterprise_node.private.totals_release import take_totals_release
from enterprise_node.private.totals_steps import take_step
from protocols.errors import ContributionRefused, ProtocolError
from protocols.signing import VerifyKey
from protocols.terms import MemberTerms
from protocols.transcript import check_promise, open_receipt
from protocols.wire import service_pb2
from protocols.wire.codec import decode

MAX_ROUNDS = 10_000
"""Rounds that a node keeps; a gateway or coordinator gone wrong could invent them without end."""

ADVICE = (
    "Perhaps this folder was restored from an old backup, or two copies of it are in use. If the "
    "contribution that the coordinator has is right, nothing is to be done. To put the present "
    "figures in its place while the round is open: cefed node approve DIR --round {} --correct"
)


class Arrivals:
    """Handles envelopes from the inbox for one node.

    :param coordinator: the policy's; None if there is no policy, and then nothing is taken that
        needs one.
    :param outbox: what has left, or is about to.
    """

    def __init__(self, store: NodeStore, coordinator: VerifyKey, outbox: Mailbox) -> None:
        self._store = store
        self._outbox = outbox
        self._coordinator = coordinator
        self._noticeboard = Noticeboard(store.notices_path)

    def handle(self, envelope: Envelope) -> Event | None:
        """Check and keep one envelope. None if it brought nothing new.

        :raises ProtocolError: its content does not hold.
        :raises NodeError: likewise; :class:`NodeStoreError` when it could not be kept.
        """
        if envelope.kind == "certificate":
            return take_certificate(self._store, envelope.payload, self._coordinator)
        if envelope.kind == "notice":
            return self._notice(envelope.payload)
        handlers = {
            "round": self._round,
            "receipt": self._receipt,
            "masking": self._masking,
            "totals": self._totals,
            "release": self._release,
        }
        handler = handlers.get(envelope.kind)
        if handler is None:
            raise EnvelopeDamaged(f"a gateway hands in no {envelope.kind!r}")
        return handler(self._store.round(envelope.subject), envelope.payload)

    def _round(self, folder: RoundFolder, payload: bytes) -> Event | None:
        kept = folder.offered()
        if kept == payload:
            return None
        offer = read_offer(payload)
        if kept is None:
            if TotalsFiles(folder).offer() is not None:
                raise EnvelopeDamaged("is the description of a round that is one of totals")
            self._check_room(folder)
        elif folder.version() and read_offer(kept).description != offer.description:
            return Event(
                REFUSED,
                "the coordinator now describes this round differently than when this node "
                "contributed; what came is put away and nothing of it is believed",
                folder.round_id,
            )
        # Before anything is kept: what the coordinator did not sign takes nobody's place.
        read_offer_terms(offer, self._store.policy(), folder.round_id)
        folder.keep("description", payload)
        return None  # what follows from it is said when the round is considered

    def _receipt(self, folder: RoundFolder, payload: bytes) -> Event | None:
        settled = settle(folder, payload, self._coordinator)
        if settled is None:
            return None
        version, receipt = settled
        folder.drop("refusal.json")
        return Event(
            RECEIPT,
            f"version {version} is durable at the coordinator, entry {receipt.index} of the log",
            folder.round_id,
        )

    def _masking(self, folder: RoundFolder, payload: bytes) -> Event | None:
        offer = folder.offer()
        if offer is None or not folder.version():
            raise EnvelopeDamaged("is for a round that this node did not contribute to")
        policy = self._store.policy()
        if folder.release_path.exists() or outlook.cancelled(folder, policy) is not None:
            return None  # nobody waits for it any more, and the secrets for it are gone
        terms = read_offer_terms(offer, policy, folder.round_id)
        standing = self._outbox.payload("masked", folder.round_id)
        return masking.answer(self._store, folder, terms, self._store.key(), payload, standing)

    def _totals(self, folder: RoundFolder, payload: bytes) -> Event | None:
        if folder.offered() is not None:
            raise EnvelopeDamaged("is a step of totals for a round that has trustees")
        self._check_room(folder)
        policy = self._store.policy()
        return take_step(folder, payload, self._coordinator, policy, self._store.contributed)

    def _check_room(self, folder: RoundFolder) -> None:
        """:raises EnvelopeDamaged: this is one round more than a node keeps."""
        if not folder.folder.exists() and len(self._store.rounds()) >= MAX_ROUNDS:
            raise EnvelopeDamaged(f"this node keeps at most {MAX_ROUNDS} rounds")

    def _release(self, folder: RoundFolder, payload: bytes) -> Event | None:
        totals = TotalsFiles(folder).offer()
        if totals is not None:
            return take_totals_release(self._store, folder, totals, payload)
        offer = folder.offer()
        if offer is None:
            raise ReleaseRefused(f"a release of round {folder.round_id}, whose terms never came")
        terms = read_offer_terms(offer, self._store.policy(), folder.round_id)
        outcome = decode(service_pb2.OutcomeReply, payload)
        document = check_release(
            outcome.release, outcome.endorsements, terms.plan, terms.ceremony, self._coordinator
        )
        text = (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode("utf-8")
        warning = self._look_for_own(folder, terms, outcome)
        if folder.release_path.exists() and folder.warning() == warning:
            return None
        if warning is None:
            folder.drop("warning")
        else:
            folder.keep("warning", warning.encode("utf-8"))
        folder.keep(folder.release_path.name, text)
        done = "the release is here and holds; look at it with: cefed node position"
        return Event(RELEASE, f"{done} (WARNING: {warning})" if warning else done, folder.round_id)

    def _look_for_own(
        self, folder: RoundFolder, terms: MemberTerms, outcome: service_pb2.OutcomeReply
    ) -> str | None:
        """What is wrong with the place of the own contribution; None if nothing is."""
        kept = folder.last_receipt()
        if kept is None:
            return "this node holds no receipt for the round: its figures are not in the release"
        try:
            receipt = open_receipt(kept, self._coordinator, round_id=folder.round_id)
            logged, counted = outcome.contribution, outcome.counted
            if logged.index != receipt.index:
                return (
                    f"the gateway brought the release without entry {receipt.index}, which the "
                    "receipt is for; ask for it again: cefed node run DIR --repeat"
                )
            check_promise(receipt, logged.index, logged.payload_hash, logged.entry_hash)
            check_counted(
                outcome.closings,
                terms.plan,
                terms.ceremony,
                receipt,
                counted.place,
                counted.proof,
            )
        except (ProtocolError, ReleaseRefused) as error:
            return str(error)
        return None

    def _notice(self, payload: bytes) -> Event | None:
        notice = GatewayNotice.from_payload(payload)
        text = notice.text
        if notice.about == "refused" and notice.what == "contribution":
            folder = self._store.round(notice.round_id)
            version = folder.version()
            sent = folder.contribution(version)
            if sent is None or hashlib.sha256(sent).hexdigest() != notice.sha256:
                self._noticeboard.add(payload)
                return None  # about bytes that have their receipt, or were replaced
            # Before the notice is noted: once it is, it counts as one that was dealt with.
            refusal = Refusal(version, notice.reason_name, text, notice.time)
            folder.keep_refusal(refusal)
            receipts = folder.receipts()
            if refusal.late and receipts:
                text = f"version {receipts[-1]} counts; version {version} came too late: {text}"
            elif notice.reason_name == ContributionRefused.__name__:
                text = f"{text}. {ADVICE.format(folder.round_id)}"
        if self._noticeboard.add(payload) is None:
            return None
        return Event(NOTICE, f"{notice.about}: {text}", notice.round_id)
