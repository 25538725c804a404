"""One sealed step between trustees, "counts" or "classes": own shares out, the others' in, opened.

Any t honest share sets open the aggregates. The first t are tried at once; when they do not fit,
every set's proofs are checked, liars are named and left out, and the step waits for the others.

Only a well-formed share set that a trustee signed for this step and whose proof fails convicts that
trustee. Whatever else arrives in its name may be the relay's doing and is passed over.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from protocols import opening, threshold
from protocols.aggregate import Aggregates
from protocols.ceremony import Trustee
from protocols.errors import InvalidShare, OpeningFailed, ProtocolError
from protocols.sealing import SealingKey
from protocols.secrets import Secret
from protocols.signing import SigningKey, statement_hash
from protocols.terms import Terms
from protocols.threshold import KeyShare, Opened

LOG = logging.getLogger("cefed.trustee")


class Holder(Secret):
    """A trustee in person: its place in the ceremony and its three secrets."""

    __slots__ = ("me", "sealing", "share", "signing")

    def __init__(
        self, me: Trustee, signing: SigningKey, sealing: SealingKey, share: KeyShare
    ) -> None:
        self.me = me
        self.signing = signing
        self.sealing = sealing
        self.share = share


@dataclass(frozen=True)
class Send:
    """To do: hand a sealed envelope to the coordinator for another trustee."""

    phase: str
    recipient: int
    envelope: bytes


class Exchange:
    """The state of one sealed step, from when its labels are known."""

    def __init__(
        self,
        terms: Terms,
        holder: Holder,
        aggregates: Aggregates,
        phase: str,
        basis: bytes,
        labels: tuple[str, ...],
    ) -> None:
        self.opened: dict[str, Opened] | None = None if labels else {}
        self._terms = terms
        self._holder = holder
        self._aggregates = aggregates
        self._phase = phase
        self._basis = basis
        self._labels = labels
        self._sets: dict[int, opening.ShareSet] = {}
        self._liars: set[int] = set()
        self._passed_over: dict[int, bytes] = {}
        self._outgoing: list[Send] = []
        if labels:
            self._make()

    @property
    def outgoing(self) -> list[Send]:
        """Envelopes not yet handed over."""
        return list(self._outgoing)

    def sent(self, action: Send) -> None:
        """Note that an envelope was handed over."""
        self._outgoing = [waiting for waiting in self._outgoing if waiting is not action]

    def receive(self, envelopes: Mapping[int, bytes]) -> None:
        """Take in envelopes by sender; open the aggregates as soon as t sets fit."""
        fresh = False
        for sender, envelope in envelopes.items():
            known = sender in self._sets or sender in self._liars
            if not known and self._passed_over.get(sender) != statement_hash(envelope):
                fresh = self._take(sender, envelope) or fresh
        if fresh and self.opened is None:
            self._open()

    def _make(self) -> None:
        plan, ceremony, holder = self._terms.plan, self._terms.ceremony, self._holder
        data = opening.make_share_set(
            plan,
            ceremony,
            self._aggregates,
            holder.share,
            self._phase,
            self._basis,
            self._labels,
        )
        self._sets[holder.me.index] = self._read(data, holder.me)
        for other in ceremony.trustees:
            if other.index != holder.me.index:
                envelope = opening.seal_shares(
                    data, plan, self._phase, holder.me, other, holder.signing
                )
                self._outgoing.append(Send(self._phase, other.index, envelope))
        self._open()

    def _take(self, sender: int, envelope: bytes) -> bool:
        trustees = self._terms.ceremony.trustees
        if not 1 <= sender <= len(trustees) or sender == self._holder.me.index:
            return False
        other = trustees[sender - 1]
        plan, me = self._terms.plan, self._holder.me
        try:
            data = opening.unseal_shares(
                envelope,
                plan,
                self._phase,
                other,
                me,
                self._holder.sealing,
                most=opening.max_bytes(self._terms.layout, self._terms.ceremony.key.public),
            )
            self._sets[sender] = self._read(data, other)
        except ProtocolError as error:
            self._passed_over[sender] = statement_hash(envelope)
            LOG.debug(
                "round %s: passing over an envelope in the name of %s: %s",
                plan.round_id,
                other.name,
                error,
            )
            return False
        return True

    def _read(self, data: bytes, sender: Trustee) -> opening.ShareSet:
        return opening.read_share_set(
            data, self._terms.plan, self._phase, self._basis, sender, self._labels
        )

    def _open(self) -> None:
        ceremony = self._terms.ceremony
        needed = ceremony.key.threshold
        if len(self._sets) < needed:
            return
        first = list(self._sets.values())[:needed]
        try:
            self.opened = opening.open_all(ceremony, self._aggregates, self._labels, first)
            return
        except (OpeningFailed, InvalidShare) as error:
            LOG.warning("round %s: %s: %s", self._terms.plan.round_id, self._phase, error)
        for index in list(self._sets):
            self._check_proofs(index)
        if len(self._sets) >= needed:
            honest = list(self._sets.values())[:needed]
            self.opened = opening.open_all(ceremony, self._aggregates, self._labels, honest)

    def _check_proofs(self, index: int) -> None:
        key = self._terms.ceremony.key
        try:
            for label, share in self._sets[index].items():
                threshold.verify_share(key, int(self._aggregates.ciphertext(label)), share)
        except InvalidShare as error:
            del self._sets[index]
            self._name_liar(index, str(error))

    def _name_liar(self, index: int, reason: str) -> None:
        self._liars.add(index)
        name = self._terms.ceremony.trustees[index - 1].name
        LOG.error(
            "round %s: OpeningFailed: wrong %s shares from trustee %s, signed by it for this step, "
            "and the proof fails: %s",
            self._terms.plan.round_id,
            self._phase,
            name,
            reason,
        )
