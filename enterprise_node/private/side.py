"""The private side of a node: reads the inbox, acts, fills the outbox. It has no network.

:meth:`PrivateSide.step` does everything there is to do and may be stopped at any point: whatever it
decided is in the folder, and the next step goes on with the same bytes. ``cefed node run`` and
simulations call it. SPEC.md section 7.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from enterprise_node.errors import (
    EnvelopeDamaged,
    ExchangeError,
    NodeError,
    NodeStoreError,
    NodeUsageError,
)
from enterprise_node.exchange import IN_KINDS, Envelope, Exchange
from enterprise_node.private import events, identity
from enterprise_node.private.admission import reason_against
from enterprise_node.private.answering import Answering, accept
from enterprise_node.private.arrivals import Arrivals
from enterprise_node.private.events import Event
from enterprise_node.private.intake import OwnMeasures, require_usable
from enterprise_node.private.locking import FolderLock
from enterprise_node.private.outgoing import Outgoing
from enterprise_node.private.participation import check_values
from enterprise_node.private.policy import NodePolicy
from enterprise_node.private.preview import Preview, preview
from enterprise_node.private.repeats import check_repeats
from enterprise_node.private.rounds import Approval, RoundFolder
from enterprise_node.private.store import NodeStore
from enterprise_node.private.totalling import VERSION as TOTALS_VERSION
from enterprise_node.private.totalling import Totalling
from enterprise_node.private.totals_files import TotalsFiles
from enterprise_node.private.totals_preview import TotalsPreview, preview_totals
from enterprise_node.private.totals_terms import accept_totals
from protocols.contribution import MAX_VERSION
from protocols.errors import ProtocolError, StorageError
from protocols.federated.offer import TotalsTerms
from protocols.files import read_limited, replace_file
from protocols.signing import VerifyKey
from protocols.terms import MemberTerms

MAX_SERIAL_BYTES = 20


class PrivateSide:
    """One node's private side over its folder; a context manager that holds the folder's lock.

    :param exchange: the folder shared with the gateway; by default the one of ``node.toml``.
    :param clock: seconds since 1970-01-01 UTC; a parameter for tests.
    """

    def __init__(
        self,
        store: NodeStore,
        exchange: Exchange | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._store = store
        self._exchange = exchange or store.exchange()
        self._clock = clock or time.time
        self._lock = FolderLock(store.folder)

    def __enter__(self) -> PrivateSide:
        """Take the folder.

        :raises NodeUsageError: another process has it.
        :raises NodeStoreError: its ledger does not hold, so that nothing may be signed.
        """
        self._lock.take()
        try:
            self._store.ledger.require_whole(self._store.key().public)
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()

    def step(self) -> list[Event]:
        """Read the inbox, consider every round, fill the outbox; returns what happened.

        :raises NodeError: the folder or the exchange cannot be used; may be repeated later.
        """
        policy = self._store.policy()
        coordinator = policy.coordinator_key
        if coordinator is None:
            return [
                Event(
                    events.WAITING,
                    f"{self._store.policy_path} names no coordinator, so nothing is answered",
                )
            ]
        identity.settle_rotation(self._store, coordinator)
        happened = self._receive(coordinator)
        now = int(self._clock())
        outgoing = self._outgoing(coordinator)
        identity.speak(self._store, self._exchange.outbox, outgoing, coordinator, now)
        answering = Answering(self._store, policy, self._store.key(), outgoing, now)
        totalling = Totalling(self._store, policy, self._store.key(), outgoing, now)
        for folder in self._store.rounds():
            of_totals = TotalsFiles(folder).offer() is not None
            event = totalling.consider(folder) if of_totals else answering.consider(folder)
            if event is not None:
                happened.append(event)
        return happened

    def repeat_everything(self) -> None:
        """Have the next step send everything again: envelopes were lost on their way."""
        text = str(self._serial() + 1)
        replace_file(self._store.folder / "serial", text.encode("ascii"))

    def _receive(self, coordinator: VerifyKey) -> list[Event]:
        inbox = self._exchange.inbox
        taken, damaged = inbox.take()
        happened = [
            Event(
                events.DAMAGED,
                f"{item.name} in the inbox {item.reason}"
                + ("; asked for it again" if item.aside else ""),
            )
            for item in damaged
        ]
        if any(item.aside for item in damaged):
            self.repeat_everything()
        arrivals = Arrivals(self._store, coordinator, self._exchange.outbox)
        for path, envelope in sorted(taken, key=lambda item: _order(item[1])):
            event = _handled(arrivals, envelope)
            if event is not None:
                happened.append(event)
            inbox.done(path)
        return happened

    def _outgoing(self, coordinator: VerifyKey) -> Outgoing:
        return Outgoing(
            self._exchange.outbox,
            self._store.ledger,
            serial=self._serial(),
            destination=coordinator.fingerprint,
            clock=self._clock,
        )

    def _serial(self) -> int:
        path = self._store.folder / "serial"
        if not path.exists():
            return 0
        try:
            return int(read_limited(path, MAX_SERIAL_BYTES))
        except (StorageError, ValueError) as error:
            raise NodeStoreError(f"{path}: damaged; remove it") from error


def preview_round(store: NodeStore, round_id: str, now: int) -> Preview | TotalsPreview:
    """What a contribution to a round would be. Sends nothing; keeps which plan was shown.

    Whether the own values fit is shown to the owner and to nobody else, so a preview binds the node
    to no plan.

    :raises NodeError: the round is unknown, or refused with every reason.
    """
    folder, policy = _known(store, round_id), store.policy()
    own = store.own()
    require_usable(own)
    terms = _accepted(store, policy, folder, own, now)
    check_values(terms.plan, own)
    check_repeats(store, policy, terms.plan, own)
    held_against = store.commitments.reason_against(terms.plan)
    held_against = held_against or reason_against(store, policy, terms.plan)
    seen: Preview | TotalsPreview
    if isinstance(terms, TotalsTerms):
        seen = preview_totals(terms, own, store.key(), held_against)
    else:
        seen = preview(terms, own, store.key(), held_against)
    folder.keep_previewed(seen.plan_hash)
    return seen


def approve_round(
    store: NodeStore,
    round_id: str,
    now: int,
    *,
    correct: bool = False,
    replace_plan: bool = False,
    plan: str | None = None,
) -> MemberTerms | TotalsTerms:
    """Write down that the owner wants this node to contribute; the next step does it.

    :param correct: contribute again, in the place of the contribution that was made already. Its
        plan is the one that was contributed to, since a node takes no other for that round.
    :param replace_plan: accept this plan in the place of the period's earlier one, and beside the
        rounds that it may not follow without the owner's word.
    :param plan: hash of the plan that is meant, hexadecimal; None for the one previewed last.
    :raises NodeError: the round is unknown or refused, or there is nothing to approve.
    """
    folder, policy = _known(store, round_id), store.policy()
    own, digest = store.imported()
    require_usable(own)
    terms = _accepted(store, policy, folder, own, now)
    check_repeats(store, policy, terms.plan, own)
    signed = folder.version()
    if isinstance(terms, TotalsTerms):
        signed = TOTALS_VERSION if store.contributed.of(round_id, TOTALS_VERSION) else 0
        if signed:
            raise NodeUsageError(
                f"this node takes part in round {round_id} already, and figures of a round of "
                "totals cannot be corrected"
            )
    if signed and not correct:
        raise NodeUsageError(
            f"this node has contributed to round {round_id} already; to put its present figures "
            "in the place of those, say --correct"
        )
    if not correct or plan is not None:
        _check_seen(folder, terms.plan.hash, plan)
    if correct and not signed:
        raise NodeUsageError(f"there is no contribution to round {round_id} yet to correct")
    if signed and folder.receipt(signed) is None and folder.refusal() is None:
        raise NodeUsageError(
            f"version {signed} of the contribution to round {round_id} is still on its way; "
            "correct it once its receipt is here"
        )
    if signed >= MAX_VERSION:
        raise NodeUsageError(
            f"round {round_id} has had version {signed} of this contribution, and takes no more"
        )
    folder.approve(Approval(terms.plan.hash.hex(), digest, signed + 1, replace_plan))
    return terms


def _check_seen(folder: RoundFolder, plan_hash: bytes, named: str | None) -> None:
    """Whether the plan is the one that the owner means: a description may change at any time."""
    described = plan_hash.hex()
    meant = folder.previewed() if named is None else named
    if meant is None:
        raise NodeUsageError(
            f"round {folder.round_id} was not looked at yet: cefed node preview DIR --round "
            f"{folder.round_id}"
        )
    if meant.strip().lower() != described:
        raise NodeUsageError(
            f"the coordinator describes round {folder.round_id} by plan {described[:16]} now, not "
            f"by plan {meant[:16]}: look at it again with cefed node preview"
        )


def _known(store: NodeStore, round_id: str) -> RoundFolder:
    """The folder of a round that this node heard of."""
    folder = store.round(round_id)
    if folder.offered() is None and TotalsFiles(folder).offer() is None:
        known = ", ".join(known.round_id for known in store.rounds()[:20]) or "none"
        raise NodeUsageError(
            f"this node has not heard of round {round_id} (it knows: {known}); the gateway brings "
            f"the rounds that it is on the roster of: cefed node run {store.folder}"
        )
    return folder


def _accepted(
    store: NodeStore, policy: NodePolicy, folder: RoundFolder, own: OwnMeasures, now: int
) -> MemberTerms | TotalsTerms:
    """The terms of a known round that keep the whole policy. :raises PlanRefused: they do not."""
    totals = TotalsFiles(folder).offer()
    if totals is not None:
        return accept_totals(store, policy, store.key(), folder, totals, own, now)
    offer = folder.offer()
    if offer is None:
        raise NodeUsageError(f"the description of round {folder.round_id} is gone: run the gateway")
    return accept(store, policy, store.key(), folder, offer, own, now)


def _order(envelope: Envelope) -> tuple[int, str]:
    kinds = IN_KINDS.index(envelope.kind) if envelope.kind in IN_KINDS else len(IN_KINDS)
    return kinds, envelope.subject


def _handled(arrivals: Arrivals, envelope: Envelope) -> Event | None:
    """Handle one envelope; what does not hold is reported, what cannot be kept is raised."""
    try:
        return arrivals.handle(envelope)
    except EnvelopeDamaged as error:
        return Event(events.DAMAGED, f"a {envelope.kind} {error}", envelope.subject)
    except (StorageError, NodeStoreError, ExchangeError):
        raise
    except (ProtocolError, NodeError) as error:
        text = f"a {envelope.kind} from the gateway is not believed: {error}"
        return Event(events.REFUSED, text, envelope.subject)
